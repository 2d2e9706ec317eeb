//! A task's state: one word, one read-modify-write a wake and one a poll.
//!
//! ```text
//! bit  0        COMPLETE       the future is gone; the output is there until taken
//! bit  1        CANCELLED      to be dropped instead of polled
//! bit  2        JOIN_INTEREST  a JoinHandle exists
//! bit  3        JOIN_WAKER     the join waker is set and belongs to the completer
//! bits 4..17    wakes          wakes since the last poll began: not 0 means scheduled or running
//! bits 17..30   waker clones   since the last poll ended
//! bits 30..36   abort handles
//! bit  36       TRACE          somebody asks where the task waits: see `telemetry::trace`
//! bits 37..64   references     wakers, handles, and one of the scheduler until completion
//! ```
//!
//! Whoever raises `wakes` from 0 owns the right to run the task, and must enqueue it. The right
//! travels through the queues to a worker, which polls and then subtracts the wakes that it had
//! seen: 0 is left, the task is idle; more, it has been woken meanwhile and is enqueued again.
//! There is no RUNNING bit: the right to run is exclusive by construction.
//!
//! | phase     | wakes | COMPLETE | who may move it |
//! |-----------|-------|----------|-----------------|
//! | idle      | 0     | no       | any waker, abort: to scheduled |
//! | scheduled | > 0   | no       | the holder of the right to run: polls it |
//! | running   | > 0   | no       | the same: to idle, scheduled or complete |
//! | complete  | any   | yes      | nobody; wakes have no effect |
//!
//! Wakes and clones stop at half of their field, and say so ([`Overflow`]), so that they never run
//! into their neighbours.
//!
//! **Why no wake is lost.** A wake is an increment. Either it finds `wakes == 0` and its maker
//! enqueues; or it finds more, and then a holder of the right exists that has yet to subtract. It
//! subtracts only what its Acquire load saw before the poll began. An increment that the load did
//! not see is left over by the subtraction, and the task is enqueued again; one that it saw
//! happened before the poll, which therefore sees what its maker had written.

use crate::loom::atomic::{AtomicU64, Ordering};

const COMPLETE: u64 = 1;
const CANCELLED: u64 = 1 << 1;
const JOIN_INTEREST: u64 = 1 << 2;
const JOIN_WAKER: u64 = 1 << 3;

const WAKE_SHIFT: u32 = 4;
const WAKE_ONE: u64 = 1 << WAKE_SHIFT;
const WAKE_MASK: u64 = ((1 << 13) - 1) << WAKE_SHIFT;
const CLONE_SHIFT: u32 = 17;
const CLONE_ONE: u64 = 1 << CLONE_SHIFT;
const CLONE_MASK: u64 = ((1 << 13) - 1) << CLONE_SHIFT;
const HANDLE_SHIFT: u32 = 30;
const HANDLE_ONE: u64 = 1 << HANDLE_SHIFT;
const HANDLE_MASK: u64 = ((1 << 6) - 1) << HANDLE_SHIFT;
const HANDLE_MARK: u64 = 1 << 5;
const TRACE: u64 = 1 << 36;
const REF_SHIFT: u32 = 37;
const REF_ONE: u64 = 1 << REF_SHIFT;
/// From it on wakes and clones are not added: half of their field, far more than there are threads
/// between look and addition.
const COUNT_MARK: u64 = 1 << 12;
/// Above it the process is aborted, as `Arc` does: half of the field.
const REF_MARK: u64 = 1 << 26;

const _: () = assert!(WAKE_MASK & CLONE_MASK == 0 && CLONE_MASK & HANDLE_MASK == 0);
const _: () = assert!(HANDLE_MASK < TRACE && TRACE < REF_ONE);
const _: () = assert!(WAKE_MASK & (COMPLETE | CANCELLED | JOIN_INTEREST | JOIN_WAKER) == 0);

/// The state word of a task.
#[derive(Debug)]
pub(crate) struct State(AtomicU64);

/// A copy of the word at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View(u64);

/// What the maker of a wake must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Wake {
    /// Enqueue the task: the right to run it is yours.
    Schedule,
    /// Nothing: it is scheduled, running or complete.
    Nothing,
    /// Nothing, and free the cell: that was the last reference (of a complete task).
    Dealloc,
}

