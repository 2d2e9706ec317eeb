//! The ranking pass: one look at all tasks, in slices, for all viewers that wait for one.
//!
//! It finds out what only a look at all tasks can tell: which tasks are the rows of each viewer's window,
//! how many pass its filter, the spawn sites' totals, how the rows are related to other tasks, and, for
//! those who ask, what tasks wait for. The rows' own figures are read again with each update.
//!
//! Memory: places of tasks up to each window's end, and [`MAX_KEPT`] tasks if somebody asks what tasks
//! wait for. The time between two slices is the sampler's business.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::{
    CaptureOptions, PermitsSnapshot, RelationScan, Snapshot, SpawnSiteSnapshot, TaskPlace,
    TaskRelations, TaskScan, TaskSnapshot, WaitBook, tasks_at,
};

use super::query::Query;
use super::query::window::{Told, Window};
use crate::encode::{self, Waits};

/// Tasks whose waits are told. With more tasks than that, of those that wait the first ones.
const MAX_KEPT: usize = 20_000;

/// Records between two looks at the time.
const UNTIMED: usize = 512;

/// What a pass has found in one runtime.
#[derive(Debug)]
pub(super) struct Ranked {
    pub(super) runtime_id: u64,
    pub(super) spawn_sites: Vec<SpawnSiteSnapshot>,
    relations: Arc<TaskRelations>,
    /// If somebody asks for it.
    waits: Option<Arc<Waits>>,
    /// One a query, in their order.
    pub(super) rankings: Vec<Ranking>,
}

/// The rows of one query.
#[derive(Debug, Clone, Default)]
pub(super) struct Ranking {
    pub(super) places: Vec<TaskPlace>,
    pub(super) matching: usize,
    /// Of the same pass: a later one that looks for other rows has those of its own.
    pub(super) relations: Arc<TaskRelations>,
    pub(super) waits: Option<Arc<Waits>>,
}

/// A pass that is under way.
pub(super) struct Pass {
    pub(super) began: Instant,
    /// In slices so far.
    pub(super) spent: Duration,
    queries: Vec<Arc<Query>>,
    to_come: VecDeque<(u64, Handle)>,
    current: Option<InRuntime>,
    pub(super) found: Vec<Ranked>,
}

/// The pass in one runtime.
struct InRuntime {
    id: u64,
    handle: Handle,
    windows: Vec<Window>,
    kept: Option<Kept>,
    permits: Vec<PermitsSnapshot>,
    spawn_sites: Vec<SpawnSiteSnapshot>,
    rankings: Vec<Ranking>,
    phase: Phase,
}

enum Phase {
    Rank(TaskScan),
    Relate(RelationScan),
}

/// The tasks of which it is told what they wait for.
#[derive(Default)]
struct Kept {
    tasks: Vec<TaskSnapshot>,
    /// Those that do not wait are not among them.
    is_partial: bool,
    left_off: u64,
}

impl Kept {
    fn add(&mut self, task: TaskSnapshot) {
        if self.is_partial && task.waits.is_empty() {
            return;
        }
        if self.tasks.len() >= MAX_KEPT && !self.is_partial {
            self.is_partial = true;
            self.tasks.retain(|task| !task.waits.is_empty());
            return self.add(task);
        }
        if self.tasks.len() >= MAX_KEPT {
            self.left_off += 1;
        } else {
            self.tasks.push(task);
        }
    }

    /// Tasks that hold up others and are not kept themselves.
    fn missing(&self, permits: &[PermitsSnapshot]) -> HashSet<u64> {
        if !self.is_partial {
            return HashSet::new();
        }
        let holders = self.tasks.iter().flat_map(|task| &task.waits);
        let holders = holders.filter_map(|wait| wait.holder);
        let takers = permits.iter().flat_map(|permits| &permits.acquired_by);
        let mut missing: HashSet<u64> = holders.chain(takers.map(|taker| taker.task)).collect();
        for task in &self.tasks {
            missing.remove(&task.id);
        }
        missing
    }
}

impl Pass {
    pub(super) fn new(
        began: Instant,
        queries: Vec<Arc<Query>>,
        runtimes: Vec<(u64, Handle)>,
    ) -> Pass {
        Pass {
            began,
            spent: Duration::ZERO,
            queries,
            to_come: runtimes.into(),
            current: None,
            found: Vec::new(),
        }
    }

    /// Looks at `records` records, about, but not for longer than that, about. True: the pass is over.
    pub(super) fn step(&mut self, records: usize, time: Duration, book: &mut WaitBook) -> bool {
        let began = Instant::now();
        let mut left = records;
        // A few records are looked at however long it takes.
        while left > 0 && (records - left < UNTIMED || began.elapsed() < time) {
            let Some(mut current) = self.current.take() else {
                let Some((id, handle)) = self.to_come.pop_front() else {
                    break;
                };
                self.current = Some(InRuntime::new(id, handle, &self.queries));
                continue;
            };
            left = left.saturating_sub(current.step(left.min(UNTIMED), &self.queries));
            self.current = match current.is_phase_over() {
                false => Some(current),
                true => match current.next_phase(&self.queries, &self.found, book) {
                    Ok(current) => Some(current),
                    Err(ranked) => {
                        self.found.push(*ranked);
                        None
                    }
                },
            };
        }
        self.spent += began.elapsed();
        self.current.is_none() && self.to_come.is_empty()
    }

    /// Whether a query's rows are looked for.
    pub(super) fn includes(&self, query: &Arc<Query>) -> bool {
        self.queries.iter().any(|q| Arc::ptr_eq(q, query))
    }

