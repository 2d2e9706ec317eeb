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

    /// What the notes of a task say now, of those that are still its.
    pub(crate) fn of_task(&self, task: u64) -> impl Iterator<Item = NoteView> {
        let first = self.cells.partition_point(|(of, _)| *of < task);
        let cells = self.cells[first..].iter();
        cells
            .take_while(move |(of, _)| *of == task)
            .filter_map(|place| read(*place))
    }

    /// What all of them say now.
    pub(crate) fn views(&self) -> impl Iterator<Item = NoteView> {
        self.cells.iter().filter_map(|place| read(*place))
    }
}

fn read((task, index): (u64, u32)) -> Option<NoteView> {
    cell(index).read().filter(|note| note.task == task)
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
    fn is_lively(&self) -> bool {
        self.changed.is_some_and(|at| at.elapsed() < LIVELY)
    }
}

impl NotePlaces {
    /// Looks at all notes, for those of these tasks.
    pub(crate) fn renew(&mut self, tasks: HashSet<u64>) {
        self.tasks = tasks;
        let mut cells = Vec::new();
        let is_first = self.chunks.is_empty();
        for (number, chunk) in chunks() {
            let written = collect(number, chunk, |task| self.tasks.contains(&task), &mut cells);
            match self.chunks.get_mut(number) {
                Some(seen) if seen.written == written => {}
                Some(seen) => {
                    seen.written = written;
                    seen.changed = Some(Instant::now());
                }
                None => self.chunks.push(ChunkSeen {
                    written,
                    changed: (!is_first).then(Instant::now),
                }),
            }
        }
        self.cells = cells;
    }

    /// The notes of these tasks.
    pub(crate) fn notes_of(&mut self, tasks: &HashSet<u64>) -> NoteIndex {
        let is_wanted = |task: u64| tasks.contains(&task);
        let is_few = chunks().nth(FEW).is_none();
        if is_few || !tasks.is_subset(&self.tasks) {
            return NoteIndex::of(is_wanted);
        }
        let mut found = Vec::new();
        // Chunks that came since are lively, too.
        let is_lively = |number: usize| self.chunks.get(number).is_none_or(ChunkSeen::is_lively);
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
