//! The twin without telemetry: notes of no size that say nothing.

use std::panic::Location;
use std::task::Waker;

pub(crate) use super::identity::{Identity, Origin};
pub(crate) use super::wait_point::WaitPoint;

#[derive(Debug)]
pub(crate) struct WaitNote;

impl WaitNote {
    pub(crate) const fn new() -> WaitNote {
        WaitNote
    }

    #[inline]
    pub(crate) fn set(
        &mut self,
        _: &'static WaitPoint,
        _: impl Into<Identity>,
        _: Option<&'static Location<'static>>,
    ) {
    }

    #[inline]
    pub(crate) fn set_by(
        &mut self,
        _: &Waker,
        _: &'static WaitPoint,
        _: impl Into<Identity>,
        _: &'static Location<'static>,
    ) {
    }

    #[inline]
    pub(crate) fn set_count(&mut self, _: usize) {}

    #[inline]
    pub(crate) fn clear(&mut self) {}
}
