//! Who holds the lock that a task waits for, as a snapshot tells it.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use zokio::runtime::Handle;
use zokio::sync::{
    Mutex, MutexGuard, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    Semaphore, oneshot,
};
use zokio::task::{self, JoinHandle};
use zokio::telemetry::{Snapshot, TaskKind, TaskSnapshot, Wait};

use crate::support::run;

/// Lets the other tasks of a current-thread runtime run until all of them wait.
async fn settle() {
    for _ in 0..10 {
        task::yield_now().await;
    }
}

fn id_of<T>(task: &JoinHandle<T>) -> u64 {
    task.id().to_string().parse().unwrap()
}

/// The only wait of a task.
fn wait_of<T>(task: &JoinHandle<T>) -> Wait {
    let snapshot = Snapshot::capture(&Handle::current());
    let found = snapshot.tasks.iter().find(|t| t.id == id_of(task));
    let waits = &found.expect("the task is there").waits;
    assert_eq!(waits.len(), 1, "{waits:?}");
    waits[0]
}

/// A task that takes something and keeps it until told to drop it.
async fn keeping<G: Send + 'static>(
    taking: impl Future<Output = G> + Send + 'static,
) -> (JoinHandle<()>, oneshot::Sender<()>) {
    let (tx, rx) = oneshot::channel();
    let task = zokio::spawn(async move {
        let _kept = taking.await;
        let _ = rx.await;
    });
    settle().await;
    (task, tx)
}

#[test]
fn task_that_took_a_free_mutex_is_its_holder() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let (holder, _keep) = keeping(mutex.clone().lock_owned()).await;
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        let wait = wait_of(&waiter);
        assert_eq!((wait.kind, wait.operation), ("mutex", "lock"));
        assert_eq!(wait.holder, Some(id_of(&holder)));
    });
}

#[test]
fn holder_follows_the_lock_from_task_to_task() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let (_first, drop_first) = keeping(mutex.clone().lock_owned()).await;
        let (second, _keep) = keeping(mutex.clone().lock_owned()).await;
        let (third, _keep) = keeping(mutex.clone().lock_owned()).await;
        drop(drop_first);
        settle().await;
        assert_eq!(wait_of(&third).holder, Some(id_of(&second)));
    });
}

#[test]
fn lock_on_its_way_to_a_waiter_has_no_holder() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().lock_owned().await;
        let (_second, _keep) = keeping(mutex.clone().lock_owned()).await;
        let (third, _keep) = keeping(mutex.clone().lock_owned()).await;
        assert!(wait_of(&third).holder.is_some());
        drop(guard);
        assert_eq!(wait_of(&third).holder, None);
    });
}

#[test]
fn mapped_guard_holds_as_the_whole_one_does() {
    run(async {
        let mutex = Arc::new(Mutex::new((1, 2)));
        let guard = mutex.clone().lock_owned().await;
        let part = OwnedMutexGuard::map(guard, |data| &mut data.0);
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        assert!(wait_of(&waiter).holder.is_some());
        drop(part);
        settle().await;
        let part = MutexGuard::map(
            match mutex.try_lock() {
                Ok(_) => panic!("the waiter has it"),
                Err(_) => {
                    drop(_keep);
                    waiter.await.unwrap();
                    mutex.lock().await
                }
            },
            |data| &mut data.1,
        );
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        assert!(wait_of(&waiter).holder.is_some());
        drop(part);
        assert_eq!(wait_of(&waiter).holder, None);
    });
}

#[test]
fn mutex_locked_by_try_lock_has_a_holder() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let taking = {
            let mutex = mutex.clone();
            async move { mutex.try_lock_owned().unwrap() }
        };
        let (holder, _keep) = keeping(taking).await;
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        assert_eq!(wait_of(&waiter).holder, Some(id_of(&holder)));
    });
}

#[test]
fn mutex_locked_outside_of_tasks_has_no_holder() {
    let mutex = Arc::new(Mutex::new(()));
    let _guard = mutex.clone().blocking_lock_owned();
    run(async {
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        assert_eq!(wait_of(&waiter).holder, None);
    });
}

#[test]
fn writer_is_the_holder_for_readers_and_writers() {
    run(async {
        let lock = Arc::new(RwLock::new(()));
        let (holder, _keep) = keeping(lock.clone().write_owned()).await;
        let (reader, _keep) = keeping(lock.clone().read_owned()).await;
        let (writer, _keep) = keeping(lock.clone().write_owned()).await;
        assert_eq!(wait_of(&reader).holder, Some(id_of(&holder)));
        assert_eq!(wait_of(&writer).holder, Some(id_of(&holder)));
    });
}

