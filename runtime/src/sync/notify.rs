//! Wakes one waiting task, or all, without data.
//!
//! # State word
//!
//! | bits | meaning |
//! |---|---|
//! | 0–1 | `EMPTY`, `WAITING` (somebody is in the queue) or `NOTIFIED` (a permit is stored) |
//! | 2.. | generation: the number of calls of `notify_waiters`, wrapping |
//!
//! `WAITING` begins and ends under the lock. A permit is stored, and taken again, by a CAS without
//! the lock while nobody waits.
//!
//! # `notify_waiters`
//!
//! A [`Notified`] remembers the generation of its creation and is complete once the state word
//! has another; so the call reaches also those that have not been polled yet. Those in the queue
//! are moved, under the lock and in the same moment, to a second queue, `waking`, from which they
//! are popped and woken in batches. A `notify_one` meanwhile looks at the first queue only and
//! cannot be wasted on a task that `notify_waiters` has already notified. A waiter is in `waking`
//! if it is linked and of an older generation than the state word, else, if linked, in `queue`.

#![expect(unsafe_code, reason = "waiters are nodes of an intrusive list")]

use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use super::wait_list::{WaitList, Waiter, WakeBatch};
use crate::loom::atomic::{AtomicU8, AtomicUsize, Ordering};
use crate::loom::{Mutex, MutexGuard, const_unless_loom};
use crate::task::coop;
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

static NOTIFIED_POINT: WaitPoint = WaitPoint::new("notify", "notified");

const EMPTY: usize = 0;
const WAITING: usize = 1;
const NOTIFIED: usize = 2;
const PHASE: usize = 3;
const GENERATION: usize = 4;

const fn generation(state: usize) -> usize {
    state & !PHASE
}

const fn phase(state: usize) -> usize {
    state & PHASE
}

/// What a waiter was given. Stored last of all, after the waiter has left its queue.
type Given = AtomicU8;

const NOTHING: u8 = 0;
/// By `notify_one`.
const OLDEST: u8 = 1;
/// By `notify_last`.
const NEWEST: u8 = 2;
/// By `notify_waiters`.
const ALL: u8 = 3;

struct Queues {
    queue: WaitList<Given>,
    waking: WaitList<Given>,
}

/// Notifies one task or many that something has happened.
///
/// A `Notify` holds at most one permit. [`notified().await`](Notify::notified) takes the permit or
/// waits for one; [`notify_one`](Notify::notify_one) gives one to the task that has waited
/// longest, or stores it. [`notify_waiters`](Notify::notify_waiters) wakes all that wait, and
/// stores nothing.
///
/// ```
/// # async fn example() {
/// use zokio::sync::Notify;
///
/// static READY: Notify = Notify::const_new();
///
/// READY.notify_one();
/// READY.notified().await; // returns at once: the permit was stored
/// # }
/// ```
pub struct Notify {
    state: AtomicUsize,
    queues: Mutex<Queues>,
    origin: Origin,
}

impl UnwindSafe for Notify {}
impl RefUnwindSafe for Notify {}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match phase(self.state.load(Ordering::Relaxed)) {
            EMPTY => "empty",
            WAITING => "waiting",
            _ => "notified",
        };
        f.debug_struct("Notify")
            .field("state", &phase)
            .finish_non_exhaustive()
    }
}

impl Default for Notify {
    #[track_caller]
    fn default() -> Notify {
        Notify::new()
    }
}

impl Notify {
    /// A `Notify` without a permit.
    #[track_caller]
    pub fn new() -> Notify {
        Notify::const_new()
    }

    const_unless_loom! {
        /// As [`new`](Notify::new), for constants and statics.
        #[track_caller]
        pub const fn const_new() -> Notify {
            Notify {
                state: AtomicUsize::new(EMPTY),
                queues: Mutex::new(Queues {
                    queue: WaitList::new(),
                    waking: WaitList::new(),
                }),
                origin: Origin::here(),
            }
        }
    }

