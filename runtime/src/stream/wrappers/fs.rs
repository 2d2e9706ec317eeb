//! Directories.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wrapper;
use crate::fs::{DirEntry, ReadDir};
use crate::stream::Stream;

wrapper! {
    /// The entries of a directory. It does not end at an error, but what comes after one is the
    /// system's to say.
    ReadDirStream = ReadDir
}

impl Stream for ReadDirStream {
    type Item = io::Result<DirEntry>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.poll_next_entry(cx).map(Result::transpose)
    }
}
