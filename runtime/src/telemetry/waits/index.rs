//! Which notes are those of which task.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{CHUNK, Chunk, NoteView, TABLE, cell};

/// Notes by their task: where they are, not what they say.
#[derive(Debug, Default)]
pub(crate) struct NoteIndex {
    /// Task and cell, sorted.
    cells: Vec<(u64, u32)>,
}

impl NoteIndex {
    /// Of the tasks that `is_wanted`.
    pub(crate) fn of(mut is_wanted: impl FnMut(u64) -> bool) -> NoteIndex {
        let mut cells = Vec::new();
        for (number, chunk) in chunks() {
            collect(number, chunk, &mut is_wanted, &mut cells);
        }
        NoteIndex::sorted(cells)
    }

    fn sorted(mut cells: Vec<(u64, u32)>) -> NoteIndex {
        cells.sort_unstable();
        cells.dedup();
        NoteIndex { cells }
    }

    /// Where the notes of a task are.
    pub(crate) fn of_task(&self, task: u64) -> impl Iterator<Item = NotePlace> {
        let first = self.cells.partition_point(|(of, _)| *of < task);
        let cells = self.cells[first..].iter();
        cells
            .take_while(move |(of, _)| *of == task)
            .map(|&(task, index)| NotePlace { task, index })
    }

    /// What all of them say now.
    pub(crate) fn views(&self) -> impl Iterator<Item = NoteView> {
        let place = |&(task, index): &(u64, u32)| NotePlace { task, index };
        self.cells
            .iter()
            .map(place)
            .filter_map(|place| place.read())
    }
}

/// Where a note of a task is, or was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NotePlace {
    task: u64,
    index: u32,
}

impl NotePlace {
    /// What it says now, if it is still the task's.
    pub(crate) fn read(self) -> Option<NoteView> {
        let note = cell(self.index).read();
        note.filter(|note| note.task == self.task)
    }
}

/// The chunks that there are, with their numbers.
fn chunks() -> impl Iterator<Item = (usize, &'static Chunk)> {
    let chunk = |number: usize| {
        // Ordering: pairs with the Release store in `Pool::grow`.
        let chunk = TABLE[number].load(Ordering::Acquire);
        // SAFETY: null, or a leaked chunk, initialised before the Release store.
        unsafe { chunk.as_ref() }
    };
    (0..TABLE.len()).map_while(move |number| Some((number, chunk(number)?)))
}

/// The cells of a chunk whose tasks are wanted. The answer grows with each note written in the chunk.
fn collect(
    number: usize,
    chunk: &Chunk,
    mut is_wanted: impl FnMut(u64) -> bool,
    into: &mut Vec<(u64, u32)>,
) -> u32 {
    let mut written = 0_u32;
    for (at, cell) in chunk.iter().enumerate() {
        let task = cell.task.load(Ordering::Relaxed);
        written = written.wrapping_add(cell.sequence.load(Ordering::Relaxed));
        if task != 0 && is_wanted(task) {
            into.push((task, (number * CHUNK + at) as u32));
        }
    }
    written
}

/// Chunks that are looked at each time, if there are no more.
const FEW: usize = 16;

/// How long a chunk is looked at each time after something was written in it.
const LIVELY: Duration = Duration::from_secs(3);

/// Where notes of some tasks were, and where some were written of late.
#[derive(Debug, Default)]
pub(crate) struct NotePlaces {
    tasks: HashSet<u64>,
    cells: Vec<(u64, u32)>,
    chunks: Vec<ChunkSeen>,
}

#[derive(Debug)]
struct ChunkSeen {
    /// What [`collect`] gave at the last look at it.
    written: u32,
    /// When that was last something new.
    changed: Option<Instant>,
}

impl ChunkSeen {
    fn is_lively(&self, now: Instant) -> bool {
        let since = |at| now.saturating_duration_since(at);
        self.changed.is_some_and(|at| since(at) < LIVELY)
    }
}

impl NotePlaces {
    /// Looks at all notes, for those of these tasks.
    pub(crate) fn renew(&mut self, tasks: HashSet<u64>, now: Instant) {
        self.tasks = tasks;
        let mut cells = Vec::new();
        let is_first = self.chunks.is_empty();
        for (number, chunk) in chunks() {
            let written = collect(number, chunk, |task| self.tasks.contains(&task), &mut cells);
            match self.chunks.get_mut(number) {
                Some(seen) if seen.written == written => {}
                Some(seen) => {
                    seen.written = written;
                    seen.changed = Some(now);
                }
                None => self.chunks.push(ChunkSeen {
                    written,
                    changed: (!is_first).then_some(now),
                }),
            }
        }
        self.cells = cells;
    }

