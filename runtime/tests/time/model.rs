//! Timers of many tasks against what arithmetic says.

use proptest::prelude::*;
use zokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use crate::{MS, frozen};

/// What one task does, in microseconds.
#[derive(Debug, Clone)]
struct Plan {
    sleeps: Vec<u64>,
    /// The deadline that a pending sleep is moved to, counted from its beginning.
    moved_to: Option<u64>,
    bound: u64,
}

fn microseconds() -> impl Strategy<Value = u64> {
    prop_oneof![0..2_500_u64, 0..90_000_u64, 0..9_000_000_u64]
}

fn plan() -> impl Strategy<Value = Plan> {
    let sleeps = prop::collection::vec(microseconds(), 0..5);
    (sleeps, prop::option::of(microseconds()), microseconds()).prop_map(
        |(sleeps, moved_to, bound)| Plan {
            sleeps,
            moved_to,
            bound,
        },
    )
}

/// A moment is met if the clock stands at it or less than a tick after.
fn assert_met(deadline: Instant) {
    let now = Instant::now();
    assert!(now >= deadline, "early by {:?}", deadline - now);
    assert!(now - deadline < MS, "late by {:?}", now - deadline);
}

impl Plan {
    async fn follow(self) {
        for micros in self.sleeps {
            let duration = Duration::from_micros(micros);
            let deadline = Instant::now() + duration;
            sleep(duration).await;
            assert_met(deadline);
        }
        if let Some(micros) = self.moved_to {
            let begin = Instant::now();
            let mut nap = Box::pin(sleep_until(begin + MS * 5_000));
            zokio::select! {
                biased;
                () = &mut nap => panic!("before it was moved"),
                () = zokio::task::yield_now() => {}
            }
            let deadline = begin + Duration::from_micros(micros);
            nap.as_mut().reset(deadline);
            nap.await;
            assert_met(deadline.max(begin));
        }
        let bound = Duration::from_micros(self.bound);
        let deadline = Instant::now() + bound;
        assert!(timeout(bound, std::future::pending::<()>()).await.is_err());
        assert_met(deadline);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_timer_of_every_task_is_met_within_a_tick(
        plans in prop::collection::vec(plan(), 1..30),
    ) {
        frozen().block_on(async {
            let tasks: Vec<_> = plans.into_iter().map(|plan| zokio::spawn(plan.follow())).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}
