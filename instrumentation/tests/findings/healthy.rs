//! Programs that do what the sick ones do, almost.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use zokio::runtime::Handle;
use zokio::sync::{Barrier, Mutex, mpsc, oneshot};
use zokio::task::{JoinHandle, block_in_place, spawn_blocking, yield_now};
use zokio::time::{sleep, timeout};

fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        black_box(start);
    }
}

/// Two locks in one order, held across awaits, by many.
pub(crate) async fn contended_locks() {
    let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let locks = Arc::clone(&locks);
            zokio::spawn(async move {
                loop {
                    let mut first = locks.0.lock().await;
                    let second = locks.1.lock().await;
                    sleep(Duration::from_millis(700)).await;
                    *first += *second;
                }
            })
        })
        .collect();
    for task in tasks {
        drop(task.await);
    }
}

/// A guard goes to another task, and the one that took it waits for the lock again.
pub(crate) async fn guard_handed_over() {
    let lock = Arc::new(Mutex::new(()));
    let guard = Arc::clone(&lock).lock_owned().await;
    let (_keep, forever) = oneshot::channel::<()>();
    let other = zokio::spawn(async move {
        let _guard = guard;
        sleep(Duration::from_secs(3_600)).await;
        drop(forever.await);
    });
    drop(lock.lock().await);
    drop(other.await);
}

/// Two tasks wait for each other's lock, and each gives up after a while.
pub(crate) async fn circle_with_a_way_out() {
    let locks = [Arc::new(Mutex::new(())), Arc::new(Mutex::new(()))];
    let both = Arc::new(Barrier::new(2));
    for first in 0..2 {
        let (mine, other) = (Arc::clone(&locks[first]), Arc::clone(&locks[1 - first]));
        let both = Arc::clone(&both);
        drop(zokio::spawn(async move {
            let _mine = mine.lock().await;
            both.wait().await;
            drop(timeout(Duration::from_secs(3_600), other.lock()).await);
        }));
    }
    std::future::pending().await
}

/// Many take one lock again and again, each for a moment, and many wait to lead.
pub(crate) async fn busy_lock() {
    let (lock, leader) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(())));
    for _ in 0..16 {
        let (lock, leader) = (Arc::clone(&lock), Arc::clone(&leader));
        drop(zokio::spawn(async move {
            loop {
                let mut count = lock.lock().await;
                sleep(Duration::from_millis(2)).await;
                *count += 1;
            }
        }));
        drop(zokio::spawn(async move {
            let _leads = leader.lock().await;
            std::future::pending::<()>().await;
        }));
    }
    std::future::pending().await
}

/// A task that waits for itself, but not for ever, behind a chain of joins.
pub(crate) async fn joins_that_end() {
    let (give, given) = oneshot::channel();
    let patient = zokio::spawn(async move {
        let own: JoinHandle<()> = given.await.expect("a handle");
        drop(timeout(Duration::from_secs(3_600), own).await);
    });
    let handle = zokio::spawn(async move {
        drop(patient.await);
    });
    drop(give.send(handle));
    std::future::pending().await
}

/// Joins tasks that soon end, and stays.
pub(crate) async fn joins_and_stays() {
    for _ in 0..3 {
        drop(zokio::spawn(yield_now()).await);
    }
    std::future::pending().await
}

/// Blocks, but where that is allowed.
pub(crate) async fn blocking_in_its_place() {
    let nap = || thread::sleep(Duration::from_millis(300));
    loop {
        drop(spawn_blocking(nap).await);
        block_in_place(nap);
        sleep(Duration::from_millis(1)).await;
    }
}

