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
            let seen = state.begin_poll();
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
            let seen = state.begin_poll();
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
