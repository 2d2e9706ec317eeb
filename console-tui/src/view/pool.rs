//! The blocking pool, the driver, the timers, and what kept the workers longest.
//!
//! ```text
//! ╭ Blocking pool ───────────────────────────────────────────────────────────────╮
//! │ threads   3 of 512, 2 idle                                                   │
//! │ running   1 █·········                                                       │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ╭ Driver ──────────────────────────────╮╭ Timers ──────────────────────────────╮
//! │ sources   35                         ││ armed     12                         │
//! ╰──────────────────────────────────────╯╰──────────────────────────────────────╯
//! ╭ Timers fired late by ────────────────────────────────────────────────────────╮
//! │ ▁▂▅█▃▁   p50 … p99 … max …                                                   │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ╭ Longest polls on the workers ────────────────────────────────────────────────╮
//! │ 260ms  task 14 conn             3.2s ago      src/server.rs:112:9            │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::widgets::{bar, distribution, pair, panel, placeholder, put};
use crate::format;
use crate::state::State;
use crate::state::model::Blocking;
use crate::state::world::Runtime;
use crate::theme::{Role, Theme};

/// Cells of a label.
const LABEL: usize = 10;

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(runtime) = state.shown_runtime() else {
        let inner = panel("Pool, driver, timers", theme, area, buffer);
        placeholder("waiting for the first update…", theme, inner, buffer);
        return;
    };
    let [pool, middle, late, longest] = Layout::vertical([
        Constraint::Length(8),
        Constraint::Length(6),
        Constraint::Length(4),
        Constraint::Fill(1),
    ])
    .areas(area);
    let [driver, timers] =
        Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas(middle);
    blocking(runtime, theme, pool, buffer);
    sources(runtime, theme, driver, buffer);
    alarms(runtime, theme, timers, buffer);
    let inner = panel("Timers fired late by", theme, late, buffer);
    let lateness = &runtime.summary.timers.lateness;
    if lateness.count == 0 {
        placeholder("no timer has fired", theme, inner, buffer);
    } else {
        distribution(lateness, "timers", theme, inner, buffer);
    }
    longest_polls(runtime, theme, longest, buffer);
}

/// The polls that have kept workers longest, one a task.
fn longest_polls(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Longest polls on the workers", theme, area, buffer);
    if runtime.longest_polls.is_empty() {
        placeholder("none has taken a millisecond", theme, inner, buffer);
        return;
    }
    let room = usize::from(inner.width);
    let shown = runtime.longest_polls.iter().take(inner.height.into());
    for (row, poll) in shown.enumerate() {
        let took = format::right(&format::duration(poll.duration_ns), 7);
        let ago = format::duration(runtime.age_ns(poll.ended_at_ns));
        let task = format::left(&format!("task {} {}", poll.task, poll.task_name), 24);
        let before = format!("  {task} {}  ", format::left(&format!("{ago} ago"), 12));
        let place = poll
            .location
            .fitted(room.saturating_sub(7 + format::width(&before)));
        let line = Line::from(vec![
            Span::styled(took, theme.style(Role::Busy)),
            Span::raw(before),
            Span::styled(place, theme.style(Role::Location)),
        ]);
        put(row, line, inner, buffer);
    }
}

fn blocking(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Blocking pool", theme, area, buffer);
    let pool = &runtime.summary.blocking;
    let running = pool.threads.saturating_sub(pool.idle_threads);
    let cells = usize::from(inner.width).saturating_sub(LABEL + 10).min(40);
    let mut running_line = pair(
        "running",
        LABEL,
        format!("{} ", format::left(&format::count(running), 5)),
        theme,
    );
    running_line.spans.extend(bar(
        format::share(running, pool.threads),
        cells,
        theme.style(Role::Busy),
        theme,
    ));
    running_line.push_span(Span::styled(" of the threads", theme.style(Role::Dim)));
    let lines = [
        pair(
            "threads",
            LABEL,
            format!(
                "{}, at most {}",
                format::count(pool.threads),
                format::count(pool.max_threads)
            ),
            theme,
        ),
        running_line,
        pair("idle", LABEL, format::count(pool.idle_threads), theme),
        queued(pool, theme),
        pair(
            "done",
            LABEL,
            format!(
                "{} jobs, {} a second",
                format::count(pool.completed),
                format::rate(runtime.rates.blocking_completed)
            ),
            theme,
        ),
        pair(
            "busy",
            LABEL,
            format!(
                "{} in all, {} a job, {} at p99, {} at most",
                format::duration(pool.busy_ns),
                format::duration(pool.busy_ns.checked_div(pool.completed).unwrap_or(0)),
                format::duration(pool.run_time.quantile_ns(0.99)),
                format::duration(pool.run_time.max_ns)
            ),
            theme,
        ),
    ];
    for (row, line) in lines.into_iter().enumerate() {
        put(row, line, inner, buffer);
    }
}

/// Jobs that wait; while all the threads that there may be are busy, a warning.
fn queued(pool: &Blocking, theme: Theme) -> Line<'static> {
    let full = pool.queue_depth > 0 && pool.threads >= pool.max_threads;
    let mut line = pair("queued", LABEL, format::count(pool.queue_depth), theme);
    if pool.queue_time.count > 0 {
        line.push_span(Span::styled(
            format!(
                "  waited {} at p50, {} at p99, {} at most",
                format::duration(pool.queue_time.quantile_ns(0.5)),
                format::duration(pool.queue_time.quantile_ns(0.99)),
                format::duration(pool.queue_time.max_ns)
            ),
            theme.style(Role::Dim),
        ));
    }
    if full {
        let text = "  all threads that are allowed are busy";
        line.push_span(Span::styled(text, theme.style(Role::Bad)));
    }
    line
}

fn sources(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Driver", theme, area, buffer);
    let driver = &runtime.summary.driver;
    let with_rate =
        |n: u64, rate: f64| format!("{}, {} a second", format::count(n), format::rate(rate));
    let each = if driver.polls == 0 {
        "-".into()
    } else {
        format::rate(driver.events as f64 / driver.polls as f64)
    };
    let lines = [
        ("sources", format::count(driver.sources)),
        ("polls", with_rate(driver.polls, runtime.rates.driver_polls)),
        (
            "events",
            with_rate(driver.events, runtime.rates.driver_events),
        ),
        (
            "each poll",
            format!(
                "{each} events, {} at p99",
                format::duration(driver.turn_time.quantile_ns(0.99))
            ),
        ),
    ];
    for (row, (label, value)) in lines.into_iter().enumerate() {
        put(row, pair(label, LABEL, value, theme), inner, buffer);
    }
}

fn alarms(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Timers", theme, area, buffer);
    let timers = &runtime.summary.timers;
    let lines = [
        ("armed", format::count(timers.armed)),
        (
            "fired",
            format!(
                "{}, {} a second",
                format::count(timers.fired),
                format::rate(runtime.rates.timers_fired)
            ),
        ),
        ("cancelled", format::count(timers.cancelled)),
    ];
    for (row, (label, value)) in lines.into_iter().enumerate() {
        put(row, pair(label, LABEL, value, theme), inner, buffer);
    }
}
