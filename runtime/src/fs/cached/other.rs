//! Where the system cannot be asked what it has in memory: everything goes to the pool.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;

use super::Opened;

pub(super) const SUPPORTED: bool = false;

/// How a file can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fs) enum Reads {
    Unknown,
    Refused,
    OnPool,
}

/// What a read that must not block came to.
#[expect(dead_code, reason = "the names of the twin")]
pub(in crate::fs) enum ReadsNow {
    Bytes(usize),
    Blocks,
    Refused,
}

impl Reads {
    pub(in crate::fs) fn found_out(self, _: &File) -> Reads {
        Reads::OnPool
    }

    pub(in crate::fs) fn on_this_thread(self) -> bool {
        false
    }
}

pub(in crate::fs) fn read_into(_: Reads, _: &File, _: &mut [MaybeUninit<u8>]) -> ReadsNow {
    ReadsNow::Blocks
}

pub(super) fn append(_: Reads, _: &File, _: &mut Vec<u8>, _max: usize) -> ReadsNow {
    ReadsNow::Blocks
}

pub(super) fn open(_: &Path) -> Opened {
    Opened::Unknown
}

pub(super) fn locate(_: &Path, _follow: bool) -> Option<io::Result<File>> {
    None
}

pub(super) fn open_regular(_: &Path) -> Option<io::Result<(File, Reads)>> {
    None
}

pub(super) fn set_blocking(file: File) -> Option<File> {
    Some(file)
}

pub(super) fn wait_for_writer(pipe: File) -> io::Result<File> {
    Ok(pipe)
}