/// Whether a telemetry count was full, so that this one is missing in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Overflow {
    No,
    Yes,
}

/// What becomes of a task after a poll that returned `Pending`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum AfterPoll {
    /// It waits for a wake.
    Idle,
    /// It was woken during its poll: enqueue it again.
    Scheduled,
    /// It was cancelled during its poll: drop the future; the right to run is still yours.
    Cancelled,
}

/// What the completer must do about the join handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Completion {
    /// Nobody wants the output: drop it.
    DropOutput,
    /// A handle exists and is not waiting.
    Nothing,
    /// Wake the join waker.
    WakeJoiner,
}

/// What a dropped join handle must clean up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) struct JoinDropped {
    /// The task is complete: the output, if not taken, is the handle's to drop.
    pub(crate) drop_output: bool,
    /// The join waker is the handle's to drop.
    pub(crate) drop_waker: bool,
    /// The reference, until it is dropped too, is counted as a handle, not to seem a waker.
    pub(crate) is_handle: bool,
}

impl View {
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }

    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }

    /// There is something to do before the task is polled: drop it, or trace it.
    #[inline]
    pub(crate) fn is_special(self) -> bool {
        self.0 & (CANCELLED | TRACE) != 0
    }

    /// Somebody has asked where the task waits, and has no answer yet.
    #[inline]
    pub(crate) fn is_asked(self) -> bool {
        self.0 & TRACE != 0
    }

    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }

    /// Scheduled or running.
    pub(crate) fn is_scheduled(self) -> bool {
        self.wakes() != 0
    }

    /// What the maker of a wake must do that found this.
    fn answer_to_wake(self) -> Wake {
        if self.is_scheduled() || self.is_complete() {
            Wake::Nothing
        } else {
            Wake::Schedule
        }
    }

    pub(crate) fn wakes(self) -> u64 {
        (self.0 & WAKE_MASK) >> WAKE_SHIFT
    }

    pub(crate) fn clones(self) -> u64 {
        (self.0 & CLONE_MASK) >> CLONE_SHIFT
    }

    /// Live wakers: all references but those of the scheduler, the join handle and the abort
    /// handles.
    #[allow(dead_code, reason = "for telemetry, which may be compiled out")]
    pub(crate) fn wakers(self) -> u64 {
        let owned = u64::from(!self.is_complete()) + u64::from(self.0 & JOIN_INTEREST != 0);
        let handles = (self.0 & HANDLE_MASK) >> HANDLE_SHIFT;
        (self.0 >> REF_SHIFT).saturating_sub(owned + handles)
    }
}

impl State {
    /// A task that is about to be enqueued: one wake (the spawn), references of the scheduler and
    /// of the join handle.
    pub(crate) fn new() -> State {
        State(AtomicU64::new((2 * REF_ONE) | JOIN_INTEREST | WAKE_ONE))
    }

    pub(crate) fn view(&self) -> View {
        View(self.0.load(Ordering::Relaxed))
    }

    /// Sees, of a complete task, the output.
    pub(crate) fn view_acquire(&self) -> View {
        // Ordering: pairs with the Release in `complete`.
        View(self.0.load(Ordering::Acquire))
    }

    /// What a poll begins with, to be given to [`after_poll`](State::after_poll), and how many
    /// wakes it answers beyond those that the view counts. The caller holds the right to run. Sees
    /// everything that was written before the wakes.
    #[inline]
    pub(crate) fn begin_poll(&self) -> (View, u64) {
        // Ordering: pairs with the Release half of the wakes' RMW.
        let seen = View(self.0.load(Ordering::Acquire));
        if seen.wakes() < COUNT_MARK {
            return (seen, 0);
        }
        // Make room, or the wakes during this poll would not be counted and not reschedule it.
        // The count only grows meanwhile, so one at least is left: the wake that this poll answers.
        // Ordering: as the load above.
        let before = self
            .0
            .fetch_sub((COUNT_MARK - 1) * WAKE_ONE, Ordering::AcqRel);
        (View((before & !WAKE_MASK) | WAKE_ONE), COUNT_MARK - 1)
    }

