//! Lives a graph: what its tasks share, and what each step does.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use zokio::runtime::Runtime;
use zokio::sync::{self, mpsc};
use zokio::task::{self, AbortHandle, JoinHandle, LocalSet};
use zokio::telemetry::TaskKind;
use zokio::time::{sleep, timeout};

use crate::facts::{Facts, Fate, Ledger};
use crate::os;
use crate::plan::{End, Graph, Plan, Step};
use crate::tracked::{Tracked, tracked_blocking};

/// What a task waits for others at most.
const PATIENCE: Duration = Duration::from_millis(2);

/// What a planned panic says.
pub(crate) const PLANNED: &str = "as planned";

type Channel = (mpsc::Sender<u64>, sync::Mutex<mpsc::Receiver<u64>>);

/// What tasks share.
pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    mutex: sync::Mutex<u64>,
    rwlock: sync::RwLock<u64>,
    semaphore: sync::Semaphore,
    notify: sync::Notify,
    channels: [Channel; 2],
    /// Wakers that tasks have left for others.
    left: Mutex<VecDeque<Waker>>,
    aborts: Mutex<Vec<AbortHandle>>,
    gate: Gate,
    can_block_in_place: bool,
}

/// Where tasks wait for the end.
#[derive(Default)]
pub(crate) struct Gate(Mutex<(bool, Vec<Waker>)>);

impl Gate {
    /// Waits until the gate is open, and says so in the task's books.
    pub(crate) async fn wait(&self, me: &Facts) {
        me.set_fate(Fate::AtGate);
        poll_fn(|cx| {
            let mut gate = self.0.lock();
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn open(&self) {
        let mut gate = self.0.lock();
        gate.0 = true;
        let wakers = std::mem::take(&mut gate.1);
        drop(gate);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Runs a graph until nothing is left to do but to wait at the gate.
pub(crate) fn run(runtime: &Runtime, graph: Graph) -> (Arc<World>, LocalSet) {
    let channel = || {
        let (to, from) = mpsc::channel(2);
        (to, sync::Mutex::new(from))
    };
    let world = Arc::new(World {
        ledger: Arc::default(),
        mutex: sync::Mutex::new(0),
        rwlock: sync::RwLock::new(0),
        semaphore: sync::Semaphore::new(2),
        notify: sync::Notify::new(),
        channels: [channel(), channel()],
        left: Mutex::default(),
        aborts: Mutex::default(),
        gate: Gate::default(),
        can_block_in_place: graph.workers > 0,
    });
    let set = LocalSet::new();
    let running = Arc::clone(&world);
    set.block_on(runtime, async move {
        for plan in graph.tasks {
            drop(spawn_root(&running, plan));
        }
        for plan in graph.locals {
            drop(spawn_local(&running, plan));
        }
        until(|| running.ledger.is_at_rest()).await;
    });
    (world, set)
}

/// Lets all tasks that wait at the gate go, or aborts them if that is what they wait for.
pub(crate) fn end(runtime: &Runtime, world: &World, set: &LocalSet) {
    let aborts = std::mem::take(&mut *world.aborts.lock());
    set.block_on(runtime, async {
        aborts.iter().for_each(AbortHandle::abort);
        world.gate.open();
        let tasks = world.ledger.tasks();
        until(|| tasks.iter().all(|task| task.has_ended())).await;
    });
}

/// Lets what has been woken meanwhile run.
pub(crate) fn turn(runtime: &Runtime, set: &LocalSet) {
    set.block_on(runtime, async { sleep(Duration::from_micros(100)).await });
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_micros(200)).await;
    }
}

fn spawn_root(world: &Arc<World>, plan: Plan) -> JoinHandle<()> {
    spawn(world, plan)
}

#[track_caller]
fn spawn(world: &Arc<World>, plan: Plan) -> JoinHandle<()> {
    let facts = world.ledger.open(Location::caller(), TaskKind::Task);
    let aborted = matches!(plan.end, End::Aborted);
    let life = life(Arc::clone(world), Arc::clone(&facts), plan);
    let handle = task::spawn(Tracked::new(life, facts, Arc::clone(&world.ledger)));
    world.abort_later(aborted, &handle);
    handle
}

#[track_caller]
fn spawn_local(world: &Arc<World>, plan: Plan) -> JoinHandle<()> {
    let facts = world.ledger.open(Location::caller(), TaskKind::Local);
    let aborted = matches!(plan.end, End::Aborted);
    let life = life(Arc::clone(world), Arc::clone(&facts), plan);
    let not_send = async move {
        let here = Rc::new(());
        life.await;
        drop(here);
    };
    let handle = task::spawn_local(Tracked::new(not_send, facts, Arc::clone(&world.ledger)));
    world.abort_later(aborted, &handle);
    handle
}

#[track_caller]
fn spawn_blocking(world: &World, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let facts = world.ledger.open(Location::caller(), TaskKind::Blocking);
    task::spawn_blocking(move || tracked_blocking(facts, work))
}

/// Burns processor time.
pub(crate) fn burn(us: u64) {
    let end = os::thread_cpu_ns() + us * 1_000;
    while os::thread_cpu_ns() < end {
        std::hint::spin_loop();
    }
}

fn life(world: Arc<World>, me: Arc<Facts>, plan: Plan) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut children = Vec::new();
        for step in plan.steps {
            world.take(step, &me, &mut children).await;
        }
        match plan.end {
            End::Finish => {}
            End::Panic => std::panic::panic_any(PLANNED),
            End::Gate => world.gate.wait(&me).await,
            End::Aborted => {
                me.set_fate(Fate::AtGate);
                std::future::pending().await
            }
        }
    })
}

