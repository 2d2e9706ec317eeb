//! The workers: what each does, how the work is spread, and the rest of the runtime.
//!
//! ```text
//! ╭ Workers  █ busy ▒ searching · parked ────────────────────────────────────────╮
//! │ # State     lane: newest at the right       Busy Srch Park Queue Polls/s …   │
//! │ 0 busy      ▁▃▅█▇▅▃▁▁▂▃▅▇█▇▅▃▁▁▁▁▂▃▅▇█        63%   2%  35%     3   12.3k …   │
//! │                                             #42 conn for 1.2ms              │
//! │ Σ                                            …                              │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ╭ Runtime ──────────╮╭ Latency ───────────────╮╭ Pool, driver, timers ─────────╮
//! ╰───────────────────╯╰────────────────────────╯╰───────────────────────────────╯
//! ╭ Spawn sites ─────────────────────────────────╮╭ Stolen, thief by victim ──────╮
//! ╰──────────────────────────────────────────────╯╰───────────────────────────────╯
//! ```
//!
//! The lanes get taller with the room there is; the panels below come and go with it.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::widgets::{lane, panel, placeholder, put, state_bar};
use crate::format;
use crate::state::State;
use crate::state::world::{Runtime, WorkerRow};
use crate::theme::{Role, Theme};

mod below;

/// Rows that the panels below want.
const BELOW: usize = 11;
/// Frame, titles and totals of the table.
const AROUND: usize = 4;
const MAX_LANE: usize = 4;

/// Cells of `#` and the state before the lane.
const BEFORE_LANE: usize = 14;
const NUMBERS: [(&str, usize); 7] = [
    ("Busy", 5),
    ("Srch", 5),
    ("Park", 5),
    ("Queue", 6),
    ("Polls/s", 8),
    ("Steals/s", 9),
    ("Parks/s", 8),
];
/// Cells of the bar of shares, where there is room for one.
const BAR: usize = 16;

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(runtime) = state.shown_runtime() else {
        let inner = panel("Workers", theme, area, buffer);
        placeholder("waiting for the first update…", theme, inner, buffer);
        return;
    };
    let workers = runtime.workers.len().max(1);
    let height = usize::from(area.height);
    let lane_height = (1..=MAX_LANE)
        .rev()
        .find(|lane| workers.saturating_mul(*lane) + AROUND + BELOW <= height)
        .unwrap_or(1);
    let table = (workers.saturating_mul(lane_height) + AROUND).min(height);
    let table = if height - table < 4 { height } else { table };
    let [table_area, below_area] = Layout::vertical([
        Constraint::Length(u16::try_from(table).unwrap_or(u16::MAX)),
        Constraint::Fill(1),
    ])
    .areas(area);
    render_table(state, runtime, lane_height, theme, table_area, buffer);
    below::render(runtime, state.world(), theme, below_area, buffer);
}

/// Which cells of a line are for what.
struct Columns {
    lane: usize,
    bar: usize,
    numbers: usize,
    current: usize,
}

impl Columns {
    fn fit(width: usize, lane_height: usize) -> Columns {
        let numbers: usize = NUMBERS.iter().map(|(_, width)| width).sum();
        let free = width.saturating_sub(BEFORE_LANE + numbers);
        let bar = if free >= BAR + 1 + 40 { BAR + 1 } else { 0 };
        // In a taller lane the current task has a line of its own under the numbers.
        let current = if lane_height == 1 && free >= bar + 60 {
            30
        } else {
            0
        };
        Columns {
            lane: free.saturating_sub(bar + current + 1),
            bar,
            numbers,
            current,
        }
    }
}

fn render_table(
    state: &State,
    runtime: &Runtime,
    lane_height: usize,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let inner = panel(
        "Workers  █ busy  ▒ searching  · parked",
        theme,
        area,
        buffer,
    );
    let columns = Columns::fit(usize::from(inner.width), lane_height);
    put(0, header(&columns, theme), inner, buffer);
    let body = Rect {
        y: inner.y.saturating_add(1),
        height: inner.height.saturating_sub(2),
        ..inner
    };
    let fits = usize::from(body.height) / lane_height;
    let first = state
        .first_worker
        .min(runtime.workers.len().saturating_sub(fits.max(1)));
    for (at, row) in runtime.workers.iter().skip(first).take(fits).enumerate() {
        let Ok(y) = u16::try_from(at * lane_height) else {
            return;
        };
        let target = Rect {
            y: body.y.saturating_add(y),
            height: u16::try_from(lane_height).unwrap_or(1),
            ..body
        };
        worker(row, runtime, &columns, theme, target, buffer);
    }
    let hidden = runtime.workers.len().saturating_sub(fits);
    let last = usize::from(inner.height.saturating_sub(1));
    if last > 0 {
        put(
            last,
            totals(runtime, &columns, hidden, theme),
            inner,
            buffer,
        );
    }
}

fn header(columns: &Columns, theme: Theme) -> Line<'static> {
    let label = theme.style(Role::Label);
    let mut spans = vec![
        Span::styled(format::left("  # State", BEFORE_LANE), label),
        Span::styled(format::left("", columns.lane + 1 + columns.bar), label),
    ];
    spans.extend(
        NUMBERS
            .iter()
            .map(|(title, width)| Span::styled(format::right(title, *width), label)),
    );
    if columns.current > 0 {
        spans.push(Span::styled("  Current task", label));
    }
    Line::from(spans)
}

