//! The wait list: the one place where tasks of this crate park.
//!
//! A [`Waiter`] lives inside the leaf future that waits; a [`WaitList`] threads waiters into a
//! queue without allocating. The list is kept behind the primitive's lock, so holding
//! `&mut WaitList` proves that the lock is held, and everything in a waiter but its shared value
//! is touched only with that proof. Each waiter carries the [`WaitNote`] that tells what its task
//! waits for; the note belongs to the future alone and needs no lock.
//!
//! Non-goals: the list knows nothing of permits or notifications. What a waiter waits for and
//! what it was given is the value `T`, made of atomics.
//!
//! # Protocol
//!
//! 1. The future clones its waker, takes the lock, and [pushes](WaitList::push_back) its waiter.
//! 2. Whoever grants something takes the lock and [pops](WaitList::pop_front). The pop unlinks the
//!    waiter and takes its waker first, and stores into the value last: a future that sees the
//!    stored value may return and be dropped at once, without the lock.
//! 3. A future that is dropped while it waits takes the lock and [removes](WaitList::remove) its
//!    waiter.
//! 4. Wakers go into a [`WakeBatch`] and are woken after the lock has been released, so that a
//!    waker which comes back to the same primitive does not deadlock.

#![expect(
    unsafe_code,
    reason = "intrusive list of nodes that live in pinned futures"
)]

use std::any::Any;
use std::cell::UnsafeCell;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

use crate::telemetry::waits::WaitNote;

/// One waiting operation: a node of a [`WaitList`], kept in the future that waits.
pub(super) struct Waiter<T> {
    /// Guarded by the lock of the list.
    entry: UnsafeCell<Entry<T>>,
    /// Read by the future without the lock, written by whoever grants.
    value: T,
    /// Touched by the future alone.
    note: WaitNote,
    _pinned: PhantomPinned,
}

struct Entry<T> {
    previous: Option<NonNull<Waiter<T>>>,
    next: Option<NonNull<Waiter<T>>>,
    linked: bool,
    waker: Option<Waker>,
}

// SAFETY: the pointers in `entry` are followed only under the list's lock; the waiters they point
// to are shared with other threads, hence `T: Sync`.
unsafe impl<T: Send + Sync> Send for Waiter<T> {}
// SAFETY: `entry` is reached only through a `&mut WaitList`, that is under the lock; the note
// only through `Pin<&mut Waiter>`.
unsafe impl<T: Sync> Sync for Waiter<T> {}

impl<T> Waiter<T> {
    /// A waiter that is in no list.
    ///
    /// # Safety
    ///
    /// The owner promises that
    /// - all lists that the waiter is ever passed to are guarded by one and the same lock, and
    ///   [`WaitList::remove`] gets the list that the waiter is in;
    /// - a waiter that may be in a list is removed before it is dropped (a pinned waiter cannot
    ///   go away in any other manner).
    pub(super) const unsafe fn new(value: T) -> Waiter<T> {
        Waiter {
            entry: UnsafeCell::new(Entry {
                previous: None,
                next: None,
                linked: false,
                waker: None,
            }),
            value,
            note: WaitNote::new(),
            _pinned: PhantomPinned,
        }
    }

    /// What the waiter waits for and what it was given.
    pub(super) fn value(&self) -> &T {
        &self.value
    }

    /// What the task says it waits for.
    pub(super) fn note(self: Pin<&mut Self>) -> &mut WaitNote {
        // SAFETY: the waiter is not moved; the note is not pinned with it and is reached by
        // nobody but the future.
        unsafe { &mut self.get_unchecked_mut().note }
    }
}

/// A first-in first-out queue of waiters.
pub(super) struct WaitList<T> {
    head: Option<NonNull<Waiter<T>>>,
    tail: Option<NonNull<Waiter<T>>>,
}

// SAFETY: a list only points to waiters; these may be used from another thread if `T` may be
// shared.
unsafe impl<T: Sync> Send for WaitList<T> {}

