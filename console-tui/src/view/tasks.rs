//! The task table.
//!
//! ```text
//! ╭ Tasks  1-18 of 42 ───────────────────────────────────────────────────────────╮
//! │!     ID State Name           Total▼    Busy  Polls Location     Waits for     │
//! │      12 idle  conn           12.3s   4.5ms    812 src/…rs:31:9  tcp read 3ms  │
//! │ / filter  ←→ sort  i invert  Enter details                                    │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```
//!
//! As a tree, the names are indented below that of the task that spawned them, as far as both are in
//! the window that the server has sent.
//!
//! Columns come from `state::columns`; narrow screens drop some. Locations are cut in the middle.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::filter_line;
use super::table::{header, separate};
use super::widgets::{panel, placeholder, put, stale};
use crate::format;
use crate::state::columns::{self, Column, ColumnInfo};
use crate::state::lints::{self, Limits};
use crate::state::model::{Location, Task, TaskState};
use crate::state::world::Runtime;
use crate::state::{State, tasks::TasksView};
use crate::theme::{Role, Theme};

type Columns = [(&'static ColumnInfo, u16)];

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height.saturating_sub(4)).max(1);
    let runtime = state.shown_runtime();
    let inner = panel(&title(&state.tasks, runtime, rows), theme, area, buffer);
    let columns = columns::fit(state.task_columns(), inner.width);
    let view = &state.tasks;
    let limits = &state.settings.limits;
    let titles = header(&columns, view.sort, view.ascending, theme);
    put(0, titles, inner, buffer);
    let filter_row = usize::from(inner.height.saturating_sub(1));
    match runtime {
        Some(runtime) if runtime.tasks.matching > 0 => {
            let shown = filter_row.saturating_sub(1).min(rows);
            let mut places = Places::default();
            for row in 0..shown {
                let at = state.tasks.top.saturating_add(row);
                if at >= runtime.tasks.matching {
                    break;
                }
                let selected = at == state.tasks.selected;
                let target = Rect {
                    height: inner.height.saturating_sub(1),
                    ..inner
                };
                put(
                    row + 1,
                    task_line(runtime, at, limits, &columns, selected, theme, &mut places),
                    target,
                    buffer,
                );
            }
        }
        Some(runtime) if runtime.rows_age_ns() != Some(0) => {
            placeholder("waiting for the tasks…", theme, inner, buffer);
        }
        Some(runtime) if runtime.tasks.not_recorded > 0 => {
            placeholder("the tasks were not recorded then", theme, inner, buffer);
        }
        Some(_) if state.tasks.filtered() => {
            placeholder("no task matches the filter", theme, inner, buffer)
        }
        Some(_) => placeholder("no tasks", theme, inner, buffer),
        None => placeholder("waiting for the first update…", theme, inner, buffer),
    }
    if filter_row > 0 {
        let room = usize::from(inner.width);
        put(
            filter_row,
            filter_line::line(view, room, theme),
            inner,
            buffer,
        );
    }
    filter_line::hint(view, theme, area, buffer);
}

fn title(view: &TasksView, runtime: Option<&Runtime>, rows: usize) -> String {
    let Some(runtime) = runtime.filter(|runtime| runtime.tasks.matching > 0) else {
        return "Tasks".into();
    };
    let matching = runtime.tasks.matching;
    let last = view.top.saturating_add(rows).min(matching);
    let of = if view.filtered() { " matching" } else { "" };
    let not_recorded = match runtime.tasks.not_recorded {
        0 => String::new(),
        n => format!(", {} more not recorded", format::count(n as u64)),
    };
    format!(
        "Tasks  {}-{last} of {}{of}{not_recorded}{}",
        view.top.saturating_add(1),
        format::count(matching as u64),
        stale(runtime)
    )
}

/// Locations as they fit: many rows have the same, and to find out takes longer than the rest of a row.
#[derive(Default)]
struct Places<'a> {
    known: Vec<(&'a Location, usize, String)>,
}

impl<'a> Places<'a> {
    fn fitted(&mut self, location: &'a Location, cells: usize) -> &str {
        let mut known = self.known.iter();
        let at = known.position(|(of, width, _)| *width == cells && *of == location);
        let at = at.unwrap_or_else(|| {
            self.known.push((location, cells, location.fitted(cells)));
            self.known.len() - 1
        });
        &self.known[at].2
    }
}

fn task_line<'a>(
    runtime: &'a Runtime,
    at: usize,
    limits: &Limits,
    columns: &Columns,
    selected: bool,
    theme: Theme,
    places: &mut Places<'a>,
) -> Line<'static> {
    let depth = runtime.tasks.depth_at(at);
    let task = runtime.tasks.id_at(at).and_then(|id| runtime.tasks.get(id));
    let mut spans = Vec::with_capacity(2 * columns.len());
    match task {
        Some(task) => {
            for (info, width) in columns {
                separate(&mut spans);
                let width = usize::from(*width);
                let (text, style) = match (info.column, depth) {
                    (Column::Name, Some(depth)) => branch(task, depth, width, theme),
                    (column, _) => cell(task, runtime, limits, column, width, theme, places),
                };
                spans.push(Span::styled(text, style));
            }
        }
        None => spans.push(Span::styled("  …", theme.style(Role::Dim))),
    }
    let line = Line::from(spans);
    if selected {
        line.style(theme.style(Role::Selected))
    } else {
        line
    }
}

