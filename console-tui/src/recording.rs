//! What a server sent, kept: in a file, or in memory for looking back.
//!
//! A recording is a header and frames. A frame holds what came over the wire at one moment, and two
//! checksums: one of its head, so that its length can be believed, and one of what it holds. Every
//! some seconds an update is whole (a keyframe): playing can begin there. RECORDING.md has the
//! bytes.
//!
//! ```text
//! server ─▶ writer ─▶ file ─▶ FileSource ─┐
//!      └──▶ Ring, the last minutes ───────┴─▶ Player: the world at a moment
//! ```
//!
//! Whatever the bytes are, a reader ends, takes bounded memory and does not panic: what is damaged is
//! left out and counted, and playing goes on at the next keyframe.

mod crc;
mod file;
mod format;
mod player;
mod readings;
mod ring;
mod tape;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use file::{FileSource, OpenError};
pub(crate) use format::{Frame, Kind};
pub(crate) use player::Player;
pub(crate) use ring::Ring;
pub(crate) use tape::{Moment, Play, Tape};
pub(crate) use writer::Writer;

use std::borrow::Cow;
use std::io;

/// Time after which a recorder asks for a whole update again.
pub(crate) const KEYFRAME_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

/// Updates after which it does so in any case: a step through the past decodes no more than these.
pub(crate) const KEYFRAME_UPDATES: u32 = 40;

/// A frame as an index knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Since the recording began. Never less than that of the frame before.
    pub(crate) at_ns: u64,
    pub(crate) kind: Kind,
    /// It holds all that there is to know at its moment.
    pub(crate) keyframe: bool,
}

/// Frames that can be read in any order. They are numbered; the numbers of a source that forgets its
/// oldest frames do not begin at 0.
pub(crate) trait Source {
    /// The numbers of the frames that there are.
    fn frames(&self) -> std::ops::Range<u64>;

    /// None: there is no such frame.
    fn entry(&self, number: u64) -> Option<Entry>;

    /// What a frame holds.
    fn read(&mut self, number: u64) -> io::Result<Cow<'_, [u8]>>;

    /// What the last frame of a kind before `number` holds, also if it is forgotten otherwise.
    fn last_before(&mut self, kind: Kind, number: u64) -> io::Result<Option<Cow<'_, [u8]>>>;

    /// The number of the first frame that is later than a moment.
    fn first_after(&self, at_ns: u64) -> u64 {
        let frames = self.frames();
        let (mut low, mut high) = (frames.start, frames.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle) {
                Some(entry) if entry.at_ns <= at_ns => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }
}
