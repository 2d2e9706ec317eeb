//! What a thread knows of the runtime that it is in.

#![expect(
    unsafe_code,
    reason = "a pointer to the worker's loop further up this thread's stack"
)]

use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;

use super::{Handle, TryCurrentError};
use crate::macros::support;
use crate::scheduler::Shared;
use crate::scheduler::worker::{Core, WorkerContext};
use crate::telemetry::current::{self, Noted};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entered {
    /// Blocking is allowed.
    No,
    /// In `block_on` or a worker's loop.
    Yes { allow_block_in_place: bool },
}

struct Context {
    handle: RefCell<Option<Handle>>,
    /// The worker's loop that this thread is in; valid while it is set (see `set_worker`).
    worker: Cell<*const WorkerContext<'static>>,
    entered: Cell<Entered>,
    /// How many `SetHandle` there are.
    depth: Cell<usize>,
}

thread_local! {
    static CONTEXT: Context = const {
        Context {
            handle: RefCell::new(None),
            worker: Cell::new(ptr::null()),
            entered: Cell::new(Entered::No),
            depth: Cell::new(0),
        }
    };
}

/// The current runtime's handle.
pub(crate) fn try_handle() -> Result<Handle, TryCurrentError> {
    CONTEXT
        .try_with(|c| c.handle.borrow().clone())
        .map_err(|_| TryCurrentError::thread_local_destroyed())?
        .ok_or_else(TryCurrentError::no_context)
}

/// Calls `f` with the current runtime's handle, without cloning it.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
#[inline]
pub(crate) fn with_handle<R>(f: impl FnOnce(&Handle) -> R) -> R {
    let called = CONTEXT.try_with(|c| match &*c.handle.borrow() {
        Some(handle) => Ok(f(handle)),
        None => Err(TryCurrentError::no_context()),
    });
    match called.unwrap_or_else(|_| Err(TryCurrentError::thread_local_destroyed())) {
        Ok(result) => result,
        Err(error) => panic!("{error}"),
    }
}

/// As [`with_handle`], for what may run code of the user's, be it a destructor if the runtime has
/// been shut down or a hook: that may enter a runtime, so the current one is not borrowed then.
#[track_caller]
pub(crate) fn with_handle_to_spawn<R>(f: impl FnOnce(&Handle) -> R) -> R {
    let mut f = Some(f);
    let mut call = |handle: &Handle| f.take().map(|f| f(handle)).expect("called once");
    let called = with_handle(|handle| {
        if handle.shared().is_shutdown() || handle.shared().config.hooks.tasks.watch_spawns() {
            Err(handle.clone())
        } else {
            Ok(call(handle))
        }
    });
    called.unwrap_or_else(|handle| call(&handle))
}

/// Sets back the runtime that was current before.
#[must_use]
pub(crate) struct SetHandle {
    /// `None`: the thread's locals are gone, nothing was set.
    set: Option<Set>,
}

struct Set {
    previous: Option<Handle>,
    depth: usize,
}

/// Makes `handle` the current runtime until the guard is dropped.
pub(crate) fn set_handle(handle: &Handle) -> SetHandle {
    let handle = handle.clone();
    let set = |c: &Context| {
        let depth = c.depth.get() + 1;
        c.depth.set(depth);
        let previous = c.handle.replace(Some(handle));
        Set { previous, depth }
    };
    SetHandle {
        set: CONTEXT.try_with(set).ok(),
    }
}

/// As [`set_handle`], unless the runtime is the current one already: that may be borrowed.
pub(crate) fn set_handle_to(shared: &Arc<Shared>) -> Option<SetHandle> {
    let is_current = |c: &Context| {
        let handle = c.handle.borrow();
        handle
            .as_ref()
            .is_some_and(|handle| Arc::ptr_eq(handle.shared(), shared))
    };
    let is_current = CONTEXT.try_with(is_current).unwrap_or(true);
    (!is_current).then(|| set_handle(&Handle::from_shared(shared.clone())))
}

impl SetHandle {
    /// Whether the runtime has become current: the thread's locals are still there.
    pub(crate) fn is_set(&self) -> bool {
        self.set.is_some()
    }
}

const OUT_OF_ORDER: &str = "`EnterGuard` values dropped out of order. Guards returned by \
    `zokio::runtime::Handle::enter()` must be dropped in the reverse order as they were acquired.";

impl Drop for SetHandle {
    fn drop(&mut self) {
        let Some(Set { previous, depth }) = self.set.take() else {
            return;
        };
        let set_back = |c: &Context| {
            if c.depth.get() != depth {
                return Err(previous);
            }
            c.depth.set(depth - 1);
            Ok(c.handle.replace(previous))
        };
        let replaced = CONTEXT.try_with(set_back);
        // Whichever handle it is, it is dropped outside of the borrow: it may be its runtime's last.
        let in_order = !matches!(replaced, Ok(Err(_)));
        drop(replaced);
        assert!(in_order || std::thread::panicking(), "{OUT_OF_ORDER}");
    }
}

/// In `block_on` or a worker's loop until dropped.
#[must_use]
pub(crate) struct EnterRuntime {
    before: Entered,
    worker: *const WorkerContext<'static>,
    /// State of the thread's random numbers before, if the runtime has its own seeds.
    random: Option<u64>,
    /// What the poll around it has counted so far.
    noted: Noted,
    _handle: SetHandle,
}

const NESTED: &str = "Cannot start a runtime from within a runtime. This happens because a \
    function (like `block_on`) attempted to block the current thread while the thread is being \
    used to drive asynchronous tasks. If you are in an async function, use `.await` on the future \
    instead of blocking on it.";

