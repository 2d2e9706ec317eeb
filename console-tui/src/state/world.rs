//! What is known of the program watched: its runtimes, workers and the tasks in the window.
//!
//! [`World::apply`] folds one update in. Memory is bounded by the window asked for and the limits
//! of `sanitize`, not by the program.

mod narrow;
mod still;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::findings::Finding;
use super::history::{Lane, Rates, StateTimes, WorkerRates, per_second};
use super::model::{
    Cost, LongPoll, LongestPoll, Resource, RuntimeUpdate, SpawnSite, Summary, Task, TaskState,
    Update, WaitChain, Worker, merge,
};
use super::tree;

/// Runtimes that are kept; further ones are ignored.
const MAX_RUNTIMES: usize = 64;

/// Spawn sites that are kept a runtime.
const MAX_SPAWN_SITES: usize = 10_000;

/// The program watched, at one moment and lately.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) runtimes: Vec<Runtime>,
    pub(crate) cost: Cost,
    pub(crate) taken_at_ns: u64,
    /// Time between the last two updates; 0: there were no two yet.
    pub(crate) gap_ns: u64,
    /// Updates that the server left out because this client was too slow.
    pub(crate) skipped: u64,
    /// Bytes a second that the server sends to all its clients.
    pub(crate) bytes_per_second: f64,
    /// Bytes sent so far, for the rate.
    bytes: Option<Rates<u64>>,
}

/// Resources that are kept a runtime.
const MAX_RESOURCES: usize = 1_000;

impl World {
    /// Folds an update in. `window_offset` is the first row of the window it was asked for with.
    pub(crate) fn apply(&mut self, update: Update, window_offset: usize) {
        self.fold(update, Some(window_offset));
    }

    /// Folds an update in that no rows were asked for with: tasks and resources stay as they were.
    pub(crate) fn apply_without_rows(&mut self, update: Update) {
        self.fold(update, None);
    }

    fn fold(&mut self, update: Update, window_offset: Option<usize>) {
        self.cost = update.cost;
        let bytes = self
            .bytes
            .get_or_insert_with(|| Rates::new(update.taken_at_ns, update.cost.bytes_sent));
        let (earlier, elapsed_ns) = bytes.base(update.taken_at_ns, &update.cost.bytes_sent);
        let sent = update.cost.bytes_sent.saturating_sub(earlier);
        self.bytes_per_second = per_second(sent, elapsed_ns);
        if self.taken_at_ns > 0 {
            self.gap_ns = update.taken_at_ns.saturating_sub(self.taken_at_ns);
        }
        self.taken_at_ns = update.taken_at_ns;
        self.skipped = update.skipped;
        for runtime in update.runtimes {
            let known = self
                .runtimes
                .iter()
                .position(|known| known.summary.id == runtime.summary.id);
            match known {
                Some(at) => self.runtimes[at].apply(runtime, window_offset),
                None if self.runtimes.len() < MAX_RUNTIMES => {
                    let mut new = Runtime::new(&runtime);
                    new.apply(runtime, window_offset);
                    self.runtimes.push(new);
                }
                None => {}
            }
        }
    }

    /// Shows the tasks of all runtimes as trees, or in the server's order.
    pub(super) fn arrange_tasks(&mut self, as_tree: bool) {
        for runtime in &mut self.runtimes {
            runtime.tasks.arrange(as_tree);
        }
    }

    pub(crate) fn runtime(&self, id: u64) -> Option<&Runtime> {
        self.runtimes
            .iter()
            .find(|runtime| runtime.summary.id == id)
    }
}

/// One runtime.
#[derive(Debug, Clone)]
pub(crate) struct Runtime {
    pub(crate) summary: Summary,
    pub(crate) rates: RuntimeRates,
    pub(crate) workers: Vec<WorkerRow>,
    /// By the time spent in their tasks, the most first.
    pub(crate) spawn_sites: Vec<SpawnSite>,
    /// The latest first.
    pub(crate) long_polls: Vec<LongPoll>,
    /// What tasks wait for, the most waiters first; empty unless the query asks for it.
    pub(crate) resources: Vec<Resource>,
    /// Resources that tasks wait for, in all.
    pub(crate) waited_resources: u64,
    /// Who waits for whom, circles first.
    pub(crate) wait_chains: Vec<WaitChain>,
    /// Chains in all. None: not asked for.
    pub(crate) wait_chains_in_all: Option<u64>,
    /// Tasks that wait and are in neither of them, since there are too many.
    pub(crate) waits_left_off: u64,
    /// The worst first.
    pub(crate) findings: Vec<Finding>,
    pub(crate) tasks: TaskTable,
    pub(crate) longest_polls: Vec<LongestPoll>,
    base: Rates<Readings>,
}

