//! Whether it pays to stay awake for a moment when there is nothing to do.
//!
//! Going to sleep and being woken costs more than ten microseconds, most of it paid by the thread
//! that wakes. A thread that looks around for a few microseconds instead saves that if something
//! comes, and wastes CPU time if not. Whether something comes is a matter of the load, so each
//! place that may stay awake learns: after failures in a row it tries less and less often.

/// Looks in one turn.
const LOOKS: usize = 800;
/// Looks between two times that another thread may have the processor.
const LOOKS_A_YIELD: usize = 16;

/// What a place has learned.
#[derive(Debug, Default)]
pub(crate) struct Heat {
    /// Turns without success, less those with; at most [`MOST`](Heat::MOST).
    failures: u32,
    /// Turns to leave out.
    skip: u32,
}

impl Heat {
    /// With so many failures one turn in `1 << MOST` is taken.
    const MOST: u32 = 7;

    /// Whether to try this time. If so, [`learn`](Heat::learn) comes next.
    #[inline]
    pub(crate) fn is_worth_it(&mut self) -> bool {
        if self.skip == 0 {
            return true;
        }
        self.skip -= 1;
        false
    }

    pub(crate) fn learn(&mut self, success: bool) {
        if success {
            self.failures = self.failures.saturating_sub(1);
        } else {
            self.failures = (self.failures + 1).min(Heat::MOST);
            self.skip = (1 << self.failures) - 1;
        }
    }
}

/// Looks again and again for some tens of microseconds, as long as a sleeping thread takes to
/// answer; true as soon as `look`, which is told how often it has been called, is.
///
/// Now and then it lets another thread have the processor: the kernel likes to put a thread that
/// was just woken where its waker runs, and that is here.
pub(crate) fn look_around(look: impl Fn(usize) -> bool) -> bool {
    for round in 1..=LOOKS {
        if look(round) {
            return true;
        }
        if round.is_multiple_of(LOOKS_A_YIELD) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns_taken(heat: &mut Heat, turns: usize, success: bool) -> usize {
        let mut taken = 0;
        for _ in 0..turns {
            if heat.is_worth_it() {
                heat.learn(success);
                taken += 1;
            }
        }
        taken
    }

    #[test]
    fn as_long_as_it_pays_every_turn_is_taken() {
        assert_eq!(turns_taken(&mut Heat::default(), 1000, true), 1000);
    }

    #[test]
    fn without_success_it_is_tried_ever_less() {
        let mut heat = Heat::default();
        assert!(turns_taken(&mut heat, 1000, false) < 20);
        let rare = turns_taken(&mut heat, 10_000, false);
        assert!((70..90).contains(&rare), "{rare}");
    }

    #[test]
    fn success_brings_it_back() {
        let mut heat = Heat::default();
        turns_taken(&mut heat, 10_000, false);
        turns_taken(&mut heat, 1_000, true);
        assert_eq!(turns_taken(&mut heat, 100, true), 100);
    }
}
