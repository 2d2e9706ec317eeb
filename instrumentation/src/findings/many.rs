//! A snapshot of a runtime that has more tasks than are followed: of these alone.
//!
//! All tasks are looked at, in slices, for the spawn sites and for those that are followed. Memory is
//! bounded by how many may be followed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::telemetry::{
    CaptureOptions, RelationScan, Snapshot, TaskPlace, TaskScan, WaitBook, tasks_at,
};

use crate::diagnosis::Engine;

/// Records that are looked at without letting others run.
const SLICE: usize = 16_384;

/// The runtime with the tasks that the engine follows, and more up to `max_tasks`; and how long it took,
/// without what ran in between. `None`: it does not have that many tasks.
pub(super) async fn snapshot(
    handle: &Handle,
    engine: &Engine,
    max_tasks: usize,
) -> Option<(Snapshot, Duration)> {
    if TaskScan::new(handle).left() <= max_tasks {
        return None;
    }
    let mut spent = Duration::ZERO;
    let mut began = Instant::now();
    let mut scan = TaskScan::new(handle).with_spawn_sites();
    let (mut followed, mut fresh) = (Vec::new(), Vec::new());
    while scan.step(SLICE, |task| {
        let place = task.place();
        if engine.follows(place.id) {
            followed.push(place);
        } else if fresh.len() < max_tasks {
            fresh.push(place);
        }
    }) {
        pause(&mut spent, &mut began).await;
    }
    let room = max_tasks.saturating_sub(followed.len());
    followed.extend(fresh.into_iter().take(room));
    let counters = CaptureOptions::new().tasks(false).spawn_sites(false);
    let mut snapshot = Snapshot::capture_with(handle, counters);
    snapshot.spawn_sites = scan.finish().spawn_sites;
    pause(&mut spent, &mut began).await;
    // Before the tasks are read: rules take for proof that a task has been idle for long by then.
    snapshot.taken_at_ns = zokio::telemetry::now_ns();
    let mut book = WaitBook::new();
    let seen = tasks_at(handle, &followed, &mut book);
    (snapshot.tasks, snapshot.permits) = (seen.tasks, seen.permits);
    let mut takers = takers_beside(handle, &snapshot);
    while takers.step(SLICE) {
        pause(&mut spent, &mut began).await;
    }
    let alive: Vec<TaskPlace> = takers.finish().places;
    snapshot
        .tasks
        .extend(tasks_at(handle, &alive, &mut book).tasks);
    Some((snapshot, spent + began.elapsed()))
}

/// Who took permits and has not given them back, if it is not among the tasks: whether it lives must be
/// known.
fn takers_beside(handle: &Handle, snapshot: &Snapshot) -> RelationScan {
    let held = snapshot.permits.iter().filter(|p| p.latest_holds);
    let takers = held.filter_map(|permits| permits.acquired_by.first());
    let mut takers: HashSet<u64> = takers.map(|taker| taker.task).collect();
    takers.remove(&0);
    for task in &snapshot.tasks {
        takers.remove(&task.id);
    }
    RelationScan::new(handle, [], takers)
}

/// Lets others run, which is not counted.
async fn pause(spent: &mut Duration, began: &mut Instant) {
    *spent += began.elapsed();
    zokio::task::yield_now().await;
    *began = Instant::now();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Thresholds;
    use std::future::pending;
    use zokio::runtime::Builder;

    #[test]
    fn of_many_tasks_those_that_are_followed_are_told_and_all_are_counted() {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let spawn = || runtime.spawn(pending::<()>()).id();
        let ids: Vec<_> = (0..50).map(|_| spawn().to_string()).collect();
        let handle = runtime.handle();
        let mut engine = Engine::new(Thresholds {
            max_tasks: 10,
            ..Thresholds::default()
        });
        let look = |engine: &Engine, max| runtime.block_on(snapshot(handle, engine, max));
        assert!(look(&engine, 1_000).is_none());
        let (first, _) = look(&engine, 10).unwrap();
        assert_eq!(first.tasks.len(), 10);
        // The future that looks is counted by no site.
        let alive: u64 = first.spawn_sites.iter().map(|site| site.alive).sum();
        assert_eq!(alive, ids.len() as u64);
        let sorted = |snapshot: &Snapshot| {
            let mut ids: Vec<u64> = snapshot.tasks.iter().map(|task| task.id).collect();
            ids.sort_unstable();
            ids
        };
        let followed = sorted(&first);
        engine.look(first, Vec::new());
        let (second, _) = look(&engine, 10).unwrap();
        assert_eq!(sorted(&second), followed);
    }
}
