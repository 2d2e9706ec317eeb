//! The queue of a channel: a linked list of blocks of slots, many producers, one consumer, no
//! locks.
//!
//! Non-goals: waking, closing by the consumer's side, counting senders: see `chan`.
//!
//! # Vocabulary
//!
//! - A *position* is an even number that grows by two a message (bit 0 of [`Tail`] says that the
//!   list is closed); it wraps around. A position belongs to the slot of its block, and blocks
//!   start at multiples of [`STRIDE`].
//! - `Tail` is the next position to be *claimed*; `Head::index` the next to be popped.
//! - A slot is *ready* once its bit is set in the block's `flags`: its message is written.
//! - `block_tail` is where producers begin to look for their block.
//!
//! # Protocol
//!
//! Push: claim a position (one `fetch_add`), walk from `block_tail` to its block, appending blocks
//! where the list ends, write the message, set the slot's bit (one `fetch_or`). A producer on its
//! way moves `block_tail` past blocks whose slots are all ready; whoever did so for a block notes
//! in it how far `Tail` was *afterwards* (`observed_tail`) and sets `RELEASED`.
//!
//! Pop: if the bit of the head slot is set, take the message. Blocks behind the head that are
//! released, and whose `observed_tail` the head has passed, are used again at the end of the list,
//! or freed.
//!
//! # Why a producer finds its block
//!
//! `block_tail` passes a block only when all its slots are ready. The block of a position that was
//! claimed and is not ready yet is therefore at `block_tail` or behind it in the list.
//!
//! # Why no producer touches a block that was freed or used again
//!
//! Only a producer that loaded `block_tail` before it moved past a block B can be on B. Say it
//! claimed position p (a read-modify-write of `Tail`) before that load, and the mover read
//! `observed_tail` by a read-modify-write of `Tail` after its move. If the mover's came first in
//! the order of `Tail`, the producer's claim, which acquires, synchronises with it, and the
//! producer's load would have seen the move. So the claim came first and p is below
//! `observed_tail`. The consumer reclaims B only when its index is not below `observed_tail`: it
//! has then seen, with Acquire, the bit that the producer set after it had left B.
//!
//! # Why the consumer's wake-up is not lost
//!
//! Before it sleeps the consumer sets `WAITING` in the `flags` of the head slot's block, by a
//! read-modify-write that returns the slot's bit; the slot's producer sets the bit by one that
//! returns `WAITING`. Whichever comes second sees the first. A push into a block without
//! `WAITING` thus needs no further look at the consumer.

#![expect(unsafe_code, reason = "lock-free list of manually managed blocks")]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic;

use crate::loom::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::telemetry::backlog::{Backlog, Length};

/// Slots a block: half of a word's bits, the other half is for flags. Under loom so few that its
/// models come to the next block.
const SLOTS: usize = if cfg!(zokio_loom) {
    2
} else {
    usize::BITS as usize / 2
};
/// From the start of a block to the start of the next.
const STRIDE: usize = 2 * SLOTS;
/// The distance of two positions.
const ONE: usize = 2;
/// In [`Tail`]: no more messages.
const CLOSED: usize = 1;

/// In `Block::flags`: all slots are ready.
const ALL_READY: usize = (1 << SLOTS) - 1;
/// In `Block::flags`: `block_tail` has passed and `observed_tail` is written.
const RELEASED: usize = 1 << SLOTS;
/// In `Block::flags`: the consumer sleeps, or is about to.
const WAITING: usize = 1 << (SLOTS + 1);

const _: () = assert!(STRIDE.is_power_of_two() && SLOTS + 2 <= usize::BITS as usize);

const fn start_of(position: usize) -> usize {
    position & !(STRIDE - 1)
}

const fn slot_of(position: usize) -> usize {
    (position & (STRIDE - 1)) / ONE
}

/// Blocks from one look at the length for telemetry to the next: it takes the other side's cache line.
const TOLD_EVERY: usize = 8;

/// Times that a block to be used again tries to get hold of the end of the list.
const REUSE_ATTEMPTS: usize = 3;

