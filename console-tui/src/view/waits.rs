//! Who waits for whom: chains, circles first.
//!
//! ```text
//! ╭ Waits  1 circle among 3 chains ──────────────────────────────────────────────╮
//! │▼Waited Task                      Waits for        Awaits at     Took it at    │
//! │  9.00s #2 orders                 mutex lock       orders.rs:60                │
//! │  9.00s └ held by #3 orders-wait… mutex lock       orders.rs:73  orders.rs:71  │
//! │        └ held by #2 again: a circle, none of these tasks can go on            │
//! │  2.00s #12 conn                  mpsc send 8/8    server.rs:121               │
//! │  40ms  └ receiver #14 conn       polled on worker 0                           │
//! │ Enter the task  o who else waits  ←→ sort by column  i invert                 │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::table::{header, hints, separate};
use super::widgets::{panel, placeholder, put, stale};
use crate::action::Command;
use crate::format;
use crate::state::State;
use crate::state::columns::{Fitted, fit};
use crate::state::model::{LinkHolder, Location, Role as HolderRole, TaskState, WaitLink};
use crate::state::waits::{COLUMNS, ChainLine, Part, WaitColumn as C, lines};
use crate::state::world::Runtime;
use crate::theme::{Role, Theme};

/// Cells of a place within a line of text: no more than folder, file and line.
const SHORT: usize = 20;

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let view = &state.waits;
    let Some(runtime) = state.shown_runtime() else {
        let inner = panel("Waits", theme, area, buffer);
        placeholder("waiting for the first update…", theme, inner, buffer);
        return;
    };
    let inner = panel(&title(runtime), theme, area, buffer);
    let columns = fit(&COLUMNS, inner.width);
    let titles = header(&columns, view.sort, view.ascending, theme);
    put(0, titles, inner, buffer);
    let lines = lines(view, runtime);
    if lines.is_empty() {
        placeholder(nothing(state, runtime), theme, inner, buffer);
    }
    let hint_row = usize::from(inner.height.saturating_sub(1));
    let shown = lines.iter().enumerate().skip(view.top);
    for (row, (at, line)) in shown.take(hint_row.saturating_sub(1)).enumerate() {
        let drawn = draw(*line, runtime, &columns, theme);
        let drawn = if at == view.selected {
            drawn.style(theme.style(Role::Selected))
        } else {
            drawn
        };
        put(row + 1, drawn, inner, buffer);
    }
    if hint_row > 0 {
        let line = hints(
            &[
                (Command::Open, "the task"),
                (Command::OpenResource, "who else waits"),
            ],
            theme,
        );
        put(hint_row, line, inner, buffer);
    }
}

/// Why there is no chain.
fn nothing(state: &State, runtime: &Runtime) -> &'static str {
    let is_known = runtime.wait_chains_in_all.is_some() || state.resources_known;
    match (is_known, state.replay, state.paused()) {
        (true, ..) => "no task waits for anything that another task holds",
        (false, true, _) => "who waits for whom was not recorded",
        (false, false, true) => "not asked for before the pause",
        (false, false, false) => "asking who waits for whom…",
    }
}

/// Says that there are more tasks that wait than the server looks at, if so.
pub(super) fn left_off(runtime: &Runtime) -> String {
    match runtime.waits_left_off {
        0 => String::new(),
        n => format!(", {} more tasks wait", format::count(n)),
    }
}

fn title(runtime: &Runtime) -> String {
    let shown = runtime.wait_chains.len() as u64;
    let in_all = runtime.wait_chains_in_all.unwrap_or(shown).max(shown);
    let circles = runtime.wait_chains.iter().filter(|c| c.circle).count();
    let plural = |n: u64, what: &str| match n {
        1 => format!("1 {what}"),
        n => format!("{} {what}s", format::count(n)),
    };
    let chains = if in_all > shown {
        format!("the first {shown} of {} chains", format::count(in_all))
    } else {
        plural(shown, "chain")
    };
    let circles = match circles as u64 {
        0 => String::new(),
        n => format!("{} among ", plural(n, "circle")),
    };
    let text = if shown == 0 {
        String::new()
    } else {
        format!("  {circles}{chains}")
    };
    format!("Waits{text}{}{}", left_off(runtime), stale(runtime))
}

