//! What the workers did lately, on the screen: which part of a recording, and the cursor in it.
//!
//! The recording is read once, when the screen is opened or on request: it does not move.

pub(crate) mod recording;
#[cfg(test)]
mod tests;

use super::connection::Link;
use super::{Effect, Screen, State, stepped};
use crate::action::Command;
use recording::{Recording, Span};

/// How far back is asked for.
pub(crate) const LAST_NS: u64 = 5_000_000_000;
/// A poll of this length is one that `n` goes to.
pub(crate) const LONG_POLL_NS: u64 = 1_000_000;
/// The least that the screen's width stands for.
const MIN_WIDTH_NS: u64 = 1_000;
/// Cells before a lane: its worker.
pub(crate) const LABEL: usize = 5;

const NO_CONNECTION: &str = "no connection to the program: its recorders were not read";
const RECORDED: &str = "this is a recording: the flight recorders are not in it";
const NO_RUNTIME: &str = "there is no runtime whose recorders could be read";

/// What has become of the question.
#[derive(Debug, Default)]
pub(crate) enum Reading {
    #[default]
    NotAsked,
    Waiting {
        runtime_id: u64,
    },
    Failed(String),
    Read(Box<Recording>),
}

/// The screen's state.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) reading: Reading,
    /// The part that is shown.
    pub(crate) from_ns: u64,
    pub(crate) width_ns: u64,
    /// Where the cursor stands, and in which lane.
    pub(crate) cursor_ns: u64,
    pub(crate) lane: usize,
    /// A poll that was gone to, of many in one cell.
    gone_to: Option<(usize, usize)>,
}

/// Cells of a lane on a screen of this width.
pub(crate) fn cells(width: u16) -> usize {
    usize::from(width).saturating_sub(2 + LABEL).max(1)
}

impl Timeline {
    /// Shows all of a recording, the cursor at its end.
    fn take(&mut self, recording: Recording) {
        self.from_ns = recording.from_ns;
        self.width_ns = recording.width_ns();
        self.cursor_ns = recording.until_ns.saturating_sub(1).max(self.from_ns);
        self.lane = self.lane.min(recording.lanes.len().saturating_sub(1));
        self.gone_to = None;
        self.reading = Reading::Read(Box::new(recording));
    }

    /// What was read.
    pub(crate) fn recording(&self) -> Option<&Recording> {
        match &self.reading {
            Reading::Read(recording) => Some(recording),
            _ => None,
        }
    }

    /// The first moment of a cell, of `cells`; of the one after the last, the end.
    pub(crate) fn cell_begin(&self, cell: usize, cells: usize) -> u64 {
        let offset = u128::from(self.width_ns) * cell as u128 / cells.max(1) as u128;
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.from_ns.saturating_add(offset)
    }

    /// The moments of a cell: at least one.
    pub(crate) fn cell(&self, cell: usize, cells: usize) -> (u64, u64) {
        let begin = self.cell_begin(cell, cells);
        let end = self.cell_begin(cell.saturating_add(1), cells);
        (begin, end.max(begin.saturating_add(1)))
    }

    /// The cursor's cell.
    pub(crate) fn cursor_cell(&self, cells: usize) -> usize {
        let offset = u128::from(self.cursor_ns.saturating_sub(self.from_ns));
        let cell = offset * cells as u128 / u128::from(self.width_ns.max(1));
        usize::try_from(cell)
            .unwrap_or(usize::MAX)
            .min(cells.saturating_sub(1))
    }

    /// What is under the cursor: the poll that was gone to, or what took most of the cell.
    pub(crate) fn selected(&self, cells: usize) -> Option<&Span> {
        let lanes = &self.recording()?.lanes;
        if let Some((lane, at)) = self.gone_to {
            return lanes.get(lane)?.spans.get(at);
        }
        let (begin, end) = self.cell(self.cursor_cell(cells), cells);
        let spans = lanes.get(self.lane)?.between(begin, end).iter();
        spans.max_by_key(|span| span.within(begin, end))
    }

    fn zoom(&mut self, closer: bool) {
        let Some(recording) = self.recording() else {
            return;
        };
        let full = recording.width_ns();
        let wanted = if closer {
            self.width_ns / 2
        } else {
            self.width_ns.saturating_mul(2)
        };
        let width = wanted.clamp(MIN_WIDTH_NS.min(full), full);
        let offset = u128::from(self.cursor_ns.saturating_sub(self.from_ns));
        let offset = offset * u128::from(width) / u128::from(self.width_ns.max(1));
        let offset = u64::try_from(offset).unwrap_or(u64::MAX);
        self.from_ns = self.cursor_ns.saturating_sub(offset);
        self.width_ns = width;
        self.keep_within();
    }

    /// Moves the cursor; the part that is shown goes with it.
    fn move_by(&mut self, by_ns: u64, later: bool) {
        self.gone_to = None;
        self.cursor_ns = if later {
            self.cursor_ns.saturating_add(by_ns)
        } else {
            self.cursor_ns.saturating_sub(by_ns)
        };
        self.keep_within();
    }

