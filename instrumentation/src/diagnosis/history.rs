//! The last looks at one runtime: what the rules read.
//!
//! Bounded: a ring of looks without tasks, and of each task that is followed the latest snapshot and
//! a few facts about the time before it.

use std::collections::{HashMap, HashSet, VecDeque};

use zokio::telemetry::{
    Acquirer, BacklogSnapshot, BlockingSnapshot, Snapshot, TaskKind, TaskSnapshot, TaskState,
    TimersSnapshot, WorkerState,
};

use super::sites::{SiteTrace, Sites};
use super::thresholds::Thresholds;
use crate::nanos::nanos;
use crate::row::TaskRow as _;
use crate::watchdog::{CpuWait, LongPoll};

/// Looks that are kept: at one a second, half a minute.
const MAX_LOOKS: usize = 32;

/// What is known of a runtime.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The latest last.
    looks: VecDeque<Look>,
    tasks: HashMap<u64, Trace>,
    sites: Sites,
    cpu_wait: CpuWait,
    long_polls: Vec<LongPoll>,
    /// Semaphores whose latest taker holds what it took and is not among the tasks, in the last look
    /// that had tasks.
    leaked: Vec<(u64, Acquirer)>,
    now_ns: u64,
}

/// One look, without tasks.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) taken_at_ns: u64,
    pub(super) workers: Vec<WorkerLook>,
    pub(super) blocking: BlockingSnapshot,
    pub(super) cpu_wait: CpuWait,
    /// What only a look at the tasks can tell.
    pub(super) tasks: Option<TasksLook>,
    /// Polls that ended because the budget was used up, of all workers.
    pub(super) budget_yields: u64,
    /// Waits in LIFO slots while another worker slept.
    pub(super) captive: Captive,
    /// Tasks in the queues of all workers and in the injector.
    pub(super) queued: u64,
    /// The channels in which many messages lie.
    pub(super) backlogs: Vec<BacklogSnapshot>,
}

/// Waits, and how long they took together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Captive {
    pub(super) count: u64,
    pub(super) total_ns: u64,
}

/// The tasks in a look.
#[derive(Debug, Clone)]
pub(super) struct TasksLook {
    /// Time that tasks have waited for their turn, those that still wait included, in all.
    pub(super) waited_ns: u64,
    /// A task that can run, whose turn has not come for a while, while a worker slept all that time.
    pub(super) stranded: Option<u64>,
    /// Sockets and the like, and timers that wait.
    pub(super) outside: u64,
    pub(super) timers: TimersLook,
}

/// The timers that have fired, in a look.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimersLook {
    pub(super) fired: u64,
    /// Of those, the ones that were late.
    pub(super) late: u64,
    pub(super) lateness_ns: u64,
}

/// One worker in a look.
#[derive(Debug, Clone)]
pub(super) struct WorkerLook {
    pub(super) index: u16,
    pub(super) busy_ns: u64,
    pub(super) parked_ns: u64,
    pub(super) unparks: u64,
    pub(super) queue_depth: u64,
    pub(super) current_task: Option<u64>,
}

/// One task: now, at the look before, and what was seen since it is followed.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) now: TaskSnapshot,
    pub(super) before: Option<Before>,
    pub(super) seen: Seen,
}

/// A task at the look before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    pub(super) taken_at_ns: u64,
    pub(super) polls: u64,
    pub(super) wakes: u64,
    pub(super) self_wakes: u64,
    pub(super) busy_ns: u64,
    pub(super) live_wakers: u64,
}

/// How a task was seen to wait, in the looks before the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Seen {
    #[default]
    Never,
    /// With a note: for something of zokio's.
    Noted,
    /// Without a note, but with a waker somewhere.
    Unnoted,
}

impl Trace {
    /// Wakers that exist now.
    pub(super) fn live_wakers(&self) -> u64 {
        self.now.live_wakers()
    }

    fn new(task: TaskSnapshot) -> Trace {
        Trace {
            now: task,
            before: None,
            seen: Seen::Never,
        }
    }

    fn go_on(&mut self, before_ns: u64, task: TaskSnapshot) {
        let old = &self.now;
        if old.state == TaskState::Idle {
            if !old.waits.is_empty() {
                self.seen = Seen::Noted;
            } else if old.live_wakers() > 0 {
                self.seen = Seen::Unnoted;
            }
        }
        self.before = Some(Before {
            taken_at_ns: before_ns,
            polls: old.polls,
            wakes: old.wakes,
            self_wakes: old.self_wakes,
            busy_ns: old.busy_ns,
            live_wakers: old.live_wakers(),
        });
        self.now = task;
    }
}

impl History {
    pub(super) fn note_long_polls(&mut self, long_polls: Vec<LongPoll>) {
        self.long_polls = long_polls;
    }

    pub(super) fn note_cpu_wait(&mut self, cpu_wait: CpuWait) {
        self.cpu_wait = cpu_wait;
    }

