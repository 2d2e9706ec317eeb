//! The readiness word of a source: what it is ready for, as far as anybody knows.
//!
//! | bits | meaning |
//! |---|---|
//! | 0–7 | [`Ready`] |
//! | 8 | reading was never tried: it may succeed although no event has come |
//! | 9 | the same of writing |
//! | 10 | the driver has been shut down |
//! | 32–63 | tick: number of events, modulo 2³² |
//!
//! Events are edges: the kernel tells once that data has arrived, then is silent until the source
//! has been drained and more arrives. So a bit may be cleared only by somebody who has seen the
//! source refuse *after* the latest event. [`clear`](Word::clear) takes the word as it was before
//! the attempt and does nothing if the tick has moved on: the newer event stays. (A false match
//! needs exactly 2³² events between one load and its clear.)
//!
//! All operations are Relaxed: the word carries no other memory. What must not be lost, a waker
//! against an event, is ordered by the waiters' mutex (see `scheduled_io`).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::io::{Interest, Ready};

/// Which way data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    /// The bits that end a wait in this direction.
    pub(crate) fn mask(self) -> Ready {
        match self {
            Direction::Read => Ready::READABLE | Ready::READ_CLOSED,
            Direction::Write => Ready::WRITABLE | Ready::WRITE_CLOSED,
        }
    }
}

const READ_UNTRIED: u64 = 1 << 8;
const WRITE_UNTRIED: u64 = 1 << 9;
const SHUTDOWN: u64 = 1 << 10;
const TICK: u32 = 32;

const _: () = assert!(Ready::ALL.bits() as u64 & (READ_UNTRIED | WRITE_UNTRIED | SHUTDOWN) == 0);

/// The word as it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) fn ready(self) -> Ready {
        Ready::from_bits(self.0 as u8)
    }

    pub(crate) fn is_shutdown(self) -> bool {
        self.0 & SHUTDOWN != 0
    }

    /// Whether an operation that needs one of `mask` is worth a system call.
    pub(crate) fn may_succeed(self, mask: Ready) -> bool {
        self.ready().intersects(mask) || self.0 & untried(mask) != 0
    }

    fn tick(self) -> u32 {
        (self.0 >> TICK) as u32
    }
}

fn untried(mask: Ready) -> u64 {
    let mut bits = 0;
    if mask.intersects(Ready::READABLE) {
        bits |= READ_UNTRIED;
    }
    if mask.intersects(Ready::WRITABLE) {
        bits |= WRITE_UNTRIED;
    }
    bits
}

#[derive(Debug)]
pub(super) struct Word(AtomicU64);

impl Word {
    /// A source that is ready for nothing. `untried`: one whose state is not known, so that the
    /// first operation goes straight to the system call.
    pub(super) fn new(untried_interest: Option<Interest>) -> Word {
        let bits = untried_interest.map_or(0, |i| untried(Ready::from_interest(i)));
        Word(AtomicU64::new(bits))
    }

    pub(super) fn load(&self) -> Seen {
        Seen(self.0.load(Ordering::Relaxed))
    }

    /// An event has come.
    pub(super) fn add(&self, ready: Ready) {
        self.update(|word| {
            let tick = Seen(word).tick().wrapping_add(1);
            let low = word & u64::from(u32::MAX);
            u64::from(tick) << TICK | low | u64::from(ready.bits())
        });
    }

    /// An operation that needs one of `mask` would have blocked, `seen` being the word before it.
    /// Closed stays closed.
    pub(super) fn clear(&self, seen: Seen, mask: Ready) {
        let gone = u64::from((mask - Ready::CLOSED).bits()) | untried(mask);
        self.update(|word| {
            if Seen(word).tick() == seen.tick() {
                word & !gone
            } else {
                word
            }
        });
    }

    pub(super) fn shutdown(&self) {
        self.0.fetch_or(SHUTDOWN, Ordering::Relaxed);
    }

    fn update(&self, f: impl Fn(u64) -> u64) {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let next = f(word);
            if next == word {
                return;
            }
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_after_a_newer_event_keeps_it() {
        let word = Word::new(None);
        word.add(Ready::READABLE);
        let seen = word.load();
        word.add(Ready::READABLE);
        word.clear(seen, Direction::Read.mask());
        assert_eq!(word.load().ready(), Ready::READABLE);
        word.clear(word.load(), Direction::Read.mask());
        assert_eq!(word.load().ready(), Ready::EMPTY);
    }

    #[test]
    fn clear_leaves_the_other_direction_and_closed_alone() {
        let word = Word::new(None);
        word.add(Ready::READABLE | Ready::WRITABLE | Ready::READ_CLOSED);
        word.clear(word.load(), Direction::Read.mask());
        assert_eq!(word.load().ready(), Ready::WRITABLE | Ready::READ_CLOSED);
        assert!(word.load().may_succeed(Direction::Read.mask()));
    }

    #[test]
    fn untried_direction_may_succeed_until_it_refused() {
        let word = Word::new(Some(Interest::READABLE | Interest::WRITABLE));
        assert!(word.load().ready().is_empty());
        assert!(word.load().may_succeed(Direction::Read.mask()));
        word.clear(word.load(), Direction::Read.mask());
        assert!(!word.load().may_succeed(Direction::Read.mask()));
        assert!(word.load().may_succeed(Direction::Write.mask()));
    }

    #[test]
    fn known_source_waits_for_its_first_event() {
        let word = Word::new(None);
        assert!(!word.load().may_succeed(Direction::Write.mask()));
    }

    #[test]
    fn shutdown_survives_events_and_clears() {
        let word = Word::new(None);
        word.shutdown();
        word.add(Ready::ALL);
        word.clear(word.load(), Ready::ALL);
        assert!(word.load().is_shutdown());
    }

    #[test]
    fn tick_wraps_without_touching_the_bits() {
        let word = Word(AtomicU64::new(u64::from(u32::MAX) << TICK | SHUTDOWN));
        word.add(Ready::WRITABLE);
        assert_eq!(word.load().tick(), 0);
        assert_eq!(word.load().ready(), Ready::WRITABLE);
        assert!(word.load().is_shutdown());
    }

    #[test]
    fn no_event_is_lost_between_clearing_and_setting_threads() {
        let word = Word::new(None);
        std::thread::scope(|s| {
            s.spawn(|| (0..20_000).for_each(|_| word.add(Ready::READABLE)));
            s.spawn(|| {
                for _ in 0..20_000 {
                    word.clear(word.load(), Direction::Read.mask());
                }
            });
        });
        // A clear only ever removes what it has seen: the ticks count every event.
        assert_eq!(word.load().tick(), 20_000);
        word.add(Ready::READABLE);
        assert!(word.load().ready().is_readable());
    }
}
