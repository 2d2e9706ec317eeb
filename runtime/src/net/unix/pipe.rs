//! Pipes: anonymous ones ([`pipe()`]) and named ones ([`OpenOptions`]).
//!
//! ```
//! # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use zokio::io::{AsyncReadExt, AsyncWriteExt};
//! use zokio::net::unix::pipe;
//!
//! let (mut sender, mut receiver) = pipe::pipe()?;
//! sender.write_all(b"hello").await?;
//! drop(sender);
//! let mut text = String::new();
//! receiver.read_to_string(&mut text).await?;
//! assert_eq!(text, "hello");
//! # std::io::Result::Ok(())
//! # }).unwrap();
//! ```

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::driver::scheduled_io::WaitPoints;

pub(crate) mod fd;
mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::Sender;

static POINTS: WaitPoints = WaitPoints::new("pipe", "read", "write");

/// A pipe that has no name, with both of its ends.
///
/// # Errors
///
/// If the system has no descriptors left.
///
/// # Panics
///
/// Outside of a runtime with I/O enabled.
#[track_caller]
pub fn pipe() -> io::Result<(Sender, Receiver)> {
    let (sender, receiver) = mio::unix::pipe::new()?;
    Ok((Sender::new(sender)?, Receiver::new(receiver)?))
}

/// How an end of a named pipe is to be opened.
///
/// A sender can be opened only while there is a receiver: else it fails with `ENXIO`. A receiver
/// can be opened at any time; it is at its end while there is no sender.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// use zokio::net::unix::pipe;
///
/// let receiver = pipe::OpenOptions::new().open_receiver("a.fifo")?;
/// let sender = pipe::OpenOptions::new().open_sender("a.fifo")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    read_write: bool,
    unchecked: bool,
}

impl OpenOptions {
    /// All options off.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Whether the pipe is opened for reading and writing at once.
    ///
    /// So a sender can be opened when there is no receiver yet, and a receiver does not come to
    /// its end when the last other sender goes: it is a sender itself.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn read_write(&mut self, value: bool) -> &mut OpenOptions {
        self.read_write = value;
        self
    }

    /// Whether to leave out the look at what was opened.
    ///
    /// If it is no pipe, operations on the end may block the thread, or never be woken.
    pub fn unchecked(&mut self, value: bool) -> &mut OpenOptions {
        self.unchecked = value;
        self
    }

    /// Opens the reading end.
    ///
    /// # Errors
    ///
    /// Those of opening a file; `InvalidInput` if it is no pipe.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn open_receiver<P: AsRef<Path>>(&self, path: P) -> io::Result<Receiver> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        Receiver::from_file_unchecked(self.open(path.as_ref(), options)?)
    }

    /// Opens the writing end.
    ///
    /// # Errors
    ///
    /// Those of opening a file; `ENXIO` if there is no receiver; `InvalidInput` if it is no pipe.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled.
    #[track_caller]
    pub fn open_sender<P: AsRef<Path>>(&self, path: P) -> io::Result<Sender> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        Sender::from_file_unchecked(self.open(path.as_ref(), options)?)
    }

    fn open(&self, path: &Path, mut options: std::fs::OpenOptions) -> io::Result<File> {
        options.custom_flags(libc::O_NONBLOCK);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if self.read_write {
            options.read(true).write(true);
        }
        let file = options.open(path)?;
        if !self.unchecked {
            fd::check_pipe(file.as_fd())?;
        }
        Ok(file)
    }
}
