//! The unsafe room: task cells and everything that touches them through a type-erased pointer.
//!
//! A cell is a [`Header`] followed by the future or, once complete, its output. Three kinds of
//! reference keep it alive: the scheduler's (one, from spawn to completion), the join handle's,
//! and wakers' and abort handles'. Who may touch what:
//!
//! - the future: the holder of the right to run (see [`state`](super::state));
//! - the output: the completer, then the join handle if it exists, else the completer;
//! - the join waker: as the JOIN_WAKER bit says;
//! - the rest of the header is immutable or atomic.
//!
//! # Local tasks
//!
//! The future of a local task need not be `Send`. Its cell is one like the others, with a
//! [`LocalHead`] before the future that says which queue the right to run travels through. That
//! queue is emptied by one thread alone, the one that made the future: only there a local task is
//! polled, cancelled or completed, whoever wakes or aborts it. Elsewhere the right to run is only
//! ever put into the queue ([`local`](super::local)). What the runtime does to all of its tasks at
//! its end leaves local ones alone ([`cancel_pinned`]).

#![expect(unsafe_code, reason = "type-erased task cells")]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, needs_drop};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::header::{Header, NO_WORKER};
use super::local::LocalQueue;
use super::state::{Completion, Overflow, State, Wake};
use super::{Id, JoinError, waker};
use crate::scheduler::Shared;
use crate::telemetry::{Counter, Outcome, SpawnPlace, WorkerMark, clock, current, trace};

/// Operations on a cell that depend on the future's type.
pub(crate) struct Vtable {
    /// Polls the future. `Ready`: the future is dropped and the output stored.
    poll: unsafe fn(NonNull<Header>) -> Poll<Outcome>,
    /// Drops the future and stores the cancellation as output.
    cancel: unsafe fn(NonNull<Header>) -> Outcome,
    /// Moves the output to `*mut Poll<Result<T, JoinError>>`.
    take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Drops the output.
    drop_output: unsafe fn(NonNull<Header>),
    /// Of a local task: where its head is, as long as the future is.
    local_head: Option<unsafe fn(NonNull<Header>) -> NonNull<LocalHead>>,
    /// The cell's memory.
    layout: Layout,
    /// What of it is the future.
    future_bytes: usize,
}

impl Vtable {
    /// Bytes that the future takes.
    pub(crate) fn future_bytes(&self) -> usize {
        self.future_bytes
    }
}

#[repr(C)]
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

#[repr(C)]
struct Cell<F: Future> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
}

/// Where a local task belongs.
pub(crate) struct LocalHead {
    /// Its set's queue.
    pub(crate) queue: Arc<LocalQueue>,
    /// Its place in the set.
    pub(crate) key: usize,
}

/// The future of a local task.
#[repr(C)]
pub(crate) struct LocalFuture<F> {
    head: LocalHead,
    future: F,
}

impl<F> LocalFuture<F> {
    pub(crate) fn new(head: LocalHead, future: F) -> LocalFuture<F> {
        LocalFuture { head, future }
    }
}

impl<F: Future> Future for LocalFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: structural pinning of `future`; nothing moves it, and there is no `Drop`.
        let future = unsafe { self.map_unchecked_mut(|this| &mut this.future) };
        future.poll(cx)
    }
}

/// The header's own size plus nothing: what a cell takes beyond its future or output.
#[cfg(not(zokio_loom))]
const fn assert_header_size<F: Future>() {
    if align_of::<Stage<F>>() <= 8 {
        assert!(size_of::<Cell<F>>() - size_of::<Stage<F>>() <= 64);
    }
}

/// The memory that a cell with this future needs.
pub(crate) const fn layout<F: Future>() -> Layout {
    Layout::new::<Cell<F>>()
}

/// What a cell is told of its task.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) id: Id,
    pub(crate) slot: u32,
    /// Stamp of the spawn.
    pub(crate) now: u64,
    pub(crate) location: &'static Location<'static>,
    pub(crate) shared: *const Shared,
}

