//! More and more messages in a channel without a bound.
//!
//! Proof: there are many thousand, and more than the receiver gets through with in the time of two
//! looks, while the machine did not keep threads waiting for a CPU; and either
//!
//! - there were more at each of a number of looks, though some had been received each time: the
//!   receiver is at work and does not keep up; or
//! - for a longer time there were always more than in the time before: nobody receives, or too little.
//!
//! A channel with a bound is not told of: it makes its senders wait. What is healthy and looks alike: a
//! burst that is worked off, a channel that is long and stays so, and a receiver that comes now and then
//! and takes all there is.

use std::collections::HashMap;

use zokio::telemetry::BacklogSnapshot;

use super::super::finding::{Culprit, Finding, Resource, Severity, Subject, duration};
use super::super::history::{History, Look};
use super::super::thresholds::Thresholds;
use super::RULE;
use crate::nanos::nanos;

const HINT: &str = "Messages are sent faster than they are received. Give the channel a bound, so that \
                    senders wait for room, or let several tasks do what the receiver does.";

/// One channel at each look of a window.
type Course<'a> = Vec<&'a BacklogSnapshot>;

/// Whether a channel grew in the window.
type Grows = fn(&Course<'_>) -> bool;

pub(super) fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let windows: [(usize, Grows); 2] = [
        (thresholds.queue_message_looks, outruns_its_receiver),
        (thresholds.queue_message_long_looks, rises),
    ];
    let mut found: Vec<Finding> = Vec::new();
    for (looks, grows) in windows {
        let looks = history.last(looks).unwrap_or_default();
        for course in courses(&looks, thresholds) {
            let subject = Subject::Resource(course[0].resource);
            let is_new = !found.iter().any(|finding| finding.subject == subject);
            if is_new && is_behind(&course) && grows(&course) {
                found.push(finding(history, &looks, &course));
            }
        }
    }
    found
}

/// The unbounded channels that are long now and were known at each of these looks.
fn courses<'a>(looks: &[&'a Look], thresholds: &Thresholds) -> Vec<Course<'a>> {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return Vec::new();
    };
    if last.cpu_wait_since(first) > nanos(thresholds.queue_cpu_wait) {
        return Vec::new();
    }
    let long = last.backlogs.iter().filter(|backlog| {
        backlog.capacity.is_none() && backlog.messages >= thresholds.queue_messages
    });
    let mut courses: HashMap<u64, Course<'_>> =
        long.map(|backlog| (backlog.resource, Vec::new())).collect();
    for backlog in looks.iter().flat_map(|look| &look.backlogs) {
        if let Some(course) = courses.get_mut(&backlog.resource) {
            course.push(backlog);
        }
    }
    let courses = courses.into_values();
    courses.filter(|c| c.len() == looks.len()).collect()
}

/// Messages received in the window.
fn received(course: &Course<'_>) -> u64 {
    let (first, last) = (course[0], course[course.len() - 1]);
    last.received.saturating_sub(first.received)
}

/// Whether the receiver, as fast as it was, needs the time of two looks or more for what lies in the
/// channel. One that takes all there is between two looks does not, and may still seem to fall back:
/// where in its turns the looks come moves slowly.
fn is_behind(course: &Course<'_>) -> bool {
    let steps = course.len() as u64 - 1;
    let messages = course[course.len() - 1].messages;
    messages.saturating_mul(steps) > received(course).saturating_mul(2)
}

/// More at each look, though some were received before it.
fn outruns_its_receiver(course: &Course<'_>) -> bool {
    course
        .windows(2)
        .all(|step| step[1].messages > step[0].messages && step[1].received > step[0].received)
}

/// In each quarter of the window always more than in the one before.
fn rises(course: &Course<'_>) -> bool {
    let messages: Vec<u64> = course.iter().map(|backlog| backlog.messages).collect();
    let quarters: Vec<_> = messages.chunks(messages.len().div_ceil(4)).collect();
    quarters
        .windows(2)
        .all(|pair| pair[1].iter().min() > pair[0].iter().max())
}

