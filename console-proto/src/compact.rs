//! Compact updates: what of a delta the client can put back by itself.
//!
//! Most of a delta's bytes are texts of rows that have changed in numbers only, and buckets of
//! histograms in which nothing has happened. [`v1::RuntimeUpdate::pack`] takes them out, [`Unpacker`]
//! puts them back: what it gives is what the server had before it packed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::mem;

use prost::Message as _;

use crate::{MAX_MESSAGE_BYTES, v1};

/// Spawn sites that are kept of a runtime; servers send fewer.
const MAX_SPAWN_SITES: usize = 4_096;

/// Buckets that are kept of a histogram; ours have 496 at most.
const MAX_BUCKETS: usize = 1_024;

impl v1::RuntimeUpdate {
    /// Takes out of a delta what a client that has `previous` can put back. A full update is left as
    /// it is.
    pub fn pack(&mut self, previous: &v1::RuntimeUpdate) {
        if self.full {
            return;
        }
        for worker in &mut self.workers {
            let before = previous.workers.iter().find(|w| w.index == worker.index);
            if let Some(before) = before {
                pack(&mut worker.poll_time, &before.poll_time);
                pack(&mut worker.wake_to_poll, &before.wake_to_poll);
                pack(&mut worker.unpark_latency, &before.unpark_latency);
            }
        }
        if let (Some(now), Some(before)) = (&mut self.timers, &previous.timers) {
            pack(&mut now.lateness, &before.lateness);
        }
        if let (Some(now), Some(before)) = (&mut self.blocking, &previous.blocking) {
            pack(&mut now.queue_time, &before.queue_time);
            pack(&mut now.run_time, &before.run_time);
        }
        if let (Some(now), Some(before)) = (&mut self.driver, &previous.driver) {
            pack(&mut now.turn_time, &before.turn_time);
        }
        let sites = sites(previous);
        for site in &mut self.spawn_sites {
            if let Some(before) = sites.get(&site.location) {
                pack(&mut site.poll_time, &before.poll_time);
                pack(&mut site.wake_to_poll, &before.wake_to_poll);
            }
        }
        let had: HashMap<u64, &v1::Task> = previous.tasks.iter().map(|t| (t.id, t)).collect();
        for mut task in mem::take(&mut self.tasks) {
            match had.get(&task.id) {
                Some(before) if before.is_named_as(&task) => {
                    if task.pack(before) {
                        self.same_waits.push(task.id);
                    }
                    self.known_tasks.push(task);
                }
                _ => self.tasks.push(task),
            }
        }
        let same =
            |(a, b): (&v1::LongPoll, &v1::LongPoll)| a.frames.is_empty() && a.is_but_frames(b);
        self.long_polls_unchanged = !self.long_polls.is_empty()
            && self.long_polls.len() == previous.long_polls.len()
            && self.long_polls.iter().zip(&previous.long_polls).all(same);
        if self.long_polls_unchanged {
            self.long_polls.clear();
        }
    }