/// Makes a cell, scheduled, with a scheduler's and a join handle's reference.
///
/// # Safety
///
/// `memory` is the caller's, of [`layout::<F>`](layout), and goes to the cell.
pub(crate) unsafe fn place<F>(memory: NonNull<u8>, future: F, identity: Identity) -> NonNull<Header>
where
    F: Future,
{
    // SAFETY: by the contract.
    unsafe { place_with(memory, future, identity, vtable::<F>()) }
}

/// As [`place`], for a task whose future has been boxed.
///
/// # Safety
///
/// As [`place`], with the layout of the box.
pub(crate) unsafe fn place_boxed<F>(
    memory: NonNull<u8>,
    future: Pin<Box<F>>,
    identity: Identity,
) -> NonNull<Header>
where
    F: Future,
{
    // SAFETY: by the contract.
    unsafe { place_with(memory, future, identity, boxed_vtable::<F>()) }
}

/// As [`place`], for a local task; `S` is the future as the user gave it, which may have been boxed.
///
/// # Safety
///
/// As [`place`], with the layout of [`LocalFuture<F>`].
pub(crate) unsafe fn place_local<F, S>(
    memory: NonNull<u8>,
    future: LocalFuture<F>,
    identity: Identity,
) -> NonNull<Header>
where
    F: Future,
{
    // SAFETY: by the contract.
    unsafe { place_with(memory, future, identity, local_vtable::<F, S>()) }
}

/// # Safety
///
/// As [`place`]; `vtable` is one for `F`.
unsafe fn place_with<F>(
    memory: NonNull<u8>,
    future: F,
    identity: Identity,
    vtable: &'static Vtable,
) -> NonNull<Header>
where
    F: Future,
{
    #[cfg(not(zokio_loom))]
    const {
        assert_header_size::<F>()
    };
    let header = Header {
        state: State::new(),
        vtable,
        id: identity.id.as_u64(),
        place: SpawnPlace::new(identity.location),
        slot: identity.slot,
        worker: WorkerMark::new(NO_WORKER),
        woken_on: WorkerMark::new(NO_WORKER),
        scheduled_at: Counter::new(identity.now),
        join_waker: UnsafeCell::new(None),
        shared: NonNull::new(identity.shared.cast_mut()).expect("from an `Arc`"),
    };
    let cell: *mut Cell<F> = memory.cast().as_ptr();
    // SAFETY: the memory is the caller's and has the cell's layout.
    unsafe { (&raw mut (*cell).header).write(header) };
    // SAFETY: as above. The fields of a C union begin at its address.
    unsafe { (&raw mut (*cell).stage).cast::<F>().write(future) };
    memory.cast()
}

const fn vtable_of<F: Future>() -> Vtable {
    Vtable {
        poll: poll::<F>,
        cancel: cancel::<F>,
        take_output: take_output::<F>,
        drop_output: drop_output::<F>,
        local_head: None,
        layout: layout::<F>(),
        future_bytes: size_of::<F>(),
    }
}

fn vtable<F: Future>() -> &'static Vtable {
    const { &vtable_of::<F>() }
}

fn boxed_vtable<F: Future>() -> &'static Vtable {
    const {
        &Vtable {
            future_bytes: size_of::<F>(),
            ..vtable_of::<Pin<Box<F>>>()
        }
    }
}

fn local_vtable<F: Future, S>() -> &'static Vtable {
    const {
        &Vtable {
            local_head: Some(local_head::<F>),
            future_bytes: size_of::<S>(),
            ..vtable_of::<LocalFuture<F>>()
        }
    }
}

/// # Safety
///
/// As [`stage`], with future type `LocalFuture<F>`.
unsafe fn local_head<F: Future>(task: NonNull<Header>) -> NonNull<LocalHead> {
    // SAFETY: by the contract. The fields of a C union begin at its address, and the head is the
    // first of a C struct.
    let head = unsafe { stage::<LocalFuture<F>>(task) }.cast();
    // SAFETY: the address of a cell's part.
    unsafe { NonNull::new_unchecked(head) }
}

