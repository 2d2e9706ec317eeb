//! The twin without telemetry: a ring of no size, in which nothing is recorded.

use std::panic::Location;

use super::Outcome;

#[derive(Debug)]
pub(crate) struct Ring;

impl Ring {
    pub(crate) fn new(_: usize) -> Ring {
        Ring
    }

    #[inline]
    pub(crate) fn poll(&self, _: u64, _: u64, _: u64, _: bool) {}

    #[inline]
    pub(crate) fn poll_handed_over(&self, _: u64, _: u64, _: u64) {}

    #[inline]
    pub(crate) fn wake(&self, _: u64, _: u64, _: bool) {}

    #[inline]
    pub(crate) fn spawn(&self, _: u64, _: u64, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn complete(&self, _: u64, _: u64, _: &'static Location<'static>, _: Outcome) {}

    #[inline]
    pub(crate) fn steal(&self, _: u64, _: usize, _: u64) {}

    #[inline]
    pub(crate) fn park(&self, _: u64, _: u64, _: u32, _: u32) {}

    #[inline]
    pub(crate) fn driver(&self, _: u64, _: u64, _: u32, _: u32) {}
}
