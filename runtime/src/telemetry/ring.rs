//! The flight recorder's ring: what one worker did last. Only the thread that holds the worker's
//! core writes; anybody reads, at any time, and stops nobody.
//!
//! An event is three words: a stamp, an id, and what happened. The id is the task's own and not the
//! slot of its record: a slot is the next task's as soon as its own is complete, and spawning one
//! task after another uses the same one again and again.
//!
//! | kind                    | stamp | id     | value (46 bits, above it 14 bits of a count) |
//! |-------------------------|-------|--------|----------------------------------------------|
//! | poll (three kinds)      | begin | task   | ticks until its end; polls folded into it − 1 |
//! | wake, wake by driver    | wake  | task   |                                              |
//! | steal                   | search| tasks  | victim                                       |
//! | park, driver            | begin | events, timers | ticks until its end                  |
//!
//! Of *spawn* and *complete* the value is the address of the place of the spawn, in 60 bits; the
//! lowest three, which are 0 in the address, say how a task ended. So the place is known of every
//! task that was polled lately, be it complete or not.
//!
//! # What a poll costs
//!
//! No look at the clock: the loop has both stamps. Three stores and one of `head`. A poll that
//! follows one of the same task without anything between is added to its event instead, while that
//! covers less than [`FOLD_TICKS`]: one that does nothing but yield would fill the ring in no time.
//!
//! # Why a reader sees whole events only
//!
//! Event *n* lies in slot *n* mod `len`, as does *n* + `len` later. The writer does for each *n*,
//! in this order: the stores `D(n)` of its words, a Release fence `F(n)`, and `H(n)`: `head` = *n*+1.
//! Adding to a poll stores one word of event *n* anew between `H(n)` and `D(n+1)`; either word is
//! right. A reader loads `head` (Acquire) as *h1*, copies the events before *h1*, does an Acquire
//! fence, and loads `head` as *h2*.
//!
//! - *Nothing old.* *n* < *h1*: the load of *h1* read `H(n)` or a later one, whose fence comes after
//!   `D(n)`. So the copy has `D(n)` or something stored later.
//! - *Nothing new.* If the copy has a store that follows `F(n+len-1)`, such as one of `D(n+len)`, the
//!   reader's fence synchronises with that fence. `H(n+len-2)` precedes it, so *h2* ≥ *n*+`len`−1.
//!   The reader keeps *n* only if *h2* < *n*+`len`−1: then all three words are of event *n*.
//!
//! A worker's core changes threads through a lock, so there is one writer at a time.

#![expect(
    unsafe_code,
    reason = "memory that costs nothing until it is written to, places by their address"
)]

use std::alloc::{Layout, alloc};
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::Ordering;

use super::Outcome;
use super::counter::Counter;
use crate::loom::atomic::{AtomicU64, fence};

/// Polls are added to one event while it takes less than this: some 100 µs.
const FOLD_TICKS: u64 = 1 << 18;

/// Slots that are made ready in one go: three kilobytes.
const SLOTS_AT_ONCE: usize = 128;

/// The most that a ring takes.
const MAX_BYTES: usize = 1 << 30;

const KIND_SHIFT: u32 = 60;
const COUNT_SHIFT: u32 = 46;
const COUNT_MAX: u64 = (1 << (KIND_SHIFT - COUNT_SHIFT)) - 1;
const VALUE_MAX: u64 = (1 << COUNT_SHIFT) - 1;
const ADDRESS_MAX: u64 = (1 << KIND_SHIFT) - 1;
/// How a task ended, where an aligned address has zeros.
const OUTCOME_MASK: u64 = 0b111;

const _: () = assert!(align_of::<Location<'static>>() > OUTCOME_MASK as usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// The wake (or spawn) before it was made on a worker.
    Poll = 1,
    /// It was made by a thread that is no worker of the runtime.
    PollFromOutside,
    /// It goes on on another thread: the worker was handed over in it.
    PollHandedOver,
    Wake,
    WakeByDriver,
    Spawn,
    Complete,
    Steal,
    Park,
    Driver,
}