    /// A look at a snapshot without tasks.
    pub(super) fn note_counters(&mut self, snapshot: &Snapshot) {
        self.push(Look::new(snapshot));
    }

    /// A look at a snapshot with tasks.
    pub(super) fn note_snapshot(&mut self, snapshot: Snapshot, thresholds: &Thresholds) {
        let before = self.last_with_tasks(1);
        let before_ns = before.map_or(0, |looks| looks[0].taken_at_ns);
        self.push(Look {
            tasks: Some(TasksLook::new(&snapshot, thresholds)),
            ..Look::new(&snapshot)
        });
        self.sites.note(&snapshot);
        self.leaked = leaked(&snapshot);
        let mut former = std::mem::take(&mut self.tasks);
        let mut fresh = Vec::new();
        for task in snapshot.tasks {
            match former.remove(&task.id) {
                Some(mut trace) => {
                    trace.go_on(before_ns, task);
                    self.tasks.insert(trace.now.id, trace);
                }
                None => fresh.push(task),
            }
        }
        let room = thresholds.max_tasks.saturating_sub(self.tasks.len());
        self.tasks.extend(
            fresh
                .into_iter()
                .take(room)
                .map(|task| (task.id, Trace::new(task))),
        );
    }

    fn push(&mut self, mut look: Look) {
        look.cpu_wait = self.cpu_wait;
        self.now_ns = look.taken_at_ns;
        if self.looks.len() >= MAX_LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(look);
    }

    /// The moment of the latest look.
    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The last `looks` looks, the latest last; `None` if there are not that many yet.
    pub(super) fn last(&self, looks: usize) -> Option<Vec<&Look>> {
        let skip = self.looks.len().checked_sub(looks)?;
        Some(self.looks.iter().skip(skip).collect())
    }

    /// As [`last`](History::last), of the looks that have tasks.
    pub(super) fn last_with_tasks(&self, looks: usize) -> Option<Vec<&Look>> {
        let with_tasks: Vec<_> = self.looks.iter().filter(|l| l.tasks.is_some()).collect();
        let skip = with_tasks.len().checked_sub(looks)?;
        Some(with_tasks[skip..].to_vec())
    }

    /// The tasks that are alive and followed, in no order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &Trace> {
        self.tasks.values()
    }

    pub(super) fn task(&self, id: u64) -> Option<&Trace> {
        self.tasks.get(&id)
    }

    /// The spawn sites, in no order.
    pub(super) fn sites(&self) -> impl Iterator<Item = &SiteTrace> {
        self.sites.iter()
    }

    /// How long a thread that had something to do waited for a CPU, on average, over the last looks
    /// that have tasks; 0 if nobody measured it.
    pub(super) fn cpu_wait_ns(&self, looks: usize) -> u64 {
        let Some(looks) = self.last_with_tasks(looks) else {
            return 0;
        };
        match (looks.first(), looks.last()) {
            (Some(before), Some(now)) => now.cpu_wait_since(before),
            _ => 0,
        }
    }

    /// Semaphores by the resource's id, with the taker that is gone and has given nothing back.
    pub(super) fn leaked(&self) -> &[(u64, Acquirer)] {
        &self.leaked
    }

    /// The watchdog's long polls, those of a while ago among them.
    pub(super) fn long_polls(&self) -> &[LongPoll] {
        &self.long_polls
    }
}

impl Look {
    /// How long a thread that had something to do waited for a CPU since then, on average.
    pub(super) fn cpu_wait_since(&self, before: &Look) -> u64 {
        let late_ns = self
            .cpu_wait
            .late_ns
            .saturating_sub(before.cpu_wait.late_ns);
        let rests = self.cpu_wait.rests.saturating_sub(before.cpu_wait.rests);
        late_ns / rests.max(1)
    }

    fn new(snapshot: &Snapshot) -> Look {
        Look {
            taken_at_ns: snapshot.taken_at_ns,
            workers: snapshot
                .workers
                .iter()
                .map(|w| WorkerLook {
                    index: w.index,
                    busy_ns: w.busy_ns,
                    parked_ns: w.parked_ns,
                    unparks: w.unparks,
                    queue_depth: w.queue_depth,
                    current_task: w.current_task.map(|t| t.id),
                })
                .collect(),
            blocking: snapshot.blocking.clone(),
            cpu_wait: CpuWait::default(),
            tasks: None,
            budget_yields: snapshot.workers.iter().map(|w| w.budget_yields).sum(),
            captive: Captive {
                count: snapshot.workers.iter().map(|w| w.lags.lifo.count).sum(),
                total_ns: snapshot.workers.iter().map(|w| w.lags.lifo.total_ns).sum(),
            },
            queued: snapshot.workers.iter().map(|w| w.queue_depth).sum::<u64>()
                + snapshot.injector_depth,
            backlogs: snapshot.backlogs.clone(),
        }
    }
}

