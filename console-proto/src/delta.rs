//! Full updates and deltas: what the server leaves out and how the client puts it back.
//!
//! For any two full updates `a` and `b` of one runtime, `a.apply(b.delta_from(&a))` makes `a` equal
//! to `b`. A delta leaves out spawn sites and resources that are equal, rows that are equal but for time
//! that has merely run on, frames that the client has, and findings and longest polls if none has
//! changed; everything else is sent each time. Chains of waits are left out for those that ask for them
//! by themselves ([`chains`]).

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::mem;

use crate::v1;

mod chains;

impl v1::Task {
    /// Lets the task go on as it is for `elapsed_ns`: the time of its state grows.
    pub fn advance(&mut self, elapsed_ns: u64) {
        if let Some(running) = self.running_ns_mut() {
            *running = running.saturating_add(elapsed_ns);
        }
    }

    /// The time that grows while the task stays in its state.
    fn running_ns_mut(&mut self) -> Option<&mut u64> {
        match self.state() {
            v1::TaskState::Busy => Some(&mut self.busy_ns),
            v1::TaskState::Scheduled => Some(&mut self.scheduled_ns),
            v1::TaskState::Idle => Some(&mut self.idle_ns),
            v1::TaskState::Done | v1::TaskState::Unspecified => None,
        }
    }

    /// Whether nothing happened to the task between `self` and `later` except that time ran on.
    fn only_ran_on(&self, later: &v1::Task) -> bool {
        if self.state != later.state || self.polls != later.polls || self.wakes != later.wakes {
            return false;
        }
        let mut a = self.clone();
        let mut b = later.clone();
        if let (Some(a), Some(b)) = (a.running_ns_mut(), b.running_ns_mut()) {
            *a = 0;
            *b = 0;
        }
        a == b
    }
}

impl v1::RuntimeUpdate {
    /// What a client that has `previous` lacks to have `self`. Both are full.
    ///
    /// The answer is full itself if `previous` is another runtime or has a spawn site that `self`
    /// lacks: a delta could not take it away.
    pub fn delta_from(&self, previous: &v1::RuntimeUpdate) -> v1::RuntimeUpdate {
        let before: HashMap<_, _> = previous
            .spawn_sites
            .iter()
            .map(|s| (&s.location, s))
            .collect();
        let kept = self
            .spawn_sites
            .iter()
            .filter(|s| before.contains_key(&s.location))
            .count();
        if self.id != previous.id || kept < previous.spawn_sites.len() {
            return self.clone();
        }
        let spawn_sites = self
            .spawn_sites
            .iter()
            .filter(|s| before.get(&s.location) != Some(s))
            .cloned()
            .collect();
        let had: HashMap<u64, &v1::Task> = previous.tasks.iter().map(|t| (t.id, t)).collect();
        let tasks = self
            .tasks
            .iter()
            .filter(|t| !had.get(&t.id).is_some_and(|old| old.only_ran_on(t)))
            .cloned()
            .collect();
        let has_frames = |old: &&v1::LongPoll| !old.frames.is_empty();
        let had = previous.long_polls.iter().filter(has_frames);
        let mut known: HashSet<_> = had.map(v1::LongPoll::sample).collect();
        let long_polls = self.long_polls.iter().map(|poll| v1::LongPoll {
            frames: if known.remove(&poll.sample()) {
                Vec::new()
            } else {
                poll.frames.clone()
            },
            ..poll.without_frames()
        });
        let findings_unchanged = self.findings == previous.findings;
        let longest_polls_unchanged = self.longest_polls == previous.longest_polls;
        let (wait_chains, known_chains) = match self.wait_chains_in_all {
            Some(_) => chains::leave_out(&self.wait_chains, &previous.wait_chains),
            None => (self.wait_chains.clone(), Vec::new()),
        };
        v1::RuntimeUpdate {
            spawn_sites,
            tasks,
            long_polls: long_polls.collect(),
            resources: changed_resources(&self.resources, &previous.resources),
            findings: if findings_unchanged {
                Vec::new()
            } else {
                self.findings.clone()
            },
            findings_unchanged,
            longest_polls: if longest_polls_unchanged {
                Vec::new()
            } else {
                self.longest_polls.clone()
            },
            longest_polls_unchanged,
            wait_chains,
            known_chains,
            full: false,
            ..self.without_lists()
        }
    }