const KINDS: [Kind; 10] = [
    Kind::Poll,
    Kind::PollFromOutside,
    Kind::PollHandedOver,
    Kind::Wake,
    Kind::WakeByDriver,
    Kind::Spawn,
    Kind::Complete,
    Kind::Steal,
    Kind::Park,
    Kind::Driver,
];

const fn word(kind: Kind, value: u64) -> u64 {
    (kind as u64) << KIND_SHIFT | value
}

#[derive(Debug)]
struct Slot([AtomicU64; 3]);

/// What was written of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) stamp: u64,
    pub(super) id: u64,
    word: u64,
}

impl Event {
    pub(super) fn kind(&self) -> Option<Kind> {
        let kind = (self.word >> KIND_SHIFT) as usize;
        KINDS.get(kind.wrapping_sub(1)).copied()
    }

    pub(super) fn value(&self) -> u64 {
        self.word & VALUE_MAX
    }

    /// Whether it is something that took time.
    pub(super) fn is_span(&self) -> bool {
        use Kind::{Driver, Park, Poll, PollFromOutside, PollHandedOver};
        let spans = [Poll, PollFromOutside, PollHandedOver, Park, Driver];
        self.kind().is_some_and(|kind| spans.contains(&kind))
    }

    /// Polls that are in the event.
    pub(super) fn polls(&self) -> u32 {
        1 + (self.word >> COUNT_SHIFT & COUNT_MAX) as u32
    }

    /// Events of the system and timers that a turn of the driver found.
    pub(super) fn turn(&self) -> (u32, u32) {
        (self.id as u32, (self.id >> 32) as u32)
    }

    /// The place of the spawn, of a spawn and an end.
    pub(super) fn location(&self) -> Option<&'static Location<'static>> {
        if !matches!(self.kind(), Some(Kind::Spawn | Kind::Complete)) {
            return None;
        }
        let address = self.word & ADDRESS_MAX & !OUTCOME_MASK;
        let location = ptr::with_exposed_provenance::<Location<'static>>(address as usize);
        // SAFETY: null, or what `place` took from a `&'static` reference, whose provenance it has
        // exposed: the event is whole, by the proof above.
        unsafe { location.as_ref() }
    }

    /// How the task ended, of an end.
    pub(super) fn outcome(&self) -> Outcome {
        match self.word & OUTCOME_MASK {
            1 => Outcome::Panicked,
            2 => Outcome::Cancelled,
            _ => Outcome::Completed,
        }
    }
}

/// An address that fits an event's word; 0 if it does not.
fn place(location: &'static Location<'static>) -> u64 {
    let address = ptr::from_ref(location).expose_provenance() as u64;
    if address <= ADDRESS_MAX { address } else { 0 }
}

/// Events of one ring, oldest first.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) events: Vec<Event>,
    /// Events ever recorded, those that are gone included.
    pub(super) ever: u64,
}

/// One worker's ring. See the module.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Ring {
    /// Those of events before `head` have been written to, and no others are read.
    slots: Box<[MaybeUninit<Slot>]>,
    head: AtomicU64,
    // The writer's own.
    /// So many slots are not of unknown contents any more.
    ready: Counter,
    /// `head` mod `slots.len()`.
    next: Counter,
    /// The task whose poll is the last event; 0: it is something else.
    folding: Counter,
    /// When that poll ended.
    folding_end: Counter,
}

impl Ring {
    /// A ring of at most `bytes`. Its memory is taken when it is first written to. Without room for
    /// a few events, or if there is no memory, nothing is recorded.
    pub(crate) fn new(bytes: usize) -> Ring {
        let len = bytes.min(MAX_BYTES) / size_of::<Slot>();
        Ring {
            // Of a ring of two, readers would keep nothing.
            slots: if len > 2 {
                unwritten(len)
            } else {
                Box::default()
            },
            head: AtomicU64::new(0),
            ready: Counter::new(0),
            next: Counter::new(0),
            folding: Counter::new(0),
            folding_end: Counter::new(0),
        }
    }

