//! Event count: tasks wait until something has happened that they have not seen yet.
//!
//! What [`watch`](super::watch) and [`broadcast`](super::broadcast) receivers park on: a number
//! that only grows, of values or of messages, and the tasks that have seen all of them.
//!
//! Non-goals: what the events are. Nobody is handed anything; all that wait are woken and look for
//! themselves.
//!
//! # State word
//!
//! | bits | meaning |
//! |---|---|
//! | 0 | `CLOSED`: no more events come |
//! | 1 | `WAITING`: somebody may be in the queue (set and cleared under the lock only) |
//! | 2.. | number of events, wrapping at 62 bits |
//!
//! # Protocol
//!
//! - **Advance**: one read-modify-write adds to the number and returns `WAITING`; with it clear
//!   nobody has to be woken, and the lock is not touched. Owners whose events have an order that
//!   must be kept take the lock instead ([`lock`](EventCount::lock)), which costs no
//!   read-modify-write of the word. An owner uses one manner or the other, never both.
//! - **Wait**: under the lock, one CAS sets `WAITING` if the number is still the one that was seen
//!   (none if it is set already), then the waiter joins the queue.
//! - **Wake**: under the lock, `WAITING` is cleared and the queue moved to a second one, `waking`,
//!   from which waiters are popped and woken in batches, each batch after the lock was released.
//!   Tasks that come to wait meanwhile join the first queue and are not woken again.
//!
//! Each such move ends a *round*. A waiter stores the round in which it was queued, which tells in
//! which of the two queues it is, and [`NOWHERE`] once it is in none.
//!
//! # Why no wake-up is lost
//!
//! An advance and a wait meet on the state word. If the advance comes first the wait sees the new
//! number and does not wait: its CAS, or, where it finds `WAITING` set, its load, which is no older
//! than the CAS that set it; and if the advance came after that CAS, then the advance saw `WAITING`
//! and wakes as in the other case. If the wait comes first the advance sees `WAITING` and takes the
//! lock, which the wait holds until its waiter is in the queue, and so finds the waiter.
//! `WAITING` is cleared only when the queue is empty, so it cannot be cleared under a waiter.
//!
//! A wake may come too late for its event: the waiter has then seen the event and waits for the
//! next. It finds the number unchanged and goes back to the queue.

#![expect(unsafe_code, reason = "waiters are nodes of an intrusive list")]

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::wait_list::{WaitList, Waiter, WakeBatch};
use crate::loom::atomic::{AtomicU64, Ordering};
use crate::loom::{Mutex, MutexGuard};
use crate::telemetry::waits::{Identity, WaitPoint};

const CLOSED: u64 = 1;
const WAITING: u64 = 2;
const ONE: u64 = 4;
const SHIFT: u32 = ONE.trailing_zeros();

/// The round in which a waiter was queued. [`NOWHERE`] is stored last of all, after the waiter has
/// left its queue.
type Round = AtomicU64;

const NOWHERE: u64 = 0;

/// What an event count said when it was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(u64);

impl Moment {
    /// The number of events.
    pub(super) fn count(self) -> u64 {
        self.0 >> SHIFT
    }

    /// Whether no more events come.
    pub(super) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether who has seen `seen` events has no reason to wait.
    fn is_news(self, seen: u64) -> bool {
        self.count() != seen || self.is_closed()
    }
}

/// The number before `count`.
pub(super) fn before(count: u64) -> u64 {
    count.wrapping_sub(1) & (u64::MAX >> SHIFT)
}

struct Queues {
    /// Never `NOWHERE`.
    round: u64,
    queue: WaitList<Round>,
    /// Of earlier rounds.
    waking: WaitList<Round>,
}

/// A number of events, and the tasks that wait for the next.
pub(super) struct EventCount {
    word: AtomicU64,
    queues: Mutex<Queues>,
}

impl EventCount {
    /// No events yet.
    pub(super) fn new() -> EventCount {
        EventCount {
            word: AtomicU64::new(0),
            queues: Mutex::new(Queues {
                round: NOWHERE + 1,
                queue: WaitList::new(),
                waking: WaitList::new(),
            }),
        }
    }

