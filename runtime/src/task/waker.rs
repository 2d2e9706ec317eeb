//! Wakers of tasks: a raw pointer to the cell and a reference counted in its state.

#![expect(
    unsafe_code,
    reason = "raw waker vtable over counted references to task cells"
)]

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::Header;
use super::local;
use super::raw::{self, Runnable};
use super::state::{Overflow, Wake};
use crate::telemetry::{self, Counter, TaskRecord, current};

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that owns no reference, for the time of a poll.
pub(crate) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// # Safety
///
/// The cell outlives the returned waker.
pub(crate) unsafe fn borrowed(task: NonNull<Header>) -> Borrowed {
    let raw = RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE);
    // SAFETY: the vtable keeps the contract of `RawWaker`; the waker is never dropped, so it
    // gives back no reference that it does not own.
    Borrowed(ManuallyDrop::new(unsafe { Waker::from_raw(raw) }))
}

/// # Safety
///
/// `data` is the pointer of a waker made here, which holds or borrows a reference.
unsafe fn header<'a>(data: *const ()) -> (&'a Header, NonNull<Header>) {
    // SAFETY: wakers are made from `NonNull<Header>` only.
    let task = unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) };
    // SAFETY: the waker's reference keeps the cell alive.
    (unsafe { task.as_ref() }, task)
}

/// Whether it wakes that task and is none that something inside of the task has made.
#[cfg(feature = "telemetry")]
pub(crate) fn is_of(waker: &Waker, task: u64) -> bool {
    if !std::ptr::eq(waker.vtable(), &VTABLE) {
        return false;
    }
    // SAFETY: a waker of this vtable was made here, and lives while it is borrowed.
    let (header, _) = unsafe { header(waker.data()) };
    header.id == task
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: called through the vtable with this waker's pointer.
    let (header, _) = unsafe { header(data) };
    if header.state.clone_waker() == Overflow::Yes {
        credit(header, |record| &record.waker_clones);
    }
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: called through the vtable with this waker's pointer.
    let (header, task) = unsafe { header(data) };
    current::count_self_wake(header.id);
    match header.state.wake_and_drop() {
        // SAFETY: nothing was done: this waker still has its reference.
        None => unsafe {
            wake_counted(header, task);
            drop_waker(data);
        },
        // SAFETY: that was the last reference.
        Some(Wake::Dealloc) => unsafe { raw::free(task) },
        Some(wake) => schedule_if(wake, task),
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: called through the vtable with this waker's pointer.
    let (header, task) = unsafe { header(data) };
    current::count_self_wake(header.id);
    wake_counted(header, task);
}

#[inline]
fn wake_counted(header: &Header, task: NonNull<Header>) {
    let (wake, overflow) = header.state.wake();
    if overflow == Overflow::Yes {
        credit(header, |record| &record.wakes);
    }
    schedule_if(wake, task);
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: called through the vtable with this waker's pointer; its reference ends here.
    unsafe { raw::drop_ref(NonNull::new_unchecked(data.cast_mut().cast::<Header>())) };
}

/// Counts what the state word had no room for: exactly if the task does it itself, being polled,
/// and in the process's count of unattributed events else.
#[cold]
fn credit(header: &Header, field: impl Fn(&TaskRecord) -> &Counter) {
    if current::spawned_task() == Some(header.id) {
        let record = header.shared().records().get(header.slot);
        record.ensure_counts();
        field(record).add(1);
    } else {
        telemetry::count_unattributed();
    }
}

/// Enqueues the task if a wake gave the right to run it.
#[inline]
pub(crate) fn schedule_if(wake: Wake, task: NonNull<Header>) {
    if wake == Wake::Schedule {
        // SAFETY: the state gave the right to run; the scheduler's reference keeps the cell
        // alive, since only the holder of that right can complete the task.
        let (runnable, header) = unsafe { (Runnable::new(task), task.as_ref()) };
        if runnable.local_head().is_some() {
            local::schedule(runnable);
            return;
        }
        if let Err(runnable) = header.shared().schedule(runnable) {
            // Once it is in the injector the task may be polled, completed and freed, and with the
            // last cell its runtime. A reference keeps both until the injector is done.
            let keep = raw::keep(&runnable);
            header.shared().inject(runnable);
            drop(keep);
        }
    }
}
