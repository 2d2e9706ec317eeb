//! Backlogs: the channels in which a thousand messages lie or more.
//!
//! Nobody waits at such a channel, so no wait note tells of it; its senders never wait if it has no
//! bound, and then it takes all the memory there is. A channel is made known here only while it is that
//! long, from the places where it gets another block of slots or leaves one behind, and then once in some
//! hundred messages. A short one costs two stores a block.
//!
//! A channel belongs to the runtime in which it was sent to latest, as far as is known here; one that is
//! sent to by mere threads, to each. How many are known is bounded ([`MOST`]): channels that get long
//! beyond that are left out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::current;
use super::identity::Origin;
use super::snapshot::BacklogSnapshot;
use crate::runtime::context;

/// Messages from which on a channel is known here.
const LONG: usize = 1024;
/// With fewer it is forgotten again.
const SHORT: usize = LONG / 2;
/// What is known of a channel's length is not further off than this.
const STEP: usize = 256;
/// Channels that are known at the same time.
const MOST: usize = 1024;

/// By the address that wait notes name the channel by.
type Backlogs = HashMap<usize, Known>;

struct Known {
    /// The runtime's id; `None`: of none.
    runtime: Option<u64>,
    backlog: BacklogSnapshot,
}

static BACKLOGS: Mutex<Option<Backlogs>> = Mutex::new(None);

/// A channel's part.
#[derive(Debug)]
pub(crate) struct Backlog {
    origin: Origin,
    /// 0: no bound.
    capacity: usize,
    /// The task that received latest, as of the last block; 0: none.
    receiver: AtomicU64,
    /// The address under which the channel is known here; 0: it is not. Changed under the lock.
    listed: AtomicUsize,
    /// Messages that are known here.
    known: AtomicUsize,
}

/// How long a channel is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Length {
    /// Messages in it.
    pub(crate) messages: usize,
    /// Messages that were ever received from it.
    pub(crate) received: usize,
}

impl Backlog {
    /// Of a new channel, with room for that many messages, or with any (0).
    pub(crate) const fn new(origin: Origin, capacity: usize) -> Backlog {
        Backlog {
            origin,
            capacity,
            receiver: AtomicU64::new(0),
            listed: AtomicUsize::new(0),
            known: AtomicUsize::new(0),
        }
    }

    /// Where the channel was made.
    #[inline]
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// A sender found no room in the channel's blocks, with so many messages in it as `count` tells.
    pub(crate) fn grew(&self, channel: *const (), count: impl Fn() -> Length) {
        let is_told = |length: Length| length.messages >= LONG && self.is_news(length.messages);
        if !is_told(count()) {
            return;
        }
        // A sender does not wait for a reader of the list: the next one comes soon.
        if let Some(backlogs) = BACKLOGS.try_lock() {
            // The receiver may have taken all since then, and nobody would forget it again.
            let length = count();
            if is_told(length) {
                self.note(backlogs, channel, length, Some(current::get().task));
            }
        }
    }

    /// The receiver has left a block behind.
    #[inline]
    pub(crate) fn received(&self) {
        self.receiver.store(current::get().task, Ordering::Relaxed);
    }

    /// Whether the channel is known here: then [`shrank`](Backlog::shrank) is to be called.
    #[inline]
    pub(crate) fn is_listed(&self) -> bool {
        self.listed.load(Ordering::Relaxed) != 0
    }

    /// The receiver has left a block behind.
    pub(crate) fn shrank(&self, channel: *const (), length: Length) {
        if length.messages < SHORT {
            self.forget();
        } else if self.is_news(length.messages)
            && let Some(backlogs) = BACKLOGS.try_lock()
        {
            self.note(backlogs, channel, length, None);
        }
    }

    fn is_news(&self, messages: usize) -> bool {
        self.known.load(Ordering::Relaxed).abs_diff(messages) >= STEP
    }

    fn note(
        &self,
        mut backlogs: MutexGuard<'_, Option<Backlogs>>,
        channel: *const (),
        length: Length,
        sender: Option<u64>,
    ) {
        let address = channel.addr();
        let backlogs = backlogs.get_or_insert_default();
        if backlogs.len() >= MOST && !backlogs.contains_key(&address) {
            return;
        }
        let task = |id: u64| (id != 0).then_some(id);
        let known = backlogs.entry(address).or_insert_with(|| Known {
            runtime: None,
            backlog: BacklogSnapshot {
                resource: address as u64,
                created_at: self.origin.location(),
                capacity: (self.capacity != 0).then_some(self.capacity as u64),
                messages: 0,
                received: 0,
                receiver: None,
                sender: None,
            },
        });
        known.backlog.messages = length.messages as u64;
        known.backlog.received = length.received as u64;
        known.backlog.receiver = task(self.receiver.load(Ordering::Relaxed));
        if let Some(sender) = sender {
            known.backlog.sender = task(sender);
            let runtime = context::try_handle();
            known.runtime = runtime.ok().map(|handle| handle.shared().id.as_u64());
        }
        self.listed.store(address, Ordering::Relaxed);
        self.known.store(length.messages, Ordering::Relaxed);
    }

    fn forget(&self) {
        let mut backlogs = BACKLOGS.lock();
        let address = self.listed.load(Ordering::Relaxed);
        if let Some(backlogs) = &mut *backlogs
            && address != 0
        {
            backlogs.remove(&address);
            self.listed.store(0, Ordering::Relaxed);
            self.known.store(0, Ordering::Relaxed);
        }
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        if *self.listed.get_mut() != 0 {
            self.forget();
        }
    }
}

/// All that are known and belong to the runtime of that id, the longest first.
pub(crate) fn all_of(runtime: u64) -> Vec<BacklogSnapshot> {
    let belongs = |known: &&Known| known.runtime.is_none_or(|id| id == runtime);
    let mut all: Vec<_> = match &*BACKLOGS.lock() {
        Some(backlogs) => {
            let mine = backlogs.values().filter(belongs);
            mine.map(|known| known.backlog.clone()).collect()
        }
        None => Vec::new(),
    };
    all.sort_by_key(|b| (std::cmp::Reverse(b.messages), b.resource));
    all
}
