//! Trace mode: a poll in which leaf futures note their stacks and do nothing else.
//!
//! # Protocol
//!
//! | who | does |
//! |---|---|
//! | asker, any thread | puts its [`Answers`] under the task's id into the runtime's [`Questions`], then sets the task's TRACE bit and wakes it |
//! | whoever has the right to run the task | finds the bit at the beginning of a poll, unsets it, takes the questions, polls in trace mode, answers, and then polls as ever |
//!
//! | whoever completes the task | finds the bit afterwards, takes the questions and answers that there is nothing to trace any more |
//!
//! No question is lost: it is in the table before the bit is set, and whoever unsets the bit, or has
//! completed the task and sees it, takes from the table afterwards. An asker whose bit comes after the
//! completion sees that, and takes the question back. A question that another one's bit has answered leaves its own bit
//! for nothing. The lock of the table is taken only by askers and by tasks that are asked.
//!
//! # Why trace mode changes nothing
//!
//! The task is polled with no budget left, so each leaf future ends in
//! [`poll_proceed`](crate::task::coop::poll_proceed) before it looks at anything, and must stand
//! that at any time. There, where nobody comes in the ordinary way of things, it is asked whether
//! this is a trace ([`leaf`]). What differs from a task without budget is the wake: an ordinary
//! poll of the task follows in any case, so only wakers other than the task's own are woken, those
//! of combinators that would not poll the future again; and that after the poll, or such a
//! combinator would go on polling.
//!
//! A poll within the poll (a local set's tasks) is none of the trace's: it is another task's.

mod native;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::record_table::Pin;
use super::{Outcome, TaskBacktrace, TaskKind, clock, current};
use crate::scheduler::Shared;
use crate::task::coop::{self, Budget};
use crate::task::header::Header;
use crate::task::raw::Runnable;
use crate::task::schedule_if;

/// Leaf futures of one task whose stacks are kept.
const MAX_LEAVES: usize = 64;

/// Who has asked which task.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<u64, Vec<Arc<Answers>>>>);

impl Questions {
    fn take(&self, task: u64) -> Vec<Arc<Answers>> {
        self.0.lock().remove(&task).unwrap_or_default()
    }
}

/// What has been answered to one asker.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Inbox>);

#[derive(Debug, Default)]
struct Inbox {
    answers: VecDeque<TaskBacktrace>,
    waker: Option<Waker>,
}

impl Answers {
    /// The next answer; else `waker` is woken when one comes.
    pub(crate) fn poll_take(&self, waker: &Waker) -> Poll<TaskBacktrace> {
        // Wakers' code does not run under the lock.
        let fresh = waker.clone();
        let mut inbox = self.0.lock();
        if let Some(answer) = inbox.answers.pop_front() {
            drop(inbox);
            return Poll::Ready(answer);
        }
        let old = inbox.waker.replace(fresh);
        drop(inbox);
        drop(old);
        Poll::Pending
    }

    /// The tasks whose answers have not been taken.
    pub(crate) fn tasks(&self) -> HashSet<u64> {
        self.0.lock().answers.iter().map(|a| a.task_id).collect()
    }

    fn push(&self, answer: TaskBacktrace) {
        let mut inbox = self.0.lock();
        inbox.answers.push_back(answer);
        let waker = inbox.waker.take();
        drop(inbox);
        if let Some(waker) = waker {
            wake(waker);
        }
    }
}

/// Wakes what is none of the worker's business to fail with.
fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

/// Asks a task. `None`: there is no such task, or none that is polled by workers.
pub(crate) fn ask_task(shared: &Shared, id: u64, answers: &Arc<Answers>) -> Option<u64> {
    let pin = super::capture::pin_task(shared, id)?;
    ask(shared, &pin, answers)
}

/// Asks the task whose record is in `slot`, likewise.
pub(crate) fn ask_slot(shared: &Shared, slot: u32, answers: &Arc<Answers>) -> Option<u64> {
    let pin = shared.records().pin_live(slot)?;
    ask(shared, &pin, answers)
}

fn ask(shared: &Shared, pin: &Pin<'_>, answers: &Arc<Answers>) -> Option<u64> {
    let record = pin.record();
    if !matches!(record.kind(), TaskKind::Task | TaskKind::Local) {
        return None;
    }
    let (id, header, cell) = (record.id.get(), pin.header()?, pin.cell()?);
    let mut questions = shared.questions.0.lock();
    questions.entry(id).or_default().push(answers.clone());
    drop(questions);
    schedule_if(header.state.ask_for_trace(), cell);
    if header.state.view().is_complete() {
        // Its last poll may have missed the question.
        forget(shared, &HashSet::from([id]), answers);
        return answers.tasks().contains(&id).then_some(id);
    }
    Some(id)
}

/// Takes back the questions to these tasks.
pub(crate) fn forget(shared: &Shared, tasks: &HashSet<u64>, answers: &Arc<Answers>) {
    let mut questions = shared.questions.0.lock();
    for task in tasks {
        if let Some(askers) = questions.get_mut(task) {
            askers.retain(|asker| !Arc::ptr_eq(asker, answers));
            if askers.is_empty() {
                questions.remove(task);
            }
        }
    }
}

