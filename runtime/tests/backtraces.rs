//! A look at where a task waits shows it, and changes nothing: whatever a task waits for, the
//! operation ends as it would have.

#![cfg(feature = "telemetry")]

#[path = "backtraces/leaves.rs"]
mod leaves;

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use zokio::runtime::{Builder, Handle, Runtime};
use zokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use zokio::task::{self, JoinHandle};
use zokio::telemetry::{self, Snapshot, TaskBacktrace, TaskSnapshot};

fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Lets the tasks of a current-thread runtime run until they all wait.
async fn settle() {
    for _ in 0..20 {
        task::yield_now().await;
    }
}

fn number(id: task::Id) -> u64 {
    id.to_string().parse().unwrap()
}

/// Asks a task of this runtime.
async fn ask(id: task::Id) -> TaskBacktrace {
    let mut asked = telemetry::backtrace(&Handle::current(), number(id));
    let answer = asked.next().await.expect("the task is there");
    assert_eq!(asked.next().await, None);
    assert_eq!(answer.task_id, number(id));
    answer
}

fn seen(id: task::Id) -> TaskSnapshot {
    telemetry::task_snapshot(&Handle::current(), number(id)).expect("the task is there")
}

/// Asks a task several times and checks that it waits as before.
async fn look_at(id: task::Id, leaves: usize) {
    settle().await;
    let before = seen(id);
    for _ in 0..3 {
        let answer = ask(id).await;
        assert_eq!((answer.leaves.len(), answer.completed), (leaves, false));
        assert!(answer.leaves.iter().all(|stack| stack.len() > 3));
    }
    settle().await;
    let after = seen(id);
    // The same waits, since the same poll: none was given up and begun again.
    assert_eq!(after.waits, before.waits);
    assert_eq!(after.polls, before.polls + 3, "one poll more a look");
    assert_eq!(after.wakes, before.wakes + 3);
    assert_eq!(
        after.waker_clones - after.waker_drops,
        before.waker_clones - before.waker_drops
    );
}

#[test]
fn every_branch_of_a_select_is_a_leaf_and_so_is_every_future_of_a_join() {
    current().block_on(async {
        let (_sender, mut receiver) = mpsc::channel::<u32>(1);
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.clone().lock_owned().await;
        let locked = mutex.clone();
        let task = zokio::spawn(async move {
            zokio::select! {
                _ = receiver.recv() => 1,
                _ = locked.lock() => 2,
            }
        });
        look_at(task.id(), 2).await;
        drop(guard);
        assert_eq!(task.await.unwrap(), 2);

        let (a, b) = (oneshot::channel(), oneshot::channel());
        let joined = zokio::spawn(async move { zokio::join!(a.1, b.1) });
        look_at(joined.id(), 2).await;
        a.0.send(1).unwrap();
        // One has its value by now, and is not polled any more.
        look_at(joined.id(), 1).await;
        b.0.send(2).unwrap();
        assert_eq!(joined.await.unwrap(), (Ok(1), Ok(2)));
    });
}

#[test]
fn task_that_is_asked_keeps_its_place_in_line() {
    current().block_on(async {
        let semaphore = Arc::new(Semaphore::new(0));
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let waiters: Vec<JoinHandle<()>> = (0..3)
            .map(|i| {
                let (semaphore, order) = (semaphore.clone(), order.clone());
                zokio::spawn(async move {
                    semaphore.acquire().await.unwrap().forget();
                    order.lock().unwrap().push(i);
                })
            })
            .collect();
        settle().await;
        for waiter in [0, 1, 0, 2] {
            ask(waiters[waiter].id()).await;
        }
        for granted in 1..=3 {
            semaphore.add_permits(1);
            settle().await;
            assert_eq!(*order.lock().unwrap(), (0..granted).collect::<Vec<_>>());
        }
    });
}

#[test]
fn wake_that_comes_with_the_question_is_not_lost() {
    current().block_on(async {
        let (sender, receiver) = oneshot::channel();
        let task = zokio::spawn(receiver);
        settle().await;
        // The task is woken for its value when it is asked, and takes it in the same turn.
        sender.send(7).unwrap();
        let answer = ask(task.id()).await;
        assert_eq!((answer.leaves.len(), answer.completed), (1, false));
        assert!(task.is_finished());
        assert_eq!(task.await.unwrap(), Ok(7));
    });
}

