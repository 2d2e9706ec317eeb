//! The state word under loom.

#![expect(unsafe_code, reason = "loom's cells, which report every race")]

use super::*;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::thread;

/// Reads what the protocol says is this thread's to read; loom reports a race if it is not.
fn get(cell: &UnsafeCell<u32>) -> u32 {
    // SAFETY: loom checks that nobody writes meanwhile.
    cell.with(|value| unsafe { *value })
}

/// Writes what the protocol says is this thread's to write.
fn set(cell: &UnsafeCell<u32>, to: u32) {
    // SAFETY: loom checks that nobody accesses it meanwhile.
    cell.with_mut(|value| unsafe { *value = to });
}

/// Two wakers against one poll: the right to run is never held twice and never lost, and the
/// last poll sees both payloads.
#[test]
fn loom_two_wakes_against_a_poll_are_never_lost() {
    loom::model(|| {
        let state = Arc::new(State::new());
        let flags = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let enqueued = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let (state, flags, enqueued) = (state.clone(), flags.clone(), enqueued.clone());
                thread::spawn(move || {
                    flags[i].store(1, Ordering::Relaxed);
                    if state.wake().0 == Wake::Schedule {
                        enqueued.fetch_add(1, Ordering::AcqRel);
                    }
                })
            })
            .collect();
        // The poll that the spawn scheduled.
        let mut seen_flags;
        let mut rights = 1;
        loop {
            let seen = state.begin_poll().0;
            seen_flags = flags
                .iter()
                .map(|f| f.load(Ordering::Relaxed))
                .sum::<usize>();
            match state.after_poll(seen, 0) {
                AfterPoll::Scheduled => continue,
                AfterPoll::Idle => {}
                AfterPoll::Cancelled => unreachable!(),
            }
            rights -= 1;
            if enqueued.swap(0, Ordering::AcqRel) == 1 {
                rights += 1;
                continue;
            }
            assert_eq!(rights, 0);
            break;
        }
        for thread in threads {
            thread.join().unwrap();
        }
        if enqueued.load(Ordering::Acquire) == 1 {
            let seen = state.begin_poll().0;
            seen_flags = flags
                .iter()
                .map(|f| f.load(Ordering::Relaxed))
                .sum::<usize>();
            assert!(matches!(state.after_poll(seen, 0), AfterPoll::Idle));
        }
        assert_eq!(seen_flags, 2);
    });
}

/// The join handle sets its waker or is dropped while the task completes: output and waker
/// have one owner each.
#[test]
fn loom_join_waker_against_completion_has_one_owner() {
    loom::model(|| {
        let state = Arc::new(State::new());
        let waker = Arc::new(UnsafeCell::new(0));
        let output = Arc::new(UnsafeCell::new(0));
        let completer = {
            let (state, waker, output) = (state.clone(), waker.clone(), output.clone());
            thread::spawn(move || {
                set(&output, 7);
                match state.complete() {
                    Completion::DropOutput => set(&output, 0),
                    Completion::Nothing => {}
                    Completion::WakeJoiner => {
                        assert_eq!(get(&waker), 1);
                        if state.join_waker_done() {
                            set(&waker, 2);
                        }
                    }
                }
            })
        };
        set(&waker, 1);
        if !state.set_join_waker() {
            assert_eq!(get(&output), 7);
        }
        let dropped = state.drop_join_handle();
        if dropped.drop_waker {
            set(&waker, 2);
        }
        if dropped.drop_output {
            set(&output, 0);
        }
        completer.join().unwrap();
        assert_eq!(get(&waker), 2);
        assert_eq!(get(&output), 0);
    });
}

/// A task whose count of wakes is at the mark.
fn at_mark() -> State {
    State(AtomicU64::new(
        (3 * REF_ONE) | JOIN_INTEREST | (COUNT_MARK * WAKE_ONE),
    ))
}

/// A wake that is not counted, against a poll: a task that is to be enqueued again has a count.
#[test]
fn loom_wake_above_the_mark_against_a_poll_enqueues_once() {
    loom::model(|| {
        let state = Arc::new(at_mark());
        let waking = {
            let state = state.clone();
            thread::spawn(move || state.wake().0)
        };
        let seen = state.begin_poll().0;
        let after = state.after_poll(seen, 0);
        let woken = waking.join().unwrap();
        // The right to run is held once: by the queue again, by the waker, or by nobody.
        let held = u8::from(after == AfterPoll::Scheduled) + u8::from(woken == Wake::Schedule);
        assert_eq!(held, u8::from(state.view().is_scheduled()));
    });
}

/// The same against completion and for clones: no reference is borrowed.
#[test]
fn loom_counts_above_the_mark_keep_the_references() {
    loom::model(|| {
        let state = Arc::new(at_mark());
        let waking = {
            let state = state.clone();
            thread::spawn(move || {
                let _ = state.wake();
            })
        };
        let _ = state.begin_poll();
        let _ = state.complete();
        waking.join().unwrap();
        assert_eq!(state.0.load(Ordering::Relaxed) >> REF_SHIFT, 3);
    });
    loom::model(|| {
        let clones = COUNT_MARK * CLONE_ONE;
        let state = Arc::new(State(AtomicU64::new(
            (3 * REF_ONE) | JOIN_INTEREST | WAKE_ONE | clones,
        )));
        let cloning = {
            let state = state.clone();
            thread::spawn(move || {
                let _ = state.clone_waker();
            })
        };
        let seen = state.begin_poll().0;
        let clones = state.view().clones();
        let _ = state.after_poll(seen, clones);
        cloning.join().unwrap();
        assert_eq!(state.0.load(Ordering::Relaxed) >> REF_SHIFT, 4);
    });
}

/// A question and a wake against a poll: the question is in the table when the bit is seen, and a
/// poll follows.
#[test]
fn loom_trace_that_is_asked_for_during_a_poll_is_made() {
    loom::model(|| {
        let state = Arc::new(State::new());
        let question = Arc::new(AtomicUsize::new(0));
        let asker = {
            let (state, question) = (state.clone(), question.clone());
            thread::spawn(move || {
                question.store(1, Ordering::Relaxed);
                state.ask_for_trace() == Wake::Schedule
            })
        };
        let mut answered = 0;
        let mut turn = |state: &State| {
            let seen = state.begin_poll().0;
            if seen.is_special() && state.begin_trace() {
                answered += question.swap(0, Ordering::Relaxed);
                // With the wakes until now.
                let seen = state.begin_poll().0;
                return state.after_poll(seen, 0);
            }
            state.after_poll(seen, 0)
        };
        while turn(&state) == AfterPoll::Scheduled {}
        if asker.join().unwrap() {
            while turn(&state) == AfterPoll::Scheduled {}
        }
        assert_eq!(answered, 1);
        assert!(!state.view().is_special() && !state.view().is_scheduled());
    });
}
