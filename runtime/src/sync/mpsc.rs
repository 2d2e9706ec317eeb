//! Channels for many senders and one receiver, bounded and unbounded.
//!
//! - [`channel`]: bounded. [`send`](Sender::send) waits while the channel is full, first come,
//!   first served.
//! - [`unbounded_channel`]: sending never waits; the channel grows as far as memory goes.
//!
//! A channel is closed for good when the receiver is [closed](Receiver::close) or dropped; then
//! sending fails. When all senders are gone, [`recv`](Receiver::recv) returns what is still there
//! and then `None`.
//!
//! The parts: `list` is the queue of messages, `chan` what both kinds of channel share (waking,
//! closing, counting senders), `bounded` and `unbounded` the public types.

mod bounded;
mod chan;
mod list;
mod permit;
mod unbounded;

pub use bounded::{Receiver, Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use unbounded::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

pub mod error;
pub mod futures;

#[cfg(all(test, not(zokio_loom)))]
mod tests;

#[cfg(all(test, zokio_loom))]
mod loom_tests;
