//! The current-thread flavour: one worker, whose thread is the one in `block_on`.
//!
//! Between two calls of `block_on` the worker is detached and nothing runs. When several threads
//! call it at once, one has the core and drives the tasks; the others poll their own futures when
//! woken, and take over when the core becomes free.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use super::Shared;
use super::countdown::Countdown;
use super::worker::{Core, WorkerContext};
use crate::runtime::{Handle, context};
use crate::telemetry::current::{self, Current, Outside};
use crate::telemetry::{BlockOnRecord, Counter};

/// Wakes the future given to `block_on`, wherever its thread sleeps.
pub(crate) struct RootWaker {
    woken: AtomicBool,
    /// Whether the thread has the core and so sleeps in the worker's parker.
    drives: AtomicBool,
    wakes: Counter,
    thread: Thread,
    shared: Arc<Shared>,
}

impl RootWaker {
    fn notify(&self) {
        // Ordering: Release pairs with the Acquire in `take_woken`; SeqCst with the store of
        // `drives` in `run_with_core`, see there.
        self.woken.store(true, Ordering::SeqCst);
        if self.drives.load(Ordering::SeqCst) {
            self.shared.unpark(0);
        } else {
            self.thread.unpark();
        }
    }

    fn take_woken(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `notify`; SeqCst as there.
        self.woken.swap(false, Ordering::SeqCst)
    }

    fn is_woken(&self) -> bool {
        // Ordering: SeqCst, see `notify`.
        self.woken.load(Ordering::SeqCst)
    }
}

impl Wake for RootWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.add_shared(1);
        self.notify();
    }
}

/// How often the driver is looked at, since the worker last slept, when the root yields and no task
/// is there to run: what has come meanwhile is then seen after one `yield_now`. A root that yields on
/// and on does not pay for a system call each time.
const YIELDS_TO_DRIVER: u32 = 16;

const PANICKED: &str =
    "a spawned task panicked and the runtime is configured to shut down on unhandled panic";

/// Drives the runtime on this thread until `future` is ready. The caller has entered the runtime.
///
/// # Panics
///
/// If the runtime shuts down, which it does under a `block_on` only for an unhandled panic.
#[track_caller]
pub(crate) fn block_on<F: Future>(
    shared: &Arc<Shared>,
    record: &BlockOnRecord<'_>,
    future: F,
) -> F::Output {
    let mut future = pin!(future);
    let root = Arc::new(RootWaker {
        woken: AtomicBool::new(true),
        drives: AtomicBool::new(false),
        wakes: Counter::new(0),
        thread: thread::current(),
        shared: shared.clone(),
    });
    let waker = Waker::from(root.clone());
    let mut root_future = Root {
        future: future.as_mut(),
        waker: &waker,
        root: &root,
        record,
    };
    loop {
        assert!(!shared.is_shutdown(), "{PANICKED}");
        let core = shared.remotes[0].core.lock().take();
        if let Some(core) = core {
            return run_with_core(shared, core, &mut root_future);
        }
        // Another thread drives. Wait in line before the next look at the core, so that its
        // release is not missed.
        let in_line = InLine::new(shared, &root);
        if let Poll::Ready(output) = root_future.poll_if_woken() {
            return output;
        }
        let core_is_elsewhere = || !shared.is_shutdown() && shared.remotes[0].core.lock().is_none();
        while in_line.still() && !root.is_woken() && core_is_elsewhere() {
            thread::park();
        }
    }
}

/// A thread's place among those that wait for the core. Whoever leaves, however, passes on what it
/// may have been told: that the core is free.
struct InLine<'a> {
    shared: &'a Shared,
    root: &'a Arc<RootWaker>,
}

impl<'a> InLine<'a> {
    fn new(shared: &'a Shared, root: &'a Arc<RootWaker>) -> InLine<'a> {
        shared.core_waiters.lock().push(root.clone());
        InLine { shared, root }
    }

    /// Whether nobody has told this thread of a free core.
    fn still(&self) -> bool {
        let waiters = self.shared.core_waiters.lock();
        waiters.iter().any(|waiter| Arc::ptr_eq(waiter, self.root))
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut waiters = self.shared.core_waiters.lock();
        waiters.retain(|waiter| !Arc::ptr_eq(waiter, self.root));
        drop(waiters);
        pass_core_on(self.shared);
    }
}

struct Root<'a, F> {
    future: Pin<&'a mut F>,
    waker: &'a Waker,
    root: &'a Arc<RootWaker>,
    record: &'a BlockOnRecord<'a>,
}

impl<F: Future> Root<'_, F> {
    fn poll_if_woken(&mut self) -> Poll<F::Output> {
        if !self.root.take_woken() {
            return Poll::Pending;
        }
        let wakes = self.root.wakes.get();
        let mut cx = Context::from_waker(self.waker);
        self.record.poll(self.future.as_mut(), &mut cx, wakes)
    }
}

