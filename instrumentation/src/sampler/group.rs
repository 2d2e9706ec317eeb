//! Viewers with equal wishes.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use zokio::telemetry::{now_ns, tasks_at};
use zokio_console_proto::v1;

use super::Wish;
use super::passes::Passes;
use super::ranking::Ranking;
use super::view::{View, Views};
use crate::encode::{self, Tasks};
use crate::mailbox::Mailbox;
use crate::runtimes::Sample;
use crate::watchdog::Log;

/// See the module.
pub(super) struct Group {
    pub(super) wish: Wish,
    sequence: u64,
    pub(super) due: Instant,
    pub(super) views: Views,
    /// By the runtime's id, as of the latest pass that served the group.
    pub(super) rankings: Option<HashMap<u64, Ranking>>,
    pub(super) viewers: Vec<Weak<Mailbox<Arc<View>>>>,
}

impl Group {
    /// With its first viewer; a view is due now.
    pub(super) fn new(wish: Wish, viewer: &Arc<Mailbox<Arc<View>>>) -> Group {
        Group {
            wish,
            sequence: 0,
            due: Instant::now(),
            views: Views::default(),
            rankings: None,
            viewers: vec![Arc::downgrade(viewer)],
        }
    }

    /// Whether it is known which tasks are its rows.
    pub(super) fn is_ranked(&self) -> bool {
        self.rankings.is_some()
    }

    /// Whether a view is due that there cannot be yet.
    pub(super) fn waits(&self, now: Instant) -> bool {
        self.due <= now && !self.is_ranked()
    }

    /// Sends a view of now to all its viewers.
    pub(super) fn publish(
        &mut self,
        samples: &[Sample],
        passes: &mut Passes,
        long_polls: &Log,
        telemetry: v1::TelemetryCost,
    ) {
        let mut runtimes: Vec<_> = samples
            .iter()
            .filter(|sample| self.wish.includes(sample.snapshot.runtime_id))
            .map(|sample| self.runtime(sample, passes, long_polls))
            .collect();
        encode::fit(&mut runtimes);
        self.sequence += 1;
        let view = Arc::new(View {
            sequence: self.sequence,
            taken_at_ns: now_ns(),
            runtimes,
            telemetry,
            ..View::default()
        });
        for viewer in self.viewers.iter().filter_map(Weak::upgrade) {
            viewer.put(Arc::clone(&view));
        }
        self.views.add(view);
    }

    fn runtime(&self, sample: &Sample, passes: &mut Passes, long_polls: &Log) -> v1::RuntimeUpdate {
        let id = sample.snapshot.runtime_id;
        let query = &self.wish.query;
        let ranking = self.rankings.as_ref().and_then(|all| all.get(&id));
        let mut rows = Vec::new();
        let mut taken_at_ns = sample.snapshot.taken_at_ns;
        if let (Some(handle), Some(ranking)) = (&sample.handle, ranking) {
            rows = tasks_at(handle, &ranking.places, &mut passes.book).tasks;
            rows.sort_unstable_by(|a, b| query.compare(a, b));
            taken_at_ns = now_ns();
        }
        let ranked = passes.ranked.get(&id);
        let tasks = Tasks {
            rows: &rows,
            matching: ranking.map_or(0, |ranking| ranking.matching),
            relations: ranking.map(|ranking| &*ranking.relations),
            spawn_sites: match ranked {
                Some(ranked) => &ranked.spawn_sites,
                // It has ended.
                None => &sample.snapshot.spawn_sites,
            },
            waits: ranking.and_then(|ranking| ranking.waits.as_deref()),
            resources: query.wants_resources(),
            chains: query.chains(),
        };
        let long_polls = long_polls.of(id);
        let update = encode::runtime(&sample.snapshot, tasks, &long_polls, &sample.findings);
        v1::RuntimeUpdate {
            taken_at_ns,
            ..update
        }
    }
}