    /// Waits for a notification.
    ///
    /// The future takes its place in the queue when it is first polled or
    /// [enabled](Notified::enable); a [`notify_waiters`](Notify::notify_waiters) after its
    /// creation reaches it in any case.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a notification by [`notify_one`](Notify::notify_one) that the future had been
    /// given is passed on. The place in the queue is lost.
    pub fn notified(&self) -> Notified<'_> {
        Notified {
            inner: Waiting::new(self),
        }
    }

    /// As [`notified`](Notify::notified), with a future that keeps the `Notify` alive.
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        OwnedNotified {
            inner: Waiting::new(self),
        }
    }

    /// Notifies the task that has waited longest; if nobody waits, stores a permit for the next.
    /// At most one permit is stored.
    pub fn notify_one(&self) {
        self.notify_with(OLDEST);
    }

    /// As [`notify_one`](Notify::notify_one), but notifies the task that has waited shortest.
    pub fn notify_last(&self) {
        self.notify_with(NEWEST);
    }

    fn notify_with(&self, which: u8) {
        let mut state = self.state.load(Ordering::Relaxed);
        while phase(state) != WAITING {
            // Ordering: Release pairs with the Acquire of `take_permit`. Also when a permit is
            // there already: who takes it sees what came before both calls.
            match self.state.compare_exchange_weak(
                state,
                generation(state) | NOTIFIED,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        self.notify_locked(self.queues.lock(), which);
    }

    /// Gives one notification to a waiter, or stores it.
    fn notify_locked(&self, mut queues: MutexGuard<'_, Queues>, which: u8) {
        // Ordering: Release pairs with the Acquire in `poll_queued`.
        let grant = |given: &Given| given.store(which, Ordering::Release);
        let popped = match which {
            NEWEST => queues.queue.pop_back(grant),
            _ => queues.queue.pop_front(grant),
        };
        match popped {
            Some(waker) => {
                self.settle(&queues);
                drop(queues);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            None => self.store_permit(),
        }
    }

    /// With the lock held and nobody waiting.
    fn store_permit(&self) {
        // `WAITING` cannot begin meanwhile: that takes the lock.
        let set = |state| Some(generation(state) | NOTIFIED);
        // Ordering: Release pairs with the Acquire of `take_permit`.
        let _ = self
            .state
            .fetch_update(Ordering::Release, Ordering::Relaxed, set);
    }

    /// With the lock held: ends `WAITING` if nobody waits any more.
    fn settle(&self, queues: &Queues) {
        let state = self.state.load(Ordering::Relaxed);
        if queues.queue.is_empty() && phase(state) == WAITING {
            // In phase `WAITING` the word changes only under the lock.
            self.state
                .store(generation(state) | EMPTY, Ordering::Relaxed);
        }
    }

    /// Notifies all that wait now, and stores no permit.
    pub fn notify_waiters(&self) {
        let mut queues = self.queues.lock();
        let next = |state: usize| {
            let phase = if phase(state) == WAITING {
                EMPTY
            } else {
                phase(state)
            };
            Some(generation(state).wrapping_add(GENERATION) | phase)
        };
        // Ordering: Release pairs with the Acquire loads of the generation in `Waiting`; Acquire
        // keeps a stored permit's publication, which this write stands in for.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, next);
        let Queues { queue, waking } = &mut *queues;
        waking.append(queue);

        let mut wakes = WakeBatch::new();
        loop {
            while wakes.has_room() {
                // Ordering: Release pairs with the Acquire in `poll_queued`.
                let grant = |given: &Given| given.store(ALL, Ordering::Release);
                let Some(waker) = queues.waking.pop_front(grant) else {
                    drop(queues);
                    wakes.wake_all();
                    return;
                };
                wakes.push(waker);
            }
            drop(queues);
            wakes.flush();
            queues = self.queues.lock();
        }
    }

    /// What wait notes say of this.
    fn identity(&self) -> Identity {
        self.identity_of(ptr::from_ref(self).cast())
    }

    /// Of a thing that was made together with this.
    pub(super) fn identity_of(&self, address: *const ()) -> Identity {
        Identity::new(address, self.origin)
    }

    /// Takes the permit if one is stored.
    fn take_permit(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while phase(state) == NOTIFIED {
            // Ordering: Acquire pairs with the Release of `notify_with` and `store_permit`.
            match self.state.compare_exchange_weak(
                state,
                generation(state) | EMPTY,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    New,
    Queued,
    Done,
}

/// The part that [`Notified`] and [`OwnedNotified`] share.
struct Waiting<N: AsRef<Notify>> {
    notify: N,
    step: Step,
    /// Of the state word when this was created.
    generation: usize,
    waiter: Waiter<Given>,
}

impl AsRef<Notify> for Notify {
    fn as_ref(&self) -> &Notify {
        self
    }
}

impl<N: AsRef<Notify>> Waiting<N> {
    fn new(notify: N) -> Waiting<N> {
        // Ordering: Acquire pairs with the Release in `notify_waiters`: who waits after a call
        // sees what came before it.
        let generation = generation(notify.as_ref().state.load(Ordering::Acquire));
        Waiting {
            notify,
            step: Step::New,
            generation,
            // SAFETY: both queues of `notify`, which stays the same, are guarded by one lock;
            // `leave` removes the waiter, from the queue that it is in, in `drop` unless it was
            // seen to be out of them.
            waiter: unsafe { Waiter::new(Given::new(NOTHING)) },
        }
    }

    /// Polls without budget and note; without a waker the place in the queue is taken all the
    /// same.
    fn advance(self: Pin<&mut Self>, waker: Option<&Waker>) -> Poll<()> {
        // SAFETY: `waiter`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        let notify = this.notify.as_ref();
        // SAFETY: `this` was pinned, and `waiter` with it.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        let was = this.step;
        let result = match was {
            Step::New => Self::start(notify, this.generation, waiter, waker),
            Step::Queued => Self::poll_queued(notify, this.generation, waiter, waker),
            Step::Done => Poll::Ready(()),
        };
        match result {
            Poll::Pending => this.step = Step::Queued,
            Poll::Ready(()) => {
                if was == Step::Queued {
                    this.unlink();
                }
                this.step = Step::Done;
            }
        }
        result
    }

    fn start(
        notify: &Notify,
        created: usize,
        waiter: Pin<&Waiter<Given>>,
        waker: Option<&Waker>,
    ) -> Poll<()> {
        // Ordering: Acquire pairs with the Release in `notify_waiters`.
        if generation(notify.state.load(Ordering::Acquire)) != created || notify.take_permit() {
            return Poll::Ready(());
        }
        let waker = waker.cloned();
        let mut queues = notify.queues.lock();
        loop {
            // Ordering: Acquire as above.
            let state = notify.state.load(Ordering::Acquire);
            if generation(state) != created || notify.take_permit() {
                return Poll::Ready(());
            }
            // Ordering: Relaxed: who sees `WAITING` takes the lock before it looks further.
            if phase(state) == WAITING
                || (phase(state) == EMPTY
                    && notify
                        .state
                        .compare_exchange(
                            state,
                            created | WAITING,
                            Ordering::Relaxed,
                            Ordering::Relaxed,
                        )
                        .is_ok())
            {
                queues.queue.push_back(waiter, waker);
                return Poll::Pending;
            }
        }
    }

    fn poll_queued(
        notify: &Notify,
        created: usize,
        waiter: Pin<&Waiter<Given>>,
        waker: Option<&Waker>,
    ) -> Poll<()> {
        let notified = || {
            // Ordering: Acquire pairs with the Release of the grants, and of the generation in
            // `notify_waiters`.
            waiter.value().load(Ordering::Acquire) != NOTHING
                || generation(notify.state.load(Ordering::Acquire)) != created
        };
        if notified() {
            return Poll::Ready(());
        }
        let Some(waker) = waker else {
            return Poll::Pending;
        };
        let mut clone = None;
        loop {
            let mut queues = notify.queues.lock();
            if notified() {
                return Poll::Ready(());
            }
            if queues.queue.will_wake(waiter, waker) {
                return Poll::Pending;
            }
            let Some(clone) = clone.take() else {
                // A waker's code does not run under the lock.
                drop(queues);
                clone = Some(waker.clone());
                continue;
            };
            let old = queues.queue.set_waker(waiter, clone);
            drop(queues);
            drop(old);
            return Poll::Pending;
        }
    }

    /// Takes the waiter out of its queue if it is in one; what it was given.
    fn unlink(&mut self) -> u8 {
        // Ordering: Acquire pairs with the Release of the grants, which come after the waiter was
        // unlinked.
        let given = self.waiter.value().load(Ordering::Acquire);
        if given != NOTHING {
            return given;
        }
        let notify = self.notify.as_ref();
        // SAFETY: only a pinned future is ever queued, and only a queued one gets here.
        let waiter = unsafe { Pin::new_unchecked(&self.waiter) };
        let mut queues = notify.queues.lock();
        let state = notify.state.load(Ordering::Relaxed);
        if generation(state) == self.generation {
            queues.queue.remove(waiter);
            notify.settle(&queues);
        } else {
            queues.waking.remove(waiter);
        }
        self.waiter.value().load(Ordering::Relaxed)
    }

    fn poll_noted(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        resource: Identity,
        location: &'static Location<'static>,
    ) -> Poll<()> {
        let coop = ready!(coop::poll_proceed(cx));
        let result = self.as_mut().advance(Some(cx.waker()));
        // SAFETY: `waiter` is pinned with this and not moved.
        let waiter = unsafe { self.map_unchecked_mut(|this| &mut this.waiter) };
        match result {
            Poll::Pending => waiter.note().set(point, resource, Some(location)),
            Poll::Ready(()) => {
                coop.made_progress();
                waiter.note().clear();
            }
        }
        result
    }
}

impl<N: AsRef<Notify>> Drop for Waiting<N> {
    fn drop(&mut self) {
        if self.step != Step::Queued {
            return;
        }
        let given = self.unlink();
        if given == OLDEST || given == NEWEST {
            let notify = self.notify.as_ref();
            notify.notify_locked(notify.queues.lock(), given);
        }
    }
}

/// Future of [`Notify::notified`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Notified<'a> {
    inner: Waiting<&'a Notify>,
}

/// Future of [`Notify::notified_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct OwnedNotified {
    inner: Waiting<Arc<Notify>>,
}

impl Notified<'_> {
    /// Takes the place in the queue without waiting. True if the notification is there already;
    /// the future is complete then, and the permit taken.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        // SAFETY: `inner` is pinned with the future and not moved out of it.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut this.inner) };
        inner.advance(None).is_ready()
    }

    /// Polls as part of another operation, which is what the wait note shows.
    pub(crate) fn poll_as(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        resource: Identity,
        location: &'static Location<'static>,
    ) -> Poll<()> {
        // SAFETY: `inner` is pinned with the future and not moved out of it.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut this.inner) };
        inner.poll_noted(cx, point, resource, location)
    }
}

impl OwnedNotified {
    /// Takes the place in the queue without waiting, as [`Notified::enable`].
    pub fn enable(self: Pin<&mut Self>) -> bool {
        // SAFETY: `inner` is pinned with the future and not moved out of it.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut this.inner) };
        inner.advance(None).is_ready()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let resource = self.inner.notify.identity();
        self.poll_as(cx, &NOTIFIED_POINT, resource, Location::caller())
    }
}

impl Future for OwnedNotified {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let resource = self.inner.notify.identity();
        // SAFETY: `inner` is pinned with the future and not moved out of it.
        let inner = unsafe { self.map_unchecked_mut(|this| &mut this.inner) };
        inner.poll_noted(cx, &NOTIFIED_POINT, resource, Location::caller())
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified")
            .field("step", &self.inner.step)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OwnedNotified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedNotified")
            .field("step", &self.inner.step)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;
