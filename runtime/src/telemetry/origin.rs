//! Who woke a task, in one word of its record.

use super::snapshot::{LastWaker, WakerKind};

/// Who makes a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin(u64);

/// What is above it is a task's id, moved up by as much.
const FIRST_TASK: u64 = 8;

impl Origin {
    /// Nobody has woken it yet.
    const NOBODY: Origin = Origin(0);
    /// A thread that polls no task of zokio's.
    pub(crate) const THREAD: Origin = Origin(1);
    /// The driver, for an event of the system.
    pub(crate) const DRIVER: Origin = Origin(2);
    /// The driver, for a timer.
    pub(crate) const TIMER: Origin = Origin(3);
    /// Somebody, while the task was being polled. Such a wake wins no transition, so its maker
    /// notes nothing.
    const DURING_POLL: Origin = Origin(4);

    /// A task, while it is polled, dropped or completed.
    #[inline]
    pub(crate) const fn task(id: u64) -> Origin {
        Origin(id.wrapping_add(FIRST_TASK))
    }

    /// Whoever woke the task during its own poll, in which it woke itself so often.
    #[inline]
    pub(crate) const fn during_poll(id: u64, self_wakes: u64) -> Origin {
        if self_wakes > 0 {
            Origin::task(id)
        } else {
            Origin::DURING_POLL
        }
    }

    #[inline]
    pub(super) const fn to_word(self) -> u64 {
        self.0
    }

    /// What a record's word says; `worker` is that on which the wake was made.
    pub(super) fn view(word: u64, worker: Option<u16>) -> Option<LastWaker> {
        let kind = match Origin(word) {
            Origin::NOBODY => return None,
            Origin::THREAD => WakerKind::Thread,
            Origin::DRIVER => WakerKind::Driver,
            Origin::TIMER => WakerKind::Timer,
            Origin::DURING_POLL => WakerKind::DuringPoll,
            Origin(_) => WakerKind::Task,
        };
        Some(LastWaker {
            kind,
            task: word.checked_sub(FIRST_TASK).filter(|id| *id != 0),
            worker,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_who_it_was() {
        let view = |origin: Origin| Origin::view(origin.to_word(), Some(3));
        assert_eq!(view(Origin::NOBODY), None);
        let task = view(Origin::task(1)).unwrap();
        assert_eq!(
            (task.kind, task.task, task.worker),
            (WakerKind::Task, Some(1), Some(3))
        );
        for (origin, kind) in [
            (Origin::THREAD, WakerKind::Thread),
            (Origin::DRIVER, WakerKind::Driver),
            (Origin::TIMER, WakerKind::Timer),
            (Origin::DURING_POLL, WakerKind::DuringPoll),
        ] {
            let seen = view(origin).unwrap();
            assert_eq!((seen.kind, seen.task), (kind, None));
        }
    }
}