#[test]
fn budget_is_full_again_after_a_look() {
    current().block_on(async {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let task = zokio::spawn(async move {
            let mut sum = 0;
            while let Some(value) = receiver.recv().await {
                assert!(task::coop::has_budget_remaining());
                sum += value;
            }
            sum
        });
        settle().await;
        for value in 1..=10 {
            sender.send(value).unwrap();
        }
        ask(task.id()).await;
        // All in the turn of the look.
        drop(sender);
        assert_eq!(task.await.unwrap(), 55);
    });
}

/// As `FuturesUnordered`: polls its future only if that has woken it, with a waker of its own.
struct WhenWoken<F> {
    future: Pin<Box<F>>,
    own: Arc<OwnWaker>,
}

struct OwnWaker {
    woken: AtomicBool,
    task: std::sync::Mutex<Option<Waker>>,
}

impl Wake for OwnWaker {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if let Some(task) = self.task.lock().unwrap().take() {
            task.wake();
        }
    }
}

fn when_woken<F: Future>(future: F) -> WhenWoken<F> {
    WhenWoken {
        future: Box::pin(future),
        own: Arc::new(OwnWaker {
            woken: AtomicBool::new(true),
            task: std::sync::Mutex::new(None),
        }),
    }
}

impl<F: Future> Future for WhenWoken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        *self.own.task.lock().unwrap() = Some(cx.waker().clone());
        if !self.own.woken.swap(false, Ordering::SeqCst) {
            return Poll::Pending;
        }
        let waker = Waker::from(self.own.clone());
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[test]
fn future_of_a_set_that_is_polled_in_a_look_gets_its_turn_all_the_same() {
    current().block_on(async {
        let (sender, receiver) = oneshot::channel();
        let task = zokio::spawn(when_woken(receiver));
        settle().await;
        sender.send(5).unwrap();
        let answer = ask(task.id()).await;
        assert_eq!(answer.leaves.len(), 1);
        settle().await;
        assert!(task.is_finished(), "the look took its future's turn");
        assert_eq!(task.await.unwrap(), Ok(5));
    });
}

#[test]
fn future_of_another_library_is_polled_and_may_finish_the_task() {
    current().block_on(async {
        let ready = Arc::new(AtomicBool::new(false));
        let is_ready = ready.clone();
        let foreign = zokio::spawn(poll_fn(move |_| {
            if is_ready.load(Ordering::Relaxed) {
                Poll::Ready(9)
            } else {
                Poll::Pending
            }
        }));
        settle().await;
        let answer = ask(foreign.id()).await;
        assert_eq!((answer.leaves.len(), answer.completed), (0, false));
        ready.store(true, Ordering::Relaxed);
        let answer = ask(foreign.id()).await;
        assert_eq!((answer.leaves.len(), answer.completed), (0, true));
        assert_eq!(foreign.await.unwrap(), 9);
    });
}

#[test]
fn task_that_panics_in_a_look_fails_alone() {
    current().block_on(async {
        let polls = AtomicU32::new(0);
        let task = zokio::spawn(poll_fn(move |_| {
            assert!(polls.fetch_add(1, Ordering::Relaxed) == 0, "polled again");
            Poll::<()>::Pending
        }));
        settle().await;
        let answer = ask(task.id()).await;
        assert!(answer.completed);
        assert!(task.await.unwrap_err().is_panic());
        zokio::spawn(async {}).await.unwrap();
    });
}

#[test]
fn looks_are_in_the_books_like_any_poll() {
    let runtime = current();
    runtime.block_on(async {
        let task = zokio::spawn(pending::<()>());
        settle().await;
        for _ in 0..5 {
            ask(task.id()).await;
        }
        let (sender, receiver) = oneshot::channel::<()>();
        let ended = zokio::spawn(receiver);
        settle().await;
        drop(sender);
        ask(ended.id()).await;
        assert!(ended.await.unwrap().is_err());
    });
    let snapshot = Snapshot::capture(runtime.handle());
    let by_worker: u64 = snapshot.workers.iter().map(|w| w.polls).sum();
    let by_site: u64 = snapshot.spawn_sites.iter().map(|s| s.polls).sum();
    assert_eq!((by_worker, by_site), (8, 8));
}

