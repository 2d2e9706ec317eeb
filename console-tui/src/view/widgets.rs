//! The pieces that panels are made of.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Style;
use ratatui::symbols::border::ROUNDED;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;

use crate::format;
use crate::state::history::Slice;
use crate::state::model::Histogram;
use crate::state::world::Runtime;
use crate::theme::{Role, Theme};

pub(super) const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// Time spent searching has a glyph of its own, so that it is told from work without colours too.
const SEARCHING: &str = "▒";
pub(super) const PARKED: &str = "·";

/// Draws a frame with a title and returns the area inside. As a block of ratatui would, which goes
/// through all cells inside to change nothing.
pub(super) fn panel(title: &str, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let inner = area.inner(Margin::new(1, 1));
    let area = area.intersection(buffer.area);
    if area.is_empty() {
        return inner;
    }
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    let style = theme.style(Role::Frame);
    let mut set = |x, y, symbol| {
        buffer[(x, y)].set_symbol(symbol).set_style(style);
    };
    for x in area.x..=right {
        set(x, area.y, ROUNDED.horizontal_top);
        set(x, bottom, ROUNDED.horizontal_bottom);
    }
    for y in area.y..=bottom {
        set(area.x, y, ROUNDED.vertical_left);
        set(right, y, ROUNDED.vertical_right);
    }
    set(right, bottom, ROUNDED.bottom_right);
    set(right, area.y, ROUNDED.top_right);
    set(area.x, bottom, ROUNDED.bottom_left);
    set(area.x, area.y, ROUNDED.top_left);
    let title = Span::styled(format!(" {title} "), theme.style(Role::Title));
    let above = Rect {
        height: 1,
        ..area.inner(Margin::new(1, 0))
    };
    put_spans(&title.into(), above, buffer);
    inner
}

/// Draws a line into row `row` of `area`, if there is such a row.
pub(super) fn put<'a>(row: usize, line: impl Into<Line<'a>>, area: Rect, buffer: &mut Buffer) {
    let Ok(row) = u16::try_from(row) else { return };
    if row < area.height {
        let target = Rect {
            y: area.y.saturating_add(row),
            height: 1,
            ..area
        };
        put_spans(&line.into(), target.intersection(buffer.area), buffer);
    }
}

/// As ratatui would, but plain characters, which nearly all are, without taking the text apart into
/// graphemes: that is most of what a screen costs.
fn put_spans(line: &Line<'_>, area: Rect, buffer: &mut Buffer) {
    if line.alignment.is_some() || area.is_empty() {
        return line.render(area, buffer);
    }
    if line.style != Style::default() {
        buffer.set_style(area, line.style);
    }
    let mut x = area.x;
    for span in &line.spans {
        if x >= area.right() {
            return;
        }
        if !format::is_plain(&span.content) {
            let rest = Rect {
                x,
                width: area.right() - x,
                ..area
            };
            span.render(rest, buffer);
            let width = u16::try_from(span.width()).unwrap_or(u16::MAX);
            x = x.saturating_add(width);
            continue;
        }
        let room = usize::from(area.right() - x);
        let first = buffer.index_of(x, area.y);
        let cells = &mut buffer.content[first..first + room];
        let is_styled = span.style != Style::default();
        for (cell, char) in cells.iter_mut().zip(span.content.chars()) {
            cell.set_char(char);
            if is_styled {
                cell.set_style(span.style);
            }
            x += 1;
        }
    }
}

/// A label and its value.
pub(super) fn pair(
    label: &str,
    width: usize,
    value: impl Into<String>,
    theme: Theme,
) -> Line<'static> {
    Line::from(vec![
        Span::styled(format::left(label, width), theme.style(Role::Label)),
        Span::raw(" "),
        Span::raw(value.into()),
    ])
}

/// A bar of `cells` cells, `share` of it filled.
pub(super) fn bar(share: f64, cells: usize, style: Style, theme: Theme) -> Vec<Span<'static>> {
    let share = if share.is_finite() {
        share.clamp(0.0, 1.0)
    } else {
        0.0
    };
    let filled = (share * cells as f64).round() as usize;
    vec![
        Span::styled("█".repeat(filled), style),
        Span::styled(
            PARKED.repeat(cells - filled.min(cells)),
            theme.style(Role::Frame),
        ),
    ]
}

/// A bar of `cells` cells that shows the shares of a worker's time.
pub(super) fn state_bar(
    busy: f64,
    searching: f64,
    cells: usize,
    theme: Theme,
) -> Vec<Span<'static>> {
    let cut = |share: f64| (share.clamp(0.0, 1.0) * cells as f64).round() as usize;
    let busy_cells = cut(busy).min(cells);
    let searching_cells = cut(busy + searching).min(cells) - busy_cells;
    vec![
        Span::styled("█".repeat(busy_cells), theme.style(Role::Busy)),
        Span::styled(
            SEARCHING.repeat(searching_cells),
            theme.style(Role::Searching),
        ),
        Span::styled(
            PARKED.repeat(cells - busy_cells - searching_cells),
            theme.style(Role::Parked),
        ),
    ]
}