    /// The opposite of [`pack`](v1::RuntimeUpdate::pack). What `previous` lacks is left out. Of its long
    /// polls it needs no frames: a delta that was packed has none either.
    fn unpack(&mut self, previous: &v1::RuntimeUpdate) {
        // Each worker, site and task once: a server that is not to be trusted must not have what is known
        // of one copied without end.
        let workers = previous.workers.iter();
        let mut workers: HashMap<u32, &v1::Worker> = workers.map(|w| (w.index, w)).collect();
        for worker in &mut self.workers {
            let before = workers.remove(&worker.index);
            let had = |histogram: fn(&v1::Worker) -> &Option<v1::Histogram>| {
                before.and_then(|worker| histogram(worker).as_ref())
            };
            unpack(&mut worker.poll_time, had(|w| &w.poll_time));
            unpack(&mut worker.wake_to_poll, had(|w| &w.wake_to_poll));
            unpack(&mut worker.unpark_latency, had(|w| &w.unpark_latency));
        }
        if let Some(now) = &mut self.blocking {
            let before = previous.blocking.as_ref();
            unpack(
                &mut now.queue_time,
                before.and_then(|b| b.queue_time.as_ref()),
            );
            unpack(&mut now.run_time, before.and_then(|b| b.run_time.as_ref()));
        }
        if let Some(now) = &mut self.driver {
            let before = previous.driver.as_ref();
            unpack(
                &mut now.turn_time,
                before.and_then(|d| d.turn_time.as_ref()),
            );
        }
        let mut sites = sites(previous);
        for site in &mut self.spawn_sites {
            let before = sites.remove(&site.location);
            unpack(
                &mut site.poll_time,
                before.and_then(|s| s.poll_time.as_ref()),
            );
            unpack(
                &mut site.wake_to_poll,
                before.and_then(|s| s.wake_to_poll.as_ref()),
            );
        }
        if let Some(now) = &mut self.timers {
            let before = previous.timers.as_ref();
            unpack(&mut now.lateness, before.and_then(|t| t.lateness.as_ref()));
        }
        let same_waits: HashSet<u64> = mem::take(&mut self.same_waits).into_iter().collect();
        let mut had: HashMap<u64, &v1::Task> = previous.tasks.iter().map(|t| (t.id, t)).collect();
        for mut task in mem::take(&mut self.known_tasks) {
            let Some(before) = had.remove(&task.id) else {
                continue;
            };
            task.name.clone_from(&before.name);
            task.location.clone_from(&before.location);
            task.kind = before.kind;
            task.parent = before.parent;
            task.created_at_ns = before.created_at_ns;
            task.future_bytes = before.future_bytes;
            if same_waits.contains(&task.id) {
                task.unpack_waits(&before.waits);
            }
            if mem::take(&mut task.same_fields) {
                task.fields.clone_from(&before.fields);
            }
            self.tasks.push(task);
        }
        if mem::take(&mut self.long_polls_unchanged) {
            self.long_polls.clone_from(&previous.long_polls);
        }
    }
}

impl v1::Task {
    /// Whether all is equal that does not change in a task's life.
    fn is_named_as(&self, other: &v1::Task) -> bool {
        self.name == other.name
            && self.kind == other.kind
            && self.location == other.location
            && self.parent == other.parent
            && self.created_at_ns == other.created_at_ns
            && self.future_bytes == other.future_bytes
    }

    /// Takes out what `before` has. True: also the texts of the waits, or the waits.
    fn pack(&mut self, before: &v1::Task) -> bool {
        self.name.clear();
        self.location = None;
        (self.kind, self.parent, self.created_at_ns) = (0, 0, 0);
        self.future_bytes = 0;
        self.same_fields = !self.fields.is_empty() && self.fields == before.fields;
        if self.same_fields {
            self.fields.clear();
        }
        let same_texts = !self.waits.is_empty()
            && self.waits.len() == before.waits.len()
            && self.waits.iter().zip(&before.waits).all(|(now, before)| {
                now.kind == before.kind
                    && now.operation == before.operation
                    && now.location == before.location
                    && now.held_at == before.held_at
                    && now.created_at == before.created_at
            });
        if same_texts && self.waits == before.waits {
            self.waits.clear();
        } else if same_texts {
            for wait in &mut self.waits {
                wait.kind.clear();
                wait.operation.clear();
                wait.location = None;
                wait.held_at = None;
                wait.created_at = None;
            }
        }
        same_texts
    }

    /// Puts back the texts of the waits, or the waits.
    fn unpack_waits(&mut self, before: &[v1::Wait]) {
        if self.waits.is_empty() {
            self.waits = before.to_vec();
            return;
        }
        for (wait, before) in self.waits.iter_mut().zip(before) {
            wait.kind.clone_from(&before.kind);
            wait.operation.clone_from(&before.operation);
            wait.location.clone_from(&before.location);
            wait.held_at.clone_from(&before.held_at);
            wait.created_at.clone_from(&before.created_at);
        }
    }
}

impl v1::LongPoll {
    fn is_but_frames(&self, other: &v1::LongPoll) -> bool {
        self.task == other.task
            && self.began_at_ns == other.began_at_ns
            && self.ended_at_ns == other.ended_at_ns
            && self.sampled_at_ns == other.sampled_at_ns
            && self.worker == other.worker
    }
}

/// What is known of spawn sites, by their location.
fn sites(update: &v1::RuntimeUpdate) -> HashMap<&Option<v1::Location>, &v1::SpawnSite> {
    let sites = update.spawn_sites.iter();
    sites.map(|site| (&site.location, site)).collect()
}

/// The buckets of a histogram, by their upper bounds.
fn buckets(histogram: &v1::Histogram) -> BTreeMap<u64, u64> {
    let bounds = histogram.upper_bounds_ns.iter().copied();
    bounds.zip(histogram.counts.iter().copied()).collect()
}

