//! One task.
//!
//! ```text
//! ╭ Task 42 · conn ──────────────────────────────────────────────╮
//! │ kind     task            state    idle for 3.20s             │
//! │ spawned  src/server.rs:31:9 by task 3 …                      │
//! │ woken by task 17 reader (worker 2), 3.00ms ago               │
//! │ children 2: 43 conn (idle), 44 conn (busy)                   │
//! │ fields   span=conn:request method=GET path=/orders           │
//! ╰──────────────────────────────────────────────────────────────╯
//! ╭ Time ────────────────────────╮╭ Wakers ──────────────────────╮
//! │ busy  1.20s  10% ██········  ││ current  2 (12 cloned, 10 …) │
//! ╰──────────────────────────────╯╰──────────────────────────────╯
//! ╭ Poll time ───────────────────────────────────────────────────╮
//! │ ▁▂▅█▃▁   p50 … p99 … max …                                   │
//! ╰──────────────────────────────────────────────────────────────╯
//! ╭ Waits for ───────────────────────────────────────────────────╮
//! │ mutex lock  3.20s  held by task 8  src/orders.rs:31:9        │
//! ╰──────────────────────────────────────────────────────────────╯
//! ```
//!
//! A task that keeps its worker waits for nothing: in place of the last panel there is then the
//! stack of the worker's thread. A task that was asked where it waits shows its backtrace there.

mod events;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::widgets::{bar, distribution, pair, panel, placeholder, put};
use crate::format;
use crate::state::backtrace::Strokes;
use crate::state::lints;
use crate::state::model::{Histogram, LongPoll, Task};
use crate::state::{Asked, Detail, State};
use crate::theme::{Role, Theme};

