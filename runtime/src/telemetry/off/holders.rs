//! The twin without telemetry: locks that remember nothing.

#[derive(Debug)]
pub(crate) struct Holder;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Former;

impl Holder {
    pub(crate) const fn new() -> Holder {
        Holder
    }

    #[inline]
    pub(crate) fn taken(&self) {}

    #[inline]
    pub(crate) fn taken_to_move(&self) {}

    #[inline]
    pub(crate) fn release(&self) -> Former {
        Former
    }

    #[inline]
    pub(crate) fn released(&self, _: Former) {}

    #[inline]
    pub(crate) fn waited_for(&self, _: *const ()) {}
}
