//! task-leak: the tasks of one place get more and more, and those that are there do nothing.
//!
//! Proof, over a number of looks: there were more of them nearly each time, few of the new ones have
//! ended, nearly all that came in the first half have slept through the second, waiting neither for
//! I/O nor for a timer, and there are not as many more sockets and timers. What is healthy and looks
//! alike: load that rises (its tasks run or end), connections that come and stay, with tasks that wait
//! for those of the sockets, and a start that spawns all it needs.

use std::panic::Location;

use zokio::telemetry::{TaskSnapshot, TaskState};

use super::finding::{Culprit, Finding, Severity, Subject};
use super::history::{History, Look};
use super::sites::{SiteLook, SiteTrace};
use super::thresholds::Thresholds;
use super::{Reads, Rule};

pub(super) const RULE: Rule = Rule {
    kind: "task-leak",
    reads: Reads::Tasks,
    find,
};

const HINT: &str = "Nobody ends these tasks. See what one of them waits for, and whether that can \
                    still happen: a sender that is kept somewhere, a shutdown that is never told, a \
                    JoinHandle dropped where abort was meant.";

/// Kinds of waits that only another part of the program ends.
const INSIDE: &[&str] = &[
    "barrier",
    "broadcast",
    "join",
    "join_set",
    "mpsc",
    "mutex",
    "notify",
    "once_cell",
    "oneshot",
    "rwlock",
    "semaphore",
    "set_once",
    "watch",
];

fn find(history: &History, thresholds: &Thresholds) -> Vec<Finding> {
    history
        .sites()
        .filter_map(|site| {
            let looks = site.last(thresholds.leak_looks)?;
            if !grows(&looks, thresholds) || follows_what_is_outside(history, &looks) {
                return None;
            }
            let middle_ns = looks[looks.len() / 2].taken_at_ns;
            let old = Old::of(history, site.location, looks[0].taken_at_ns, middle_ns);
            let sleeps = old.count >= thresholds.leak_old_tasks
                && old.asleep.saturating_mul(100)
                    >= old.count.saturating_mul(thresholds.leak_asleep_percent);
            sleeps.then(|| finding(site, &looks, &old)).flatten()
        })
        .collect()
}

/// More tasks at nearly each look, and hardly any that ended.
fn grows(looks: &[SiteLook], thresholds: &Thresholds) -> bool {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return false;
    };
    let steps = looks.windows(2);
    let growing = steps.filter(|step| step[1].alive > step[0].alive).count();
    let pauses = looks.len() - 1 - growing;
    let growth = last.alive.saturating_sub(first.alive);
    let spawned = last.spawned.saturating_sub(first.spawned);
    let ended = spawned.saturating_sub(growth);
    pauses <= thresholds.leak_pauses
        && growth >= thresholds.leak_growth
        && ended.saturating_mul(100) <= spawned.saturating_mul(thresholds.leak_ended_percent)
}

/// With each two of these tasks came a socket or a timer: perhaps it is these that they serve.
fn follows_what_is_outside(history: &History, looks: &[SiteLook]) -> bool {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return true;
    };
    let growth = last.alive.saturating_sub(first.alive);
    let outside = |looks: &[&Look]| {
        let of = |look: &&Look| look.tasks.as_ref().map_or(0, |t| t.outside);
        let before = looks.first().map_or(0, of);
        looks.last().map_or(0, of).saturating_sub(before)
    };
    let looks = history.last_with_tasks(looks.len());
    looks.is_none_or(|looks| outside(&looks) >= growth / 2)
}

/// The tasks of a site that were there early.
struct Old<'a> {
    count: u64,
    /// Those that have slept since the middle of the window.
    asleep: u64,
    eldest: Option<&'a TaskSnapshot>,
}

impl Old<'_> {
    fn of<'a>(
        history: &'a History,
        location: &Location<'_>,
        first_ns: u64,
        middle_ns: u64,
    ) -> Old<'a> {
        let mut old = Old {
            count: 0,
            asleep: 0,
            eldest: None,
        };
        // What was there before all looks is no part of the growth.
        let early = |task: &&TaskSnapshot| {
            task.location == location && (first_ns..middle_ns).contains(&task.created_at_ns)
        };
        for task in history.tasks().map(|trace| &trace.now).filter(early) {
            old.count += 1;
            let inside = task.waits.iter().all(|wait| INSIDE.contains(&wait.kind));
            if task.state == TaskState::Idle && task.state_since_ns < middle_ns && inside {
                old.asleep += 1;
                let is_older = |eldest: &TaskSnapshot| task.created_at_ns < eldest.created_at_ns;
                if old.eldest.is_none_or(is_older) {
                    old.eldest = Some(task);
                }
            }
        }
        old
    }
}