    /// The number now.
    #[inline]
    pub(super) fn load(&self) -> Moment {
        // Ordering: Acquire pairs with the Release of `advance`, `Turn::advance` and `close`: who
        // sees an event sees what came before it.
        Moment(self.word.load(Ordering::Acquire))
    }

    /// One event more. True: somebody waits, the caller must [`wake`](EventCount::wake), once it
    /// holds no lock.
    #[inline]
    #[must_use = "if true, those that wait must be woken"]
    pub(super) fn advance(&self) -> bool {
        // Ordering: Release pairs with the Acquire in `load` and `announce`.
        self.word.fetch_add(ONE, Ordering::Release) & WAITING != 0
    }

    /// Wakes all that wait now.
    #[cold]
    pub(super) fn wake(&self) {
        let queues = self.queues.lock();
        // Ordering: Relaxed: the flag publishes nothing, who sees it takes the lock.
        self.word.fetch_and(!WAITING, Ordering::Relaxed);
        self.wake_all(queues);
    }

    /// No more events: wakes all that wait.
    pub(super) fn close(&self) {
        let queues = self.queues.lock();
        // Ordering: Release pairs with the Acquire in `load` and `announce`.
        self.word.fetch_or(CLOSED, Ordering::Release);
        // Ordering: Relaxed as in `wake`.
        self.word.fetch_and(!WAITING, Ordering::Relaxed);
        self.wake_all(queues);
    }

    /// Keeps others from advancing, closing and beginning to wait.
    #[inline]
    pub(super) fn lock(&self) -> Turn<'_> {
        Turn {
            events: self,
            queues: self.queues.lock(),
        }
    }

    /// With `WAITING` just cleared: ends the round, and wakes all that are queued.
    fn wake_all<'a>(&'a self, mut queues: MutexGuard<'a, Queues>) {
        let Queues {
            round,
            queue,
            waking,
        } = &mut *queues;
        *round += 1;
        waking.append(queue);
        let mut wakes = WakeBatch::new();
        loop {
            while wakes.has_room() {
                // Ordering: Release pairs with the Acquire in `Awaiting::is_linked`.
                let grant = |round: &Round| round.store(NOWHERE, Ordering::Release);
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

    /// With the lock held: sets `WAITING`, unless there is news.
    fn announce(&self, seen: u64) -> Result<(), Moment> {
        // Ordering: Acquire as in `load`.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if Moment(word).is_news(seen) {
                return Err(Moment(word));
            }
            if word & WAITING != 0 {
                return Ok(());
            }
            // Ordering: Relaxed: the flag publishes nothing, who sees it takes the lock. When it
            // fails: Acquire as in `load`.
            match self.word.compare_exchange_weak(
                word,
                word | WAITING,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Puts the waiter into the queue, or another waker into the waiter, unless there is news.
    fn park(
        &self,
        waiter: Pin<&Waiter<Round>>,
        linked: bool,
        seen: u64,
        waker: &Waker,
    ) -> Poll<Moment> {
        let mut clone = (!linked).then(|| waker.clone());
        loop {
            let mut queues = self.queues.lock();
            if let Err(now) = self.announce(seen) {
                return Poll::Ready(now);
            }
            // The lock orders this load after the store of a wake.
            let linked = waiter.value().load(Ordering::Relaxed) != NOWHERE;
            if linked && queues.queue.will_wake(waiter, waker) {
                return Poll::Pending;
            }
            let Some(clone) = clone.take() else {
                // A waker's code does not run under the lock.
                drop(queues);
                clone = Some(waker.clone());
                continue;
            };
            if linked {
                let old = queues.queue.set_waker(waiter, clone);
                drop(queues);
                drop(old);
            } else {
                waiter.value().store(queues.round, Ordering::Relaxed);
                queues.queue.push_back(waiter, Some(clone));
            }
            return Poll::Pending;
        }
    }

    /// Takes the waiter out of its queue, if it is in one.
    fn unlink(&self, waiter: Pin<&Waiter<Round>>) {
        let mut queues = self.queues.lock();
        // The lock orders this load after the store of a wake.
        let round = waiter.value().load(Ordering::Relaxed);
        if round == NOWHERE {
            return;
        }
        if round == queues.round {
            queues.queue.remove(waiter);
            if queues.queue.is_empty() {
                // Ordering: Relaxed as in `wake`.
                self.word.fetch_and(!WAITING, Ordering::Relaxed);
            }
        } else {
            queues.waking.remove(waiter);
        }
        waiter.value().store(NOWHERE, Ordering::Relaxed);
        let waker = queues.queue.take_waker(waiter);
        drop(queues);
        drop(waker);
    }
}

/// The lock of an [`EventCount`] that is advanced only under it.
pub(super) struct Turn<'a> {
    events: &'a EventCount,
    queues: MutexGuard<'a, Queues>,
}

impl Turn<'_> {
    /// The number; it does not change while this is held.
    #[inline]
    pub(super) fn count(&self) -> u64 {
        // The lock orders this load after the stores of other turns.
        Moment(self.events.word.load(Ordering::Relaxed)).count()
    }

    /// One event more; releases the lock, then wakes all that wait.
    #[inline]
    pub(super) fn advance(self) {
        let Turn { events, queues } = self;
        let word = events.word.load(Ordering::Relaxed);
        // Ordering: Release pairs with the Acquire in `load` and `announce`. A store will do:
        // all who change the word hold the lock.
        events
            .word
            .store(word.wrapping_add(ONE) & !WAITING, Ordering::Release);
        if word & WAITING != 0 {
            events.wake_all(queues);
        }
    }
}

