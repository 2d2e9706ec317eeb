//! Ctrl-C, listened to from a known moment on.

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;

/// Begins to listen to Ctrl-C, which from then on does not end the process. What this gives is
/// ready when it comes.
///
/// A server that says where it can be reached should listen before: `ctrl_c` by itself begins at
/// its first poll, which may be after the first client has come and interrupted.
pub async fn listen() -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
    let mut interrupt = Box::pin(tokio::signal::ctrl_c());
    tokio::select! {
        biased;
        early = interrupt.as_mut() => Box::pin(ready(early)),
        () = async {} => interrupt,
    }
}