    /// A copy without spawn sites, tasks, long and longest polls, resources, chains and
    /// findings.
    pub(crate) fn without_lists(&self) -> v1::RuntimeUpdate {
        v1::RuntimeUpdate {
            id: self.id,
            name: self.name.clone(),
            flavor: self.flavor,
            ended: self.ended,
            started_at_ns: self.started_at_ns,
            taken_at_ns: self.taken_at_ns,
            workers: self.workers.clone(),
            spawn_sites: Vec::new(),
            injector_depth: self.injector_depth,
            alive_tasks: self.alive_tasks,
            spawned_tasks: self.spawned_tasks,
            completed_tasks: self.completed_tasks,
            panicked_tasks: self.panicked_tasks,
            cancelled_tasks: self.cancelled_tasks,
            blocking: self.blocking.clone(),
            driver: self.driver.clone(),
            timers: self.timers.clone(),
            rows: self.rows.clone(),
            tasks: Vec::new(),
            matching_tasks: self.matching_tasks,
            full: self.full,
            long_polls: Vec::new(),
            resources: Vec::new(),
            waited_resources: self.waited_resources,
            findings: Vec::new(),
            findings_unchanged: false,
            known_tasks: Vec::new(),
            same_waits: Vec::new(),
            long_polls_unchanged: false,
            longest_polls: Vec::new(),
            longest_polls_unchanged: false,
            wait_chains: Vec::new(),
            wait_chains_in_all: self.wait_chains_in_all,
            known_chains: Vec::new(),
            waits_left_off: self.waits_left_off,
        }
    }

    /// Brings a full update up to date with the next one that the server sent, full or not.
    /// Afterwards `self` is full, its tasks in the order of its rows. A row that the server never
    /// sent is left out.
    pub fn apply(&mut self, next: v1::RuntimeUpdate) {
        let previous = mem::replace(self, next);
        if mem::take(&mut self.findings_unchanged) {
            self.findings = previous.findings;
        }
        if mem::take(&mut self.longest_polls_unchanged) {
            self.longest_polls = previous.longest_polls;
        }
        if !self.full {
            let elapsed_ns = self.taken_at_ns.saturating_sub(previous.taken_at_ns);
            self.spawn_sites = merge_sites(previous.spawn_sites, mem::take(&mut self.spawn_sites));
            let changed = mem::take(&mut self.resources);
            self.resources = merge_resources(previous.resources, changed);
            let known = mem::take(&mut self.known_chains);
            if self.wait_chains_in_all.is_some() {
                let sent = mem::take(&mut self.wait_chains);
                self.wait_chains = chains::merge(previous.wait_chains, sent, &known);
            }
            let wanted: HashSet<u64> = self.rows.iter().copied().collect();
            let fresh: HashSet<u64> = self.tasks.iter().map(|t| t.id).collect();
            for mut task in previous.tasks {
                if wanted.contains(&task.id) && !fresh.contains(&task.id) {
                    task.advance(elapsed_ns);
                    self.tasks.push(task);
                }
            }
            // Each stack once, as it was left out once: nobody can have one copied without end.
            let known = previous.long_polls.into_iter();
            let known = known.filter(|poll| !poll.frames.is_empty());
            let mut stacks: HashMap<_, _> = known.map(|p| (p.sample(), p.frames)).collect();
            for poll in self.long_polls.iter_mut().filter(|p| p.frames.is_empty()) {
                poll.frames = stacks.remove(&poll.sample()).unwrap_or_default();
            }
            self.full = true;
        }
        let place: HashMap<u64, usize> = self
            .rows
            .iter()
            .enumerate()
            .map(|(i, &id)| (id, i))
            .collect();
        self.tasks.retain(|t| place.contains_key(&t.id));
        self.tasks.sort_by_key(|t| place[&t.id]);
    }
}

/// The previous sites with the changed ones replaced and the new ones at the end.
fn merge_sites(mut sites: Vec<v1::SpawnSite>, changed: Vec<v1::SpawnSite>) -> Vec<v1::SpawnSite> {
    let place: HashMap<_, _> = sites
        .iter()
        .enumerate()
        .map(|(i, s)| (s.location.clone(), i))
        .collect();
    for site in changed {
        match place.get(&site.location) {
            Some(&i) => sites[i] = site,
            None => sites.push(site),
        }
    }
    sites
}

/// What is new or changed, and what is gone: that without waiters.
fn changed_resources(now: &[v1::Resource], before: &[v1::Resource]) -> Vec<v1::Resource> {
    let had: HashMap<_, _> = before.iter().map(|r| (r.identity(), r)).collect();
    let has: HashSet<_> = now.iter().map(v1::Resource::identity).collect();
    let changed = now
        .iter()
        .filter(|r| had.get(&r.identity()) != Some(r))
        .cloned();
    let gone = before.iter().filter(|r| !has.contains(&r.identity()));
    let gone = gone.map(|r| v1::Resource {
        kind: r.kind.clone(),
        id: r.id,
        operation: r.operation.clone(),
        ..Default::default()
    });
    changed.chain(gone).collect()
}