/// Leaves of a histogram what came since `before`, if nothing went.
fn pack(now: &mut Option<v1::Histogram>, before: &Option<v1::Histogram>) {
    let (Some(now), Some(before)) = (now, before) else {
        return;
    };
    let had = buckets(before);
    let mut changes = buckets(now);
    let is_whole = |h: &v1::Histogram| h.upper_bounds_ns.len() == h.counts.len();
    let grew = had
        .iter()
        .all(|(b, n)| changes.get(b).is_some_and(|now| now >= n));
    if !grew || !is_whole(now) || changes.len() != now.counts.len() {
        return;
    }
    changes.retain(|bound, n| {
        *n -= had.get(bound).copied().unwrap_or(0);
        *n > 0
    });
    (now.upper_bounds_ns, now.counts) = changes.into_iter().unzip();
    now.changes_only = true;
}

fn unpack(now: &mut Option<v1::Histogram>, before: Option<&v1::Histogram>) {
    let Some(now) = now.as_mut().filter(|now| now.changes_only) else {
        return;
    };
    let mut all = before.map(buckets).unwrap_or_default();
    for (bound, n) in buckets(now) {
        let count = all.entry(bound).or_default();
        *count = count.saturating_add(n);
    }
    (now.upper_bounds_ns, now.counts) = all.into_iter().take(MAX_BUCKETS).unzip();
    now.changes_only = false;
}

/// Unpacks the updates of one subscription, in the order in which they come.
#[derive(Debug, Default)]
pub struct Unpacker {
    /// What the client has, by the runtime's id.
    runtimes: HashMap<u64, v1::RuntimeUpdate>,
}

