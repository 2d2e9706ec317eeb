//! The wait-for graph, as chains: who waits for whom, and who holds it all up.
//!
//! A pure function of tasks and who took permits. A task that waits for a lock leads to the task that has it, a join to
//! the task that is joined, a full channel to the task that receives from it, a semaphore to
//! the latest that took permits; and from there on. Each resource that is waited for begins at most one
//! chain, with the task that has waited longest for it, unless that task is in another chain: a
//! thousand tasks that wait for one lock are one chain, and what holds up the holder of that lock is told
//! once.
//!
//! What a chain says is only as exact as its links: see `holder_is_exact`. A semaphore's latest taker
//! need not have what it took.
//!
//! Non-goals: judgement. That a chain is long or a circle is a deadlock is for
//! [`diagnosis`](crate::diagnosis) to say.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::panic::Location;

use zokio::telemetry::{PermitsSnapshot, TaskSnapshot, Wait};

/// Chains that are told, and links of a chain.
const MAX_CHAINS: usize = 64;
const MAX_LINKS: usize = 32;

/// What a task has to do with what another waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Holds,
    Joined,
    Receives,
    Acquired,
}

/// Who can end a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) task: u64,
    pub(crate) role: Role,
    /// Nobody else can.
    pub(crate) exact: bool,
    /// Where it took what it has.
    pub(crate) held_at: Option<&'static Location<'static>>,
    /// It has finished.
    pub(crate) gone: bool,
}

/// A task in a chain.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) task: &'a TaskSnapshot,
    /// `None`: what it waits for is not known, or it does not wait.
    pub(crate) wait: Option<&'a Wait>,
    pub(crate) holder: Option<Holder>,
    /// Of a semaphore, in all.
    pub(crate) permits: Option<u64>,
}

/// A task, who can end its wait, who can end that one's, and so on.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    pub(crate) links: Vec<Link<'a>>,
    /// The last leads to the first.
    pub(crate) circle: bool,
    /// Tasks that wait for what the first waits for.
    pub(crate) waiters: u64,
}

/// The tasks, looked up by what chains follow.
struct Graph<'a> {
    tasks: HashMap<u64, &'a TaskSnapshot>,
    permits: HashMap<u64, &'a PermitsSnapshot>,
    is_partial: bool,
}

/// Those that wait for one thing.
struct Queue<'a> {
    first: &'a TaskSnapshot,
    since_ns: u64,
    waiters: u64,
}

/// The first chains of these tasks and how many there are: circles first, then those through locks, semaphores and channels, the
/// longest wait first among equals.
///
/// `is_partial`: there are more tasks than these, so one that is not among them may be alive.
pub(crate) fn of<'a>(
    tasks: &'a [TaskSnapshot],
    permits: &'a [PermitsSnapshot],
    is_partial: bool,
) -> (Vec<Chain<'a>>, usize) {
    let graph = Graph {
        tasks: tasks.iter().map(|task| (task.id, task)).collect(),
        permits: permits.iter().map(|p| (p.resource, p)).collect(),
        is_partial,
    };
    let mut queues: Vec<Queue<'_>> = graph.queues(tasks).into_values().collect();
    queues.sort_by_key(|queue| (queue.since_ns, queue.first.id));
    let chains: Vec<Chain<'_>> = queues.iter().map(|queue| graph.follow(queue)).collect();
    let mut chains = without_parts(chains);
    chains.sort_by_key(|chain| {
        let joins_only = chain.holders().all(|holder| holder.role == Role::Joined);
        (Reverse(chain.circle), joins_only, chain.since_ns())
    });
    let in_all = chains.len();
    chains.truncate(MAX_CHAINS);
    (chains, in_all)
}

impl Chain<'_> {
    fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.links.iter().filter_map(|link| link.holder.as_ref())
    }

    fn since_ns(&self) -> u64 {
        let first = self.links.first().and_then(|link| link.wait);
        first.map_or(0, |wait| wait.since_ns)
    }

    fn tasks(&self) -> impl Iterator<Item = u64> {
        self.links.iter().map(|link| link.task.id)
    }
}

