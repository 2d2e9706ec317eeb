//! The counting core under [`Semaphore`](super::Semaphore), [`Mutex`](super::Mutex),
//! [`RwLock`](super::RwLock) and bounded channels: acquire any number of permits at once, first
//! come, first served.
//!
//! Non-goals: guards and error texts of the public types; what a permit stands for.
//!
//! # State word
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | `CLOSED`: nothing can be acquired any more |
//! | 1 | `WAITERS`: the queue is not empty (written under the lock only) |
//! | 2.. | permits that are available |
//!
//! # Protocol
//!
//! - **Acquire**: one CAS takes the permits if enough are there; no lock.
//! - **Release**: with `WAITERS` clear one CAS adds the permits; no lock. With `WAITERS` set the
//!   permits go, under the lock, to the waiters in order; what is left over goes to the word in
//!   the same CAS that clears `WAITERS`.
//! - **Wait**: under the lock, one CAS takes whatever permits there are and sets `WAITERS`, then
//!   the waiter joins the queue with what it still lacks.
//!
//! # Why no permit and no wake-up is lost
//!
//! *`WAITERS` implies no available permits.* The CAS that sets it leaves none; while it is set
//! only releases could add some, and they go to the queue. Hence newcomers cannot overtake the
//! queue (their CAS finds nothing), and only the first waiter can hold part of what it needs.
//!
//! *With the lock free, `WAITERS` is set if and only if the queue is not empty.* Both change under
//! the lock, except that `close` empties the queue in several steps; nobody joins it then.
//!
//! A release and a wait meet on the state word. If the release's CAS comes first, the wait's CAS
//! sees the permits. If the wait's CAS comes first, the release sees `WAITERS`, takes the lock,
//! which the wait holds until its waiter is in the queue, and so finds the waiter.

#![expect(unsafe_code, reason = "waiters are nodes of an intrusive list")]

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::semaphore::{AcquireError, TryAcquireError};
use super::wait_list::{WaitList, Waiter, WakeBatch};
use crate::loom::atomic::{AtomicUsize, Ordering, fence};
use crate::loom::{Mutex, MutexGuard, const_unless_loom};
use crate::task::coop;
use crate::telemetry::trace;
use crate::telemetry::waits::{Identity, WaitPoint};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const ONE: usize = 4;
const SHIFT: u32 = ONE.trailing_zeros();

/// Permits that a waiter lacks. Stored under the lock; 0 is stored last of all, after the waiter
/// has left the queue.
type Lacking = AtomicUsize;

/// A counting semaphore without guards.
pub(super) struct BatchSemaphore {
    state: AtomicUsize,
    queue: Mutex<WaitList<Lacking>>,
}

impl UnwindSafe for BatchSemaphore {}
impl RefUnwindSafe for BatchSemaphore {}

impl fmt::Debug for BatchSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available())
            .finish()
    }
}

enum Enqueued {
    Acquired,
    Waiting,
}

impl BatchSemaphore {
    pub(super) const MAX_PERMITS: usize = usize::MAX >> 3;

    const_unless_loom! {
        /// # Panics
        ///
        /// If `permits` is above [`MAX_PERMITS`](BatchSemaphore::MAX_PERMITS).
        #[track_caller]
        pub(super) const fn new(permits: usize) -> BatchSemaphore {
            // The number cannot be part of the message in a constant; `check_permits` says it.
            assert!(
                permits <= Self::MAX_PERMITS,
                "a semaphore may not have more than MAX_PERMITS permits"
            );
            BatchSemaphore {
                state: AtomicUsize::new(permits << SHIFT),
                queue: Mutex::new(WaitList::new()),
            }
        }
    }

    /// # Panics
    ///
    /// If `permits` is more than a semaphore can have.
    #[inline]
    #[track_caller]
    pub(super) fn check_permits(permits: usize) {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore may not have more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
    }

