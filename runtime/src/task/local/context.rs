//! The part of a local set that its own thread alone has, and how that thread finds it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use super::LocalQueue;
use crate::runtime::{Builder, Runtime, context};
use crate::scheduler::worker::count_pending;
use crate::scheduler::{BOX_FUTURE_ABOVE, Shared};
use crate::task::coop::{self, Budget};
use crate::task::header::NO_WORKER;
use crate::task::raw::{LocalFuture, LocalHead, Runnable};
use crate::task::slab::Slab;
use crate::task::state::AfterPoll;
use crate::task::{AbortHandle, JoinHandle};
use crate::telemetry::{Origin, Outcome, SiteTotals, TaskRecord, clock, current, trace};

/// Most tasks that are run in one poll of a set, so that whoever polls it gets his turn.
const TASKS_PER_TURN: usize = 61;

/// A set, as its thread has it.
pub(crate) struct Context {
    pub(super) queue: Arc<LocalQueue>,
    /// Tasks to be run. Not borrowed while any is.
    tasks: RefCell<VecDeque<Runnable>>,
    /// The tasks that have not completed. Not borrowed while any is run or dropped.
    owned: RefCell<Slab<AbortHandle>>,
    closed: Cell<bool>,
    /// A poll of the set is on this thread's stack, so that it need not be woken for its tasks.
    driven: Cell<bool>,
    /// A poll within that one has made its waker the one to wake.
    displaced: Cell<bool>,
    /// It is the set of a local runtime, whose hooks and settings hold for its tasks.
    of_runtime: bool,
    /// A task's panic is the end of the set.
    ends_on_panic: Cell<bool>,
    /// That has happened.
    panicked: Cell<bool>,
}

impl Context {
    pub(super) fn new(of_runtime: bool) -> Rc<Context> {
        Rc::new(Context {
            queue: Arc::new(LocalQueue::new()),
            tasks: RefCell::new(VecDeque::new()),
            owned: RefCell::new(Slab::new()),
            closed: Cell::new(false),
            driven: Cell::new(false),
            displaced: Cell::new(false),
            of_runtime,
            ends_on_panic: Cell::new(false),
            panicked: Cell::new(false),
        })
    }

    /// Makes a task and has it run by the set's next turn.
    fn spawn<F>(
        &self,
        shared: &Arc<Shared>,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        if size_of::<F>() > BOX_FUTURE_ABOVE {
            let future: Pin<Box<F>> = Box::pin(future);
            self.spawn_sized::<_, F>(shared, future, name, location)
        } else {
            self.spawn_sized::<_, F>(shared, future, name, location)
        }
    }

    /// As [`spawn`](Context::spawn), for who may be outside of the set.
    pub(crate) fn spawn_and_wake<F>(
        &self,
        shared: &Arc<Shared>,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let handle = self.spawn(shared, future, name, location);
        if !self.driven.get() {
            self.queue.wake();
        }
        handle
    }

    /// `S` is the future as the user gave it.
    fn spawn_sized<F, S>(
        &self,
        shared: &Arc<Shared>,
        future: F,
        name: Option<Arc<str>>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let head = LocalHead {
            queue: self.queue.clone(),
            key: self.owned.borrow().next_key(),
        };
        let future = LocalFuture::new(head, future);
        let (runnable, handle) = shared.new_local_task::<_, S>(future, name, location);
        shared.count_local_spawn(self.of_runtime, runnable.header(), location);
        if self.closed.get() {
            self.drop_task(runnable);
            return handle;
        }
        // Nothing of the user's has run since the key was asked for.
        self.owned.borrow_mut().insert(handle.abort_handle());
        if self.of_runtime && shared.config.hooks.tasks.watch_spawns() {
            shared.call_spawn_hook(&runnable);
        }
        self.tasks.borrow_mut().push_back(runnable);
        handle
    }

    /// Whether no task is left that has not completed.
    pub(super) fn is_empty(&self) -> bool {
        self.owned.borrow().is_empty()
    }