    /// Keeps the cursor in the recording, and the part shown around the cursor.
    fn keep_within(&mut self) {
        let Some(recording) = self.recording() else {
            return;
        };
        let (from, until) = (recording.from_ns, recording.until_ns);
        let last = until.saturating_sub(1).max(from);
        self.cursor_ns = self.cursor_ns.clamp(from, last);
        let latest = until.saturating_sub(self.width_ns).max(from);
        let first = self.cursor_ns.saturating_add(1);
        let first = first.saturating_sub(self.width_ns);
        self.from_ns = self
            .from_ns
            .clamp(first, self.cursor_ns)
            .clamp(from, latest);
    }

    /// Goes to the next long poll of any worker, or the one before. False: there is none.
    fn go_to_long_poll(&mut self, later: bool) -> bool {
        let Some(recording) = self.recording() else {
            return true;
        };
        let here = match self.gone_to {
            Some((lane, at)) => {
                let span = recording.lanes.get(lane).and_then(|l| l.spans.get(at));
                (span.map_or(self.cursor_ns, |span| span.at_ns), lane)
            }
            None => (self.cursor_ns, self.lane),
        };
        let all = recording.lanes.iter().enumerate().flat_map(|(lane, l)| {
            let spans = l.spans.iter().enumerate();
            let long = spans.filter(|(_, span)| span.is_long_poll(LONG_POLL_NS));
            long.map(move |(at, span)| ((span.at_ns, lane), at))
        });
        let found = if later {
            all.filter(|(place, _)| *place > here).min()
        } else {
            all.filter(|(place, _)| *place < here).max()
        };
        let Some(((at_ns, lane), at)) = found else {
            return false;
        };
        (self.cursor_ns, self.lane) = (at_ns, lane);
        self.gone_to = Some((lane, at));
        if at_ns < self.from_ns || at_ns >= self.from_ns.saturating_add(self.width_ns) {
            self.from_ns = at_ns.saturating_sub(self.width_ns / 2);
        }
        self.keep_within();
        true
    }
}

/// Asks for the recording of the runtime shown.
pub(super) fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    let why_not = if state.replay {
        RECORDED
    } else if !matches!(state.connection.link, Link::Connected) {
        NO_CONNECTION
    } else if let Some(runtime_id) = state.runtime {
        state.timeline.reading = Reading::Waiting { runtime_id };
        effects.push(Effect::FetchTimeline { runtime_id });
        return;
    } else {
        NO_RUNTIME
    };
    state.timeline.reading = Reading::Failed(why_not.into());
}

/// Takes the answer, if it is still waited for.
pub(super) fn answer(state: &mut State, of: u64, answer: Result<Box<Recording>, String>) {
    if !matches!(state.timeline.reading, Reading::Waiting { runtime_id } if runtime_id == of) {
        return;
    }
    match answer {
        Ok(recording) => state.timeline.take(*recording),
        Err(why) => state.timeline.reading = Reading::Failed(why),
    }
}

/// Nobody will answer.
pub(super) fn lost(state: &mut State) {
    if matches!(state.timeline.reading, Reading::Waiting { .. }) {
        state.timeline.reading = Reading::Failed(NO_CONNECTION.into());
    }
}

pub(super) fn perform(state: &mut State, command: Command, effects: &mut Vec<Effect>) {
    let cells = cells(state.width);
    let timeline = &mut state.timeline;
    let cell_ns = (timeline.width_ns / cells as u64).max(1);
    match command {
        Command::ShowTimeline => {
            super::show(state, Screen::Timeline);
            ask(state, effects);
        }
        Command::ReadAgain => ask(state, effects),
        Command::Earlier => timeline.move_by(cell_ns, false),
        Command::Later => timeline.move_by(cell_ns, true),
        Command::ZoomIn => timeline.zoom(true),
        Command::ZoomOut => timeline.zoom(false),
        Command::NextLongPoll | Command::PreviousLongPoll => {
            let later = command == Command::NextLongPoll;
            if !timeline.go_to_long_poll(later) {
                let where_ = if later { "later" } else { "earlier" };
                let least = crate::format::duration(LONG_POLL_NS);
                super::clock::tell(
                    state,
                    format!("there is no {where_} poll of {least} or more"),
                );
            }
        }
        _ => {}
    }
}

/// Goes to another lane, or half of what is shown to the side.
pub(super) fn step(timeline: &mut Timeline, command: Command) {
    let half = (timeline.width_ns / 2).max(1);
    match command {
        Command::PageUp => timeline.move_by(half, false),
        Command::PageDown => timeline.move_by(half, true),
        _ => {
            let lanes = timeline.recording().map_or(0, |r| r.lanes.len());
            timeline.gone_to = None;
            timeline.lane = stepped(timeline.lane, command, 1, lanes);
        }
    }
}

/// The task under the cursor, and its runtime.
pub(super) fn task(state: &State) -> Option<(u64, u64)> {
    let span = state.timeline.selected(cells(state.width))?;
    let task = span.task().filter(|task| *task != 0)?;
    Some((state.timeline.recording()?.runtime_id, task))
}
