//! The twin without telemetry: `block_on` has no record, but an id, so that timers made in it know
//! that they are in a task.

use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::current;
use crate::scheduler::Shared;
use crate::task::Id;
use crate::task::coop::{self, Budget};

pub(crate) struct BlockOnRecord<'a> {
    id: u64,
    shared: PhantomData<&'a Shared>,
}

impl<'a> BlockOnRecord<'a> {
    pub(crate) fn new(_: &'a Shared, _: &'static Location<'static>) -> Self {
        BlockOnRecord {
            id: Id::next().as_u64(),
            shared: PhantomData,
        }
    }

    pub(crate) fn poll<F: Future>(
        &self,
        future: Pin<&mut F>,
        cx: &mut Context<'_>,
        _: u64,
    ) -> Poll<F::Output> {
        let _current = current::Restore::enter(current::Current {
            task: self.id,
            spawned: false,
        });
        let _budget = coop::enter(Budget::initial());
        future.poll(cx)
    }
}