    /// The notes of these tasks.
    pub(crate) fn notes_of(&mut self, tasks: &HashSet<u64>, now: Instant) -> NoteIndex {
        let is_wanted = |task: u64| tasks.contains(&task);
        let is_few = chunks().nth(FEW).is_none();
        if is_few || !tasks.is_subset(&self.tasks) {
            return NoteIndex::of(is_wanted);
        }
        let mut found = Vec::new();
        // Chunks that came since are lively, too.
        let is_lively = |number: usize| {
            let seen = self.chunks.get(number);
            seen.is_none_or(|seen| seen.is_lively(now))
        };
        for (number, chunk) in chunks().filter(|(number, _)| is_lively(*number)) {
            collect(number, chunk, is_wanted, &mut found);
        }
        self.cells.extend(&found);
        self.cells.sort_unstable();
        self.cells.dedup();
        // Cells that became another task's are told apart when they are read; they are let go of here.
        self.cells
            .retain(|(task, index)| cell(*index).task.load(Ordering::Relaxed) == *task);
        let cells = self.cells.iter().copied();
        NoteIndex::sorted(cells.filter(|(task, _)| is_wanted(*task)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::current;
    use super::super::{WaitNote, WaitPoint};
    use super::*;
    use std::ptr;

    static LOCK: WaitPoint = WaitPoint::new("mutex", "lock");

    fn set(note: &mut WaitNote, task: u64) {
        let _polling = current::Restore::enter(current::Current {
            task,
            poll: 1,
            began: 7,
            spawned: true,
            outside: current::Outside::Thread,
        });
        note.set(&LOCK, ptr::null::<()>(), None);
    }

    fn note_of(task: u64) -> WaitNote {
        let mut note = WaitNote::new();
        set(&mut note, task);
        note
    }

    /// More notes than are looked at each time, and the chunk of the next one.
    fn crowd(task: u64) -> Vec<WaitNote> {
        let crowd = (0..(FEW + 2) * CHUNK).map(|_| note_of(task)).collect();
        next_place();
        crowd
    }

    fn found(places: &mut NotePlaces, task: u64, now: Instant) -> usize {
        let index = places.notes_of(&HashSet::from([task]), now);
        let ours = index.of_task(task).filter_map(NotePlace::read);
        ours.count()
    }

    /// The chunk of the cell that this thread's next note gets.
    fn next_place() -> usize {
        note_of(1).place.index as usize / CHUNK
    }

    #[test]
    fn of_many_notes_new_ones_are_found_at_once_in_lively_places_and_else_at_the_renewal() {
        let _crowd = crowd(u64::MAX - 100);
        let [a, b] = [u64::MAX - 101, u64::MAX - 102];
        let (mut places, begin) = (NotePlaces::default(), Instant::now());
        let after = |seconds| begin + Duration::from_secs(seconds);
        places.renew(HashSet::from([a, b]), begin);
        let first = note_of(a);
        assert_eq!(found(&mut places, a, begin), 0, "its place is at rest");
        places.renew(HashSet::from([a, b]), after(1));
        assert_eq!(found(&mut places, a, after(1)), 1);
        let chunk = first.place.index as usize / CHUNK;
        drop(first);
        assert_eq!(found(&mut places, a, after(1)), 0, "it is over");
        assert_eq!(next_place(), chunk);
        let _second = note_of(b);
        assert_eq!(found(&mut places, b, after(9)), 0, "long at rest again");
        assert_eq!(found(&mut places, b, after(2)), 1, "just now lively");
        assert_eq!(found(&mut places, b, after(9)), 1, "known since");
    }

    #[test]
    fn a_note_that_is_set_again_where_it_was_is_found_without_a_renewal() {
        let _crowd = crowd(u64::MAX - 110);
        let task = u64::MAX - 111;
        let mut note = note_of(task);
        let (mut places, now) = (NotePlaces::default(), Instant::now());
        places.renew(HashSet::from([task]), now);
        note.clear();
        assert_eq!(found(&mut places, task, now), 0);
        set(&mut note, task);
        places.renew(HashSet::from([task]), now);
        assert_eq!(found(&mut places, task, now), 1);
        set(&mut note, u64::MAX - 112);
        assert_eq!(found(&mut places, task, now), 0, "it is another task's");
    }

    #[test]
    fn notes_of_tasks_that_the_book_does_not_know_are_found_by_a_look_at_all() {
        let _crowd = crowd(u64::MAX - 120);
        let [a, b] = [u64::MAX - 121, u64::MAX - 122];
        let (mut places, now) = (NotePlaces::default(), Instant::now());
        places.renew(HashSet::from([a]), now);
        let _notes = [note_of(b), note_of(b)];
        assert_eq!(found(&mut places, b, now), 2);
    }
}
