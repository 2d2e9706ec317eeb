//! timer-late: timers fire late, since long polls keep all the workers that could fire them.
//!
//! Proof, over a few looks: most timers were late, on average by more than the machine may have kept
//! threads waiting for a CPU, and meanwhile polls of a millisecond or more took nearly all the time of
//! all workers, even without what they may have waited for a CPU. What is healthy and looks alike: an
//! overloaded machine, a program that was stopped for a while, and saturation by short polls, between
//! which timers are looked at.

use super::finding::{Finding, Severity, Subject, duration};
use super::history::{History, Look, TimersLook};
use super::sites::SiteTrace;
use super::slow_polls::PREEMPTED;
use super::thresholds::Thresholds;
use super::{Reads, Rule};
use crate::nanos::nanos;

pub(super) const RULE: Rule = Rule {
    kind: "timer-late",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "Timers fire when a worker is between two polls, and here all of them are in long \
                    ones. Cut these into pieces with yield_now, give them to spawn_blocking, or have \
                    more workers.";

/// The long polls of all sites.
#[derive(Default)]
struct LongPolls<'a> {
    polls: u64,
    /// Without what they may have waited for a CPU.
    own_ns: u64,
    /// The site that took most of it, and how much.
    worst: Option<(&'a SiteTrace, u64)>,
}

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    let window = history.last_with_tasks(thresholds.timer_late_looks);
    window
        .and_then(|looks| finding(history, &looks, thresholds))
        .into_iter()
        .collect()
}

fn finding(history: &History, looks: &[&Look], thresholds: &Thresholds) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let window_ns = last.taken_at_ns.checked_sub(first.taken_at_ns)?;
    let cpu_wait_ns = history.cpu_wait_ns(looks.len()).saturating_mul(PREEMPTED);
    let timers = fired(&first.tasks.as_ref()?.timers, &last.tasks.as_ref()?.timers);
    let mean_ns = timers.lateness_ns.checked_div(timers.fired)?;
    let are_late = timers.late >= thresholds.timer_late_least
        && timers.late.saturating_mul(100)
            >= timers.fired.saturating_mul(thresholds.timer_late_percent)
        && mean_ns >= nanos(thresholds.timer_late).saturating_add(cpu_wait_ns);
    if !are_late {
        return None;
    }
    let long = long_polls(history, looks.len(), cpu_wait_ns);
    let worked_ns = window_ns.saturating_mul(last.workers.len() as u64);
    let long_percent = long.own_ns.saturating_mul(100) / worked_ns.max(1);
    let (site, site_ns) = long.worst?;
    if long_percent < thresholds.timer_late_long_percent {
        return None;
    }
    let mut finding = Finding::new(
        RULE.kind,
        Severity::Warning,
        Subject::Runtime,
        first.taken_at_ns,
    );
    finding.summary = format!(
        "timers fire {} late on average, while polls of the tasks spawned at {}:{} keep the workers",
        duration(mean_ns),
        site.location.file(),
        site.location.line()
    );
    finding.place(site.location);
    finding.number("mean_lateness_ns", mean_ns);
    finding.number("late", timers.late);
    finding.number("fired", timers.fired);
    finding.number("long_polls", long.polls);
    finding.number("long_polls_percent", long_percent.min(100));
    finding.number("long_polls_of_site_ns", site_ns);
    finding.number("cpu_wait_ns", cpu_wait_ns / PREEMPTED);
    finding.number("window_ns", window_ns);
    finding.hint = HINT;
    Some(finding)
}

fn fired(before: &TimersLook, now: &TimersLook) -> TimersLook {
    TimersLook {
        fired: now.fired.saturating_sub(before.fired),
        late: now.late.saturating_sub(before.late),
        lateness_ns: now.lateness_ns.saturating_sub(before.lateness_ns),
    }
}

fn long_polls(history: &History, looks: usize, cpu_wait_ns: u64) -> LongPolls<'_> {
    let mut all = LongPolls::default();
    for site in history.sites() {
        let Some((change, _)) = site.change(looks) else {
            continue;
        };
        let waited_ns = change.long_polls.saturating_mul(cpu_wait_ns);
        let own_ns = change.long_ns.saturating_sub(waited_ns);
        all.polls += change.long_polls;
        all.own_ns = all.own_ns.saturating_add(own_ns);
        if own_ns > all.worst.map_or(0, |(_, ns)| ns) {
            all.worst = Some((site, own_ns));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, history_of_three};
    use super::*;
    use zokio::telemetry::HistogramSnapshot;

    /// Three looks at two workers, between which a hundred timers fired with that lateness, and so
    /// many polls of 50 ms each were made.
    fn history(lateness_ms: u64, long_polls: u64, cpu_wait_ms: u64) -> History {
        history_of_three(cpu_wait_ms * 1_000, |second, look, site| {
            let (fired, polls) = (second * 100, second * long_polls);
            let late = vec![(lateness_ms * MS + 1, fired)];
            look.timers.lateness =
                HistogramSnapshot::from_parts(fired * lateness_ms * MS, lateness_ms * MS, late);
            (site.polls, site.long_polls, site.slow_polls) = (polls, polls, polls);
            site.busy_ns = polls * 50 * MS;
            site.poll_time = HistogramSnapshot::from_parts(0, 0, vec![(1 << 26, polls)]);
        })
    }

    #[test]
    fn timers_that_long_polls_delay_are_found() {
        let found = found(&RULE, &history(40, 39, 1));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("timers fire 40 ms late"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn timers_in_time_are_healthy() {
        assert!(found(&RULE, &history(2, 39, 0)).is_empty());
    }

    #[test]
    fn late_timers_while_a_worker_is_free_are_not_the_programs_fault() {
        assert!(found(&RULE, &history(40, 19, 0)).is_empty());
    }

    #[test]
    fn what_the_machine_kept_waiting_is_healthy() {
        assert!(found(&RULE, &history(40, 39, 8)).is_empty());
    }
}
