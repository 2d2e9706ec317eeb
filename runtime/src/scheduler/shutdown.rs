//! The end of a runtime.
//!
//! The flag is raised and everybody woken; each worker leaves its loop and cancels
//! what is in its queues. The last one cancels all tasks in the record table and what their
//! destructors enqueue, and then *closes* the runtime. A task spawned later is cancelled on the spot.
//! What was just being enqueued goes to a thread of its own ([`Shared::reap`]), since a wake may be
//! made under a lock that the task's destructor takes. A task polled by a thread that lost its
//! worker to `block_in_place` is cancelled there, when its poll ends.

#![expect(
    unsafe_code,
    reason = "keeps a runtime whose cells are all that is left"
)]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use crossbeam_deque::Steal;

use super::{Shared, worker};
use crate::runtime::{self, context};
use crate::task::raw;

impl Shared {
    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: pairs with the Release in `begin_shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    /// Asks all workers to leave. Returns at once.
    pub(crate) fn begin_shutdown(&self) {
        // Ordering: pairs with the Acquire in `is_shutdown`.
        if !self.shutdown.swap(true, Ordering::AcqRel) {
            (0..self.remotes.len()).for_each(|worker| self.unpark(worker));
        }
    }

    /// A worker's core is no longer used; its queues are empty. The last one closes the runtime.
    pub(crate) fn core_left(self: &Arc<Shared>) {
        // Ordering: AcqRel orders all workers' doings before the closing by the last.
        if self.cores.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    /// A core whose thread could not be started leaves.
    pub(crate) fn abandon_core(self: &Arc<Shared>, worker: usize) {
        drop(self.remotes[worker].core.lock().take());
        self.core_left();
    }

    fn close(self: &Arc<Shared>) {
        self.drain_injector();
        self.cancel_all();
        // What destructors have enqueued meanwhile.
        self.drain_injector();
        // Ordering: pairs with the Acquire in `has_ended`.
        self.closed.store(true, Ordering::Release);
        // Ordering: pairs with the fence between push and look in `push_injected`: a task is
        // either seen by this drain or by its pusher to be too late.
        fence(Ordering::SeqCst);
        self.drain_injector();
        self.driver.lock().shutdown(&self.driver_handle);
        self.settle_cells();
    }

    /// Cancels all tasks in the record table. A record that a reader has pinned is come back to.
    fn cancel_all(&self) {
        let mut left: Vec<u32> = self.records.slots().collect();
        while !left.is_empty() {
            left.retain(|slot| match self.records.pin(*slot) {
                None => self.records.is_live(*slot),
                Some(pin) => {
                    let runnable = pin.cell().and_then(raw::cancel_pinned);
                    drop(pin);
                    if let Some(runnable) = runnable {
                        self.cancel(runnable);
                    }
                    false
                }
            });
            if !left.is_empty() {
                std::thread::yield_now();
            }
        }
    }

    /// Cancels everything in the injector. Dropping a future may enqueue others: they are left to
    /// the outermost drain, so that a long chain of tasks does not become a deep stack.
    fn drain_injector(&self) {
        while let Some(draining) = self.draining.try_lock() {
            loop {
                match self.injector.steal() {
                    Steal::Success(runnable) => self.cancel(runnable),
                    Steal::Retry => {}
                    Steal::Empty => break,
                }
            }
            drop(draining);
            // Ordering: pairs with itself in a thread that found the lock taken: either it finds
            // the lock free or this thread the task.
            fence(Ordering::SeqCst);
            if self.injector.is_empty() {
                break;
            }
        }
    }

    /// Counts a thread that runs a worker's loop.
    pub(crate) fn thread_entered(&self) {
        *self.threads.lock() += 1;
    }

    pub(crate) fn thread_left(&self) {
        *self.threads.lock() -= 1;
        self.threads_left.notify_all();
    }

    /// Waits until no thread runs a worker's loop, at most until `deadline`.
    pub(crate) fn wait_for_threads(&self, deadline: Option<std::time::Instant>) {
        // A worker's thread that drops the runtime (in `block_in_place`) does not wait for itself.
        let own = usize::from(worker::is_in_loop_of(self));
        let mut threads = self.threads.lock();
        while *threads > own {
            match deadline {
                None => self.threads_left.wait(&mut threads),
                Some(deadline) => {
                    if self
                        .threads_left
                        .wait_until(&mut threads, deadline)
                        .timed_out()
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Cancels what was enqueued after the end, on a thread that holds no lock. If the system
    /// refuses a thread, the tasks stay in the queue until something else drains it.
    ///
    /// # Safety
    ///
    /// `shared` is the pointer in a live cell.
    #[cold]
    pub(super) unsafe fn reap(shared: NonNull<Shared>) {
        // SAFETY: made by `Arc::as_ptr`; the cells' share is a count, held as the cell is live.
        unsafe { Arc::increment_strong_count(shared.as_ptr()) };
        // SAFETY: the count that was just added.
        let shared = unsafe { Arc::from_raw(shared.as_ptr().cast_const()) };
        let reaper = std::thread::Builder::new().name("zokio-reaper".to_owned());
        let _ = reaper.spawn(move || {
            let handle = runtime::Handle::from_shared(shared.clone());
            let _current = context::set_handle(&handle);
            shared.drain_injector();
        });
    }
}
