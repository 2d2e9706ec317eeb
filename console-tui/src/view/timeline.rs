//! What the workers did lately, a lane each.
//!
//! ```text
//! ╭ Timeline of demo, the last 5.00s ─────────────────────────────────────────────╮
//! │w0   ▁▂▁▁████▁·····▂▁                                                          │
//! │         conn                                                                  │
//! │w1   ·····▸▁▁▂▁▁····                                                           │
//! │     -5.00s             ▲              -2.50s                              -0ns│
//! │poll of task 12 conn, 4.10ms, -3.90s, spawned at server.rs:112:9               │
//! │woken by the driver on worker 1                                                │
//! ╰───────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span as Piece};

use super::widgets::{EIGHTHS, PARKED, panel, placeholder, put};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::State;
use crate::state::timeline::recording::{Cause, How, Lane, Recording, Span, What};
use crate::state::timeline::{LABEL, Reading, cells};
use crate::theme::{Role, Theme};

/// Lines below the lanes: axis, what is under the cursor, what led to it, keys.
const BELOW: usize = 4;
/// Cells that a task has to have next to one another for its name to be written below them.
const NAMED: usize = 4;
const STOLE: &str = "▸";

/// Cells of more than this do not show steals, which are moments: many lie in each, and they would
/// cover the polls.
const STEALS_BELOW_NS: u64 = 1_000_000;
const DRIVER: &str = "▒";
const UNKNOWN: &str = "╌";
/// Tasks next to one another are to be told apart.
const TASKS: [Role; 5] = [
    Role::Busy,
    Role::Scheduled,
    Role::Wait,
    Role::Location,
    Role::Idle,
];

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let timeline = &state.timeline;
    let Some(recording) = timeline.recording() else {
        let inner = panel("Timeline", theme, area, buffer);
        let text = match &timeline.reading {
            Reading::Failed(why) => why,
            _ => "reading the flight recorders…",
        };
        let width = usize::from(inner.width).max(1);
        if format::width(text) <= width {
            return placeholder(text, theme, inner, buffer);
        }
        for (row, line) in wrapped(text, width).into_iter().enumerate() {
            put(row, Line::from(line), inner, buffer);
        }
        return;
    };
    let inner = panel(&title(recording), theme, area, buffer);
    if recording.lanes.is_empty() {
        return placeholder("there are no workers in it", theme, inner, buffer);
    }
    let room = usize::from(inner.height).saturating_sub(BELOW).max(1);
    let each = if recording.lanes.len() * 2 <= room {
        2
    } else {
        1
    };
    let shown = (room / each).max(1);
    let top = timeline.lane / shown * shown;
    let lanes = recording.lanes.iter().enumerate().skip(top).take(shown);
    for (row, (at, lane)) in lanes.enumerate() {
        let is_selected = at == timeline.lane;
        draw_lane(
            state,
            lane,
            is_selected,
            row * each,
            each == 2,
            theme,
            inner,
            buffer,
        );
    }
    let rows = usize::from(inner.height).saturating_sub(BELOW);
    put(rows, axis(state, recording, theme), inner, buffer);
    let [first, second] = told(state, recording);
    put(rows + 1, Line::from(first), inner, buffer);
    put(rows + 2, Line::from(second), inner, buffer);
    put(rows + 3, hints(theme), inner, buffer);
}

fn title(recording: &Recording) -> String {
    let off = match recording.left_off {
        0 => String::new(),
        n => format!(", {} events left off", format::count(n)),
    };
    format!(
        "Timeline of {}, the last {}{off}",
        format::truncate_end(&recording.name, 30),
        format::duration(recording.width_ns())
    )
}

/// A text in lines, broken between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| format::width(line));
        if last > 0 && last + 1 + format::width(word) > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn colour(task: u64, theme: Theme) -> Style {
    let hash = task.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    theme.style(TASKS[(hash % TASKS.len() as u64) as usize])
}

