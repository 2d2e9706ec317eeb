//! What tasks wait for, and who waits for one of these things.
//!
//! ```text
//! ╭ Resources  5 that 31 tasks wait for ─────────────────────────────────────────╮
//! │Kind       Operation   Resource Waiters▼  Oldest Longest waiter  Waits at     │
//! │mutex      lock             #7f        3   9.00s #3 orders-wa…   orders.rs:73 │
//! │ Enter its waiters  ←→ sort by column  i invert                               │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```
//!
//! One of them:
//!
//! ```text
//! ╭ mutex #7f  3 waiters, the longest first ─────────────────────────────────────╮
//! │   #        Task Name             Operation      Waits                        │
//! │   1           3 orders-waiter    lock           9.00s                        │
//! │ Enter the task  Esc back                                                     │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::table::Table;
use super::waits::left_off;
use super::widgets::{pair, panel, placeholder, put, stale};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::State;
use crate::state::model::{Resource, ResourceKey, Waiter};
use crate::state::resources::{COLUMNS, OpenResource, ResourceColumn as C, sorted};
use crate::state::world::Runtime;
use crate::theme::{Role, Theme};

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let view = &state.resources;
    let runtime = state.shown_runtime();
    let resources = runtime.map(|runtime| sorted(view, runtime));
    let resources = resources.unwrap_or_default();
    let nothing = match runtime {
        None => "waiting for the first update…",
        Some(_) if state.resources_known => "no task waits for anything that zokio knows of",
        Some(_) if state.paused() => "not asked for before the pause",
        Some(_) => "asking for them…",
    };
    Table {
        title: title(runtime, &resources),
        columns: &COLUMNS,
        sort: view.sort,
        ascending: view.ascending,
        rows: resources.len(),
        selected: view.selected,
        top: view.top,
        nothing,
        hint: "its waiters",
    }
    .render(theme, area, buffer, |row, column, width| {
        match (resources.get(row), runtime) {
            (Some(resource), Some(runtime)) => cell(resource, runtime, column, width, theme),
            _ => Default::default(),
        }
    });
}

fn title(runtime: Option<&Runtime>, resources: &[&Resource]) -> String {
    let in_all = runtime.map_or(0, |runtime| runtime.waited_resources);
    let shown = resources.len() as u64;
    let title = if in_all > shown {
        format!(
            "Resources  the {} with the most waiters of {}",
            format::count(shown),
            format::count(in_all)
        )
    } else {
        format!("Resources  {}", format::count(shown))
    };
    let rest = |runtime: &Runtime| left_off(runtime) + &stale(runtime);
    title + &runtime.map_or(String::new(), rest)
}

/// Widest column of names.
const MAX_NAME: usize = 40;

/// Cells for the mark of a wait that its task does not touch any more.
const LEFT_OVER: usize = 11;

/// The identity as people can tell it from others; `-` for what has none.
fn id(key: &ResourceKey) -> String {
    match key.id {
        0 => "-".into(),
        id => format!("#{id:x}"),
    }
}

fn cell(
    resource: &Resource,
    runtime: &Runtime,
    column: C,
    width: usize,
    theme: Theme,
) -> (String, Style) {
    let text = theme.style(Role::Text);
    match column {
        C::Kind => (resource.key.kind.clone(), theme.style(Role::Wait)),
        C::Operation => (resource.operation.clone(), text),
        C::Id => (
            format::truncate_middle(&id(&resource.key), width),
            theme.style(Role::Dim),
        ),
        C::Waiters => (format::count(resource.waiters), text),
        C::Oldest => (
            format::duration(runtime.age_in_row_ns(resource.oldest_since_ns)),
            text,
        ),
        C::First => match resource.first_waiters.first() {
            Some(waiter) => (format!("#{} {}", waiter.task, waiter.task_name), text),
            None => ("-".into(), theme.style(Role::Dim)),
        },
        C::Taken => (resource.taken(), text),
        C::Holder => match resource.holding() {
            Some((task, true)) => (format!("#{task}"), theme.style(Role::Bad)),
            Some((task, false)) => (format!("#{task}?"), theme.style(Role::Warn)),
            None => (String::new(), text),
        },
        C::CreatedAt => {
            let place = resource.created_at.as_ref();
            let text = place.map_or(String::new(), |place| place.fitted(width));
            (text, theme.style(Role::Location))
        }
        C::Location => {
            let place = resource.location.as_ref();
            (
                place.map_or("-".into(), |location| location.fitted(width)),
                theme.style(Role::Location),
            )
        }
    }
}

