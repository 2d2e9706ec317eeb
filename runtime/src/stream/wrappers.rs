//! zokio's types as streams.
//!
//! A wrapper is a new type round what it wraps and polls it; [`BroadcastStream`] and
//! [`WatchStream`], whose receivers wait by futures that borrow them, own such a future meanwhile.
//! What is documented of cooperative budget, wait notes and cancellation of the wrapped type holds
//! for the stream.

#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "io-util")]
mod io;
mod mpsc;
#[cfg(feature = "net")]
mod net;
#[cfg(all(unix, feature = "signal"))]
mod signal;
#[cfg(feature = "time")]
mod time;
mod waiting;

#[cfg(feature = "fs")]
pub use fs::ReadDirStream;
#[cfg(feature = "io-util")]
pub use io::{LinesStream, SplitStream};
pub use mpsc::{ReceiverStream, UnboundedReceiverStream};
#[cfg(feature = "net")]
pub use net::TcpListenerStream;
#[cfg(all(unix, feature = "net"))]
pub use net::UnixListenerStream;
#[cfg(all(unix, feature = "signal"))]
pub use signal::SignalStream;
#[cfg(feature = "time")]
pub use time::IntervalStream;
pub use waiting::{BroadcastStream, WatchStream};

/// Errors of streams.
pub mod errors {
    pub use super::waiting::BroadcastStreamRecvError;
}

/// A new type round another: making, undoing, borrowing.
macro_rules! wrapper {
    ($(#[$meta:meta])* $wrapper:ident $(<$generic:ident>)? = $inner:ty) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[must_use = "streams do nothing unless polled"]
        pub struct $wrapper $(<$generic>)? {
            inner: $inner,
        }

        impl $(<$generic>)? $wrapper $(<$generic>)? {
            /// Makes a stream of it.
            pub fn new(inner: $inner) -> Self {
                Self { inner }
            }

            /// Gives back what was wrapped.
            pub fn into_inner(self) -> $inner {
                self.inner
            }
        }

        impl $(<$generic>)? AsRef<$inner> for $wrapper $(<$generic>)? {
            fn as_ref(&self) -> &$inner {
                &self.inner
            }
        }

        impl $(<$generic>)? AsMut<$inner> for $wrapper $(<$generic>)? {
            fn as_mut(&mut self) -> &mut $inner {
                &mut self.inner
            }
        }
    };
}
use wrapper;