    /// Bytes that the ring may take.
    pub(super) fn bytes(&self) -> u64 {
        size_of_val(&*self.slots) as u64
    }

    #[inline(always)]
    fn push(&self, stamp: u64, id: u64, word: u64) {
        let next = self.next.get() as usize;
        if next as u64 >= self.ready.get() && !self.make_ready(next) {
            return;
        }
        // SAFETY: one of the slots, made ready now or before.
        let slot = unsafe { self.slots.get_unchecked(next).assume_init_ref() };
        slot.0[0].store(stamp, Ordering::Relaxed);
        slot.0[1].store(id, Ordering::Relaxed);
        slot.0[2].store(word, Ordering::Relaxed);
        // Ordering: pairs with the Acquire fence in `read`, for the event after this one; see the
        // module.
        fence(Ordering::Release);
        let head = self.head.load(Ordering::Relaxed);
        // Ordering: pairs with the Acquire load in `read`. The fence would do, but for
        // ThreadSanitizer, which does not know fences; `make_ready` writes without atomics.
        self.head.store(head + 1, Ordering::Release);
        let after = next + 1;
        let after = if after == self.slots.len() { 0 } else { after };
        self.next.set(after as u64);
    }

    /// Gives some slots from `next` on, the first that is not ready, contents that may be stored
    /// over. False: there is none. Readers do not come here before `head` does.
    #[cold]
    #[inline(never)]
    fn make_ready(&self, next: usize) -> bool {
        let after = self.slots.len().min(next + SLOTS_AT_ONCE);
        for slot in &self.slots[next..after] {
            let empty = Slot([0, 0, 0].map(AtomicU64::new));
            // SAFETY: all of a slot is atomics, so it may be written through a shared reference; no
            // other thread looks at it before the writer has published an event there.
            unsafe { slot.as_ptr().cast_mut().write(empty) };
        }
        self.ready.set(after as u64);
        after > next
    }

    #[inline]
    fn push_other(&self, stamp: u64, id: u64, word: u64) {
        self.folding.set(0);
        self.push(stamp, id, word);
    }

    /// A poll that has ended. `outside`: the wake before it was made by no worker.
    #[inline(always)]
    pub(crate) fn poll(&self, task: u64, begin: u64, end: u64, outside: bool) {
        let ticks = end.saturating_sub(begin).min(VALUE_MAX);
        let follows = self.folding.get() == task && self.folding_end.get() == begin;
        if !(follows && !outside && self.fold(ticks)) {
            let kind = if outside {
                Kind::PollFromOutside
            } else {
                Kind::Poll
            };
            self.push(begin, task, word(kind, ticks));
            self.folding.set(task);
        }
        self.folding_end.set(end);
    }

    /// Adds a poll to the last event, which is one of the same task.
    #[inline(never)]
    fn fold(&self, ticks: u64) -> bool {
        let after = match self.next.get() {
            0 => self.slots.len() as u64,
            next => next,
        };
        if after == 0 || after > self.ready.get() {
            return false;
        }
        // SAFETY: ready, as was just seen.
        let Slot([_, _, last]) = unsafe { self.slots[after as usize - 1].assume_init_ref() };
        let word = last.load(Ordering::Relaxed);
        let fits = (word & VALUE_MAX) + ticks < FOLD_TICKS;
        let fits = fits && word >> COUNT_SHIFT & COUNT_MAX < COUNT_MAX;
        if fits {
            last.store(word + (1 << COUNT_SHIFT) + ticks, Ordering::Relaxed);
        }
        fits
    }

    /// The part of a poll before its worker was handed over to another thread.
    #[cold]
    pub(crate) fn poll_handed_over(&self, task: u64, begin: u64, end: u64) {
        let ticks = end.saturating_sub(begin).min(VALUE_MAX);
        self.push_other(begin, task, word(Kind::PollHandedOver, ticks));
    }

