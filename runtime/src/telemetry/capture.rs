//! Taking a snapshot: from counters, records and notes to plain values.
//!
//! Order matters for the books to close. Finished tasks' totals are read before the live tasks'
//! records: a task that completes in between is missing from this snapshot's sums, never counted
//! twice. On a runtime at rest the sums are exact.

mod context;

use std::collections::{BinaryHeap, HashMap};
use std::panic::Location;
use std::sync::atomic::{Ordering, fence};

use super::record_table::Pin;
use super::scan::{TaskScan, WaitBook, tasks_at};
use super::sites::SiteTimesTotal;
use super::snapshot::*;
use super::task_record::{Counts, TaskRecord};
use super::{SharedSites, SiteTotals, backlog, calibrate, clock};
use crate::runtime::Handle;
use crate::scheduler::{Finished, Shared};
use crate::task::header::{Header, NO_WORKER};
pub(super) use context::{Notes, TaskContext};

/// Totals of tasks.
pub(crate) struct TaskCounts {
    pub(crate) spawned: u64,
    /// Of the spawned and of the finished: what was never in a worker's queue.
    unqueued: u64,
    unqueued_finished: u64,
    pub(crate) finished: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
}

impl TaskCounts {
    pub(crate) fn alive(&self) -> u64 {
        self.spawned.saturating_sub(self.finished)
    }

    /// Tasks ever spawned that workers run: without blocking work.
    pub(crate) fn workers_spawned(&self) -> u64 {
        self.spawned.saturating_sub(self.unqueued)
    }

    /// Of those, the ones that are alive.
    pub(crate) fn workers_alive(&self) -> u64 {
        let finished = self.finished.saturating_sub(self.unqueued_finished);
        self.workers_spawned().saturating_sub(finished)
    }
}

impl Snapshot {
    /// The runtime at this moment. Stops nobody; costs time in proportion to the live tasks.
    pub fn capture(handle: &Handle) -> Snapshot {
        Snapshot::capture_with(handle, CaptureOptions::new())
    }

    /// As [`capture`](Snapshot::capture), with options.
    pub fn capture_with(handle: &Handle, options: CaptureOptions) -> Snapshot {
        let shared = &**handle.shared();
        // Finished before live, see above.
        let mut scan = TaskScan::new(handle);
        if options.spawn_sites {
            scan = scan.with_spawn_sites();
        }
        if options.tasks {
            scan = scan.with_waits();
        }
        let counts = Snapshot::task_counts(handle);
        let workers = worker_snapshots(shared);
        let longest_polls = longest_polls(shared);
        let mut tasks = Vec::new();
        if options.tasks || options.spawn_sites {
            scan.step(usize::MAX, |task| {
                if options.tasks {
                    tasks.extend(task.snapshot());
                }
            });
        }
        let Scanned {
            spawn_sites,
            permits,
        } = scan.finish();
        let (driver, timers) = handle.driver().snapshot();
        Snapshot {
            runtime_id: shared.id.as_u64(),
            name: shared.name.clone(),
            flavor: shared.flavor,
            ended: shared.has_ended(),
            taken_at_ns: clock::now_ns(),
            started_at_ns: clock::stamp_to_ns(shared.started),
            workers,
            polls_elsewhere: shared.elsewhere.polls.get(),
            spawn_sites,
            tasks,
            longest_polls,
            permits,
            backlogs: backlog::all_of(shared.id.as_u64()),
            injector_depth: shared.injector_depth() as u64,
            alive_tasks: counts.alive(),
            spawned_tasks: counts.spawned,
            completed_tasks: counts.finished,
            panicked_tasks: counts.panicked,
            cancelled_tasks: counts.cancelled,
            blocking: shared.blocking.snapshot(),
            driver,
            timers,
            overhead: overhead(shared),
        }
    }