/// Draws slices of a worker's time, one a column, the newest at the right, stacked from the
/// bottom: busy, searching; a dot where it was parked.
pub(super) fn lane(
    slices: impl ExactSizeIterator<Item = Slice>,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let area = area.intersection(buffer.area);
    let first = usize::from(area.width).saturating_sub(slices.len());
    for (at, slice) in slices.enumerate() {
        let Ok(column) = u16::try_from(first + at) else {
            return;
        };
        if column >= area.width {
            return;
        }
        for from_bottom in 0..area.height {
            let (symbol, style) = lane_cell(slice, from_bottom, area.height, theme);
            let y = area.bottom() - 1 - from_bottom;
            if let Some(cell) = buffer.cell_mut((area.x + column, y)) {
                cell.set_symbol(symbol).set_style(style);
            }
        }
    }
}

fn lane_cell(slice: Slice, from_bottom: u16, height: u16, theme: Theme) -> (&'static str, Style) {
    let levels = f64::from(height) * 8.0;
    let base = i64::from(from_bottom) * 8;
    let within = |share: f64| {
        usize::try_from(((share * levels).round() as i64 - base).clamp(0, 8)).unwrap_or(0)
    };
    let busy = within(slice.busy());
    let with_searching = within(slice.busy() + slice.searching());
    match (busy, with_searching) {
        (1.., _) => (EIGHTHS[busy], theme.style(Role::Busy)),
        (0, 8) => (SEARCHING, theme.style(Role::Searching)),
        (0, 1..) => (EIGHTHS[with_searching], theme.style(Role::Searching)),
        (0, 0) if from_bottom == 0 && slice.parked() > 0.0 => (PARKED, theme.style(Role::Parked)),
        (0, 0) => (" ", Style::new()),
    }
}

/// One row of bars of different heights, the highest full.
pub(super) fn sparkline(values: &[u64], style: Style) -> Line<'static> {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let bars: String = values
        .iter()
        .map(|&value| match value {
            0 => EIGHTHS[0],
            // At least one eighth, so that rare values are seen.
            _ => EIGHTHS[((value as f64 / most as f64 * 8.0).round() as usize).clamp(1, 8)],
        })
        .collect();
    Line::from(Span::styled(bars, style))
}

/// Two lines: the quantiles of a histogram and its picture. `what` is what it counts.
pub(super) fn distribution(
    histogram: &Histogram,
    what: &str,
    theme: Theme,
    inner: Rect,
    buffer: &mut Buffer,
) {
    let quantiles = [("p10", 0.1), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
    let mut line = Line::default();
    for (name, q) in quantiles {
        line.push_span(Span::styled(format!("{name} "), theme.style(Role::Label)));
        line.push_span(Span::raw(format!(
            "{}  ",
            format::duration(histogram.quantile_ns(q))
        )));
    }
    let rest = [
        ("max", format::duration(histogram.max_ns)),
        (what, format::count(histogram.count)),
    ];
    for (name, value) in rest {
        line.push_span(Span::styled(format!("{name} "), theme.style(Role::Label)));
        line.push_span(Span::raw(format!("{value}  ")));
    }
    put(0, line, inner, buffer);
    let bars = histogram.bars(usize::from(inner.width).saturating_sub(16).min(32));
    let low = histogram.buckets.first().map_or(0, |bucket| bucket.0);
    let mut line = sparkline(&bars, theme.style(Role::Busy));
    line.spans.insert(
        0,
        Span::styled(
            format!("{} ", format::duration(low)),
            theme.style(Role::Dim),
        ),
    );
    line.push_span(Span::styled(
        format!(" {}", format::duration(histogram.max_ns)),
        theme.style(Role::Dim),
    ));
    put(1, line, inner, buffer);
}

/// Writes a text into the middle of an area that has nothing else to show.
pub(super) fn placeholder(text: &str, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let cells = usize::from(area.width);
    let text = format::truncate_end(text, cells);
    let gap = " ".repeat(cells.saturating_sub(format::width(&text)) / 2);
    put(
        usize::from(area.height) / 2,
        Span::styled(gap + &text, theme.style(Role::Dim)),
        area,
        buffer,
    );
}

/// What to add to the title of rows that are older than the rest.
pub(super) fn stale(runtime: &Runtime) -> String {
    match runtime.rows_age_ns() {
        None | Some(0) => String::new(),
        Some(age_ns) => format!("  as of {} ago", format::duration(age_ns)),
    }
}