    /// Makes the set the current one and driven, until the guard is dropped.
    pub(super) fn drive(self: &Rc<Context>) -> Driving {
        Driving {
            within: self.driven.replace(true),
            context: self.clone(),
            _restore: enter(self.clone()),
        }
    }

    /// Takes what other threads have woken, and has `waker` woken for what they wake from now on.
    fn look_around(&self, waker: &Waker) {
        // Collected apart, since wakers, which are cloned and dropped in there, may spawn.
        let mut woken = VecDeque::new();
        self.queue.begin_turn(waker, &mut woken);
        self.tasks.borrow_mut().append(&mut woken);
    }

    /// Runs tasks. True: there may be more.
    pub(super) fn run_turn(&self) -> bool {
        for _ in 0..TASKS_PER_TURN {
            let Some(task) = self.pop() else {
                return false;
            };
            if self.of_runtime {
                self.run_with_hooks(task);
            } else {
                self.run(task);
            }
            if self.panicked.get() {
                return false;
            }
        }
        true
    }

    /// Whether a task's panic was the end of the set.
    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.get()
    }

    pub(super) fn is_of_runtime(&self) -> bool {
        self.of_runtime
    }

    /// Makes a task's panic the end of the set, or not.
    pub(super) fn end_on_panic(&self, ends: bool) {
        self.ends_on_panic.set(ends);
    }

    fn run_with_hooks(&self, task: Runnable) {
        let shared = task.runtime();
        let hooks = &shared.config.hooks.tasks;
        if !hooks.watch_polls() {
            self.run(task);
            return;
        }
        let meta = shared.meta_of(&task);
        hooks.before_poll(&meta);
        self.run(task);
        hooks.after_poll(&meta);
    }

    fn pop(&self) -> Option<Runnable> {
        let mut tasks = self.tasks.borrow_mut();
        tasks.pop_front().or_else(|| {
            self.queue.take(&mut tasks);
            tasks.pop_front()
        })
    }

    /// Polls a task once and does what its state then asks for.
    fn run(&self, task: Runnable) {
        let header = task.header();
        let (mut seen, mut more_wakes) = header.state.begin_poll();
        if seen.is_cancelled() {
            self.cancel(task);
            return;
        }
        let key = key(&task);
        // It stays as long as the task is not complete, which it is only by this thread.
        let shared = header.shared();
        let mut traced = Poll::Pending;
        // The future that polls the set may be a task's, too.
        let outer_wakes = current::take_self_wakes();
        if seen.is_special() {
            // As in `WorkerContext::run_special`.
            let begin = clock::raw();
            traced = trace::poll(shared, &task);
            let took = clock::raw().saturating_sub(begin);
            header.scheduled_at.set(header.scheduled_at.get() + took);
            let (now, more) = header.state.begin_poll();
            (seen, more_wakes) = (now, more_wakes + more);
        }
        let record = shared.records().get(header.slot);
        let begin = clock::raw();
        let waited = begin.saturating_sub(header.scheduled_at.get());
        count_begin(record, begin);
        record.wakes.add(more_wakes);
        let polled = {
            let poll = record.polls.get() as u32;
            let _current = current::Restore::enter(current::Current::task(header.id, poll, begin));
            let _budget = coop::enter(Budget::initial());
            match traced {
                Poll::Ready(outcome) => Poll::Ready(outcome),
                Poll::Pending => task.poll(),
            }
        };
        let end = clock::raw();
        let self_wakes = count_end(record, begin, end, waited);
        current::give_self_wakes(outer_wakes);
        shared.count_local_poll(header, waited, begin..end);
        record.count_watched(end.saturating_sub(begin), waited);
        match polled {
            Poll::Ready(outcome) => self.finish(task, key, outcome),
            Poll::Pending => {
                let clones = header.state.view().clones();
                count_pending(record, seen.wakes(), clones, record.polls.get() == 1);
                match header.state.after_poll(seen, clones) {
                    AfterPoll::Idle => {}
                    AfterPoll::Scheduled => {
                        header.scheduled_at.set(end);
                        let worker = context::with_core_of(shared, |worker, _| worker.index());
                        header.woken_on.set(worker.unwrap_or(NO_WORKER));
                        record.note_waker(Origin::during_poll(header.id, self_wakes));
                        self.tasks.borrow_mut().push_back(task);
                    }
                    AfterPoll::Cancelled => self.cancel(task),
                }
            }
        }
    }

    fn finish(&self, task: Runnable, key: usize, outcome: Outcome) {
        // With its last cell a runtime would go.
        let shared = task.runtime();
        let totals = SiteTotals::of(shared.records().get(task.header().slot), outcome);
        self.disown(key);
        self.end(&shared, task, &totals, outcome);
        if outcome == Outcome::Panicked {
            self.task_panicked(&shared);
        }
    }

    fn end(&self, shared: &Arc<Shared>, task: Runnable, totals: &SiteTotals, outcome: Outcome) {
        if self.of_runtime {
            shared.finish(task, totals, outcome);
        } else {
            shared.elsewhere.unqueued_finished.add_shared(1);
            shared.finish_quietly(task, totals, outcome);
        }
    }

    fn task_panicked(&self, shared: &Arc<Shared>) {
        if self.of_runtime {
            // If that ends the runtime, its `block_on` sees to the other tasks.
            shared.task_panicked();
            self.panicked.set(shared.is_shutdown());
        } else if self.ends_on_panic.get() {
            self.panicked.set(true);
            self.shut_down();
        }
    }

    /// Drops a task's future in place of polling it.
    fn cancel(&self, task: Runnable) {
        self.disown(key(&task));
        self.drop_task(task);
    }

    fn drop_task(&self, task: Runnable) {
        let shared = task.runtime();
        let outer_wakes = current::take_self_wakes();
        let (totals, outcome) = shared.drop_future(&task);
        self.end(&shared, task, &totals, outcome);
        current::give_self_wakes(outer_wakes);
    }

    fn disown(&self, key: usize) {
        let handle = self.owned.borrow_mut().remove(key);
        drop(handle);
    }

    /// Cancels all tasks, and from here on each that is spawned.
    ///
    /// A task that another thread has just woken, and has yet to push, is waited for: that thread
    /// holds the right to run it, and does nothing else in between.
    pub(super) fn close(&self) {
        self.abort_all();
        while !self.is_empty() {
            match self.pop() {
                Some(task) => self.cancel(task),
                None => self.queue.wait(&mut self.tasks.borrow_mut()),
            }
        }
    }

    /// As [`close`](Context::close), but may be called within a turn, so it waits for nothing: what
    /// is being run further up the stack ends at its next await, and what another thread is about to
    /// push is dropped by the next turn or with the set.
    pub(crate) fn shut_down(&self) {
        self.abort_all();
        while let Some(task) = self.pop() {
            self.cancel(task);
        }
    }

    fn abort_all(&self) {
        self.closed.set(true);
        let handles: Vec<AbortHandle> = self.owned.borrow().iter().cloned().collect();
        // Those that are idle are enqueued by that, the others are already.
        handles.iter().for_each(AbortHandle::abort);
    }

    /// Enqueues a task that this thread has woken.
    fn push(&self, task: Runnable) {
        self.tasks.borrow_mut().push_back(task);
        if !self.driven.get() {
            self.queue.wake();
        }
    }
}