/// The previous resources with the changes, in the order that a full update has.
fn merge_resources(before: Vec<v1::Resource>, changed: Vec<v1::Resource>) -> Vec<v1::Resource> {
    let touched: HashSet<_> = changed.iter().map(v1::Resource::identity).collect();
    let mut merged: Vec<_> = before
        .into_iter()
        .filter(|r| !touched.contains(&r.identity()))
        .collect();
    drop(touched);
    merged.extend(changed.into_iter().filter(|r| r.waiters > 0));
    merged.sort_by(|a, b| a.rank().cmp(&b.rank()));
    merged
}

impl v1::Resource {
    /// What tells it from others: kind and id, or without an id kind and operation.
    pub fn identity(&self) -> (&str, u64, &str) {
        let operation = if self.id == 0 { &self.operation } else { "" };
        (&self.kind, self.id, operation)
    }

    /// The order of resources in an update: most waiters first, then the longest wait.
    pub fn rank(&self) -> impl Ord + '_ {
        (Reverse(self.waiters), self.oldest_since_ns, self.identity())
    }
}

impl v1::LongPoll {
    /// What the frames are of: a poll, looked at at a time.
    fn sample(&self) -> (u64, u64, u64) {
        (self.task, self.began_at_ns, self.sampled_at_ns)
    }

