//! Timers under loom: none is missed by a driver that goes to sleep, and each waker has one owner.

use std::sync::Arc as StdArc;

use super::*;
use crate::driver::testing::CountingWaker;
use loom::sync::{Arc, Notify};
use loom::thread;

const MS: Duration = Duration::from_millis(1);

/// A runtime's timers, with a clock that stands still, and its driver's bell.
struct Model {
    timers: Timers,
    bell: Notify,
}

impl Model {
    fn new(shards: usize) -> Arc<Model> {
        Arc::new(Model {
            timers: Timers::new(shards, true),
            bell: Notify::new(),
        })
    }

    fn unpark_if(&self, unpark: bool) {
        if unpark {
            self.bell.notify();
        }
    }

    /// Arms a timer; the driver is unparked if the timers say so.
    fn arm(&self, shard: u16, after: u32, waker: &Waker) -> Key {
        let deadline = self.timers.clock().now() + MS * after;
        match self.timers.arm(shard, deadline, waker) {
            Ok(Arm::Armed { key, unpark }) => {
                self.unpark_if(unpark);
                key
            }
            other => panic!("not armed: {other:?}"),
        }
    }

    /// The driver: sleeps again and again until it would wake up for a timer after so long. If it
    /// is not unparked from a longer sleep, loom reports a deadlock.
    fn sleep_until(&self, after: u32) {
        loop {
            let until = self.timers.begin_sleep();
            let in_time = until.is_some_and(|until| until <= MS * after);
            if !in_time {
                self.bell.wait();
            }
            self.timers.end_sleep();
            if in_time {
                return;
            }
        }
    }

    fn pass(&self, time: u32) {
        self.timers.clock().advance(MS * time).unwrap();
    }

    fn fire(&self) -> usize {
        let mut wakers = Wakers::new();
        self.timers.fire(&mut wakers);
        wakers.wake_all()
    }
}

/// In a thread of its own.
fn spawn<R: 'static>(
    model: &Arc<Model>,
    f: impl FnOnce(&Model) -> R + 'static,
) -> thread::JoinHandle<R> {
    let model = model.clone();
    thread::spawn(move || f(&model))
}

fn arming(model: &Arc<Model>, shard: u16, after: u32) -> thread::JoinHandle<Key> {
    spawn(model, move |model| model.arm(shard, after, Waker::noop()))
}

#[test]
fn loom_timer_armed_while_the_driver_goes_to_sleep_is_not_missed() {
    loom::model(|| {
        let model = Model::new(1);
        let other = arming(&model, 0, 5);
        model.sleep_until(5);
        other.join().unwrap();
        model.pass(5);
        assert_eq!(model.fire(), 1);
    });
}

/// In two shards: the driver must come to know the earlier one.
#[test]
fn loom_timers_of_two_shards_against_a_driver_going_to_sleep_are_not_missed() {
    loom::model(|| {
        let model = Model::new(2);
        let others = [arming(&model, 0, 9), arming(&model, 1, 5)];
        model.sleep_until(5);
        for other in others {
            other.join().unwrap();
        }
        model.pass(9);
        assert_eq!(model.fire(), 2);
    });
}

/// In one shard: whoever comes second relies on what the first stored, or lowers it.
#[test]
fn loom_timers_of_one_shard_against_a_driver_going_to_sleep_are_not_missed() {
    loom::model(|| {
        let model = Model::new(1);
        let others = [arming(&model, 0, 9), arming(&model, 0, 5)];
        model.sleep_until(5);
        for other in others {
            other.join().unwrap();
        }
        model.pass(9);
        assert_eq!(model.fire(), 2);
    });
}

