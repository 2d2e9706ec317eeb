//! What the system knows about the descriptor of a pipe.

#![expect(
    unsafe_code,
    reason = "the flags of descriptors, and reading into memory that need not be initialised"
)]

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use bytes::BufMut;

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Fails if it is no pipe.
pub(super) fn check_pipe(fd: BorrowedFd<'_>) -> io::Result<()> {
    let file = File::from(fd.try_clone_to_owned()?);
    if file.metadata()?.file_type().is_fifo() {
        return Ok(());
    }
    Err(invalid("not a pipe"))
}

fn flags(fd: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    // SAFETY: the descriptor is open for as long as it is borrowed; the call takes no pointers.
    let flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(flags)
}

fn set_flags(fd: BorrowedFd<'_>, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: as in `flags`.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes an end of a pipe fit for a runtime. `access`: one of `O_RDONLY` and `O_WRONLY`, which it
/// must have been opened for; `refusal` says so.
pub(super) fn prepare(fd: &OwnedFd, access: libc::c_int, refusal: &'static str) -> io::Result<()> {
    check_pipe(fd.as_fd())?;
    let flags = flags(fd.as_fd())?;
    let mode = flags & libc::O_ACCMODE;
    if mode != access && mode != libc::O_RDWR {
        return Err(invalid(refusal));
    }
    if flags & libc::O_NONBLOCK == 0 {
        set_flags(fd.as_fd(), flags | libc::O_NONBLOCK)?;
    }
    Ok(())
}

/// Takes an end of a pipe out of non-blocking mode.
pub(super) fn set_blocking(fd: &OwnedFd) -> io::Result<()> {
    set_flags(fd.as_fd(), flags(fd.as_fd())? & !libc::O_NONBLOCK)
}

/// Fills `room` from the front; how far.
pub(crate) fn read(fd: &impl AsFd, room: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
    let most = room.len().min(isize::MAX as usize);
    // SAFETY: the descriptor is open for as long as it is borrowed; the system writes at most as
    // many bytes to `room` as it has, and it is borrowed exclusively.
    let n = unsafe { libc::read(fd.as_fd().as_raw_fd(), room.as_mut_ptr().cast(), most) };
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

/// Reads into the next chunk of `buf`, and moves `buf` on behind what was read.
pub(super) fn read_into(fd: &impl AsFd, buf: &mut impl BufMut) -> io::Result<usize> {
    // SAFETY: nothing is written to it but by `read`, which writes initialised bytes.
    let room = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
    let n = read(fd, room)?;
    // SAFETY: `read` has filled so many bytes of the chunk, from its front.
    unsafe { buf.advance_mut(n) };
    Ok(n)
}