    pub(super) fn available(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `release`: whoever sees a permit come back
        // sees what its holder did.
        self.state.load(Ordering::Acquire) >> SHIFT
    }

    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with the Release half of `close`.
        self.state.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Takes `permits` if they are there now.
    #[inline]
    pub(super) fn try_acquire(&self, permits: usize) -> Result<(), TryAcquireError> {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & CLOSED != 0 {
                // Ordering: Acquire pairs with the Release of `close`: who is refused sees what
                // came before it.
                fence(Ordering::Acquire);
                return Err(TryAcquireError::Closed);
            }
            if state >> SHIFT < permits {
                return Err(TryAcquireError::NoPermits);
            }
            // Ordering: Acquire pairs with the Release of `release` and `release_locked`: the
            // new holder sees what the former did. No Release: taking publishes nothing, and a
            // read-modify-write keeps the former holders' release sequence alive.
            match self.state.compare_exchange_weak(
                state,
                state - (permits << SHIFT),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => state = now,
            }
        }
    }

    /// Gives permits back, or adds new ones. Whether they went to waiters.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](BatchSemaphore::MAX_PERMITS).
    #[inline]
    #[track_caller]
    pub(super) fn release(&self, permits: usize) -> bool {
        if permits == 0 {
            return false;
        }
        let mut state = self.state.load(Ordering::Relaxed);
        while state & WAITERS == 0 {
            let sum = Self::sum(state, permits);
            // Ordering: Release pairs with the Acquire in `try_acquire` and `enqueue`.
            match self
                .state
                .compare_exchange_weak(state, sum, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return false,
                Err(now) => state = now,
            }
        }
        assert!(
            permits <= Self::MAX_PERMITS,
            "cannot add more than MAX_PERMITS permits ({})",
            Self::MAX_PERMITS
        );
        self.release_locked(permits, self.queue.lock());
        true
    }

    /// The state with more permits.
    #[inline]
    #[track_caller]
    fn sum(state: usize, permits: usize) -> usize {
        let sum = (state >> SHIFT).saturating_add(permits);
        assert!(
            sum <= Self::MAX_PERMITS,
            "number of added permits ({}) would overflow MAX_PERMITS ({})",
            permits,
            Self::MAX_PERMITS
        );
        (sum << SHIFT) | (state & (CLOSED | WAITERS))
    }

    /// Hands permits to the waiters in order; clears `WAITERS` once the queue is empty.
    #[track_caller]
    fn release_locked<'a>(
        &'a self,
        mut permits: usize,
        mut queue: MutexGuard<'a, WaitList<Lacking>>,
    ) {
        let mut wakes = WakeBatch::new();
        loop {
            while wakes.has_room() {
                let Some(lacking) = queue.front() else {
                    self.put_back(permits);
                    drop(queue);
                    wakes.wake_all();
                    return;
                };
                let lacks = lacking.load(Ordering::Relaxed);
                if lacks > permits {
                    lacking.store(lacks - permits, Ordering::Relaxed);
                    drop(queue);
                    wakes.wake_all();
                    return;
                }
                permits -= lacks;
                // Ordering: Release pairs with the Acquire load in `Acquiring::poll_queued`: the
                // waiter sees what the former holder did, and that it left the queue.
                let granted = queue.pop_front(|lacking| lacking.store(0, Ordering::Release));
                wakes.push(granted.flatten());
            }
            // Permits in hand are nobody's while the lock is free; `WAITERS` is still set, so
            // that later releases queue up behind this one.
            drop(queue);
            wakes.flush();
            queue = self.queue.lock();
        }
    }

    /// With the lock held and nobody waiting: permits into the word, `WAITERS` cleared.
    #[track_caller]
    fn put_back(&self, permits: usize) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let sum = Self::sum(state, permits) & !WAITERS;
            // Ordering: Release pairs with the Acquire in `try_acquire` and `enqueue`.
            match self
                .state
                .compare_exchange_weak(state, sum, Ordering::Release, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// Takes the permits if they have come meanwhile, else joins the queue.
    fn enqueue(
        &self,
        waiter: Pin<&Waiter<Lacking>>,
        permits: usize,
        waker: Waker,
    ) -> Result<Enqueued, AcquireError> {
        let mut queue = self.queue.lock();
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if state & CLOSED != 0 {
                return Err(AcquireError(()));
            }
            let available = state >> SHIFT;
            let taken = available.min(permits);
            let next = if taken == permits {
                state - (taken << SHIFT)
            } else {
                WAITERS
            };
            // Ordering: Acquire pairs with the Release of `release`, as in `try_acquire`.
            match self.state.compare_exchange_weak(
                state,
                next,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) if taken == permits => return Ok(Enqueued::Acquired),
                Ok(_) => {
                    waiter.value().store(permits - taken, Ordering::Relaxed);
                    queue.push_back(waiter, Some(waker));
                    return Ok(Enqueued::Waiting);
                }
                Err(now) => state = now,
            }
        }
    }

    /// Takes up to `permits` away for good, as many as are available. How many it took.
    pub(super) fn forget(&self, permits: usize) -> usize {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = permits.min(state >> SHIFT);
            if taken == 0 {
                return 0;
            }
            // Ordering: Acquire as in `try_acquire`: the caller takes these permits.
            match self.state.compare_exchange_weak(
                state,
                state - (taken << SHIFT),
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return taken,
                Err(now) => state = now,
            }
        }
    }

    /// No more permits are given out; all waiters are woken.
    pub(super) fn close(&self) {
        let mut queue = self.queue.lock();
        // Ordering: Release pairs with the Acquire in `is_closed`, `try_acquire` and
        // `Acquiring::poll_queued`.
        self.state.fetch_or(CLOSED, Ordering::Release);
        let mut wakes = WakeBatch::new();
        loop {
            while wakes.has_room() {
                // A waiter that is popped with permits lacking finds `CLOSED`.
                let Some(waker) = queue.pop_front(|_| ()) else {
                    self.put_back(0);
                    drop(queue);
                    wakes.wake_all();
                    return;
                };
                wakes.push(waker);
            }
            drop(queue);
            wakes.flush();
            queue = self.queue.lock();
        }
    }
}

