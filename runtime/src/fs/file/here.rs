//! Reading and seeking on the thread that polls.

#![expect(unsafe_code, reason = "reads into memory that is not initialised")]

use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use tokio::io::ReadBuf;

use crate::fs::cached::{MAX_BYTES, Reads, ReadsNow, read_into};

/// How far a read came.
pub(super) enum Read<'a> {
    /// To its end; so many bytes count as filled.
    Done(usize),
    /// What follows these bytes is not in memory. They are not counted as filled.
    Begun(&'a [u8]),
}

/// Reads at the file's position, up to `max` bytes: fewer only at the end of the file, as a
/// read on the pool does.
pub(super) fn read<'a>(
    reads: &mut Reads,
    file: &File,
    dst: &'a mut ReadBuf<'_>,
    max: usize,
) -> Read<'a> {
    if max > MAX_BYTES && !ends_within(file, MAX_BYTES) {
        return Read::Begun(&[]);
    }
    // SAFETY: `read_into` writes initialised bytes only.
    let space = unsafe { dst.unfilled_mut() };
    let space = &mut space[..max.min(MAX_BYTES)];
    let mut n = 0;
    let done = loop {
        match read_into(*reads, file, &mut space[n..]) {
            ReadsNow::Bytes(0) => break true,
            ReadsNow::Bytes(more) => n += more,
            ReadsNow::Blocks => break false,
            ReadsNow::Refused => {
                *reads = Reads::Refused;
                break false;
            }
        }
        if n == space.len() {
            break true;
        }
    };
    // SAFETY: `read_into` has initialised the bytes that it counted, and they are adjacent.
    unsafe { dst.assume_init(n) };
    if done {
        dst.advance(n);
        return Read::Done(n);
    }
    let filled = dst.filled().len();
    Read::Begun(&dst.initialized()[filled..filled + n])
}

/// Whether at most `max` bytes follow the file's position.
fn ends_within(mut file: &File, max: usize) -> bool {
    match (file.metadata(), file.stream_position()) {
        (Ok(metadata), Ok(position)) => metadata.len().saturating_sub(position) <= max as u64,
        _ => false,
    }
}

/// Whether a seek needs the file's position only. A network file system asks for the end.
pub(super) fn can_seek(to: SeekFrom) -> bool {
    !matches!(to, SeekFrom::End(_))
}
