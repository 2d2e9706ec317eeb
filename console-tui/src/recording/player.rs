//! The world at a moment of a recording.
//!
//! A seek begins at the latest keyframe, so that it decodes few updates however long the recording is.
//! Rates and the workers' lanes reach further back: of the updates before, only the counters are read,
//! and only as many as a lane has slices. Then updates are folded in as they came, through the same
//! door as live ones: what a recording holds is believed as little as what a server sends. After
//! damage, and after the connection was lost, updates that build on what is missing are left out until
//! the next keyframe.

use std::ops::Range;

use prost::Message as _;
use zokio_console_proto::v1;

use super::{Entry, KEYFRAME_UPDATES, Kind, Source, readings};
use crate::sanitize;
use crate::state::history::SLICE_NS;
use crate::state::model::Server;
use crate::state::world::World;

/// How long before the keyframe counters are read: what a wide screen shows of the workers' lanes, and
/// a second for the first slice to begin with.
const READINGS_NS: u64 = 41_000_000_000;

/// How far ahead updates are folded in one by one even if there is a keyframe between: the lanes need
/// not be read again then.
const RUN_ON: u64 = KEYFRAME_UPDATES as u64;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Player {
    world: World,
    server: Option<Server>,
    /// Whether what is recorded tells what tasks wait for.
    resources: bool,
    /// Why there is nothing new, if the connection was lost.
    lost: Option<String>,
    /// The next frame to be folded in; None: nothing has been played yet.
    next: Option<u64>,
    at_ns: u64,
    /// Nothing is missing between the last keyframe and here.
    in_step: bool,
    /// The world has counters and nothing else yet.
    bare: bool,
    /// What the latest seek decoded: updates, and counters of updates.
    #[cfg(test)]
    pub(super) decoded: (u64, u64),
}

impl Player {
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    pub(crate) fn resources(&self) -> bool {
        self.resources
    }

    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    /// Goes to a moment, forwards or backwards.
    pub(crate) fn seek(&mut self, source: &mut impl Source, at_ns: u64) {
        #[cfg(test)]
        {
            self.decoded = (0, 0);
        }
        let end = source.first_after(at_ns);
        let begin = beginning_for(source, end);
        let can_run_on = |next: u64| {
            at_ns >= self.at_ns && (next >= begin || end.saturating_sub(next) <= RUN_ON)
        };
        if !self.next.is_some_and(can_run_on) {
            self.begin(source, begin);
        }
        self.run_to(source, at_ns);
    }

    /// Forgets everything, and knows of what came before `number` only whose recording it is and what
    /// the counters were.
    fn begin(&mut self, source: &mut impl Source, number: u64) {
        *self = Player {
            next: Some(number),
            ..Player::default()
        };
        let frames = source.frames();
        let at_ns = source.entry(number).map_or(0, |entry| entry.at_ns);
        let first = match at_ns.checked_sub(READINGS_NS) {
            Some(since_ns) => source.first_after(since_ns).min(number),
            None => frames.start.min(number),
        };
        if let Ok(Some(payload)) = source.last_before(Kind::Server, first) {
            self.meet(&payload);
        }
        self.read_counters(source, first..number);
        if let Ok(Some(payload)) = source.last_before(Kind::Request, number) {
            self.note_request(&payload);
        }
    }

    /// Folds in the counters of these frames, as often as a lane takes note of them.
    fn read_counters(&mut self, source: &mut impl Source, frames: Range<u64>) {
        let mut next_ns = 0;
        for number in frames {
            let Some(entry) = source.entry(number) else {
                return;
            };
            match entry.kind {
                Kind::Server => {
                    if let Ok(payload) = source.read(number) {
                        self.meet(&payload);
                    }
                }
                Kind::Update if entry.at_ns >= next_ns => {
                    next_ns = entry.at_ns.saturating_add(SLICE_NS);
                    let payload = source.read(number).ok();
                    let Some(update) = payload.and_then(|payload| readings::decode(&payload))
                    else {
                        continue;
                    };
                    self.world.apply(sanitize::update(update), 0);
                    self.bare = true;
                    #[cfg(test)]
                    {
                        self.decoded.1 += 1;
                    }
                }
                _ => {}
            }
        }
    }

    /// Folds in the next frame. False: there is none.
    pub(crate) fn step(&mut self, source: &mut impl Source) -> bool {
        let number = self.next.unwrap_or(source.frames().start);
        let Some(entry) = source.entry(number) else {
            return false;
        };
        self.take(source, number, entry);
        self.next = Some(number + 1);
        self.at_ns = entry.at_ns;
        true
    }

    /// Folds in what came until `at_ns`, that moment included.
    fn run_to(&mut self, source: &mut impl Source, at_ns: u64) {
        let first = source.frames().start;
        let mut next = self.next.unwrap_or(first);
        if next < first {
            // Forgotten meanwhile.
            self.in_step = false;
            next = first;
        }
        while let Some(entry) = source.entry(next).filter(|entry| entry.at_ns <= at_ns) {
            self.take(source, next, entry);
            next += 1;
        }
        self.next = Some(next);
        self.at_ns = at_ns;
        if std::mem::take(&mut self.bare) {
            // The keyframe could not be read: counters alone are not the world.
            self.world = World::default();
        }
    }

    /// Folds one frame in.
    fn take(&mut self, source: &mut impl Source, number: u64, entry: Entry) {
        match entry.kind {
            Kind::End | Kind::Unknown(_) => return,
            Kind::Damage => {
                self.in_step = false;
                return;
            }
            Kind::Update if !entry.keyframe && !self.in_step => return,
            Kind::Server | Kind::Request | Kind::Update | Kind::Lost => {}
        }
        let Ok(payload) = source.read(number) else {
            self.in_step = false;
            return;
        };
        match entry.kind {
            Kind::Server => self.meet(&payload),
            Kind::Request => self.note_request(&payload),
            Kind::Lost => {
                self.in_step = false;
                self.lost = Some(sanitize::message(&String::from_utf8_lossy(&payload)));
            }
            _ => match v1::Update::decode(&*payload) {
                Ok(update) => {
                    self.world.apply(sanitize::update(update), 0);
                    self.in_step = true;
                    self.bare = false;
                    #[cfg(test)]
                    {
                        self.decoded.0 += 1;
                    }
                }
                Err(_) => self.in_step = false,
            },
        }
    }

    /// Who is recorded. Another process is another world.
    fn meet(&mut self, payload: &[u8]) {
        self.in_step = false;
        let Ok(raw) = v1::DescribeResponse::decode(payload) else {
            return;
        };
        let server = sanitize::server(&raw);
        if !self
            .server
            .as_ref()
            .is_some_and(|old| old.is_same_process(&server))
        {
            self.world = World::default();
        }
        self.server = Some(server);
        self.lost = None;
    }

    fn note_request(&mut self, payload: &[u8]) {
        self.in_step = false;
        if let Ok(request) = v1::SubscribeRequest::decode(payload) {
            self.resources = request.resources;
        }
    }
}

/// The number of the frame where a seek to the frames before `end` begins.
fn beginning_for(source: &impl Source, end: u64) -> u64 {
    let frames = source.frames();
    let is_keyframe = |number: &u64| source.entry(*number).is_some_and(|entry| entry.keyframe);
    let before = (frames.start..end.min(frames.end)).rev().find(is_keyframe);
    before.unwrap_or(frames.start)
}
