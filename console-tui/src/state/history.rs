//! What the workers did lately, in bounded memory.
//!
//! [`Rates`] turn two readings of a counter into events a second over the last half to whole
//! second: readings of 100 ms apart jump too much to be read. [`Lane`] keeps the share of each
//! state in slices of time; one slice is one column on the screen.

use std::collections::VecDeque;

use super::model::Worker;

/// Slices that a lane keeps: 5 minutes at the shortest slice. 3 bytes each.
pub(crate) const LANE_SLICES: usize = 1_200;

/// Shortest time that a slice covers.
pub(crate) const SLICE_NS: u64 = 250_000_000;

/// Time after which a new reading may become the base of the rates.
const RATE_BASE_NS: u64 = 500_000_000;

/// Shares of one slice of time, in 1/200; what is missing to 200 is time detached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slice {
    busy: u8,
    searching: u8,
    parked: u8,
}

impl Slice {
    fn new(times: &StateTimes) -> Slice {
        let total = times.total();
        let part = |ns: u64| (crate::format::share(ns, total) * 200.0).round() as u8;
        Slice {
            busy: part(times.busy_ns),
            searching: part(times.searching_ns),
            parked: part(times.parked_ns),
        }
    }

    /// Share of the time spent running tasks.
    pub(crate) fn busy(self) -> f64 {
        f64::from(self.busy) / 200.0
    }

    /// Share of the time spent looking for work.
    pub(crate) fn searching(self) -> f64 {
        f64::from(self.searching) / 200.0
    }

    /// Share of the time spent asleep.
    pub(crate) fn parked(self) -> f64 {
        f64::from(self.parked) / 200.0
    }
}

/// Time in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StateTimes {
    pub(crate) busy_ns: u64,
    pub(crate) searching_ns: u64,
    pub(crate) parked_ns: u64,
    pub(crate) detached_ns: u64,
}

impl StateTimes {
    pub(crate) fn of(worker: &Worker) -> StateTimes {
        StateTimes {
            busy_ns: worker.busy_ns,
            searching_ns: worker.searching_ns,
            parked_ns: worker.parked_ns,
            detached_ns: worker.detached_ns,
        }
    }

    pub(crate) fn since(&self, earlier: &StateTimes) -> StateTimes {
        StateTimes {
            busy_ns: self.busy_ns.saturating_sub(earlier.busy_ns),
            searching_ns: self.searching_ns.saturating_sub(earlier.searching_ns),
            parked_ns: self.parked_ns.saturating_sub(earlier.parked_ns),
            detached_ns: self.detached_ns.saturating_sub(earlier.detached_ns),
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.busy_ns
            .saturating_add(self.searching_ns)
            .saturating_add(self.parked_ns)
            .saturating_add(self.detached_ns)
    }
}

/// The last slices of one worker, the newest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lane {
    slices: VecDeque<Slice>,
    start: Option<StateTimes>,
}

impl Lane {
    /// Takes note of a worker's times; closes the slice once it is long enough.
    pub(crate) fn note(&mut self, times: StateTimes) {
        let Some(start) = self.start else {
            self.start = Some(times);
            return;
        };
        let delta = times.since(&start);
        if times.total() < start.total() {
            // The clock ran back: begin anew rather than show nonsense.
            self.start = Some(times);
        } else if delta.total() >= SLICE_NS {
            if self.slices.len() == LANE_SLICES {
                self.slices.pop_front();
            }
            self.slices.push_back(Slice::new(&delta));
            self.start = Some(times);
        }
    }

    /// The last `n` slices, oldest first.
    pub(crate) fn last(&self, n: usize) -> impl ExactSizeIterator<Item = Slice> + '_ {
        self.slices
            .iter()
            .skip(self.slices.len().saturating_sub(n))
            .copied()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.slices.len()
    }
}

/// Events a second and state shares between two readings of a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct WorkerRates {
    pub(crate) polls: f64,
    pub(crate) steals: f64,
    pub(crate) stolen_tasks: f64,
    pub(crate) parks: f64,
    pub(crate) busy: f64,
    pub(crate) searching: f64,
    pub(crate) parked: f64,
}