/// A wait for news; the part that the futures share. Dropped while it waits it leaves the queue.
pub(super) struct Awaiting<'a> {
    events: &'a EventCount,
    /// Whether the waiter may be in a queue.
    queued: bool,
    waiter: Waiter<Round>,
}

impl<'a> Awaiting<'a> {
    /// Not waiting yet.
    pub(super) fn new(events: &'a EventCount) -> Awaiting<'a> {
        Awaiting {
            events,
            queued: false,
            // SAFETY: both queues of `events`, which stays the same, are guarded by one lock;
            // `unlink` removes the waiter from the queue that it is in, in `drop` unless it was
            // seen to be out of them.
            waiter: unsafe { Waiter::new(Round::new(NOWHERE)) },
        }
    }

    /// Ready when the number is not `seen`, or closed. A pending wait is noted as `point` at
    /// `location`. May be used again after it was ready.
    pub(super) fn poll(
        mut self: Pin<&mut Self>,
        seen: u64,
        cx: &mut Context<'_>,
        point: &'static WaitPoint,
        resource: Identity,
        location: &'static Location<'static>,
    ) -> Poll<Moment> {
        let now = self.events.load();
        if now.is_news(seen) {
            self.leave();
            return Poll::Ready(now);
        }
        let linked = self.is_linked();
        // SAFETY: `waiter`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.as_mut().get_unchecked_mut() };
        // SAFETY: `this` was pinned, and `waiter` with it.
        let waiter = unsafe { Pin::new_unchecked(&this.waiter) };
        match this.events.park(waiter, linked, seen, cx.waker()) {
            Poll::Pending => {
                this.queued = true;
                // SAFETY: as above.
                let waiter = unsafe { Pin::new_unchecked(&mut this.waiter) };
                waiter.note().set(point, resource, Some(location));
                Poll::Pending
            }
            Poll::Ready(now) => {
                self.leave();
                Poll::Ready(now)
            }
        }
    }

    /// False: the waiter is in no queue, and was popped from it if it was in one.
    fn is_linked(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `wake_all`: the waiter is the future's alone.
        self.queued && self.waiter.value().load(Ordering::Acquire) != NOWHERE
    }

    /// Waits no more.
    #[inline]
    pub(super) fn leave(self: Pin<&mut Self>) {
        if !self.queued {
            return;
        }
        // SAFETY: `waiter`, the only field that is pinned, is not moved out of.
        unsafe { self.get_unchecked_mut() }.stop();
    }

    fn stop(&mut self) {
        // SAFETY: only a pinned wait is ever queued, and only a queued one gets here.
        let waiter = unsafe { Pin::new_unchecked(&self.waiter) };
        if self.is_linked() {
            self.events.unlink(waiter);
        }
        self.queued = false;
        // SAFETY: as above.
        unsafe { Pin::new_unchecked(&mut self.waiter) }
            .note()
            .clear();
    }
}

impl Drop for Awaiting<'_> {
    fn drop(&mut self) {
        if self.queued {
            self.stop();
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;