/// What a cell shows, and the task that had most of it.
fn cell(lane: &Lane, begin: u64, end: u64, theme: Theme) -> (&'static str, Style, u64) {
    let (mut busy, mut parked, mut driver) = (0u64, 0u64, 0u64);
    let (mut task, mut most, mut polled) = (0, 0, false);
    for span in lane.between(begin, end) {
        let part = span.within(begin, end);
        match span.what {
            What::Poll { task: id, .. } => {
                polled = true;
                busy = busy.saturating_add(part);
                if part >= most {
                    (task, most) = (id, part);
                }
            }
            What::Park => parked += part,
            What::Driver => driver += part,
        }
    }
    if end - begin < STEALS_BELOW_NS && lane.stole(begin, end) {
        return (STOLE, theme.style(Role::Warn), task);
    }
    if polled {
        // At least one eighth, so that short polls are seen.
        let share = format::share(busy, end - begin) * 8.0;
        let level = (share.ceil() as usize).clamp(1, 8);
        return (EIGHTHS[level], colour(task, theme), task);
    }
    let symbol = match (driver, parked) {
        _ if lane.off || end <= lane.complete_since_ns => (UNKNOWN, Role::Frame),
        (0, 0) => (" ", Role::Text),
        (driver, parked) if driver > parked => (DRIVER, Role::Searching),
        _ => (PARKED, Role::Parked),
    };
    (symbol.0, theme.style(symbol.1), 0)
}

#[expect(clippy::too_many_arguments, reason = "where and how, all of it")]
fn draw_lane(
    state: &State,
    lane: &Lane,
    is_selected: bool,
    row: usize,
    named: bool,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let timeline = &state.timeline;
    let cells = cells(state.width);
    let cursor = timeline.cursor_cell(cells);
    let role = if is_selected {
        Role::Active
    } else {
        Role::Label
    };
    let label = format::left(&format!("w{}", lane.worker), LABEL);
    let mut pieces = vec![Piece::styled(label, theme.style(role))];
    let mut tasks = Vec::with_capacity(cells);
    for at in 0..cells {
        let (begin, end) = timeline.cell(at, cells);
        let (symbol, mut style, task) = cell(lane, begin, end, theme);
        if is_selected && at == cursor {
            style = style.patch(theme.style(Role::Selected));
        }
        pieces.push(Piece::styled(symbol, style));
        tasks.push(task);
    }
    put(row, Line::from(pieces), area, buffer);
    if named {
        put(row + 1, names(state, lane, &tasks, theme), area, buffer);
    }
}

/// The names of tasks below those of their cells that stand together.
fn names(state: &State, lane: &Lane, tasks: &[u64], theme: Theme) -> Line<'static> {
    let mut pieces = vec![Piece::raw(" ".repeat(LABEL))];
    if lane.off {
        pieces.push(Piece::styled(
            "its flight recorder is off",
            theme.style(Role::Dim),
        ));
        return Line::from(pieces);
    }
    for run in tasks.chunk_by(|a, b| a == b) {
        let task = run[0];
        let text = if task != 0 && run.len() >= NAMED {
            format::truncate_end(&name(state, task), run.len() - 1)
        } else {
            String::new()
        };
        pieces.push(Piece::styled(
            format::left(&text, run.len()),
            colour(task, theme),
        ));
    }
    Line::from(pieces)
}

/// A task's name, or its number.
fn name(state: &State, task: u64) -> String {
    let recording = state.timeline.recording();
    let named = recording.and_then(|recording| recording.tasks.get(&task));
    match named {
        Some(named) if !named.name.is_empty() => named.name.clone(),
        _ => format!("{task}"),
    }
}

/// A moment, from the end of the recording.
fn ago(at_ns: u64, recording: &Recording) -> String {
    format!(
        "-{}",
        format::duration(recording.until_ns.saturating_sub(at_ns))
    )
}

