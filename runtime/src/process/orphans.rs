//! Children that nobody waits for any more.
//!
//! They are asked after when they come here and at each `SIGCHLD`, on the thread that delivers
//! signals, until they have ended. The action is installed before the first question: an end after
//! the question makes a signal, and with it another question.

use std::process::Child;

use parking_lot::Mutex;

use crate::signal::unix::{SignalKind, call_on_delivery};

static QUEUE: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Takes a child over, so that it does not stay a zombie after its end.
pub(super) fn push(child: Child) {
    QUEUE.lock().push(child);
    // If the system refuses thread or handler now, the next orphan tries again, and asks after
    // this one too.
    let _ = call_on_delivery(SignalKind::child(), reap);
    reap();
}

fn reap() {
    // What is an error here (somebody else has waited for it) will not get better.
    QUEUE
        .lock()
        .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}

#[cfg(test)]
pub(super) fn contains(pid: u32) -> bool {
    QUEUE.lock().iter().any(|child| child.id() == pid)
}
