//! Snapshots of a runtime in motion: each is consistent, and no number of the next is smaller.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use zokio::runtime::Handle;
use zokio::telemetry::{
    Snapshot, SpawnSiteSnapshot, TaskKind, TaskSnapshot, TaskState, WorkerSnapshot, WorkerState,
    now_ns,
};

/// Of the sum of four conversions.
const ROUNDING_NS: u64 = 8;

/// Takes snapshots until told to stop. Their number, or what was wrong.
pub(crate) fn watch(
    handle: &Handle,
    stop: &AtomicBool,
    blocks_in_place: bool,
) -> Result<u64, String> {
    let mut last = look(handle);
    let mut looks = 1;
    while !stop.load(Ordering::SeqCst) {
        let next = look(handle);
        itself(&next.snapshot, blocks_in_place)?;
        follows(&last, &next)?;
        (last, looks) = (next, looks + 1);
        // Others have something to do, too.
        std::thread::yield_now();
    }
    Ok(looks)
}

/// A snapshot, and the times between which it was taken.
pub(crate) struct Look {
    before: u64,
    pub(crate) snapshot: Snapshot,
    after: u64,
}

pub(crate) fn look(handle: &Handle) -> Look {
    let before = now_ns();
    let snapshot = Snapshot::capture(handle);
    Look {
        before,
        snapshot,
        after: now_ns(),
    }
}

/// What holds within one snapshot.
fn itself(snapshot: &Snapshot, blocks_in_place: bool) -> Result<(), String> {
    let ended = snapshot.panicked_tasks + snapshot.cancelled_tasks;
    if snapshot.completed_tasks > snapshot.spawned_tasks || ended > snapshot.completed_tasks {
        return Err(format!("more ended than there were: {snapshot:?}"));
    }
    for site in &snapshot.spawn_sites {
        if site.alive > site.spawned || site.panicked + site.cancelled > site.spawned {
            return Err(format!("a site with less than it has: {site:?}"));
        }
    }
    for task in &snapshot.tasks {
        one_task(task, snapshot).map_err(|why| format!("{why}: {task:?}"))?;
    }
    let polled =
        |task: &&TaskSnapshot| task.kind == TaskKind::Task && task.state == TaskState::Busy;
    let busy = snapshot.tasks.iter().filter(polled).count();
    if !blocks_in_place && busy > snapshot.workers.len() {
        return Err(format!("{busy} tasks busy on fewer workers"));
    }
    for worker in &snapshot.workers {
        if worker.steals > worker.steal_attempts || worker.unparks > worker.parks {
            return Err(format!("more ends than beginnings: {worker:?}"));
        }
        if worker.parks - worker.unparks > 1 {
            return Err(format!("asleep twice: {worker:?}"));
        }
    }
    Ok(())
}

fn one_task(task: &TaskSnapshot, snapshot: &Snapshot) -> Result<(), &'static str> {
    if task.state == TaskState::Done {
        return Err("listed and done");
    }
    if task.waker_drops > task.waker_clones {
        return Err("more wakers dropped than made");
    }
    if task.self_wakes > task.wakes {
        return Err("more wakes of its own than wakes");
    }
    if task.longest_poll_ns > task.busy_ns {
        return Err("one poll longer than all");
    }
    let age = snapshot.taken_at_ns - task.created_at_ns.min(snapshot.taken_at_ns);
    if task.busy_ns + task.scheduled_ns > age + ROUNDING_NS {
        return Err("busier than it is old");
    }
    if task.state == TaskState::Busy && task.polls == 0 && task.kind == TaskKind::Task {
        return Err("polled without a poll");
    }
    Ok(())
}

/// What holds from one snapshot to the next.
fn follows(last: &Look, next: &Look) -> Result<(), String> {
    let (old, new) = (&last.snapshot, &next.snapshot);
    forward(
        "runtime",
        &[
            (old.taken_at_ns, new.taken_at_ns),
            (old.spawned_tasks, new.spawned_tasks),
            (old.completed_tasks, new.completed_tasks),
            (old.panicked_tasks, new.panicked_tasks),
            (old.cancelled_tasks, new.cancelled_tasks),
            (old.polls_elsewhere, new.polls_elsewhere),
            (old.blocking.completed, new.blocking.completed),
            (old.blocking.busy_ns, new.blocking.busy_ns),
            (old.driver.polls, new.driver.polls),
            (old.timers.fired, new.timers.fired),
            (old.timers.cancelled, new.timers.cancelled),
        ],
    )?;
    for (old, new) in old.workers.iter().zip(&new.workers) {
        worker_follows(old, new).map_err(|why| format!("worker {}: {why}", old.index))?;
        wall_time(last, next, old, new)?;
    }
    let sites: HashMap<_, _> = new.spawn_sites.iter().map(|s| (s.location, s)).collect();
    for old in &old.spawn_sites {
        let Some(new) = sites.get(old.location) else {
            return Err(format!("a site is gone: {old:?}"));
        };
        site_follows(old, new).map_err(|why| format!("{}: {why}", old.location))?;
    }
    let tasks: HashMap<_, _> = new.tasks.iter().map(|t| (t.id, t)).collect();
    for old in &old.tasks {
        if let Some(new) = tasks.get(&old.id) {
            task_follows(old, new, last.snapshot.taken_at_ns)
                .map_err(|why| format!("task {}: {why}\n{old:?}\n{new:?}", old.id))?;
        }
    }
    Ok(())
}

