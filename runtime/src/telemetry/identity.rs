//! What a wait note says of the thing that is waited for: which one it is, where it was made, and how
//! much of it there is.
//!
//! The things themselves only remember where they were made. Nothing is registered anywhere: who
//! waits for one copies this into its note.

use std::panic::Location;

/// Where something was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin(&'static Location<'static>);

impl Origin {
    /// The caller's caller.
    #[track_caller]
    pub(crate) const fn here() -> Origin {
        Origin(Location::caller())
    }

    pub(super) fn location(self) -> &'static Location<'static> {
        self.0
    }
}

/// One of the things that can be waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    /// Identifies it among the live ones; 0: it has no identity.
    pub(super) address: u64,
    pub(super) origin: Option<&'static Location<'static>>,
    /// Messages, permits or bytes that it has room for; 0: that does not apply.
    pub(super) capacity: u32,
}

impl Identity {
    /// By its address, and where it was made.
    #[inline]
    pub(crate) fn new(address: *const (), origin: Origin) -> Identity {
        Identity {
            origin: Some(origin.0),
            ..Identity::from(address)
        }
    }

    /// The same, with room for that much.
    #[inline]
    pub(crate) fn with_capacity(self, capacity: usize) -> Identity {
        Identity {
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            ..self
        }
    }
}

impl From<*const ()> for Identity {
    #[inline]
    fn from(address: *const ()) -> Identity {
        Identity {
            address: address.addr() as u64,
            origin: None,
            capacity: 0,
        }
    }
}