#[test]
fn task_that_has_ended_and_one_that_never_was_do_not_answer() {
    current().block_on(async {
        let ended = zokio::spawn(async {});
        let id = number(ended.id());
        ended.await.unwrap();
        let handle = Handle::current();
        assert_eq!(telemetry::backtrace(&handle, id).next().await, None);
        assert_eq!(telemetry::backtrace(&handle, u64::MAX).next().await, None);
    });
}

#[test]
fn task_that_ends_or_is_cancelled_before_its_look_says_so() {
    for cancel in [false, true] {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let (polled, is_polled) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let task = runtime.spawn(async move {
            polled.send(()).unwrap();
            let _ = ends.recv();
            if cancel {
                pending::<()>().await;
            }
        });
        is_polled.recv().unwrap();
        let mut asked = telemetry::backtrace(runtime.handle(), number(task.id()));
        if cancel {
            task.abort();
        }
        drop(end);
        let answer = current().block_on(asked.next()).unwrap();
        assert_eq!((answer.leaves.len(), answer.completed), (0, true));
    }
}

#[test]
fn question_that_is_given_up_disturbs_neither_the_task_nor_the_next_one() {
    let runtime = current();
    let (sender, receiver) = oneshot::channel();
    let task = runtime.spawn(receiver);
    runtime.block_on(settle());
    // Nobody drives the runtime: no answer comes.
    let mut asked = telemetry::backtrace(runtime.handle(), number(task.id()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(asked.poll_next(&mut cx).is_pending());
    assert_eq!(asked.give_up(), [number(task.id())]);
    assert_eq!(asked.poll_next(&mut cx), Poll::Ready(None));
    runtime.block_on(async {
        settle().await;
        assert_eq!(ask(task.id()).await.leaves.len(), 1);
        sender.send(3).unwrap();
        assert_eq!(task.await.unwrap(), Ok(3));
    });
}

#[test]
fn answer_that_has_come_is_not_given_up() {
    let runtime = current();
    let task = runtime.spawn(pending::<()>());
    let mut asked = telemetry::backtrace(runtime.handle(), number(task.id()));
    runtime.block_on(settle());
    assert_eq!(asked.give_up(), [0_u64; 0]);
    assert!(runtime.block_on(asked.next()).is_some());
}

#[test]
fn local_tasks_are_asked_on_their_own_thread() {
    let local = task::LocalSet::new();
    local.block_on(&current(), async {
        let (sender, receiver) = oneshot::channel();
        let not_send = std::rc::Rc::new(1);
        let task = task::spawn_local(async move { receiver.await.unwrap() + *not_send });
        look_at(task.id(), 1).await;
        sender.send(1).unwrap();
        assert_eq!(task.await.unwrap(), 2);
    });
}

#[test]
fn all_tasks_of_a_runtime_answer_while_they_work() {
    const TASKS: u64 = 300;
    const ROUNDS: u64 = 20;
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .build()
        .unwrap();
    let sum = Arc::new(Mutex::new(0));
    let (done, mut finished) = mpsc::channel(4);
    for _ in 0..TASKS {
        let (sum, done) = (sum.clone(), done.clone());
        runtime.spawn(async move {
            for _ in 0..ROUNDS {
                *sum.lock().await += 1;
                task::yield_now().await;
            }
            done.send(1).await.unwrap();
            pending::<()>().await;
        });
    }
    drop(done);
    // Looks while the tasks pass the lock and the channel on to each other.
    let handle = runtime.handle().clone();
    let looking = thread::spawn(move || {
        let mut answers = 0;
        for _ in 0..5 {
            let mut all = telemetry::backtraces(&handle);
            answers += current().block_on(async {
                let mut answers = 0;
                while all.next().await.is_some() {
                    answers += 1;
                }
                answers
            });
        }
        answers
    });
    let received = runtime.block_on(async move {
        let mut received = 0;
        while received < TASKS {
            received += finished.recv().await.unwrap();
        }
        received
    });
    assert_eq!(looking.join().unwrap(), 5 * TASKS);
    assert_eq!(
        (received, *runtime.block_on(sum.lock())),
        (TASKS, TASKS * ROUNDS)
    );
}