/// A worker with what it did lately.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRow {
    pub(crate) worker: Worker,
    pub(crate) rates: WorkerRates,
    pub(crate) lane: Lane,
}

/// Events a second of a whole runtime.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct RuntimeRates {
    pub(crate) polls: f64,
    pub(crate) spawned: f64,
    pub(crate) completed: f64,
    pub(crate) steals: f64,
    pub(crate) parks: f64,
    pub(crate) driver_polls: f64,
    pub(crate) driver_events: f64,
    pub(crate) timers_fired: f64,
    pub(crate) blocking_completed: f64,
    /// Share of the workers' time spent running tasks.
    pub(crate) busy: f64,
    /// How unevenly the work is spread: 1 − mean ÷ maximum of the workers' busy shares. 0: all
    /// alike. None: nobody does anything.
    pub(crate) imbalance: Option<f64>,
}

/// The counters that rates are made from.
#[derive(Debug, Clone, Default)]
struct Readings {
    workers: Vec<Worker>,
    spawned: u64,
    completed: u64,
    driver_polls: u64,
    driver_events: u64,
    timers_fired: u64,
    blocking_completed: u64,
}

impl Readings {
    fn of(update: &RuntimeUpdate) -> Readings {
        let bare = |worker: &Worker| Worker {
            poll_time: Default::default(),
            wake_to_poll: Default::default(),
            unpark_latency: Default::default(),
            stolen_from: Vec::new(),
            ..worker.clone()
        };
        Readings {
            workers: update.workers.iter().map(bare).collect(),
            spawned: update.summary.spawned_tasks,
            completed: update.summary.completed_tasks,
            driver_polls: update.summary.driver.polls,
            driver_events: update.summary.driver.events,
            timers_fired: update.summary.timers.fired,
            blocking_completed: update.summary.blocking.completed,
        }
    }
}

impl Runtime {
    fn new(update: &RuntimeUpdate) -> Runtime {
        Runtime {
            summary: Summary::default(),
            rates: RuntimeRates::default(),
            workers: Vec::new(),
            spawn_sites: Vec::new(),
            long_polls: Vec::new(),
            resources: Vec::new(),
            waited_resources: 0,
            wait_chains: Vec::new(),
            wait_chains_in_all: None,
            waits_left_off: 0,
            findings: Vec::new(),
            tasks: TaskTable::default(),
            longest_polls: Vec::new(),
            base: Rates::new(update.summary.taken_at_ns, Readings::of(update)),
        }
    }

    fn apply(&mut self, update: RuntimeUpdate, window_offset: Option<usize>) {
        let readings = Readings::of(&update);
        let (base, elapsed_ns) = self.base.base(update.summary.taken_at_ns, &readings);
        self.apply_workers(update.workers, &base.workers, elapsed_ns);
        self.rates = self.runtime_rates(&readings, &base, elapsed_ns);
        let since_last_ns = self.age_ns_at(update.summary.taken_at_ns);
        self.summary = update.summary;
        if update.full {
            self.spawn_sites.clear();
        }
        self.apply_sites(update.spawn_sites);
        self.apply_long_polls(update.long_polls);
        if !update.findings_unchanged {
            self.findings = update.findings;
        }
        if !update.longest_polls_unchanged {
            self.longest_polls = update.longest_polls;
        }
        let Some(window_offset) = window_offset else {
            return;
        };
        if update.full {
            self.resources.clear();
        } else {
            self.tasks.age(since_last_ns);
        }
        self.apply_resources(update.resources);
        self.waited_resources = update.waited_resources;
        self.wait_chains_in_all = update.wait_chains_in_all;
        self.waits_left_off = update.waits_left_off;
        self.wait_chains = if update.full || update.wait_chains_in_all.is_none() {
            update.wait_chains
        } else {
            merge(&self.wait_chains, update.wait_chains, &update.known_chains)
        };
        self.tasks.apply(
            update.rows,
            update.tasks,
            update.matching_tasks,
            update.full,
            window_offset,
        );
        self.tasks.taken_at_ns = Some(self.summary.taken_at_ns);
    }

