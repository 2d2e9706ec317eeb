//! channel-full: senders wait for room in a channel, and the task that receives from it waits for
//! something else.
//!
//! Proof: somebody has waited for room for seconds, and for as long the task that received last has
//! not been polled and waits elsewhere. A receiver that is slow but goes on is no finding: it makes room
//! again and again, so no sender waits for long, and that is what a bound is for. The receiver may
//! have been given to another task that has not used it yet, so one look is not enough.
//!
//! Not seen: a receiver that waits in `select!` for this channel too, circles of channels (those are a
//! [deadlock](super::deadlock)), `broadcast`, unbounded channels.

use std::collections::HashMap;

use zokio::telemetry::{TaskSnapshot, TaskState, Wait};

use super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::history::History;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "channel-full",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "The receiver does something else while its channel is full. Give what it waits for \
                    a timeout or a task of its own, or use try_send where messages may be dropped.";

/// Those that wait for room in one channel.
struct Senders<'a> {
    longest: (&'a TaskSnapshot, &'a Wait),
    tasks: u64,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let mut channels: HashMap<u64, Senders<'_>> = HashMap::new();
    for trace in history.tasks() {
        let task = &trace.now;
        let is_send = |w: &&Wait| w.kind == "mpsc" && w.operation == "send" && w.current;
        for wait in task.waits.iter().filter(is_send) {
            let entry = channels.entry(wait.resource).or_insert(Senders {
                longest: (task, wait),
                tasks: 0,
            });
            entry.tasks += 1;
            if wait.since_ns < entry.longest.1.since_ns {
                entry.longest = (task, wait);
            }
        }
    }
    let before = history
        .now_ns()
        .saturating_sub(nanos(thresholds.full_waited));
    let mut findings: Vec<Finding> = channels
        .values()
        .filter(|senders| senders.longest.1.since_ns <= before)
        .filter_map(|senders| {
            let receiver = &history.task(senders.longest.1.holder?)?.now;
            is_elsewhere(receiver, senders.longest.1.resource, before)
                .then(|| finding(senders, receiver, history.now_ns()))
        })
        .collect();
    findings.sort_by_key(|finding| finding.since_ns);
    findings
}

/// Whether the task waits, since then, and for this channel not among others.
fn is_elsewhere(receiver: &TaskSnapshot, channel: u64, before_ns: u64) -> bool {
    receiver.state == TaskState::Idle
        && receiver.state_since_ns <= before_ns
        && receiver.waits.iter().all(|wait| wait.resource != channel)
}

fn finding(senders: &Senders<'_>, receiver: &TaskSnapshot, now_ns: u64) -> Finding {
    let (sender, wait) = senders.longest;
    let subject = Subject::Resource(wait.resource);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, wait.since_ns);
    let waited_ns = now_ns.saturating_sub(wait.since_ns);
    let elsewhere = receiver.waits.first();
    finding.summary = format!(
        "{} waits since {} to send into a full channel, while {}, which receives from it, waits for {}",
        Culprit::of(sender),
        duration(waited_ns),
        Culprit::of(receiver),
        elsewhere.map_or("something else".to_owned(), |wait| wait.kind.to_owned()),
    );
    finding.place(
        elsewhere
            .and_then(|w| w.location)
            .unwrap_or(receiver.location),
    );
    for place in [wait.location, wait.created_at] {
        place.into_iter().for_each(|place| finding.place(place));
    }
    finding.task = Some(Culprit::of(receiver));
    finding.resource = Some(Resource::of(wait));
    finding.number("senders", senders.tasks);
    if let Some(capacity) = wait.capacity {
        finding.number("capacity", capacity);
    }
    finding.number("waited_ns", waited_ns);
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, history_of, task, waiting};
    use super::*;

    fn sender(since_ms: u64) -> TaskSnapshot {
        let mut sender = waiting(1, "mpsc", 64, Some(9), since_ms);
        sender.waits[0].operation = "send";
        sender.waits[0].holder_is_exact = false;
        sender.waits[0].capacity = Some(8);
        sender
    }

    #[test]
    fn a_receiver_that_waits_elsewhere_while_a_sender_waits_is_found() {
        let receiver = waiting(9, "tcp", 128, None, 1_500);
        let found = found(&RULE, &history_of(5, vec![sender(1_800), receiver]));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.contains("waits for tcp"),
            "{}",
            found[0].summary
        );
        assert_eq!(found[0].task.as_ref().unwrap().id, 9);
        assert_eq!(found[0].since_ns, 1_800 * MS);
    }

    #[test]
    fn a_receiver_that_goes_on_is_only_slow() {
        let mut slow = waiting(9, "tcp", 128, None, 4_900);
        assert!(found(&RULE, &history_of(5, vec![sender(1_800), slow.clone()])).is_empty());
        slow.state_since_ns = 0;
        assert!(found(&RULE, &history_of(5, vec![sender(4_500), slow])).is_empty());
    }

    #[test]
    fn a_receiver_that_waits_for_the_channel_or_runs_is_none() {
        let receiving = waiting(9, "mpsc", 64, None, 1_000);
        assert!(found(&RULE, &history_of(5, vec![sender(1_800), receiving])).is_empty());
        let mut busy = task(9);
        busy.state = TaskState::Busy;
        assert!(found(&RULE, &history_of(5, vec![sender(1_800), busy])).is_empty());
    }
}
