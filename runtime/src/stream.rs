//! Streams: futures of many values (feature `stream`).
//!
//! [`Stream`] is the trait of the `futures` crates, so that their combinators work on what
//! [`wrappers`] makes of zokio's types. The names are those of the crate tokio-stream: where a
//! program says `tokio_stream::wrappers`, it may say `zokio::stream::wrappers`.
//!
//! Non-goals: combinators; `futures_util::StreamExt` has them.
//!
//! ```
//! # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use std::{future::poll_fn, pin::Pin};
//! use zokio::stream::{Stream, wrappers::ReceiverStream};
//! use zokio::sync::mpsc;
//!
//! let (sender, receiver) = mpsc::channel(1);
//! let mut stream = ReceiverStream::new(receiver);
//! sender.send("hello").await.unwrap();
//! let next = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
//! assert_eq!(next, Some("hello"));
//! # });
//! ```

pub use futures_core::Stream;

pub mod wrappers;
