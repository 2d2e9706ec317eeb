//! More and more messages in a channel without a bound.
//!
//! Proof: there were more at each of a number of looks, and at the end many thousand, while the
//! machine did not keep threads waiting for a CPU. A channel with a bound is not told of: it makes its
//! senders wait. What is healthy and looks alike: a burst that is worked off, and a channel that is long
//! and stays so.

use zokio::telemetry::BacklogSnapshot;

use super::super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::super::history::{History, Look};
use super::super::thresholds::Thresholds;
use super::RULE;
use crate::nanos::nanos;

const HINT: &str = "Messages are sent faster than they are received. Give the channel a bound, so that \
                    senders wait for room, or let several tasks do what the receiver does.";

pub(super) fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let Some(looks) = history.last(thresholds.queue_message_looks) else {
        return Vec::new();
    };
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return Vec::new();
    };
    if last.cpu_wait_since(first) > nanos(thresholds.queue_cpu_wait) {
        return Vec::new();
    }
    let long = last.backlogs.iter().filter(|backlog| {
        backlog.capacity.is_none() && backlog.messages >= thresholds.queue_messages
    });
    long.filter(|backlog| grows(&looks, backlog.resource))
        .map(|backlog| finding(history, &looks, backlog))
        .collect()
}

/// Messages in the channel then; 0 if they were not worth a note.
fn messages(look: &Look, channel: u64) -> u64 {
    let mut backlogs = look.backlogs.iter();
    backlogs
        .find(|backlog| backlog.resource == channel)
        .map_or(0, |backlog| backlog.messages)
}

fn grows(looks: &[&Look], channel: u64) -> bool {
    looks
        .windows(2)
        .all(|step| messages(step[1], channel) > messages(step[0], channel))
}

fn finding(history: &History, looks: &[&Look], backlog: &BacklogSnapshot) -> Finding {
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let subject = Subject::Resource(backlog.resource);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, first.taken_at_ns);
    let window_ns = last.taken_at_ns.saturating_sub(first.taken_at_ns);
    let growth = backlog.messages - messages(first, backlog.resource);
    let task = |id: Option<u64>| Some(&history.task(id?)?.now);
    let (receiver, sender) = (task(backlog.receiver), task(backlog.sender));
    finding.summary = format!(
        "{} messages lie in an unbounded channel, {growth} more than {} ago",
        backlog.messages,
        duration(window_ns)
    );
    if let Some(receiver) = receiver {
        finding.summary += &format!("; {} receives from it", Culprit::of(receiver));
    }
    finding.place(backlog.created_at);
    for task in [receiver, sender].into_iter().flatten() {
        finding.place(task.location);
    }
    finding.task = receiver.or(sender).map(Culprit::of);
    finding.resource = Some(Resource {
        kind: "mpsc",
        id: backlog.resource,
    });
    finding.number("messages", backlog.messages);
    finding.number("growth", growth);
    finding.number("window_ns", window_ns);
    if let Some(sender) = sender {
        finding.text("sender", Culprit::of(sender).to_string());
    }
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::super::fixtures::{found, snapshot, task};
    use super::*;

    /// Looks at a channel with so many messages.
    fn history(messages: &[u64], capacity: Option<u64>) -> History {
        let mut history = History::default();
        for (second, &messages) in (1..).zip(messages) {
            let mut look = snapshot(second);
            look.tasks.extend([task(1), task(2)]);
            let mut backlog = BacklogSnapshot::new(64, messages);
            (backlog.receiver, backlog.sender) = (Some(1), Some(2));
            backlog.capacity = capacity;
            look.backlogs.push(backlog);
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    const GROWING: [u64; 8] = [3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 12_000];

    #[test]
    fn messages_that_get_more_and_more_are_found() {
        let found = found(&RULE, &history(&GROWING, None));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("12000 messages lie")
                && found[0].summary.contains("9000 more than 7")
                && found[0].summary.ends_with("; task 1 receives from it"),
            "{}",
            found[0].summary
        );
        assert!(found[0].locations[0].file.ends_with("channels.rs"));
        assert_eq!(found[0].resource.map(|r| r.id), Some(64));
    }

    #[test]
    fn growth_that_goes_on_for_long_is_found_still() {
        let million = GROWING.map(|messages| 1_000_000 + messages);
        assert_eq!(found(&RULE, &history(&million, None)).len(), 1);
    }

    #[test]
    fn a_burst_that_is_worked_off_is_healthy() {
        let mut burst = GROWING;
        burst[7] = 11_000;
        burst[6] = 20_000;
        assert!(found(&RULE, &history(&burst, None)).is_empty());
        assert!(found(&RULE, &history(&[50_000; 8], None)).is_empty());
        assert!(found(&RULE, &history(&GROWING[1..], None)).is_empty());
    }

    #[test]
    fn a_short_channel_and_one_with_a_bound_are_healthy() {
        let short = GROWING.map(|messages| messages / 2);
        assert!(found(&RULE, &history(&short, None)).is_empty());
        assert!(found(&RULE, &history(&GROWING, Some(50_000))).is_empty());
    }
}