/// The earliest timer is cancelled, which raises `next`, while another is armed.
#[test]
fn loom_cancelling_the_earliest_hides_no_other_timer() {
    loom::model(|| {
        let model = Model::new(1);
        let early = model.arm(0, 2, Waker::noop());
        let cancelling = spawn(&model, move |model| model.timers.cancel(0, early));
        let other = arming(&model, 0, 5);
        model.sleep_until(5);
        cancelling.join().unwrap();
        other.join().unwrap();
        model.sleep_until(5);
        model.pass(5);
        assert_eq!(model.fire(), 1);
    });
}

/// A timer is moved ahead while the driver goes to sleep.
#[test]
fn loom_timer_moved_ahead_while_the_driver_goes_to_sleep_is_not_missed() {
    loom::model(|| {
        let model = Model::new(1);
        let key = model.arm(0, 9, Waker::noop());
        let moving = spawn(&model, move |model| {
            let deadline = model.timers.clock().now() + MS * 5;
            match model.timers.rearm(0, key, deadline) {
                Rearm::Armed { unpark, .. } => model.unpark_if(unpark),
                _ => panic!("not armed"),
            }
        });
        model.sleep_until(5);
        moving.join().unwrap();
        model.pass(5);
        assert_eq!(model.fire(), 1);
    });
}

/// Exactly one of the two gets the waker.
#[test]
fn loom_cancel_against_fire_wakes_or_drops_the_waker() {
    loom::model(|| {
        let model = Model::new(1);
        let counter = CountingWaker::new();
        let key = model.arm(0, 5, &counter.waker());
        model.pass(5);
        let cancelling = spawn(&model, move |model| model.timers.cancel(0, key));
        let fired = model.fire();
        cancelling.join().unwrap();
        let snapshot = model.timers.snapshot();
        assert_eq!(snapshot.fired + snapshot.cancelled, 1);
        assert_eq!((snapshot.fired, snapshot.armed), (fired as u64, 0));
        assert_eq!(counter.count(), fired);
        assert_eq!(StdArc::strong_count(&counter), 1, "the waker is gone");
    });
}

/// A poll either finds that the timer has fired, or its waker is woken.
#[test]
fn loom_poll_with_another_waker_against_fire_is_ready_or_woken() {
    loom::model(|| {
        let model = Model::new(1);
        let (first, second) = (CountingWaker::new(), CountingWaker::new());
        let key = model.arm(0, 5, &first.waker());
        model.pass(5);
        let firing = spawn(&model, |model| model.fire());
        let polled = model.timers.poll(0, &key, &second.waker());
        assert_eq!(firing.join().unwrap(), 1);
        match polled {
            Ok(Poll::Ready(())) => assert_eq!((first.count(), second.count()), (1, 0)),
            Ok(Poll::Pending) => assert_eq!((first.count(), second.count()), (0, 1)),
            Err(ended) => panic!("{ended:?}"),
        }
        model.timers.cancel(0, key);
    });
}

/// Two turns at a time.
#[test]
fn loom_two_turns_fire_a_timer_once() {
    loom::model(|| {
        let model = Model::new(1);
        let counter = CountingWaker::new();
        let key = model.arm(0, 5, &counter.waker());
        model.pass(5);
        let other = spawn(&model, |model| model.fire());
        let here = model.fire();
        assert_eq!(here + other.join().unwrap(), 1);
        assert_eq!(counter.count(), 1);
        model.timers.cancel(0, key);
    });
}

/// A timer is either among those that the shutdown ends or refused.
#[test]
fn loom_arming_against_shutdown_is_refused_or_woken() {
    loom::model(|| {
        let model = Model::new(1);
        let counter = CountingWaker::new();
        let waker = counter.waker();
        let arming = spawn(&model, move |model| {
            let deadline = model.timers.clock().now() + MS;
            model.timers.arm(0, deadline, &waker).is_ok()
        });
        let mut wakers = Wakers::new();
        model.timers.shutdown(&mut wakers);
        let ended = wakers.wake_all();
        assert_eq!(usize::from(arming.join().unwrap()), ended);
        assert_eq!(counter.count(), ended);
    });
}