/// What permits are acquired from: a reference to something with a [`BatchSemaphore`].
pub(super) trait Source {
    /// The semaphore; always the same one, wherever the source is moved.
    fn semaphore(&self) -> &BatchSemaphore;

    /// What wait notes say of the resource.
    fn identity(&self) -> Identity;

    /// Called when an acquisition of so many permits is pending.
    fn waited_for(&self, _permits: usize) {}

    /// Called when an acquisition that has waited gets its permits.
    fn granted(&self, _place: &'static Location<'static>) {}

    /// Called after a cancelled acquisition has given permits back.
    fn given_back(&self) {}
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    New,
    Queued,
    /// All permits have come, but the task has no budget left. It keeps them: to give them up would
    /// cost it its place in line.
    Held,
    Done,
}

/// An acquisition of permits; the part that all futures over a [`BatchSemaphore`] share. Resolves
/// to the source. Dropped while it waits it leaves the queue and gives back what it was given.
pub(super) struct Acquiring<S: Source> {
    source: Option<S>,
    permits: usize,
    phase: Phase,
    waiter: Waiter<Lacking>,
}

impl<S: Source> Acquiring<S> {
    /// # Panics
    ///
    /// If `permits` is more than a semaphore can have.
    #[track_caller]
    pub(super) fn new(source: S, permits: usize) -> Acquiring<S> {
        BatchSemaphore::check_permits(permits);
        Acquiring {
            source: Some(source),
            permits,
            phase: Phase::New,
            // SAFETY: the waiter is only passed to the queue of `source`'s semaphore, which stays
            // the same; `leave` removes it in `drop`, unless it was seen to be out of the queue.
            waiter: unsafe { Waiter::new(Lacking::new(0)) },
        }
    }