impl<'a> Graph<'a> {
    /// What is waited for and has a holder: one entry each.
    fn queues(&self, tasks: &'a [TaskSnapshot]) -> HashMap<(&'static str, u64), Queue<'a>> {
        let mut queues: HashMap<(&'static str, u64), Queue<'a>> = HashMap::new();
        for task in tasks {
            let Some((wait, _)) = self.leading_wait(task) else {
                continue;
            };
            let queue = queues.entry((wait.kind, wait.resource)).or_insert(Queue {
                first: task,
                since_ns: u64::MAX,
                waiters: 0,
            });
            queue.waiters += 1;
            if wait.since_ns < queue.since_ns {
                (queue.first, queue.since_ns) = (task, wait.since_ns);
            }
        }
        queues
    }

    /// The wait of a task that leads on, if one does: a current one before a left-over, an exact one
    /// before one that is not.
    fn leading_wait(&self, task: &'a TaskSnapshot) -> Option<(&'a Wait, Holder)> {
        let leading = |wait: &'a Wait| Some((wait, self.holder(wait)?));
        let rank = |(wait, holder): &(&Wait, Holder)| (wait.current, holder.exact);
        task.waits.iter().filter_map(leading).max_by_key(rank)
    }

    fn holder(&self, wait: &Wait) -> Option<Holder> {
        if let Some(task) = wait.holder {
            let role = match wait.kind {
                "join" => Role::Joined,
                "mpsc" => Role::Receives,
                _ => Role::Holds,
            };
            return Some(Holder {
                task,
                role,
                exact: wait.holder_is_exact && wait.own_waker,
                held_at: wait.held_at,
                gone: self.is_gone(task),
            });
        }
        if wait.kind == "rwlock" {
            // Behind a writer, and for none of the readers in particular.
            return None;
        }
        let latest = self.permits.get(&wait.resource)?.acquired_by.first()?;
        (latest.task != 0).then(|| Holder {
            task: latest.task,
            role: Role::Acquired,
            exact: false,
            held_at: latest.location,
            gone: self.is_gone(latest.task),
        })
    }

    /// A task that is not among those of the runtime has finished, or is another runtime's.
    fn is_gone(&self, task: u64) -> bool {
        !self.is_partial && !self.tasks.contains_key(&task)
    }