#[test]
fn holder_by_a_borrowed_guard_is_exact_and_by_an_owned_one_is_not() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let (_holder, drop_guard) = keeping(mutex.clone().lock_owned()).await;
        let (waiter, keep) = keeping(mutex.clone().lock_owned()).await;
        assert!(!wait_of(&waiter).holder_is_exact);
        drop((keep, drop_guard));
        waiter.await.unwrap();
        let (_done, wait) = oneshot::channel::<()>();
        let borrowed = mutex.clone();
        let holder = zokio::spawn(async move {
            let _guard = borrowed.lock().await;
            let _ = wait.await;
        });
        settle().await;
        let (waiter, _keep) = keeping(mutex.clone().lock_owned()).await;
        let wait = wait_of(&waiter);
        assert_eq!(
            (wait.holder, wait.holder_is_exact),
            (Some(id_of(&holder)), true)
        );
    });
}

#[test]
fn writer_by_a_borrowed_guard_is_exact_and_by_an_owned_one_is_not() {
    run(async {
        let lock = Arc::new(RwLock::new(()));
        let (_holder, drop_guard) = keeping(lock.clone().write_owned()).await;
        let (reader, keep) = keeping(lock.clone().read_owned()).await;
        assert!(!wait_of(&reader).holder_is_exact);
        drop((keep, drop_guard));
        reader.await.unwrap();
        let (_done, wait) = oneshot::channel::<()>();
        let borrowed = lock.clone();
        let _holder = zokio::spawn(async move {
            let _guard = borrowed.write().await;
            let _ = wait.await;
        });
        settle().await;
        let (reader, _keep) = keeping(lock.clone().read_owned()).await;
        assert!(wait_of(&reader).holder_is_exact);
    });
}

#[test]
fn task_that_is_joined_is_the_one_that_is_waited_for() {
    run(async {
        let (_keep, wait) = oneshot::channel::<()>();
        let joined = zokio::spawn(async move {
            let _ = wait.await;
        });
        let id = id_of(&joined);
        let joiner = zokio::spawn(async move {
            let _ = joined.await;
        });
        settle().await;
        let wait = wait_of(&joiner);
        assert_eq!((wait.kind, wait.holder), ("join", Some(id)));
        assert_eq!(wait.holder_is_exact, usize::BITS == 64);
        assert_eq!(wait.resource, id);
    });
}

/// Who has the lock for reading that tasks wait for.
fn readers(lock: &Wait) -> Vec<u64> {
    let snapshot = Snapshot::capture(&Handle::current());
    let mut locks = snapshot.permits.iter();
    let found = locks.find(|permits| permits.resource == lock.resource);
    let mut readers: Vec<u64> = found.map_or_else(Vec::new, |found| {
        found.acquired_by.iter().map(|r| r.task).collect()
    });
    readers.sort_unstable();
    readers
}

#[test]
fn writer_waits_for_the_readers_until_the_last_of_them_has_gone() {
    run(async {
        let lock = Arc::new(RwLock::new(()));
        let (first, keep_first) = keeping(lock.clone().read_owned()).await;
        let (second, keep_second) = keeping(lock.clone().read_owned()).await;
        let (writer, _keep) = keeping(lock.clone().write_owned()).await;
        let wait = wait_of(&writer);
        assert_eq!(readers(&wait), [id_of(&first), id_of(&second)]);
        assert!(readers(&wait).contains(&wait.holder.unwrap()));
        assert!(!wait.holder_is_exact, "an owned guard may be moved");
        drop(keep_first);
        first.await.unwrap();
        let wait = wait_of(&writer);
        assert_eq!(wait.holder, Some(id_of(&second)));
        assert_eq!(readers(&wait), [id_of(&second)]);
        drop(keep_second);
        settle().await;
        assert_eq!(readers(&wait), []);
    });
}

#[test]
fn writer_waits_for_a_reader_and_the_reader_behind_it_for_nobody_who_has_the_lock() {
    run(async {
        let lock = Arc::new(RwLock::new(()));
        let borrowed = lock.clone();
        let (_done, wait) = oneshot::channel::<()>();
        let reader = zokio::spawn(async move {
            let _guard = borrowed.read().await;
            let _ = wait.await;
        });
        settle().await;
        let (writer, _keep) = keeping(lock.clone().write_owned()).await;
        let (behind, _keep) = keeping(lock.clone().read_owned()).await;
        let wait = wait_of(&writer);
        assert_eq!(
            (wait.holder, wait.holder_is_exact),
            (Some(id_of(&reader)), true)
        );
        let wait = wait_of(&behind);
        assert_eq!(wait.holder, None);
        assert_eq!(readers(&wait), [id_of(&reader)]);
    });
}

#[test]
fn mapped_read_guard_holds_as_the_whole_one_does() {
    run(async {
        let lock = Arc::new(RwLock::new((1, 2)));
        let (reader, keep) = keeping({
            let lock = lock.clone();
            async move {
                let guard = lock.read_owned().await;
                OwnedRwLockReadGuard::map(guard, |pair| &pair.1)
            }
        })
        .await;
        let (writer, _keep) = keeping(lock.clone().write_owned()).await;
        assert_eq!(wait_of(&writer).holder, Some(id_of(&reader)));
        drop(keep);
        reader.await.unwrap();
        settle().await;
        assert!(lock.try_read().is_err(), "the writer has it");
    });
}

