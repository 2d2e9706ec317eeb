//! lifo-captive: woken tasks wait behind the task that woke them, while another worker sleeps.
//!
//! A task that is woken by another takes the next turn of the same worker, and others take it from
//! there only as a last resort. Proof, over a few looks: such waits of 100 µs and more, as far as
//! another worker slept meanwhile, come to a good part of the time, and each took long on average,
//! even without what a thread may have waited for a CPU. What is healthy and looks alike: waits behind
//! short polls, and waits while all workers are busy.

use super::finding::{Finding, Severity, Subject, duration};
use super::history::{History, Look};
use super::sites::SiteTrace;
use super::slow_polls::PREEMPTED;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "lifo-captive",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "Who wakes a task and then computes keeps it waiting: compute first and wake then, \
                    yield_now after the wake, or give the computation to spawn_blocking.";

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let window = history.last_with_tasks(thresholds.captive_looks);
    window
        .and_then(|looks| finding(history, &looks, thresholds))
        .into_iter()
        .collect()
}

fn finding(history: &History, looks: &[&Look], thresholds: &Thresholds) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let window_ns = last.taken_at_ns.checked_sub(first.taken_at_ns)?;
    let waits = last.captive.count.saturating_sub(first.captive.count);
    let waited_ns = last.captive.total_ns.saturating_sub(first.captive.total_ns);
    let cpu_wait_ns = history.cpu_wait_ns(looks.len());
    let mean_ns = waited_ns.checked_div(waits)?;
    let own_ns = mean_ns.saturating_sub(cpu_wait_ns.saturating_mul(PREEMPTED));
    let percent = waited_ns.saturating_mul(100) / window_ns.max(1);
    if percent < thresholds.captive_percent
        || own_ns < nanos(thresholds.captive_wait)
        || waits < thresholds.captive_least
    {
        return None;
    }
    let mut finding = Finding::new(
        RULE.kind,
        Severity::Warning,
        Subject::Runtime,
        first.taken_at_ns,
    );
    finding.summary = format!(
        "tasks wait {} on average behind the task that woke them, while another worker sleeps",
        duration(mean_ns)
    );
    if let Some(site) = who_delays_most(history, looks.len()) {
        finding.place(site.location);
    }
    finding.number("waits", waits);
    finding.number("waited_ns", waited_ns);
    finding.number("waited_percent", percent);
    finding.number("cpu_wait_ns", cpu_wait_ns);
    finding.number("window_ns", window_ns);
    finding.hint = HINT;
    Some(finding)
}

/// The site whose polls have kept others waiting for the longest time.
pub(super) fn who_delays_most(history: &History, looks: usize) -> Option<&SiteTrace> {
    let delays = |site: &SiteTrace| site.change(looks).map_or(0, |(c, _)| c.delayed_others_ns);
    history
        .sites()
        .map(|site| (delays(site), site))
        .filter(|(delayed_ns, _)| *delayed_ns > 0)
        .max_by_key(|(delayed_ns, site)| (*delayed_ns, site.location))
        .map(|(_, site)| site)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, history_of_three};
    use super::*;
    use zokio::telemetry::Lag;

    /// Three looks, between which that many captives waited for so long each.
    fn history(waits: u64, each_ms: u64, cpu_wait_ms: u64) -> History {
        history_of_three(cpu_wait_ms * 1_000, |second, look, site| {
            let waits = second * waits;
            look.workers[0].lags.lifo = Lag::new(waits, waits * each_ms * MS);
            site.delayed_others_ns = waits * each_ms * MS;
        })
    }

    #[test]
    fn long_waits_in_the_slot_are_found() {
        let found = found(&RULE, &history(10, 80, 1));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("tasks wait 80 ms on average"),
            "{}",
            found[0].summary
        );
        assert!(found[0].locations[0].file.ends_with("fixtures.rs"));
    }

    #[test]
    fn short_waits_are_healthy() {
        assert!(found(&RULE, &history(500, 1, 0)).is_empty());
    }

    #[test]
    fn few_waits_are_healthy() {
        assert!(found(&RULE, &history(1, 80, 0)).is_empty());
    }

    #[test]
    fn what_the_machine_kept_waiting_is_healthy() {
        assert!(found(&RULE, &history(50, 12, 2)).is_empty());
    }
}