/// # Safety
///
/// `task` is a live cell made with future type `F`.
unsafe fn stage<F: Future>(task: NonNull<Header>) -> *mut Stage<F> {
    let cell: NonNull<Cell<F>> = task.cast();
    // SAFETY: by the contract; `UnsafeCell::get` makes no reference to the stage.
    unsafe { cell.as_ref() }.stage.get()
}

unsafe fn poll<F: Future>(task: NonNull<Header>) -> Poll<Outcome> {
    // SAFETY: the vtable of a cell is that of its future type; the caller has a live cell.
    let stage = unsafe { stage::<F>(task) };
    // SAFETY: the waker is not dropped, and clones take references of their own.
    let waker = unsafe { waker::borrowed(task) };
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller holds the right to run and the task is not complete, so the stage
        // is the future and nobody else touches it.
        let future: &mut F = unsafe { &mut (*stage).future };
        // SAFETY: cells do not move, and the future is dropped in place.
        let future = unsafe { Pin::new_unchecked(future) };
        let unwinding = DropFuture(stage);
        let polled = future.poll(&mut Context::from_waker(&waker));
        std::mem::forget(unwinding);
        polled
    }));
    let output = match result {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(output)) => match DropFuture(stage).now() {
            Ok(()) => Ok(output),
            Err(payload) => {
                // The task fails with the first panic.
                drop_quietly(output);
                Err(payload)
            }
        },
        Err(payload) => Err(payload),
    };
    let id = header(task).task_id();
    let result = output.map_err(|payload| JoinError::panic(id, payload));
    let outcome = if result.is_err() {
        Outcome::Panicked
    } else {
        Outcome::Completed
    };
    // SAFETY: the future is gone, the output is not yet visible to anybody else.
    unsafe { (*stage).output = ManuallyDrop::new(result) };
    Poll::Ready(outcome)
}

/// Drops a task's future: when it is itself dropped, which is when the poll panics, so that
/// destructors find the thread panicking.
///
/// Made only by who may drop the future; it is not used afterwards.
struct DropFuture<F: Future>(*mut Stage<F>);

impl<F: Future> DropFuture<F> {
    /// The panic of the future's destructor, if there was one.
    fn now(self) -> thread::Result<()> {
        let result = self.drop_future();
        std::mem::forget(self);
        result
    }

    fn drop_future(&self) -> thread::Result<()> {
        // SAFETY: as in `poll`: the future is the maker's to drop, once, since the output replaces
        // it next.
        catch_unwind(AssertUnwindSafe(|| unsafe {
            ManuallyDrop::drop(&mut (*self.0).future);
        }))
    }
}

impl<F: Future> Drop for DropFuture<F> {
    fn drop(&mut self) {
        // The task fails with the first panic.
        let _ = self.drop_future();
    }
}

unsafe fn cancel<F: Future>(task: NonNull<Header>) -> Outcome {
    // SAFETY: as in `poll`.
    let stage = unsafe { stage::<F>(task) };
    // SAFETY: the caller holds the right to run and the task is not complete.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe {
        ManuallyDrop::drop(&mut (*stage).future);
    }));
    let id = header(task).task_id();
    let (error, outcome) = match dropped {
        Ok(()) => (JoinError::cancelled(id), Outcome::Cancelled),
        Err(payload) => (JoinError::panic(id, payload), Outcome::Panicked),
    };
    // SAFETY: as in `poll`.
    unsafe { (*stage).output = ManuallyDrop::new(Err(error)) };
    outcome
}

unsafe fn take_output<F: Future>(task: NonNull<Header>, into: *mut ()) {
    // SAFETY: as in `poll`.
    let stage = unsafe { stage::<F>(task) };
    // SAFETY: the task is complete and the caller owns the output, which it takes once.
    let output = unsafe { ManuallyDrop::take(&mut (*stage).output) };
    let into: *mut Poll<Result<F::Output, JoinError>> = into.cast();
    // SAFETY: the caller passes a pointer to exactly this type, initialised.
    unsafe { *into = Poll::Ready(output) };
}