/// A trace under way on this thread.
struct Tracing {
    /// The task's id, and the address that its own wakers hold.
    task: u64,
    cell: *const (),
    /// The stack down from the poll, which is on every leaf's.
    below: Vec<usize>,
    leaves: Vec<Vec<usize>>,
    leaves_left_off: u64,
    /// To be woken afterwards.
    wakers: Vec<Waker>,
}

thread_local! {
    static TRACING: RefCell<Option<Tracing>> = const { RefCell::new(None) };
}

/// Polls a task in trace mode, if somebody has asked it. The caller has the right to run it, and
/// polls it as ever afterwards, unless it has finished.
#[cold]
pub(crate) fn poll(shared: &Shared, runnable: &Runnable) -> Poll<Outcome> {
    let header = runnable.header();
    if !header.state.begin_trace() {
        return Poll::Pending;
    }
    let askers = shared.questions.take(header.id);
    if askers.is_empty() {
        return Poll::Pending;
    }
    let (polled, tracing) = poll_traced(shared, runnable);
    // After the task's next look at itself is due in any case: what is woken here it will find.
    tracing.wakers.into_iter().for_each(wake);
    answer(
        askers,
        TaskBacktrace {
            task_id: header.id,
            taken_at_ns: clock::now_ns(),
            leaves: tracing.leaves,
            leaves_left_off: tracing.leaves_left_off,
            completed: polled.is_ready(),
        },
    );
    polled
}

/// A task has ended and was asked before: says so.
#[cold]
pub(crate) fn answer_ended(header: &Header) {
    answer(
        header.shared().questions.take(header.id),
        TaskBacktrace {
            task_id: header.id,
            taken_at_ns: clock::now_ns(),
            leaves: Vec::new(),
            leaves_left_off: 0,
            completed: true,
        },
    );
}

fn answer(askers: Vec<Arc<Answers>>, answer: TaskBacktrace) {
    for asker in askers {
        asker.push(answer.clone());
    }
}

fn poll_traced(shared: &Shared, runnable: &Runnable) -> (Poll<Outcome>, Tracing) {
    let header = runnable.header();
    let record = shared.records().get(header.slot);
    let polls = if record.has_counts() {
        record.polls.get() as u32
    } else {
        0
    };
    let _current = current::Restore::enter(current::Current::task(header.id, polls, clock::raw()));
    let _budget = coop::enter(Budget::exhausted());
    let outer = TRACING.replace(Some(Tracing {
        task: header.id,
        cell: std::ptr::from_ref::<Header>(header).cast(),
        below: native::stack(),
        leaves: Vec::new(),
        leaves_left_off: 0,
        wakers: Vec::new(),
    }));
    // It does not unwind: the task's panics are caught inside.
    let polled = runnable.poll();
    let tracing = TRACING.replace(outer).expect("it was put there above");
    (polled, tracing)
}

/// Whether the poll under way is a trace. To be asked only without budget: else it is none.
#[cold]
pub(crate) fn is_on() -> bool {
    let task = current::get().task;
    TRACING.with_borrow(|tracing| tracing.as_ref().is_some_and(|t| t.task == task))
}

/// A leaf future is being polled without budget. True: in a trace, and its stack has been noted.
/// It returns `Pending`, and wakes nobody.
#[cold]
#[inline(never)]
pub(crate) fn leaf(cx: &Context<'_>) -> bool {
    if !is_on() {
        return false;
    }
    let waker = cx.waker();
    let is_own = TRACING.with_borrow(|t| t.as_ref().is_some_and(|t| t.cell == waker.data()));
    let other = (!is_own).then(|| waker.clone());
    TRACING.with_borrow_mut(|tracing| {
        let Some(tracing) = tracing else { return };
        tracing.wakers.extend(other);
        if tracing.leaves.len() == MAX_LEAVES {
            tracing.leaves_left_off += 1;
        } else {
            let stack = above(native::stack(), &tracing.below);
            tracing.leaves.push(stack);
        }
    });
    true
}

/// A stack without what it has in common with the one below the poll.
fn above(mut stack: Vec<usize>, below: &[usize]) -> Vec<usize> {
    let pairs = stack.iter().rev().zip(below.iter().rev());
    let common = pairs.take_while(|(a, b)| a == b).count();
    stack.truncate(stack.len() - common);
    stack
}

#[cfg(all(test, not(zokio_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_the_poll_is_cut_off() {
        assert_eq!(above(vec![9, 8, 5, 2, 1], &[7, 2, 1]), [9, 8, 5]);
        assert_eq!(above(vec![9, 8], &[]), [9, 8]);
        assert_eq!(above(vec![2, 1], &[3, 2, 1]), [0_usize; 0]);
    }

    #[test]
    fn outside_of_a_trace_no_leaf_is_one() {
        assert!(!leaf(&Context::from_waker(Waker::noop())));
        assert!(!is_on());
    }
}
