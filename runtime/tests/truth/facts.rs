//! What the tasks know of themselves: the books that telemetry's must agree with.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use zokio::telemetry::TaskKind;

use crate::plan::Site;

/// A number that any thread may add to.
#[derive(Debug, Default)]
pub(crate) struct Number(AtomicU64);

impl Number {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Runs,
    /// Waits to be let go or aborted.
    AtGate,
    Completed,
    Panicked,
    /// Dropped before it came to its end.
    Cancelled,
}

/// One task's own books.
#[derive(Debug)]
pub(crate) struct Facts {
    /// 0 until its first poll.
    pub(crate) id: Number,
    pub(crate) site: Site,
    pub(crate) kind: TaskKind,
    pub(crate) polls: Number,
    pub(crate) wakes: Number,
    pub(crate) self_wakes: Number,
    pub(crate) clones: Number,
    pub(crate) drops: Number,
    /// Polls on another worker than the one before.
    pub(crate) migrations: Number,
    /// Processor time in its polls.
    pub(crate) cpu_ns: Number,
    fate: AtomicU8,
}

const FATES: [Fate; 5] = [
    Fate::Runs,
    Fate::AtGate,
    Fate::Completed,
    Fate::Panicked,
    Fate::Cancelled,
];

impl Facts {
    pub(crate) fn fate(&self) -> Fate {
        FATES[usize::from(self.fate.load(Ordering::SeqCst))]
    }

    pub(crate) fn set_fate(&self, fate: Fate) {
        self.fate.store(fate as u8, Ordering::SeqCst);
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.fate(), Fate::Runs | Fate::AtGate)
    }
}

/// The books of all tasks of a runtime.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tasks: Mutex<Vec<Arc<Facts>>>,
    /// Processor time in polls by the worker that they ran on, as far as it kept its thread.
    cpu_of_worker: [Number; 8],
    /// Calls of `block_in_place`.
    pub(crate) blocked_in_place: Number,
    /// Something that is not a task is under way.
    pub(crate) disturbed: AtomicBool,
}

/// Sums over the tasks of one site.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SiteFacts {
    pub(crate) spawned: u64,
    pub(crate) ended: u64,
    pub(crate) polls: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) cpu_ns: u64,
}

impl Ledger {
    /// Opens the books of a task that is about to be spawned.
    pub(crate) fn open(&self, site: Site, kind: TaskKind) -> Arc<Facts> {
        let facts = Arc::new(Facts {
            id: Number::default(),
            site,
            kind,
            polls: Number::default(),
            wakes: Number::default(),
            self_wakes: Number::default(),
            clones: Number::default(),
            drops: Number::default(),
            migrations: Number::default(),
            cpu_ns: Number::default(),
            fate: AtomicU8::new(Fate::Runs as u8),
        });
        self.tasks.lock().push(Arc::clone(&facts));
        facts
    }

    pub(crate) fn tasks(&self) -> Vec<Arc<Facts>> {
        self.tasks.lock().clone()
    }

    pub(crate) fn count_cpu(&self, worker: usize, ns: u64) {
        self.cpu_of_worker[worker].add(ns);
    }

    pub(crate) fn cpu_of_worker(&self, worker: usize) -> u64 {
        self.cpu_of_worker[worker].get()
    }

    pub(crate) fn polls(&self) -> u64 {
        self.tasks().iter().map(|task| task.polls.get()).sum()
    }

    /// Whether no task has anything left to do.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.tasks().iter().all(|task| task.fate() != Fate::Runs)
    }

    pub(crate) fn by_site(&self) -> HashMap<Site, SiteFacts> {
        let mut sites: HashMap<Site, SiteFacts> = HashMap::new();
        for task in self.tasks() {
            let site = sites.entry(task.site).or_default();
            site.spawned += 1;
            site.ended += u64::from(task.has_ended());
            site.polls += task.polls.get();
            site.panicked += u64::from(task.fate() == Fate::Panicked);
            site.cancelled += u64::from(task.fate() == Fate::Cancelled);
            site.cpu_ns += task.cpu_ns.get();
        }
        sites
    }
}
