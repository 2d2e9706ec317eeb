//! Files and directories, without blocking workers.
//!
//! Operating systems offer no readiness for files, so what may have to wait for a device runs on
//! the pool of blocking threads ([`spawn_blocking`](crate::task::spawn_blocking)). One call of a
//! whole-file function ([`read()`], [`write()`], [`copy()`]) is at most one trip to the pool;
//! prefer them to many small operations on a [`File`].
//!
//! Linux can tell what it has in memory. There, what needs no waiting is done by the thread that
//! polls, which costs a fraction of a trip to the pool: reading files of up to 1 MiB (256 KiB in
//! a poll), opening for reading, asking for metadata.
//! [`Builder::file_io`](crate::runtime::Builder::file_io) turns that off.
//!
//! Operations start when their future is first polled. One that has started on the pool runs to
//! its end, also if its future is dropped. If the pool cannot run it, because the runtime is
//! shutting down, it fails with "background task failed". What a [`File`] has taken to write is
//! written also then.
//!
//! All functions panic outside of a runtime, when first polled.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

mod cached;
mod dir;
mod file;
mod file_times;
mod open_options;
mod operation;
#[cfg(test)]
mod temp_dir;

pub use dir::{DirBuilder, DirEntry, ReadDir, read_dir};
pub use file::File;
pub use file_times::FileTimes;
pub use open_options::OpenOptions;
pub use operation::{Operation, Work};

use crate::telemetry::waits::WaitPoint;
use cached::{Exists, ReadFile, ReadText, Stat};
use operation::blocking;
#[cfg(test)]
use temp_dir::TempDir;

/// The wait points of the functions of this module.
macro_rules! points {
    ($($name:ident = $operation:literal;)*) => {
        $(static $name: WaitPoint = WaitPoint::new("fs", $operation);)*
    };
}

points! {
    CANONICALIZE = "canonicalize";
    COPY = "copy";
    CREATE_DIR = "create_dir";
    HARD_LINK = "hard_link";
    METADATA = "metadata";
    READ = "read";
    READ_LINK = "read_link";
    REMOVE_DIR = "remove_dir";
    REMOVE_FILE = "remove_file";
    RENAME = "rename";
    SET_PERMISSIONS = "set_permissions";
    SYMLINK = "symlink";
    WRITE = "write";
}

fn owned(path: &impl AsRef<Path>) -> PathBuf {
    path.as_ref().to_owned()
}

/// Reads a whole file. See [`std::fs::read`].
///
/// # Errors
///
/// Those of [`std::fs::read`].
pub fn read(path: impl AsRef<Path>) -> Operation<impl Work<Vec<u8>>, Vec<u8>, impl Sized> {
    blocking(&READ, ReadFile::new(owned(&path))).keeping(path)
}

/// Reads a whole file as UTF-8. See [`std::fs::read_to_string`].
///
/// # Errors
///
/// Those of [`std::fs::read_to_string`].
pub fn read_to_string(path: impl AsRef<Path>) -> Operation<impl Work<String>, String, impl Sized> {
    blocking(&READ, ReadText::new(owned(&path))).keeping(path)
}

/// Writes a whole file, creating it or replacing what it contained. See [`std::fs::write`].
///
/// The contents are copied first.
///
/// # Errors
///
/// Those of [`std::fs::write`].
pub fn write(
    path: impl AsRef<Path>,
    contents: impl AsRef<[u8]>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    let contents = contents.as_ref().to_owned();
    blocking(&WRITE, move || std::fs::write(owned, contents)).keeping(path)
}

/// Copies a file with its permissions; the number of bytes. See [`std::fs::copy`].
///
/// # Errors
///
/// Those of [`std::fs::copy`].
pub fn copy(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> Operation<impl Work<u64>, u64, impl Sized> {
    let kept = (from, to);
    let (from, to) = (owned(&kept.0), owned(&kept.1));
    blocking(&COPY, move || std::fs::copy(from, to)).keeping(kept)
}

/// Creates a directory. See [`std::fs::create_dir`].
///
/// # Errors
///
/// Those of [`std::fs::create_dir`].
pub fn create_dir(path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&CREATE_DIR, move || std::fs::create_dir(owned)).keeping(path)
}

/// Creates a directory and those above it. See [`std::fs::create_dir_all`].
///
/// # Errors
///
/// Those of [`std::fs::create_dir_all`].
pub fn create_dir_all(path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&CREATE_DIR, move || std::fs::create_dir_all(owned)).keeping(path)
}

/// Removes a file. See [`std::fs::remove_file`].
///
/// # Errors
///
/// Those of [`std::fs::remove_file`].
pub fn remove_file(path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&REMOVE_FILE, move || std::fs::remove_file(owned)).keeping(path)
}

/// Removes an empty directory. See [`std::fs::remove_dir`].
///
/// # Errors
///
/// Those of [`std::fs::remove_dir`].
pub fn remove_dir(path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&REMOVE_DIR, move || std::fs::remove_dir(owned)).keeping(path)
}

