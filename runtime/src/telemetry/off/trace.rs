//! The twin without telemetry: no task is asked, none is traced.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{Outcome, TaskBacktrace};
use crate::scheduler::Shared;
use crate::task::header::Header;
use crate::task::raw::Runnable;

#[derive(Default)]
pub(crate) struct Questions {}

#[derive(Debug, Default)]
pub(crate) struct Answers;

impl Answers {
    pub(crate) fn poll_take(&self, _: &Waker) -> Poll<TaskBacktrace> {
        Poll::Pending
    }

    pub(crate) fn tasks(&self) -> HashSet<u64> {
        HashSet::new()
    }
}

pub(crate) fn ask_task(_: &Shared, _: u64, _: &Arc<Answers>) -> Option<u64> {
    None
}

pub(crate) fn ask_slot(_: &Shared, _: u32, _: &Arc<Answers>) -> Option<u64> {
    None
}

pub(crate) fn forget(_: &Shared, _: &HashSet<u64>, _: &Arc<Answers>) {}

pub(crate) fn poll(_: &Shared, _: &Runnable) -> Poll<Outcome> {
    Poll::Pending
}

pub(crate) fn answer_ended(_: &Header) {}

pub(crate) fn is_on() -> bool {
    false
}

pub(crate) fn leaf(_: &Context<'_>) -> bool {
    false
}
