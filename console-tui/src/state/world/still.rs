//! The world as one whole update: what a server would answer at that moment.

use super::{Runtime, World};
use crate::state::model::{RuntimeUpdate, Update};

impl World {
    /// As a whole update, with the rows that are selected.
    pub(crate) fn as_update(&self) -> Update {
        Update {
            sequence: 0,
            taken_at_ns: self.taken_at_ns,
            runtimes: self.runtimes.iter().map(Runtime::as_update).collect(),
            cost: self.cost,
            skipped: self.skipped,
        }
    }
}

impl Runtime {
    fn as_update(&self) -> RuntimeUpdate {
        let rows = &self.tasks.rows;
        let tasks = rows.iter().filter_map(|id| self.tasks.get(*id));
        RuntimeUpdate {
            summary: self.summary.clone(),
            workers: self.workers.iter().map(|row| row.worker.clone()).collect(),
            spawn_sites: self.spawn_sites.clone(),
            rows: rows.clone(),
            tasks: tasks.cloned().collect(),
            matching_tasks: self.tasks.matching as u64,
            full: true,
            long_polls: self.long_polls.clone(),
            resources: self.resources.clone(),
            waited_resources: self.waited_resources,
            wait_chains: self.wait_chains.clone(),
            wait_chains_in_all: self.wait_chains_in_all,
            known_chains: Vec::new(),
            waits_left_off: self.waits_left_off,
            findings: self.findings.clone(),
            findings_unchanged: false,
            longest_polls: self.longest_polls.clone(),
            longest_polls_unchanged: false,
        }
    }
}