/// Two ask for a lock, and leave it alone for now: it is a thread's, which is no task.
pub(crate) async fn asks_and_turns_away() {
    let lock = Arc::new(Mutex::new(()));
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (taken, is_taken) = oneshot::channel();
    let thread = thread::spawn({
        let lock = Arc::clone(&lock);
        move || {
            let _guard = lock.blocking_lock();
            let _ = taken.send(());
            let _ = ended.recv();
        }
    });
    drop(is_taken.await);
    let ask = |lock: Arc<Mutex<()>>| async move {
        let mut asked = pin!(lock.lock());
        zokio::select! {
            guard = &mut asked => drop(guard),
            () = sleep(Duration::from_millis(20)) => drop(timeout(HOUR, lock.lock()).await),
        }
    };
    drop(zokio::spawn(ask(Arc::clone(&lock))));
    drop(zokio::spawn(ask(lock)));
    sleep(HOUR).await;
    drop((end, thread));
}

const HOUR: Duration = Duration::from_secs(3_600);

/// Blocks on a future, but where that is allowed.
pub(crate) async fn runtime_in_its_place() {
    let nap = || Handle::current().block_on(sleep(Duration::from_millis(300)));
    loop {
        drop(spawn_blocking(nap).await);
        block_in_place(nap);
        sleep(Duration::from_millis(1)).await;
    }
}

/// Computes for long, with a yield in time.
pub(crate) async fn work_in_pieces() {
    loop {
        compute(Duration::from_millis(2));
        yield_now().await;
    }
}

/// The receiver always finds something, so only its budget makes it pause.
pub(crate) async fn busy_channel() {
    let (sender, mut receiver) = mpsc::channel::<u64>(1_024);
    drop(zokio::spawn(async move {
        for n in 0.. {
            if sender.send(n).await.is_err() {
                return;
            }
        }
    }));
    let mut sum = 0_u64;
    while let Some(n) = receiver.recv().await {
        sum = sum.wrapping_add(black_box(n));
    }
}

/// One that never waited for anything, and one that keeps something alive after a wait.
pub(crate) async fn pending() {
    drop(zokio::spawn(std::future::pending::<()>()));
    sleep(Duration::from_millis(700)).await;
    std::future::pending::<()>().await;
}

/// Many more jobs than threads, and each is short.
pub(crate) async fn burst_on_the_pool() {
    let jobs: Vec<_> = (0..400)
        .map(|_| spawn_blocking(|| thread::sleep(Duration::from_millis(10))))
        .collect();
    for job in jobs {
        drop(job.await);
    }
    std::future::pending::<()>().await;
}

/// Of many polls one takes long.
pub(crate) async fn rarely_slow() {
    for n in 0_u64.. {
        if n % 500 == 499 {
            thread::sleep(Duration::from_millis(20));
        }
        sleep(Duration::from_micros(100)).await;
    }
}

/// Fifty tasks find that something is not there, and from then on it is.
pub(crate) async fn fails_once() {
    let tasks: Vec<_> = (0..50)
        // Without the panic hook, which takes long to name the functions of the stack.
        .map(|_| zokio::spawn(async { std::panic::resume_unwind(Box::new("not there")) }))
        .collect();
    for task in tasks {
        drop(task.await);
    }
    sleep(Duration::from_secs(3_600)).await;
}

/// More and more requests at a time, each of which ends.
pub(crate) async fn rising_load() {
    for n in 1_u32.. {
        let requests: Vec<_> = (0..n * 10)
            .map(|_| zokio::spawn(sleep(Duration::from_millis(20))))
            .collect();
        for request in requests {
            drop(request.await);
        }
    }
}

/// One worker is in long polls, though not that slow; the others see to the timers.
pub(crate) async fn timers_beside_a_busy_worker() {
    drop(zokio::spawn(async {
        loop {
            compute(Duration::from_millis(5));
            yield_now().await;
        }
    }));
    loop {
        sleep(Duration::from_millis(5)).await;
    }
}

/// The buffer is in the heap, and so is no part of the future.
pub(crate) async fn boxed_buffer() {
    drop(zokio::spawn(async {
        let buffer = vec![0_u8; 64 * 1_024];
        std::future::pending::<()>().await;
        black_box(buffer);
    }));
    std::future::pending::<()>().await;
}

