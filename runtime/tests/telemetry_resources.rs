//! What telemetry tells of the things that tasks wait for: where they were made, how full they are, who
//! holds them and where it took them.

#![cfg(feature = "telemetry")]

use std::panic::Location;
use std::sync::{Arc, MutexGuard, PoisonError};

use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Barrier, Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use zokio::telemetry::{
    BacklogSnapshot, PermitsSnapshot, Snapshot, TaskSnapshot, Wait, WaitPoint, wait_scope,
};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// One test at a time: what has the list of long channels keeps others from telling of theirs.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the tasks run until none can go on, and looks.
fn look(runtime: &Runtime) -> Snapshot {
    runtime.block_on(async {
        for _ in 0..64 {
            zokio::task::yield_now().await;
        }
    });
    Snapshot::capture(runtime.handle())
}

fn wait_for<'a>(snapshot: &'a Snapshot, kind: &str) -> (&'a TaskSnapshot, Wait) {
    let mut waits = snapshot
        .tasks
        .iter()
        .flat_map(|task| task.waits.iter().map(move |wait| (task, *wait)))
        .filter(|(_, wait)| wait.kind == kind);
    let found = waits.next();
    found.unwrap_or_else(|| panic!("nobody waits for {kind}"))
}

fn permits_of(snapshot: &Snapshot, resource: u64) -> &PermitsSnapshot {
    let mut permits = snapshot.permits.iter();
    permits
        .find(|permits| permits.resource == resource)
        .expect("somebody waits for it")
}

#[track_caller]
fn line() -> u32 {
    Location::caller().line()
}

fn line_of(place: Option<&'static Location<'static>>) -> Option<u32> {
    let place = place.filter(|place| place.file() == file!());
    place.map(Location::line)
}

/// What is pending for ever.
async fn pending() {
    std::future::pending::<()>().await;
}

#[test]
fn a_lock_tells_where_it_was_made_and_where_it_was_taken() {
    let _alone = alone();
    let runtime = runtime();
    let (lock, made) = (Arc::new(Mutex::new(0)), line());
    let (held, taken) = (Arc::clone(&lock), line() + 2);
    let holder = runtime.spawn(async move {
        let _guard = held.lock().await;
        pending().await;
    });
    look(&runtime);
    drop(runtime.spawn(async move { *lock.lock().await }));
    let (_, wait) = {
        let snapshot = look(&runtime);
        let (task, wait) = wait_for(&snapshot, "mutex");
        (task.id, wait)
    };
    assert_eq!(line_of(wait.created_at), Some(made));
    assert_eq!(line_of(wait.held_at), Some(taken));
    assert_eq!(
        wait.holder.map(|id| id.to_string()),
        Some(holder.id().to_string())
    );
    assert!(wait.holder_is_exact);
    assert_eq!((wait.capacity, wait.used), (None, None));
}

#[test]
fn locks_in_statics_know_their_place_too() {
    let _alone = alone();
    static LOCK: RwLock<u32> = RwLock::const_new(0);
    let made = line() - 1;
    let runtime = runtime();
    let taken = line() + 2;
    drop(runtime.spawn(async {
        let _guard = LOCK.try_write().unwrap();
        pending().await;
    }));
    drop(runtime.spawn(async { *LOCK.read().await }));
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "rwlock");
    assert_eq!(line_of(wait.created_at), Some(made));
    assert_eq!(line_of(wait.held_at), Some(taken));
}

#[test]
fn a_full_channel_tells_its_capacity_and_who_receives() {
    let _alone = alone();
    let runtime = runtime();
    let ((tx, mut rx), made) = (mpsc::channel(2), line());
    let receiver = runtime.spawn(async move {
        rx.recv().await;
        pending().await;
        drop(rx);
    });
    drop(runtime.spawn(async move {
        for n in 0.. {
            tx.send(n).await.unwrap();
        }
    }));
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "mpsc");
    assert_eq!(wait.operation, "send");
    assert_eq!(line_of(wait.created_at), Some(made));
    assert_eq!((wait.capacity, wait.used), (Some(2), Some(2)));
    assert_eq!(wait.holder.unwrap().to_string(), receiver.id().to_string());
    assert!(!wait.holder_is_exact, "a receiver may be moved");
}

#[test]
fn an_empty_channel_has_room_and_no_holder() {
    let _alone = alone();
    let runtime = runtime();
    let (_tx, mut rx) = mpsc::channel::<u32>(3);
    drop(runtime.spawn(async move { rx.recv().await }));
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "mpsc");
    assert_eq!((wait.capacity, wait.used), (Some(3), Some(0)));
    assert_eq!(wait.holder, None);
}

