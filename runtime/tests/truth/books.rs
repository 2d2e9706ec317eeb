//! The books at rest: telemetry's against the tasks' own.

use std::collections::HashMap;

use zokio::telemetry::{Snapshot, TaskKind, TaskSnapshot, TaskState};

use crate::facts::{Facts, Fate, Ledger, SiteFacts};
use crate::plan::Site;

/// Conversions from ticks round down, each by less than a nanosecond, and the processor's clock and
/// the kernel's differ by parts in ten thousand.
pub(crate) fn is_at_least(reported: u64, measured: u64) -> bool {
    reported + reported / 1_000 + 2_000 >= measured
}

macro_rules! same {
    ($what:expr, $reported:expr, $known:expr) => {{
        let (reported, known) = ($reported, $known);
        if reported != known {
            return Err(format!(
                "{}: reported {reported:?}, but it is {known:?}",
                $what
            ));
        }
    }};
}

/// Everything that can be said of a runtime in which nothing moves.
pub(crate) fn check(snapshot: &Snapshot, ledger: &Ledger, unattributed: u64) -> Result<(), String> {
    polls(snapshot, ledger)?;
    sites(snapshot, ledger)?;
    totals(snapshot, ledger)?;
    workers(snapshot, ledger)?;
    tasks(snapshot, ledger, unattributed)
}

/// Σ by task = Σ by worker and elsewhere = Σ by site.
fn polls(snapshot: &Snapshot, ledger: &Ledger) -> Result<(), String> {
    let by_worker: u64 = snapshot.workers.iter().map(|w| w.polls).sum();
    let by_site: u64 = snapshot.spawn_sites.iter().map(|s| s.polls).sum();
    let by_task = ledger.polls();
    same!(
        "polls by worker",
        by_worker + snapshot.polls_elsewhere,
        by_task
    );
    same!("polls by site", by_site, by_task);
    let locals = ledger.tasks();
    let locals = locals.iter().filter(|task| task.kind == TaskKind::Local);
    let local_polls: u64 = locals.map(|task| task.polls.get()).sum();
    if snapshot.polls_elsewhere > local_polls {
        return Err(format!("{} polls elsewhere", snapshot.polls_elsewhere));
    }
    Ok(())
}

fn sites(snapshot: &Snapshot, ledger: &Ledger) -> Result<(), String> {
    let known = ledger.by_site();
    same!("sites", snapshot.spawn_sites.len(), known.len());
    for site in &snapshot.spawn_sites {
        let known = known.get(&site.location).copied().unwrap_or_default();
        let reported = SiteFacts {
            spawned: site.spawned,
            ended: site.spawned - site.alive,
            polls: site.polls,
            panicked: site.panicked,
            cancelled: site.cancelled,
            cpu_ns: known.cpu_ns,
        };
        same!(site.location, reported, known);
        if !is_at_least(site.busy_ns, known.cpu_ns.saturating_sub(known.polls * 500)) {
            let (busy, used) = (site.busy_ns, known.cpu_ns);
            return Err(format!("{}: busy {busy}, used {used}", site.location));
        }
    }
    Ok(())
}

fn totals(snapshot: &Snapshot, ledger: &Ledger) -> Result<(), String> {
    let known = ledger.by_site();
    let sum = |of: fn(&SiteFacts) -> u64| known.values().map(of).sum::<u64>();
    same!("spawned", snapshot.spawned_tasks, sum(|s| s.spawned));
    same!("completed", snapshot.completed_tasks, sum(|s| s.ended));
    same!("panicked", snapshot.panicked_tasks, sum(|s| s.panicked));
    same!("cancelled", snapshot.cancelled_tasks, sum(|s| s.cancelled));
    let alive = snapshot.spawned_tasks - snapshot.completed_tasks;
    same!("alive", snapshot.alive_tasks, alive);
    same!("tasks listed", snapshot.tasks.len() as u64, alive);
    let depths: Vec<u64> = snapshot.workers.iter().map(|w| w.queue_depth).collect();
    same!("queue depths", depths, vec![0; snapshot.workers.len()]);
    same!("injector's depth", snapshot.injector_depth, 0);
    same!("the pool's depth", snapshot.blocking.queue_depth, 0);
    same!("timers", snapshot.timers.armed, 0);
    let lateness = snapshot.timers.lateness.count;
    same!("timers that fired", snapshot.timers.fired, lateness);
    Ok(())
}

