//! The long polls that were noticed lately.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zokio::telemetry::{PollInProgress, ThreadSample, now_ns};

use crate::nanos::nanos;
use crate::stacks::Frame;

/// Long polls that are kept; of those that have ended the oldest go first.
const MAX_LONG_POLLS: usize = 64;

/// A poll that took longer than the threshold.
#[derive(Debug, Clone)]
pub(crate) struct LongPoll {
    pub(crate) runtime_id: u64,
    pub(crate) worker: u16,
    pub(crate) task_id: u64,
    pub(crate) task_name: Option<Arc<str>>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
    pub(crate) began_at_ns: u64,
    /// When it was seen to be over; `None`: it goes on.
    pub(crate) ended_at_ns: Option<u64>,
    pub(crate) stack: Stack,
}

impl LongPoll {
    fn is_same(&self, other: &LongPoll) -> bool {
        let key = |p: &LongPoll| (p.runtime_id, p.task_id, p.began_at_ns);
        key(self) == key(other)
    }
}

/// What the thread was doing when it was looked at last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stack {
    pub(crate) taken_at_ns: u64,
    /// 0: unknown.
    pub(crate) thread_id: u64,
    pub(crate) thread_state: &'static str,
    /// The innermost first. Shared: each look and each viewer has the long polls for itself.
    pub(crate) frames: Arc<[Frame]>,
    /// Why there are no frames.
    pub(crate) error: String,
    pub(crate) known: Known,
}

/// How much is known of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Known {
    /// All that there is to know.
    #[default]
    All,
    /// Its functions are about to be named.
    Unnamed,
    /// Nothing: the poll ended before its thread could be looked at.
    Nothing,
}

impl Stack {
    pub(crate) fn unknown(why: impl fmt::Display) -> Stack {
        Stack {
            taken_at_ns: now_ns(),
            thread_state: "unknown",
            error: why.to_string(),
            ..Stack::default()
        }
    }

    /// Sampled, and about to be named.
    pub(crate) fn unnamed(sample: &ThreadSample) -> Stack {
        Stack {
            taken_at_ns: now_ns(),
            thread_id: sample.thread_id,
            thread_state: sample.state.as_str(),
            frames: Arc::default(),
            error: "its functions have not been named yet".to_owned(),
            known: Known::Unnamed,
        }
    }

    pub(crate) fn missed() -> Stack {
        Stack {
            known: Known::Nothing,
            ..Stack::unknown("the poll ended while its thread was looked at")
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Log {
    polls: Mutex<VecDeque<LongPoll>>,
    rests: AtomicU64,
    late_ns: AtomicU64,
}

/// How late the watchdog's own thread was woken from its rests, in all: what the machine keeps a
/// thread waiting for a CPU that asks for nothing but that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CpuWait {
    pub(crate) rests: u64,
    pub(crate) late_ns: u64,
}

impl Log {
    /// A rest is over, that much too late.
    pub(super) fn rested(&self, late: Duration) {
        self.late_ns.fetch_add(nanos(late), Ordering::Relaxed);
        self.rests.fetch_add(1, Ordering::Relaxed);
    }

    /// The rests so far.
    pub(crate) fn cpu_wait(&self) -> CpuWait {
        CpuWait {
            rests: self.rests.load(Ordering::Relaxed),
            late_ns: self.late_ns.load(Ordering::Relaxed),
        }
    }

    /// Adds a long poll, or replaces what was known of it.
    pub(crate) fn put(&self, poll: LongPoll) {
        let mut polls = self.lock();
        if let Some(known) = polls.iter_mut().find(|p| p.is_same(&poll)) {
            *known = poll;
            return;
        }
        if polls.len() >= MAX_LONG_POLLS {
            let oldest = polls.iter().position(|p| p.ended_at_ns.is_some());
            polls.remove(oldest.unwrap_or(0));
        }
        polls.push_back(poll);
    }

    /// The stack of a long poll has been named. It may have been looked at again meanwhile.
    pub(crate) fn name(&self, poll: &LongPoll) {
        let mut polls = self.lock();
        if let Some(known) = polls.iter_mut().find(|p| p.is_same(poll))
            && known.stack.taken_at_ns == poll.stack.taken_at_ns
        {
            known.stack = poll.stack.clone();
        }
    }

    /// A poll is over.
    pub(crate) fn end(&self, runtime_id: u64, poll: &PollInProgress, now: u64) {
        let ended = |p: &&mut LongPoll| {
            (p.runtime_id, p.task_id, p.began_at_ns) == (runtime_id, poll.task_id, poll.since_ns)
        };
        if let Some(known) = self.lock().iter_mut().find(ended) {
            known.ended_at_ns = Some(now);
        }
    }

    /// Those of one runtime, the oldest first.
    pub(crate) fn of(&self, runtime_id: u64) -> Vec<LongPoll> {
        let polls = self.lock();
        polls
            .iter()
            .filter(|p| p.runtime_id == runtime_id)
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<LongPoll>> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(task_id: u64, ended_at_ns: Option<u64>) -> LongPoll {
        LongPoll {
            runtime_id: 1,
            worker: 0,
            task_id,
            task_name: None,
            spawned_at: None,
            began_at_ns: 5,
            ended_at_ns,
            stack: Stack::unknown("missed"),
        }
    }

    #[test]
    fn later_sample_replaces_the_earlier_one() {
        let log = Log::default();
        log.put(poll(7, None));
        log.put(LongPoll {
            stack: Stack::unknown("other"),
            ..poll(7, None)
        });
        let polls = log.of(1);
        assert_eq!(polls.len(), 1);
        assert_eq!(polls[0].stack.error, "other");
    }

    #[test]
    fn names_come_to_the_sample_that_they_are_of() {
        let log = Log::default();
        let named = |taken_at_ns| LongPoll {
            stack: Stack {
                taken_at_ns,
                frames: [Frame::default()].into(),
                ..Stack::default()
            },
            ..poll(7, None)
        };
        log.put(LongPoll {
            stack: Stack {
                taken_at_ns: 2,
                ..Stack::default()
            },
            ..poll(7, None)
        });
        log.name(&named(1));
        assert!(log.of(1)[0].stack.frames.is_empty());
        log.name(&named(2));
        assert_eq!(log.of(1)[0].stack.frames.len(), 1);
    }

    #[test]
    fn all_who_ask_share_the_stacks() {
        let log = Log::default();
        let mut long = poll(7, None);
        long.stack.frames = [Frame::default()].into();
        log.put(long);
        let (one, other) = (log.of(1), log.of(1));
        assert!(Arc::ptr_eq(&one[0].stack.frames, &other[0].stack.frames));
    }

    #[test]
    fn those_of_other_runtimes_are_not_shown() {
        let log = Log::default();
        log.put(poll(7, None));
        assert!(log.of(2).is_empty());
    }

    #[test]
    fn polls_that_go_on_outlast_those_that_have_ended() {
        let log = Log::default();
        log.put(poll(0, None));
        for task in 1..=2 * MAX_LONG_POLLS as u64 {
            log.put(poll(task, Some(9)));
        }
        let polls = log.of(1);
        assert_eq!(polls.len(), MAX_LONG_POLLS);
        assert_eq!(polls[0].task_id, 0);
        assert_eq!(polls.last().unwrap().task_id, 2 * MAX_LONG_POLLS as u64);
    }
}