unsafe fn drop_output<F: Future>(task: NonNull<Header>) {
    // SAFETY: as in `poll`.
    let stage = unsafe { stage::<F>(task) };
    // Destructors see the task that they belong to.
    let _current = needs_drop::<F::Output>().then(|| {
        let id = header(task).id;
        current::Restore::enter(current::Current::task(id, 0, clock::raw()))
    });
    // A panic in the output's destructor has nobody to go to.
    // SAFETY: the task is complete and the caller owns the output, which it drops once.
    let _ = catch_unwind(AssertUnwindSafe(|| unsafe {
        ManuallyDrop::drop(&mut (*stage).output);
    }));
}

/// The header behind a pointer that some reference of the caller keeps alive.
fn header<'a>(task: NonNull<Header>) -> &'a Header {
    // SAFETY: all pointers in this module come from callers that hold a reference; a header is
    // never borrowed mutably.
    unsafe { task.as_ref() }
}

impl Header {
    pub(crate) fn task_id(&self) -> Id {
        Id::from_u64(self.id).expect("task ids are not 0")
    }

    /// The task's runtime.
    pub(crate) fn shared(&self) -> &Shared {
        // SAFETY: a runtime's shared state outlives all its cells (`Shared::cell_freed`).
        unsafe { self.shared.as_ref() }
    }
}

/// Drops a value of the user's. A panic in its destructor has nobody to go to.
fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

/// Drops one reference and frees the cell if it was the last.
///
/// # Safety
///
/// The caller owns a reference, and uses the pointer no more.
pub(crate) unsafe fn drop_ref(task: NonNull<Header>) {
    if header(task).state.drop_ref() {
        // SAFETY: that was the last reference.
        unsafe { free(task) };
    }
}

/// # Safety
///
/// The caller dropped the last reference.
pub(crate) unsafe fn free(task: NonNull<Header>) {
    let header = header(task);
    let shared = header.shared;
    // SAFETY: nobody else has a reference, so the join waker is nobody's: drop it here, since a
    // destructor may panic or wake and must find the cell whole.
    let join_waker = unsafe { (*header.join_waker.get()).take() };
    drop_quietly(join_waker);
    let layout = header.vtable.layout;
    // SAFETY: last reference: future, output and join waker are gone, and nothing else in a cell
    // has a destructor. The cell was counted, so the shared state is still there.
    unsafe { Shared::free_cell(shared, task.cast(), layout) };
}

/// The right to run a task: what the queues hold. Dropping it leaks the right, never the memory:
/// the task would only never run again.
#[derive(Debug)]
#[must_use]
pub(crate) struct Runnable(NonNull<Header>);

// SAFETY: only futures that are `Send` are spawned, and outputs likewise; or the task is a local
// one, and its set's thread alone does more with a runnable than to put it into the set's queue
// (`local`). The header is atomic or guarded by the state.
unsafe impl Send for Runnable {}

impl Runnable {
    /// # Safety
    ///
    /// The caller has the right to run the task (a wake that said so, or a new cell).
    pub(crate) unsafe fn new(task: NonNull<Header>) -> Runnable {
        Runnable(task)
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        header(self.0)
    }

    /// Where a local task belongs. `None`: it is none.
    #[inline]
    pub(crate) fn local_head(&self) -> Option<&LocalHead> {
        let head = self.header().vtable.local_head?;
        // SAFETY: the vtable is that of the cell. The holder of the right to run has the future to
        // himself, which is there until he completes the task, consuming `self`. (A poll, which
        // borrows the future mutably, returns before this is called again.)
        Some(unsafe { head(self.0).as_ref() })
    }

