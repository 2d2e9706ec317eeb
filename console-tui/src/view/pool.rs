//! The blocking pool, the driver and the timers.
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
    let [pool, middle, late] = Layout::vertical([
        Constraint::Length(8),
        Constraint::Length(6),
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
                "{} in all, {} a job",
                format::duration(pool.busy_ns),
                format::duration(pool.busy_ns.checked_div(pool.completed).unwrap_or(0))
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
        ("each poll", format!("{each} events")),
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