#[test]
fn the_latest_taker_of_a_leaked_permit_is_known_after_its_end() {
    let _alone = alone();
    let runtime = runtime();
    let (permits, made) = (Arc::new(Semaphore::new(1)), line());
    let leaking = Arc::clone(&permits);
    let taken = line() + 2;
    let leaker = runtime.spawn(async move {
        let permit = leaking.acquire().await.unwrap();
        std::mem::forget(permit);
    });
    let leaker = leaker.id().to_string();
    look(&runtime);
    drop(runtime.spawn(async move { permits.acquire().await.map(drop).is_ok() }));
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "semaphore");
    assert_eq!(line_of(wait.created_at), Some(made));
    assert_eq!((wait.capacity, wait.used), (Some(1), Some(1)));
    let permits = permits_of(&snapshot, wait.resource);
    assert_eq!((permits.total, permits.latest_holds), (Some(1), true));
    let latest = permits.acquired_by[0];
    assert_eq!(latest.task.to_string(), leaker);
    assert_eq!(
        (line_of(latest.location), latest.owned),
        (Some(taken), false)
    );
    assert!(
        snapshot.tasks.iter().all(|t| t.id != latest.task),
        "it is gone"
    );
}

#[test]
fn forgotten_permits_are_there_no_more() {
    let _alone = alone();
    let runtime = runtime();
    let permits = Arc::new(Semaphore::new(2));
    permits.try_acquire().unwrap().forget();
    assert_eq!(permits.forget_permits(5), 1);
    let waiting = Arc::clone(&permits);
    drop(runtime.spawn(async move { waiting.acquire().await.map(drop).is_ok() }));
    let total = |snapshot: &Snapshot| {
        let (_, wait) = wait_for(snapshot, "semaphore");
        permits_of(snapshot, wait.resource).total
    };
    assert_eq!(total(&look(&runtime)), Some(0));
}

#[test]
fn permits_taken_back_and_forth_leave_nobody_holding() {
    let _alone = alone();
    let runtime = runtime();
    let permits = Arc::new(Semaphore::new(1));
    let first = permits.try_acquire().unwrap();
    let waiting = Arc::clone(&permits);
    let (handed_over, pass) = (Arc::clone(&permits), Arc::new(Notify::new()));
    // Has a permit on its way, and does not look at it.
    drop(runtime.spawn(async move {
        let mut acquiring = std::pin::pin!(handed_over.acquire());
        zokio::select! {
            biased;
            _ = &mut acquiring => unreachable!("the permit is taken"),
            () = pass.notified() => {}
            () = std::future::ready(()) => {}
        }
        pending().await;
    }));
    look(&runtime);
    drop(runtime.spawn(async move { waiting.acquire().await.map(drop).is_ok() }));
    look(&runtime);
    drop(first);
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "semaphore");
    assert!(!permits_of(&snapshot, wait.resource).latest_holds);
}

#[test]
fn every_primitive_knows_where_it_was_made() {
    let _alone = alone();
    let runtime = runtime();
    let notify = (Arc::new(Notify::default()), line()).0;
    drop(runtime.spawn(async move { notify.notified().await }));
    let (_one, receiver) = oneshot::channel::<u32>();
    drop(runtime.spawn(receiver));
    let (_watch, mut changes) = watch::channel(0);
    drop(runtime.spawn(async move { changes.changed().await.is_ok() }));
    let (_broadcast, mut messages) = broadcast::channel::<u32>(4);
    drop(runtime.spawn(async move { messages.recv().await.is_ok() }));
    let barrier = Barrier::new(5);
    drop(runtime.spawn(async move { barrier.wait().await.is_leader() }));
    let (_tx, mut rx) = mpsc::unbounded_channel::<u32>();
    drop(runtime.spawn(async move { rx.recv().await }));
    let snapshot = look(&runtime);
    for kind in ["notify", "oneshot", "watch", "broadcast", "barrier", "mpsc"] {
        let (_, wait) = wait_for(&snapshot, kind);
        assert!(line_of(wait.created_at).is_some(), "{kind}");
    }
    assert_eq!(wait_for(&snapshot, "barrier").1.capacity, Some(5));
    assert_eq!(wait_for(&snapshot, "broadcast").1.capacity, Some(4));
    assert_eq!(wait_for(&snapshot, "mpsc").1.capacity, None);
}

