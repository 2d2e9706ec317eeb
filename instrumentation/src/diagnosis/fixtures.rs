//! Histories made by hand, for the tests of the rules.

use std::panic::Location;
use std::sync::Arc;

use zokio::runtime::RuntimeFlavor;
use zokio::telemetry::{Snapshot, SpawnSiteSnapshot, TaskSnapshot, Wait, WorkerSnapshot};

use super::{Finding, History, Rule, Thresholds};
use crate::stacks::Frame;
use crate::watchdog::{CpuWait, LongPoll, Stack};

pub(super) const MS: u64 = 1_000_000;

/// A runtime of two workers that do nothing, at that second.
pub(super) fn snapshot(second: u64) -> Snapshot {
    let mut snapshot = Snapshot::empty("main", RuntimeFlavor::MultiThread);
    snapshot.taken_at_ns = second * 1_000 * MS;
    snapshot.workers = vec![WorkerSnapshot::empty(0), WorkerSnapshot::empty(1)];
    for worker in &mut snapshot.workers {
        worker.parked_ns = second * 1_000 * MS;
    }
    snapshot.blocking.max_threads = 4;
    snapshot
}

/// The same, at that millisecond.
pub(super) fn snapshot_at(ms: u64) -> Snapshot {
    let mut snapshot = snapshot(0);
    snapshot.taken_at_ns = ms * MS;
    snapshot
}

/// An idle task, spawned here.
#[track_caller]
pub(super) fn task(id: u64) -> TaskSnapshot {
    let mut task = TaskSnapshot::empty(id, Location::caller());
    task.polls = 1;
    task
}

/// A site where nothing was spawned: always the same.
pub(super) fn site() -> SpawnSiteSnapshot {
    SpawnSiteSnapshot::empty(Location::caller())
}

/// A task that waits for one thing since that millisecond, with one waker.
#[track_caller]
pub(super) fn waiting(
    id: u64,
    kind: &'static str,
    resource: u64,
    holder: Option<u64>,
    since_ms: u64,
) -> TaskSnapshot {
    let mut wait = Wait::new(kind, "wait", Some(Location::caller()));
    (wait.resource, wait.holder, wait.since_ns) = (resource, holder, since_ms * MS);
    wait.holder_is_exact = holder.is_some();
    let mut task = task(id);
    task.state_since_ns = since_ms * MS;
    task.waker_clones = 1;
    task.waits = vec![wait];
    task
}

/// A history of one look with these tasks.
pub(super) fn history_of(second: u64, tasks: Vec<TaskSnapshot>) -> History {
    let mut look = snapshot(second);
    look.tasks = tasks;
    let mut history = History::default();
    history.note_snapshot(look, &Thresholds::default());
    history
}

/// A history of looks at one site, a second apart.
pub(super) fn history_of_sites(sites: impl IntoIterator<Item = SpawnSiteSnapshot>) -> History {
    let mut history = History::default();
    for (second, site) in (1..).zip(sites) {
        let mut look = snapshot(second);
        look.spawn_sites.push(site);
        history.note_snapshot(look, &Thresholds::default());
    }
    history
}

/// Three looks at one site, a second apart, while threads waited that long for a CPU; `note` says
/// what has happened by each second.
pub(super) fn history_of_three(
    cpu_wait_us: u64,
    note: impl Fn(u64, &mut Snapshot, &mut SpawnSiteSnapshot),
) -> History {
    let mut history = History::default();
    let unchanged = site();
    for second in 1..=3 {
        let (mut look, mut site) = (snapshot(second), unchanged.clone());
        note(second, &mut look, &mut site);
        look.spawn_sites.push(site);
        history.note_cpu_wait(CpuWait {
            rests: second * 50,
            late_ns: second * 50 * cpu_wait_us * 1_000,
        });
        history.note_snapshot(look, &Thresholds::default());
    }
    history
}

/// A poll that goes on, of a function at line 7 of `src/app.rs`.
pub(super) fn long_poll(task_id: u64, began_at_ms: u64, thread_state: &'static str) -> LongPoll {
    let frame = |function: &str, file: &str| Frame {
        function: function.to_owned(),
        file: file.to_owned(),
        line: 7,
        column: 5,
    };
    LongPoll {
        runtime_id: 1,
        worker: 0,
        task_id,
        task_name: None,
        spawned_at: Some(Location::caller()),
        began_at_ns: began_at_ms * MS,
        ended_at_ns: None,
        stack: Stack {
            taken_at_ns: began_at_ms * MS,
            thread_id: 1,
            thread_state,
            frames: Arc::from([
                frame("std::thread::sleep", "/rustc/1/library/std/src/thread.rs"),
                frame("app::query", "src/app.rs"),
            ]),
            ..Stack::default()
        },
    }
}

/// What a rule finds with the thresholds that are the default.
pub(super) fn found(rule: &Rule, history: &History) -> Vec<Finding> {
    (rule.find)(history, &Thresholds::default())
}