    /// The task's runtime, kept.
    pub(crate) fn runtime(&self) -> Arc<Shared> {
        let shared = self.header().shared.as_ptr();
        // SAFETY: made by `Arc::as_ptr`; the cells' share is a count, held as the cell is live.
        unsafe { Arc::increment_strong_count(shared) };
        // SAFETY: the count that was just added.
        unsafe { Arc::from_raw(shared) }
    }

    /// The task's address, for the LIFO slot.
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        self.0
    }

    /// Polls the future. `Ready`: the output is stored, [`complete`](Runnable::complete) is next.
    #[inline]
    pub(crate) fn poll(&self) -> Poll<Outcome> {
        // SAFETY: the right to run is exclusive, and lasts until completion.
        unsafe { (self.header().vtable.poll)(self.0) }
    }

    /// Drops the future instead of polling it. [`complete`](Runnable::complete) is next.
    pub(crate) fn cancel(&self) -> Outcome {
        // SAFETY: as in `poll`.
        unsafe { (self.header().vtable.cancel)(self.0) }
    }

    /// Publishes the output, wakes the joiner and drops the scheduler's reference (or the one that
    /// [`RecordTable::retire`](crate::telemetry::RecordTable::retire) gave in its place).
    pub(crate) fn complete(self) {
        let header = self.header();
        match header.state.complete() {
            // SAFETY: no handle exists and none can come: the output is the completer's.
            Completion::DropOutput => unsafe { (header.vtable.drop_output)(self.0) },
            Completion::Nothing => {}
            Completion::WakeJoiner => {
                // SAFETY: JOIN_WAKER was set at completion: the waker is the completer's to read.
                let waker = unsafe { &*header.join_waker.get() };
                if let Some(waker) = waker {
                    let _ended = current::Restore::enter(current::Current::ended(header.id));
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake_by_ref()));
                }
                if header.state.join_waker_done() {
                    // SAFETY: the handle is gone and left the waker to the completer.
                    drop_quietly(unsafe { (*header.join_waker.get()).take() });
                }
            }
        }
        // Who asks later than this sees that the task is complete.
        if header.state.view().is_asked() {
            trace::answer_ended(header);
        }
        // SAFETY: one reference is the completer's; `self` is consumed.
        unsafe { drop_ref(self.0) };
    }
}

/// A counted reference that is no waker: join handles, abort handles.
///
/// The lowest bit of the pointer, which is 0 in the address of a header, says whether it is counted
/// as a handle in the state. So it is one word, and goes through calls in a register.
#[derive(Debug)]
pub(crate) struct TaskRef(NonNull<Header>);

const IS_HANDLE: usize = 1;
const _: () = assert!(align_of::<Header>() > IS_HANDLE);

