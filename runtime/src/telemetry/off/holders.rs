//! The twin without telemetry: locks and semaphores that remember nothing.

use std::panic::Location;

#[derive(Debug)]
pub(crate) struct Holder;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Former;

impl Holder {
    pub(crate) const fn new() -> Holder {
        Holder
    }

    #[inline]
    pub(crate) fn taken(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn taken_to_move(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn used(&self) {}

    #[inline]
    pub(crate) fn release(&self) -> Former {
        Former
    }

    #[inline]
    pub(crate) fn released(&self, _: Former) {}

    #[inline]
    pub(crate) fn waited_for(&self, _: *const ()) {}
}

#[derive(Debug)]
pub(crate) struct Takers;

impl Takers {
    pub(crate) const fn new(_: usize) -> Takers {
        Takers
    }

    #[inline]
    pub(crate) fn taken(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn taken_to_move(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn granted(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn granted_to_move(&self, _: &'static Location<'static>) {}

    #[inline]
    pub(crate) fn given_back(&self) {}

    #[inline]
    pub(crate) fn added(&self, _: usize) {}

    #[inline]
    pub(crate) fn forgotten(&self, _: usize) {}

    #[inline]
    pub(crate) fn total(&self) -> usize {
        0
    }

    #[inline]
    pub(crate) fn waited_for(&self, _: *const (), _: usize) {}
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading;

impl Reading {
    #[inline]
    pub(crate) fn taken(_: *const (), _: &'static Location<'static>) -> Reading {
        Reading
    }

    #[inline]
    pub(crate) fn taken_to_move(_: *const (), _: &'static Location<'static>) -> Reading {
        Reading
    }

    #[inline]
    pub(crate) fn end(self) {}
}
