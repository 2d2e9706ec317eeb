//! The screen as a function of the state.
//!
//! ```text
//!  zokio  w Workers  t Tasks  d Diagnosis  ? Help …       demo 1/2   tabs
//! ╭ panel ───────────────────────────────────────────────────────╮
//! │ one of: workers, tasks, detail, sites, resources, waits, pool,│
//! │ cost, timeline, diagnosis, help                              │
//! ╰──────────────────────────────────────────────────────────────╯
//!  ● connected http://127.0.0.1:6669 …  lag 0ms         12:34:56Z   status
//! ```
//!
//! Any state can be drawn at any size: what does not fit is left out, nothing panics.

mod cost;
mod detail;
mod filter_line;
mod findings;
mod help;
mod log;
mod menu;
mod pool;
mod resources;
mod sites;
mod status;
mod table;
mod tabs;
pub(crate) mod targets;
mod tasks;
#[cfg(test)]
mod tests;
mod timeline;
mod waits;
mod widgets;
mod workers;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::state::{Screen, State};
use crate::theme::Theme;

/// Draws the whole screen.
pub(crate) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let [top, main, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    tabs::render(state, theme, top, buffer);
    match (state.help, state.screen) {
        (Some(first), _) => help::render(first, theme, main, buffer),
        (None, Screen::Workers) => workers::render(state, theme, main, buffer),
        (None, Screen::Tasks) => tasks::render(state, theme, main, buffer),
        (None, Screen::Findings) => findings::render(state, theme, main, buffer),
        (None, Screen::Detail) => detail::render(state, theme, main, buffer),
        (None, Screen::Sites) => sites::render(state, theme, main, buffer),
        (None, Screen::Resources) => resources::render(state, theme, main, buffer),
        (None, Screen::Resource) => resources::render_one(state, theme, main, buffer),
        (None, Screen::Waits) => waits::render(state, theme, main, buffer),
        (None, Screen::Pool) => pool::render(state, theme, main, buffer),
        (None, Screen::Timeline) => timeline::render(state, theme, main, buffer),
        (None, Screen::Log) => log::render(state, theme, main, buffer),
        (None, Screen::Cost) => cost::render(state, theme, main, buffer),
    }
    if let (Some(menu), None) = (state.menu, state.help) {
        menu::render(state, menu, theme, main, buffer);
    }
    status::render(state, theme, bottom, buffer);
    theme.finish(buffer);
}
