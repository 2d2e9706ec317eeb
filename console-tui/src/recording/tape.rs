//! A recording being played: a place on it, and whether and how fast it moves on.
//!
//! Pure but for reading the source; time that passes is passed in.

use super::{Kind, Player, Source};
use crate::state::model::{Query, Server};
use crate::state::playback::{Playback, Speed};
use crate::state::world::World;

/// What a user can do with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Play {
    /// Play or pause; at the end, play from the beginning.
    Toggle,
    /// So many seconds on or back.
    Step {
        seconds: i64,
    },
    Start,
    End,
    Faster,
    Slower,
}

/// What there is to see at one place.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) world: World,
    pub(crate) server: Option<Server>,
    /// Whether it tells what tasks wait for.
    pub(crate) resources: bool,
    pub(crate) playback: Playback,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Tape<S> {
    pub(crate) source: S,
    player: Player,
    /// Where the player is to be when it is looked at.
    at_ns: u64,
    playing: bool,
    speed: Speed,
    damage: Option<String>,
}

impl<S: Source> Tape<S> {
    /// One that stands at its beginning.
    pub(crate) fn new(source: S, damage: Option<String>) -> Tape<S> {
        let mut tape = Tape {
            source,
            player: Player::default(),
            at_ns: 0,
            playing: false,
            speed: Speed::default(),
            damage,
        };
        tape.at_ns = tape.span_ns().0;
        tape
    }

    pub(crate) fn playing(&self) -> bool {
        self.playing
    }

    /// Goes to a place, or as near as there is one.
    pub(crate) fn seek(&mut self, at_ns: u64) {
        let (start_ns, end_ns) = self.span_ns();
        self.at_ns = at_ns.clamp(start_ns, end_ns);
    }

    /// Forgets what was played, but not what is recorded.
    pub(crate) fn rest(&mut self) {
        self.player = Player::default();
    }

    pub(crate) fn perform(&mut self, play: Play) {
        let (start_ns, end_ns) = self.span_ns();
        match play {
            Play::Toggle => {
                self.playing = !self.playing;
                if self.playing && self.at_ns >= end_ns {
                    self.seek(start_ns);
                }
            }
            Play::Step { seconds } => {
                let step_ns = seconds.saturating_mul(1_000_000_000);
                self.seek(self.at_ns.saturating_add_signed(step_ns));
            }
            Play::Start => self.seek(start_ns),
            Play::End => self.seek(end_ns),
            Play::Faster => self.speed = self.speed.faster(),
            Play::Slower => self.speed = self.speed.slower(),
        }
    }

    /// So much time has passed. Stops at the end.
    pub(crate) fn pass(&mut self, elapsed_ns: u64) {
        if !self.playing {
            return;
        }
        let (_, end_ns) = self.span_ns();
        self.seek(self.at_ns.saturating_add(self.speed.of(elapsed_ns)));
        self.playing = self.at_ns < end_ns;
    }

    /// What there is to see here, with the rows that a query wants.
    pub(crate) fn moment(&mut self, query: &Query) -> Moment {
        self.player.seek(&mut self.source, self.at_ns);
        let (start_ns, end_ns) = self.span_ns();
        Moment {
            world: self.player.world().narrowed(query),
            server: self.player.server().cloned(),
            resources: self.player.resources(),
            playback: Playback {
                at_ns: self.at_ns,
                start_ns,
                end_ns,
                playing: self.playing,
                speed: self.speed,
                lost: self.player.lost().map(str::to_owned),
                damage: self.damage.clone(),
            },
        }
    }

    /// What the latest look decoded: updates, and counters of updates.
    #[cfg(test)]
    pub(super) fn decoded(&self) -> (u64, u64) {
        self.player.decoded
    }

    /// From the first update to the last frame.
    pub(crate) fn span_ns(&self) -> (u64, u64) {
        let frames = self.source.frames();
        let entry = |number| self.source.entry(number);
        let start = frames
            .clone()
            .filter_map(entry)
            .find(|entry| entry.kind == Kind::Update)
            .map_or(0, |entry| entry.at_ns);
        let end = frames.end.checked_sub(1).and_then(entry);
        (start, end.map_or(0, |entry| entry.at_ns).max(start))
    }
}