    /// `wake_by_ref`.
    #[inline]
    pub(crate) fn wake(&self) -> (Wake, Overflow) {
        let mut view = self.view();
        loop {
            if view.is_complete() {
                return (Wake::Nothing, Overflow::No);
            }
            if view.wakes() < COUNT_MARK {
                // Ordering: Release pairs with the Acquire load at the beginning of the poll;
                // Acquire with the Release of the poll's end, since this thread may come to own
                // the right to run.
                let before = View(self.0.fetch_add(WAKE_ONE, Ordering::AcqRel));
                return (before.answer_to_wake(), Overflow::No);
            }
            // Full: the poll to come answers this wake too. The same value is stored again, so
            // that its Acquire sees what this thread wrote.
            // Ordering: as above.
            match self
                .0
                .compare_exchange_weak(view.0, view.0, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return (Wake::Nothing, Overflow::Yes),
                Err(found) => view = View(found),
            }
        }
    }

    #[cfg_attr(
        not(any(test, feature = "telemetry")),
        expect(dead_code, reason = "nobody asks")
    )]
    /// Asks for a trace by whoever polls the task next, and wakes it for that. The asker has said
    /// before what it wants to know.
    pub(crate) fn ask_for_trace(&self) -> Wake {
        // Ordering: Release pairs with the Acquire in `begin_trace`.
        self.0.fetch_or(TRACE, Ordering::Release);
        // It counts as a wake, since a poll follows that counts as one. If the task has been polled
        // since the bit was set, that poll is one for nothing.
        self.wake().0
    }

    #[cfg_attr(
        not(any(test, feature = "telemetry")),
        expect(dead_code, reason = "nobody asks")
    )]
    /// The task is about to be traced, for all that have asked until now. False: nobody has.
    pub(crate) fn begin_trace(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `ask_for_trace`.
        self.0.fetch_and(!TRACE, Ordering::Acquire) & TRACE != 0
    }

    /// `wake`, which gives the waker's reference back in the same step. `None`: nothing was done,
    /// since this step needs the reference longer (the task is complete, or the count full).
    #[inline]
    pub(crate) fn wake_and_drop(&self) -> Option<Wake> {
        let view = self.view();
        if view.is_complete() || view.wakes() >= COUNT_MARK {
            return None;
        }
        // Ordering: as in `wake`; AcqRel also orders this reference's uses before a dealloc.
        let before = View(self.0.fetch_sub(REF_ONE - WAKE_ONE, Ordering::AcqRel));
        if before.is_complete() && before.0 >> REF_SHIFT == 1 {
            return Some(Wake::Dealloc);
        }
        Some(before.answer_to_wake())
    }

    /// A waker is cloned: one more reference.
    #[inline]
    pub(crate) fn clone_waker(&self) -> Overflow {
        let overflow = self.view().clones() >= COUNT_MARK;
        let one = if overflow {
            REF_ONE
        } else {
            REF_ONE | CLONE_ONE
        };
        // A reference is made from one that exists, so nothing needs ordering (as in `Arc`).
        let before = self.0.fetch_add(one, Ordering::Relaxed);
        abort_above(before >> REF_SHIFT);
        if overflow {
            Overflow::Yes
        } else {
            Overflow::No
        }
    }

    /// One more abort handle, or another reference that is no waker. The reference is there in any
    /// case; whether it is counted as a handle must be said when it is dropped.
    pub(crate) fn add_abort_handle(&self) -> Overflow {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            // In one step with the look: the field is too small for what many threads that have all
            // looked before would add.
            let overflow = (current & HANDLE_MASK) >> HANDLE_SHIFT >= HANDLE_MARK;
            let one = if overflow {
                REF_ONE
            } else {
                REF_ONE | HANDLE_ONE
            };
            abort_above(current >> REF_SHIFT);
            match self.0.compare_exchange_weak(
                current,
                current + one,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) if overflow => return Overflow::Yes,
                Ok(_) => return Overflow::No,
                Err(found) => current = found,
            }
        }
    }

    /// One reference less that is no waker, and says whether it was counted as a handle: in one step,
    /// since for a moment it would seem to be a waker else. True: it was the last, free the cell.
    #[must_use]
    pub(crate) fn drop_reference(&self, is_handle: bool) -> bool {
        let one = if is_handle {
            REF_ONE + HANDLE_ONE
        } else {
            REF_ONE
        };
        // Ordering: as in `drop_ref`.
        self.0.fetch_sub(one, Ordering::AcqRel) >> REF_SHIFT == 1
    }

    /// One reference less. True: it was the last, free the cell.
    #[must_use]
    #[inline]
    pub(crate) fn drop_ref(&self) -> bool {
        // Ordering: Release orders this thread's uses of the cell before the free; Acquire, in
        // the thread that frees, pairs with the Release of all the others.
        self.0.fetch_sub(REF_ONE, Ordering::AcqRel) >> REF_SHIFT == 1
    }

    /// After a poll that began with `seen` and returned `Pending`. `clones`, as read since, are
    /// taken out of the word: the caller has counted them. (It must count before this call, which
    /// gives the right to run away.)
    #[inline]
    pub(crate) fn after_poll(&self, seen: View, clones: u64) -> AfterPoll {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let view = View(current);
            if view.is_cancelled() {
                return AfterPoll::Cancelled;
            }
            let next = current - clones * CLONE_ONE - (seen.0 & WAKE_MASK);
            // Ordering: Release pairs with the Acquire of the wake that finds 0: the next poll,
            // maybe elsewhere, sees this one's writes. Acquire: should we keep the right to run,
            // the next poll is ours and must see what the wakers wrote.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if View(next).is_scheduled() => return AfterPoll::Scheduled,
                Ok(_) => return AfterPoll::Idle,
                Err(found) => current = found,
            }
        }
    }

    /// The output is stored.
    pub(crate) fn complete(&self) -> Completion {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            // The wakes are cleared so that the field has its whole room for late ones.
            let next = (current & !WAKE_MASK) | COMPLETE;
            // Ordering: Release publishes the output, pairs with the Acquire of the join handle;
            // Acquire pairs with the Release of `set_join_waker`.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => break,
                Err(found) => current = found,
            }
        }
        if current & JOIN_INTEREST == 0 {
            Completion::DropOutput
        } else if current & JOIN_WAKER == 0 {
            Completion::Nothing
        } else {
            Completion::WakeJoiner
        }
    }

    /// The join waker was woken. True: the handle is gone, drop the waker.
    #[must_use]
    pub(crate) fn join_waker_done(&self) -> bool {
        // Ordering: AcqRel pairs with `drop_join_handle`: the waker has one owner after another.
        let before = self.0.fetch_and(!JOIN_WAKER, Ordering::AcqRel);
        before & JOIN_INTEREST == 0
    }

    /// The join handle has written its waker: it belongs to the completer now. False: the task is
    /// complete, the waker is still the handle's.
    #[must_use]
    pub(crate) fn set_join_waker(&self) -> bool {
        self.change_join_waker(|word| word | JOIN_WAKER)
    }

    /// The join handle takes its waker back to change it. False: the task is complete.
    #[must_use]
    pub(crate) fn unset_join_waker(&self) -> bool {
        self.change_join_waker(|word| word & !JOIN_WAKER)
    }

    fn change_join_waker(&self, change: impl Fn(u64) -> u64) -> bool {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            if current & COMPLETE != 0 {
                // The caller reads the output, so look again (the task stays complete) with Acquire.
                let _ = self.view_acquire();
                return false;
            }
            // Ordering: Release publishes the waker, pairs with the Acquire in `complete`.
            match self.0.compare_exchange_weak(
                current,
                change(current),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(found) => current = found,
            }
        }
    }

    /// The join handle is dropped; its reference is dropped separately.
    pub(crate) fn drop_join_handle(&self) -> JoinDropped {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let complete = current & COMPLETE != 0;
            let mut next = current & !JOIN_INTEREST;
            let has_room = (current & HANDLE_MASK) >> HANDLE_SHIFT < HANDLE_MARK;
            let is_handle = !complete && has_room;
            if !complete {
                next &= !JOIN_WAKER;
            }
            if is_handle {
                next += HANDLE_ONE;
            }
            // Ordering: Acquire pairs with the Release in `complete` (the output) and in
            // `join_waker_done` (the waker).
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => {
                    let drop_waker = next & JOIN_WAKER == 0;
                    return JoinDropped {
                        drop_output: complete,
                        drop_waker,
                        is_handle,
                    };
                }
                Err(found) => current = found,
            }
        }
    }

    /// Asks for cancellation. [`Wake::Schedule`]: the right to run is yours.
    pub(crate) fn cancel(&self) -> Wake {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let view = View(current);
            if view.is_complete() || view.is_cancelled() {
                return Wake::Nothing;
            }
            let mut next = current | CANCELLED;
            if !view.is_scheduled() {
                next += WAKE_ONE;
            }
            // Ordering: as a wake.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if view.is_scheduled() => return Wake::Nothing,
                Ok(_) => return Wake::Schedule,
                Err(found) => current = found,
            }
        }
    }
}

