//! Where tasks wait: an async backtrace of one task, or of all.
//!
//! A task that waits has no stack. To get one it is polled once in *trace mode*, just before its
//! next ordinary poll: there each leaf future of this crate that it waits for notes the stack that
//! has led to it, and returns `Pending` as if the task had no budget left. So it looks at nothing
//! and changes nothing, it keeps its place in every line, and no wake is lost. The ordinary poll
//! that follows at once is the one that counts.
//!
//! What a look costs and changes:
//!
//! - the task gets one wake and one poll more than it would have had, which are counted;
//! - futures that are none of this crate's, and do not ask for budget
//!   ([`poll_proceed`](crate::task::coop::poll_proceed)), are really polled twice in that turn, as
//!   any future must stand. Should one be ready, the task goes on from there, as it would have;
//! - a combinator that polls only those of its futures that have been woken (`FuturesUnordered`)
//!   shows only those. What a task waits for all the same, [`TaskSnapshot`](super::TaskSnapshot)
//!   knows;
//! - what the program's own code logs or counts when it is polled, it logs and counts.
//!
//! A task whose turn does not come, since it is being polled or all workers are busy, is not
//! traced: whoever asks decides how long to wait, and can look at the workers' threads instead
//! ([`sample_worker`](super::sample_worker)). Neither are blocking work, which has a thread with a
//! stack of its own, and the futures given to `block_on`.
//!
//! Stacks are addresses of instructions. Finding the functions' names takes long, and is left to
//! the asker, off the workers.

use std::collections::HashSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::trace::{self, Answers};
use crate::runtime::Handle;
use crate::task::coop;

/// Tasks that are asked at a time, when all are: so that a look at a million tasks does not keep
/// the program from its work.
const ASKED_AT_A_TIME: usize = 64;

/// Where a task waits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskBacktrace {
    /// The task.
    pub task_id: u64,
    /// When it was traced, on the clock of [`now_ns`](super::now_ns).
    pub taken_at_ns: u64,
    /// The stacks of the leaf futures that the task waits for, several if it waits for several
    /// things: return addresses, the innermost first, from within this crate down to where it
    /// polls the task. Empty if the task waits for nothing of this crate's, or was ready to go on.
    pub leaves: Vec<Vec<usize>>,
    /// Leaf futures beyond the first 64, of which there are no stacks.
    pub leaves_left_off: u64,
    /// The task finished in the course of it.
    pub completed: bool,
}

/// Asks one task where it waits. No answer comes if there is no such task.
///
/// ```
/// # let runtime = zokio::runtime::Runtime::new()?;
/// use zokio::telemetry;
///
/// let task = runtime.spawn(std::future::pending::<()>());
/// let id = task.id().to_string().parse()?;
/// let mut asked = telemetry::backtrace(runtime.handle(), id);
/// let answer = runtime.block_on(asked.next());
/// # if !telemetry::is_enabled() { return Ok(()) }
/// // It waits, but for nothing of zokio's.
/// assert_eq!(answer.unwrap().leaves.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn backtrace(handle: &Handle, task_id: u64) -> Backtraces {
    let mut asked = Backtraces::new(handle, 0..0);
    asked.ask(|shared, answers| trace::ask_task(shared, task_id, answers));
    asked
}

/// Asks all live tasks of a runtime where they wait, a few at a time.
pub fn backtraces(handle: &Handle) -> Backtraces {
    Backtraces::new(handle, handle.shared().records().slots())
}

/// Answers of tasks that were asked where they wait. Dropping it forgets the questions.
#[derive(Debug)]
#[must_use = "tasks are asked when it is polled"]
pub struct Backtraces {
    handle: Handle,
    answers: Arc<Answers>,
    /// Asked, and their answers not taken.
    open: HashSet<u64>,
    /// Records of the table that are still to be asked.
    slots: std::ops::Range<u32>,
}

impl Backtraces {
    fn new(handle: &Handle, slots: std::ops::Range<u32>) -> Backtraces {
        Backtraces {
            handle: handle.clone(),
            answers: Arc::default(),
            open: HashSet::new(),
            slots,
        }
    }

    /// The next answer, in the order in which they come; `None` when no task is left.
    ///
    /// May wait as long as a task is not given its turn: see
    /// [`give_up`](Backtraces::give_up).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no answer is lost.
    pub async fn next(&mut self) -> Option<TaskBacktrace> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Backtraces::next) for hand-written futures: only the latest caller is woken.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<TaskBacktrace>> {
        let coop = ready!(coop::poll_proceed(cx));
        self.ask_more();
        let answer = if self.open.is_empty() {
            None
        } else {
            Some(ready!(self.answers.poll_take(cx.waker())))
        };
        coop.made_progress();
        if let Some(answer) = &answer {
            self.open.remove(&answer.task_id);
        }
        Poll::Ready(answer)
    }

    /// Stops to wait for the tasks that have been asked and have not answered, and says which
    /// those are. [`next`](Backtraces::next) goes on with the others.
    pub fn give_up(&mut self) -> Vec<u64> {
        self.forget();
        let arrived = self.answers.tasks();
        let (arrived, silent) = self.open.drain().partition(|id| arrived.contains(id));
        self.open = arrived;
        let mut silent: Vec<u64> = Vec::from_iter::<HashSet<u64>>(silent);
        silent.sort_unstable();
        silent
    }

    fn ask_more(&mut self) {
        while self.open.len() < ASKED_AT_A_TIME {
            let Some(slot) = self.slots.next() else {
                return;
            };
            self.ask(|shared, answers| trace::ask_slot(shared, slot, answers));
        }
    }

    fn ask(&mut self, ask: impl FnOnce(&crate::scheduler::Shared, &Arc<Answers>) -> Option<u64>) {
        self.open.extend(ask(self.handle.shared(), &self.answers));
    }

    fn forget(&self) {
        trace::forget(self.handle.shared(), &self.open, &self.answers);
    }
}

impl Drop for Backtraces {
    fn drop(&mut self) {
        self.forget();
    }
}