impl Unpacker {
    /// The update as it was before it was packed. One that was not packed is left as it is.
    ///
    /// It keeps what the latest update told of each of its runtimes, and nothing else, whatever a
    /// server sends: what fits into one message, as all that a server tells at a time does.
    pub fn unpack(&mut self, mut update: v1::Update) -> v1::Update {
        let mut had = mem::take(&mut self.runtimes);
        let mut room = MAX_MESSAGE_BYTES;
        for runtime in &mut update.runtimes {
            let mut state = had.remove(&runtime.id).unwrap_or_default();
            runtime.unpack(&state);
            state.apply(v1::RuntimeUpdate {
                spawn_sites: runtime.spawn_sites.clone(),
                tasks: runtime.tasks.clone(),
                long_polls: runtime
                    .long_polls
                    .iter()
                    .map(v1::LongPoll::without_frames)
                    .collect(),
                wait_chains_in_all: None,
                ..runtime.without_lists()
            });
            state.spawn_sites.truncate(MAX_SPAWN_SITES);
            let left = room.checked_sub(state.encoded_len());
            if let Some(left) = left {
                room = left;
                self.runtimes.insert(runtime.id, state);
            }
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(counts: &[(u64, u64)]) -> Option<v1::Histogram> {
        Some(v1::Histogram {
            count: counts.iter().map(|(_, n)| n).sum(),
            sum_ns: 7,
            max_ns: 9,
            upper_bounds_ns: counts.iter().map(|(bound, _)| *bound).collect(),
            counts: counts.iter().map(|(_, n)| *n).collect(),
            changes_only: false,
        })
    }

    fn full(at: u64, polls: u64, counts: &[(u64, u64)]) -> v1::RuntimeUpdate {
        let place = |line| {
            Some(v1::Location {
                file: "another/path/that/takes/its/bytes/src/lib.rs".into(),
                line,
                column: 5,
            })
        };
        let task = |id: u64| v1::Task {
            id,
            name: format!("task {id}"),
            kind: v1::TaskKind::Task.into(),
            state: v1::TaskState::Idle.into(),
            location: Some(v1::Location {
                file: "a/rather/long/path/as/they/are/src/main.rs".into(),
                line: 3,
                column: 4,
            }),
            parent: 1,
            created_at_ns: 5,
            future_bytes: 64,
            polls: polls * id,
            waits: vec![v1::Wait {
                kind: "mpsc".into(),
                since_ns: if id == 2 { at } else { 1 },
                held_at: place(6),
                created_at: place(7),
                ..Default::default()
            }],
            ..Default::default()
        };
        v1::RuntimeUpdate {
            id: 1,
            taken_at_ns: at,
            full: true,
            workers: vec![v1::Worker {
                poll_time: histogram(counts),
                wake_to_poll: histogram(counts),
                unpark_latency: histogram(counts),
                ..Default::default()
            }],
            spawn_sites: vec![v1::SpawnSite {
                polls,
                poll_time: histogram(counts),
                wake_to_poll: histogram(counts),
                ..Default::default()
            }],
            blocking: Some(v1::Blocking {
                queue_time: histogram(counts),
                run_time: histogram(counts),
                ..Default::default()
            }),
            driver: Some(v1::Driver {
                turn_time: histogram(counts),
                ..Default::default()
            }),
            rows: vec![1, 2, 3],
            tasks: vec![task(1), task(2), task(3)],
            long_polls: vec![v1::LongPoll {
                task: 2,
                frames: vec![v1::Frame::default()],
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn message(runtime: v1::RuntimeUpdate) -> v1::Update {
        v1::Update {
            runtimes: vec![runtime],
            ..Default::default()
        }
    }

    #[test]
    fn what_was_packed_is_what_is_unpacked_and_it_is_small() {
        let steps = [
            full(10, 1, &[(8, 1), (64, 5)]),
            full(20, 2, &[(8, 1), (16, 2), (64, 6)]),
            full(30, 3, &[(8, 1), (16, 2), (64, 6)]),
            // A histogram that begins again is sent whole.
            full(40, 4, &[(16, 1)]),
        ];
        let mut unpacker = Unpacker::default();
        let mut client = steps[0].clone();
        let first = unpacker.unpack(message(steps[0].clone()));
        assert_eq!(first.runtimes[0], steps[0]);
        for pair in steps.windows(2) {
            let delta = pair[1].delta_from(&pair[0]);
            let mut packed = delta.clone();
            packed.pack(&pair[0]);
            assert!(packed.tasks.is_empty() && packed.long_polls_unchanged);
            assert_eq!(packed.same_waits, [1, 2, 3]);
            let wait = &packed.known_tasks[1].waits[0];
            assert_eq!(wait.kind, "");
            assert_eq!((&wait.held_at, &wait.created_at), (&None, &None));
            let turns = packed.driver.as_ref().and_then(|d| d.turn_time.as_ref());
            let runs = packed.blocking.as_ref().and_then(|b| b.run_time.as_ref());
            assert_eq!(turns, runs);
            assert!(packed.encoded_len() * 2 < delta.encoded_len());
            let unpacked = unpacker.unpack(message(packed)).runtimes.remove(0);
            client.apply(unpacked);
            assert_eq!(client, pair[1]);
        }
    }

    #[test]
    fn a_wait_whose_resource_is_held_or_made_elsewhere_is_sent_whole() {
        type Place = fn(&mut v1::Wait) -> &mut Option<v1::Location>;
        let places: [Place; 2] = [|wait| &mut wait.held_at, |wait| &mut wait.created_at];
        for place in places {
            let before = full(10, 1, &[(8, 1)]);
            let mut now = full(20, 2, &[(8, 1)]);
            let wait = &mut now.tasks[2].waits[0];
            place(wait).as_mut().unwrap().line += 1;
            let whole = wait.clone();
            let mut packed = now.delta_from(&before);
            packed.pack(&before);
            assert_eq!(packed.same_waits, [1, 2]);
            assert_eq!(packed.known_tasks[2].waits, [whole]);
            let mut unpacker = Unpacker::default();
            let mut client = unpacker.unpack(message(before)).runtimes.remove(0);
            client.apply(unpacker.unpack(message(packed)).runtimes.remove(0));
            assert_eq!(client, now);
        }
    }

    #[test]
    fn fields_that_are_the_same_are_left_out_and_others_replace_them() {
        let field = |name: &str, value: &str| v1::TaskField {
            name: name.into(),
            value: value.into(),
        };
        let with = |at: u64, fields: &[v1::TaskField]| {
            let mut update = full(at, at, &[(8, 1)]);
            update.tasks[1].fields = fields.to_vec();
            update
        };
        let request = [field("span", "request"), field("user", "eve")];
        let steps = [
            (with(10, &request), false),
            (with(20, &request), true),
            (with(30, &request[..1]), false),
            (with(40, &request[..1]), true),
            (with(50, &[]), false),
            (with(60, &[]), false),
        ];
        let mut unpacker = Unpacker::default();
        let mut client = unpacker
            .unpack(message(steps[0].0.clone()))
            .runtimes
            .remove(0);
        for pair in steps.windows(2) {
            let ((before, _), (now, is_same)) = (&pair[0], &pair[1]);
            let mut packed = now.delta_from(before);
            packed.pack(before);
            let sent = &packed.known_tasks[1];
            assert_eq!(sent.same_fields, *is_same);
            assert!(!is_same || sent.fields.is_empty());
            client.apply(unpacker.unpack(message(packed)).runtimes.remove(0));
            assert_eq!(client, *now);
        }
    }

    #[test]
    fn a_server_that_packs_what_the_client_never_had_gains_nothing() {
        let mut packed = full(20, 2, &[(8, 1)]).delta_from(&full(10, 1, &[(8, 1)]));
        packed.pack(&full(10, 1, &[(8, 1)]));
        let mut unpacker = Unpacker::default();
        let unpacked = unpacker.unpack(message(packed));
        let runtime = &unpacked.runtimes[0];
        assert!(runtime.tasks.is_empty() && runtime.long_polls.is_empty());
        assert!(!runtime.workers[0].poll_time.as_ref().unwrap().changes_only);
    }

    /// Bytes that the unpacker keeps.
    fn kept(unpacker: &Unpacker) -> usize {
        unpacker.runtimes.values().map(|r| r.encoded_len()).sum()
    }

    #[test]
    fn frames_are_not_kept_and_come_with_the_poll_that_has_them_only() {
        let mut unpacker = Unpacker::default();
        let mut has_frames = |mut runtime: v1::RuntimeUpdate, packs| {
            if packs {
                (runtime.full, runtime.long_polls_unchanged) = (false, true);
                runtime.long_polls.clear();
            }
            let unpacked = unpacker.unpack(message(runtime)).runtimes.remove(0);
            assert_eq!(unpacked.long_polls.len(), 1);
            !unpacked.long_polls[0].frames.is_empty()
        };
        assert!(has_frames(full(10, 1, &[]), false));
        assert!(!has_frames(full(20, 1, &[]), true));
        let kept = &unpacker.runtimes[&1].long_polls;
        assert!(kept.len() == 1 && kept[0].frames.is_empty());
    }

    #[test]
    fn what_is_known_of_a_worker_or_a_site_is_copied_once() {
        let buckets: Vec<(u64, u64)> = (0..1_000).map(|bound| (bound, 1)).collect();
        let mut unpacker = Unpacker::default();
        unpacker.unpack(message(full(10, 1, &buckets)));
        let changes = Some(v1::Histogram {
            changes_only: true,
            ..Default::default()
        });
        let mut packed = full(20, 1, &[]);
        packed.full = false;
        packed.workers[0].poll_time = changes.clone();
        packed.workers = vec![packed.workers.remove(0); 100];
        packed.spawn_sites[0].poll_time = changes;
        packed.spawn_sites = vec![packed.spawn_sites.remove(0); 100];
        let unpacked = unpacker.unpack(message(packed)).runtimes.remove(0);
        let of_workers = unpacked.workers.iter().map(|w| &w.poll_time);
        let of_sites = unpacked.spawn_sites.iter().map(|s| &s.poll_time);
        for histograms in [of_workers.collect::<Vec<_>>(), of_sites.collect()] {
            let buckets = histograms
                .iter()
                .filter_map(|h| Some(h.as_ref()?.counts.len()));
            assert_eq!(buckets.sum::<usize>(), 1_000);
        }
    }

    #[test]
    fn what_is_kept_fits_into_a_message_whatever_comes() {
        let mut unpacker = Unpacker::default();
        let task = |id| v1::Task {
            id,
            name: "x".repeat(MAX_MESSAGE_BYTES / 4),
            ..Default::default()
        };
        for id in 1..20 {
            // Those that came before are its rows, too.
            unpacker.unpack(message(v1::RuntimeUpdate {
                id: 1,
                rows: (1..=id).collect(),
                tasks: vec![task(id)],
                full: id == 1,
                ..Default::default()
            }));
            assert!(kept(&unpacker) <= MAX_MESSAGE_BYTES);
        }
        for id in 1..20 {
            let runtimes = (1..=id).map(|runtime| v1::RuntimeUpdate {
                id: runtime,
                rows: vec![runtime],
                tasks: (runtime == id).then(|| task(id)).into_iter().collect(),
                full: runtime == id,
                ..Default::default()
            });
            unpacker.unpack(v1::Update {
                runtimes: runtimes.collect(),
                ..Default::default()
            });
            assert!(kept(&unpacker) <= MAX_MESSAGE_BYTES);
        }
    }
}