    /// How many tasks there are and were.
    pub(crate) fn task_counts(handle: &Handle) -> TaskCounts {
        let shared = &**handle.shared();
        // Finished before spawned: a task is never finished without having been spawned.
        let of_workers = shared.remotes.iter().map(|remote| &remote.finished);
        let all = std::iter::once(&shared.elsewhere.finished).chain(of_workers);
        let (finished, panicked, cancelled) = ended(all);
        let mut counts = TaskCounts {
            spawned: 0,
            unqueued: 0,
            unqueued_finished: 0,
            finished,
            panicked,
            cancelled,
        };
        counts.unqueued_finished = shared.elsewhere.unqueued_finished.get();
        counts.unqueued = shared.elsewhere.unqueued.get();
        counts.spawned = counts.unqueued + shared.elsewhere.spawned.get();
        counts.spawned += shared
            .remotes
            .iter()
            .map(|r| r.counters.local_spawns.get())
            .sum::<u64>();
        counts
    }
}

/// All of several: how many, and of those the panicked and the cancelled, which are never more.
fn ended<'a>(of: impl Iterator<Item = &'a Finished> + Clone) -> (u64, u64, u64) {
    let panicked = of.clone().map(|finished| finished.panicked.get()).sum();
    let cancelled = of.clone().map(|finished| finished.cancelled.get()).sum();
    // Ordering: pairs with the Release fence in `Finished::count`.
    fence(Ordering::Acquire);
    let all = of.map(|finished| finished.all.get()).sum();
    // Ordering: as above, for who looks at the spawned next.
    fence(Ordering::Acquire);
    (all, panicked, cancelled)
}

/// One live task of a runtime, with its own histograms of poll times and of waits for its turn from
/// the first call on.
pub fn task_detail(handle: &Handle, id: u64) -> Option<TaskDetail> {
    let shared = &**handle.shared();
    let pin = pin_task(shared, id)?;
    let (poll_time, wake_to_poll) = pin
        .watch()
        .map(|watched| (watched.poll_time, watched.wake_to_poll))
        .unzip();
    let notes = Notes::of(|task| task == id);
    let context = TaskContext::new(shared, &notes);
    let task = context.task(&pin)?;
    // One record at a time is pinned.
    drop(pin);
    let waker = task.last_waker.and_then(|waker| waker.task);
    let (children, children_count) = children(shared, id);
    Some(TaskDetail {
        task,
        poll_time,
        wake_to_poll,
        children: tasks_at(handle, &children, &mut WaitBook::new()).tasks,
        children_count,
        last_waker_name: waker.and_then(|id| pin_task(shared, id)?.name()),
    })
}

/// The eldest live tasks that a task has spawned, and how many there are in all.
fn children(shared: &Shared, id: u64) -> (Vec<TaskPlace>, u64) {
    const MOST: usize = 32;
    let records = shared.records();
    let mut count = 0;
    let mut eldest = BinaryHeap::new();
    for slot in records.slots() {
        let of_task = |(_, record): &(u64, &TaskRecord)| record.parent.get() == id;
        let Some((child, _)) = records.live(slot).filter(of_task) else {
            continue;
        };
        count += 1;
        eldest.push((child, slot));
        if eldest.len() > MOST {
            eldest.pop();
        }
    }
    let eldest = eldest.into_sorted_vec().into_iter();
    let place = |(id, slot)| TaskPlace { id, slot };
    (eldest.map(place).collect(), count)
}

/// One live task of a runtime.
pub fn task_snapshot(handle: &Handle, id: u64) -> Option<TaskSnapshot> {
    let shared = &**handle.shared();
    let pin = pin_task(shared, id)?;
    let notes = Notes::of(|task| task == id);
    TaskContext::new(shared, &notes).task(&pin)
}

pub(super) fn pin_task(shared: &Shared, id: u64) -> Option<Pin<'_>> {
    let records = shared.records();
    let slot = records
        .slots()
        .find(|slot| records.get(*slot).id.get() == id)?;
    records
        .pin_live(slot)
        .filter(|pin| pin.record().id.get() == id)
}

