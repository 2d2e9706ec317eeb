//! The LIFO slot: the task that a worker woke last, to be run next while its data is in the cache.
//!
//! | state | meaning                        | put (owner)         | take (owner, thief)        |
//! |-------|--------------------------------|---------------------|----------------------------|
//! | null  | empty                          | full, returns none  | stays empty, returns none  |
//! | task  | full: it has the right to run  | full, returns old   | empty, returns the task    |
//!
//! Only the worker puts; it takes too, and a thief does as a last resort.
//!
//! **Each task comes out once, and none is lost.** What is in the slot changes by swaps only, so
//! each pointer that one swap puts in is what exactly one other swap takes out: the next one in the
//! order of the slot's changes. Putting returns what it takes out, so nothing is overwritten. The
//! look before a take may miss a task that is just being put: the owner sees its own, and a thief
//! comes by later or leaves it to the owner, which does not sleep before the slot is empty.

use std::ptr::{self, NonNull};

use crate::loom::atomic::{AtomicPtr, Ordering};

/// Room for one pointer, which is owned by the slot while it is in there.
#[derive(Debug)]
pub(super) struct LifoSlot<T>(AtomicPtr<T>);

impl<T> LifoSlot<T> {
    pub(super) fn new() -> LifoSlot<T> {
        LifoSlot(AtomicPtr::new(ptr::null_mut()))
    }

    pub(super) fn is_full(&self) -> bool {
        !self.0.load(Ordering::Relaxed).is_null()
    }

    /// Takes what is in the slot.
    #[inline]
    pub(super) fn take(&self) -> Option<NonNull<T>> {
        if !self.is_full() {
            return None;
        }
        // Ordering: Acquire pairs with the Release in `put`.
        NonNull::new(self.0.swap(ptr::null_mut(), Ordering::Acquire))
    }

    /// Fills the slot and returns what was in there.
    #[inline]
    pub(super) fn put(&self, task: NonNull<T>) -> Option<NonNull<T>> {
        // Ordering: Release pairs with the Acquire in `take`; what comes out was put by this thread
        // or by one that had the worker's core before.
        NonNull::new(self.0.swap(task.as_ptr(), Ordering::AcqRel))
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;

    #[test]
    fn last_one_put_comes_out_and_the_one_before_is_handed_back() {
        let slot = LifoSlot::new();
        let (mut a, mut b) = (1, 2);
        let (a, b) = (NonNull::from(&mut a), NonNull::from(&mut b));
        assert_eq!((slot.take(), slot.is_full()), (None, false));
        assert_eq!(slot.put(a), None);
        assert_eq!(slot.put(b), Some(a));
        assert!(slot.is_full());
        assert_eq!(slot.take(), Some(b));
        assert_eq!((slot.take(), slot.is_full()), (None, false));
    }
}

#[cfg(all(test, zokio_loom))]
mod loom_tests {
    #![expect(unsafe_code, reason = "loom's cells, which report every race")]

    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    /// Counts its runs; loom reports two at a time, and one that does not see what was before.
    type Task = UnsafeCell<u32>;

    struct Tasks<const N: usize> {
        slot: LifoSlot<Task>,
        tasks: [Task; N],
    }

    impl<const N: usize> Tasks<N> {
        fn new() -> Arc<Tasks<N>> {
            Arc::new(Tasks {
                slot: LifoSlot::new(),
                tasks: std::array::from_fn(|_| UnsafeCell::new(0)),
            })
        }

        /// Writes to the task, as its maker, and puts it in. Runs the one that comes out.
        fn put(&self, index: usize) {
            let task = &self.tasks[index];
            // SAFETY: loom checks that nobody accesses it meanwhile.
            task.with_mut(|runs| unsafe { *runs += 10 });
            run(self.slot.put(NonNull::from(task)));
        }

        fn take(&self) -> bool {
            let task = self.slot.take();
            run(task);
            task.is_some()
        }

        fn assert_each_has_run_once(&self) {
            for task in &self.tasks {
                // SAFETY: loom checks that nobody writes meanwhile.
                assert_eq!(task.with(|runs| unsafe { *runs }), 11);
            }
        }
    }

    fn run(task: Option<NonNull<Task>>) {
        if let Some(task) = task {
            // SAFETY: the tasks outlive the slot.
            let task = unsafe { task.as_ref() };
            // SAFETY: loom checks that nobody accesses it meanwhile.
            task.with_mut(|runs| unsafe { *runs += 1 });
        }
    }

    /// The owner puts two, the first of which is displaced or stolen, and takes what is left.
    #[test]
    fn loom_owner_and_a_thief_run_each_task_once() {
        loom::model(|| {
            let tasks = Tasks::<2>::new();
            let thief = {
                let tasks = tasks.clone();
                thread::spawn(move || tasks.take())
            };
            tasks.put(0);
            tasks.put(1);
            tasks.take();
            thief.join().unwrap();
            assert!(!tasks.slot.is_full());
            tasks.assert_each_has_run_once();
        });
    }

    /// Two thieves at one task that the owner leaves to them: one gets it.
    #[test]
    fn loom_two_thieves_share_no_task() {
        loom::model(|| {
            let tasks = Tasks::<1>::new();
            tasks.put(0);
            let thieves = [tasks.clone(), tasks.clone()];
            let thieves = thieves.map(|tasks| thread::spawn(move || tasks.take()));
            let taken = thieves.map(|thief| usize::from(thief.join().unwrap()));
            assert_eq!(taken.iter().sum::<usize>(), 1);
            tasks.assert_each_has_run_once();
        });
    }

    /// Two thieves, and an owner that puts, takes and puts again: an address that comes back
    /// (the same task is woken again) is no other's to run.
    #[test]
    fn loom_task_that_is_put_again_is_run_again() {
        loom::model(|| {
            let tasks = Tasks::<2>::new();
            tasks.put(0);
            let thief = {
                let tasks = tasks.clone();
                thread::spawn(move || tasks.take())
            };
            if tasks.take() {
                // The owner ran it, so nobody else has it: it may be woken again.
                tasks.put(0);
            }
            tasks.put(1);
            tasks.take();
            thief.join().unwrap();
            assert!(!tasks.slot.is_full());
            let runs = tasks.tasks[0].with(|runs| {
                // SAFETY: all threads have been joined.
                unsafe { *runs }
            });
            assert!(runs == 11 || runs == 22);
        });
    }
}