struct Block<T> {
    /// The position of slot 0. Written before the block is published.
    start: usize,
    next: AtomicPtr<Block<T>>,
    /// Bits of ready slots, `RELEASED`, `WAITING`.
    flags: AtomicUsize,
    /// Written before `RELEASED`, read after.
    observed_tail: UnsafeCell<usize>,
    slots: [UnsafeCell<MaybeUninit<T>>; SLOTS],
}

impl<T> Block<T> {
    const LAYOUT: Layout = Layout::new::<Block<T>>();

    /// An empty block that nobody else knows.
    fn allocate(start: usize) -> NonNull<Block<T>> {
        // Written field by field: a block on the stack could be too large for it.
        // SAFETY: a block is not of size zero.
        let block = unsafe { alloc(Self::LAYOUT) }.cast::<Block<T>>();
        let Some(block) = NonNull::new(block) else {
            handle_alloc_error(Self::LAYOUT)
        };
        // SAFETY: the memory was just allocated for a block.
        unsafe { Self::reset(block, start) };
        block
    }

    /// Makes the block empty. The slots need no initialisation.
    ///
    /// # Safety
    ///
    /// The memory is a block's, used by nobody else, and its slots hold no messages.
    unsafe fn reset(block: NonNull<Block<T>>, start: usize) {
        let block = block.as_ptr();
        // SAFETY: the pointer is valid and exclusive (promised by the caller).
        unsafe { (&raw mut (*block).start).write(start) };
        // SAFETY: as above.
        unsafe { (&raw mut (*block).next).write(AtomicPtr::new(ptr::null_mut())) };
        // SAFETY: as above.
        unsafe { (&raw mut (*block).flags).write(AtomicUsize::new(0)) };
        // SAFETY: as above.
        unsafe { (&raw mut (*block).observed_tail).write(UnsafeCell::new(0)) };
    }

    /// # Safety
    ///
    /// The block came from `allocate`, nobody uses it any more, and its slots hold no messages.
    unsafe fn free(block: NonNull<Block<T>>) {
        // SAFETY: allocated with the same layout; nothing in it needs to be dropped.
        unsafe { dealloc(block.as_ptr().cast(), Self::LAYOUT) };
    }

    fn next(&self) -> Option<NonNull<Block<T>>> {
        // Ordering: Acquire pairs with the Release of `append`: who sees the block sees its
        // fields.
        NonNull::new(self.next.load(Ordering::Acquire))
    }

    /// Makes `block` the next, unless there is one; that one then.
    fn append(&self, block: NonNull<Block<T>>) -> Result<(), NonNull<Block<T>>> {
        // Ordering: Release pairs with the Acquire of `next` and of a failure here.
        match self.next.compare_exchange(
            ptr::null_mut(),
            block.as_ptr(),
            Ordering::Release,
            Ordering::Acquire,
        ) {
            Ok(_) => Ok(()),
            Err(next) => Err(NonNull::new(next).expect("it was not null")),
        }
    }

    /// The next block, made if there is none.
    fn next_or_grow(&self, list: &List<T>) -> NonNull<Block<T>> {
        if let Some(next) = self.next() {
            return next;
        }
        let new = Block::allocate(self.start.wrapping_add(STRIDE));
        match self.append(new) {
            Ok(()) => {
                list.grew();
                new
            }
            Err(next) => {
                // SAFETY: the new block was not published.
                unsafe { Block::free(new) };
                next
            }
        }
    }
}

/// The next position to be claimed, and whether the list is closed.
pub(super) struct Tail(AtomicUsize);

impl Tail {
    fn claim(&self) -> usize {
        // Ordering: Acquire pairs with the Release of `observe`: see "Why no producer touches".
        self.0.fetch_add(ONE, Ordering::Acquire)
    }

    fn observe(&self) -> usize {
        // Ordering: Release pairs with the Acquire of `claim`.
        self.0.fetch_or(0, Ordering::Release) & !CLOSED
    }

    fn position(&self) -> usize {
        self.0.load(Ordering::Relaxed) & !CLOSED
    }
}