    /// How much older the rows of tasks and resources are than the rest: more than nothing if the
    /// program was not shown for a while. None: there were none yet.
    pub(crate) fn rows_age_ns(&self) -> Option<u64> {
        Some(self.age_ns(self.tasks.taken_at_ns?))
    }

    /// When the rows of tasks and resources were true, on the telemetry clock.
    pub(crate) fn rows_at_ns(&self) -> u64 {
        self.tasks.taken_at_ns.unwrap_or(self.summary.taken_at_ns)
    }

    /// Time on the telemetry clock between `since_ns`, of a row, and the moment when that was true.
    pub(crate) fn age_in_row_ns(&self, since_ns: u64) -> u64 {
        self.rows_at_ns().saturating_sub(since_ns)
    }

    fn apply_workers(&mut self, workers: Vec<Worker>, base: &[Worker], elapsed_ns: u64) {
        let mut lanes: HashMap<u32, Lane> = self
            .workers
            .drain(..)
            .map(|row| (row.worker.index, row.lane))
            .collect();
        self.workers = workers
            .into_iter()
            .enumerate()
            .map(|(at, worker)| {
                let earlier = base
                    .get(at)
                    .filter(|earlier| earlier.index == worker.index)
                    .or_else(|| base.iter().find(|earlier| earlier.index == worker.index));
                let rates = earlier
                    .map(|earlier| WorkerRates::between(earlier, &worker, elapsed_ns))
                    .unwrap_or_default();
                let mut lane = lanes.remove(&worker.index).unwrap_or_default();
                lane.note(StateTimes::of(&worker));
                WorkerRow {
                    worker,
                    rates,
                    lane,
                }
            })
            .collect();
    }

    fn runtime_rates(&self, now: &Readings, base: &Readings, elapsed_ns: u64) -> RuntimeRates {
        let per_second = |now: u64, then: u64| per_second(now.saturating_sub(then), elapsed_ns);
        let sum = |rate: fn(&WorkerRates) -> f64| {
            self.workers.iter().map(|row| rate(&row.rates)).sum::<f64>()
        };
        let workers = self.workers.len().max(1) as f64;
        let busy = sum(|rates| rates.busy) / workers;
        let most = self
            .workers
            .iter()
            .map(|row| row.rates.busy)
            .fold(0.0, f64::max);
        RuntimeRates {
            polls: sum(|rates| rates.polls),
            steals: sum(|rates| rates.steals),
            parks: sum(|rates| rates.parks),
            spawned: per_second(now.spawned, base.spawned),
            completed: per_second(now.completed, base.completed),
            driver_polls: per_second(now.driver_polls, base.driver_polls),
            driver_events: per_second(now.driver_events, base.driver_events),
            timers_fired: per_second(now.timers_fired, base.timers_fired),
            blocking_completed: per_second(now.blocking_completed, base.blocking_completed),
            busy,
            imbalance: (most >= 0.005).then(|| 1.0 - busy / most),
        }
    }

    /// Takes the long polls over; a stack that was sent before is not sent again.
    fn apply_long_polls(&mut self, mut next: Vec<LongPoll>) {
        for poll in next.iter_mut().filter(|poll| poll.frames.is_empty()) {
            let known = self.long_polls.iter().find(|old| old.is_sample_of(poll));
            poll.frames = known.map(|old| Arc::clone(&old.frames)).unwrap_or_default();
        }
        self.long_polls = next;
    }

    /// The long poll that a task is in.
    pub(crate) fn long_poll_of(&self, task: u64) -> Option<&LongPoll> {
        let goes_on = |poll: &&LongPoll| poll.task == task && poll.ended_at_ns.is_none();
        self.long_polls.iter().find(goes_on)
    }

    fn apply_sites(&mut self, changed: Vec<SpawnSite>) {
        if changed.is_empty() {
            return;
        }
        let mut at: HashMap<_, usize> = HashMap::with_capacity(self.spawn_sites.len());
        for (index, site) in self.spawn_sites.iter().enumerate() {
            at.insert(site.location.clone(), index);
        }
        for site in changed {
            match at.get(&site.location) {
                Some(&index) => self.spawn_sites[index] = site,
                None if self.spawn_sites.len() < MAX_SPAWN_SITES => {
                    at.insert(site.location.clone(), self.spawn_sites.len());
                    self.spawn_sites.push(site);
                }
                None => {}
            }
        }
        self.spawn_sites.sort_by(|a, b| {
            b.busy_ns
                .cmp(&a.busy_ns)
                .then_with(|| a.location.cmp(&b.location))
        });
    }