    /// A task was woken on this worker: in the poll that is under way, or in the driver.
    #[inline]
    pub(crate) fn wake(&self, task: u64, at: u64, in_driver: bool) {
        let kind = if in_driver {
            Kind::WakeByDriver
        } else {
            Kind::Wake
        };
        self.push_other(at, task, word(kind, 0));
    }

    /// A task was spawned on this worker.
    #[inline]
    pub(crate) fn spawn(&self, task: u64, at: u64, location: &'static Location<'static>) {
        self.push_other(at, task, word(Kind::Spawn, place(location)));
    }

    /// A task has ended on this worker.
    #[inline]
    pub(crate) fn complete(
        &self,
        task: u64,
        at: u64,
        location: &'static Location<'static>,
        outcome: Outcome,
    ) {
        let outcome = match outcome {
            Outcome::Completed => 0,
            Outcome::Panicked => 1,
            Outcome::Cancelled => 2,
        };
        self.push_other(at, task, word(Kind::Complete, place(location) | outcome));
    }

    /// Tasks were taken from another worker, in a search that began at a moment.
    pub(crate) fn steal(&self, at: u64, victim: usize, tasks: u64) {
        self.push_other(at, tasks, word(Kind::Steal, victim as u64 & VALUE_MAX));
    }

    /// A sleep that has ended, with what the driver found in it.
    pub(crate) fn park(&self, begin: u64, end: u64, events: u32, timers: u32) {
        self.turn(Kind::Park, begin, end, events, timers);
    }

    /// A look at the driver.
    pub(crate) fn driver(&self, begin: u64, end: u64, events: u32, timers: u32) {
        self.turn(Kind::Driver, begin, end, events, timers);
    }

    fn turn(&self, kind: Kind, begin: u64, end: u64, events: u32, timers: u32) {
        let ticks = end.saturating_sub(begin).min(VALUE_MAX);
        let found = u64::from(timers) << 32 | u64::from(events);
        self.push_other(begin, found, word(kind, ticks));
    }

    /// What is in the ring. By anybody; what is overwritten meanwhile is left out.
    pub(super) fn read(&self) -> Recorded {
        let len = self.slots.len() as u64;
        // Ordering: pairs with the Release store in `push`.
        let head = self.head.load(Ordering::Acquire);
        if head == 0 {
            return Recorded::default();
        }
        let first = head.saturating_sub(len);
        let mut events: Vec<Event> = (first..head)
            .map(|n| {
                let slot = &self.slots[(n % len) as usize];
                // SAFETY: an event before `head` has been written here, and that was seen.
                let [stamp, id, word] = unsafe { &slot.assume_init_ref().0 };
                Event {
                    stamp: stamp.load(Ordering::Relaxed),
                    id: id.load(Ordering::Relaxed),
                    word: word.load(Ordering::Relaxed),
                }
            })
            .collect();
        // Ordering: pairs with the Release fence in `push`: who has copied what came after it sees
        // the head of before.
        fence(Ordering::Acquire);
        let ever = self.head.load(Ordering::Relaxed);
        // Kept is what is whole: `ever < n + len - 1`.
        let whole = (ever + 2).saturating_sub(len);
        let gone = whole.saturating_sub(first).min(head - first);
        events.drain(..gone as usize);
        Recorded { events, ever }
    }
}

/// Memory as it comes: to fill it with zeroes is what building a runtime would cost most, where the
/// allocator has had it before. Empty if there is none.
fn unwritten(len: usize) -> Box<[MaybeUninit<Slot>]> {
    let Ok(layout) = Layout::array::<Slot>(len) else {
        return Box::default();
    };
    // SAFETY: the layout is not empty: `len` is not 0.
    let memory = unsafe { alloc(layout) };
    if memory.is_null() {
        return Box::default();
    }
    // SAFETY: allocated with the layout of such a slice by the allocator that boxes use; there is
    // nothing that its elements would have to be.
    unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(memory.cast(), len)) }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;