/// Puts the core back when `block_on` ends, also by a panic.
struct ReleaseCore<'a> {
    worker: &'a WorkerContext<'a>,
    shared: &'a Arc<Shared>,
}

impl Drop for ReleaseCore<'_> {
    fn drop(&mut self) {
        let Some(core) = self.worker.take_core() else {
            return;
        };
        self.worker.detach();
        *self.shared.remotes[0].core.lock() = Some(core);
        pass_core_on(self.shared);
    }
}

/// Tells one of the threads that wait for the core, if it is free.
fn pass_core_on(shared: &Shared) {
    if shared.remotes[0].core.lock().is_none() {
        return;
    }
    let next = shared.core_waiters.lock().pop();
    if let Some(next) = next {
        next.thread.unpark();
    }
}

#[track_caller]
fn run_with_core<F: Future>(
    shared: &Arc<Shared>,
    core: Box<Core>,
    future: &mut Root<'_, F>,
) -> F::Output {
    let _at_rest = current::Restore::enter(Current::outside(Outside::Thread));
    let worker = WorkerContext::new(shared, core);
    let _release = ReleaseCore {
        worker: &worker,
        shared,
    };
    let in_context = context::set_worker(&worker);
    // Ordering: SeqCst orders this before the look at `woken` below: a waker that still saw
    // `false`, and unparked the thread, stored `woken` before.
    future.root.drives.store(true, Ordering::SeqCst);
    worker.attach();
    let mut until_driver = Countdown::to_driver(shared.config.event_interval);
    let mut yields = 0;
    let output = loop {
        if shared.is_shutdown() {
            break None;
        }
        worker.begin_root();
        if let Poll::Ready(output) = future.poll_if_woken() {
            break Some(output);
        }
        worker.stamp_now();
        if run_some_tasks(&worker, future.root, &mut until_driver) {
            continue;
        }
        if !future.root.is_woken() {
            worker.park(|| future.root.is_woken());
            yields = 0;
        } else if yields < YIELDS_TO_DRIVER {
            yields += 1;
            worker.run_driver();
        } else {
            // A future that yields again and again must not keep the driver from its turn.
            worker.run_driver_if_due();
        }
    };
    // Ordering: as above; a late wake then goes to the thread.
    future.root.drives.store(false, Ordering::SeqCst);
    let Some(output) = output else {
        worker.drain();
        drop(in_context);
        leave(shared, &worker);
        panic!("{PANICKED}");
    };
    output
}

/// Runs tasks until it is the root's turn, and looks at the driver once in an interval, `until_driver`
/// being what is left of it. False: there was nothing more to run.
///
/// A root that has been woken waits for the tasks that were there before, like a task that yields,
/// but for no more of them than there are between two looks at the driver by default.
fn run_some_tasks(
    worker: &WorkerContext<'_>,
    root: &RootWaker,
    until_driver: &mut Countdown,
) -> bool {
    let most = Countdown::untuned_to_driver(worker.shared().config.event_interval);
    let depth = worker.with_core(|core| worker.depth(core));
    let mut before_root = depth.unwrap_or_default().min(u64::from(most));
    loop {
        if until_driver.is_over() {
            worker.tune_driver_interval(until_driver);
            until_driver.restart();
            worker.run_driver();
        }
        let Some(runnable) = worker.with_core(|core| worker.find_task(core)).flatten() else {
            return false;
        };
        worker.run_task(runnable);
        until_driver.step();
        before_root = before_root.saturating_sub(1);
        if worker.shared().is_shutdown() || before_root == 0 && root.is_woken() {
            return true;
        }
    }
}

/// Shuts a current-thread runtime down on this thread: cancels all tasks. `false`: another thread
/// is in `block_on` and keeps the core.
pub(crate) fn shutdown(shared: &Arc<Shared>) -> bool {
    let Some(core) = shared.remotes[0].core.lock().take() else {
        return false;
    };
    let handle = Handle::from_shared(shared.clone());
    let _current = context::set_handle(&handle);
    let worker = WorkerContext::new(shared, core);
    {
        let _in_context = context::set_worker(&worker);
        worker.drain();
    }
    leave(shared, &worker);
    true
}

/// The core is used no more: closes the runtime. Who waits for the core looks again.
fn leave(shared: &Arc<Shared>, worker: &WorkerContext<'_>) {
    if let Some(mut core) = worker.take_core() {
        worker.detach();
        worker.give_back_slots(&mut core);
        drop(core);
        shared.core_left();
    }
    let waiters = std::mem::take(&mut *shared.core_waiters.lock());
    waiters.iter().for_each(|waiter| waiter.thread.unpark());
}