fn axis(state: &State, recording: &Recording, theme: Theme) -> Line<'static> {
    let timeline = &state.timeline;
    let cells = cells(state.width);
    let cursor = timeline.cursor_cell(cells);
    let mut line: Vec<char> = vec![' '; cells];
    let mut write = |at: usize, text: &str| {
        for (cell, c) in line.iter_mut().skip(at).zip(text.chars()) {
            *cell = c;
        }
    };
    let end = ago(timeline.cell_begin(cells, cells), recording);
    write(cells.saturating_sub(end.len()), &end);
    if cells >= 40 {
        write(
            cells / 2,
            &ago(timeline.cell_begin(cells / 2, cells), recording),
        );
    }
    write(0, &ago(timeline.from_ns, recording));
    write(cursor, "▲");
    let text: String = line.into_iter().collect();
    Line::from(vec![
        Piece::raw(" ".repeat(LABEL)),
        Piece::styled(text, theme.style(Role::Dim)),
    ])
}

/// What is under the cursor, and what led to it.
fn told(state: &State, recording: &Recording) -> [String; 2] {
    let Some(span) = state.timeline.selected(cells(state.width)) else {
        let at = ago(state.timeline.cursor_ns, recording);
        return [format!("nothing recorded at {at}"), String::new()];
    };
    let so_far = if span.under_way { " so far" } else { "" };
    let times = format!(
        "{}{so_far}, at {}",
        format::duration(span.duration_ns()),
        ago(span.at_ns, recording)
    );
    match span.what {
        What::Park => [format!("parked {times}"), String::new()],
        What::Driver => [format!("turn of the driver {times}"), String::new()],
        What::Poll {
            task,
            polls,
            from_outside,
        } => {
            let what = match polls {
                0 | 1 => "poll".to_owned(),
                n => format!("{n} polls in a row"),
            };
            let named = recording.tasks.get(&task);
            let place = named.map_or("-".into(), |named| named.location.short());
            [
                format!(
                    "{what} of {}, {times}, spawned at {place}",
                    whose(state, task)
                ),
                led(state, recording, span, from_outside),
            ]
        }
    }
}

/// A task with its number and its name.
fn whose(state: &State, task: u64) -> String {
    let name = name(state, task);
    let number = task.to_string();
    if name == number {
        format!("task {task}")
    } else {
        format!("task {task} {}", format::truncate_end(&name, 40))
    }
}

fn led(state: &State, recording: &Recording, span: &Span, from_outside: bool) -> String {
    if from_outside {
        return "woken by a thread that is no worker".into();
    }
    match recording.cause(span) {
        Some(Cause {
            how: How::Spawned { by_task: 0 },
            worker,
            ..
        }) => {
            format!("spawned on worker {worker}")
        }
        Some(Cause {
            how: How::Spawned { by_task },
            worker,
            ..
        }) => {
            format!("spawned by {} on worker {worker}", whose(state, *by_task))
        }
        Some(Cause {
            how: How::Woken {
                by_driver: true, ..
            },
            worker,
            ..
        }) => {
            format!("woken by the driver or a timer on worker {worker}")
        }
        Some(Cause {
            how: How::Woken { by_task: 0, .. },
            worker,
            ..
        }) => {
            format!("woken on worker {worker}, by no task")
        }
        Some(Cause {
            how: How::Woken { by_task, .. },
            worker,
            ..
        }) => {
            format!("woken by {} on worker {worker}", whose(state, *by_task))
        }
        Some(Cause {
            how: How::Polled, ..
        })
        | None => "what woke it is not recorded".into(),
    }
}

fn hints(theme: Theme) -> Line<'static> {
    let mut pieces = Vec::new();
    for (command, text) in [
        (Command::ZoomIn, "closer"),
        (Command::ZoomOut, "wider"),
        (Command::NextLongPoll, "next long poll"),
        (Command::ReadAgain, "read again"),
        (Command::Open, "task"),
    ] {
        pieces.push(Piece::styled(key_of(command), theme.style(Role::Key)));
        pieces.push(Piece::styled(format!(" {text}  "), theme.style(Role::Dim)));
    }
    Line::from(pieces)
}