/// The part of the list that all share.
#[repr(C)]
pub(super) struct List<T> {
    tail: Tail,
    block_tail: AtomicPtr<Block<T>>,
    /// Blocks that producers have made, about: two that count at once may count one. (This and `popped`
    /// are for telemetry: no model needs them.)
    grown: atomic::AtomicUsize,
    /// Keeps what every push writes off the cache lines of what every pop writes. (Aligning to
    /// cache lines would make the allocation slower.)
    _apart: [u64; 8],
    /// Where the consumer's block begins.
    popped: atomic::AtomicUsize,
    /// What telemetry hears of the list's length.
    pub(super) backlog: Backlog,
}

/// The consumer's part.
pub(super) struct Head<T> {
    /// The block of `index`, or the one before if that does not exist yet.
    block: NonNull<Block<T>>,
    /// The first block that has not been reclaimed; at `block` or before it.
    oldest: NonNull<Block<T>>,
    index: usize,
    /// Where the tail was when the list was closed.
    closed_at: Option<usize>,
}

// SAFETY: messages move between threads, hence `T: Send`; blocks are shared by the protocol in
// the module's text.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above; no `&T` is ever given to a second thread.
unsafe impl<T: Send> Sync for List<T> {}
// SAFETY: the head is used by one thread at a time and hands out messages.
unsafe impl<T: Send> Send for Head<T> {}

impl<T> List<T> {
    pub(super) fn new(backlog: Backlog) -> (List<T>, Head<T>) {
        let block = Block::allocate(0);
        let list = List {
            tail: Tail(AtomicUsize::new(0)),
            block_tail: AtomicPtr::new(block.as_ptr()),
            grown: atomic::AtomicUsize::new(0),
            _apart: [0; 8],
            popped: atomic::AtomicUsize::new(0),
            backlog,
        };
        (
            list,
            Head {
                block,
                oldest: block,
                index: 0,
                closed_at: None,
            },
        )
    }

    /// The address that telemetry names the channel by.
    pub(super) fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    /// A producer has made a block: what there was is in use.
    #[cold]
    fn grew(&self) {
        let grown = self.grown.load(Ordering::Relaxed).wrapping_add(1);
        self.grown.store(grown, Ordering::Relaxed);
        if grown.is_multiple_of(TOLD_EVERY) {
            self.backlog.grew(self.address(), || self.backlog_len());
        }
    }

    /// As if those taken from the consumer's block were still in the list.
    fn backlog_len(&self) -> Length {
        let popped = self.popped.load(Ordering::Relaxed);
        Length {
            messages: self.tail.position().wrapping_sub(popped) / ONE,
            received: popped / ONE,
        }
    }

    /// Adds a message, also to a closed list. Whether the consumer has to be woken.
    pub(super) fn push(&self, message: T) -> bool {
        let position = self.tail.claim() & !CLOSED;
        self.write(position, message)
    }

    /// Adds a message, or gives it back if the list is closed.
    pub(super) fn push_unless_closed(&self, message: T) -> Result<bool, T> {
        // The first look keeps a closed list's tail where it is; what counts is the second, in
        // the same operation as the claim. A position claimed too late is never written: the
        // consumer stops where the list was closed.
        if self.is_closed() {
            return Err(message);
        }
        let position = self.tail.claim();
        if position & CLOSED != 0 {
            return Err(message);
        }
        Ok(self.write(position, message))
    }

    /// Whether the list is closed.
    pub(super) fn is_closed(&self) -> bool {
        // Ordering: Acquire pairs with the Release of `Head::close`: who is refused sees what the
        // consumer did before it closed.
        self.tail.0.load(Ordering::Acquire) & CLOSED != 0
    }

    fn write(&self, position: usize, message: T) -> bool {
        let block = self.find(position);
        // SAFETY: a block with a claimed slot that is not ready is alive (module's text).
        let block = unsafe { block.as_ref() };
        let slot = slot_of(position);
        // SAFETY: the slot was claimed by this call alone; the consumer reads it when its bit is
        // set, below.
        unsafe { (*block.slots[slot].get()).write(message) };
        // Ordering: Release pairs with the Acquire of `Head::ready` (the message) and of `find`
        // (this producer has left earlier blocks); Acquire pairs with the Release in
        // `Head::wait` (what the consumer did before it sleeps).
        let before = block.flags.fetch_or(1 << slot, Ordering::AcqRel);
        before & WAITING != 0
    }