/// What is told of the sites: never less than before. What has just been read lacks the tasks that
/// completed between the two reads, so what was told before may be nearer to the truth.
pub(super) fn told_of_sites(
    shared: &Shared,
    read: SharedSites,
    alive_by_site: &HashMap<&'static Location<'static>, u64>,
) -> Vec<SpawnSiteSnapshot> {
    let alive = |location: &_| alive_by_site.get(location).copied().unwrap_or(0);
    let mut told = shared.elsewhere.told_of_sites.lock();
    for (location, mut totals) in read {
        totals.finished += alive(location);
        told.entry(location).or_default().raise_to(&totals);
    }
    let mut times: HashMap<_, SiteTimesTotal> = HashMap::new();
    for remote in &shared.remotes {
        remote.sites.collect_times(&mut times);
    }
    let site = |(location, totals): (&&'static Location<'static>, &SiteTotals)| {
        let times = times.remove(location).unwrap_or_default();
        SpawnSiteSnapshot {
            location,
            spawned: totals.finished,
            alive: alive(location),
            polls: totals.polls,
            busy_ns: clock::ticks_to_ns(totals.busy),
            scheduled_ns: clock::ticks_to_ns(totals.scheduled),
            panicked: totals.panicked,
            cancelled: totals.cancelled,
            poll_time: times.poll_time,
            wake_to_poll: times.wake_to_poll,
            longest_poll_ns: clock::ticks_to_ns(totals.longest_poll).max(times.longest.0),
            longest_poll_end: Some(times.longest)
                .filter(|(ns, ..)| *ns > 0)
                .map(|(_, ended_at, task)| (clock::stamp_to_ns(ended_at), task)),
            long_polls: times.long_polls,
            slow_polls: times.slow_polls,
            delayed_others_ns: times.delayed_ns,
            future_bytes: totals.future_bytes,
        }
    };
    let mut spawn_sites: Vec<SpawnSiteSnapshot> = told.iter().map(site).collect();
    drop(told);
    spawn_sites.sort_by_key(|site| site.location);
    spawn_sites
}

pub(super) fn finished_by_site(shared: &Shared) -> SharedSites {
    let mut sites = shared.elsewhere.sites.lock().clone();
    shared
        .remotes
        .iter()
        .for_each(|remote| remote.sites.collect(&mut sites));
    sites
}

/// What has been counted of a task; one that is in its first poll has been polled once.
pub(super) fn counts(pin: &Pin<'_>) -> Counts {
    let mut counts = pin.record().counts();
    let polled = |header: &Header| header.worker.get() != NO_WORKER;
    if counts.polls == 0 && pin.header().is_some_and(polled) {
        counts.polls = 1;
    }
    counts
}

pub(super) fn future_bytes_of(pin: &Pin<'_>) -> Option<u64> {
    pin.header()
        .map(|header| header.vtable.future_bytes() as u64)
}

/// The longest polls of all workers, the longest first.
fn longest_polls(shared: &Shared) -> Vec<LongestPoll> {
    let of_worker =
        |(remote, index): (&crate::scheduler::Remote, u16)| remote.counters.longest_polls(index);
    let mut polls: Vec<_> = shared.remotes.iter().zip(0..).flat_map(of_worker).collect();
    polls.sort_by_key(|poll| std::cmp::Reverse(poll.duration_ns));
    polls
}

fn worker_snapshots(shared: &Shared) -> Vec<WorkerSnapshot> {
    let remotes = &shared.remotes;
    let snapshot = |(index, remote): (usize, &crate::scheduler::Remote)| {
        let mut worker = remote.counters.snapshot(index as u16);
        worker.queue_depth = remote.queue_depth();
        worker.remote_wakes = remotes
            .iter()
            .map(|other| other.counters.remote_wakes_of[index].get())
            .sum();
        worker
    };
    remotes.iter().enumerate().map(snapshot).collect()
}

fn overhead(shared: &Shared) -> OverheadSnapshot {
    let costs = calibrate();
    OverheadSnapshot {
        enabled: true,
        poll_overhead_ns: costs.poll_overhead_ns,
        clock_read_ns: costs.clock_read_ns,
        record_bytes: shared.records().bytes(),
        unattributed_events: super::unattributed(),
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;
    use crate::telemetry::{Counter, Outcome};

    #[test]
    fn no_more_tasks_were_cancelled_than_have_ended() {
        let of = [Finished::default(), Finished::default()];
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| {
                for i in 0..200_000 {
                    of[i % 2].count(Outcome::Cancelled, Counter::add);
                }
            });
            while !counting.is_finished() {
                let (all, panicked, cancelled) = ended(of.iter());
                assert!(panicked + cancelled <= all, "{cancelled} of {all}");
            }
        });
        assert_eq!(ended(of.iter()), (200_000, 0, 200_000));
    }
}