impl<T> WaitList<T> {
    /// An empty list.
    pub(super) const fn new() -> WaitList<T> {
        WaitList {
            head: None,
            tail: None,
        }
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The entry of a waiter of this list's lock.
    fn entry(&mut self, waiter: NonNull<Waiter<T>>) -> &mut Entry<T> {
        // SAFETY: a linked waiter, or one given by its owner, is alive and pinned: it is removed
        // before it is dropped (contract of `Waiter::new`).
        let waiter = unsafe { waiter.as_ref() };
        // SAFETY: `&mut self` proves that the lock is held, and the reference returned borrows
        // `self`, so that no second one to any entry of this lock can exist beside it.
        unsafe { &mut *waiter.entry.get() }
    }

    /// Puts a waiter at the end.
    #[inline]
    pub(super) fn push_back(&mut self, waiter: Pin<&Waiter<T>>, waker: Option<Waker>) {
        let node = NonNull::from(waiter.get_ref());
        let tail = self.tail;
        let entry = self.entry(node);
        debug_assert!(!entry.linked, "a waiter is in one list at a time");
        entry.waker = waker;
        entry.previous = tail;
        entry.next = None;
        entry.linked = true;
        match tail {
            Some(tail) => self.entry(tail).next = Some(node),
            None => self.head = Some(node),
        }
        self.tail = Some(node);
    }

    /// The value of the waiter that came first.
    pub(super) fn front(&self) -> Option<&T> {
        // SAFETY: linked waiters are alive (contract of `Waiter::new`) and stay so while the lock
        // is held, which the borrow of `self` outlasts.
        self.head.map(|head| unsafe { &(*head.as_ptr()).value })
    }

    /// Takes out the waiter that came first. `grant` gets its value after the waiter was unlinked
    /// and its waker taken: the waiter may be gone as soon as `grant` has stored into the value.
    /// `None` if nobody waits.
    #[inline]
    pub(super) fn pop_front(&mut self, grant: impl FnOnce(&T)) -> Option<Option<Waker>> {
        let head = self.head?;
        Some(self.take(head, grant))
    }

    /// Takes out the waiter that came last, as [`pop_front`](WaitList::pop_front).
    pub(super) fn pop_back(&mut self, grant: impl FnOnce(&T)) -> Option<Option<Waker>> {
        let tail = self.tail?;
        Some(self.take(tail, grant))
    }

    #[inline]
    fn take(&mut self, node: NonNull<Waiter<T>>, grant: impl FnOnce(&T)) -> Option<Waker> {
        self.unlink(node);
        let waker = self.entry(node).waker.take();
        // SAFETY: the waiter was linked under the lock, which is still held; its future cannot
        // know that it is not linked any more before it sees what `grant` stores.
        grant(unsafe { &(*node.as_ptr()).value });
        waker
    }

    /// Takes a waiter out, wherever it stands. Whether it was in the list. Its waker stays in the
    /// waiter and is dropped with it, after the lock.
    pub(super) fn remove(&mut self, waiter: Pin<&Waiter<T>>) -> bool {
        let node = NonNull::from(waiter.get_ref());
        let linked = self.entry(node).linked;
        if linked {
            self.unlink(node);
        }
        linked
    }

    #[inline]
    fn unlink(&mut self, node: NonNull<Waiter<T>>) {
        let entry = self.entry(node);
        entry.linked = false;
        let (previous, next) = (entry.previous.take(), entry.next.take());
        match previous {
            Some(previous) => self.entry(previous).next = next,
            None => self.head = next,
        }
        match next {
            Some(next) => self.entry(next).previous = previous,
            None => self.tail = previous,
        }
    }

    /// Moves all of `other` to the end of this list. Both are of the same lock.
    pub(super) fn append(&mut self, other: &mut WaitList<T>) {
        let Some(first) = other.head.take() else {
            return;
        };
        let last = other.tail.take();
        match self.tail {
            Some(tail) => {
                self.entry(tail).next = Some(first);
                self.entry(first).previous = Some(tail);
            }
            None => self.head = Some(first),
        }
        self.tail = last;
    }

    /// Whether a wake of the waiter would wake `waker`'s task.
    pub(super) fn will_wake(&mut self, waiter: Pin<&Waiter<T>>, waker: &Waker) -> bool {
        let entry = self.entry(NonNull::from(waiter.get_ref()));
        entry.waker.as_ref().is_some_and(|w| w.will_wake(waker))
    }

    /// Takes the waker of a waiter that was [removed](WaitList::remove) and may be pushed again.
    #[must_use = "drop it after the lock has been released"]
    pub(super) fn take_waker(&mut self, waiter: Pin<&Waiter<T>>) -> Option<Waker> {
        self.entry(NonNull::from(waiter.get_ref())).waker.take()
    }

    /// Replaces the waiter's waker; the old one is returned, to be dropped after the lock.
    #[must_use = "drop it after the lock has been released"]
    pub(super) fn set_waker(&mut self, waiter: Pin<&Waiter<T>>, waker: Waker) -> Option<Waker> {
        self.entry(NonNull::from(waiter.get_ref()))
            .waker
            .replace(waker)
    }
}

const BATCH: usize = 32;

/// Wakers collected under a lock, to be woken after it. If a waker panics the others are woken all
/// the same, and the first panic goes on.
pub(super) struct WakeBatch {
    wakers: [MaybeUninit<Waker>; BATCH],
    /// The wakers at `woken..len` are initialised.
    woken: usize,
    len: usize,
    panicked: Option<Box<dyn Any + Send>>,
}

impl WakeBatch {
    /// An empty batch.
    pub(super) const fn new() -> WakeBatch {
        WakeBatch {
            wakers: [const { MaybeUninit::uninit() }; BATCH],
            woken: 0,
            len: 0,
            panicked: None,
        }
    }

    /// Whether another waker fits.
    pub(super) fn has_room(&self) -> bool {
        self.len < BATCH
    }