/// Lines with which there is room for more than the most important.
const SPACIOUS: u16 = 30;

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(detail) = &state.detail else {
        placeholder("no task chosen", theme, area, buffer);
        return;
    };
    let Some(task) = &detail.task else {
        let inner = panel(&format!("Task {}", detail.task_id), theme, area, buffer);
        let text = if detail.gone {
            "the server does not know it any more"
        } else {
            "asking for it…"
        };
        placeholder(text, theme, inner, buffer);
        return;
    };
    let warnings = lints::warnings(task, detail.taken_at_ns, &state.settings.limits);
    let mut more = relatives(task, detail.taken_at_ns);
    more.extend(fields(task, area));
    let identity_height = 5 + u16::try_from(warnings.len() + more.len()).unwrap_or(0);
    // One line without a distribution, if lines are few.
    let has_polls = detail.poll_time.as_ref().is_some_and(|h| h.count > 0);
    let polls_height = if has_polls || area.height >= SPACIOUS {
        4
    } else {
        3
    };
    let [identity_area, times_area, polls_area, waits_area] = Layout::vertical([
        Constraint::Length(identity_height),
        Constraint::Length(7),
        Constraint::Length(polls_height),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [time_area, wakers_area] =
        Layout::horizontal([Constraint::Percentage(52), Constraint::Fill(1)]).areas(times_area);
    identity(task, detail, &more, &warnings, theme, identity_area, buffer);
    times(task, detail, theme, time_area, buffer);
    wakers(task, detail, theme, wakers_area, buffer);
    let kept = state.playback.is_none();
    poll_time(
        task,
        detail.poll_time.as_ref(),
        kept,
        theme,
        polls_area,
        buffer,
    );
    if detail.shows_events {
        events::all(detail, theme, waits_area, buffer);
        return;
    }
    let rest = events::last(detail, theme, waits_area, buffer);
    let left_out = match rest == waits_area {
        true => events::hint(detail),
        false => String::new(),
    };
    let waits_area = rest;
    if let Some(asked) = &detail.backtrace {
        backtrace(asked, detail.scroll, theme, waits_area, buffer);
        return;
    }
    let runtime = state.world().runtime(detail.runtime_id);
    match runtime.and_then(|runtime| runtime.long_poll_of(detail.task_id)) {
        Some(poll) => stack(poll, detail, theme, waits_area, buffer),
        None => waits(task, detail, &left_out, theme, waits_area, buffer),
    }
}

fn identity(
    task: &Task,
    detail: &Detail,
    more: &[(&str, String)],
    warnings: &[String],
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let name = if task.name.is_empty() {
        String::new()
    } else {
        format!(" · {}", task.name)
    };
    let gone = if detail.gone {
        " (over: the last that was seen)"
    } else {
        ""
    };
    let room = usize::from(area.width.saturating_sub(4));
    let title = format::truncate_end(&format!("Task {}{name}{gone}", task.id), room);
    let inner = panel(&title, theme, area, buffer);
    let label = |text: &str| Span::styled(format::left(text, 9), theme.style(Role::Label));
    let state_age = format::duration(detail.taken_at_ns.saturating_sub(task.state_since_ns));
    let worker = task
        .worker
        .map_or("none yet".into(), |worker| worker.to_string());
    put(
        0,
        Line::from(vec![
            label("state"),
            Span::styled(task.state.as_str(), theme.task_state(task.state)),
            Span::raw(format!(" for {state_age}   ")),
            label("kind"),
            Span::raw(format!("{}   ", task.kind.as_str())),
            label("worker"),
            Span::raw(worker),
        ]),
        inner,
        buffer,
    );
    let width = usize::from(inner.width).saturating_sub(9);
    let place = task.location.fitted(width);
    put(
        1,
        Line::from(vec![
            label("spawned"),
            Span::styled(place, theme.style(Role::Location)),
        ]),
        inner,
        buffer,
    );
    let parent = task
        .parent
        .map_or("no task".into(), |id| format!("task {id}"));
    let age = format::duration(detail.taken_at_ns.saturating_sub(task.created_at_ns));
    let size = task.future_bytes.map_or_else(String::new, |bytes| {
        format!(", {} of future", format::bytes(bytes))
    });
    let by = format!("{parent}, {age} ago{size}");
    put(
        2,
        Line::from(vec![label("by"), Span::raw(by)]),
        inner,
        buffer,
    );
    for (row, (name, text)) in more.iter().enumerate() {
        let text = format::truncate_end(text, width);
        put(
            3 + row,
            Line::from(vec![label(name), Span::raw(text)]),
            inner,
            buffer,
        );
    }
    for (at, warning) in warnings.iter().enumerate() {
        put(
            3 + more.len() + at,
            Span::styled(format!("! {warning}"), theme.style(Role::Bad)),
            inner,
            buffer,
        );
    }
}

/// Who woke it and whom it has spawned.
fn relatives(task: &Task, now_ns: u64) -> Vec<(&'static str, String)> {
    let woken = task.last_waker.as_ref().map(|waker| {
        let ago = task.last_wake_ns.map_or_else(String::new, |at_ns| {
            format!(", {} ago", format::duration(now_ns.saturating_sub(at_ns)))
        });
        ("woken by", format!("{}{ago}", waker.who()))
    });
    let children = &task.children;
    let spawned = (children.count > 0).then(|| {
        let first = children.first.iter().map(|child| {
            let name = if child.name.is_empty() {
                child.location.short()
            } else {
                child.name.clone()
            };
            format!("{} {name} ({})", child.id, child.state.as_str())
        });
        let first = first.collect::<Vec<_>>().join(", ");
        let separator = if first.is_empty() { "" } else { ": " };
        (
            "children",
            format!("{}{separator}{first}", format::count(children.count)),
        )
    });
    woken.into_iter().chain(spawned).collect()
}

/// The fields of its spans, in as many lines as there is room for, each field in one.
fn fields(task: &Task, area: Rect) -> Vec<(&'static str, String)> {
    let room = usize::from(area.width).saturating_sub(11);
    let most = if area.height < SPACIOUS { 1 } else { 3 };
    let mut lines: Vec<(&str, String)> = Vec::new();
    for field in task.fields.chunks(1).map(format::fields) {
        let full = |line: &String| format::width(line) + 1 + format::width(&field) > room;
        let count = lines.len();
        match lines.last_mut() {
            Some((_, line)) if count == most || !full(line) => {
                line.push(' ');
                line.push_str(&field);
            }
            last => {
                let label = if last.is_some() { "" } else { "fields" };
                lines.push((label, field));
            }
        }
    }
    lines
}

fn times(task: &Task, detail: &Detail, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Time", theme, area, buffer);
    let total_ns = task.total_ns();
    let cells = usize::from(inner.width).saturating_sub(25);
    let rows = [
        ("busy", task.busy_ns, Role::Busy),
        ("scheduled", task.scheduled_ns, Role::Scheduled),
        ("idle", task.idle_ns, Role::Idle),
    ];
    put(
        0,
        pair(
            "total",
            10,
            format::right(&format::duration(total_ns), 7),
            theme,
        ),
        inner,
        buffer,
    );
    for (row, (name, ns, role)) in rows.into_iter().enumerate() {
        let share = format::share(ns, total_ns);
        let mut line = pair(name, 10, format::right(&format::duration(ns), 7), theme);
        line.push_span(Span::raw(format!(
            " {} ",
            format::right(&format::percent(share), 4)
        )));
        line.spans
            .extend(bar(share, cells, theme.style(role), theme));
        put(row + 1, line, inner, buffer);
    }
    let ago = task.longest_poll_at_ns.map_or_else(String::new, |at_ns| {
        let ago = detail.taken_at_ns.saturating_sub(at_ns);
        format!(" {} ago", format::duration(ago))
    });
    let longest = format!(
        "{}{ago}, {} poll{}",
        format::duration(task.longest_poll_ns),
        format::count(task.polls),
        format::plural(task.polls)
    );
    put(4, pair("max poll", 10, longest, theme), inner, buffer);
}

fn wakers(task: &Task, detail: &Detail, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Wakers", theme, area, buffer);
    let last = match task.last_wake_ns {
        Some(at_ns) => format!(
            "{} ago",
            format::duration(detail.taken_at_ns.saturating_sub(at_ns))
        ),
        // Of a future given to `block_on`.
        None if task.wakes > 0 => "not known".into(),
        None => "never".into(),
    };
    let self_share = format::percent(format::share(task.self_wakes, task.wakes));
    let lines = [
        ("current", format::count(task.live_wakers())),
        (
            "cloned",
            format!(
                "{}, dropped {}",
                format::count(task.waker_clones),
                format::count(task.waker_drops)
            ),
        ),
        (
            "woken",
            format!(
                "{} time{}",
                format::count(task.wakes),
                format::plural(task.wakes)
            ),
        ),
        ("last", last),
        (
            "by itself",
            format!("{} ({self_share})", format::count(task.self_wakes)),
        ),
    ];
    for (row, (label, value)) in lines.into_iter().enumerate() {
        put(row, pair(label, 10, value, theme), inner, buffer);
    }
}

fn poll_time(
    task: &Task,
    histogram: Option<&Histogram>,
    kept: bool,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let inner = panel("Poll time", theme, area, buffer);
    let Some(histogram) = histogram.filter(|histogram| histogram.count > 0) else {
        let mean = format::duration(task.busy_ns.checked_div(task.polls).unwrap_or(0));
        let rest = if kept {
            "is kept from now on, if the server keeps it"
        } else {
            "is not recorded"
        };
        let text = format!("mean {mean}; the distribution {rest}");
        put(0, Span::styled(text, theme.style(Role::Dim)), inner, buffer);
        return;
    };
    distribution(histogram, "polls", theme, inner, buffer);
}

/// What the thread that polls the task was doing.
fn stack(poll: &LongPoll, detail: &Detail, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let now_ns = detail.taken_at_ns.max(poll.sampled_at_ns);
    let title = format!(
        "In one poll for {} · thread {} {}, looked at {} ago",
        format::duration(poll.duration_ns(now_ns)),
        poll.thread_id,
        poll.thread_state,
        format::duration(now_ns - poll.sampled_at_ns),
    );
    let inner = panel(&title, theme, area, buffer);
    if poll.frames.is_empty() {
        placeholder(&poll.error, theme, inner, buffer);
        return;
    }
    let culprit = poll.culprit();
    let room = usize::from(inner.width);
    let frames = poll.frames.iter().skip(detail.scroll);
    for (row, frame) in frames.take(usize::from(inner.height)).enumerate() {
        let is_culprit = culprit.is_some_and(|culprit| std::ptr::eq(culprit, frame));
        let place = frame.location.as_ref().map(|at| at.fitted(room / 2));
        let place = place.unwrap_or_default();
        let for_function = room.saturating_sub(format::width(&place) + 1);
        let role = if is_culprit { Role::Bad } else { Role::Text };
        let line = Line::from(vec![
            Span::styled(
                format::left(&frame.function, for_function),
                theme.style(role),
            ),
            Span::raw(" "),
            Span::styled(place, theme.style(Role::Location)),
        ]);
        put(row, line, inner, buffer);
    }
}

fn backtrace(asked: &Asked, scroll: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Backtrace (b: what it waits for)", theme, area, buffer);
    let strokes = if theme.ascii {
        Strokes::ASCII
    } else {
        Strokes::UNICODE
    };
    let room = usize::from(inner.width);
    let lines = asked.lines(strokes);
    let shown = lines.iter().skip(scroll).take(usize::from(inner.height));
    for (row, line) in shown.enumerate() {
        put(
            row,
            // The end has file and line.
            Span::raw(format::truncate_middle(line, room)),
            inner,
            buffer,
        );
    }
}

fn waits(task: &Task, detail: &Detail, hint: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel(&format!("Waits for{hint}"), theme, area, buffer);
    if task.waits.is_empty() {
        placeholder("nothing that zokio knows of", theme, inner, buffer);
        return;
    }
    let room = usize::from(inner.width);
    for (row, wait) in task
        .waits
        .iter()
        .skip(detail.scroll)
        .take(usize::from(inner.height))
        .enumerate()
    {
        let what = format::left(&wait.what(), 22.min(room));
        let age = format::right(
            &format::duration(detail.taken_at_ns.saturating_sub(wait.since_ns)),
            7,
        );
        let left_over = if wait.current {
            ""
        } else {
            "  not touched by its latest poll"
        };
        let holder = wait.holder.map_or_else(String::new, |holder| {
            let verb = if wait.kind == "join" {
                "that is"
            } else {
                "held by"
            };
            format!("{verb} task {holder}  ")
        });
        let for_place = room.saturating_sub(22 + 1 + 7 + 2 + holder.len() + left_over.len());
        let place = wait
            .location
            .as_ref()
            .map_or("-".into(), |location| location.fitted(for_place));
        let line = Line::from(vec![
            Span::styled(
                what,
                theme.style(if wait.current { Role::Wait } else { Role::Dim }),
            ),
            Span::raw(format!(" {age}  ")),
            Span::styled(holder, theme.style(Role::Bad)),
            Span::styled(place, theme.style(Role::Location)),
            Span::styled(left_over, theme.style(Role::Dim)),
        ]);
        put(row, line, inner, buffer);
    }
}
