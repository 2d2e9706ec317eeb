//! Which sources are registered with the operating system, and the proof that the driver never
//! follows a token to freed memory.
//!
//! An event carries back the token that its source was registered with: the address of the
//! source's `ScheduledIo`. The set owns one `Arc` of every registered `ScheduledIo`.
//!
//! 1. *Register*: the `Arc` enters the set before the system call that makes the token known.
//! 2. *Deregister*: the system call that forgets the token comes first. A wait for events that
//!    begins after it returned does not deliver the token. Then the `Arc` moves to the
//!    pending-release list.
//! 3. The driver empties that list only in [`release`](Registrations::release), which needs the
//!    driver's `&mut` and is called before each wait: the events of earlier waits have all been
//!    followed by then, and every `Arc` on the list was put there, so its token was forgotten,
//!    before the wait that comes next.
//!
//! So every token that a wait delivers belongs to a `ScheduledIo` that the set or the list owns
//! until the wait's events have been followed. If the system refuses to forget a token, the `Arc`
//! stays in the set for as long as the runtime: leaked rather than dangling. What the proof needs
//! of the owner of a source: the descriptor stays open and the same between the two calls (I/O
//! safety); zokio's own sources own theirs.
//!
//! The same path carries the contents: `insert` publishes the `ScheduledIo` with a Release store
//! to `len` before the token is known, [`acquire`](Registrations::acquire) reads it after the wait
//! that delivered the token. The kernel's own barriers would do in practice; this says so in the
//! language's terms.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mio::Token;
use parking_lot::Mutex;

use super::scheduled_io::ScheduledIo;
use super::slab::Slab;
use super::wakers::Wakers;

/// Pending releases at which the driver is woken to free them.
const RELEASE_SOON: usize = 32;

#[derive(Debug)]
pub(super) struct Registrations {
    set: Mutex<Set>,
    has_pending: AtomicBool,
    len: AtomicUsize,
}

#[derive(Debug)]
struct Set {
    live: Slab<Arc<ScheduledIo>>,
    pending: Vec<Arc<ScheduledIo>>,
    ended: bool,
}

/// A source's place in the set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

/// The token of a source.
pub(super) fn token(io: &ScheduledIo) -> Token {
    Token(std::ptr::from_ref(io).expose_provenance())
}

impl Registrations {
    pub(super) const fn new() -> Registrations {
        let set = Set {
            live: Slab::new(),
            pending: Vec::new(),
            ended: false,
        };
        Registrations {
            set: Mutex::new(set),
            has_pending: AtomicBool::new(false),
            len: AtomicUsize::new(0),
        }
    }

    /// Sources registered now.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Step 1. Fails after the driver's shutdown.
    pub(super) fn insert(&self, io: Arc<ScheduledIo>) -> io::Result<Place> {
        let mut set = self.set.lock();
        if set.ended {
            return Err(super::gone());
        }
        let place = set.live.insert(io);
        // Ordering: Release pairs with the Acquire load in `acquire`. Stores by others in between
        // are made under the same lock, hence after this one.
        self.len.store(set.live.len(), Ordering::Release);
        Ok(Place(place))
    }

    /// Takes back an [`insert`](Registrations::insert) whose token the system never learned.
    pub(super) fn withdraw(&self, place: Place) {
        let mut set = self.set.lock();
        let io = set.live.remove(place.0);
        // Ordering: as in `insert`.
        self.len.store(set.live.len(), Ordering::Release);
        drop(set);
        drop(io);
    }

    /// Step 2, after the system call. True: many wait to be freed, the driver should be woken.
    #[must_use]
    pub(super) fn remove(&self, place: Place) -> bool {
        let mut set = self.set.lock();
        let io = set.live.remove(place.0);
        set.pending.extend(io);
        // Ordering: as in `insert`.
        self.len.store(set.live.len(), Ordering::Release);
        self.has_pending.store(true, Ordering::Relaxed);
        set.pending.len() == RELEASE_SOON
    }

    /// After a wait: makes the contents of the sources that it reported visible.
    pub(super) fn acquire(&self) {
        // Ordering: Acquire pairs with the Release stores to `len`.
        self.len.load(Ordering::Acquire);
    }

    /// Step 3: frees what waits to be freed. Only the driver may call it, and only when it has
    /// followed all events.
    pub(super) fn release(&self) {
        // A stale `false` only delays the release; the list itself is guarded by the lock.
        if !self.has_pending.load(Ordering::Relaxed) {
            return;
        }
        let mut set = self.set.lock();
        let pending = std::mem::take(&mut set.pending);
        self.has_pending.store(false, Ordering::Relaxed);
        drop(set);
        drop(pending);
    }

    /// Refuses new sources and ends all waits. The sources stay in the set until their owners
    /// deregister them, so that also a turn after shutdown finds them alive.
    pub(super) fn shutdown(&self, wakers: &mut Wakers) {
        let mut set = self.set.lock();
        set.ended = true;
        for io in set.live.iter_mut() {
            io.shutdown(wakers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_source_lives_until_the_driver_releases() {
        let all = Registrations::new();
        let io = Arc::new(ScheduledIo::new(None));
        let place = all.insert(Arc::clone(&io)).unwrap();
        assert_eq!(all.len(), 1);
        assert!(!all.remove(place));
        assert_eq!((all.len(), Arc::strong_count(&io)), (0, 2));
        all.release();
        assert_eq!(Arc::strong_count(&io), 1);
    }

    #[test]
    fn many_pending_releases_ask_for_the_driver_once() {
        let all = Registrations::new();
        let asked: Vec<bool> = (0..2 * RELEASE_SOON)
            .map(|_| all.remove(all.insert(Arc::new(ScheduledIo::new(None))).unwrap()))
            .collect();
        assert_eq!(asked.iter().filter(|asked| **asked).count(), 1);
        assert!(asked[RELEASE_SOON - 1]);
    }

    #[test]
    fn after_shutdown_nothing_is_registered() {
        let all = Registrations::new();
        all.shutdown(&mut Wakers::new());
        let refused = all.insert(Arc::new(ScheduledIo::new(None))).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Other);
        assert_eq!(
            refused.to_string(),
            "A zokio context was found, but it is being shutdown."
        );
    }
}
