//! The twin without telemetry: no task is known, so none goes by.

use std::panic::Location;

use super::snapshot::*;
use crate::runtime::Handle;

/// One look at all live tasks of a runtime. Without telemetry none is known.
#[derive(Debug)]
pub struct TaskScan(());

impl TaskScan {
    /// There is nothing to look at.
    pub fn new(_: &Handle) -> TaskScan {
        TaskScan(())
    }

    /// Changes nothing.
    pub fn with_waits(self) -> TaskScan {
        self
    }

    /// Changes nothing.
    pub fn with_spawn_sites(self) -> TaskScan {
        self
    }

    /// False: there are no more tasks.
    pub fn step(&mut self, _: usize, _: impl FnMut(&LiveTask<'_>)) -> bool {
        false
    }

    /// None.
    pub fn left(&self) -> usize {
        0
    }

    /// Nothing was found.
    pub fn finish(self) -> Scanned {
        Scanned::default()
    }
}

/// A task that goes by in a [`TaskScan`]: there is none.
#[derive(Debug)]
pub struct LiveTask<'a>(std::convert::Infallible, std::marker::PhantomData<&'a ()>);

impl LiveTask<'_> {
    /// Where to find it again.
    pub fn place(&self) -> TaskPlace {
        match self.0 {}
    }

    /// What sort of task it is.
    pub fn kind(&self) -> TaskKind {
        match self.0 {}
    }

    /// Where it was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        match self.0 {}
    }

    /// How old it is.
    pub fn age_ns(&self) -> u64 {
        match self.0 {}
    }

    /// Times it was polled.
    pub fn polls(&self) -> u64 {
        match self.0 {}
    }

    /// Time being polled.
    pub fn busy_ns(&self) -> u64 {
        match self.0 {}
    }

    /// All about it at one moment.
    pub fn snapshot(&self) -> Option<TaskSnapshot> {
        match self.0 {}
    }
}

/// Looks at tasks that a scan came by: there are none.
pub fn tasks_at(_: &Handle, _: &[TaskPlace], _: &mut WaitBook) -> TasksSeen {
    TasksSeen::default()
}

/// What is known of where wait notes are: there are none.
#[derive(Debug, Default)]
pub struct WaitBook(());

impl WaitBook {
    /// An empty one.
    pub fn new() -> WaitBook {
        WaitBook::default()
    }

    /// Changes nothing.
    pub fn renew(&mut self, _: impl IntoIterator<Item = u64>) {}
}

/// A look at how tasks are related: there are none.
#[derive(Debug)]
pub struct RelationScan(());

impl RelationScan {
    /// There is nothing to look at.
    pub fn new(
        _: &Handle,
        _: impl IntoIterator<Item = u64>,
        _: impl IntoIterator<Item = u64>,
    ) -> RelationScan {
        RelationScan(())
    }

    /// False: there are no more tasks.
    pub fn step(&mut self, _: usize) -> bool {
        false
    }

    /// None.
    pub fn left(&self) -> usize {
        0
    }

    /// Nothing was found.
    pub fn finish(self) -> TaskRelations {
        TaskRelations::default()
    }
}