/// The place of a task in its set. It is part of the future: not to be asked for after a poll.
fn key(task: &Runnable) -> usize {
    task.local_head().expect("a local task").key
}

#[inline]
fn count_begin(record: &TaskRecord, begin: u64) {
    record.ensure_counts();
    record.polls.add(1);
    record.since.set(begin);
    record.set_running(true);
}

#[inline]
fn count_end(record: &TaskRecord, begin: u64, end: u64, waited: u64) -> u64 {
    let busy = end.saturating_sub(begin);
    record.begin_to_count(0);
    record.scheduled.add(waited);
    record.add_busy(busy, end);
    record.set_running(false);
    record.end_counting(end);
    let self_wakes = current::take_self_wakes();
    if self_wakes > 0 {
        record.self_wakes.add(self_wakes);
    }
    self_wakes
}

// ---- how the thread finds the set ---------------------------------------------------------

thread_local! {
    static CURRENT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
}

/// Makes the set from before the current one again.
pub(super) struct Restore {
    /// `None`: the thread's locals are gone, nothing was set.
    before: Option<Option<Rc<Context>>>,
}

/// Makes a set the current one of this thread until the guard is dropped.
pub(super) fn enter(context: Rc<Context>) -> Restore {
    let before = CURRENT.try_with(|current| current.replace(Some(context)));
    Restore {
        before: before.ok(),
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(before) = self.before.take() {
            // The set is dropped, if at all, outside of the borrow.
            let own = CURRENT.try_with(|current| current.replace(before));
            drop(own);
        }
    }
}