    /// Takes changed and new resources over; one without waiters is gone.
    fn apply_resources(&mut self, changed: Vec<Resource>) {
        if changed.is_empty() {
            return;
        }
        let touched: HashSet<_> = changed.iter().map(|resource| &resource.key).collect();
        self.resources
            .retain(|resource| !touched.contains(&resource.key));
        drop(touched);
        self.resources
            .extend(changed.into_iter().filter(|resource| resource.waiters > 0));
        self.resources.sort_by(|a, b| {
            let rank = |r: &Resource| (std::cmp::Reverse(r.waiters), r.oldest_since_ns);
            rank(a).cmp(&rank(b)).then_with(|| a.key.cmp(&b.key))
        });
        self.resources.truncate(MAX_RESOURCES);
    }

    /// Time on the telemetry clock from this runtime's latest update to `now_ns`.
    fn age_ns_at(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.summary.taken_at_ns)
    }

    /// Time on the telemetry clock between `since_ns` and this runtime's latest update.
    pub(crate) fn age_ns(&self, since_ns: u64) -> u64 {
        self.summary.taken_at_ns.saturating_sub(since_ns)
    }
}

/// The rows of the window that was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaskTable {
    /// Absolute number of the first row held.
    pub(crate) offset: usize,
    pub(crate) rows: Vec<u64>,
    /// The same in the order in which the server sent them, or a query on a recording has them.
    sent: Vec<u64>,
    /// How deep the rows are in the tree; empty: they are not shown as one.
    depths: Vec<u16>,
    /// Rows that the filter lets through, in all.
    pub(crate) matching: usize,
    /// Tasks that there were and that nobody recorded, when this is a recording.
    pub(crate) not_recorded: usize,
    /// When these rows were true; None: there were none yet.
    taken_at_ns: Option<u64>,
    by_id: HashMap<u64, Task>,
}

impl TaskTable {
    /// Time has run on. A row that the update does not bring has changed in nothing else.
    fn age(&mut self, elapsed_ns: u64) {
        for task in self.by_id.values_mut() {
            let running = match task.state {
                TaskState::Busy => &mut task.busy_ns,
                TaskState::Scheduled => &mut task.scheduled_ns,
                TaskState::Idle => &mut task.idle_ns,
                _ => continue,
            };
            *running = running.saturating_add(elapsed_ns);
        }
    }

    fn apply(
        &mut self,
        rows: Vec<u64>,
        changed: Vec<Task>,
        matching: u64,
        full: bool,
        offset: usize,
    ) {
        if full {
            self.by_id.clear();
        }
        for task in changed {
            self.by_id.insert(task.id, task);
        }
        let wanted: HashSet<u64> = rows.iter().copied().collect();
        self.by_id.retain(|id, _| wanted.contains(id));
        self.offset = offset;
        // A server that counts fewer than it sends is not believed.
        let sent = if rows.is_empty() {
            0
        } else {
            offset.saturating_add(rows.len())
        };
        self.matching = usize::try_from(matching).unwrap_or(usize::MAX).max(sent);
        self.sent.clone_from(&rows);
        self.depths.clear();
        self.rows = rows;
    }

    /// Shows the rows of the window as a tree, or in the server's order.
    pub(super) fn arrange(&mut self, as_tree: bool) {
        self.depths.clear();
        self.rows.clone_from(&self.sent);
        if as_tree {
            let parent = |id: &u64| self.by_id.get(id).and_then(|task| task.parent);
            let rows: Vec<_> = self.sent.iter().map(|id| (*id, parent(id))).collect();
            (self.rows, self.depths) = tree::arrange(&rows).into_iter().unzip();
        }
    }

    /// How deep in the tree the task in absolute row `row` is, if a tree is shown.
    pub(crate) fn depth_at(&self, row: usize) -> Option<u16> {
        self.depths.get(row.checked_sub(self.offset)?).copied()
    }

    /// The id in absolute row `row`, if the window holds it.
    pub(crate) fn id_at(&self, row: usize) -> Option<u64> {
        self.rows.get(row.checked_sub(self.offset)?).copied()
    }

