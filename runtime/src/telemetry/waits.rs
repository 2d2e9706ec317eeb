//! Wait notes: what each pending leaf future waits for.
//!
//! A leaf future owns a [`WaitNote`]. When it returns `Pending` it [sets](WaitNote::set) the note,
//! when it becomes ready or is dropped it clears it. The note's contents live in a process-wide
//! table of type-stable cells, never in the future itself, so that a reader may look at any time
//! without touching memory that may go away, and without stopping anybody.
//!
//! Non-goal: order or completeness between cells. A reader sees each cell either as it was or as
//! it is ([sequence lock](Cell::read)), and the set of cells at slightly different moments.
//!
//! Cost of a wait: a free-list pop, nine plain stores and a push on the free list; no clock is read
//! (a note's time is the beginning of the poll that went pending).

#![expect(
    unsafe_code,
    reason = "type-stable table of leaked chunks, read through raw pointers"
)]

mod index;

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use std::task::Waker;

use parking_lot::Mutex;

use super::current;
pub(crate) use super::identity::{Identity, Origin};
pub(crate) use super::wait_point::WaitPoint;
pub(crate) use index::{NoteIndex, NotePlace, NotePlaces};

/// A leaf future's note of what it waits for. Holds nothing while the future is not pending.
#[derive(Debug)]
pub(crate) struct WaitNote {
    place: Place,
}

/// A cell of the table, and its sequence number, which only the cell's owner changes. It travels
/// with the place, since what a wait costs is mostly loads of lines that another processor wrote:
/// so a note is written without any.
#[derive(Debug, Clone, Copy)]
struct Place {
    index: u32,
    sequence: u32,
}

const NONE: u32 = u32::MAX;

/// In a note's count: it is not the task's own waker that ends the wait.
const FOREIGN: u32 = 1 << 31;

impl WaitNote {
    /// A note that says nothing.
    pub(crate) const fn new() -> WaitNote {
        WaitNote {
            place: Place {
                index: NONE,
                sequence: 0,
            },
        }
    }

    /// Says that the task being polled on this thread waits at `point` for `resource` (its identity,
    /// or merely its address or null). To be called each time the leaf returns `Pending`; repeated
    /// calls within one wait keep its beginning. Outside of a task it does nothing.
    #[inline]
    pub(crate) fn set(
        &mut self,
        point: &'static WaitPoint,
        resource: impl Into<Identity>,
        location: Option<&'static Location<'static>>,
    ) {
        self.set_to(point, resource.into(), location, 1);
    }

    // Not inlined into the futures of other crates: most of them never wait.
    fn set_to(
        &mut self,
        point: &'static WaitPoint,
        resource: Identity,
        location: Option<&'static Location<'static>>,
        count: u32,
    ) {
        let now = current::get();
        if now.task == 0 {
            self.clear();
            return;
        }
        if self.place.index != NONE {
            let cell = cell(self.place.index);
            if cell.task.load(Ordering::Relaxed) == now.task
                && ptr::eq(cell.point.load(Ordering::Relaxed), point)
            {
                cell.poll.store(now.poll, Ordering::Relaxed);
                return;
            }
        } else {
            self.place = allocate();
        }
        let cell = cell(self.place.index);
        cell.write(self.place.sequence, now, point, resource, location, count);
        self.place.sequence = self.place.sequence.wrapping_add(2);
    }

    /// The same of a wait that is known to end by this waker: it is told whether that is the task's own.
    /// What waits for somebody's lock or end says it this way.
    #[inline]
    pub(crate) fn set_by(
        &mut self,
        waker: &Waker,
        point: &'static WaitPoint,
        resource: impl Into<Identity>,
        location: &'static Location<'static>,
    ) {
        let count = match current::get().owns(waker) {
            true => 1,
            false => 1 | FOREIGN,
        };
        self.set_to(point, resource.into(), Some(location), count);
        if self.place.index != NONE {
            // It may have been polled with another before. One field alone needs no sequence.
            cell(self.place.index).count.store(count, Ordering::Relaxed);
        }
    }

