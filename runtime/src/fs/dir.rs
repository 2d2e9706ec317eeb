//! Directories: reading and creating.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::background_task_failed;
use super::operation::{Operation, Work, blocking};
use crate::task::{JoinHandle, spawn_blocking};
use crate::telemetry::waits::WaitPoint;

static READ_DIR: WaitPoint = WaitPoint::new("fs", "read_dir");
static METADATA: WaitPoint = WaitPoint::new("fs", "metadata");
static CREATE_DIR: WaitPoint = WaitPoint::new("fs", "create_dir");

/// Entries read in one trip to the pool.
const CHUNK: usize = 32;

/// Lists a directory. See [`std::fs::read_dir`].
///
/// # Errors
///
/// Those of [`std::fs::read_dir`].
pub fn read_dir(path: impl AsRef<Path>) -> Operation<impl Work<ReadDir>, ReadDir, impl Sized> {
    let owned = path.as_ref().to_owned();
    blocking(&READ_DIR, move || -> io::Result<ReadDir> {
        let mut chunk = Chunk {
            entries: VecDeque::new(),
            std: Some(std::fs::read_dir(owned)?),
        };
        chunk.fill();
        Ok(ReadDir(State::Idle(chunk)))
    })
    .keeping(path)
}

/// The entries of a directory, from [`read_dir`]; `.` and `..` are left out.
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct ReadDir(State);

#[derive(Debug)]
enum State {
    Idle(Chunk),
    Busy(JoinHandle<Chunk>),
    /// The pool failed.
    Lost,
}

struct Chunk {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None` at the end, or after an error.
    std: Option<std::fs::ReadDir>,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Chunk {
    /// Reads on; blocks.
    fn fill(&mut self) {
        let Some(std) = &mut self.std else { return };
        while self.entries.len() < CHUNK {
            let entry = std.next();
            let end = !matches!(entry, Some(Ok(_)));
            if let Some(entry) = entry {
                self.entries.push_back(entry.map(DirEntry::new));
            }
            if end {
                self.std = None;
                return;
            }
        }
    }
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::ReadDir`]'s iterator.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// The next entry, or `None` at the end; else the task is woken when it has been read.
    ///
    /// # Errors
    ///
    /// As [`next_entry`](ReadDir::next_entry).
    #[track_caller]
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.0 {
                State::Idle(chunk) => {
                    if let Some(entry) = chunk.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    if chunk.std.is_none() {
                        return Poll::Ready(Ok(None));
                    }
                    if let State::Idle(mut chunk) = mem::replace(&mut self.0, State::Lost) {
                        self.0 = State::Busy(spawn_blocking(move || {
                            chunk.fill();
                            chunk
                        }));
                    }
                }
                State::Busy(handle) => {
                    let joined = ready!(Pin::new(handle).poll(cx));
                    self.0 = joined.map_or(State::Lost, State::Idle);
                }
                State::Lost => return Poll::Ready(Err(background_task_failed())),
            }
        }
    }
}

/// An entry of a directory.
#[derive(Debug)]
pub struct DirEntry {
    std: Arc<std::fs::DirEntry>,
    /// Where the system told it with the entry.
    file_type: Option<FileType>,
}

impl DirEntry {
    fn new(std: std::fs::DirEntry) -> DirEntry {
        // On Linux this may need a system call, and blocks: we are on the pool here.
        let file_type = std.file_type().ok();
        DirEntry {
            std: Arc::new(std),
            file_type,
        }
    }

    /// The path: that of `read_dir` with the entry's name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name without the path.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// Facts about the entry, symbolic links not followed.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirEntry::metadata`].
    pub fn metadata(&self) -> Operation<impl Work<Metadata> + use<>, Metadata> {
        let std = self.std.clone();
        blocking(&METADATA, move || std.metadata())
    }

    /// The type of the entry, symbolic links not followed.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirEntry::file_type`].
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(file_type) = self.file_type {
            return Ok(file_type);
        }
        let std = self.std.clone();
        blocking(&METADATA, move || std.file_type()).await
    }

    /// The inode number.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.std)
    }
}

/// Creates directories: the asynchronous [`std::fs::DirBuilder`].
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// Not recursive, with the system's default mode.
    pub fn new() -> DirBuilder {
        DirBuilder::default()
    }

    /// Whether directories above are created too; then it is no error if all exist.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.recursive = recursive;
        self
    }

    /// The mode bits of new directories.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = Some(mode);
        self
    }

    /// Creates a directory.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirBuilder::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
        let owned = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
        }
        blocking(&CREATE_DIR, move || builder.create(owned)).keeping(path)
    }
}