/// Enters a runtime to drive futures on this thread.
///
/// # Panics
///
/// If the thread is doing so already.
#[track_caller]
pub(crate) fn enter_runtime(handle: &Handle, allow_block_in_place: bool) -> EnterRuntime {
    let before = CONTEXT.with(|c| c.entered.get());
    assert!(before == Entered::No, "{NESTED}");
    CONTEXT.with(|c| {
        c.entered.set(Entered::Yes {
            allow_block_in_place,
        })
    });
    // In `block_in_place` this thread is no worker to what runs inside.
    let worker = CONTEXT.with(|c| c.worker.replace(ptr::null()));
    let seeds = handle.shared().config.seeds.as_ref();
    EnterRuntime {
        before,
        worker,
        noted: current::take_noted(),
        random: seeds.map(|seeds| support::replace_random_state(seeds.next())),
        _handle: set_handle(handle),
    }
}

impl Drop for EnterRuntime {
    fn drop(&mut self) {
        CONTEXT.with(|c| {
            c.entered.set(self.before);
            c.worker.set(self.worker);
        });
        current::give_noted(self.noted);
        if let Some(state) = self.random {
            support::replace_random_state(state);
        }
    }
}

/// Whether this thread drives futures, so that it must not block.
pub(crate) fn is_entered() -> bool {
    CONTEXT
        .try_with(|c| c.entered.get() != Entered::No)
        .unwrap_or(false)
}

/// Whether `block_in_place` may block here.
pub(crate) fn may_block_in_place() -> bool {
    CONTEXT.with(|c| {
        c.entered.get()
            != Entered::Yes {
                allow_block_in_place: false,
            }
    })
}

/// `block_in_place` is refused until dropped.
#[must_use]
pub(crate) struct RefuseBlockInPlace(Option<Entered>);

/// Refuses `block_in_place` on this thread for a while, if it drives futures: what else is polled
/// here could not go on elsewhere.
pub(crate) fn refuse_block_in_place() -> RefuseBlockInPlace {
    let refuse = |c: &Context| {
        let before = c.entered.get();
        let changes = before != Entered::No;
        if changes {
            c.entered.set(Entered::Yes {
                allow_block_in_place: false,
            });
        }
        changes.then_some(before)
    };
    RefuseBlockInPlace(CONTEXT.try_with(refuse).ok().flatten())
}

impl Drop for RefuseBlockInPlace {
    fn drop(&mut self) {
        if let Some(before) = self.0 {
            let _ = CONTEXT.try_with(|c| c.entered.set(before));
        }
    }
}

/// Blocking is allowed until dropped.
#[must_use]
pub(crate) struct AllowBlocking(Entered);

/// Allows blocking on this thread for a while.
pub(crate) fn allow_blocking() -> AllowBlocking {
    AllowBlocking(CONTEXT.with(|c| c.entered.replace(Entered::No)))
}

impl Drop for AllowBlocking {
    fn drop(&mut self) {
        CONTEXT.with(|c| c.entered.set(self.0));
    }
}

/// This thread is in a worker's loop until dropped.
#[must_use]
pub(crate) struct InWorker<'a> {
    before: *const WorkerContext<'static>,
    _worker: &'a WorkerContext<'a>,
}

/// Makes `worker` reachable from this thread until the guard is dropped.
pub(crate) fn set_worker<'a>(worker: &'a WorkerContext<'a>) -> InWorker<'a> {
    let set = |c: &Context| c.worker.replace(ptr::from_ref(worker).cast());
    let before = CONTEXT.try_with(set).unwrap_or(ptr::null());
    InWorker {
        before,
        _worker: worker,
    }
}

impl Drop for InWorker<'_> {
    fn drop(&mut self) {
        // Without locals nothing was set.
        let _ = CONTEXT.try_with(|c| c.worker.set(self.before));
    }
}

/// Calls `f` with the worker's loop that this thread is in.
#[inline]
pub(crate) fn with_worker<R>(f: impl FnOnce(Option<&WorkerContext<'_>>) -> R) -> R {
    let worker = CONTEXT.try_with(|c| c.worker.get()).unwrap_or(ptr::null());
    // SAFETY: not null only between `set_worker` and the drop of its guard, which borrows the
    // worker's context; the reference does not leave `f`, and only this thread has the pointer.
    f(unsafe { worker.as_ref() })
}

/// Calls `f` with worker and core if this thread is a worker of that runtime and has its core.
#[inline]
pub(crate) fn with_core_of<R>(
    shared: &Shared,
    f: impl FnOnce(&WorkerContext<'_>, &mut Core) -> R,
) -> Option<R> {
    with_worker(|worker| {
        let worker = worker.filter(|w| ptr::eq(&raw const **w.shared(), shared))?;
        worker.with_core(|core| f(worker, core))
    })
}

/// The index of the worker that this thread is, in the current runtime.
pub(crate) fn worker_index() -> Option<u16> {
    with_worker(|worker| worker.map(WorkerContext::index))
}

/// The index of the worker that this thread is in that runtime.
pub(crate) fn worker_index_of(shared: &Shared) -> Option<u16> {
    with_worker(|worker| {
        let worker = worker.filter(|w| ptr::eq(&raw const **w.shared(), shared))?;
        Some(worker.index())
    })
}

const BLOCKING: &str = "Cannot block the current thread from within a runtime. This happens \
    because a function attempted to block the current thread while the thread is being used to \
    drive asynchronous tasks.";

/// Blocks this thread on a future that needs no driver (`blocking_recv`, `blocking_lock`…).
///
/// # Panics
///
/// Where blocking is not allowed.
#[track_caller]
pub(crate) fn block_on_outside<F: Future>(future: F) -> F::Output {
    assert!(!is_entered(), "{BLOCKING}");
    super::park::block_on(future)
}