    /// The query's rows in the runtimes, and what was found of all their tasks.
    pub(super) fn take_rankings(&mut self, query: &Arc<Query>) -> Vec<(u64, Ranking)> {
        let at = self.queries.iter().position(|q| Arc::ptr_eq(q, query));
        let ranking = |ranked: &mut Ranked| {
            let found = std::mem::take(ranked.rankings.get_mut(at?)?);
            let ranking = Ranking {
                relations: Arc::clone(&ranked.relations),
                waits: ranked.waits.clone(),
                ..found
            };
            Some((ranked.runtime_id, ranking))
        };
        self.found.iter_mut().filter_map(ranking).collect()
    }
}

impl InRuntime {
    fn new(id: u64, handle: Handle, queries: &[Arc<Query>]) -> InRuntime {
        let mut scan = TaskScan::new(&handle).with_spawn_sites();
        if queries.iter().any(|query| query.reads_waits()) {
            scan = scan.with_waits();
        }
        let wants_waits = queries.iter().any(|query| query.wants_waits());
        InRuntime {
            id,
            handle,
            windows: queries.iter().map(|_| Window::default()).collect(),
            kept: wants_waits.then(Kept::default),
            permits: Vec::new(),
            spawn_sites: Vec::new(),
            rankings: Vec::new(),
            phase: Phase::Rank(scan),
        }
    }

    /// Looks at so many records at most; the answer is at how many.
    fn step(&mut self, records: usize, queries: &[Arc<Query>]) -> usize {
        match &mut self.phase {
            Phase::Rank(scan) => {
                let before = scan.left();
                let now_ns = zokio::telemetry::now_ns();
                let mut filters: Vec<_> = queries.iter().map(|q| q.matcher(now_ns)).collect();
                let (windows, kept) = (&mut self.windows, &mut self.kept);
                scan.step(records, |task| {
                    let mut told = Told::new(task);
                    for ((window, query), filter) in
                        windows.iter_mut().zip(queries).zip(&mut filters)
                    {
                        window.offer(query, filter, &mut told);
                    }
                    if let Some(kept) = kept
                        && let Some(task) = told.into_snapshot()
                    {
                        kept.add(task);
                    }
                });
                before - scan.left()
            }
            Phase::Relate(scan) => {
                let before = scan.left();
                scan.step(records);
                before - scan.left()
            }
        }
    }

    fn is_phase_over(&self) -> bool {
        match &self.phase {
            Phase::Rank(scan) => scan.left() == 0,
            Phase::Relate(scan) => scan.left() == 0,
        }
    }

    /// Goes on to the next phase; `Err`: it was the last.
    fn next_phase(
        mut self,
        queries: &[Arc<Query>],
        before: &[Ranked],
        book: &mut WaitBook,
    ) -> Result<InRuntime, Box<Ranked>> {
        match self.phase {
            Phase::Rank(scan) => {
                let scanned = scan.finish();
                (self.spawn_sites, self.permits) = (scanned.spawn_sites, scanned.permits);
                let windows = self.windows.drain(..).zip(queries);
                self.rankings = windows
                    .map(|(window, query)| {
                        let (places, matching) = window.finish(query);
                        Ranking {
                            places,
                            matching,
                            ..Ranking::default()
                        }
                    })
                    .collect();
                let rankings = before.iter().flat_map(|ranked| &ranked.rankings);
                let rankings = rankings.chain(&self.rankings);
                book.renew(rankings.flat_map(|r| &r.places).map(|place| place.id));
                let missing = self.kept.as_ref().map(|kept| kept.missing(&self.permits));
                let missing = missing.unwrap_or_default();
                let phase = Phase::Relate(relate(&self.handle, &self.rankings, missing, book));
                Ok(InRuntime { phase, ..self })
            }
            Phase::Relate(scan) => {
                let relations = Arc::new(scan.finish());
                let waits = self.kept.map(|mut kept| {
                    let missing = kept.missing(&self.permits);
                    let mut places = relations.places.clone();
                    places.retain(|place| missing.contains(&place.id));
                    let holders = tasks_at(&self.handle, &places, &mut WaitBook::new());
                    let is_partial = kept.is_partial;
                    kept.tasks.extend(holders.tasks);
                    Arc::new(encode::waits(
                        &kept.tasks,
                        &self.permits,
                        is_partial,
                        kept.left_off,
                    ))
                });
                Err(Box::new(Ranked {
                    runtime_id: self.id,
                    spawn_sites: self.spawn_sites,
                    relations,
                    waits,
                    rankings: self.rankings,
                }))
            }
        }
    }
}

/// Children of the rows, and names of those that woke them, of long polls' tasks and of `others`.
fn relate(
    handle: &Handle,
    rankings: &[Ranking],
    others: HashSet<u64>,
    book: &mut WaitBook,
) -> RelationScan {
    let places = rankings.iter().flat_map(|ranking| &ranking.places);
    let places: Vec<TaskPlace> = places.copied().collect();
    let rows = tasks_at(handle, &places, book).tasks;
    let wakers = rows.iter().filter_map(|row| row.last_waker?.task);
    let counters = CaptureOptions::new().tasks(false).spawn_sites(false);
    let counters = Snapshot::capture_with(handle, counters);
    let polled = counters.longest_polls.iter().map(|poll| poll.task);
    let named = wakers.chain(polled).chain(others);
    RelationScan::new(handle, places.iter().map(|place| place.id), named)
}
