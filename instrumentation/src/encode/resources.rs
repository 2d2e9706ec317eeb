//! What tasks wait for, summed up over all tasks.
//!
//! One pass counts the waits for each resource, a second one collects the first waiters of those
//! that are sent. What is kept grows with the resources that somebody waits for; what is sent has
//! a bound.

use std::cmp::Reverse;
use std::collections::HashMap;

use zokio::telemetry::{Acquirer, PermitsSnapshot, TaskSnapshot, Wait};
use zokio_console_proto::v1;

use super::{clip, location};

/// Resources that are sent, those with the most waiters.
const MAX_RESOURCES: usize = 200;

/// Waiters of a resource that are sent, those that have waited longest.
const MAX_WAITERS: usize = 32;

/// Kind, id, and for what has no id the operation.
type Key = (&'static str, u64, &'static str);

fn key(wait: &Wait) -> Key {
    let operation = if wait.resource == 0 {
        wait.operation
    } else {
        ""
    };
    (wait.kind, wait.resource, operation)
}

#[derive(Clone, Copy)]
struct Tally {
    waiters: u64,
    oldest_since_ns: u64,
}

/// The resources with the most waiters, in order, and how many resources have waiters at all.
pub(super) fn of(tasks: &[TaskSnapshot], permits: &[PermitsSnapshot]) -> (Vec<v1::Resource>, u64) {
    let mut tallies: HashMap<Key, Tally> = HashMap::new();
    for wait in tasks.iter().flat_map(|task| &task.waits) {
        let tally = tallies.entry(key(wait)).or_insert(Tally {
            waiters: 0,
            oldest_since_ns: u64::MAX,
        });
        tally.waiters += 1;
        tally.oldest_since_ns = tally.oldest_since_ns.min(wait.since_ns);
    }
    let in_all = tallies.len() as u64;
    let mut order: Vec<(Key, Tally)> = tallies.into_iter().collect();
    let rank = |(key, tally): &(Key, Tally)| (Reverse(tally.waiters), tally.oldest_since_ns, *key);
    if order.len() > MAX_RESOURCES {
        order.select_nth_unstable_by_key(MAX_RESOURCES - 1, rank);
        order.truncate(MAX_RESOURCES);
    }
    order.sort_unstable_by_key(rank);
    let mut first = first_waiters(tasks, &order);
    let sent = order
        .iter()
        .zip(&mut first)
        .map(|((key, tally), waiters)| {
            let permits = permits.iter().find(|p| key.1 != 0 && p.resource == key.1);
            resource(*key, *tally, waiters, permits)
        })
        .collect();
    (sent, in_all)
}

/// For each of the resources those that have waited longest, in the order of their waits.
fn first_waiters<'a>(
    tasks: &'a [TaskSnapshot],
    order: &[(Key, Tally)],
) -> Vec<Vec<(&'a TaskSnapshot, &'a Wait)>> {
    let place: HashMap<Key, usize> = order
        .iter()
        .enumerate()
        .map(|(at, (key, _))| (*key, at))
        .collect();
    let mut first = vec![Vec::new(); order.len()];
    for task in tasks {
        for wait in &task.waits {
            if let Some(&at) = place.get(&key(wait)) {
                first[at].push((task, wait));
                // Twice as many as are sent: so the cost of sorting is spread over many waits.
                if first[at].len() >= 2 * MAX_WAITERS {
                    keep_first(&mut first[at]);
                }
            }
        }
    }
    first.iter_mut().for_each(keep_first);
    first
}

fn keep_first(waiters: &mut Vec<(&TaskSnapshot, &Wait)>) {
    waiters.sort_by_key(|(task, wait)| (wait.since_ns, task.id));
    waiters.truncate(MAX_WAITERS);
}

fn resource(
    key: Key,
    tally: Tally,
    waiters: &[(&TaskSnapshot, &Wait)],
    permits: Option<&PermitsSnapshot>,
) -> v1::Resource {
    let oldest = waiters.first().map(|(_, wait)| *wait);
    let total = permits.and_then(|permits| permits.total);
    let acquired_by = permits.map_or(&[][..], |permits| &permits.acquired_by);
    v1::Resource {
        kind: clip(key.0),
        id: key.1,
        operation: oldest.map(|wait| clip(wait.operation)).unwrap_or_default(),
        waiters: tally.waiters,
        oldest_since_ns: tally.oldest_since_ns,
        location: oldest.and_then(|wait| wait.location).map(location),
        first_waiters: waiters
            .iter()
            .map(|(task, wait)| v1::Waiter {
                task: task.id,
                task_name: task.name.as_deref().map(clip).unwrap_or_default(),
                operation: clip(wait.operation),
                since_ns: wait.since_ns,
                current: wait.current,
            })
            .collect(),
        created_at: oldest.and_then(|wait| wait.created_at).map(location),
        // While somebody waits for permits, all that there are are taken.
        capacity: total.or(oldest.and_then(|wait| wait.capacity)),
        used: total.or_else(|| used(key, tally, oldest)),
        holder: oldest.and_then(|wait| wait.holder).unwrap_or(0),
        holder_is_exact: oldest.is_some_and(|wait| wait.holder_is_exact),
        held_at: oldest.and_then(|wait| wait.held_at).map(location),
        acquired_by: acquired_by.iter().map(acquirer).collect(),
        latest_holds: permits.is_some_and(|permits| permits.latest_holds),
    }
}

