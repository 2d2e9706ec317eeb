//! Operations that are ready take from the budget of their task, so that none can keep others from
//! running; without budget they are pending and wake their task at once.

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use zokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use zokio::task::coop::{consume_budget, has_budget_remaining};

use crate::support::run;

/// Uses up the budget of the task that runs this.
async fn exhaust() {
    while has_budget_remaining() {
        consume_budget().await;
    }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn ignore<T>(_: T) {}

/// Declares tests that a future is ready, but not without budget.
macro_rules! takes_budget {
    ($($name:ident: $setup:block, $future:expr;)*) => {$(
        #[test]
        fn $name() {
            run(async {
                zokio::spawn(async {
                    {
                        #[allow(unused_mut, reason = "some futures need it")]
                        let mut it = $setup;
                        #[allow(clippy::redundant_closure_call, reason = "a place for the name")]
                        let ready = poll(($future)(&mut it)).is_ready();
                        assert!(ready, "with budget");
                    }
                    #[allow(unused_mut, reason = "some futures need it")]
                    let mut it = $setup;
                    exhaust().await;
                    #[allow(clippy::redundant_closure_call, reason = "a place for the name")]
                    let pending = poll(($future)(&mut it)).is_pending();
                    assert!(pending, "without budget");
                })
                .await
                .unwrap();
            });
        }
    )*};
}

type Bounded = (mpsc::Sender<i32>, mpsc::Receiver<i32>);
type Unbounded = (mpsc::UnboundedSender<i32>, mpsc::UnboundedReceiver<i32>);
type Watch = (watch::Sender<i32>, watch::Receiver<i32>);
type Broadcast = (broadcast::Sender<i32>, broadcast::Receiver<i32>);

fn bounded() -> Bounded {
    let (tx, rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    (tx, rx)
}

fn unbounded() -> Unbounded {
    let (tx, rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    (tx, rx)
}

fn watched() -> Watch {
    let (tx, rx) = watch::channel(0);
    tx.send(1).unwrap();
    (tx, rx)
}

fn broadcast() -> Broadcast {
    let (tx, rx) = broadcast::channel(2);
    tx.send(1).unwrap();
    (tx, rx)
}

takes_budget! {
    mutex_lock: { Mutex::new(()) }, async |m: &mut Mutex<()>| ignore(m.lock().await);
    mutex_lock_owned: { Arc::new(Mutex::new(())) },
        async |m: &mut Arc<Mutex<()>>| ignore(m.clone().lock_owned().await);
    rwlock_read: { RwLock::new(()) }, async |l: &mut RwLock<()>| ignore(l.read().await);
    rwlock_write: { RwLock::new(()) }, async |l: &mut RwLock<()>| ignore(l.write().await);
    semaphore_acquire: { Semaphore::new(1) },
        async |s: &mut Semaphore| ignore(s.acquire().await);
    mpsc_send: { bounded() }, async |c: &mut Bounded| ignore(c.0.send(1).await);
    mpsc_reserve: { bounded() }, async |c: &mut Bounded| ignore(c.0.reserve().await);
    mpsc_recv: { bounded() }, async |c: &mut Bounded| ignore(c.1.recv().await);
    mpsc_recv_many: { bounded() },
        async |c: &mut Bounded| ignore(c.1.recv_many(&mut Vec::new(), 2).await);
    mpsc_recv_many_of_none: { bounded() },
        async |c: &mut Bounded| ignore(c.1.recv_many(&mut Vec::new(), 0).await);
    unbounded_recv: { unbounded() }, async |c: &mut Unbounded| ignore(c.1.recv().await);
    oneshot_recv: {
        let (tx, rx) = oneshot::channel();
        tx.send(1).unwrap();
        rx
    }, async |rx: &mut oneshot::Receiver<i32>| ignore(rx.await);
    oneshot_closed: { oneshot::channel().0 },
        async |tx: &mut oneshot::Sender<i32>| tx.closed().await;
    watch_changed: { watched() }, async |c: &mut Watch| ignore(c.1.changed().await);
    watch_wait_for: { watched() },
        async |c: &mut Watch| ignore(c.1.wait_for(|_| true).await);
    watch_closed: { watch::Sender::new(1) },
        async |tx: &mut watch::Sender<i32>| tx.closed().await;
    broadcast_recv: { broadcast() }, async |c: &mut Broadcast| ignore(c.1.recv().await);
    once_cell_init: { OnceCell::new() },
        async |c: &mut OnceCell<i32>| ignore(c.get_or_init(|| ready(1)).await);
    notified: {
        let notify = Notify::new();
        notify.notify_one();
        notify
    }, async |n: &mut Notify| n.notified().await;
}

#[test]
fn values_that_are_there_take_no_budget() {
    run(async {
        zokio::spawn(async {
            let (once, set) = (OnceCell::from(1), SetOnce::from(2));
            exhaust().await;
            assert!(poll(once.get_or_init(|| ready(0))).is_ready());
            assert!(poll(set.wait()).is_ready());
        })
        .await
        .unwrap();
    });
}

#[test]
fn task_without_budget_comes_to_a_barrier_all_the_same() {
    run(async {
        zokio::spawn(async {
            let barrier = Barrier::new(2);
            let mut first = pin!(barrier.wait());
            exhaust().await;
            assert!(poll(first.as_mut()).is_pending());
            let last = poll(barrier.wait());
            assert!(matches!(last, Poll::Ready(result) if result.is_leader()));
            assert!(!first.await.is_leader());
        })
        .await
        .unwrap();
    });
}

#[test]
fn receiver_that_never_waits_lets_others_run() {
    run(async {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let receiving = zokio::spawn(async move {
            let mut n = 0;
            while rx.recv().await != Some(u64::MAX) {
                n += 1;
            }
            n
        });
        let sending = tx.clone();
        zokio::spawn(async move {
            for i in 0..10_000 {
                sending.send(i).unwrap();
            }
            sending.send(u64::MAX).unwrap();
        })
        .await
        .unwrap();
        assert_eq!(receiving.await.unwrap(), 10_000);
    });
}
