//! Files that need no waiting, served on the thread that asks.
//!
//! A file whose directory entries, inode and pages the kernel has in memory is opened and read in
//! a few microseconds; handing that to another thread costs several times as much. Some functions
//! of [`fs`](super) therefore first try what never waits for a device, and go to the pool only
//! with what is left.
//!
//! # Protocol
//!
//! 1. Paths below [`/dev`, `/proc` and `/sys`](sys) are left to the pool.
//! 2. The path is resolved from the kernel's cache only. "Not there" is an answer; all other
//!    errors are left to the pool, which asks again and returns what the standard library does.
//! 3. Only regular files are read here, [`MAX_BYTES`] of one in a poll, so that others get their
//!    turn, and none larger than [`MAX_WHOLE`]. A file that is larger or whose pages are not all
//!    in memory is handed over: the pool goes on from what is open and read. Everything is opened with `O_NONBLOCK`; nobody else gets a file before that is off.
//! 4. Whole files are opened before it is known what they are. In place of opening a named pipe
//!    again, which could miss a writer, the pool waits until there is something to read or the
//!    writer has gone: then a blocking open would have returned too. A [`File`] is opened here
//!    only after a look at what the path stands for.
//!
//! An attempt takes units of the task's budget by the bytes it copied ([`units`]), so that a task
//! that reads many files lets others run.
//!
//! # Limits
//!
//! Opening a file on a FUSE or network file system may ask its server, also if the path is in the
//! cache, as may asking for metadata (NFS writes back first what has been changed), and as does
//! opening any file that a `fanotify` listener has a say in: the kernel cannot be asked not to.
//! Programs for which that is too slow set [`FileIo::Pool`](crate::runtime::FileIo::Pool).
//!
//! On other systems than Linux everything goes to the pool ([`sys`] says so).

use std::fs::{Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::File;
use super::operation::{Attempt, Work};

#[cfg(target_os = "linux")]
#[path = "cached/linux.rs"]
mod sys;
#[cfg(not(target_os = "linux"))]
#[path = "cached/other.rs"]
mod sys;

pub(super) use sys::{Reads, ReadsNow, read_into};

/// The most bytes copied in one attempt: what takes about as long as going to the pool.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// The largest file that is read here, in several attempts.
const MAX_WHOLE: u64 = 1024 * 1024;

/// Bytes that take one more unit of the task's budget.
const BYTES_PER_UNIT: usize = 8 * 1024;

/// Units of budget for an attempt that copied `bytes`, besides the one each operation takes.
pub(super) fn units(bytes: usize) -> u8 {
    u8::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u8::MAX)
}

/// Whether the current runtime lets files be served on this thread. At its end it does not: the
/// pool refuses then, and so it is one answer for all operations.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub(super) fn allowed() -> bool {
    sys::SUPPORTED
        && crate::runtime::context::with_handle(|handle| {
            let shared = handle.shared();
            shared.config.files_inline && !shared.is_shutdown()
        })
}

/// What opening from the cache came to.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "nothing is opened from the cache there")
)]
enum Opened {
    /// A regular file; not in blocking mode.
    Regular(Regular),
    /// A named pipe; not in blocking mode, and perhaps with no writer yet.
    Pipe(std::fs::File),
    /// A directory or a device.
    Other(std::fs::File),
    /// There is no such file.
    Missing(io::Error),
    /// The pool has to look.
    Unknown,
}

struct Regular {
    file: std::fs::File,
    len: u64,
    reads: Reads,
}

/// Reading a whole file.
pub(super) struct ReadFile {
    path: PathBuf,
    rest: Rest,
    bytes: Vec<u8>,
    /// Open and read in part, to be continued by the next attempt.
    begun: Option<Regular>,
}

/// What the pool continues with.
enum Rest {
    All,
    Pipe(std::fs::File),
    File(std::fs::File, Reads),
}

impl Rest {
    fn file(file: std::fs::File, reads: Reads) -> Rest {
        sys::set_blocking(file).map_or(Rest::All, |file| Rest::File(file, reads))
    }
}

impl ReadFile {
    pub(super) fn new(path: PathBuf) -> ReadFile {
        ReadFile {
            path,
            rest: Rest::All,
            bytes: Vec::new(),
            begun: None,
        }
    }