impl World {
    fn abort_later(&self, aborted: bool, handle: &JoinHandle<()>) {
        if aborted {
            self.aborts.lock().push(handle.abort_handle());
        }
    }

    async fn take(self: &Arc<World>, step: Step, me: &Facts, children: &mut Vec<JoinHandle<()>>) {
        match step {
            Step::Yield(n) => yields(n).await,
            Step::Sleep(us) => sleep(Duration::from_micros(us)).await,
            Step::Spin(us) => burn(us),
            Step::Join => {
                if let Some(child) = children.last_mut() {
                    drop(timeout(PATIENCE, child).await);
                    children.pop();
                }
            }
            Step::Abort => {
                if let Some(child) = children.last() {
                    child.abort();
                }
            }
            Step::Spawn(plan) => children.push(match me.kind {
                TaskKind::Local => spawn_local(self, *plan),
                _ => spawn(self, *plan),
            }),
            Step::Blocking(us) => {
                let work = spawn_blocking(self, move || burn(us));
                drop(timeout(PATIENCE, work).await);
            }
            Step::BlockInPlace(us) => {
                if self.can_block_in_place && me.kind == TaskKind::Task {
                    self.ledger
                        .blocks_in_place(|| task::block_in_place(|| burn(us)));
                }
            }
            Step::WakeSelf(_) | Step::LeaveWaker(_) => self.wakers(step).await,
            Step::WakeOthers(by_value) => self.wake_others(by_value),
            Step::WakeOthersFromPool => {
                let world = Arc::clone(self);
                drop(spawn_blocking(self, move || world.wake_others(true)));
            }
            step => drop(timeout(PATIENCE, self.synchronise(step)).await),
        }
    }

    /// The steps that wait for others, or end their waits.
    async fn synchronise(&self, step: Step) {
        match step {
            Step::Lock(n) => {
                let mut guard = self.mutex.lock().await;
                yields(n).await;
                *guard += 1;
            }
            Step::Read(n) => {
                let _guard = self.rwlock.read().await;
                yields(n).await;
            }
            Step::Write(n) => {
                let mut guard = self.rwlock.write().await;
                yields(n).await;
                *guard += 1;
            }
            Step::Acquire(n) => {
                let _permit = self.semaphore.acquire().await;
                yields(n).await;
            }
            Step::Notified => self.notify.notified().await,
            Step::Notify => self.notify.notify_one(),
            Step::Send(to) => drop(self.channels[to].0.send(1).await),
            Step::Recv(from) => drop(self.channels[from].1.lock().await.recv().await),
            Step::Select(us, from) => {
                zokio::select! {
                    () = sleep(Duration::from_micros(us)) => {}
                    _ = async { self.channels[from].1.lock().await.recv().await } => {}
                    () = self.notify.notified() => {}
                }
            }
            _ => unreachable!("not a step that waits"),
        }
    }

    /// The steps that do something with the task's own waker.
    async fn wakers(&self, step: Step) {
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            match step {
                Step::WakeSelf(n) => (0..n).for_each(|_| cx.waker().wake_by_ref()),
                Step::LeaveWaker(n) => {
                    for _ in 0..n {
                        drop(cx.waker().clone());
                    }
                    self.lock_left().push_back(cx.waker().clone());
                }
                _ => unreachable!("not a step with a waker"),
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Wakes the oldest waker that was left, by value, or by reference and leaves it there.
    fn wake_others(&self, by_value: bool) {
        let Some(waker) = self.lock_left().pop_front() else {
            return;
        };
        if by_value {
            waker.wake();
        } else {
            waker.wake_by_ref();
            self.lock_left().push_back(waker);
        }
    }

    fn lock_left(&self) -> MutexGuard<'_, VecDeque<Waker>> {
        self.left.lock()
    }
}

async fn yields(n: u32) {
    for _ in 0..n {
        task::yield_now().await;
    }
}