    /// Says of how many things of the resource's the task waits for any: the tasks of a set. To be
    /// called after [`set`](WaitNote::set), without which it is 1.
    pub(crate) fn set_count(&mut self, count: usize) {
        if self.place.index != NONE {
            // One field alone needs no sequence.
            let count = u32::try_from(count).unwrap_or(u32::MAX).min(FOREIGN - 1);
            cell(self.place.index).count.store(count, Ordering::Relaxed);
        }
    }

    /// Says nothing any more.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.place.index != NONE {
            self.give_back();
        }
    }

    #[inline(never)]
    fn give_back(&mut self) {
        cell(self.place.index).erase();
        release(self.place);
        self.place.index = NONE;
    }
}

impl Drop for WaitNote {
    #[inline]
    fn drop(&mut self) {
        self.clear();
    }
}

/// What a reader finds in a cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoteView {
    pub(crate) task: u64,
    pub(crate) poll: u32,
    pub(crate) since: u64,
    pub(crate) resource: u64,
    pub(crate) count: u32,
    pub(crate) own_waker: bool,
    pub(crate) point: &'static WaitPoint,
    pub(crate) location: Option<&'static Location<'static>>,
    pub(crate) origin: Option<&'static Location<'static>>,
    /// 0: does not apply.
    pub(crate) capacity: u32,
}

/// One note's contents. One writer at a time: whoever owns the index.
#[repr(align(64))]
struct Cell {
    /// Odd while being written.
    sequence: AtomicU32,
    poll: AtomicU32,
    /// 0: the cell says nothing.
    task: AtomicU64,
    since: AtomicU64,
    resource: AtomicU64,
    point: AtomicPtr<WaitPoint>,
    location: AtomicPtr<Location<'static>>,
    origin: AtomicPtr<Location<'static>>,
    /// With [`FOREIGN`].
    count: AtomicU32,
    capacity: AtomicU32,
}

// A note is one cache line.
const _: () = assert!(size_of::<Cell>() == 64);

impl Cell {
    const fn new() -> Cell {
        Cell {
            sequence: AtomicU32::new(0),
            poll: AtomicU32::new(0),
            task: AtomicU64::new(0),
            since: AtomicU64::new(0),
            resource: AtomicU64::new(0),
            point: AtomicPtr::new(ptr::null_mut()),
            location: AtomicPtr::new(ptr::null_mut()),
            origin: AtomicPtr::new(ptr::null_mut()),
            count: AtomicU32::new(0),
            capacity: AtomicU32::new(0),
        }
    }

    fn write(
        &self,
        sequence: u32,
        now: current::Current,
        point: &'static WaitPoint,
        resource: Identity,
        location: Option<&'static Location<'static>>,
        count: u32,
    ) {
        debug_assert_eq!(sequence, self.sequence.load(Ordering::Relaxed));
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::Relaxed);
        // Ordering: pairs with the Acquire fence in `read`: whoever sees a store below sees the
        // odd number above.
        fence(Ordering::Release);
        self.task.store(now.task, Ordering::Relaxed);
        self.poll.store(now.poll, Ordering::Relaxed);
        self.since.store(now.began, Ordering::Relaxed);
        self.resource.store(resource.address, Ordering::Relaxed);
        self.capacity.store(resource.capacity, Ordering::Relaxed);
        self.count.store(count, Ordering::Relaxed);
        self.point
            .store(ptr::from_ref(point).cast_mut(), Ordering::Relaxed);
        let pointer = |place: Option<&'static Location<'static>>| {
            place.map_or(ptr::null_mut(), |place| ptr::from_ref(place).cast_mut())
        };
        self.location.store(pointer(location), Ordering::Relaxed);
        self.origin
            .store(pointer(resource.origin), Ordering::Relaxed);
        // Ordering: pairs with the first Acquire load in `read`: whoever sees the even number
        // sees the stores above.
        self.sequence
            .store(sequence.wrapping_add(2), Ordering::Release);
    }

    fn erase(&self) {
        // One field alone needs no sequence: a reader sees the note as it was or none.
        self.task.store(0, Ordering::Relaxed);
    }

    fn read(&self) -> Option<NoteView> {
        // A writer is between its two stores for nanoseconds; one that was preempted there
        // hides its note from this pass only.
        for _ in 0..8 {
            // Ordering: pairs with the Release store that ends `write`.
            let before = self.sequence.load(Ordering::Acquire);
            let task = self.task.load(Ordering::Relaxed);
            if task == 0 {
                return None;
            }
            let poll = self.poll.load(Ordering::Relaxed);
            let since = self.since.load(Ordering::Relaxed);
            let resource = self.resource.load(Ordering::Relaxed);
            let point = self.point.load(Ordering::Relaxed);
            let location = self.location.load(Ordering::Relaxed);
            let origin = self.origin.load(Ordering::Relaxed);
            let count = self.count.load(Ordering::Relaxed);
            let capacity = self.capacity.load(Ordering::Relaxed);
            // Ordering: pairs with the Release fence in `write`.
            fence(Ordering::Acquire);
            let after = self.sequence.load(Ordering::Relaxed);
            if before == after && before.is_multiple_of(2) && !point.is_null() {
                // SAFETY: only `write` stores into `point`, and it stores `&'static` references.
                let point: &'static WaitPoint = unsafe { &*point };
                // SAFETY: only `write` stores into `location`: null or a `&'static` reference.
                let location: Option<&'static Location<'static>> = unsafe { location.as_ref() };
                // SAFETY: as for `location`.
                let origin: Option<&'static Location<'static>> = unsafe { origin.as_ref() };
                return Some(NoteView {
                    task,
                    poll,
                    since,
                    resource,
                    count: count & !FOREIGN,
                    own_waker: count & FOREIGN == 0,
                    point,
                    location,
                    origin,
                    capacity,
                });
            }
            std::hint::spin_loop();
        }
        None
    }
}

