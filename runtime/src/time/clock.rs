//! The clock that a runtime's timers go by: the system's, unless a test has frozen it.
//!
//! Frozen, it moves only by [`advance`](Clock::advance): called by the test, or by the driver
//! when the runtime has nothing else to do (see `Driver::park`). That is sound only where one
//! thread both runs the tasks and parks on the driver, so only on current-thread runtimes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Whether any clock of this process was ever frozen: programs that do not freeze time pay one
/// load of a line that is never written.
///
/// Relaxed: the thread that freezes a clock sees its own store, and no other thread may rely on
/// when it does.
static EVER_FROZEN: AtomicBool = AtomicBool::new(false);

/// Whether a clock other than the system's may apply.
#[inline]
pub(super) fn may_be_frozen() -> bool {
    EVER_FROZEN.load(Ordering::Relaxed)
}

#[derive(Debug)]
pub(crate) struct Clock {
    state: Mutex<State>,
    /// Blocking jobs that run now: they count as something to do.
    inhibitors: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
struct State {
    base: Instant,
    /// When, by the system's clock, it last began to run from `base`; `None` while frozen.
    running_since: Option<Instant>,
}

impl State {
    fn now(&self) -> Instant {
        self.running_since
            .map_or(self.base, |since| self.base + since.elapsed())
    }
}

/// A request to freeze, unfreeze or move that the clock's state does not allow, in words.
pub(super) type Refused = &'static str;

const NOT_FROZEN: Refused = "time is not frozen";

impl Clock {
    pub(crate) fn new(frozen: bool) -> Clock {
        let now = Instant::now();
        let running_since = if frozen { None } else { Some(now) };
        if frozen {
            EVER_FROZEN.store(true, Ordering::Relaxed);
        }
        Clock {
            state: Mutex::new(State {
                base: now,
                running_since,
            }),
            inhibitors: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        if may_be_frozen() {
            self.state.lock().now()
        } else {
            Instant::now()
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        may_be_frozen() && self.state.lock().running_since.is_none()
    }

    /// Whether the driver may move the frozen clock when there is nothing to do.
    pub(crate) fn may_auto_advance(&self) -> bool {
        self.is_frozen() && self.inhibitors.load(Ordering::Relaxed) == 0
    }

    /// A blocking job begins: while it runs the clock does not move by itself.
    pub(crate) fn inhibit_auto_advance(&self) {
        self.inhibitors.fetch_add(1, Ordering::Relaxed);
    }

    /// A blocking job has ended.
    pub(crate) fn allow_auto_advance(&self) {
        self.inhibitors.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn pause(&self) -> Result<(), Refused> {
        EVER_FROZEN.store(true, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.running_since.is_none() {
            return Err("time is already frozen");
        }
        *state = State {
            base: state.now(),
            running_since: None,
        };
        Ok(())
    }

    pub(super) fn resume(&self) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.running_since.is_some() {
            return Err(NOT_FROZEN);
        }
        state.running_since = Some(Instant::now());
        Ok(())
    }

    /// Moves a frozen clock.
    pub(crate) fn advance(&self, duration: Duration) -> Result<(), Refused> {
        let mut state = self.state.lock();
        if state.running_since.is_some() {
            return Err(NOT_FROZEN);
        }
        let Some(base) = state.base.checked_add(duration) else {
            return Err("the clock cannot be advanced that far");
        };
        state.base = base;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_clock_moves_only_when_told() {
        let clock = Clock::new(true);
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(60)).unwrap();
        assert_eq!(clock.now() - start, Duration::from_secs(60));
    }

    #[test]
    fn resumed_clock_runs_on_from_where_it_stood() {
        let clock = Clock::new(true);
        clock.advance(Duration::from_secs(60)).unwrap();
        let stood = clock.now();
        clock.resume().unwrap();
        assert!(clock.now() >= stood);
        assert!(clock.advance(Duration::ZERO).is_err());
        clock.pause().unwrap();
        assert_eq!(clock.pause(), Err("time is already frozen"));
        assert!(clock.now() >= stood);
    }

    #[test]
    fn blocking_jobs_hold_the_frozen_clock() {
        let clock = Clock::new(true);
        assert!(clock.may_auto_advance());
        clock.inhibit_auto_advance();
        assert!(!clock.may_auto_advance());
        clock.allow_auto_advance();
        assert!(clock.may_auto_advance());
        clock.resume().unwrap();
        assert!(!clock.may_auto_advance());
    }

    #[test]
    fn advance_beyond_the_end_of_time_is_refused() {
        let clock = Clock::new(true);
        assert!(clock.advance(Duration::MAX).is_err());
    }
}