impl TasksLook {
    fn new(snapshot: &Snapshot, thresholds: &Thresholds) -> TasksLook {
        let polled = snapshot.workers.iter().map(|w| w.wake_to_poll.sum_ns);
        let waiting = snapshot
            .tasks
            .iter()
            .filter(|t| t.kind == TaskKind::Task && t.state == TaskState::Scheduled)
            .map(|t| snapshot.taken_at_ns.saturating_sub(t.state_since_ns));
        TasksLook {
            waited_ns: polled.sum::<u64>().saturating_add(waiting.sum()),
            stranded: stranded(snapshot, thresholds),
            outside: snapshot
                .driver
                .sources
                .saturating_add(snapshot.timers.armed),
            timers: TimersLook::new(&snapshot.timers, thresholds),
        }
    }
}

impl TimersLook {
    fn new(timers: &TimersSnapshot, thresholds: &Thresholds) -> TimersLook {
        let lateness = &timers.lateness;
        let in_time = lateness.count_at_most(nanos(thresholds.timer_late));
        TimersLook {
            fired: lateness.count,
            late: lateness.count.saturating_sub(in_time),
            lateness_ns: lateness.sum_ns,
        }
    }
}

fn leaked(snapshot: &Snapshot) -> Vec<(u64, Acquirer)> {
    let is_borrowing_task = |taker: &Acquirer| taker.task != 0 && !taker.owned;
    let mut held: Vec<(u64, Acquirer)> = snapshot
        .permits
        .iter()
        .filter(|permits| permits.latest_holds)
        .filter_map(|permits| Some((permits.resource, *permits.acquired_by.first()?)))
        .filter(|(_, taker)| is_borrowing_task(taker))
        .collect();
    let takers: HashSet<u64> = held.iter().map(|(_, taker)| taker.task).collect();
    let ids = snapshot.tasks.iter().map(|task| task.id);
    let alive: HashSet<u64> = ids.filter(|id| takers.contains(id)).collect();
    held.retain(|(_, taker)| !alive.contains(&taker.task));
    held
}

fn stranded(snapshot: &Snapshot, thresholds: &Thresholds) -> Option<u64> {
    let asleep_longest = snapshot
        .workers
        .iter()
        .filter(|w| w.state == WorkerState::Parked)
        .map(|w| w.state_since_ns)
        .min()?;
    let waits_since = snapshot
        .taken_at_ns
        .saturating_sub(nanos(thresholds.imbalance_stranded));
    let is_stranded = |t: &&TaskSnapshot| {
        t.kind == TaskKind::Task
            && t.state == TaskState::Scheduled
            && (asleep_longest..=waits_since).contains(&t.state_since_ns)
    };
    snapshot.tasks.iter().find(is_stranded).map(|t| t.id)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{snapshot, task};
    use super::*;

    #[test]
    fn memory_does_not_grow_with_time() {
        let mut history = History::default();
        for second in 0..100 {
            let mut look = snapshot(second);
            look.tasks.push(task(second + 1));
            history.note_snapshot(look, &Thresholds::default());
        }
        assert_eq!((history.looks.len(), history.tasks.len()), (MAX_LOOKS, 1));
    }

    #[test]
    fn memory_does_not_grow_with_the_program_and_followed_tasks_stay() {
        let thresholds = Thresholds {
            max_tasks: 3,
            ..Thresholds::default()
        };
        let mut history = History::default();
        for first in [10, 8] {
            let mut look = snapshot(first);
            look.tasks = (first..20).map(task).collect();
            history.note_snapshot(look, &thresholds);
        }
        let mut ids: Vec<_> = history.tasks().map(|t| t.now.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [10, 11, 12]);
    }

    #[test]
    fn looks_without_tasks_leave_the_tasks_as_they_were() {
        let mut history = History::default();
        let mut look = snapshot(1);
        look.tasks.push(task(1));
        history.note_snapshot(look, &Thresholds::default());
        history.note_counters(&snapshot(2));
        assert!(history.task(1).is_some());
        assert_eq!(history.last(2).map(|looks| looks.len()), Some(2));
        assert!(history.last_with_tasks(2).is_none());
    }

    #[test]
    fn a_task_remembers_how_it_waited() {
        let mut history = History::default();
        let mut note = |second, clones, drops| {
            let mut look = snapshot(second);
            let mut task = task(1);
            (task.waker_clones, task.waker_drops) = (clones, drops);
            look.tasks.push(task);
            history.note_snapshot(look, &Thresholds::default());
            history.task(1).unwrap().seen
        };
        assert_eq!(note(1, 1, 0), Seen::Never);
        assert_eq!(note(2, 1, 1), Seen::Unnoted);
        assert_eq!(note(3, 1, 1), Seen::Unnoted);
    }
}
