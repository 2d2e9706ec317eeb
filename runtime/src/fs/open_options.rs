//! How to open a file.

use std::path::Path;

use super::File;
use super::cached::OpenFile;
use super::operation::{Operation, Work, blocking};
use crate::telemetry::waits::WaitPoint;

static OPEN: WaitPoint = WaitPoint::new("fs", "open");

/// How a [`File`] is to be opened: the asynchronous [`std::fs::OpenOptions`].
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
    read: bool,
    /// Whether nothing but `read` was ever set.
    only_read: bool,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(options: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions {
            std: options,
            read: false,
            only_read: false,
        }
    }
}

impl OpenOptions {
    /// All options off.
    pub fn new() -> OpenOptions {
        OpenOptions {
            std: std::fs::OpenOptions::new(),
            read: false,
            only_read: true,
        }
    }

    /// Open for reading.
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self.read = read;
        self
    }

    /// Open for writing.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self.only_read &= !write;
        self
    }

    /// Open for writing at the end only.
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self.only_read &= !append;
        self
    }

    /// Make the file empty; needs write access.
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self.only_read &= !truncate;
        self
    }

    /// Create the file if there is none; needs write or append access.
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self.only_read &= !create;
        self
    }

    /// Create the file, and fail if there is one.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self.only_read &= !create_new;
        self
    }

    /// The mode bits of a file that is created.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.std, mode);
        self
    }

    /// Flags for the system's `open`.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self.only_read = false;
        self
    }

    /// The access that is asked for, in place of what [`read`](OpenOptions::read) and the like say.
    #[cfg(windows)]
    pub fn access_mode(&mut self, access: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::access_mode(&mut self.std, access);
        self.only_read = false;
        self
    }

    /// What others may do with the file meanwhile.
    #[cfg(windows)]
    pub fn share_mode(&mut self, share: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut self.std, share);
        self.only_read = false;
        self
    }

    /// Flags for the system's `CreateFile2`.
    #[cfg(windows)]
    pub fn custom_flags(&mut self, flags: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self.only_read = false;
        self
    }

    /// The attributes of a file that is created.
    #[cfg(windows)]
    pub fn attributes(&mut self, attributes: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::attributes(&mut self.std, attributes);
        self.only_read = false;
        self
    }

    /// The security qualities of a pipe that is opened.
    #[cfg(windows)]
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut OpenOptions {
        std::os::windows::fs::OpenOptionsExt::security_qos_flags(&mut self.std, flags);
        self.only_read = false;
        self
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::OpenOptions::open`].
    pub fn open(&self, path: impl AsRef<Path>) -> Operation<impl Work<File>, File, impl Sized> {
        let owned = path.as_ref().to_owned();
        let only_reads = self.read && self.only_read;
        blocking(&OPEN, OpenFile::new(owned, self.std.clone(), only_reads)).keeping(path)
    }
}