    /// Reads on from what the first attempt left; blocks.
    fn read_rest(self) -> io::Result<Vec<u8>> {
        let (mut file, mut bytes) = match self.rest {
            Rest::All => return std::fs::read(self.path),
            Rest::Pipe(pipe) => (sys::wait_for_writer(pipe)?, self.bytes),
            Rest::File(file, reads) => {
                // For the next time.
                reads.found_out(&file);
                (file, self.bytes)
            }
        };
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Work<Vec<u8>> for ReadFile {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<Vec<u8>> {
        let mut regular = match self.begun.take() {
            Some(regular) => regular,
            None => match sys::open(&self.path) {
                Opened::Regular(regular) => regular,
                Opened::Missing(error) => return Attempt::Done(Err(error), 0),
                Opened::Unknown => return Attempt::Blocks,
                Opened::Pipe(pipe) => {
                    self.rest = Rest::Pipe(pipe);
                    return Attempt::Blocks;
                }
                Opened::Other(file) => {
                    self.rest = Rest::file(file, Reads::OnPool);
                    return Attempt::Blocks;
                }
            },
        };
        if regular.len <= MAX_WHOLE {
            let before = self.bytes.len();
            match regular.read_on(&mut self.bytes) {
                Progress::End => {
                    let units = units(self.bytes.len() - before);
                    return Attempt::Done(Ok(std::mem::take(&mut self.bytes)), units);
                }
                Progress::More => {
                    self.begun = Some(regular);
                    return Attempt::Again;
                }
                Progress::Blocks => {}
            }
        }
        self.rest = Rest::file(regular.file, regular.reads);
        Attempt::Blocks
    }

    fn run(self) -> io::Result<Vec<u8>> {
        self.read_rest()
    }
}

/// How far a file was read.
enum Progress {
    /// To its end.
    End,
    /// As far as one attempt goes.
    More,
    /// What is next is not in memory, or there is more than expected.
    Blocks,
}

impl Regular {
    /// Appends what follows the file's position, at most [`MAX_BYTES`].
    fn read_on(&mut self, bytes: &mut Vec<u8>) -> Progress {
        let expected = self.len as usize;
        // One byte more: less than asked for is then the end, with no further look.
        bytes.reserve_exact((expected + 1).saturating_sub(bytes.len()));
        let mut left = MAX_BYTES + 1;
        loop {
            let before = bytes.len();
            let max = left.min(expected + 1 - before);
            match sys::append(self.reads, &self.file, bytes, max) {
                ReadsNow::Bytes(0) => return Progress::End,
                ReadsNow::Bytes(n) if n < max && before + n == expected => return Progress::End,
                // It has grown.
                ReadsNow::Bytes(n) if before + n > expected => return Progress::Blocks,
                ReadsNow::Bytes(n) if n == left => return Progress::More,
                ReadsNow::Bytes(n) => left -= n,
                ReadsNow::Blocks => return Progress::Blocks,
                ReadsNow::Refused => {
                    self.reads = Reads::Refused;
                    return Progress::Blocks;
                }
            }
        }
    }
}

/// Reading a whole file as UTF-8.
pub(super) struct ReadText(ReadFile);

impl ReadText {
    pub(super) fn new(path: PathBuf) -> ReadText {
        ReadText(ReadFile::new(path))
    }
}

/// What the standard library says of bytes that are not UTF-8.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    })
}

impl Work<String> for ReadText {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<String> {
        match self.0.attempt() {
            Attempt::Done(read, units) => Attempt::Done(read.and_then(text), units),
            Attempt::Again => Attempt::Again,
            Attempt::Blocks => Attempt::Blocks,
        }
    }

    fn run(self) -> io::Result<String> {
        self.0.read_rest().and_then(text)
    }
}

/// Opening a file.
pub(super) struct OpenFile {
    path: PathBuf,
    options: OpenOptions,
    only_reads: bool,
}

impl OpenFile {
    /// `only_reads`: the options are those of [`std::fs::File::open`].
    pub(super) fn new(path: PathBuf, options: OpenOptions, only_reads: bool) -> OpenFile {
        OpenFile {
            path,
            options,
            only_reads,
        }
    }
}

impl Work<File> for OpenFile {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<File> {
        if !self.only_reads {
            return Attempt::Blocks;
        }
        match sys::open_regular(&self.path) {
            Some(Ok((file, reads))) => Attempt::Done(Ok(File::new(file, reads)), 0),
            Some(Err(error)) => Attempt::Done(Err(error), 0),
            None => Attempt::Blocks,
        }
    }

    fn run(self) -> io::Result<File> {
        let file = self.options.open(self.path)?;
        let reads = if self.only_reads {
            Reads::Unknown.found_out(&file)
        } else {
            Reads::Unknown
        };
        Ok(File::new(file, reads))
    }
}

/// Looking at what a path points at.
pub(super) struct Stat {
    path: PathBuf,
    /// Whether a symbolic link at the end is followed.
    follow: bool,
}

impl Stat {
    pub(super) fn new(path: PathBuf, follow: bool) -> Stat {
        Stat { path, follow }
    }
}

impl Work<Metadata> for Stat {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<Metadata> {
        match sys::locate(&self.path, self.follow) {
            Some(Ok(place)) => match place.metadata() {
                Ok(metadata) => Attempt::Done(Ok(metadata), 0),
                Err(_) => Attempt::Blocks,
            },
            Some(Err(error)) => Attempt::Done(Err(error), 0),
            None => Attempt::Blocks,
        }
    }

    fn run(self) -> io::Result<Metadata> {
        if self.follow {
            std::fs::metadata(self.path)
        } else {
            std::fs::symlink_metadata(self.path)
        }
    }
}

/// Asking whether a path points at something.
pub(super) struct Exists(PathBuf);

impl Exists {
    pub(super) fn new(path: PathBuf) -> Exists {
        Exists(path)
    }
}

impl Work<bool> for Exists {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<bool> {
        match sys::locate(&self.0, true) {
            Some(place) => Attempt::Done(Ok(place.is_ok()), 0),
            None => Attempt::Blocks,
        }
    }

    fn run(self) -> io::Result<bool> {
        self.0.try_exists()
    }
}

/// Looking at an open file.
pub(super) struct StatFile {
    file: Arc<std::fs::File>,
    /// Whether it is of a file system that does not wait for that.
    here: bool,
}

impl StatFile {
    pub(super) fn new(file: Arc<std::fs::File>, here: bool) -> StatFile {
        StatFile { file, here }
    }
}

impl Work<Metadata> for StatFile {
    const INLINE: bool = true;

    fn attempt(&mut self) -> Attempt<Metadata> {
        match self.here.then(|| self.file.metadata()) {
            Some(Ok(metadata)) => Attempt::Done(Ok(metadata), 0),
            _ => Attempt::Blocks,
        }
    }

    fn run(self) -> io::Result<Metadata> {
        self.file.metadata()
    }
}

#[cfg(all(test, target_os = "linux"))]
#[path = "cached/tests.rs"]
mod tests;