fn draw(
    line: ChainLine<'_>,
    runtime: &Runtime,
    columns: &[Fitted<C, C>],
    theme: Theme,
) -> Line<'static> {
    let Some(part) = line.part() else {
        return Line::default();
    };
    let (link, holder) = match part {
        Part::Task { link, holder } => (link, holder),
        end => return last(end, columns, theme),
    };
    let mut spans = Vec::new();
    for (info, width) in columns {
        separate(&mut spans);
        let width = usize::from(*width);
        let (text, style) = match info.column {
            C::Task => task(link, holder, line.chain.circle, theme),
            C::Waiters if line.is_first() => {
                (format::count(line.chain.waiters), theme.style(Role::Text))
            }
            C::TakenAt => place(holder.and_then(|h| h.held_at.as_ref()), width, theme),
            column => cell(link, runtime, column, width, theme),
        };
        let text = if info.right_aligned {
            format::right(&text, width)
        } else {
            format::left(&text, width)
        };
        spans.push(Span::styled(text, style));
    }
    Line::from(spans)
}

/// What comes after the last task, from the column of tasks to the end of the line.
fn last(part: Part<'_>, columns: &[Fitted<C, C>], theme: Theme) -> Line<'static> {
    let before = columns
        .iter()
        .take_while(|(info, _)| info.column != C::Task);
    let gap: usize = before.map(|(_, width)| usize::from(*width) + 1).sum();
    let (text, role) = match part {
        Part::Circle { first } => (
            format!(
                "└ held by {} again: a circle, none of these tasks can go on",
                who(first)
            ),
            Role::Bad,
        ),
        Part::Elsewhere { holder } => (elsewhere(holder), Role::Warn),
        Part::Task { .. } => return Line::default(),
    };
    Line::from(vec![
        Span::raw(" ".repeat(gap)),
        Span::styled(text, theme.style(role)),
    ])
}

fn elsewhere(holder: &LinkHolder) -> String {
    let at = holder
        .held_at
        .as_ref()
        .map(|at| format!(" at {}", at.fitted(SHORT)));
    let what = if holder.gone {
        ", over or in another runtime"
    } else {
        ", and so on"
    };
    format!(
        "└ {} #{}{}{what}",
        relation(holder.role),
        holder.task,
        at.unwrap_or_default()
    )
}

/// What a task has to do with the line above it.
fn relation(role: HolderRole) -> &'static str {
    match role {
        HolderRole::Unknown => "then",
        HolderRole::Holds => "held by",
        HolderRole::Joined => "joins",
        HolderRole::Receives => "receiver",
        HolderRole::Acquired => "acquired by",
    }
}

/// Its id, and the name that it has or the place where it was spawned.
fn who(link: &WaitLink) -> String {
    match link.task_name.as_str() {
        "" => format!("#{} {}", link.task, link.spawned_at.fitted(SHORT)),
        name => format!("#{} {name}", link.task),
    }
}

fn task(
    link: &WaitLink,
    holder: Option<&LinkHolder>,
    circle: bool,
    theme: Theme,
) -> (String, Style) {
    let text = match holder {
        Some(holder) => format!("└ {} {}", relation(holder.role), who(link)),
        None => who(link),
    };
    let role = if circle { Role::Bad } else { Role::Text };
    (text, theme.style(role))
}

/// Whether the task's state says more than a wait that may be of before.
fn runs(link: &WaitLink) -> bool {
    let leads_on = link.wait.as_ref().is_some_and(|wait| wait.holder.is_some());
    !leads_on && link.state != TaskState::Idle
}

fn cell(
    link: &WaitLink,
    runtime: &Runtime,
    column: C,
    width: usize,
    theme: Theme,
) -> (String, Style) {
    let wait = link.wait.as_ref().filter(|_| !runs(link));
    match column {
        C::Waited => {
            let since_ns = wait.map_or(link.state_since_ns, |wait| wait.since_ns);
            let age = format::duration(runtime.age_in_row_ns(since_ns));
            (age, theme.style(Role::Text))
        }
        C::WaitsFor => match wait {
            Some(wait) => (wait.what(), theme.style(Role::Wait)),
            None => (does(link), theme.task_state(link.state)),
        },
        C::AwaitsAt => place(wait.and_then(|w| w.location.as_ref()), width, theme),
        C::MadeAt => place(wait.and_then(|w| w.created_at.as_ref()), width, theme),
        C::Task | C::TakenAt | C::Waiters => Default::default(),
    }
}

/// What a task does that waits for nothing known.
fn does(link: &WaitLink) -> String {
    match (link.state, link.worker) {
        (TaskState::Busy, Some(worker)) => format!("polled on worker {worker}"),
        (TaskState::Busy, None) => "being polled".into(),
        (TaskState::Scheduled, _) => "woken, queued".into(),
        (TaskState::Done, _) => "is over".into(),
        (TaskState::Idle | TaskState::Unknown, _) => "nothing known".into(),
    }
}

fn place(location: Option<&Location>, width: usize, theme: Theme) -> (String, Style) {
    let text = location.map_or_else(String::new, |at| at.fitted(width));
    (text, theme.style(Role::Location))
}