#[test]
fn downgraded_writer_is_a_reader() {
    run(async {
        let lock = Arc::new(RwLock::new(()));
        let guard = lock.clone().write_owned().await;
        let (writer, _keep) = keeping(lock.clone().write_owned()).await;
        let wait = wait_of(&writer);
        assert!(wait.holder.is_some());
        assert_eq!(readers(&wait), []);
        let downgraded = line!() + 1;
        let _reader = guard.downgrade();
        let after = wait_of(&writer);
        assert_eq!(after.holder, wait.holder);
        assert_eq!(after.held_at.map(Location::line), Some(downgraded));
        assert_eq!(readers(&wait).first().copied(), wait.holder);
    });
}

#[test]
fn mapped_write_guard_holds_as_the_whole_one_does() {
    run(async {
        let lock = Arc::new(RwLock::new(1));
        let guard = lock.clone().write_owned().await;
        let mapped = OwnedRwLockWriteGuard::into_mapped(guard);
        let (reader, _keep) = keeping(lock.clone().read_owned()).await;
        assert!(wait_of(&reader).holder.is_some());
        drop(mapped);
        assert!(lock.try_write().is_err(), "the reader was given the lock");
    });
}

#[test]
fn permits_have_no_holder() {
    run(async {
        let semaphore = Arc::new(Semaphore::new(1));
        let (_holder, _keep) = keeping(semaphore.clone().acquire_owned()).await;
        let (waiter, _keep) = keeping(semaphore.clone().acquire_owned()).await;
        assert_eq!(wait_of(&waiter).holder, None);
    });
}

/// Wakes a task, and is not its waker: what `FuturesUnordered` gives its parts.
struct OfAPart(Waker);

impl Wake for OfAPart {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// Polls `part` with a waker of its own.
async fn as_a_part<F: Future>(part: F) -> F::Output {
    let mut part = Box::pin(part);
    poll_fn(|cx| {
        let waker = Waker::from(Arc::new(OfAPart(cx.waker().clone())));
        part.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

#[test]
fn a_part_of_a_task_that_waits_by_a_waker_of_its_own_is_told_from_the_task() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let (held, drop_guard) = keeping(mutex.clone().lock_owned()).await;
        let (whole, keep) = keeping(mutex.clone().lock_owned()).await;
        let (part, keep_part) = keeping(as_a_part(mutex.clone().lock_owned())).await;
        let joiner = zokio::spawn(as_a_part(held));
        settle().await;
        assert!(wait_of(&whole).own_waker);
        assert!(!wait_of(&part).own_waker);
        assert!(!wait_of(&joiner).own_waker);
        drop((keep, keep_part, drop_guard));
    });
}

#[test]
fn the_root_waits_by_its_own_waker_or_by_that_of_a_part() {
    let look = async || {
        let snapshot = Snapshot::capture(&Handle::current());
        let mut roots = snapshot
            .tasks
            .iter()
            .filter(|task| task.kind == TaskKind::BlockOn);
        let waits = &roots.next().unwrap().waits;
        assert_eq!(waits.len(), 1, "{waits:?}");
        waits[0].own_waker
    };
    run(async {
        assert!(zokio::spawn(look()).await.unwrap());
        let looker = zokio::spawn(look());
        assert!(!as_a_part(looker).await.unwrap());
    });
}

#[test]
fn of_waits_that_began_together_the_lock_comes_first_and_the_timer_last() {
    run(async {
        let mutex = Arc::new(Mutex::new(()));
        let (_holder, _keep) = keeping(mutex.clone().lock_owned()).await;
        let selects = zokio::spawn(async move {
            let (_tx, rx) = oneshot::channel::<()>();
            zokio::select! {
                () = zokio::time::sleep(Duration::from_secs(3_600)) => {}
                _ = rx => {}
                _ = mutex.lock() => {}
            }
        });
        settle().await;
        let snapshot = Snapshot::capture(&Handle::current());
        let task = snapshot.tasks.iter().find(|t| t.id == id_of(&selects));
        let kinds: Vec<_> = task.unwrap().waits.iter().map(|wait| wait.kind).collect();
        assert_eq!(kinds, ["mutex", "oneshot", "sleep"]);
    });
}

#[test]
fn the_root_waits_by_its_own_waker_after_another_was_polled_inside_of_it() {
    let runtime = zokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let handle = runtime.handle();
    runtime.block_on(async {
        task::block_in_place(|| handle.block_on(async {}));
        let look = zokio::spawn(async move {
            // The root is polled by another thread: until it waits.
            loop {
                let snapshot = Snapshot::capture(&Handle::current());
                let is_root = |task: &&TaskSnapshot| task.kind == TaskKind::BlockOn;
                let root = snapshot.tasks.iter().find(is_root).unwrap();
                if let [wait] = &*root.waits {
                    return wait.own_waker;
                }
                task::yield_now().await;
            }
        });
        assert!(look.await.unwrap());
    });
}