    pub(crate) fn without_frames(&self) -> v1::LongPoll {
        v1::LongPoll {
            worker: self.worker,
            task: self.task,
            task_name: self.task_name.clone(),
            location: self.location.clone(),
            began_at_ns: self.began_at_ns,
            ended_at_ns: self.ended_at_ns,
            sampled_at_ns: self.sampled_at_ns,
            thread_id: self.thread_id,
            thread_state: self.thread_state.clone(),
            frames: Vec::new(),
            error: self.error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u64, state: v1::TaskState, taken_at_ns: u64) -> v1::Task {
        let mut task = v1::Task {
            id,
            name: format!("task {id}"),
            state: state as i32,
            polls: 1,
            busy_ns: 10,
            ..Default::default()
        };
        task.advance(taken_at_ns);
        task
    }

    fn site(line: u32, polls: u64) -> v1::SpawnSite {
        v1::SpawnSite {
            location: Some(v1::Location {
                file: "src/main.rs".into(),
                line,
                column: 1,
            }),
            polls,
            ..Default::default()
        }
    }

    fn full(
        taken_at_ns: u64,
        tasks: Vec<v1::Task>,
        sites: Vec<v1::SpawnSite>,
    ) -> v1::RuntimeUpdate {
        v1::RuntimeUpdate {
            id: 1,
            taken_at_ns,
            rows: tasks.iter().map(|t| t.id).collect(),
            tasks,
            spawn_sites: sites,
            full: true,
            ..Default::default()
        }
    }

    #[test]
    fn time_that_runs_on_is_not_sent_and_not_lost() {
        use v1::TaskState::{Busy, Done, Idle, Scheduled};
        let states = [Busy, Scheduled, Idle, Done];
        let at = |ns| {
            let tasks = (1..).zip(states).map(|(id, s)| task(id, s, ns)).collect();
            full(ns, tasks, vec![site(1, 5)])
        };
        let mut client = at(100);
        let server = at(350);
        let delta = server.delta_from(&client);
        assert!(!delta.full);
        assert_eq!(delta.rows, [1, 2, 3, 4]);
        assert!(delta.tasks.is_empty() && delta.spawn_sites.is_empty());
        client.apply(delta);
        assert_eq!(client, server);
        assert_eq!(client.tasks[2].idle_ns, 350);
    }

    #[test]
    fn changed_new_and_reordered_rows_arrive() {
        use v1::TaskState::Idle;
        let mut client = full(
            100,
            vec![task(1, Idle, 100), task(2, Idle, 100), task(3, Idle, 100)],
            vec![site(1, 5), site(2, 5)],
        );
        let mut polled = task(2, Idle, 180);
        polled.polls = 2;
        let server = full(
            200,
            vec![task(3, Idle, 200), polled, task(9, Idle, 1)],
            vec![site(1, 5), site(2, 6), site(7, 1)],
        );
        let delta = server.delta_from(&client);
        assert_eq!(delta.tasks.iter().map(|t| t.id).collect::<Vec<_>>(), [2, 9]);
        assert_eq!(delta.spawn_sites, [site(2, 6), site(7, 1)]);
        client.apply(delta);
        assert_eq!(client, server);
    }

    #[test]
    fn frames_are_sent_once_a_sample() {
        let poll = |sampled_at_ns, function: &str| v1::LongPoll {
            task: 7,
            sampled_at_ns,
            frames: vec![v1::Frame {
                function: function.to_owned(),
                location: None,
            }],
            ..Default::default()
        };
        let with = |ns, polls| v1::RuntimeUpdate {
            long_polls: polls,
            ..full(ns, vec![], vec![])
        };
        let mut client = with(100, vec![poll(1, "a")]);
        let server = with(200, vec![poll(1, "a"), poll(2, "b")]);
        let delta = server.delta_from(&client);
        let sent: Vec<_> = delta.long_polls.iter().map(|p| p.frames.len()).collect();
        assert_eq!(sent, [0, 1]);
        client.apply(delta);
        assert_eq!(client, server);
    }

    #[test]
    fn resources_change_come_go_and_move() {
        let resource = |kind: &str, id, operation: &str, waiters, since| v1::Resource {
            kind: kind.into(),
            id,
            operation: operation.into(),
            waiters,
            oldest_since_ns: since,
            ..Default::default()
        };
        let with = |ns, resources| v1::RuntimeUpdate {
            resources,
            ..full(ns, vec![], vec![])
        };
        let mut client = with(
            100,
            vec![
                resource("mutex", 7, "lock", 5, 10),
                resource("sleep", 0, "sleep", 3, 5),
                resource("tcp", 0, "read", 2, 9),
                resource("tcp", 0, "write", 1, 9),
            ],
        );
        let server = with(
            200,
            vec![
                resource("mutex", 8, "lock", 9, 150),
                resource("tcp", 0, "read", 4, 9),
                resource("mutex", 7, "lock", 3, 10),
                resource("tcp", 0, "write", 1, 9),
            ],
        );
        let delta = server.delta_from(&client);
        let sent: Vec<_> = delta.resources.iter().map(|r| r.waiters).collect();
        assert_eq!(sent, [9, 4, 3, 0], "changed ones in order, then the gone");
        client.apply(delta);
        assert_eq!(client, server);
    }

    #[test]
    fn findings_are_sent_when_one_has_changed() {
        let with = |ns, summaries: &[&str]| v1::RuntimeUpdate {
            findings: summaries
                .iter()
                .map(|summary| v1::Finding {
                    summary: (*summary).to_owned(),
                    ..Default::default()
                })
                .collect(),
            ..full(ns, vec![], vec![])
        };
        let mut client = with(100, &["a", "b"]);
        for (summaries, sent) in [(&["a", "b"][..], 0), (&["a", "c"], 2), (&[], 0)] {
            let server = with(client.taken_at_ns + 100, summaries);
            let delta = server.delta_from(&client);
            assert_eq!(delta.findings.len(), sent);
            client.apply(delta);
            assert_eq!(client, server);
        }
    }

    #[test]
    fn longest_polls_are_sent_when_one_has_changed() {
        let with = |ns, durations: &[u64]| v1::RuntimeUpdate {
            longest_polls: durations
                .iter()
                .map(|duration_ns| v1::LongestPoll {
                    duration_ns: *duration_ns,
                    ..Default::default()
                })
                .collect(),
            ..full(ns, vec![], vec![])
        };
        let mut client = with(100, &[5, 3]);
        for (durations, sent) in [(&[5, 3][..], 0), (&[7, 5, 3], 3)] {
            let server = with(client.taken_at_ns + 100, durations);
            let delta = server.delta_from(&client);
            assert_eq!(delta.longest_polls.len(), sent);
            client.apply(delta);
            assert_eq!(client, server);
        }
    }

    #[test]
    fn a_stack_that_is_asked_for_again_and_again_is_put_back_once() {
        let poll = v1::LongPoll {
            frames: vec![v1::Frame::default(); 100],
            ..Default::default()
        };
        let mut client = v1::RuntimeUpdate {
            long_polls: vec![poll.clone()],
            ..full(100, vec![], vec![])
        };
        client.apply(v1::RuntimeUpdate {
            long_polls: vec![poll.without_frames(); 50],
            full: false,
            ..full(200, vec![], vec![])
        });
        let stacks = client.long_polls.iter().map(|poll| poll.frames.len());
        assert_eq!(stacks.sum::<usize>(), 100);
    }

    #[test]
    fn a_site_that_is_gone_makes_the_update_full() {
        let mut client = full(100, vec![], vec![site(1, 5), site(2, 5)]);
        let server = full(200, vec![], vec![site(2, 5)]);
        let delta = server.delta_from(&client);
        assert!(delta.full);
        client.apply(delta);
        assert_eq!(client, server);
    }

    #[test]
    fn another_runtime_makes_the_update_full() {
        let client = full(100, vec![], vec![]);
        let mut server = full(200, vec![], vec![]);
        server.id = 2;
        assert!(server.delta_from(&client).full);
    }

    #[test]
    fn rows_never_sent_are_left_out() {
        let mut client = full(100, vec![], vec![]);
        let delta = v1::RuntimeUpdate {
            id: 1,
            rows: vec![5, 6],
            ..Default::default()
        };
        client.apply(delta);
        assert!(client.tasks.is_empty());
        assert_eq!(client.rows, [5, 6]);
    }
}