/// A poll of a set, or its end, on this thread's stack.
///
/// That is noted in the set and not beside the current one: guards of `LocalSet::enter` are the
/// user's, who may drop them in any order.
pub(super) struct Driving {
    context: Rc<Context>,
    /// Another one of the set is further up the stack: a task polls the set that it is in.
    within: bool,
    _restore: Restore,
}

impl Driving {
    /// A turn begins: takes what other threads have woken. For what they wake after it `waker` is
    /// woken, and no other.
    pub(super) fn begin_turn(&self, waker: &Waker) {
        self.context.displaced.set(self.within);
        self.context.look_around(waker);
    }

    /// The poll ends, to go on when its waker is woken.
    pub(super) fn end_turn(&self, waker: &Waker) {
        if !self.within && self.context.displaced.take() {
            self.context.look_around(waker);
            if !self.context.tasks.borrow().is_empty() {
                waker.wake_by_ref();
            }
        }
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        self.context.driven.set(self.within);
    }
}

/// Calls `f`, which runs none of the user's code, with the current set of this thread.
#[inline]
fn with_current<R>(f: impl FnOnce(Option<&Rc<Context>>) -> R) -> R {
    let mut f = Some(f);
    let mut call = |set: Option<&Rc<Context>>| f.take().map(|f| f(set)).expect("called once");
    let called = CURRENT.try_with(|current| call(current.borrow().as_ref()));
    // Without locals there is no current set.
    called.unwrap_or_else(|_| call(None))
}

/// The current set of this thread.
pub(super) fn current() -> Option<Rc<Context>> {
    with_current(|set| set.cloned())
}

/// The runtime that counts what is spawned on this thread.
pub(super) fn spawning_runtime() -> Arc<Shared> {
    context::try_handle().map_or_else(|_| nowhere(), |handle| handle.shared().clone())
}

/// What local tasks that are spawned outside of any runtime belong to, since a task has its memory
/// and its record from one. Nothing runs in it, and it does not end.
fn nowhere() -> Arc<Shared> {
    static NOWHERE: OnceLock<Runtime> = OnceLock::new();
    let runtime = NOWHERE.get_or_init(|| {
        Builder::new_current_thread()
            .name("nowhere")
            .build()
            .expect("the system has an event queue for local tasks outside of a runtime")
    });
    runtime.handle().shared().clone()
}

/// Enqueues a local task that has been woken, from any thread.
pub(crate) fn schedule(task: Runnable) {
    let header = task.header();
    let now = clock::raw();
    header.scheduled_at.set(now);
    let worker = context::with_core_of(header.shared(), |worker, core| {
        worker.remote().ring.wake(header.id, now, core.in_driver);
        worker.index()
    });
    header.woken_on.set(worker.unwrap_or(NO_WORKER));
    let record = header.shared().records().get(header.slot);
    record.note_waker(current::origin());
    let Some(head) = task.local_head() else {
        unreachable!("the caller has looked");
    };
    let own = |set: &&Rc<Context>| Arc::ptr_eq(&set.queue, &head.queue);
    match with_current(|set| set.filter(own).cloned()) {
        Some(set) => set.push(task),
        None => {
            // Once pushed the task may be gone, and with it its share of the queue.
            let queue = head.queue.clone();
            queue.push(task);
        }
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;
