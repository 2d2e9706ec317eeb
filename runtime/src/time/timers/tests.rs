use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::driver::testing::CountingWaker;
use crate::telemetry::is_enabled;

const MS: Duration = Duration::from_millis(1);

fn armed(
    timers: &Timers,
    shard: u16,
    after: Duration,
    counter: &std::sync::Arc<CountingWaker>,
) -> Key {
    let deadline = timers.clock().now() + after;
    match timers.arm(shard, deadline, &counter.waker()) {
        Ok(Arm::Armed { key, .. }) => key,
        other => panic!("not armed: {other:?}"),
    }
}

fn fire(timers: &Timers) -> usize {
    let mut wakers = Wakers::new();
    let fired = timers.fire(&mut wakers);
    assert_eq!(wakers.wake_all(), fired);
    fired
}

#[test]
fn fraction_of_a_tick_rounds_up() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let _key = armed(&timers, 0, Duration::from_micros(1500), &counter);
    timers.clock().advance(Duration::from_micros(1999)).unwrap();
    assert_eq!(fire(&timers), 0);
    timers.clock().advance(Duration::from_micros(1)).unwrap();
    assert_eq!(fire(&timers), 1);
    assert_eq!(counter.count(), 1);
}

#[test]
fn passed_deadline_is_due_at_once() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let now = timers.clock().now();
    assert_eq!(timers.arm(0, now, &counter.waker()), Ok(Arm::Due));
    assert_eq!(timers.snapshot().armed, 0);
}

#[test]
fn all_shards_are_fired_by_one_turn() {
    let timers = Timers::new(3, true);
    let counter = CountingWaker::new();
    let keys: Vec<Key> = (0..3)
        .map(|s| armed(&timers, s, MS * 5, &counter))
        .collect();
    timers.clock().advance(MS * 5).unwrap();
    assert_eq!(fire(&timers), 3);
    for (shard, key) in (0..).zip(&keys) {
        assert!(timers.has_fired(shard, key));
    }
    let snapshot = timers.snapshot();
    assert_eq!((snapshot.armed, snapshot.cancelled), (0, 0));
    assert_eq!(snapshot.fired, 3 * u64::from(is_enabled()));
}

#[test]
fn sleeping_driver_is_unparked_for_an_earlier_timer_only() {
    let timers = Timers::new(2, true);
    let counter = CountingWaker::new();
    let now = timers.clock().now();
    let arm = |shard, after| match timers.arm(shard, now + after, &counter.waker()) {
        Ok(Arm::Armed { unpark, .. }) => unpark,
        other => panic!("not armed: {other:?}"),
    };
    assert!(!arm(0, MS * 100), "awake: nobody to unpark");
    assert_eq!(timers.begin_sleep(), Some(MS * 100));
    assert!(!arm(1, MS * 200));
    assert!(arm(1, MS * 50));
    assert!(!arm(1, MS * 60));
    timers.end_sleep();
    assert_eq!(timers.begin_sleep(), Some(MS * 50));
}

#[test]
fn driver_without_timers_sleeps_without_bound_and_is_unparked_for_the_first() {
    let timers = Timers::new(1, true);
    assert_eq!(timers.begin_sleep(), None);
    let deadline = timers.clock().now() + MS;
    let arm = timers.arm(0, deadline, Waker::noop());
    assert!(matches!(arm, Ok(Arm::Armed { unpark: true, .. })));
}

#[test]
fn cancelling_the_earliest_lets_the_driver_sleep_longer() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let first = armed(&timers, 0, MS * 10, &counter);
    let _second = armed(&timers, 0, MS * 40, &counter);
    timers.cancel(0, first);
    assert_eq!(timers.begin_sleep(), Some(MS * 40));
    assert_eq!(timers.snapshot().cancelled, u64::from(is_enabled()));
}

#[test]
fn moved_timer_keeps_its_waker() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let key = armed(&timers, 0, MS * 100, &counter);
    let sooner = timers.clock().now() + MS * 5;
    let Rearm::Armed { key, .. } = timers.rearm(0, key, sooner) else {
        panic!("not armed")
    };
    timers.clock().advance(MS * 5).unwrap();
    assert_eq!(fire(&timers), 1);
    assert_eq!(counter.count(), 1);
    assert!(matches!(timers.rearm(0, key, sooner), Rearm::Over));
}

#[test]
fn timer_moved_into_the_past_is_due() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let key = armed(&timers, 0, MS * 100, &counter);
    let Rearm::Due(waker) = timers.rearm(0, key, timers.clock().now()) else {
        panic!("not due")
    };
    waker.wake();
    assert_eq!(counter.count(), 1);
    assert_eq!(timers.begin_sleep(), None);
}

