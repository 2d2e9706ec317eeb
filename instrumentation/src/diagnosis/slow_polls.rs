//! slow-polls: a spawn site many of whose polls take ten milliseconds or more.
//!
//! Proof, over a few looks: a good part of the site's polls were that slow, there were several of
//! them, and they took that long on average even without the time for which the machine may have
//! kept them waiting for a CPU. The histogram says how long each took at least; how long threads wait
//! is measured by the watchdog's thread, which does nothing but rest. And nearly all polls of a
//! millisecond or more must be that slow: preemption makes polls of all lengths. What is healthy and looks
//! alike: polls of a few milliseconds on an overloaded machine, and a slow one now and then.
//!
//! Polls that are seen by the watchdog have a finding of their own, which knows more.

use super::finding::{Finding, Severity, Subject, duration};
use super::history::History;
use super::sites::{SiteLook, SiteTrace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "slow-polls",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "While a poll takes long, its worker does nothing else: tasks, timers and I/O \
                    wait. Cut the work into pieces with yield_now, or give it to spawn_blocking or \
                    block_in_place.";

/// A thread that computes and is preempted waits for longer than one that is woken after a rest, which
/// systems favour: times as long, by and large. It is no bound, so it is never the only proof.
pub(super) const PREEMPTED: u64 = 10;

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let cpu_wait_ns = history.cpu_wait_ns(thresholds.slow_looks);
    history
        .sites()
        .filter(|site| !is_seen_by_the_watchdog(site, history, thresholds))
        .filter_map(|site| {
            let (change, elapsed_ns) = site.change(thresholds.slow_looks)?;
            let own_ns = own_time(&change, cpu_wait_ns)?;
            let often = change.slow_polls >= thresholds.slow_least
                && change.slow_polls.saturating_mul(100)
                    >= change.polls.saturating_mul(thresholds.slow_percent)
                && change.slow_polls.saturating_mul(100)
                    >= change
                        .long_polls
                        .saturating_mul(thresholds.slow_of_long_percent);
            (often && own_ns >= nanos(thresholds.slow_poll))
                .then(|| finding(site, &change, elapsed_ns, cpu_wait_ns))
        })
        .collect()
}

/// How long a slow poll took on average, at least, without waiting for a CPU.
fn own_time(change: &SiteLook, cpu_wait_ns: u64) -> Option<u64> {
    let mean_ns = change.slow_ns.checked_div(change.slow_polls)?;
    Some(mean_ns.saturating_sub(cpu_wait_ns.saturating_mul(PREEMPTED)))
}

fn is_seen_by_the_watchdog(site: &SiteTrace, history: &History, thresholds: &Thresholds) -> bool {
    history.long_polls().iter().any(|poll| {
        let ended_at_ns = poll.ended_at_ns.unwrap_or_else(|| history.now_ns());
        let took_ns = ended_at_ns.saturating_sub(poll.began_at_ns);
        poll.spawned_at == Some(site.location) && took_ns >= nanos(thresholds.long_poll)
    })
}

fn finding(site: &SiteTrace, change: &SiteLook, elapsed_ns: u64, cpu_wait_ns: u64) -> Finding {
    let subject = Subject::Spawn(site.location.into());
    let since_ns = change.taken_at_ns.saturating_sub(elapsed_ns);
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, since_ns);
    let mean_ns = change.slow_ns / change.slow_polls.max(1);
    finding.summary = format!(
        "of {} polls of the tasks spawned at {}:{} {} took 10 ms or more, {} on average at least",
        change.polls,
        site.location.file(),
        site.location.line(),
        change.slow_polls,
        duration(mean_ns)
    );
    finding.place(site.location);
    finding.number("slow_polls", change.slow_polls);
    finding.number("polls", change.polls);
    finding.number("mean_slow_poll_ns", mean_ns);
    finding.number("longest_poll_ns", change.longest_poll_ns);
    finding.number("delayed_others_ns", change.delayed_others_ns);
    finding.number("cpu_wait_ns", cpu_wait_ns);
    finding.number("window_ns", elapsed_ns);
    finding.hint = HINT;
    finding
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, history_of_three, long_poll, site, snapshot};
    use super::*;
    use zokio::telemetry::HistogramSnapshot;

    /// Three looks, a second apart, between which that many polls were made, some of which were slow
    /// and took from 16 to 33 ms, while threads waited that long for a CPU.
    fn history(polls: u64, slow: u64, cpu_wait_us: u64) -> History {
        history_with_long(polls, slow, slow, cpu_wait_us)
    }

    /// The same, with more polls of a millisecond or more.
    fn history_with_long(polls: u64, slow: u64, long: u64, cpu_wait_us: u64) -> History {
        history_of_three(cpu_wait_us, |second, _, site| {
            (site.polls, site.slow_polls) = (second * polls, second * slow);
            site.long_polls = second * long;
            let buckets = vec![(1 << 14, second * polls), (1 << 25, second * slow)];
            site.poll_time = HistogramSnapshot::from_parts(0, 30 * MS, buckets);
        })
    }

    #[test]
    fn a_site_with_slow_polls_is_found() {
        let found = found(&RULE, &history(100, 10, 0));
        assert_eq!(found.len(), 1);
        let summary = &found[0].summary;
        assert!(
            summary.contains("200 polls") && summary.contains("20 took"),
            "{summary}"
        );
        assert!(summary.contains("16 ms on average"), "{summary}");
        assert!(found[0].locations[0].file.ends_with("fixtures.rs"));
    }

    #[test]
    fn one_slow_poll_in_a_thousand_is_healthy() {
        assert!(found(&RULE, &history(10_000, 10, 0)).is_empty());
    }

    #[test]
    fn a_few_slow_polls_are_healthy() {
        assert!(found(&RULE, &history(2, 2, 0)).is_empty());
    }

    #[test]
    fn what_the_machine_kept_waiting_is_healthy() {
        assert_eq!(found(&RULE, &history(100, 10, 500)).len(), 1);
        assert!(found(&RULE, &history(100, 10, 1_000)).is_empty());
    }

    #[test]
    fn polls_of_all_lengths_on_an_overloaded_machine_are_healthy() {
        assert!(found(&RULE, &history_with_long(53, 14, 50, 0)).is_empty());
        assert_eq!(found(&RULE, &history_with_long(53, 14, 15, 0)).len(), 1);
    }

    #[test]
    fn two_looks_are_not_enough() {
        let mut history = History::default();
        for second in 1..=2 {
            let mut look = snapshot(second);
            let mut site = site();
            (site.polls, site.slow_polls) = (second * 10, second * 10);
            look.spawn_sites.push(site);
            history.note_snapshot(look, &Thresholds::default());
        }
        assert!(found(&RULE, &history).is_empty());
    }

    #[test]
    fn what_the_watchdog_tells_is_not_told_twice() {
        let mut history = history(100, 10, 0);
        let mut poll = long_poll(1, 1_000, "on-cpu");
        poll.spawned_at = Some(site().location);
        history.note_long_polls(vec![poll]);
        assert!(found(&RULE, &history).is_empty());
    }
}