    /// Adds a waker; there must be room.
    pub(super) fn push(&mut self, waker: Option<Waker>) {
        if let Some(waker) = waker {
            self.wakers[self.len].write(waker);
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<Waker> {
        if self.woken == self.len {
            return None;
        }
        let at = self.woken;
        self.woken += 1;
        // SAFETY: `at` was below `len`, so `push` has written it, and `woken` has moved past it,
        // so that it is read once.
        Some(unsafe { self.wakers[at].assume_init_read() })
    }

    /// Wakes those collected so far, first in first out, and makes room for more. No lock of a
    /// primitive may be held. Does not panic: a waker's panic goes on in
    /// [`wake_all`](WakeBatch::wake_all).
    pub(super) fn flush(&mut self) {
        while let Some(waker) = self.pop() {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                self.panicked.get_or_insert(payload);
            }
        }
        (self.woken, self.len) = (0, 0);
    }

    /// Wakes all. No lock of a primitive may be held.
    ///
    /// # Panics
    ///
    /// If one of the wakers did, after all have been woken.
    // By reference: a batch is large, and is not to be moved.
    pub(super) fn wake_all(&mut self) {
        self.flush();
        if let Some(payload) = self.panicked.take() {
            resume_unwind(payload);
        }
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        // Finds wakers only if something panicked between collecting and waking.
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::sync::test_util::counting_waker;

    fn waiter(value: usize) -> Pin<Box<Waiter<AtomicUsize>>> {
        // SAFETY: each test uses one list for its waiters and empties it before they are dropped.
        Box::pin(unsafe { Waiter::new(AtomicUsize::new(value)) })
    }

    fn drain(list: &mut WaitList<AtomicUsize>) -> Vec<usize> {
        let mut seen = Vec::new();
        while list
            .pop_front(|v| seen.push(v.load(Ordering::Relaxed)))
            .is_some()
        {}
        seen
    }

    #[test]
    fn pops_in_the_order_of_pushes() {
        let (a, b, c) = (waiter(1), waiter(2), waiter(3));
        let mut list = WaitList::new();
        for w in [&a, &b, &c] {
            list.push_back(w.as_ref(), None);
        }
        assert_eq!(list.front().map(|v| v.load(Ordering::Relaxed)), Some(1));
        assert_eq!(drain(&mut list), [1, 2, 3]);
        assert!(list.is_empty());
    }

    #[test]
    fn removes_head_middle_and_tail() {
        let waiters: Vec<_> = (0..5).map(waiter).collect();
        let mut list = WaitList::new();
        for w in &waiters {
            list.push_back(w.as_ref(), None);
        }
        for i in [2, 0, 4] {
            assert!(list.remove(waiters[i].as_ref()));
            assert!(!list.remove(waiters[i].as_ref()), "removed twice");
        }
        assert_eq!(drain(&mut list), [1, 3]);
    }

    #[test]
    fn append_keeps_both_orders_and_empties_the_other() {
        let waiters: Vec<_> = (0..4).map(waiter).collect();
        let (mut first, mut second) = (WaitList::new(), WaitList::new());
        first.push_back(waiters[0].as_ref(), None);
        first.push_back(waiters[1].as_ref(), None);
        second.push_back(waiters[2].as_ref(), None);
        second.push_back(waiters[3].as_ref(), None);
        first.append(&mut second);
        assert!(second.is_empty());
        first.append(&mut second);
        second.append(&mut first);
        assert!(first.is_empty());
        assert_eq!(drain(&mut second), [0, 1, 2, 3]);
    }

    #[test]
    fn pop_back_takes_the_latest() {
        let waiters: Vec<_> = (0..3).map(waiter).collect();
        let mut list = WaitList::new();
        for w in &waiters {
            list.push_back(w.as_ref(), None);
        }
        let mut last = 0;
        list.pop_back(|v| last = v.load(Ordering::Relaxed));
        assert_eq!(last, 2);
        assert_eq!(drain(&mut list), [0, 1]);
        assert!(!list.remove(waiters[2].as_ref()));
    }

    #[test]
    fn batch_wakes_each_once() {
        let (waker, count) = counting_waker();
        let mut batch = WakeBatch::new();
        while batch.has_room() {
            batch.push(Some(waker.clone()));
        }
        batch.wake_all();
        assert_eq!(count.get(), BATCH);
    }

    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker panics");
        }
    }

    #[test]
    fn batch_wakes_the_rest_when_a_waker_panics() {
        let (waker, count) = counting_waker();
        let mut batch = WakeBatch::new();
        batch.push(Some(waker.clone()));
        batch.push(Some(Arc::new(Panics).into()));
        batch.push(None);
        batch.push(Some(waker));
        let result = catch_unwind(AssertUnwindSafe(|| batch.wake_all()));
        assert!(result.is_err());
        assert_eq!(count.get(), 2);
    }
}