/// What lifo-captive's program does, in the right order; and rarely enough not to have slow polls.
pub(crate) async fn computes_before_it_wakes() {
    let (events, mut received) = mpsc::channel::<u64>(16);
    drop(zokio::spawn(async move {
        while received.recv().await.is_some() {}
    }));
    for request in 0.. {
        compute(Duration::from_millis(5));
        if events.send(request).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Thousands of tasks, spawned faster than they are run, and then a pause.
pub(crate) async fn burst_of_tasks() {
    for _ in 0..50 {
        for _ in 0..100 {
            drop(zokio::spawn(async { compute(Duration::from_micros(50)) }));
        }
        yield_now().await;
    }
    sleep(Duration::from_secs(3_600)).await;
}

/// Blocks for a moment in nearly each poll, but where that is allowed.
pub(crate) async fn blocking_often_in_its_place() {
    loop {
        block_in_place(|| thread::sleep(Duration::from_millis(25)));
        sleep(Duration::from_millis(1)).await;
    }
}

/// Much comes for a receiver that takes its time, and wakes it once.
pub(crate) async fn many_senders() {
    let (sender, mut receiver) = mpsc::channel::<u64>(1_024);
    for _ in 0..8 {
        let sender = sender.clone();
        drop(zokio::spawn(async move {
            loop {
                sleep(Duration::from_millis(1)).await;
                for n in 0..100 {
                    black_box(sender.try_send(n).is_ok());
                }
            }
        }));
    }
    let mut all = Vec::new();
    while receiver.recv_many(&mut all, 1_024).await > 0 {
        compute(Duration::from_millis(2));
        all.clear();
        yield_now().await;
    }
}

/// Each permit is taken by a task that ends at once, and kept by the one that it has spawned; others
/// wait all the time.
pub(crate) async fn passed_on_permits() {
    let permits = Arc::new(zokio::sync::Semaphore::new(1));
    let waiting = Arc::clone(&permits);
    drop(zokio::spawn(async move {
        loop {
            drop(waiting.acquire().await.expect("it is open"));
        }
    }));
    loop {
        let permits = Arc::clone(&permits);
        #[expect(
            clippy::async_yields_async,
            reason = "the task that takes the permit ends before the one that has it"
        )]
        let taking = zokio::spawn(async move {
            let permit = permits.acquire_owned().await.expect("it is open");
            zokio::spawn(async move {
                zokio::time::sleep(Duration::from_millis(1_500)).await;
                drop(permit);
            })
        });
        taking.await.expect("it ends").await.expect("it ends");
    }
}

/// The channel is full all the time, and the receiver waits for something else most of it.
pub(crate) async fn slow_receiver() {
    let (tx, mut rx) = zokio::sync::mpsc::channel(1);
    drop(zokio::spawn(
        async move { while tx.send(0).await.is_ok() {} },
    ));
    while rx.recv().await.is_some() {
        zokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Messages come in bursts that make the channel long, and are worked off before the next.
pub(crate) async fn bursts_into_a_channel() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    drop(zokio::spawn(async move {
        while (0..20_000).all(|n| tx.send(n).is_ok()) {
            sleep(Duration::from_millis(500)).await;
        }
    }));
    let mut received = 0_u32;
    while rx.recv().await.is_some() {
        received += 1;
        if received.is_multiple_of(100) {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Messages lie there until the receiver comes, now and then, and takes all there are.
pub(crate) async fn drained_now_and_then() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    drop(zokio::spawn(async move {
        while (0..100).all(|n| tx.send(n).is_ok()) {
            sleep(Duration::from_millis(1)).await;
        }
    }));
    loop {
        sleep(Duration::from_secs(3)).await;
        while rx.try_recv().is_ok() {}
    }
}