/// Removes a directory with all that it contains. See [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// Those of [`std::fs::remove_dir_all`].
pub fn remove_dir_all(path: impl AsRef<Path>) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&REMOVE_DIR, move || std::fs::remove_dir_all(owned)).keeping(path)
}

/// Renames a file or directory, replacing what was there. See [`std::fs::rename`].
///
/// # Errors
///
/// Those of [`std::fs::rename`].
pub fn rename(
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let kept = (from, to);
    let (from, to) = (owned(&kept.0), owned(&kept.1));
    blocking(&RENAME, move || std::fs::rename(from, to)).keeping(kept)
}

/// Facts about a file, symbolic links followed. See [`std::fs::metadata`].
///
/// # Errors
///
/// Those of [`std::fs::metadata`].
pub fn metadata(path: impl AsRef<Path>) -> Operation<impl Work<Metadata>, Metadata, impl Sized> {
    blocking(&METADATA, Stat::new(owned(&path), true)).keeping(path)
}

/// Facts about a file, symbolic links not followed. See [`std::fs::symlink_metadata`].
///
/// # Errors
///
/// Those of [`std::fs::symlink_metadata`].
pub fn symlink_metadata(
    path: impl AsRef<Path>,
) -> Operation<impl Work<Metadata>, Metadata, impl Sized> {
    blocking(&METADATA, Stat::new(owned(&path), false)).keeping(path)
}

/// The absolute path with all symbolic links resolved. See [`std::fs::canonicalize`].
///
/// # Errors
///
/// Those of [`std::fs::canonicalize`].
pub fn canonicalize(path: impl AsRef<Path>) -> Operation<impl Work<PathBuf>, PathBuf, impl Sized> {
    let owned = owned(&path);
    blocking(&CANONICALIZE, move || std::fs::canonicalize(owned)).keeping(path)
}

/// Whether the path points at something. See [`std::fs::exists`].
///
/// # Errors
///
/// If that could not be found out, for want of permission say.
pub fn try_exists(path: impl AsRef<Path>) -> Operation<impl Work<bool>, bool, impl Sized> {
    blocking(&METADATA, Exists::new(owned(&path))).keeping(path)
}

/// Where a symbolic link points. See [`std::fs::read_link`].
///
/// # Errors
///
/// Those of [`std::fs::read_link`].
pub fn read_link(path: impl AsRef<Path>) -> Operation<impl Work<PathBuf>, PathBuf, impl Sized> {
    let owned = owned(&path);
    blocking(&READ_LINK, move || std::fs::read_link(owned)).keeping(path)
}

/// Creates a hard link. See [`std::fs::hard_link`].
///
/// # Errors
///
/// Those of [`std::fs::hard_link`].
pub fn hard_link(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let kept = (original, link);
    let (original, link) = (owned(&kept.0), owned(&kept.1));
    blocking(&HARD_LINK, move || std::fs::hard_link(original, link)).keeping(kept)
}

/// Creates a symbolic link. See [`std::os::unix::fs::symlink`].
///
/// # Errors
///
/// Those of [`std::os::unix::fs::symlink`].
#[cfg(unix)]
pub fn symlink(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let kept = (original, link);
    let (original, link) = (owned(&kept.0), owned(&kept.1));
    blocking(&SYMLINK, move || std::os::unix::fs::symlink(original, link)).keeping(kept)
}

/// Creates a symbolic link to a directory. See [`std::os::windows::fs::symlink_dir`].
///
/// # Errors
///
/// Those of [`std::os::windows::fs::symlink_dir`].
#[cfg(windows)]
pub fn symlink_dir(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let kept = (original, link);
    let (original, link) = (owned(&kept.0), owned(&kept.1));
    blocking(&SYMLINK, move || {
        std::os::windows::fs::symlink_dir(original, link)
    })
    .keeping(kept)
}

/// Creates a symbolic link to a file. See [`std::os::windows::fs::symlink_file`].
///
/// # Errors
///
/// Those of [`std::os::windows::fs::symlink_file`].
#[cfg(windows)]
pub fn symlink_file(
    original: impl AsRef<Path>,
    link: impl AsRef<Path>,
) -> Operation<impl Work<()>, (), impl Sized> {
    let kept = (original, link);
    let (original, link) = (owned(&kept.0), owned(&kept.1));
    blocking(&SYMLINK, move || {
        std::os::windows::fs::symlink_file(original, link)
    })
    .keeping(kept)
}

/// Changes the permissions of a file or directory. See [`std::fs::set_permissions`].
///
/// # Errors
///
/// Those of [`std::fs::set_permissions`].
pub fn set_permissions(
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> Operation<impl Work<()>, (), impl Sized> {
    let owned = owned(&path);
    blocking(&SET_PERMISSIONS, move || {
        std::fs::set_permissions(owned, permissions)
    })
    .keeping(path)
}

/// What an operation that the pool did not finish fails with.
fn background_task_failed() -> io::Error {
    io::Error::other("background task failed")
}
