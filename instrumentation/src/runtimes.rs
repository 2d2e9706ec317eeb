//! The runtimes that are watched.
//!
//! A runtime that has ended stays visible: its last snapshot is kept and its handle let go, so that
//! nothing of it stays in memory but numbers. Only the last few ended ones are kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zokio::runtime::Handle;
use zokio::telemetry::{CaptureOptions, FlightRecording, Snapshot, TaskDetail, dump, task_detail};

use crate::diagnosis::Finding;

/// Ended runtimes that stay visible; the oldest go first.
const MAX_ENDED: usize = 16;

/// A runtime's snapshot, and the name under which its series are published.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The runtime's name, made unique in this process.
    pub(crate) label: Arc<str>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// `None`: it has ended.
    pub(crate) handle: Option<Handle>,
    /// What is wrong with it, as of the last time that it was looked into.
    pub(crate) findings: Arc<[Finding]>,
}

/// All attached runtimes, in the order in which they were attached.
#[derive(Default)]
pub(crate) struct Runtimes(Mutex<Vec<Entry>>);

#[derive(Clone)]
struct Entry {
    id: u64,
    label: Arc<str>,
    source: Source,
    findings: Arc<[Finding]>,
}

#[derive(Clone)]
enum Source {
    Live(Handle),
    Ended(Arc<Snapshot>),
}

impl Runtimes {
    /// Adds a runtime; one that is there already is not added again.
    pub(crate) fn attach(&self, handle: &Handle) {
        let mut entries = self.lock();
        let id = handle.id().as_u64();
        if entries.iter().any(|e| e.id == id) {
            return;
        }
        let label = unique_label(handle.label(), id, entries.iter().map(|e| &*e.label));
        entries.push(Entry {
            id,
            label,
            source: Source::Live(handle.clone()),
            findings: Arc::default(),
        });
    }

    /// What is wrong with a runtime from now on.
    pub(crate) fn set_findings(&self, id: u64, findings: Vec<Finding>) {
        if let Some(entry) = self.lock().iter_mut().find(|e| e.id == id) {
            entry.findings = findings.into();
        }
    }

    /// What is wrong with a runtime, as of the last time that it was looked into.
    pub(crate) fn findings(&self, id: u64) -> Arc<[Finding]> {
        let entries = self.lock();
        let entry = entries.iter().find(|e| e.id == id);
        entry.map(|e| Arc::clone(&e.findings)).unwrap_or_default()
    }

    /// The counters of the runtimes of these ids, or of all if `ids` is empty. Nobody waits for
    /// it: the list is not locked meanwhile.
    pub(crate) fn capture(&self, ids: &[u64]) -> Vec<Sample> {
        self.capture_with(ids, CaptureOptions::new().tasks(false).spawn_sites(false))
    }

    /// As [`capture`](Runtimes::capture), with options.
    pub(crate) fn capture_with(&self, ids: &[u64], options: CaptureOptions) -> Vec<Sample> {
        let mut wanted = self.lock().clone();
        wanted.retain(|e| ids.is_empty() || ids.contains(&e.id));
        let samples: Vec<Sample> = wanted
            .iter()
            .map(|e| Sample {
                label: Arc::clone(&e.label),
                snapshot: e.source.capture(options),
                handle: e.source.handle(),
                findings: Arc::clone(&e.findings),
            })
            .collect();
        self.keep_last_of_ended(&samples);
        samples
    }

    /// The runtimes that have not ended, as far as is known.
    pub(crate) fn live(&self) -> Vec<(u64, Handle)> {
        let handle = |e: &Entry| Some((e.id, e.source.handle()?));
        self.lock().iter().filter_map(handle).collect()
    }

    /// Lets go of the runtimes that a sample shows to have ended.
    fn keep_last_of_ended(&self, samples: &[Sample]) {
        let mut entries = self.lock();
        for sample in samples.iter().filter(|s| s.snapshot.ended) {
            let id = sample.snapshot.runtime_id;
            if let Some(entry) = entries.iter_mut().find(|e| e.id == id)
                && matches!(entry.source, Source::Live(_))
            {
                entry.source = Source::Ended(Arc::clone(&sample.snapshot));
                entry.findings = Arc::default();
            }
        }
        forget_oldest_ended(&mut entries);
    }

    /// What is known of a task. `runtime_id` 0 asks all runtimes.
    pub(crate) fn task_detail(&self, runtime_id: u64, task_id: u64) -> Option<TaskDetail> {
        self.live()
            .iter()
            .filter(|(id, _)| runtime_id == 0 || *id == runtime_id)
            .find_map(|(_, handle)| task_detail(handle, task_id))
    }

    /// What the workers of the live runtimes of these ids, or of all, did lately. It takes some
    /// milliseconds.
    pub(crate) fn recordings(&self, ids: &[u64], last: Duration) -> Vec<FlightRecording> {
        let wanted = self.live().into_iter();
        let wanted = wanted.filter(|(id, _)| ids.is_empty() || ids.contains(id));
        wanted.map(|(_, handle)| dump(&handle, last)).collect()
    }

    /// Whether a runtime of that id is watched.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.lock().iter().any(|e| e.id == id)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn handle(&self) -> Option<Handle> {
        match self {
            Source::Live(handle) => Some(handle.clone()),
            Source::Ended(_) => None,
        }
    }

    fn capture(&self, options: CaptureOptions) -> Arc<Snapshot> {
        let handle = match self {
            Source::Live(handle) => handle,
            Source::Ended(last) => return Arc::clone(last),
        };
        let mut snapshot = Snapshot::capture_with(handle, options);
        if snapshot.ended {
            // The last one is kept: it is to have its spawn sites.
            snapshot = Snapshot::capture_with(handle, options.spawn_sites(true));
        }
        Arc::new(snapshot)
    }
}

fn forget_oldest_ended(entries: &mut Vec<Entry>) {
    let ended = |e: &Entry| matches!(e.source, Source::Ended(_));
    let mut surplus = entries
        .iter()
        .filter(|e| ended(e))
        .count()
        .saturating_sub(MAX_ENDED);
    entries.retain(|e| {
        let forget = surplus > 0 && ended(e);
        surplus -= usize::from(forget);
        !forget
    });
}

/// The name itself for the first runtime that has it, `name#id` for later ones: two series must
/// not have the same labels.
fn unique_label<'a>(name: &str, id: u64, taken: impl Iterator<Item = &'a str>) -> Arc<str> {
    let mut taken = taken;
    if taken.any(|t| t == name) {
        format!("{name}#{id}").into()
    } else {
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_of_one_name_get_labels_of_their_own() {
        assert_eq!(&*unique_label("main", 1, [].into_iter()), "main");
        assert_eq!(&*unique_label("main", 7, ["main"].into_iter()), "main#7");
    }

    #[test]
    fn only_the_last_ended_runtimes_are_kept() {
        let ended = |id| Entry {
            id,
            label: "x".into(),
            source: Source::Ended(Arc::new(Snapshot::empty(
                "x",
                zokio::runtime::RuntimeFlavor::CurrentThread,
            ))),
            findings: Arc::default(),
        };
        let mut entries: Vec<Entry> = (0..20).map(ended).collect();
        forget_oldest_ended(&mut entries);
        assert_eq!(
            entries.iter().map(|e| e.id).collect::<Vec<_>>(),
            (4..20).collect::<Vec<_>>()
        );
    }
}