fn workers(snapshot: &Snapshot, ledger: &Ledger) -> Result<(), String> {
    let mut in_place = ledger.blocked_in_place.get();
    for (index, worker) in snapshot.workers.iter().enumerate() {
        same!("waits for a poll", worker.wake_to_poll.count, worker.polls);
        // The time of a poll that lost its worker is nobody's.
        let lost = worker.polls.checked_sub(worker.poll_time.count);
        in_place = match lost.and_then(|lost| in_place.checked_sub(lost)) {
            Some(left) => left,
            None => return Err(format!("worker {index}: {lost:?} polls without a time")),
        };
        // A poll that blocks in place may go on beside others of its worker.
        let nested = ledger.blocked_in_place.get() == 0;
        if nested && !is_at_least(worker.busy_ns, worker.poll_time.sum_ns) {
            let (busy, polling) = (worker.busy_ns, worker.poll_time.sum_ns);
            return Err(format!("worker {index}: busy {busy}, polling {polling}"));
        }
        let used = ledger.cpu_of_worker(index);
        if !is_at_least(worker.busy_ns, used.saturating_sub(worker.polls * 500)) {
            let busy = worker.busy_ns;
            return Err(format!("worker {index}: busy {busy}, used {used}"));
        }
        same!("own tasks stolen", worker.stolen_from[index], 0);
        let by_victim: u64 = worker.stolen_from.iter().sum();
        same!("tasks stolen by victim", by_victim, worker.stolen_tasks);
    }
    let sum = |of: fn(&zokio::telemetry::WorkerSnapshot) -> u64| {
        snapshot.workers.iter().map(of).sum::<u64>()
    };
    let migrations: u64 = ledger.tasks().iter().map(|t| t.migrations.get()).sum();
    let moves = sum(|w| w.stolen_tasks) + sum(|w| w.injector_takes) + sum(|w| w.remote_wakes);
    if migrations > moves {
        return Err(format!("{migrations} tasks moved, {moves} moves reported"));
    }
    Ok(())
}

/// Each live task's own account.
fn tasks(snapshot: &Snapshot, ledger: &Ledger, unattributed: u64) -> Result<(), String> {
    let known: HashMap<u64, _> = ledger
        .tasks()
        .into_iter()
        .filter(|facts| facts.fate() == Fate::AtGate)
        .map(|facts| (facts.id.get(), facts))
        .collect();
    let mut missing = 0;
    for task in &snapshot.tasks {
        let Some(facts) = known.get(&task.id) else {
            return Err(format!("nobody knows task {}", task.id));
        };
        missing += account(task, facts).map_err(|why| format!("task {}: {why}", task.id))?;
        times(task, snapshot, facts).map_err(|why| format!("task {}: {why}", task.id))?;
    }
    // Those that have ended take with them what they lacked.
    let lost = |facts: &Facts| facts.wakes.get() + facts.clones.get() >= 4_096;
    let mut ended = ledger.tasks().into_iter().filter(|t| t.has_ended());
    if ended.any(|facts| lost(&facts)) && missing <= unattributed {
        return Ok(());
    }
    same!("wakes and clones of nobody", unattributed, missing);
    Ok(())
}

/// Compares a task's books. The wakes and clones that are missing in what is reported.
fn account(task: &TaskSnapshot, facts: &Facts) -> Result<u64, String> {
    let place: Site = facts.site;
    same!("place", task.location, place);
    same!("kind", task.kind, facts.kind);
    same!("state", task.state, TaskState::Idle);
    same!("polls", task.polls, facts.polls.get());
    same!("self-wakes", task.self_wakes, facts.self_wakes.get());
    let live = facts.clones.get() - facts.drops.get();
    same!("live wakers", task.waker_clones - task.waker_drops, live);
    let lacks = |what, reported: u64, known: u64| {
        let lacks = known.checked_sub(reported);
        lacks.ok_or(format!("{what}: reported {reported}, but it is {known}"))
    };
    let wakes = lacks("wakes", task.wakes, facts.wakes.get())?;
    let clones = lacks("clones", task.waker_clones, facts.clones.get())?;
    Ok(wakes + clones)
}

fn times(task: &TaskSnapshot, snapshot: &Snapshot, facts: &Facts) -> Result<(), String> {
    let used = facts.cpu_ns.get();
    if !is_at_least(task.busy_ns, used.saturating_sub(task.polls * 500)) {
        return Err(format!("busy {}, used {used}", task.busy_ns));
    }
    if task.longest_poll_ns > task.busy_ns || (task.longest_poll_ns + 1) * task.polls < task.busy_ns
    {
        return Err(format!("longest poll {}", task.longest_poll_ns));
    }
    let age = snapshot.taken_at_ns - task.created_at_ns;
    let total = task.busy_ns + task.scheduled_ns + task.idle_ns;
    if total > age {
        return Err(format!("accounts for {total} of {age} ns"));
    }
    if task.state_since_ns < task.created_at_ns || task.state_since_ns > snapshot.taken_at_ns {
        return Err("in its state since another time".to_owned());
    }
    Ok(())
}