/// How much of its room is taken. Of a barrier those are the ones that wait.
fn used(key: Key, tally: Tally, oldest: Option<&Wait>) -> Option<u64> {
    match key.0 {
        "barrier" => Some(tally.waiters),
        _ => oldest?.used,
    }
}

fn acquirer(acquirer: &Acquirer) -> v1::Acquirer {
    v1::Acquirer {
        task: acquirer.task,
        location: acquirer.location.map(location),
        owned: acquirer.owned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::Location;

    fn task(id: u64, waits: &[(&'static str, &'static str, u64, u64)]) -> TaskSnapshot {
        let mut task = TaskSnapshot::empty(id, Location::caller());
        task.waits = waits
            .iter()
            .map(|&(kind, operation, resource, since_ns)| {
                let mut wait = Wait::new(kind, operation, Some(Location::caller()));
                (wait.resource, wait.since_ns) = (resource, since_ns);
                wait
            })
            .collect();
        task
    }

    fn ids(resource: &v1::Resource) -> Vec<u64> {
        resource.first_waiters.iter().map(|w| w.task).collect()
    }

    #[test]
    fn resources_are_ordered_by_waiters_and_waiters_by_their_wait() {
        let tasks = [
            task(1, &[("mutex", "lock", 7, 30), ("sleep", "sleep", 0, 5)]),
            task(2, &[("mutex", "lock", 7, 10)]),
            task(3, &[("mutex", "lock", 8, 20)]),
            task(4, &[("mutex", "lock", 7, 20)]),
            task(5, &[]),
        ];
        let (resources, in_all) = of(&tasks, &[]);
        assert_eq!(in_all, 3);
        let seen: Vec<_> = resources
            .iter()
            .map(|r| (r.kind.as_str(), r.id, r.waiters, r.oldest_since_ns))
            .collect();
        assert_eq!(
            seen,
            [("mutex", 7, 3, 10), ("sleep", 0, 1, 5), ("mutex", 8, 1, 20)]
        );
        assert_eq!(ids(&resources[0]), [2, 4, 1]);
    }

    #[test]
    fn readers_and_writers_wait_for_one_lock() {
        let tasks = [
            task(1, &[("rwlock", "write", 7, 10)]),
            task(2, &[("rwlock", "read", 7, 20)]),
        ];
        let (resources, _) = of(&tasks, &[]);
        assert_eq!(resources.len(), 1);
        assert_eq!(resources[0].operation, "write");
        assert_eq!(resources[0].first_waiters[1].operation, "read");
    }

    #[test]
    fn what_has_no_identity_is_summed_up_by_operation() {
        let tasks = [
            task(1, &[("tcp", "read", 0, 1)]),
            task(2, &[("tcp", "write", 0, 1)]),
            task(3, &[("tcp", "read", 0, 1)]),
        ];
        let (resources, in_all) = of(&tasks, &[]);
        assert_eq!((resources[0].waiters, in_all), (2, 2));
    }

    #[test]
    fn a_wait_left_over_counts_and_says_so() {
        let mut left = task(1, &[("mutex", "lock", 7, 1)]);
        left.waits[0].current = false;
        let (resources, _) = of(&[left], &[]);
        assert_eq!(resources[0].waiters, 1);
        assert!(!resources[0].first_waiters[0].current);
    }

    #[test]
    fn what_is_sent_has_a_bound_and_what_is_counted_has_none() {
        let mut tasks: Vec<_> = (1..=1_000)
            .map(|id| task(id, &[("mutex", "lock", id, id)]))
            .collect();
        // Latest first, so that the first waiters are found at the end.
        tasks.extend((0..1_000).map(|n| task(9_000 + n, &[("mutex", "lock", 500, 9_000 - n)])));
        let (resources, in_all) = of(&tasks, &[]);
        assert_eq!((resources.len(), in_all), (MAX_RESOURCES, 1_000));
        assert_eq!((resources[0].id, resources[0].waiters), (500, 1_001));
        let first = ids(&resources[0]);
        assert_eq!((first.len(), first[0], first[1]), (MAX_WAITERS, 500, 9_999));
        assert_eq!(resources[1].id, 1, "among equals the longest wait is first");
    }
}
