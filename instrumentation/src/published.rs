//! What is published as metrics, of all runtimes at one moment.
//!
//! All of it costs the same however many tasks there are, but for the spawn sites, whose totals take
//! a look at every live task. So they are looked at less often the longer that takes: a scraper that
//! asks more often gets the last ones once more.

pub(crate) mod sites;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use zokio::telemetry::CaptureOptions;

use crate::runtimes::Sample;
use crate::sampler::{REST, Sampler, Serving};
use sites::Sites;

/// Everything that metrics are read from.
#[derive(Debug, Default)]
pub(crate) struct Published {
    pub(crate) runtimes: Vec<Runtime>,
    pub(crate) serving: Serving,
}

/// One runtime.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) sample: Sample,
    pub(crate) sites: Sites,
}

/// See the module. It remembers which spawn sites have series of their own.
pub(crate) struct Publisher {
    sampler: Arc<Sampler>,
    /// Spawn sites of a runtime with series of their own.
    max_sites: usize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// By the runtime's id.
    sites: HashMap<u64, Sites>,
    /// When the spawn sites may be looked at again.
    due: Option<Instant>,
}

impl Publisher {
    pub(crate) fn new(sampler: Arc<Sampler>, max_sites: usize) -> Publisher {
        Publisher {
            sampler,
            max_sites,
            memory: Mutex::default(),
        }
    }

    /// All runtimes at this moment.
    pub(crate) fn now(&self) -> Published {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let look_at_sites = memory.due.is_none_or(|due| due <= began);
        let options = CaptureOptions::new()
            .tasks(false)
            .spawn_sites(look_at_sites);
        let samples = self.sampler.runtimes().capture_with(&[], options);
        let is_watched = |id: &u64| samples.iter().any(|s| s.snapshot.runtime_id == *id);
        memory.sites.retain(|id, _| is_watched(id));
        let runtimes = samples.into_iter().map(|sample| {
            let sites = memory
                .sites
                .entry(sample.snapshot.runtime_id)
                .or_insert_with(|| Sites::new(self.max_sites));
            sites.update(&sample.snapshot.spawn_sites);
            Runtime {
                sites: sites.clone(),
                sample,
            }
        });
        let runtimes = runtimes.collect();
        if look_at_sites {
            memory.due = Some(began + began.elapsed() * (REST + 1));
        }
        Published {
            runtimes,
            serving: self.sampler.serving(),
        }
    }
}

#[cfg(test)]
impl Published {
    /// One runtime, as a snapshot has it.
    pub(crate) fn of(snapshot: zokio::telemetry::Snapshot) -> Published {
        let mut sites = Sites::new(2);
        sites.update(&snapshot.spawn_sites);
        let sample = Sample {
            label: Arc::clone(&snapshot.name),
            snapshot: Arc::new(snapshot),
            handle: None,
            findings: Arc::default(),
        };
        Published {
            runtimes: vec![Runtime { sample, sites }],
            serving: Serving::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::Runtimes;
    use std::time::Duration;

    fn spawned(published: &Published) -> u64 {
        let sites = published.runtimes[0].sites.iter();
        sites.map(|(_, totals)| totals.spawned).sum()
    }

    #[test]
    fn spawn_sites_are_not_looked_at_more_often_than_their_share_allows() {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let runtimes = Runtimes::default();
        runtimes.attach(runtime.handle());
        let sampler = Sampler::new(Arc::new(runtimes), Arc::default());
        let publisher = Publisher::new(Arc::new(sampler), 10);
        runtime.spawn(async {});
        assert_eq!(spawned(&publisher.now()), 1);

        runtime.spawn(async {});
        publisher.memory.lock().unwrap().due = Some(Instant::now() + Duration::from_secs(3_600));
        let early = publisher.now();
        assert_eq!(spawned(&early), 1);
        assert_eq!(early.runtimes[0].sample.snapshot.spawned_tasks, 2);

        publisher.memory.lock().unwrap().due = Some(Instant::now());
        assert_eq!(spawned(&publisher.now()), 2);
    }
}