    /// The absolute row of a task, if the window holds it.
    pub(crate) fn row_of(&self, id: u64) -> Option<usize> {
        self.rows
            .iter()
            .position(|row| *row == id)
            .map(|at| self.offset.saturating_add(at))
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Task> {
        self.by_id.get(&id)
    }

    /// Whether any task of the window has fields.
    pub(crate) fn have_fields(&self) -> bool {
        self.by_id.values().any(|task| !task.fields.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::model::{Frame, Location};

    fn update(taken_at_ns: u64, workers: Vec<Worker>) -> Update {
        let summary = Summary {
            id: 1,
            taken_at_ns,
            ..Summary::default()
        };
        Update {
            taken_at_ns,
            runtimes: vec![RuntimeUpdate {
                summary,
                workers,
                ..RuntimeUpdate::default()
            }],
            ..Update::default()
        }
    }

    fn worker(index: u32, polls: u64, busy_ns: u64, parked_ns: u64) -> Worker {
        Worker {
            index,
            polls,
            busy_ns,
            parked_ns,
            ..Worker::default()
        }
    }

    #[test]
    fn rates_and_imbalance_come_from_two_updates() {
        let mut world = World::default();
        let second = 1_000_000_000;
        world.apply(update(0, vec![worker(0, 0, 0, 0), worker(1, 0, 0, 0)]), 0);
        world.apply(
            update(
                second,
                vec![worker(0, 500, second, 0), worker(1, 100, 0, second)],
            ),
            0,
        );
        let runtime = &world.runtimes[0];
        assert_eq!(runtime.workers[0].rates.polls, 500.0);
        assert_eq!(runtime.workers[1].rates.parked, 1.0);
        assert_eq!(runtime.rates.polls, 600.0);
        assert_eq!(runtime.rates.busy, 0.5);
        assert_eq!(runtime.rates.imbalance, Some(0.5));
        assert_eq!(runtime.workers[0].lane.len(), 1);
    }

    #[test]
    fn rows_not_sent_again_keep_their_task() {
        let task = |id, polls| Task {
            id,
            polls,
            ..Task::default()
        };
        let mut table = TaskTable::default();
        table.apply(
            vec![1, 2, 3],
            vec![task(1, 1), task(2, 1), task(3, 1)],
            3,
            true,
            10,
        );
        table.apply(vec![3, 1], vec![task(3, 9)], 2, false, 10);
        assert_eq!(table.get(1).map(|t| t.polls), Some(1));
        assert_eq!(table.get(3).map(|t| t.polls), Some(9));
        assert!(
            table.get(2).is_none(),
            "a row that left the window is forgotten"
        );
        assert_eq!(table.id_at(10), Some(3));
        assert_eq!(table.id_at(9), None);
        assert_eq!(table.row_of(1), Some(11));
        table.apply(vec![3], vec![], 1, true, 0);
        assert!(table.get(3).is_none(), "a full update starts from nothing");
    }

    #[test]
    fn rows_not_sent_again_grow_older_in_their_state() {
        let task = |id, state| Task {
            id,
            state,
            ..Task::default()
        };
        let mut world = World::default();
        let mut first = update(1_000, vec![]);
        first.runtimes[0].full = true;
        first.runtimes[0].rows = vec![1, 2];
        first.runtimes[0].tasks = vec![task(1, TaskState::Idle), task(2, TaskState::Scheduled)];
        world.apply(first, 0);
        let mut second = update(1_600, vec![]);
        second.runtimes[0].rows = vec![1, 2];
        second.runtimes[0].tasks = vec![task(2, TaskState::Busy)];
        world.apply(second, 0);
        let tasks = &world.runtimes[0].tasks;
        assert_eq!(tasks.get(1).map(|t| (t.idle_ns, t.busy_ns)), Some((600, 0)));
        assert_eq!(
            tasks.get(2).map(Task::total_ns),
            Some(0),
            "it was sent again"
        );
    }

    #[test]
    fn stack_that_was_sent_once_stays() {
        let mut world = World::default();
        let poll = |frames| LongPoll {
            task: 7,
            sampled_at_ns: 5,
            frames: Arc::from(frames),
            ..LongPoll::default()
        };
        let mut first = update(1_000, vec![]);
        first.runtimes[0].long_polls = vec![poll(vec![Frame::default()])];
        world.apply(first, 0);
        let sent = Arc::clone(&world.runtimes[0].long_polls[0].frames);
        let mut second = update(2_000, vec![]);
        second.runtimes[0].long_polls = vec![poll(vec![]), poll(vec![])];
        world.apply(second, 0);
        let runtime = &world.runtimes[0];
        assert_eq!(runtime.long_poll_of(7).unwrap().frames.len(), 1);
        assert_eq!(runtime.long_poll_of(8), None);
        // However often it is asked for, there is one of it.
        let mut polls = runtime.long_polls.iter();
        assert!(polls.all(|poll| Arc::ptr_eq(&poll.frames, &sent)));
    }

    #[test]
    fn changed_spawn_sites_replace_and_stay_sorted() {
        let site = |file: &str, busy_ns| SpawnSite {
            location: Location {
                file: file.into(),
                line: 1,
                column: 1,
            },
            busy_ns,
            ..SpawnSite::default()
        };
        let mut world = World::default();
        let mut first = update(0, vec![]);
        first.runtimes[0].spawn_sites = vec![site("a", 5), site("b", 9)];
        first.runtimes[0].full = true;
        world.apply(first, 0);
        let mut second = update(1, vec![]);
        second.runtimes[0].spawn_sites = vec![site("a", 50)];
        world.apply(second, 0);
        let files: Vec<_> = world.runtimes[0]
            .spawn_sites
            .iter()
            .map(|s| (s.location.file.as_str(), s.busy_ns))
            .collect();
        assert_eq!(files, [("a", 50), ("b", 9)]);
    }

    #[test]
    fn chains_that_are_referred_to_are_kept_in_their_new_order() {
        let chains = |waiters: &[u64]| -> Vec<WaitChain> {
            let chain = |&waiters| WaitChain {
                waiters,
                ..WaitChain::default()
            };
            waiters.iter().map(chain).collect()
        };
        let mut world = World::default();
        let mut send = |full, sent: &[u64], known_chains: &[u32]| {
            let mut next = update(10, Vec::new());
            next.runtimes[0].full = full;
            next.runtimes[0].wait_chains = chains(sent);
            next.runtimes[0].wait_chains_in_all = Some(3);
            next.runtimes[0].known_chains = known_chains.to_vec();
            world.apply(next, 0);
            world.runtimes[0].wait_chains.clone()
        };
        assert_eq!(send(true, &[1, 2], &[]), chains(&[1, 2]));
        assert_eq!(send(false, &[3], &[2, 0, 1]), chains(&[2, 3, 1]));
        assert_eq!(send(false, &[], &[1, 9, u32::MAX]), chains(&[2]));
        assert_eq!(send(false, &[], &[]), []);
    }

    #[test]
    fn resources_come_change_and_go() {
        let resource = |kind: &str, waiters| Resource {
            key: crate::state::model::ResourceKey {
                kind: kind.into(),
                id: 1,
                operation: String::new(),
            },
            waiters,
            ..Resource::default()
        };
        let mut world = World::default();
        let mut send = |ns, full, resources| {
            let mut next = update(ns, vec![]);
            next.runtimes[0].full = full;
            next.runtimes[0].resources = resources;
            world.apply(next, 0);
            let kinds = world.runtimes[0].resources.iter();
            kinds
                .map(|r| (r.key.kind.clone(), r.waiters))
                .collect::<Vec<_>>()
        };
        let pair = |kind: &str, n| (kind.to_owned(), n);
        let both = send(1, true, vec![resource("a", 3), resource("b", 2)]);
        assert_eq!(both, [pair("a", 3), pair("b", 2)]);
        let moved = send(2, false, vec![resource("b", 9)]);
        assert_eq!(moved, [pair("b", 9), pair("a", 3)]);
        let gone = send(3, false, vec![resource("b", 0)]);
        assert_eq!(gone, [pair("a", 3)]);
        assert!(send(4, true, vec![]).is_empty());
    }

    #[test]
    fn a_server_with_a_million_runtimes_is_cut_off() {
        let mut world = World::default();
        let runtimes = (0..1_000)
            .map(|id| RuntimeUpdate {
                summary: Summary {
                    id,
                    ..Summary::default()
                },
                ..RuntimeUpdate::default()
            })
            .collect();
        world.apply(
            Update {
                runtimes,
                ..Update::default()
            },
            0,
        );
        assert_eq!(world.runtimes.len(), MAX_RUNTIMES);
    }
}