#[test]
fn futures_of_others_tell_what_they_wait_for() {
    let _alone = alone();
    static CHECKOUT: WaitPoint = WaitPoint::new("pool", "checkout");
    let runtime = runtime();
    let awaited = line() + 2;
    drop(runtime.spawn(async {
        wait_scope(&CHECKOUT, std::future::pending::<()>()).await;
    }));
    let snapshot = look(&runtime);
    let (_, wait) = wait_for(&snapshot, "pool");
    assert_eq!(wait.operation, "checkout");
    assert_eq!(line_of(wait.location), Some(awaited));
}

/// The backlog of the channel made at that line of this file.
fn backlog_of(snapshot: &Snapshot, made: u32) -> Option<&BacklogSnapshot> {
    let mut backlogs = snapshot.backlogs.iter();
    backlogs.find(|b| line_of(Some(b.created_at)) == Some(made))
}

/// Whether what is known of the length is as near as it promises to be.
fn is_about(known: u64, messages: u64) -> bool {
    known.abs_diff(messages) <= 600
}

#[test]
fn an_unbounded_channel_with_many_messages_is_known_until_they_are_received() {
    let _alone = alone();
    let runtime = runtime();
    let ((tx, mut rx), made) = (mpsc::unbounded_channel(), line());
    let sender = runtime.spawn(async move {
        for i in 0..100_000_u32 {
            tx.send(i).unwrap();
        }
        pending().await;
    });
    let snapshot = look(&runtime);
    let backlog = backlog_of(&snapshot, made).expect("it is long");
    assert!(is_about(backlog.messages, 100_000), "{backlog:?}");
    assert_eq!(backlog.sender, Some(sender.id().as_u64()));
    assert_eq!((backlog.capacity, backlog.receiver), (None, None));
    assert_eq!(backlog.received, 0);

    let receiver = runtime.spawn(async move {
        for _ in 0..60_000 {
            rx.recv().await.unwrap();
        }
        zokio::task::yield_now().await;
        Notify::new().notified().await;
        drop(rx);
    });
    let mut snapshot = look(&runtime);
    while !snapshot.tasks.iter().any(|task| !task.waits.is_empty()) {
        snapshot = look(&runtime);
    }
    let backlog = backlog_of(&snapshot, made).expect("it is long still");
    assert!(is_about(backlog.messages, 40_000), "{backlog:?}");
    assert!(is_about(backlog.received, 60_000), "{backlog:?}");
    assert_eq!(backlog.receiver, Some(receiver.id().as_u64()));

    drop(runtime);
    let other = Builder::new_current_thread().build().unwrap();
    assert_eq!(backlog_of(&look(&other), made), None, "the channel is gone");
}

#[test]
fn a_channel_that_was_worked_off_is_forgotten() {
    let _alone = alone();
    let runtime = runtime();
    let ((tx, mut rx), made) = (mpsc::channel(5_000), line());
    for i in 0..4_000_u32 {
        tx.try_send(i).unwrap();
    }
    let snapshot = look(&runtime);
    let backlog = backlog_of(&snapshot, made).expect("it is long");
    assert!(is_about(backlog.messages, 4_000), "{backlog:?}");
    assert_eq!((backlog.capacity, backlog.sender), (Some(5_000), None));

    for _ in 0..3_600 {
        rx.try_recv().unwrap();
    }
    assert_eq!(backlog_of(&look(&runtime), made), None);
    for i in 0..4_000_u32 {
        tx.try_send(i).unwrap();
    }
    assert!(
        backlog_of(&look(&runtime), made).is_some(),
        "long once more"
    );
}

#[test]
fn a_short_channel_is_not_known() {
    let _alone = alone();
    let runtime = runtime();
    let ((tx, mut rx), made) = (mpsc::unbounded_channel(), line());
    for round in 0..200_u32 {
        for _ in 0..900 {
            tx.send(round).unwrap();
        }
        assert_eq!(backlog_of(&look(&runtime), made), None);
        for _ in 0..900 {
            rx.try_recv().unwrap();
        }
    }
}

#[test]
fn a_channel_is_told_with_the_runtime_that_sends_and_without_one_with_all() {
    let _alone = alone();
    let (runtime, other) = (runtime(), runtime());
    let ((tx, _rx), made) = (mpsc::unbounded_channel(), line());
    let fill = || (0..3_000_u32).for_each(|n| tx.send(n).unwrap());
    fill();
    let is_told = |runtime| backlog_of(&look(runtime), made).is_some();
    assert!(is_told(&runtime) && is_told(&other));
    runtime.block_on(async { fill() });
    assert!(is_told(&runtime) && !is_told(&other));
}