#[test]
fn latest_waker_is_woken() {
    let timers = Timers::new(1, true);
    let (first, second) = (CountingWaker::new(), CountingWaker::new());
    let key = armed(&timers, 0, MS, &first);
    assert_eq!(timers.poll(0, &key, &second.waker()), Ok(Poll::Pending));
    timers.clock().advance(MS).unwrap();
    fire(&timers);
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(timers.poll(0, &key, &second.waker()), Ok(Poll::Ready(())));
}

#[test]
fn shutdown_wakes_all_and_refuses_new_timers() {
    let timers = Timers::new(2, true);
    let counter = CountingWaker::new();
    let key = armed(&timers, 0, MS, &counter);
    let mut wakers = Wakers::new();
    timers.shutdown(&mut wakers);
    assert_eq!(wakers.wake_all(), 1);
    assert_eq!(timers.poll(0, &key, Waker::noop()), Err(Ended));
    let later = timers.clock().now() + MS;
    assert_eq!(timers.arm(1, later, Waker::noop()), Err(Ended));
    timers.cancel(0, key);
    assert_eq!(timers.snapshot().armed, 0);
}

#[test]
fn deadline_before_the_runtime_and_far_future_are_fine() {
    let timers = Timers::new(1, true);
    let far = timers.clock().now() + Duration::from_secs(86_400 * 365 * 500);
    let arm = timers.arm(0, far, Waker::noop());
    assert!(matches!(arm, Ok(Arm::Armed { .. })));
    assert_eq!(
        timers.arm(0, timers.origin - MS, Waker::noop()),
        Ok(Arm::Due)
    );
    timers
        .clock()
        .advance(Duration::from_secs(86_400 * 365 * 499))
        .unwrap();
    assert_eq!(fire(&timers), 0);
}

#[test]
fn arming_threads_and_a_sleeping_driver_lose_no_timer() {
    let timers = Timers::new(2, true);
    let now = timers.clock().now();
    for round in 1..2_000u32 {
        let bell = std::sync::atomic::AtomicBool::new(false);
        let (key, slept_until) = std::thread::scope(|s| {
            let arming = s.spawn(|| {
                let deadline = now + MS * 1_000 - MS * (round % 900);
                match timers.arm(0, deadline, Waker::noop()) {
                    Ok(Arm::Armed { key, unpark }) => {
                        bell.store(unpark, Ordering::Relaxed);
                        key
                    }
                    other => panic!("not armed: {other:?}"),
                }
            });
            let slept_until = timers.begin_sleep();
            (arming.join().unwrap(), slept_until)
        });
        assert!(
            slept_until.is_some() || bell.load(Ordering::Relaxed),
            "round {round}"
        );
        timers.end_sleep();
        timers.cancel(0, key);
    }
}

#[test]
fn farthest_moment_is_armed_and_cancelled() {
    let timers = Timers::new(1, true);
    let mut far = Duration::from_secs(u64::MAX);
    let deadline = loop {
        match timers.clock().now().checked_add(far) {
            Some(deadline) => break deadline,
            None => far /= 2,
        }
    };
    let Ok(Arm::Armed { key, .. }) = timers.arm(0, deadline, Waker::noop()) else {
        panic!("not armed")
    };
    assert!(timers.begin_sleep().is_some());
    timers.end_sleep();
    timers.cancel(0, key);
    assert_eq!(timers.begin_sleep(), None);
}

#[test]
fn driver_sleeps_no_longer_than_until_the_tick() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    timers.clock().advance(Duration::from_micros(300)).unwrap();
    let _key = armed(&timers, 0, Duration::from_micros(1_900), &counter);
    // Due at 2.2 ms, so at the tick of 3 ms, which is 2.7 ms away.
    assert_eq!(timers.begin_sleep(), Some(Duration::from_micros(2_700)));
}

#[test]
fn lateness_is_reckoned_from_the_deadline() {
    let timers = Timers::new(1, true);
    let counter = CountingWaker::new();
    let _key = armed(&timers, 0, Duration::from_micros(1_500), &counter);
    timers.clock().advance(MS * 10).unwrap();
    assert_eq!(fire(&timers), 1);
    if is_enabled() {
        assert_eq!(timers.snapshot().lateness.max_ns, 8_500_000);
    }
}

#[test]
fn shards_beyond_the_workers_are_the_foreign_one() {
    let timers = Timers::new(3, true);
    let shards = [Some(0), Some(1), Some(2), Some(9), None].map(|w| timers.shard_of(w));
    assert_eq!(shards, [0, 1, 2, 2, 2]);
}

#[derive(Debug, Clone)]
enum Step {
    Arm { shard: u16, after_us: u64 },
    Move { which: usize, after_us: u64 },
    Cancel { which: usize },
    Advance { us: u64 },
}

