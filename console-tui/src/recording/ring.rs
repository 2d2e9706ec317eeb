//! The last minutes in memory: the frames of a recording, the oldest forgotten first.
//!
//! Frames are forgotten a segment at a time (a keyframe and what builds on it), so that the oldest
//! that is left can be played. Bounded in bytes, the bookkeeping included.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::{Entry, Frame, Kind, Source};

/// What a frame takes beyond what it holds.
const FRAME_BYTES: usize = size_of::<Frame>() + 2 * size_of::<usize>();

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    frames: VecDeque<Frame>,
    /// The number of the oldest.
    first: u64,
    bytes: usize,
    max_bytes: usize,
    /// The latest of those that were forgotten: what follows is to be understood by them.
    server: Option<Arc<[u8]>>,
    request: Option<Arc<[u8]>>,
}

impl Ring {
    /// Keeps so many bytes at most; with 0, nothing.
    pub(crate) fn new(max_bytes: usize) -> Ring {
        Ring {
            max_bytes,
            ..Ring::default()
        }
    }

    /// Whether frames are kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.max_bytes > 0
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a frame; forgets what is too much.
    pub(crate) fn push(&mut self, mut frame: Frame) {
        let last_ns = self.frames.back().map_or(0, |last| last.at_ns);
        frame.at_ns = frame.at_ns.max(last_ns);
        self.bytes += FRAME_BYTES + frame.payload.len();
        self.frames.push_back(frame);
        while self.bytes > self.max_bytes && !self.frames.is_empty() {
            self.forget_segment();
        }
    }

    /// Forgets the oldest frames, up to where playing can begin again.
    fn forget_segment(&mut self) {
        self.forget_one();
        while self.frames.front().is_some_and(|frame| !frame.keyframe) {
            self.forget_one();
        }
    }

    fn forget_one(&mut self) {
        let Some(frame) = self.frames.pop_front() else {
            return;
        };
        self.first += 1;
        self.bytes -= FRAME_BYTES + frame.payload.len();
        match frame.kind {
            Kind::Server => self.server = Some(frame.payload),
            Kind::Request => self.request = Some(frame.payload),
            _ => {}
        }
    }

    /// All frames as those of a recording of their own: it begins with who is recorded and what was
    /// asked for, and its time with 0. What they hold is shared, not copied.
    pub(crate) fn recording(&self) -> Vec<Frame> {
        let began_ns = self.frames.front().map_or(0, |frame| frame.at_ns);
        let remembered = [(Kind::Server, &self.server), (Kind::Request, &self.request)];
        let remembered = remembered.into_iter().filter_map(|(kind, payload)| {
            payload.as_ref().map(|payload| Frame {
                at_ns: began_ns,
                kind,
                keyframe: false,
                payload: Arc::clone(payload),
            })
        });
        remembered
            .chain(self.frames.iter().cloned())
            .map(|frame| Frame {
                at_ns: frame.at_ns - began_ns,
                ..frame
            })
            .collect()
    }

    fn frame(&self, number: u64) -> Option<&Frame> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.frames.get(at)
    }
}

impl Source for Ring {
    fn frames(&self) -> Range<u64> {
        self.first..self.first + self.frames.len() as u64
    }

    fn entry(&self, number: u64) -> Option<Entry> {
        self.frame(number).map(|frame| Entry {
            at_ns: frame.at_ns,
            kind: frame.kind,
            keyframe: frame.keyframe,
        })
    }

    fn read(&mut self, number: u64) -> io::Result<Cow<'_, [u8]>> {
        match self.frame(number) {
            Some(frame) => Ok(Cow::Borrowed(&frame.payload)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn last_before(&mut self, kind: Kind, number: u64) -> io::Result<Option<Cow<'_, [u8]>>> {
        let before = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let kept = self
            .frames
            .iter()
            .take(before)
            .rev()
            .find(|frame| frame.kind == kind);
        let forgotten = match kind {
            Kind::Server => self.server.as_deref(),
            Kind::Request => self.request.as_deref(),
            _ => None,
        };
        let found = kept.map(|frame| &*frame.payload).or(forgotten);
        Ok(found.map(Cow::Borrowed))
    }
}