    fn link(&self, task: &'a TaskSnapshot) -> Link<'a> {
        let (wait, holder) = match self.leading_wait(task) {
            Some((wait, holder)) => (Some(wait), Some(holder)),
            None => (task.waits.first(), None),
        };
        let permits = wait.and_then(|wait| self.permits.get(&wait.resource));
        Link {
            task,
            wait,
            holder,
            permits: permits.and_then(|permits| permits.total),
        }
    }

    fn follow(&self, queue: &Queue<'a>) -> Chain<'a> {
        let mut links: Vec<Link<'a>> = Vec::new();
        let mut next = Some(queue.first);
        let mut circle = false;
        while let Some(task) = next {
            if let Some(begin) = links.iter().position(|link| link.task.id == task.id) {
                // A task that waits for one of the circle is told of by the circle's own chain.
                circle = true;
                links.drain(..begin);
                break;
            }
            if links.len() >= MAX_LINKS {
                break;
            }
            let link = self.link(task);
            next = link
                .holder
                .and_then(|holder| self.tasks.get(&holder.task).copied());
            links.push(link);
        }
        if circle {
            let smallest = (0..links.len()).min_by_key(|&at| links[at].task.id);
            links.rotate_left(smallest.unwrap_or(0));
        }
        Chain {
            links,
            circle,
            waiters: queue.waiters,
        }
    }
}

/// Without circles that are there already, and without chains that are the end of another.
fn without_parts(chains: Vec<Chain<'_>>) -> Vec<Chain<'_>> {
    let mut inside: HashSet<u64> = HashSet::new();
    for chain in &chains {
        let skip = usize::from(!chain.circle);
        inside.extend(chain.tasks().skip(skip));
    }
    let mut circles: HashSet<u64> = HashSet::new();
    let is_whole = |chain: &Chain<'_>| match chain.links.first() {
        None => false,
        Some(first) if chain.circle => circles.insert(first.task.id),
        Some(first) => !inside.contains(&first.task.id),
    };
    chains.into_iter().filter(is_whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u64, waits: &[(&'static str, u64, Option<u64>, u64)]) -> TaskSnapshot {
        let mut task = TaskSnapshot::empty(id, Location::caller());
        task.waits = waits
            .iter()
            .map(|&(kind, resource, holder, since_ns)| {
                let mut wait = Wait::new(kind, "wait", Some(Location::caller()));
                (wait.resource, wait.holder, wait.since_ns) = (resource, holder, since_ns);
                wait.holder_is_exact = holder.is_some() && kind != "mpsc";
                wait
            })
            .collect();
        task
    }

    fn ids(chain: &Chain<'_>) -> Vec<u64> {
        chain.tasks().collect()
    }

    #[test]
    fn waiters_of_one_lock_are_one_chain_from_the_longest_wait_to_what_the_holder_waits_for() {
        let tasks = vec![
            task(1, &[("mutex", 64, Some(9), 30)]),
            task(2, &[("mutex", 64, Some(9), 20)]),
            task(9, &[("sleep", 0, None, 10)]),
        ];
        let (chains, _) = of(&tasks, &[], false);
        assert_eq!(chains.len(), 1);
        assert_eq!((ids(&chains[0]), chains[0].waiters), (vec![2, 9], 2));
        assert!(!chains[0].circle);
        let end = &chains[0].links[1];
        assert_eq!((end.wait.unwrap().kind, end.holder), ("sleep", None));
    }

    #[test]
    fn what_holds_up_a_holder_is_told_in_one_chain() {
        let tasks = vec![
            task(1, &[("mutex", 64, Some(2), 30)]),
            task(2, &[("mpsc", 128, Some(3), 20)]),
            task(3, &[("join", 4, Some(4), 10)]),
            task(4, &[]),
        ];
        let (chains, _) = of(&tasks, &[], false);
        assert_eq!(chains.len(), 1);
        assert_eq!(ids(&chains[0]), [1, 2, 3, 4]);
        let roles: Vec<_> = chains[0].holders().map(|h| h.role).collect();
        assert_eq!(roles, [Role::Holds, Role::Receives, Role::Joined]);
    }

    #[test]
    fn a_circle_is_told_once_and_first_with_those_behind_it_after() {
        let tasks = vec![
            task(1, &[("mutex", 64, Some(5), 5)]),
            task(3, &[("mutex", 128, Some(2), 30)]),
            task(2, &[("mutex", 192, Some(3), 20)]),
            task(5, &[("sleep", 0, None, 1)]),
            task(7, &[("join", 2, Some(2), 1)]),
        ];
        let (chains, _) = of(&tasks, &[], false);
        assert_eq!(ids(&chains[0]), [2, 3]);
        assert!(chains[0].circle);
        assert_eq!(chains.iter().filter(|chain| chain.circle).count(), 1);
        assert_eq!(ids(&chains[1]), [1, 5]);
    }

    #[test]
    fn a_task_that_waits_for_itself_is_a_circle_of_one() {
        let tasks = vec![task(1, &[("rwlock", 64, Some(1), 5)])];
        let (chains, _) = of(&tasks, &[], false);
        assert_eq!((ids(&chains[0]), chains[0].circle), (vec![1], true));
    }

    #[test]
    fn who_took_permits_and_has_finished_ends_a_chain_and_is_told_to_be_gone() {
        let tasks = [task(1, &[("semaphore", 64, None, 5)])];
        let permits = [PermitsSnapshot::new(64, Some(1), &[8, 7])];
        let (chains, _) = of(&tasks, &permits, false);
        let link = &chains[0].links[0];
        let holder = link.holder.unwrap();
        assert_eq!((holder.task, holder.role), (8, Role::Acquired));
        assert!(holder.gone && !holder.exact);
        assert_eq!(link.permits, Some(1));
        // Of many tasks, one that is not here may well live.
        let of_some = of(&tasks, &permits, true);
        assert!(!of_some.0[0].links[0].holder.unwrap().gone);
    }

    #[test]
    fn of_several_waits_the_one_that_leads_on_is_followed() {
        let tasks = vec![
            task(1, &[("sleep", 0, None, 9), ("mutex", 64, Some(2), 5)]),
            task(2, &[]),
        ];
        let (chains, _) = of(&tasks, &[], false);
        assert_eq!(chains[0].links[0].wait.unwrap().kind, "mutex");
    }

    #[test]
    fn chains_through_joins_alone_come_last_and_there_is_a_bound() {
        let mut tasks: Vec<_> = (1..=2 * MAX_CHAINS as u64)
            .map(|n| task(n, &[("join", 1_000 + n, Some(1_000 + n), 1)]))
            .collect();
        tasks.push(task(500, &[("mutex", 64, Some(501), 9)]));
        let (chains, in_all) = of(&tasks, &[], false);
        assert_eq!((chains.len(), in_all), (MAX_CHAINS, 2 * MAX_CHAINS + 1));
        assert_eq!(ids(&chains[0]), [500]);
    }
}