fn microseconds() -> impl Strategy<Value = u64> {
    prop_oneof![0..3_000_u64, 0..200_000_u64, 0..400_000_000_u64]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u16, microseconds()).prop_map(|(shard, after_us)| Step::Arm { shard, after_us }),
        2 => (any::<usize>(), microseconds())
            .prop_map(|(which, after_us)| Step::Move { which, after_us }),
        1 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        3 => microseconds().prop_map(|us| Step::Advance { us }),
    ];
    prop::collection::vec(step, 1..100)
}

/// A timer as the user knows it: when it is due, in microseconds since the beginning, and the
/// wakes that its waker has counted.
struct Known {
    shard: u16,
    key: Key,
    due_us: u64,
    wakes: std::sync::Arc<CountingWaker>,
}

/// The test's side of `no_timer_fires_early_or_late_or_twice`.
struct World {
    timers: Timers,
    start: Instant,
    now_us: u64,
    waiting: BTreeMap<usize, Known>,
}

impl World {
    fn new() -> World {
        let timers = Timers::new(3, true);
        World {
            start: timers.clock().now(),
            timers,
            now_us: 0,
            waiting: BTreeMap::new(),
        }
    }

    fn pick(&mut self, which: usize) -> Option<(usize, Known)> {
        let place = which.checked_rem(self.waiting.len())?;
        let id = *self.waiting.keys().nth(place)?;
        self.waiting.remove(&id).map(|known| (id, known))
    }

    fn deadline(&self, due_us: u64) -> Instant {
        self.start + Duration::from_micros(due_us)
    }

    fn take(&mut self, id: usize, step: Step) {
        match step {
            Step::Arm { shard, after_us } => {
                let (wakes, due_us) = (CountingWaker::new(), self.now_us + after_us);
                match self
                    .timers
                    .arm(shard, self.deadline(due_us), &wakes.waker())
                {
                    Ok(Arm::Due) => assert_eq!(after_us, 0),
                    Ok(Arm::Armed { key, .. }) => {
                        assert!(after_us > 0);
                        let known = Known {
                            shard,
                            key,
                            due_us,
                            wakes,
                        };
                        self.waiting.insert(id, known);
                    }
                    Err(Ended) => panic!("not shut down"),
                }
            }
            Step::Move { which, after_us } => {
                let Some((id, mut known)) = self.pick(which) else {
                    return;
                };
                known.due_us = self.now_us + after_us;
                let deadline = self.deadline(known.due_us);
                match self.timers.rearm(known.shard, known.key, deadline) {
                    Rearm::Over => panic!("it waits"),
                    Rearm::Due(_) => assert_eq!(after_us, 0),
                    Rearm::Armed { key, .. } => {
                        assert!(after_us > 0);
                        known.key = key;
                        self.waiting.insert(id, known);
                    }
                }
            }
            Step::Cancel { which } => {
                if let Some((_, known)) = self.pick(which) {
                    self.timers.cancel(known.shard, known.key);
                    assert_eq!(known.wakes.count(), 0);
                }
            }
            Step::Advance { us } => self.advance(us),
        }
    }

    fn advance(&mut self, us: u64) {
        self.now_us += us;
        self.timers
            .clock()
            .advance(Duration::from_micros(us))
            .unwrap();
        let fired = fire(&self.timers);
        let tick = self.now_us / 1_000;
        let (due, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(_, known)| known.due_us.div_ceil(1_000) <= tick);
        assert_eq!(fired, due.len());
        for (_, known) in due {
            assert_eq!(known.wakes.count(), 1);
            assert!(self.timers.has_fired(known.shard, &known.key));
            self.timers.cancel(known.shard, known.key);
        }
        for (_, known) in &waiting {
            assert_eq!(known.wakes.count(), 0);
            assert!(!self.timers.has_fired(known.shard, &known.key));
        }
        self.waiting = waiting.into_iter().collect();
    }

    /// The driver must not sleep past the earliest timer; it may wake before.
    fn check_sleep(&self) {
        let earliest = self
            .waiting
            .values()
            .map(|known| known.due_us.div_ceil(1_000))
            .min();
        let sleep = self.timers.begin_sleep();
        self.timers.end_sleep();
        match (sleep, earliest) {
            (None, None) => {}
            (Some(sleep), Some(tick)) => {
                let wake_us = self.now_us + sleep.as_micros() as u64;
                assert!(wake_us <= tick * 1_000, "{wake_us} for tick {tick}");
            }
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    /// Armed, moved and cancelled in whatever order, on three shards, between the ticks.
    #[test]
    fn no_timer_fires_early_or_late_or_twice(steps in steps()) {
        let mut world = World::new();
        for (id, step) in steps.into_iter().enumerate() {
            world.take(id, step);
            world.check_sleep();
        }
        world.advance(1 << 40);
        prop_assert!(world.waiting.is_empty());
        prop_assert_eq!(world.timers.snapshot().armed, 0);
    }
}
