//! What telemetry shows of local tasks and of waits for sets of tasks.

use std::future::pending;

use zokio::runtime::{Handle, LocalRuntime, Runtime};
use zokio::task::{self, JoinSet, LocalSet};
use zokio::telemetry::{Snapshot, SpawnSiteSnapshot, TaskKind, TaskSnapshot, TaskState};

use super::support::{both, current, multi};

fn named(snapshot: &Snapshot, name: &str) -> TaskSnapshot {
    let named = |task: &&TaskSnapshot| task.name.as_deref() == Some(name);
    snapshot
        .tasks
        .iter()
        .find(named)
        .expect("a live task")
        .clone()
}

fn here() -> Snapshot {
    Snapshot::capture(&Handle::current())
}

/// Sums over workers and over spawn sites.
fn polls(snapshot: &Snapshot) -> (u64, u64) {
    let by_workers: u64 = snapshot.workers.iter().map(|worker| worker.polls).sum();
    let by_sites: u64 = snapshot.spawn_sites.iter().map(|site| site.polls).sum();
    (by_workers + snapshot.polls_elsewhere, by_sites)
}

fn site(snapshot: &Snapshot, line: u32) -> SpawnSiteSnapshot {
    let is_here = |site: &&SpawnSiteSnapshot| {
        site.location.line() == line && site.location.file().ends_with("telemetry.rs")
    };
    snapshot
        .spawn_sites
        .iter()
        .find(is_here)
        .expect("a site")
        .clone()
}

#[test]
fn waiting_local_task_is_shown_with_kind_place_and_wait() {
    for runtime in both() {
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            let (_send, receive) = zokio::sync::oneshot::channel::<()>();
            let line = line!() + 1;
            let waiting = task::Builder::new().name("waits").spawn_local(receive);
            task::yield_now().await;
            let shown = named(&here(), "waits");
            assert_eq!(
                (shown.kind, shown.state),
                (TaskKind::Local, TaskState::Idle)
            );
            assert_eq!((shown.polls, shown.location.line()), (1, line));
            assert_eq!(shown.waits.len(), 1);
            assert_eq!(shown.waits[0].kind, "oneshot");
            drop(waiting);
        });
    }
}

#[test]
fn local_task_that_was_not_polled_is_shown_as_scheduled() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let fresh = task::Builder::new().name("fresh").spawn_local(async {});
        let shown = named(&here(), "fresh");
        assert_eq!((shown.state, shown.polls), (TaskState::Scheduled, 0));
        drop(fresh);
    });
}

#[test]
fn local_task_sees_itself_busy() {
    for runtime in both() {
        let set = LocalSet::new();
        set.block_on(&runtime, async {
            let task = task::Builder::new().name("self").spawn_local(async {
                task::yield_now().await;
                named(&here(), "self")
            });
            let shown = task.unwrap().await.unwrap();
            assert_eq!((shown.state, shown.polls), (TaskState::Busy, 2));
            assert_eq!(shown.self_wakes, 1);
        });
    }
}

#[test]
fn self_wakes_of_the_task_around_a_set_are_its_own() {
    let outer = LocalSet::new();
    outer.block_on(&current(), async {
        let task = task::Builder::new().name("outer").spawn_local(async {
            let inner = LocalSet::new();
            let idle = task::Builder::new().name("inner");
            let _idle = idle.spawn_local_on(pending::<()>(), &inner);
            for _ in 0..3 {
                inner.run_until(task::yield_now()).await;
            }
            let snapshot = here();
            (named(&snapshot, "outer"), named(&snapshot, "inner"))
        });
        let (outer, inner) = task.unwrap().await.unwrap();
        assert_eq!((outer.self_wakes, inner.self_wakes), (3, 0));
    });
}

#[test]
fn polls_of_local_tasks_are_booked_once() {
    for runtime in both() {
        let set = LocalSet::new();
        let line = set.block_on(&runtime, async {
            for _ in 0..10 {
                task::spawn_local(async {
                    for _ in 0..4 {
                        task::yield_now().await;
                    }
                })
                .await
                .unwrap();
            }
            line!() - 8
        });
        let snapshot = Snapshot::capture(runtime.handle());
        assert_eq!(polls(&snapshot), (50, 50));
        let site = site(&snapshot, line);
        assert_eq!((site.spawned, site.alive, site.polls), (10, 0, 50));
        assert_eq!((snapshot.spawned_tasks, snapshot.completed_tasks), (10, 10));
    }
}

#[test]
fn local_tasks_in_a_multi_thread_runtime_are_polled_by_no_worker() {
    let runtime = multi();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        task::spawn_local(async {}).await.unwrap()
    });
    let snapshot = Snapshot::capture(runtime.handle());
    assert_eq!(snapshot.polls_elsewhere, 1);
    assert!(snapshot.workers.iter().all(|worker| worker.polls == 0));
}