    /// The block of a claimed position.
    fn find(&self, position: usize) -> NonNull<Block<T>> {
        let start = start_of(position);
        // Ordering: Acquire pairs with the Release of the move below, which follows the
        // publication of the block.
        let mut at = self.block_tail.load(Ordering::Acquire);
        let mut at_tail = true;
        loop {
            // SAFETY: the walk begins at `block_tail`, after a claim; see the module's text.
            let block = unsafe { &*at };
            if block.start == start {
                return NonNull::from(block);
            }
            let next = block.next_or_grow(self).as_ptr();
            at_tail = at_tail && self.move_tail(block, next);
            at = next;
        }
    }

    /// Moves `block_tail` from `block`, where it was seen, to `next`, if all slots are ready.
    /// Whether it did.
    fn move_tail(&self, block: &Block<T>, next: *mut Block<T>) -> bool {
        // Ordering: Acquire pairs with the Release of `write`: the move carries along what the
        // block's producers did.
        if block.flags.load(Ordering::Acquire) & ALL_READY != ALL_READY {
            return false;
        }
        // Ordering: Release pairs with the Acquire in `find`.
        let moved = self.block_tail.compare_exchange(
            ptr::from_ref(block).cast_mut(),
            next,
            Ordering::Release,
            Ordering::Relaxed,
        );
        if moved.is_err() {
            return false;
        }
        let observed = self.tail.observe();
        // SAFETY: only the one that moved `block_tail` past the block gets here, and the consumer
        // does not read before `RELEASED`.
        unsafe { *block.observed_tail.get() = observed };
        // Ordering: Release pairs with the Acquire in `Head::reclaim`.
        block.flags.fetch_or(RELEASED, Ordering::Release);
        true
    }
}

impl<T> Head<T> {
    /// Takes the message at the head, if it is ready.
    pub(super) fn pop(&mut self, list: &List<T>) -> Option<T> {
        if self.closed_at == Some(self.index) || !self.advance(list) {
            return None;
        }
        // SAFETY: the consumer's blocks are freed by the consumer alone.
        let block = unsafe { self.block.as_ref() };
        let slot = slot_of(self.index);
        // Ordering: Acquire pairs with the Release of `write`.
        let flags = block.flags.load(Ordering::Acquire);
        if flags & (1 << slot) == 0 {
            return None;
        }
        if flags & WAITING != 0 {
            // Awake: the following pushes need not look.
            block.flags.fetch_and(!WAITING, Ordering::Relaxed);
        }
        // SAFETY: the slot is ready; the index moves on, so that it is read once.
        let message = unsafe { (*block.slots[slot].get()).assume_init_read() };
        self.index = self.index.wrapping_add(ONE);
        Some(message)
    }

    /// Announces that the consumer sleeps until the head is ready. The waker must be in place.
    /// False if the head is ready already.
    pub(super) fn wait(&mut self, list: &List<T>) -> bool {
        if !self.advance(list) {
            // The head's block has to exist: it is where the announcement is made.
            // SAFETY: the consumer's blocks are freed by the consumer alone.
            self.block = unsafe { self.block.as_ref() }.next_or_grow(list);
        }
        // SAFETY: as above.
        let block = unsafe { self.block.as_ref() };
        let bit = 1 << slot_of(self.index);
        // Ordering: Acquire pairs with the Release of `write`.
        let mut flags = block.flags.load(Ordering::Acquire);
        if flags & (bit | WAITING) == 0 {
            // Ordering: Release pairs with the Acquire half of `write`; Acquire as above.
            flags = block.flags.fetch_or(WAITING, Ordering::AcqRel);
        }
        // If `WAITING` was set before, the load is enough: a producer that set the head's bit,
        // saw `WAITING`, and took the waker before this one was put in place, has done the former
        // before the latter, and the waker's lock carries that here. One that takes the waker
        // after that takes this one.
        flags & bit == 0
    }

    /// Whether the consumer has announced that it sleeps and has popped nothing since.
    pub(super) fn is_waiting(&self) -> bool {
        // SAFETY: the consumer's blocks are freed by the consumer alone.
        unsafe { self.block.as_ref() }.flags.load(Ordering::Relaxed) & WAITING != 0
    }

