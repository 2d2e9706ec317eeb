//! Looking at all tasks, a slice at a time, and at a few of them again.
//!
//! A [`TaskScan`] goes once through the records. What it needs of memory does not depend on how many
//! tasks there are: each goes by, and whoever looks keeps what it wants, by its [`TaskPlace`].
//! [`tasks_at`] looks at such tasks again, for what a look at these few costs.
//!
//! Of a task that goes by, what is in its record is read as it is, without a write to it: that is
//! meant for sums and for putting tasks in order. [`LiveTask::snapshot`] tells all, of one moment.
//!
//! What holds: a task that lives from the beginning of a scan to its end goes by exactly once. Tasks
//! that are spawned or end meanwhile may or may not. Slices are of different moments, so what is
//! added up over several slices is of none; durations end at the beginning of the scan.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

use super::capture::{Notes, TaskContext, finished_by_site, future_bytes_of, told_of_sites};
use super::record_table::RecordTable;
use super::snapshot::*;
use super::task_record::{Counts, TaskRecord};
use super::waits::NotePlaces;
use super::{SharedSites, SiteTotals, clock};
use crate::runtime::Handle;
use crate::scheduler::Shared;

/// The longest that a spawn may take until its record is there.
const SPAWNED_WITHIN_NS: u64 = 1_000_000_000;

/// One look at all live tasks of a runtime. See the [telemetry module](super).
pub struct TaskScan {
    handle: Handle,
    slots: Range<u32>,
    /// When it began, in ticks.
    now: u64,
    notes: Notes,
    sites: Option<SiteScan>,
}

/// What is added up of spawn sites.
struct SiteScan {
    totals: SharedSites,
    alive: HashMap<&'static Location<'static>, u64>,
    /// Of the latest task: mostly the next is of the same site.
    run: Option<Run>,
    /// Tasks from before that stamp have told the size of their futures.
    sized_until: u64,
}

struct Run {
    site: &'static Location<'static>,
    totals: SiteTotals,
    alive: u64,
}

impl std::fmt::Debug for TaskScan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskScan")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl TaskScan {
    /// Begins with the first task. Nothing is looked at yet.
    pub fn new(handle: &Handle) -> TaskScan {
        TaskScan {
            handle: handle.clone(),
            slots: handle.shared().records().slots(),
            now: clock::raw(),
            notes: Notes::default(),
            sites: None,
        }
    }

    /// Snapshots of the tasks are to say what they wait for. That takes a look at everything in the
    /// process that is waited for, and some twenty bytes for each.
    pub fn with_waits(self) -> TaskScan {
        let notes = Notes::of(|_| true);
        TaskScan { notes, ..self }
    }

    /// The spawn sites are to be told at the end.
    pub fn with_spawn_sites(self) -> TaskScan {
        let shared = &**self.handle.shared();
        // The finished before the live: see `capture.rs`.
        let sites = SiteScan {
            totals: finished_by_site(shared),
            alive: HashMap::new(),
            run: None,
            // One from the future is of a counter that has begun anew since.
            sized_until: Some(shared.elsewhere.sites_sized_until.get())
                .filter(|until| *until <= self.now)
                .unwrap_or(0),
        };
        TaskScan {
            sites: Some(sites),
            ..self
        }
    }

    /// Looks at the next `records` places where tasks may be, and has `visit` called with each task
    /// there. True: that was not all.
    pub fn step(&mut self, records: usize, mut visit: impl FnMut(&LiveTask<'_>)) -> bool {
        let shared = &**self.handle.shared();
        let context = TaskContext::as_of(self.now, shared, &self.notes);
        for slot in self.slots.by_ref().take(records) {
            let Some((id, record)) = shared.records().live(slot) else {
                continue;
            };
            let task = LiveTask {
                context: &context,
                record,
                place: TaskPlace { id, slot },
            };
            if let Some(sites) = &mut self.sites {
                sites.add(&task);
            }
            visit(&task);
        }
        !self.slots.is_empty()
    }

    /// Places that are still to be looked at.
    pub fn left(&self) -> usize {
        self.slots.len()
    }

    /// What was asked for beside the tasks, of those that went by.
    pub fn finish(self) -> Scanned {
        let shared = &**self.handle.shared();
        let is_over = self.slots.is_empty();
        let spawn_sites = self.sites.map_or_else(Vec::new, |mut sites| {
            sites.end_run();
            let told = told_of_sites(shared, sites.totals, &sites.alive);
            if is_over {
                let until = self
                    .now
                    .saturating_sub(clock::ns_to_ticks(SPAWNED_WITHIN_NS));
                shared.elsewhere.sites_sized_until.raise_to(until);
            }
            told
        });
        Scanned {
            spawn_sites,
            permits: self.notes.permits(),
        }
    }
}