#[test]
fn ends_of_local_tasks_are_counted_by_how() {
    let runtime = current();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        task::spawn_local(async {}).await.unwrap();
        let panics = task::spawn_local(async { std::panic::panic_any("counted") });
        panics.await.unwrap_err();
        let aborted = task::spawn_local(pending::<()>());
        aborted.abort();
        aborted.await.unwrap_err();
        task::spawn_local(pending::<()>());
    });
    drop(set);
    let snapshot = Snapshot::capture(runtime.handle());
    let ends = (
        snapshot.completed_tasks,
        snapshot.panicked_tasks,
        snapshot.cancelled_tasks,
    );
    assert_eq!((ends, snapshot.alive_tasks), ((4, 1, 2), 0));
}

#[test]
fn local_tasks_of_a_set_outlive_their_runtime_in_its_books() {
    let runtime = current();
    let handle = runtime.handle().clone();
    let set = LocalSet::new();
    set.block_on(&runtime, async {
        task::spawn_local(pending::<()>());
        task::yield_now().await;
    });
    drop(runtime);
    assert_eq!(Snapshot::capture(&handle).alive_tasks, 1);
    drop(set);
    assert_eq!(Snapshot::capture(&handle).alive_tasks, 0);
}

#[test]
fn local_runtime_shows_its_tasks() {
    let runtime = LocalRuntime::new().unwrap();
    runtime.block_on(async {
        let local = task::Builder::new()
            .name("local")
            .spawn_local(pending::<()>());
        task::yield_now().await;
        let snapshot = here();
        assert_eq!(named(&snapshot, "local").kind, TaskKind::Local);
        let (booked, by_sites) = polls(&snapshot);
        assert_eq!(booked, by_sites);
        drop(local);
    });
}

#[test]
fn parent_of_a_local_task_is_the_task_that_spawned_it() {
    let set = LocalSet::new();
    set.block_on(&current(), async {
        let parent = task::spawn_local(async {
            let child = task::Builder::new()
                .name("child")
                .spawn_local(pending::<()>());
            drop(child);
            named(&here(), "child").parent
        });
        let id = parent.id().to_string();
        assert_eq!(parent.await.unwrap().unwrap().to_string(), id);
    });
}

/// What the task of that name waits for, after it was polled.
fn waits_of(
    runtime: &Runtime,
    spawn: impl FnOnce() -> std::io::Result<task::JoinHandle<()>>,
) -> Vec<(String, u32, u32)> {
    runtime.block_on(async {
        let _task = spawn().unwrap();
        task::yield_now().await;
        task::yield_now().await;
        let waits = named(&here(), "waiter").waits;
        let wait = waits.iter().map(|wait| {
            let line = wait.location.map_or(0, |place| place.line());
            (
                format!("{}.{}", wait.kind, wait.operation),
                wait.count,
                line,
            )
        });
        wait.collect()
    })
}

#[test]
fn wait_for_a_join_set_says_for_how_many_tasks_and_where() {
    let line = line!() + 5;
    let waits = waits_of(&current(), || {
        task::Builder::new().name("waiter").spawn(async {
            let mut set: JoinSet<()> = JoinSet::new();
            (0..3).for_each(|_| drop(set.spawn(pending())));
            set.join_next().await;
        })
    });
    assert_eq!(waits, [("join_set.join_next".to_owned(), 3, line)]);
}

#[test]
fn wait_for_a_join_set_s_shutdown_and_for_all_are_shown_too() {
    let line = line!() + 5;
    let waits = waits_of(&current(), || {
        task::Builder::new().name("waiter").spawn(async {
            let mut set: JoinSet<()> = JoinSet::new();
            (0..2).for_each(|_| drop(set.spawn(pending())));
            set.join_all().await;
        })
    });
    assert_eq!(waits, [("join_set.join_next".to_owned(), 2, line)]);
}

#[test]
fn wait_for_one_task_counts_one() {
    let line = line!() + 4;
    let waits = waits_of(&current(), || {
        task::Builder::new().name("waiter").spawn(async {
            let task = zokio::spawn(pending::<()>());
            task.await.unwrap();
        })
    });
    assert_eq!(waits, [("join.join".to_owned(), 1, line)]);
}

#[test]
fn join_next_that_is_dropped_waits_no_more() {
    let waits = waits_of(&current(), || {
        task::Builder::new().name("waiter").spawn(async {
            let mut set: JoinSet<()> = JoinSet::new();
            set.spawn(pending());
            zokio::select! {
                biased;
                _ = set.join_next() => {}
                () = async {} => {}
            }
            let _: () = pending().await;
        })
    });
    assert_eq!(waits, []);
}

#[test]
fn task_that_awaits_a_local_set_is_shown_to() {
    let outer = LocalSet::new();
    outer.block_on(&current(), async {
        let waiter = task::Builder::new().name("waiter").spawn_local(async {
            let set = LocalSet::new();
            set.spawn_local(pending::<()>());
            set.await;
        });
        task::yield_now().await;
        let waits = named(&here(), "waiter").waits;
        assert_eq!(waits.len(), 1);
        assert_eq!((waits[0].kind, waits[0].operation), ("local_set", "await"));
        drop(waiter);
    });
}