fn worker_follows(old: &WorkerSnapshot, new: &WorkerSnapshot) -> Result<(), String> {
    forward(
        "counts",
        &[
            (old.polls, new.polls),
            (old.busy_ns, new.busy_ns),
            (old.searching_ns, new.searching_ns),
            (old.parked_ns, new.parked_ns),
            (old.detached_ns, new.detached_ns),
            (old.parks, new.parks),
            (old.unparks, new.unparks),
            (old.noop_unparks, new.noop_unparks),
            (old.steal_attempts, new.steal_attempts),
            (old.steal_sweeps, new.steal_sweeps),
            (old.steal_sweeps_won, new.steal_sweeps_won),
            (old.steals, new.steals),
            (old.stolen_tasks, new.stolen_tasks),
            (old.lifo_hits, new.lifo_hits),
            (old.injector_takes, new.injector_takes),
            (old.overflows, new.overflows),
            (old.local_spawns, new.local_spawns),
            (old.local_wakes, new.local_wakes),
            (old.remote_wakes, new.remote_wakes),
            (old.budget_yields, new.budget_yields),
            (old.queue_depth_max, new.queue_depth_max),
            (old.poll_time.count, new.poll_time.count),
            (old.poll_time.sum_ns, new.poll_time.sum_ns),
            (old.poll_time.max_ns, new.poll_time.max_ns),
            (old.wake_to_poll.count, new.wake_to_poll.count),
            (old.wake_to_poll.sum_ns, new.wake_to_poll.sum_ns),
        ],
    )
}

/// The times of a worker's states grow by as much as time passed.
fn wall_time(
    last: &Look,
    next: &Look,
    old: &WorkerSnapshot,
    new: &WorkerSnapshot,
) -> Result<(), String> {
    let sum = |w: &WorkerSnapshot| w.busy_ns + w.searching_ns + w.parked_ns + w.detached_ns;
    let grown = sum(new) - sum(old);
    let least = next.before.saturating_sub(last.after);
    let most = next.after - last.before;
    if grown + ROUNDING_NS < least || grown > most + ROUNDING_NS {
        return Err(format!(
            "worker {}: states grew by {grown} ns in {least} to {most} ns",
            old.index
        ));
    }
    if new.state != WorkerState::Detached && new.state_since_ns > next.after {
        return Err(format!("worker {}: a state to come", old.index));
    }
    Ok(())
}

fn site_follows(old: &SpawnSiteSnapshot, new: &SpawnSiteSnapshot) -> Result<(), String> {
    forward(
        "site",
        &[
            (old.spawned, new.spawned),
            (old.polls, new.polls),
            (old.busy_ns, new.busy_ns),
            (old.scheduled_ns, new.scheduled_ns),
            (old.panicked, new.panicked),
            (old.cancelled, new.cancelled),
        ],
    )
}

fn task_follows(old: &TaskSnapshot, new: &TaskSnapshot, taken_at_ns: u64) -> Result<(), String> {
    if old.created_at_ns != new.created_at_ns || old.location != new.location {
        return Err("it is another".to_owned());
    }
    // What a task is doing goes on until a reader sees the next: a thread that has taken a stamp and
    // not yet published it may have lost its processor in between. What is over is exact.
    let going_on = |state| match old.state == state {
        true => taken_at_ns - old.state_since_ns.min(taken_at_ns),
        false => 0,
    };
    forward(
        "counts",
        &[
            (old.polls, new.polls),
            (
                old.busy_ns.saturating_sub(going_on(TaskState::Busy)),
                new.busy_ns + ROUNDING_NS,
            ),
            (
                old.scheduled_ns
                    .saturating_sub(going_on(TaskState::Scheduled)),
                new.scheduled_ns + ROUNDING_NS,
            ),
            (old.longest_poll_ns, new.longest_poll_ns),
            (old.wakes, new.wakes),
            (old.self_wakes, new.self_wakes),
            (old.waker_clones, new.waker_clones),
            (old.waker_drops, new.waker_drops),
            (
                old.last_wake_ns.unwrap_or(0),
                new.last_wake_ns.unwrap_or(u64::MAX),
            ),
        ],
    )
}

/// Fails if one of the numbers runs back.
fn forward(what: &str, numbers: &[(u64, u64)]) -> Result<(), String> {
    let back = numbers.iter().position(|(old, new)| old > new);
    match back {
        None => Ok(()),
        Some(i) => Err(format!(
            "{what}: number {i} ran back from {} to {}",
            numbers[i].0, numbers[i].1
        )),
    }
}