impl SiteScan {
    fn add(&mut self, task: &LiveTask<'_>) {
        let record = task.record;
        if record.kind() == TaskKind::BlockOn {
            return;
        }
        let site = record.location();
        let counts = task.counts();
        let created = record.created.get();
        let future_bytes = if created >= self.sized_until {
            task.future_bytes()
        } else {
            0
        };
        if !task.is_there() {
            return;
        }
        if !matches!(&self.run, Some(run) if std::ptr::eq(run.site, site)) {
            self.end_run();
        }
        let run = self.run.get_or_insert_with(|| Run {
            site,
            totals: SiteTotals::default(),
            alive: 0,
        });
        run.alive += 1;
        run.totals.add(&SiteTotals {
            polls: counts.polls,
            busy: counts.busy,
            scheduled: counts.scheduled,
            longest_poll: counts.longest_poll,
            future_bytes,
            ..SiteTotals::default()
        });
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.totals.entry(run.site).or_default().add(&run.totals);
            *self.alive.entry(run.site).or_default() += run.alive;
        }
    }
}

/// A task that goes by in a [`TaskScan`]. Its figures are as they are in its record at the moment: a
/// poll or a wait that goes on is only in its [`snapshot`](LiveTask::snapshot).
pub struct LiveTask<'a> {
    context: &'a TaskContext<'a>,
    record: &'a TaskRecord,
    place: TaskPlace,
}

impl std::fmt::Debug for LiveTask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LiveTask").field(&self.place).finish()
    }
}

impl LiveTask<'_> {
    /// Where to find it again.
    pub fn place(&self) -> TaskPlace {
        self.place
    }

    /// What sort of task it is.
    pub fn kind(&self) -> TaskKind {
        self.record.kind()
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.record.location()
    }

    /// How old it is.
    pub fn age_ns(&self) -> u64 {
        let now = self.context.now();
        clock::ticks_to_ns(now.saturating_sub(self.record.created.get()))
    }

    /// Times it was polled.
    pub fn polls(&self) -> u64 {
        self.counts().polls
    }

    /// Time being polled, a poll that went on when the slice began included.
    pub fn busy_ns(&self) -> u64 {
        let since = match self.record.is_running() {
            // 0: that poll is being counted.
            true => Some(self.record.stamp()).filter(|stamp| *stamp != 0),
            // One that has ended since is counted.
            false => {
                let since = self.context.running_since(self.place.id);
                since.filter(|since| self.record.stamp() <= *since)
            }
        };
        let now = self.context.now();
        let current = since.map_or(0, |since| now.saturating_sub(since));
        clock::ticks_to_ns(self.counts().busy + current)
    }

    /// All about it at one moment. `None`: it has ended.
    pub fn snapshot(&self) -> Option<TaskSnapshot> {
        let pin = self.context.shared().records().pin_live(self.place.slot)?;
        if pin.record().id.get() != self.place.id {
            return None;
        }
        self.context.task(&pin)
    }

    /// One that is in its first poll has been polled once.
    fn counts(&self) -> Counts {
        let mut counts = self.record.counts();
        if counts.polls == 0 {
            let records = self.context.shared().records();
            let pin = records.pin_live(self.place.slot);
            let same = |pin: &super::record_table::Pin<'_>| pin.record().id.get() == self.place.id;
            counts = pin
                .filter(same)
                .map_or(counts, |pin| super::capture::counts(&pin));
        }
        counts
    }

    fn future_bytes(&self) -> u64 {
        let records = self.context.shared().records();
        let pin = records.pin_live(self.place.slot);
        pin.and_then(|pin| future_bytes_of(&pin)).unwrap_or(0)
    }

    /// Whether what has been read since was this task's.
    fn is_there(&self) -> bool {
        // Ordering: keeps the loads before it before that of the id, which is never used again.
        fence(Ordering::Acquire);
        self.record.id.get() == self.place.id
    }
}