const CHUNK: usize = 1024;
const CHUNKS: usize = 1 << 16;

type Chunk = [Cell; CHUNK];

/// Chunks are leaked when first needed and never freed: the table is as large as the largest
/// number of simultaneous waits has been.
static TABLE: [AtomicPtr<Chunk>; CHUNKS] = [const { AtomicPtr::new(ptr::null_mut()) }; CHUNKS];
static POOL: Mutex<Pool> = Mutex::new(Pool {
    free: Vec::new(),
    chunks: 0,
});

struct Pool {
    free: Vec<Place>,
    chunks: usize,
}

impl Pool {
    fn grow(&mut self) {
        assert!(
            self.chunks < CHUNKS,
            "more than {} pending waits",
            CHUNK * CHUNKS
        );
        let chunk: Box<Chunk> = Box::new([const { Cell::new() }; CHUNK]);
        // Ordering: pairs with the Acquire load in `cell` and `for_each`.
        TABLE[self.chunks].store(Box::leak(chunk), Ordering::Release);
        let first = self.chunks * CHUNK;
        let fresh = |index| Place {
            index: index as u32,
            sequence: 0,
        };
        self.free.extend((first..first + CHUNK).rev().map(fresh));
        self.chunks += 1;
    }
}

#[inline]
fn cell(index: u32) -> &'static Cell {
    let index = index as usize;
    // Ordering: pairs with the Release store in `Pool::grow`.
    let chunk = TABLE[index / CHUNK].load(Ordering::Acquire);
    // SAFETY: indices come from `Pool::grow`, which stored the leaked chunk before handing out
    // its indices.
    let chunk: &'static Chunk = unsafe { &*chunk };
    &chunk[index % CHUNK]
}

const CACHE: usize = 64;

/// Free cells of this thread; those of a thread that ends go back to the pool.
struct Cache(Vec<Place>);

impl Drop for Cache {
    fn drop(&mut self) {
        POOL.lock().free.append(&mut self.0);
    }
}

thread_local! {
    static FREE: std::cell::RefCell<Cache> = const { std::cell::RefCell::new(Cache(Vec::new())) };
}

#[inline]
fn allocate() -> Place {
    let kept = FREE.try_with(|free| free.borrow_mut().0.pop());
    match kept {
        Ok(Some(place)) => place,
        _ => allocate_more(),
    }
}

