//! All spawn sites.
//!
//! ```text
//! ╭ Spawn sites  3 ──────────────────────────────────────────────────────────────╮
//! │Spawned at              Alive  Polls   Busy▼  Share    Mean   Delay Panic     │
//! │server.rs:112              20  81.2k   3.40s    99%  41.9µs   1.20s     0     │
//! │ Enter its tasks  ←→ sort by column  i invert                                 │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::table::Table;
use crate::format;
use crate::state::State;
use crate::state::model::SpawnSite;
use crate::state::sites::{COLUMNS, SiteColumn as C, sorted};
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let view = &state.sites;
    let runtime = state.shown_runtime();
    let sites = runtime.map(|runtime| sorted(view, runtime));
    let nothing = match runtime {
        Some(_) => "nothing has been spawned",
        None => "waiting for the first update…",
    };
    let sites = sites.unwrap_or_default();
    let busy_ns = sites
        .iter()
        .fold(0u64, |sum, site| sum.saturating_add(site.busy_ns));
    Table {
        title: format!("Spawn sites  {}", format::count(sites.len() as u64)),
        columns: &COLUMNS,
        sort: view.sort,
        ascending: view.ascending,
        rows: sites.len(),
        selected: view.selected,
        top: view.top,
        nothing,
        hint: "its tasks",
    }
    .render(theme, area, buffer, |row, column, width| {
        match sites.get(row) {
            Some(site) => cell(site, busy_ns, column, width, theme),
            None => Default::default(),
        }
    });
}

fn cell(
    site: &SpawnSite,
    all_busy_ns: u64,
    column: C,
    width: usize,
    theme: Theme,
) -> (String, Style) {
    let text = theme.style(Role::Text);
    // Most sites have none: what is not zero is to be seen.
    let count_of_bad = |n: u64, role| {
        let role = if n == 0 { Role::Dim } else { role };
        (format::count(n), theme.style(role))
    };
    match column {
        C::Location => (site.location.fitted(width), theme.style(Role::Location)),
        C::Alive => (format::count(site.alive), text),
        C::Spawned => (format::count(site.spawned), theme.style(Role::Dim)),
        C::Polls => (format::count(site.polls), text),
        C::Busy => (format::duration(site.busy_ns), theme.style(Role::Busy)),
        C::Share => (
            format::percent(format::share(site.busy_ns, all_busy_ns)),
            text,
        ),
        // Jobs of the blocking pool are not polled.
        C::MeanPoll if site.polls == 0 => ("-".into(), theme.style(Role::Dim)),
        C::MeanPoll => (format::duration(site.mean_poll_ns()), text),
        C::Scheduled => (
            format::duration(site.scheduled_ns),
            theme.style(Role::Scheduled),
        ),
        C::SlowPoll if site.poll_time.count == 0 => ("-".into(), theme.style(Role::Dim)),
        C::SlowPoll => (format::duration(site.slow_poll_ns()), text),
        C::LongestPoll => (format::duration(site.longest_poll_ns), text),
        C::DelayedOthers if site.delayed_others_ns == 0 => ("0".into(), theme.style(Role::Dim)),
        C::DelayedOthers => (
            format::duration(site.delayed_others_ns),
            theme.style(Role::Warn),
        ),
        C::FutureBytes => (format::bytes(site.future_bytes), theme.style(Role::Dim)),
        C::Panicked => count_of_bad(site.panicked, Role::Bad),
        C::Cancelled => count_of_bad(site.cancelled, Role::Warn),
    }
}