fn worker(
    row: &WorkerRow,
    runtime: &Runtime,
    columns: &Columns,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let mut spans = vec![
        Span::raw(format!(
            "{} ",
            format::right(&row.worker.index.to_string(), 3)
        )),
        Span::styled(
            format::left(row.worker.state.as_str(), BEFORE_LANE - 4),
            theme.worker_state(row.worker.state),
        ),
        Span::raw(" ".repeat(columns.lane + 1)),
    ];
    if columns.bar > 0 {
        spans.extend(state_bar(
            row.rates.busy,
            row.rates.searching,
            columns.bar - 1,
            theme,
        ));
        spans.push(Span::raw(" "));
    }
    let rates = &row.rates;
    spans.extend(numbers(
        [
            format::percent(rates.busy),
            format::percent(rates.searching),
            format::percent(rates.parked),
            format::count(row.worker.queue_depth),
            format::rate(rates.polls),
            format::rate(rates.steals),
            format::rate(rates.parks),
        ],
        theme,
    ));
    if columns.current > 0 {
        spans.push(Span::raw("  "));
        spans.extend(current_task(row, runtime, columns.current - 2, theme));
    }
    put(0, Line::from(spans), area, buffer);

    let before = u16::try_from(BEFORE_LANE).unwrap_or(0);
    let lane_area = Rect {
        x: area.x.saturating_add(before),
        width: u16::try_from(columns.lane)
            .unwrap_or(0)
            .min(area.width.saturating_sub(before)),
        ..area
    };
    lane(
        row.lane.last(usize::from(lane_area.width)),
        theme,
        lane_area,
        buffer,
    );

    let under = u16::try_from(BEFORE_LANE + columns.lane + 1).unwrap_or(u16::MAX);
    let under_area = Rect {
        x: area.x.saturating_add(under),
        width: area.width.saturating_sub(under),
        ..area
    };
    let width = usize::from(under_area.width);
    if area.height > 1 {
        let mut spans = vec![Span::raw("  ")];
        spans.extend(current_task(row, runtime, width.saturating_sub(2), theme));
        put(1, Line::from(spans), under_area, buffer);
    }
    if area.height > 2 {
        put(
            2,
            Span::styled(fine_print(row, width), theme.style(Role::Dim)),
            under_area,
            buffer,
        );
    }
}

/// As many of these as are whole in that many cells.
fn fine_print(row: &WorkerRow, cells: usize) -> String {
    let worker = &row.worker;
    let parts = [
        ("queue max", worker.queue_depth_max),
        ("lifo", worker.lifo_hits),
        ("injector", worker.injector_takes),
        ("remote wakes", worker.remote_wakes),
    ];
    let mut out = String::new();
    for (what, n) in parts {
        let part = format!("  {what} {}", format::count(n));
        if out.len() + part.len() > cells {
            break;
        }
        out += &part;
    }
    out
}

fn numbers(values: [String; 7], theme: Theme) -> Vec<Span<'static>> {
    let styles: [Style; 7] = [
        theme.style(Role::Busy),
        theme.style(Role::Searching),
        theme.style(Role::Parked),
        Style::new(),
        Style::new(),
        Style::new(),
        Style::new(),
    ];
    values
        .into_iter()
        .zip(NUMBERS)
        .zip(styles)
        .map(|((value, (_, width)), style)| Span::styled(format::right(&value, width), style))
        .collect()
}

fn current_task(
    row: &WorkerRow,
    runtime: &Runtime,
    width: usize,
    theme: Theme,
) -> Vec<Span<'static>> {
    let Some((id, since_ns)) = row.worker.current_task else {
        return vec![Span::styled(
            format::left("-", width),
            theme.style(Role::Dim),
        )];
    };
    let name = runtime
        .tasks
        .get(id)
        .map(|task| task.name.as_str())
        .unwrap_or("");
    let age = format::duration(runtime.age_ns(since_ns));
    let mut text = format!("#{id} {name} for {age}").replace("  ", " ");
    let mut role = Role::Text;
    if let Some(poll) = runtime.long_poll_of(id) {
        role = Role::Bad;
        if let Some(culprit) = poll.culprit() {
            text = format!("{text} in {}", culprit.what());
        }
    }
    vec![Span::styled(format::left(&text, width), theme.style(role))]
}

fn totals(runtime: &Runtime, columns: &Columns, hidden: usize, theme: Theme) -> Line<'static> {
    let rates = &runtime.rates;
    let mean = |rate: fn(&WorkerRow) -> f64| {
        runtime.workers.iter().map(rate).sum::<f64>() / runtime.workers.len().max(1) as f64
    };
    let queued = runtime
        .workers
        .iter()
        .fold(0u64, |sum, row| sum.saturating_add(row.worker.queue_depth));
    let label = match hidden {
        0 => format!("  Σ {} workers", runtime.workers.len()),
        n => format!("  Σ {} workers, {n} more: scroll", runtime.workers.len()),
    };
    let mut spans = vec![Span::styled(
        format::left(&label, BEFORE_LANE + columns.lane + 1 + columns.bar),
        theme.style(Role::Label),
    )];
    spans.extend(numbers(
        [
            format::percent(mean(|row| row.rates.busy)),
            format::percent(mean(|row| row.rates.searching)),
            format::percent(mean(|row| row.rates.parked)),
            format::count(queued),
            format::rate(rates.polls),
            format::rate(rates.steals),
            format::rate(rates.parks),
        ],
        theme,
    ));
    debug_assert_eq!(
        columns.numbers,
        NUMBERS.iter().map(|(_, width)| width).sum::<usize>()
    );
    Line::from(spans)
}
