//! The world at a moment of a recording.
//!
//! A seek begins at a keyframe somewhat before the moment, so that rates and the workers' lanes are
//! there as if one had watched. Then updates are folded in as they came, through the same door as
//! live ones: what a recording holds is believed as little as what a server sends. After damage,
//! and after the connection was lost, updates that build on what is missing are left out until the
//! next keyframe.

use prost::Message as _;
use zokio_console_proto::v1;

use super::{Entry, Kind, Source};
use crate::sanitize;
use crate::state::model::Server;
use crate::state::world::World;

/// How long before the moment a seek begins: what a wide screen shows of the workers' lanes.
const WARM_UP_NS: u64 = 40_000_000_000;

/// But no more updates than that, for recordings that have more of them.
const MAX_WARM_UP: u64 = 2_000;

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
        let begin = beginning_for(source, at_ns);
        let can_run_on = |next: u64| at_ns >= self.at_ns && next >= begin;
        if !self.next.is_some_and(can_run_on) {
            self.begin(source, begin);
        }
        self.run_to(source, at_ns);
    }

    /// Forgets everything, and knows of what came before `number` only whose recording it is.
    fn begin(&mut self, source: &mut impl Source, number: u64) {
        *self = Player {
            next: Some(number),
            ..Player::default()
        };
        if let Ok(Some(payload)) = source.last_before(Kind::Server, number) {
            self.meet(&payload);
        }
        if let Ok(Some(payload)) = source.last_before(Kind::Request, number) {
            self.note_request(&payload);
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

/// The number of the frame where a seek to `at_ns` begins.
fn beginning_for(source: &impl Source, at_ns: u64) -> u64 {
    let frames = source.frames();
    let end = source.first_after(at_ns);
    let warm_up = source.first_after(at_ns.saturating_sub(WARM_UP_NS));
    let latest = warm_up.max(end.saturating_sub(MAX_WARM_UP));
    let is_keyframe = |number: &u64| source.entry(*number).is_some_and(|entry| entry.keyframe);
    let before = (frames.start..latest.min(frames.end))
        .rev()
        .find(is_keyframe);
    before.unwrap_or(frames.start)
}