impl Shared {
    /// The live tasks of these places, with what they wait for.
    fn tasks_at(&self, places: &[TaskPlace], notes: &Notes) -> Vec<TaskSnapshot> {
        let context = TaskContext::new(self, notes);
        let records: &RecordTable = self.records();
        let task = |place: &TaskPlace| {
            let pin = records.pin_live(place.slot)?;
            if pin.record().id.get() != place.id {
                return None;
            }
            context.task(&pin)
        };
        places.iter().filter_map(task).collect()
    }
}

/// Looks at tasks that a [`TaskScan`] of this runtime came by, as far as they live. In the order of
/// the places; who took permits of what they wait for comes with them.
///
/// Where their wait notes are it knows from `book`, and so need not look at all that is waited for in
/// the process; how far that is right is told at [`WaitBook`].
pub fn tasks_at(handle: &Handle, places: &[TaskPlace], book: &mut WaitBook) -> TasksSeen {
    if places.is_empty() {
        return TasksSeen::default();
    }
    let ids: HashSet<u64> = places.iter().map(|place| place.id).collect();
    let notes = Notes::in_index(book.places.notes_of(&ids, Instant::now()));
    TasksSeen {
        tasks: handle.shared().tasks_at(places, &notes),
        permits: notes.permits(),
    }
}

/// What is known of where wait notes are, from one look to the next.
///
/// The notes of a task are found by a look at all notes in the process. That takes milliseconds where
/// there are a million of them. So of tasks that the book was [renewed](WaitBook::renew) for only
/// those places are looked at where something changed within the last seconds, and those where notes of
/// the same tasks were. There a new wait is found at once; one in a place where nothing had
/// changed for so long is found when the book is renewed again. Where there are few notes, and for
/// other tasks, all are looked at.
#[derive(Debug, Default)]
pub struct WaitBook {
    places: NotePlaces,
}

impl WaitBook {
    /// An empty one.
    pub fn new() -> WaitBook {
        WaitBook::default()
    }

    /// Looks at all notes, for those of these tasks.
    pub fn renew(&mut self, tasks: impl IntoIterator<Item = u64>) {
        self.places
            .renew(tasks.into_iter().collect(), Instant::now());
    }
}

/// A second look at all live tasks, for how they are related to some of them. As [`TaskScan`], it can be
/// taken in slices.
#[derive(Debug)]
pub struct RelationScan {
    handle: Handle,
    slots: Range<u32>,
    found: TaskRelations,
    named: HashSet<u64>,
}

impl RelationScan {
    /// For the children of `parents`, and for names and places of `named`.
    pub fn new(
        handle: &Handle,
        parents: impl IntoIterator<Item = u64>,
        named: impl IntoIterator<Item = u64>,
    ) -> RelationScan {
        let found = TaskRelations {
            children: parents.into_iter().map(|id| (id, 0)).collect(),
            ..TaskRelations::default()
        };
        let named: HashSet<u64> = named.into_iter().collect();
        let slots = match found.children.is_empty() && named.is_empty() {
            true => 0..0,
            false => handle.shared().records().slots(),
        };
        RelationScan {
            handle: handle.clone(),
            slots,
            found,
            named,
        }
    }

    /// As [`TaskScan::step`].
    pub fn step(&mut self, records: usize) -> bool {
        let table = self.handle.shared().records();
        for slot in self.slots.by_ref().take(records) {
            let Some((id, record)) = table.live(slot) else {
                continue;
            };
            let parent = record.parent.get();
            if parent != 0
                && let Some(children) = self.found.children.get_mut(&parent)
            {
                *children += 1;
            }
            if self.named.contains(&id) {
                self.found.places.push(TaskPlace { id, slot });
                let pin = table.pin_live(slot);
                let pin = pin.filter(|pin| pin.record().id.get() == id);
                if let Some(name) = pin.and_then(|pin| pin.name()) {
                    self.found.names.insert(id, name);
                }
            }
        }
        !self.slots.is_empty()
    }

    /// As [`TaskScan::left`].
    pub fn left(&self) -> usize {
        self.slots.len()
    }

    /// What was found so far.
    pub fn finish(self) -> TaskRelations {
        self.found
    }
}