fn finding(history: &History, looks: &[&Look], course: &Course<'_>) -> Finding {
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let backlog = course[course.len() - 1];
    let subject = Subject::Resource(backlog.resource);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, first.taken_at_ns);
    let window_ns = last.taken_at_ns.saturating_sub(first.taken_at_ns);
    let growth = backlog.messages - course[0].messages;
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
    finding.number("received", received(course));
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

    /// Looks at a channel with so many messages, from which so many have been received.
    fn history(looks: &[(u64, u64)], capacity: Option<u64>) -> History {
        let mut history = History::default();
        for (second, &(messages, received)) in (1..).zip(looks) {
            let mut look = snapshot(second);
            look.tasks.extend([task(1), task(2)]);
            let mut backlog = BacklogSnapshot::new(64, messages);
            (backlog.receiver, backlog.sender) = (Some(1), Some(2));
            (backlog.capacity, backlog.received) = (capacity, received);
            // As the runtime forgets it.
            if messages >= 1_024 {
                look.backlogs.push(backlog);
            }
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    const GROWING: [(u64, u64); 8] = [
        (3_000, 100),
        (4_000, 200),
        (5_000, 300),
        (6_000, 400),
        (7_000, 500),
        (8_000, 600),
        (9_000, 700),
        (12_000, 800),
    ];

    /// What a channel holds to which that many messages come a second, at each second of two minutes,
    /// if its receiver takes `take` of them at the end of every `every` seconds.
    fn filled(come: u64, every: u64, take: u64) -> Vec<(u64, u64)> {
        let (mut messages, mut received) = (0, 0);
        (1..=120)
            .map(|second| {
                messages += come;
                if second % every == 0 {
                    let taken = take.min(messages);
                    (messages, received) = (messages - taken, received + taken);
                }
                (messages, received)
            })
            .collect()
    }

    /// At which of the looks something is found.
    fn seconds_found(looks: &[(u64, u64)]) -> Vec<usize> {
        let is_found = |n: &usize| !found(&RULE, &history(&looks[..*n], None)).is_empty();
        (1..=looks.len()).filter(is_found).collect()
    }

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
        let million = GROWING.map(|(messages, received)| (1_000_000 + messages, received));
        assert_eq!(found(&RULE, &history(&million, None)).len(), 1);
    }

    #[test]
    fn a_receiver_that_comes_now_and_then_and_takes_all_is_healthy() {
        for every in [1, 2, 5, 10, 20, 31] {
            let sawtooth = filled(2_000, every, u64::MAX);
            assert_eq!(seconds_found(&sawtooth), [] as [usize; 0], "{every}");
        }
    }

    #[test]
    fn a_receiver_that_takes_all_between_two_looks_is_healthy_whenever_the_looks_come() {
        let looks: Vec<_> = (0..40).map(|n| (10_000 + n * 500, n * 40_000)).collect();
        assert_eq!(seconds_found(&looks), [] as [usize; 0]);
    }

    #[test]
    fn a_receiver_that_never_comes_is_found_after_half_a_minute_and_from_then_on() {
        // It becomes long in the first second.
        let never = filled(2_000, 1_000, 0);
        assert_eq!(seconds_found(&never), Vec::from_iter(32..=120));
    }

    #[test]
    fn a_receiver_that_takes_too_little_each_time_is_found() {
        let too_little = filled(5_000, 4, 1_000);
        assert_eq!(seconds_found(&too_little), Vec::from_iter(32..=120));
        let at_each_look = filled(5_000, 1, 1_000);
        assert_eq!(seconds_found(&at_each_look), Vec::from_iter(8..=120));
        let nearly_enough = filled(11_000, 1, 10_000);
        assert_eq!(seconds_found(&nearly_enough), Vec::from_iter(21..=120));
    }

    #[test]
    fn a_channel_that_does_not_grow_in_the_long_run_is_healthy() {
        // From 12,000 it falls to 7,000 each time.
        let mut looks = filled(1_000, 5, 5_000);
        for (messages, _) in &mut looks {
            *messages += 7_000;
        }
        assert_eq!(seconds_found(&looks), [] as [usize; 0]);
    }

    #[test]
    fn a_burst_that_is_worked_off_is_healthy() {
        let mut burst = GROWING;
        (burst[6].0, burst[7].0) = (20_000, 11_000);
        assert!(found(&RULE, &history(&burst, None)).is_empty());
        let long = GROWING.map(|(_, received)| (50_000, received));
        assert!(found(&RULE, &history(&long, None)).is_empty());
        assert!(found(&RULE, &history(&GROWING[1..], None)).is_empty());
    }

    #[test]
    fn a_short_channel_and_one_with_a_bound_are_healthy() {
        let short = GROWING.map(|(messages, received)| (messages / 2, received));
        assert!(found(&RULE, &history(&short, None)).is_empty());
        assert!(found(&RULE, &history(&GROWING, Some(50_000))).is_empty());
    }
}