impl WorkerRates {
    /// Rates from an earlier to a later reading of the same worker.
    pub(crate) fn between(earlier: &Worker, later: &Worker, elapsed_ns: u64) -> WorkerRates {
        let per_second = |now: u64, then: u64| per_second(now.saturating_sub(then), elapsed_ns);
        let times = StateTimes::of(later).since(&StateTimes::of(earlier));
        let share = |ns| crate::format::share(ns, times.total());
        WorkerRates {
            polls: per_second(later.polls, earlier.polls),
            steals: per_second(later.steals, earlier.steals),
            stolen_tasks: per_second(later.stolen_tasks, earlier.stolen_tasks),
            parks: per_second(later.parks, earlier.parks),
            busy: share(times.busy_ns),
            searching: share(times.searching_ns),
            parked: share(times.parked_ns),
        }
    }
}

/// `n` events in `elapsed_ns`, as events a second.
pub(crate) fn per_second(n: u64, elapsed_ns: u64) -> f64 {
    if elapsed_ns == 0 {
        0.0
    } else {
        n as f64 * 1e9 / elapsed_ns as f64
    }
}

/// Keeps two readings so that there always is one between half and a whole second old (or the
/// first one there was).
#[derive(Debug, Clone)]
pub(crate) struct Rates<T> {
    base: (u64, T),
    next: (u64, T),
}

impl<T: Clone> Rates<T> {
    pub(crate) fn new(at_ns: u64, reading: T) -> Rates<T> {
        Rates {
            base: (at_ns, reading.clone()),
            next: (at_ns, reading),
        }
    }

    /// The reading to compare one of `at_ns` with, and how long ago that was; notes `reading`
    /// as a future base.
    pub(crate) fn base(&mut self, at_ns: u64, reading: &T) -> (T, u64) {
        if at_ns < self.next.0 {
            *self = Rates::new(at_ns, reading.clone());
        } else if at_ns - self.next.0 >= RATE_BASE_NS {
            self.base = std::mem::replace(&mut self.next, (at_ns, reading.clone()));
        }
        (self.base.1.clone(), at_ns - self.base.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(busy_ms: u64, parked_ms: u64) -> StateTimes {
        StateTimes {
            busy_ns: busy_ms * 1_000_000,
            parked_ns: parked_ms * 1_000_000,
            ..StateTimes::default()
        }
    }

    #[test]
    fn a_slice_holds_the_shares_of_its_time() {
        let mut lane = Lane::default();
        lane.note(times(1_000, 1_000));
        lane.note(times(1_100, 1_000));
        assert_eq!(lane.len(), 0, "100 ms are not a slice yet");
        lane.note(times(1_300, 1_100));
        let slice = lane.last(10).next().unwrap();
        assert_eq!(
            (slice.busy(), slice.searching(), slice.parked()),
            (0.75, 0.0, 0.25)
        );
    }

    #[test]
    fn a_lane_is_bounded_and_survives_time_running_back() {
        let mut lane = Lane::default();
        for i in 0..5_000 {
            lane.note(times(i * 300, 0));
        }
        assert_eq!(lane.len(), LANE_SLICES);
        lane.note(times(0, 0));
        lane.note(times(u64::MAX / 1_000_000, 0));
        assert_eq!(lane.len(), LANE_SLICES);
        assert_eq!(lane.last(3).len(), 3);
    }

    #[test]
    fn rates_look_back_between_half_and_one_second() {
        let mut rates = Rates::new(0, 0u64);
        for step in 1..=40u64 {
            let at_ns = step * 100_000_000;
            let (base, elapsed_ns) = rates.base(at_ns, &step);
            assert_eq!(step - base, elapsed_ns / 100_000_000);
            if step > 5 {
                assert!(
                    (500_000_000..=1_000_000_000).contains(&elapsed_ns),
                    "{elapsed_ns}"
                );
            }
        }
        assert_eq!(rates.base(5, &7), (7, 0), "time ran back");
    }

    #[test]
    fn rates_of_counters_that_ran_back_are_zero() {
        let earlier = Worker {
            polls: 100,
            ..Worker::default()
        };
        let rates = WorkerRates::between(&earlier, &Worker::default(), 1_000);
        assert_eq!(rates, WorkerRates::default());
    }
}