    /// Acquires; a pending wait is noted as `point` at `location`.
    ///
    /// # Panics
    ///
    /// If it was ready before.
    pub(super) fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        location: &'static Location<'static>,
    ) -> Poll<Result<S, AcquireError>> {
        let has_budget = coop::has_budget_remaining();
        if !has_budget && trace::leaf(cx) {
            return Poll::Pending;
        }
        // SAFETY: `waiter`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        let source = this
            .source
            .as_ref()
            .expect("`async fn` resumed after completion");
        let is_free = || source.semaphore().available() >= this.permits;
        if this.phase == Phase::New && !has_budget && is_free() {
            // Nobody is in line. Whoever has budget may go on, where a task that kept the permits
            // until its next turn would stop them all.
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        // SAFETY: `this` was pinned, and `waiter` with it.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        let result = match this.phase {
            Phase::New => Self::poll_new(source.semaphore(), waiter, this.permits, cx),
            Phase::Queued => Self::poll_queued(source.semaphore(), waiter, cx),
            Phase::Held => Poll::Ready(Ok(())),
            Phase::Done => unreachable!("the source is gone when the acquisition is complete"),
        };
        match result {
            Poll::Pending => {
                this.phase = Phase::Queued;
                let resource = source.identity();
                // SAFETY: as above.
                let waiter = unsafe { Pin::new_unchecked(&mut this.waiter) };
                waiter.note().set_by(cx.waker(), point, resource, location);
                source.waited_for(this.permits);
                Poll::Pending
            }
            Poll::Ready(result) => {
                if this.phase == Phase::Queued {
                    // SAFETY: as above.
                    unsafe { Pin::new_unchecked(&mut this.waiter) }
                        .note()
                        .clear();
                    if result.is_err() {
                        this.leave();
                    } else {
                        source.granted(location);
                    }
                }
                if result.is_ok() {
                    this.phase = Phase::Held;
                    ready!(coop::poll_proceed(cx)).made_progress();
                }
                this.phase = Phase::Done;
                let source = this.source.take().expect("it was there above");
                Poll::Ready(result.map(|()| source))
            }
        }
    }

    fn poll_new(
        semaphore: &BatchSemaphore,
        waiter: Pin<&Waiter<Lacking>>,
        permits: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        match semaphore.try_acquire(permits) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TryAcquireError::Closed) => Poll::Ready(Err(AcquireError(()))),
            Err(TryAcquireError::NoPermits) => {
                match semaphore.enqueue(waiter, permits, cx.waker().clone()) {
                    Ok(Enqueued::Acquired) => Poll::Ready(Ok(())),
                    Ok(Enqueued::Waiting) => Poll::Pending,
                    Err(closed) => Poll::Ready(Err(closed)),
                }
            }
        }
    }

    fn poll_queued(
        semaphore: &BatchSemaphore,
        waiter: Pin<&Waiter<Lacking>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), AcquireError>> {
        if semaphore.is_closed() {
            return Poll::Ready(Err(AcquireError(())));
        }
        // Ordering: Acquire pairs with the Release store in `release_locked`.
        if waiter.value().load(Ordering::Acquire) == 0 {
            return Poll::Ready(Ok(()));
        }
        let mut clone = None;
        loop {
            let mut queue = semaphore.queue.lock();
            if semaphore.is_closed() {
                return Poll::Ready(Err(AcquireError(())));
            }
            // The lock orders this load after the store.
            if waiter.value().load(Ordering::Relaxed) == 0 {
                return Poll::Ready(Ok(()));
            }
            if queue.will_wake(waiter, cx.waker()) {
                return Poll::Pending;
            }
            let Some(waker) = clone.take() else {
                // A waker's code does not run under the lock.
                drop(queue);
                clone = Some(cx.waker().clone());
                continue;
            };
            let old = queue.set_waker(waiter, waker);
            drop(queue);
            drop(old);
            return Poll::Pending;
        }
    }

    /// Gives back all permits.
    fn give_back(&mut self) {
        let Some(source) = &self.source else { return };
        self.phase = Phase::Done;
        source.semaphore().release(self.permits);
        if self.permits > 0 {
            source.given_back();
        }
    }

    /// Leaves the queue and gives back what was given.
    fn leave(&mut self) {
        let Some(source) = &self.source else { return };
        self.phase = Phase::Done;
        let semaphore = source.semaphore();
        // SAFETY: only a pinned acquisition is ever queued, and only a queued one gets here.
        let waiter = unsafe { Pin::new_unchecked(&self.waiter) };
        let mut queue = semaphore.queue.lock();
        queue.remove(waiter);
        // Ordering: the lock orders this load after the stores of releases; the permits that go
        // on to others carry along what the former holders did.
        let given = self.permits - waiter.value().load(Ordering::Relaxed);
        semaphore.release_locked(given, queue);
        if given > 0 {
            source.given_back();
        }
    }
}

impl<S: Source> Drop for Acquiring<S> {
    fn drop(&mut self) {
        match self.phase {
            Phase::Queued => self.leave(),
            Phase::Held => self.give_back(),
            Phase::New | Phase::Done => {}
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;