fn finding(site: &SiteTrace, looks: &[SiteLook], old: &Old<'_>) -> Option<Finding> {
    let (first, last) = (looks.first()?, looks.last()?);
    let eldest = old.eldest?;
    let subject = Subject::Spawn(site.location.into());
    let mut finding = Finding::new(RULE.kind, Severity::Warning, subject, first.taken_at_ns);
    let wait = eldest.waits.first();
    let waits_for = wait.map_or_else(String::new, |wait| format!(", waiting for {}", wait.kind));
    finding.summary = format!(
        "{} tasks spawned at {}:{} are alive, {} more than a while ago, and they only sleep{waits_for}",
        last.alive,
        site.location.file(),
        site.location.line(),
        last.alive.saturating_sub(first.alive),
    );
    finding.place(site.location);
    if let Some(location) = wait.and_then(|wait| wait.location) {
        finding.place(location);
    }
    finding.task = Some(Culprit::of(eldest));
    finding.number("alive", last.alive);
    finding.number("growth", last.alive.saturating_sub(first.alive));
    finding.number("spawned", last.spawned.saturating_sub(first.spawned));
    finding.number("early_tasks", old.count);
    finding.number("early_tasks_asleep", old.asleep);
    finding.number(
        "window_ns",
        last.taken_at_ns.saturating_sub(first.taken_at_ns),
    );
    finding.hint = HINT;
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{MS, found, site, snapshot, task};
    use super::*;
    use zokio::telemetry::Snapshot;

    /// Ten looks: each second 20 tasks more, of which so many end, and the others are as `with` says.
    fn looks(ended: u64, with: impl Fn(&mut TaskSnapshot)) -> Vec<Snapshot> {
        let mut looks = Vec::new();
        let here = site().location;
        for second in 1..=10 {
            let mut look = snapshot(second);
            let mut site = site();
            site.spawned = second * 20;
            site.alive = second * (20 - ended);
            look.spawn_sites.push(site);
            for id in 1..=second * (20 - ended) {
                let mut task = task(id);
                task.location = here;
                task.created_at_ns = id * 1_000 * MS / (20 - ended);
                task.state_since_ns = task.created_at_ns;
                with(&mut task);
                look.tasks.push(task);
            }
            looks.push(look);
        }
        looks
    }

    fn history(ended: u64, with: impl Fn(&mut TaskSnapshot)) -> History {
        let mut history = History::default();
        for look in looks(ended, with) {
            history.note_snapshot(look, &Thresholds::default());
        }
        history
    }

    #[test]
    fn tasks_that_come_and_sleep_for_ever_are_found() {
        let found = found(&RULE, &history(0, |_| ()));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.starts_with("200 tasks") && found[0].summary.contains("180 more"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn tasks_that_end_are_healthy() {
        assert!(found(&RULE, &history(10, |_| ())).is_empty());
    }

    #[test]
    fn tasks_that_run_now_and_then_are_healthy() {
        let ran = |task: &mut TaskSnapshot| task.state_since_ns = 9_000 * MS;
        assert!(found(&RULE, &history(0, ran)).is_empty());
    }

    #[test]
    fn connections_that_stay_are_healthy() {
        let connected = |task: &mut TaskSnapshot| {
            task.waits = vec![zokio::telemetry::Wait::new("tcp", "read", None)];
        };
        assert!(found(&RULE, &history(0, connected)).is_empty());
    }

    #[test]
    fn tasks_beside_those_of_connections_are_healthy() {
        let mut history = History::default();
        for mut look in looks(0, |_| ()) {
            look.driver.sources = look.spawn_sites[0].alive;
            history.note_snapshot(look, &Thresholds::default());
        }
        assert!(found(&RULE, &history).is_empty());
    }

    #[test]
    fn a_start_that_spawns_all_it_needs_is_healthy() {
        let mut history = History::default();
        for second in 1..=10 {
            let mut look = snapshot(second);
            let mut site = site();
            (site.spawned, site.alive) = (5_000, 5_000);
            look.spawn_sites.push(site);
            history.note_snapshot(look, &Thresholds::default());
        }
        assert!(found(&RULE, &history).is_empty());
    }
}