fn abort_above(references: u64) {
    if references >= REF_MARK {
        // As `Arc`: going on would end in a use after free.
        std::process::abort();
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;

    fn idle() -> State {
        let state = State::new();
        let seen = state.begin_poll().0;
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Idle));
        state
    }

    #[test]
    fn first_wake_of_an_idle_task_schedules_and_the_second_does_not() {
        let state = idle();
        assert_eq!(state.wake().0, Wake::Schedule);
        assert_eq!(state.wake().0, Wake::Nothing);
        assert_eq!(state.view().wakes(), 2);
    }

    #[test]
    fn wake_during_poll_reschedules_once() {
        let state = State::new();
        let seen = state.begin_poll().0;
        assert_eq!(state.wake().0, Wake::Nothing);
        assert_eq!(state.wake().0, Wake::Nothing);
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Scheduled));
        let seen = state.begin_poll().0;
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Idle));
    }

    #[test]
    fn wakes_before_the_poll_are_absorbed_by_it() {
        let state = State::new();
        let _ = state.wake();
        let seen = state.begin_poll().0;
        assert_eq!(seen.wakes(), 2);
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Idle));
    }

    #[test]
    fn clones_are_counted_and_taken_out_when_idle() {
        let state = State::new();
        let seen = state.begin_poll().0;
        assert_eq!(state.clone_waker(), Overflow::No);
        assert_eq!(state.clone_waker(), Overflow::No);
        assert!(!state.drop_ref());
        assert_eq!(state.view().clones(), 2);
        assert_eq!(state.after_poll(seen, 2), AfterPoll::Idle);
        assert_eq!(state.view().clones(), 0);
        assert_eq!(state.view().wakers(), 1);
    }

    #[test]
    fn counts_stop_at_the_mark_and_leave_their_neighbours_alone() {
        let state = idle();
        let mut undone = 0;
        for _ in 0..3 * COUNT_MARK {
            undone += u64::from(state.wake().1 == Overflow::Yes);
        }
        assert_eq!(undone, 2 * COUNT_MARK);
        assert_eq!(state.view().wakes(), COUNT_MARK);
        assert_eq!(state.view().clones(), 0);
        for _ in 0..2 * COUNT_MARK {
            let _ = state.clone_waker();
        }
        assert_eq!(state.view().clones(), COUNT_MARK);
        assert_eq!(state.view().wakers(), 2 * COUNT_MARK);
    }

    #[test]
    fn wake_during_a_poll_that_began_with_a_full_count_reschedules() {
        let state = State::new();
        for _ in 0..2 * COUNT_MARK {
            let _ = state.wake();
        }
        let seen = state.begin_poll().0;
        let _ = state.wake();
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Scheduled));
        let seen = state.begin_poll().0;
        assert!(matches!(state.after_poll(seen, 0), AfterPoll::Idle));
    }

    #[test]
    fn wake_by_value_with_a_full_count_gives_its_reference_back() {
        let state = State::new();
        for _ in 0..2 * COUNT_MARK {
            let _ = state.wake();
        }
        let _ = state.clone_waker();
        assert_eq!(state.wake_and_drop(), None, "it takes two steps");
        assert_eq!(state.wake(), (Wake::Nothing, Overflow::Yes));
        assert!(!state.drop_ref());
        assert_eq!(state.view().wakers(), 0);
        assert_eq!(state.view().wakes(), COUNT_MARK);
        assert_eq!(state.begin_poll().1, COUNT_MARK - 1);
    }

    #[test]
    fn wake_of_a_complete_task_does_nothing_and_the_last_reference_frees() {
        let state = idle();
        assert_eq!(state.clone_waker(), Overflow::No);
        assert_eq!(state.wake().0, Wake::Schedule);
        assert_eq!(state.complete(), Completion::Nothing);
        assert_eq!(state.wake().0, Wake::Nothing);
        assert!(!state.drop_ref(), "the scheduler's");
        assert!(state.drop_join_handle().drop_output);
        assert!(!state.drop_ref(), "the handle's");
        assert_eq!(state.wake_and_drop(), None);
        assert!(state.drop_ref());
    }

    #[test]
    fn abort_handles_are_no_wakers() {
        let state = idle();
        let counted = (0..40)
            .filter(|_| state.add_abort_handle() == Overflow::No)
            .count();
        assert_eq!(counted as u64, HANDLE_MARK);
        assert_eq!(state.view().wakers(), 40 - HANDLE_MARK);
        for _ in 0..counted {
            assert!(!state.drop_reference(true));
        }
        assert_eq!(state.view().wakers(), 40 - HANDLE_MARK);
    }

    #[test]
    fn trace_is_asked_for_once_and_wakes_an_idle_task() {
        let state = idle();
        assert_eq!(state.ask_for_trace(), Wake::Schedule);
        assert_eq!(state.ask_for_trace(), Wake::Nothing);
        let seen = state.begin_poll().0;
        assert!(seen.is_special() && !seen.is_cancelled());
        assert!(state.begin_trace());
        assert!(!state.begin_trace());
        assert_eq!(state.after_poll(seen, 0), AfterPoll::Idle);
        assert_eq!(state.view().wakers(), 0);
    }

    #[test]
    fn cancel_of_an_idle_task_gives_the_right_to_run() {
        let state = idle();
        assert_eq!(state.cancel(), Wake::Schedule);
        assert_eq!(state.cancel(), Wake::Nothing);
        assert_eq!(state.wake().0, Wake::Nothing);
    }

    #[test]
    fn cancel_during_poll_is_seen_at_its_end() {
        let state = State::new();
        let seen = state.begin_poll().0;
        assert_eq!(state.cancel(), Wake::Nothing);
        assert_eq!(state.after_poll(seen, 0), AfterPoll::Cancelled);
    }

    #[test]
    fn handle_dropped_before_completion_leaves_the_output_to_the_completer() {
        let state = State::new();
        assert!(state.set_join_waker());
        let dropped = state.drop_join_handle();
        assert_eq!(
            dropped,
            JoinDropped {
                drop_output: false,
                drop_waker: true,
                is_handle: true,
            }
        );
        assert_eq!(state.view().wakers(), 0);
        assert!(!state.drop_reference(true));
        assert_eq!(state.view().wakers(), 0);
        assert_eq!(state.complete(), Completion::DropOutput);
        assert!(state.drop_ref());
    }

    #[test]
    fn handle_dropped_while_its_waker_is_woken_leaves_the_waker_to_the_completer() {
        let state = State::new();
        assert!(state.set_join_waker());
        assert_eq!(state.complete(), Completion::WakeJoiner);
        let dropped = state.drop_join_handle();
        assert_eq!(
            dropped,
            JoinDropped {
                drop_output: true,
                drop_waker: false,
                is_handle: false,
            }
        );
        assert!(state.join_waker_done());
    }

    #[test]
    fn join_waker_cannot_be_changed_after_completion() {
        let state = State::new();
        assert!(state.set_join_waker());
        let _ = state.complete();
        assert!(!state.unset_join_waker());
        assert!(!state.set_join_waker());
    }
}

#[cfg(all(test, zokio_loom))]
mod loom_tests;