    /// Goes to the block of the index. False if it does not exist yet.
    fn advance(&mut self, list: &List<T>) -> bool {
        // SAFETY: the consumer's blocks are freed by the consumer alone.
        let block = unsafe { self.block.as_ref() };
        if block.start == start_of(self.index) {
            return true;
        }
        let Some(next) = block.next() else {
            return false;
        };
        self.block = next;
        self.reclaim(list);
        list.popped.store(self.index, Ordering::Relaxed);
        list.backlog.received();
        if list.backlog.is_listed() && (self.index / STRIDE).is_multiple_of(TOLD_EVERY) {
            list.backlog.shrank(list.address(), list.backlog_len());
        }
        true
    }

    /// Uses again, or frees, the blocks that no producer can reach any more.
    fn reclaim(&mut self, list: &List<T>) {
        while self.oldest != self.block {
            // SAFETY: the consumer's blocks are freed by the consumer alone.
            let block = unsafe { self.oldest.as_ref() };
            // Ordering: Acquire pairs with the Release in `move_tail`.
            if block.flags.load(Ordering::Acquire) & RELEASED == 0 {
                return;
            }
            // SAFETY: written before `RELEASED`, and not again.
            let observed = unsafe { *block.observed_tail.get() };
            if self.index.wrapping_sub(observed).cast_signed() < 0 {
                return;
            }
            let next = block.next().expect("the head is further on");
            // SAFETY: no producer can reach the block (module's text), the head has passed it,
            // and all its messages were taken.
            unsafe { Self::reuse(list, self.oldest) };
            self.oldest = next;
        }
    }

    /// Appends an empty block at the end of the list, or frees it.
    ///
    /// # Safety
    ///
    /// Nobody else uses the block, and its slots hold no messages.
    unsafe fn reuse(list: &List<T>, block: NonNull<Block<T>>) {
        // Ordering: Acquire pairs with the Release in `move_tail`.
        let mut end = list.block_tail.load(Ordering::Acquire);
        for _ in 0..REUSE_ATTEMPTS {
            // SAFETY: `block_tail` and what follows it is not released, and only this thread
            // frees blocks.
            let last = unsafe { &*end };
            // SAFETY: promised by the caller.
            unsafe { Block::reset(block, last.start.wrapping_add(STRIDE)) };
            match last.append(block) {
                Ok(()) => return,
                Err(next) => end = next.as_ptr(),
            }
        }
        // SAFETY: the block was not published again; the rest is promised by the caller.
        unsafe { Block::free(block) };
    }

    /// Closes the list for [`List::push_unless_closed`].
    pub(super) fn close(&mut self, list: &List<T>) {
        if self.closed_at.is_none() {
            // What counts is the order of claims and this on one word.
            // Ordering: Release pairs with the Acquire of `is_closed` and `claim`.
            let tail = list.tail.0.fetch_or(CLOSED, Ordering::Release);
            self.closed_at = Some(tail & !CLOSED);
        }
    }

    /// Whether the list was closed and all of it was popped.
    pub(super) fn is_drained(&self) -> bool {
        self.closed_at == Some(self.index)
    }

    /// Messages claimed and not popped; some may not be written yet.
    pub(super) fn len(&self, list: &List<T>) -> usize {
        let end = self.closed_at.unwrap_or_else(|| list.tail.position());
        end.wrapping_sub(self.index) / ONE
    }

    /// Drops all messages and frees all blocks.
    ///
    /// # Safety
    ///
    /// No push is under way and neither the list nor the head is used again.
    pub(super) unsafe fn free(&mut self, list: &List<T>) {
        /// Frees the blocks also when a message panics as it is dropped.
        struct Blocks<T>(Option<NonNull<Block<T>>>);
        impl<T> Drop for Blocks<T> {
            fn drop(&mut self) {
                while let Some(block) = self.0 {
                    // SAFETY: all blocks from the oldest on are alive.
                    self.0 = unsafe { block.as_ref() }.next();
                    // SAFETY: nobody uses the list any more; messages left behind by a panic are
                    // leaked.
                    unsafe { Block::free(block) };
                }
            }
        }
        while let Some(message) = self.pop(list) {
            let blocks = Blocks(Some(self.oldest));
            drop(message);
            std::mem::forget(blocks);
        }
        drop(Blocks(Some(self.oldest)));
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;