#[cold]
fn allocate_more() -> Place {
    FREE.try_with(|free| {
        let mut free = free.borrow_mut();
        let mut pool = POOL.lock();
        if pool.free.len() < CACHE {
            pool.grow();
        }
        let keep = pool.free.len() - CACHE;
        free.0.extend(pool.free.drain(keep..));
        free.0.pop().expect("a batch was just taken")
    })
    .unwrap_or_else(|_| {
        // The thread's locals are being destroyed.
        let mut pool = POOL.lock();
        if pool.free.is_empty() {
            pool.grow();
        }
        pool.free.pop().expect("the pool has just grown")
    })
}

#[inline]
fn release(place: Place) {
    let kept = FREE.try_with(|free| {
        let mut free = free.borrow_mut();
        let has_room = free.0.len() < free.0.capacity().min(2 * CACHE);
        if has_room {
            free.0.push(place);
        }
        has_room
    });
    if kept != Ok(true) {
        release_beyond(place);
    }
}

/// With no room in the cache of this thread, or after the end of its locals.
#[cold]
fn release_beyond(place: Place) {
    let kept = FREE.try_with(|free| {
        let mut free = free.borrow_mut();
        free.0.push(place);
        if free.0.len() >= 2 * CACHE {
            let keep = free.0.len() - CACHE;
            POOL.lock().free.extend(free.0.drain(keep..));
        }
    });
    if kept.is_err() {
        POOL.lock().free.push(place);
    }
}

/// Calls `f` with every note that says something.
#[cfg(test)]
pub(crate) fn for_each(mut f: impl FnMut(NoteView)) {
    for chunk in &TABLE {
        // Ordering: pairs with the Release store in `Pool::grow`.
        let chunk = chunk.load(Ordering::Acquire);
        if chunk.is_null() {
            break;
        }
        // SAFETY: non-null entries of the table are leaked chunks, initialised before the
        // Release store.
        let chunk: &'static Chunk = unsafe { &*chunk };
        chunk.iter().filter_map(Cell::read).for_each(&mut f);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static LOCK: WaitPoint = WaitPoint::new("mutex", "lock");

    fn notes_of(task: u64) -> Vec<NoteView> {
        let mut found = Vec::new();
        for_each(|note| {
            if note.task == task {
                found.push(note);
            }
        });
        found
    }

    fn polling(task: u64, poll: u32) -> current::Restore {
        current::Restore::enter(current::Current {
            task,
            poll,
            began: 40 + u64::from(poll),
            spawned: true,
            outside: current::Outside::Thread,
        })
    }

    #[test]
    fn note_is_visible_while_set_and_gone_when_dropped() {
        let task = u64::MAX - 1;
        let mut note = WaitNote::new();
        let _polling = polling(task, 1);
        note.set(&LOCK, ptr::null::<()>(), Some(Location::caller()));
        let seen = notes_of(task);
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].point, &LOCK);
        assert_eq!(seen[0].since, 41);
        assert_eq!(seen[0].location.map(Location::file), Some(file!()));
        drop(note);
        assert!(notes_of(task).is_empty());
    }

    #[test]
    fn repeated_set_keeps_the_beginning_and_marks_the_latest_poll() {
        let task = u64::MAX - 2;
        let mut note = WaitNote::new();
        for poll in 1..=3 {
            let _polling = polling(task, poll);
            note.set(&LOCK, ptr::null::<()>(), None);
        }
        let seen = notes_of(task);
        assert_eq!((seen[0].since, seen[0].poll), (41, 3));
    }

    #[test]
    fn set_outside_of_a_task_says_nothing() {
        let before = notes_of(0).len();
        let mut note = WaitNote::new();
        note.set(&LOCK, ptr::null::<()>(), None);
        assert_eq!(note.place.index, NONE);
        assert_eq!(notes_of(0).len(), before);
    }

    #[test]
    fn note_moved_to_another_task_changes_its_owner() {
        let (first, second) = (u64::MAX - 3, u64::MAX - 4);
        let mut note = WaitNote::new();
        {
            let _polling = polling(first, 1);
            note.set(&LOCK, ptr::null::<()>(), None);
        }
        let _polling = polling(second, 9);
        note.set(&LOCK, ptr::null::<()>(), None);
        assert!(notes_of(first).is_empty());
        assert_eq!(notes_of(second)[0].since, 49);
    }
}