/// One resource: who waits for it, in order.
pub(super) fn render_one(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(open) = &state.resource else {
        placeholder("no resource chosen", theme, area, buffer);
        return;
    };
    let room = usize::from(area.width.saturating_sub(4));
    let title = format::truncate_end(&one_title(open), room);
    let inner = panel(&title, theme, area, buffer);
    let names = usize::from(inner.width).saturating_sub(4 + 12 + 12 + 8 + 4 + LEFT_OVER);
    put(
        0,
        Span::styled(
            format!(
                "{} {} {} {} {}",
                format::right("#", 4),
                format::right("Task", 12),
                format::left("Name", names.min(MAX_NAME)),
                format::left("Operation", 12),
                format::right("Waits", 8)
            ),
            theme.style(Role::Label),
        ),
        inner,
        buffer,
    );
    let last = usize::from(inner.height.saturating_sub(1));
    let room = usize::from(inner.width);
    let facts = match open.facts_height(last.saturating_sub(1)) {
        0 => Vec::new(),
        _ => open.resource.facts(),
    };
    let below = last.saturating_sub(facts.len());
    let list = last.saturating_sub(1 + open.facts_height(last.saturating_sub(1)));
    for (row, (label, text)) in facts.into_iter().enumerate() {
        let text = format::truncate_middle(&text, room.saturating_sub(10));
        put(below + row, pair(label, 9, text, theme), inner, buffer);
    }
    let waiters = open.resource.first_waiters.iter().enumerate();
    for (at, waiter) in waiters.skip(open.waiters.top).take(list) {
        let mut line = waiter_line(at, waiter, open.taken_at_ns, names, theme);
        if at == open.waiters.selected {
            line = line.style(theme.style(Role::Selected));
        }
        put(at - open.waiters.top + 1, line, inner, buffer);
    }
    if last > 0 {
        put(last, one_hints(open, room, theme), inner, buffer);
    }
}

fn one_title(open: &OpenResource) -> String {
    let resource = &open.resource;
    let which = match resource.key.id {
        0 => format!(" {}", resource.key.operation),
        _ => format!(" {}", id(&resource.key)),
    };
    let kind = &resource.key.kind;
    if open.gone {
        return format!(
            "{kind}{which}  (nobody waits for it any more, or others have more waiters)"
        );
    }
    if resource.waiters == 0 {
        return format!("{kind}{which}  asking who waits for it…");
    }
    let shown = resource.first_waiters.len() as u64;
    let of = if resource.waiters > shown {
        format!(", the first {shown}")
    } else {
        ", the longest first".into()
    };
    let plural = if resource.waiters == 1 { "" } else { "s" };
    format!(
        "{kind}{which}  {} waiter{plural}{of}",
        format::count(resource.waiters)
    )
}

fn waiter_line(
    at: usize,
    waiter: &Waiter,
    now_ns: u64,
    names: usize,
    theme: Theme,
) -> Line<'static> {
    let name = match waiter.task_name.as_str() {
        "" => "-",
        name => name,
    };
    let age = format::duration(now_ns.saturating_sub(waiter.since_ns));
    let left_over = match (waiter.current, names > MAX_NAME) {
        (true, _) => "",
        (false, true) => "  not touched by its latest poll",
        (false, false) => "  left over",
    };
    Line::from(vec![
        Span::styled(
            format::right(&at.saturating_add(1).to_string(), 4),
            theme.style(Role::Dim),
        ),
        Span::raw(format!(
            " {} {} {} {}",
            format::right(&waiter.task.to_string(), 12),
            format::left(name, names.min(MAX_NAME)),
            format::left(&waiter.operation, 12),
            format::right(&age, 8)
        )),
        Span::styled(left_over, theme.style(Role::Warn)),
    ])
}

fn one_hints(open: &OpenResource, room: usize, theme: Theme) -> Line<'static> {
    let key = |command| Span::styled(key_of(command), theme.style(Role::Key));
    let text = |text: &str| Span::styled(text.to_owned(), theme.style(Role::Dim));
    let mut spans = vec![
        key(Command::Open),
        text(" the task  "),
        key(Command::Back),
        text(" back"),
    ];
    if let Some(location) = &open.resource.location {
        spans.push(text("  the longest waits at "));
        let used: usize = spans.iter().map(Span::width).sum();
        spans.push(Span::styled(
            location.fitted(room.saturating_sub(used)),
            theme.style(Role::Location),
        ));
    }
    Line::from(spans)
}