// SAFETY: a reference gives access to the header only, which is atomic; output and join waker
// are reached through the methods below, whose callers vouch.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// # Safety
    ///
    /// The caller gives up a reference of its own.
    pub(crate) unsafe fn from_counted(task: NonNull<Header>) -> TaskRef {
        TaskRef(task)
    }

    fn is_handle(&self) -> bool {
        self.0.addr().get() & IS_HANDLE != 0
    }

    fn set_is_handle(&mut self, is_handle: bool) {
        let task = self.task();
        self.0 = task.map_addr(|address| address | usize::from(is_handle));
    }

    fn task(&self) -> NonNull<Header> {
        let task = self.0.as_ptr().map_addr(|address| address & !IS_HANDLE);
        // SAFETY: the address of a header, which is aligned and so not 1.
        unsafe { NonNull::new_unchecked(task) }
    }

    pub(crate) fn header(&self) -> &Header {
        header(self.task())
    }

    /// A reference for an abort handle.
    pub(crate) fn abort_handle(&self) -> TaskRef {
        handle(self.task())
    }

    /// Cancels the task: it is dropped at once if it is idle and by its worker else.
    pub(crate) fn abort(&self) {
        waker::schedule_if(self.header().state.cancel(), self.task());
    }

    /// Takes the output of a complete task.
    ///
    /// # Safety
    ///
    /// The caller is the task's join handle and has not taken the output; `T` is the output type
    /// of the task's future.
    pub(crate) unsafe fn try_take_output<T>(&self, waker: &Waker) -> Poll<Result<T, JoinError>> {
        let header = self.header();
        // SAFETY: the caller is the join handle.
        if !header.state.view_acquire().is_complete() && unsafe { self.register(waker) } {
            return Poll::Pending;
        }
        let mut output: Poll<Result<T, JoinError>> = Poll::Pending;
        // SAFETY: complete, and the handle owns the output (it exists, so completion left it).
        unsafe { (header.vtable.take_output)(self.task(), (&raw mut output).cast()) };
        output
    }

    /// Has `waker` woken when the task completes, now if it has.
    ///
    /// # Safety
    ///
    /// The caller is the task's join handle.
    pub(crate) unsafe fn wake_on_completion(&self, waker: &Waker) {
        // SAFETY: the caller is the join handle.
        if !unsafe { self.register(waker) } {
            waker.wake_by_ref();
        }
    }

    /// Makes `waker` the join waker. False: the task is complete.
    ///
    /// # Safety
    ///
    /// The caller is the task's join handle.
    unsafe fn register(&self, waker: &Waker) -> bool {
        let header = self.header();
        let slot = header.join_waker.get();
        // What the completer does to the waker comes before its end is seen.
        let view = header.state.view_acquire();
        if view.is_complete() {
            return false;
        }
        if view.has_join_waker() {
            // SAFETY: while JOIN_WAKER is set nobody writes; the handle may read.
            let same = unsafe { &*slot }
                .as_ref()
                .is_some_and(|w| w.will_wake(waker));
            if same {
                return !header.state.view_acquire().is_complete();
            }
            if !header.state.unset_join_waker() {
                return false;
            }
        }
        // SAFETY: JOIN_WAKER is not set and the task was not complete when that was seen: the waker is
        // the handle's. (Completion without JOIN_WAKER does not touch it.)
        unsafe { *slot = Some(waker.clone()) };
        header.state.set_join_waker()
    }

    /// What the join handle does when it is dropped, but for its reference.
    ///
    /// # Safety
    ///
    /// The caller is the task's join handle, being dropped, and says truly whether it has taken
    /// the output.
    pub(crate) unsafe fn drop_join_handle(&mut self, output_taken: bool) {
        let header = header(self.task());
        let dropped = header.state.drop_join_handle();
        self.set_is_handle(dropped.is_handle);
        if dropped.drop_output && !output_taken {
            // SAFETY: the state left the output to the handle.
            unsafe { (header.vtable.drop_output)(self.task()) };
        }
        if dropped.drop_waker {
            // SAFETY: the state left the waker to the handle.
            drop(unsafe { (*header.join_waker.get()).take() });
        }
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        if self.header().state.drop_reference(self.is_handle()) {
            // SAFETY: every `TaskRef` owns a reference, and that was the last one.
            unsafe { free(self.task()) };
        }
    }
}

/// A reference to the task that is about to be enqueued.
pub(crate) fn keep(runnable: &Runnable) -> TaskRef {
    handle(runnable.0)
}

/// One more reference that is no waker, and is counted as such if there is room.
fn handle(task: NonNull<Header>) -> TaskRef {
    let overflow = header(task).state.add_abort_handle();
    let mut handle = TaskRef(task);
    handle.set_is_handle(overflow == Overflow::No);
    handle
}

/// Takes the right to run the task behind a pinned record, to cancel it. `None`: it is queued or
/// running, and whoever has the right will see the cancellation; or it is a local task, which is
/// its set's to cancel.
pub(crate) fn cancel_pinned(task: NonNull<Header>) -> Option<Runnable> {
    if header(task).vtable.local_head.is_some() {
        return None;
    }
    match header(task).state.cancel() {
        // SAFETY: the state gave the right to run.
        Wake::Schedule => Some(unsafe { Runnable::new(task) }),
        _ => None,
    }
}