/// The name in a tree, below that of the parent, with the number of children.
fn branch(task: &Task, depth: u16, width: usize, theme: Theme) -> (String, Style) {
    let indent = match usize::from(depth) {
        0 => String::new(),
        depth => format!("{}└", " ".repeat((depth - 1).min(width / 2))),
    };
    let name = if task.name.is_empty() {
        "-"
    } else {
        &task.name
    };
    let children = match task.children.count {
        0 => String::new(),
        n => format!(" ({})", format::count(n)),
    };
    let room = width.saturating_sub(format::width(&indent) + format::width(&children));
    let text = format!("{indent}{}{children}", format::truncate_end(name, room));
    let role = if task.name.is_empty() {
        Role::Dim
    } else {
        Role::Text
    };
    (format::left(&text, width), theme.style(role))
}

fn cell<'a>(
    task: &'a Task,
    runtime: &Runtime,
    limits: &Limits,
    column: Column,
    width: usize,
    theme: Theme,
    places: &mut Places<'a>,
) -> (String, Style) {
    let number = |text: String| format::right(&text, width);
    let plain = theme.style(Role::Text);
    match column {
        Column::Warn => {
            let warnings = lints::warnings(task, runtime.rows_at_ns(), limits).len();
            let text = if warnings == 0 {
                String::new()
            } else {
                warnings.to_string()
            };
            (format::left(&text, width), theme.style(Role::Bad))
        }
        Column::Id => (number(task.id.to_string()), theme.style(Role::Dim)),
        Column::State => (
            format::left(short_state(task.state), width),
            theme.task_state(task.state),
        ),
        Column::Name if task.name.is_empty() => (format::left("-", width), theme.style(Role::Dim)),
        Column::Name => (format::left(&task.name, width), plain),
        Column::Total => (number(format::duration(task.total_ns())), plain),
        Column::Busy => (number(format::duration(task.busy_ns)), plain),
        Column::Scheduled => (number(format::duration(task.scheduled_ns)), plain),
        Column::Idle => (
            number(format::duration(task.idle_ns)),
            theme.style(Role::Dim),
        ),
        Column::Polls => (number(format::count(task.polls)), plain),
        Column::Kind => (
            format::left(task.kind.as_str(), width),
            theme.style(Role::Dim),
        ),
        Column::Location => (
            format::left(places.fitted(&task.location, width), width),
            theme.style(Role::Location),
        ),
        Column::WaitsFor => (
            waits_for(task, runtime, width, places),
            theme.style(Role::Wait),
        ),
        Column::Fields => (format::left(&fields(task), width), theme.style(Role::Dim)),
        Column::Worker => (
            number(task.worker.map_or("-".into(), |w| w.to_string())),
            plain,
        ),
        Column::Parent => (
            number(task.parent.map_or("-".into(), |id| id.to_string())),
            theme.style(Role::Dim),
        ),
        Column::Since => (
            number(format::duration(runtime.age_in_row_ns(task.state_since_ns))),
            plain,
        ),
        Column::Longest => (number(format::duration(task.longest_poll_ns)), plain),
        Column::Wakes => (number(format::count(task.wakes)), plain),
    }
}

/// Its spans, then their fields.
fn fields(task: &Task) -> String {
    let fields = format::fields(&task.fields);
    let spans = fields.strip_prefix("span=").map(str::to_owned);
    spans.unwrap_or(fields)
}

fn short_state(state: TaskState) -> &'static str {
    match state {
        TaskState::Scheduled => "sched",
        TaskState::Unknown => "?",
        other => other.as_str(),
    }
}

/// The wait in as many words as fit: always what, then since when, then where.
fn waits_for<'a>(
    task: &'a Task,
    runtime: &Runtime,
    width: usize,
    places: &mut Places<'a>,
) -> String {
    let Some(wait) = task.waits_for() else {
        return format::left("", width);
    };
    let what = wait.what();
    let age = format::duration(runtime.age_in_row_ns(wait.since_ns));
    let more = match task.waits.iter().filter(|wait| wait.current).count() {
        0 | 1 => String::new(),
        n => format!(" +{}", n - 1),
    };
    let suffix = format!(" {age}{more}");
    let free = width.saturating_sub(format::width(&suffix));
    if free < 6 {
        return format::left(&what, width);
    }
    let mut text = format::truncate_end(&what, free) + &suffix;
    if let Some(location) = &wait.location {
        let spare = width.saturating_sub(format::width(&text) + 1);
        if spare >= 10 {
            text = format!("{text} {}", places.fitted(location, spare));
        }
    }
    format::left(&text, width)
}
