//! Linux: `openat2` with `RESOLVE_CACHED` (5.12) and `preadv2` with `RWF_NOWAIT` (4.14).
//!
//! Whether the first is there is found out once: old kernels lack it, and sandboxes may refuse it
//! in several ways. Whether a file system knows the second shows at the first read. Two kinds do
//! not: those that keep files in memory (tmpfs), of which a plain read does not wait either, and
//! those that are left to the pool. Which is which takes a system call that may ask a server, so
//! the pool finds out ([`Reads::found_out`]) and the [table of devices](DEVICES) remembers.

#![expect(
    unsafe_code,
    reason = "system calls that the standard library does not make"
)]

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Opened, Regular};

pub(super) const SUPPORTED: bool = true;

/// Paths of at most this length are copied to the stack; longer ones are left to the pool.
const MAX_PATH: usize = 383;

/// What is below is made by drivers; to open it may wait for a device or set one going.
/// Shared memory is not.
const DRIVERS: [&[u8]; 3] = [b"/dev/", b"/proc/", b"/sys/"];
const SHARED_MEMORY: &[u8] = b"/dev/shm/";

/// How a file can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fs) enum Reads {
    /// Not known: a thread of the pool has to [find out](Reads::found_out).
    Unknown,
    /// On this thread, as far as it is in memory.
    NoWait,
    /// It was `NoWait` and the file system does not know that: to be found out again.
    Refused,
    /// On this thread: it is in memory.
    InMemory,
    /// On the pool.
    OnPool,
}

/// What a read that must not block came to.
pub(in crate::fs) enum ReadsNow {
    /// So many bytes were read; 0 at the end of the file.
    Bytes(usize),
    /// Nothing: what is next is not in memory.
    Blocks,
    /// Nothing: the file cannot be read so.
    Refused,
}

/// What is known of file systems without a device of their own, by device number: each in the
/// slot of its minor number, the number shifted left by one with [`IN_MEMORY`]. What another
/// overwrites is found out again. A number may be used again for another file system, so one that is
/// said to be in memory is asked.
static DEVICES: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
const IN_MEMORY: u64 = 1;

fn slot(device: u64) -> &'static AtomicU64 {
    &DEVICES[libc::minor(device) as usize % DEVICES.len()]
}

/// What is known of a file by its device.
fn known(device: u64, file: &File) -> Option<Reads> {
    let entry = slot(device).load(Ordering::Relaxed);
    if device == 0 || entry >> 1 != device {
        return None;
    }
    if entry & IN_MEMORY == 0 {
        return Some(Reads::OnPool);
    }
    is_tmpfs(file).then_some(Reads::InMemory)
}

impl Reads {
    /// What a pool's thread found out about the file. Blocks.
    pub(in crate::fs) fn found_out(self, file: &File) -> Reads {
        let refused = match self {
            Reads::Unknown => false,
            Reads::Refused => true,
            known => return known,
        };
        let Ok(metadata) = file.metadata() else {
            return Reads::OnPool;
        };
        if !metadata.is_file() || is_direct(file) {
            return Reads::OnPool;
        }
        let device = metadata.dev();
        if let Some(known) = known(device, file) {
            return known;
        }
        let in_memory = is_tmpfs(file);
        if (in_memory || refused) && libc::major(device) == 0 {
            let entry = device << 1 | if in_memory { IN_MEMORY } else { 0 };
            slot(device).store(entry, Ordering::Relaxed);
        }
        match (in_memory, refused) {
            (true, _) => Reads::InMemory,
            // Linux 5.9 and 5.10 answer 0 for what is not in memory, as at the end of the file
            // (readv(2), BUGS): kernels without cached lookups are not trusted.
            (false, false) if is_supported() => Reads::NoWait,
            (false, _) => Reads::OnPool,
        }
    }

    pub(in crate::fs) fn on_this_thread(self) -> bool {
        matches!(self, Reads::NoWait | Reads::InMemory)
    }
}

/// Reads at the file's position without blocking. With `Bytes(n)`, the first `n` bytes of `space`
/// are initialised.
pub(in crate::fs) fn read_into(
    reads: Reads,
    file: &File,
    space: &mut [MaybeUninit<u8>],
) -> ReadsNow {
    let flags = match reads {
        Reads::NoWait => libc::RWF_NOWAIT,
        Reads::InMemory => 0,
        _ => return ReadsNow::Blocks,
    };
    let vector = libc::iovec {
        iov_base: space.as_mut_ptr().cast(),
        iov_len: space.len(),
    };
    // SAFETY: `vector` is the one element that the count says, and names memory that is borrowed
    // mutably for the call; the kernel writes at most its length there.
    let n = unsafe { libc::preadv2(file.as_raw_fd(), &raw const vector, 1, CURRENT, flags) };
    match usize::try_from(n) {
        Ok(n) => ReadsNow::Bytes(n),
        Err(_) if errno() == libc::EOPNOTSUPP => ReadsNow::Refused,
        // Whatever else it is, the pool's read will say.
        Err(_) => ReadsNow::Blocks,
    }
}

/// As [`read_into`] `max` bytes of the room that `bytes` has, which then count as filled.
pub(super) fn append(reads: Reads, file: &File, bytes: &mut Vec<u8>, max: usize) -> ReadsNow {
    let read = read_into(reads, file, &mut bytes.spare_capacity_mut()[..max]);
    if let ReadsNow::Bytes(n) = read {
        // SAFETY: `read_into` has initialised the first `n` bytes of the room.
        unsafe { bytes.set_len(bytes.len() + n) };
    }
    read
}

/// Opens whatever the path stands for to be read, from the cache.
pub(super) fn open(path: &Path) -> Opened {
    let file = match resolve(path, TO_READ) {
        Some(Ok(file)) => file,
        Some(Err(error)) => return Opened::Missing(error),
        None => return Opened::Unknown,
    };
    match stat(&file) {
        Some(stat) if is_kind(&stat, libc::S_IFREG) => Opened::Regular(Regular {
            len: u64::try_from(stat.st_size).unwrap_or(0),
            reads: known(stat.st_dev, &file).unwrap_or(Reads::NoWait),
            file,
        }),
        Some(stat) if is_kind(&stat, libc::S_IFIFO) => Opened::Pipe(file),
        Some(_) => Opened::Other(file),
        None => Opened::Unknown,
    }
}

/// Opens a file to be read, in blocking mode, from the cache and only if it is regular.
pub(super) fn open_regular(path: &Path) -> Option<io::Result<(File, Reads)>> {
    // Opening what is no file may do something to it, so there is a look first.
    let place = match locate(path, true)? {
        Ok(place) => stat(&place)?,
        Err(error) => return Some(Err(error)),
    };
    if !is_kind(&place, libc::S_IFREG) {
        return None;
    }
    let opened = resolve(path, TO_READ)?;
    match opened {
        Ok(file) => {
            // Another may have taken the path's place since, a pipe for one.
            let stat = stat(&file).filter(|stat| is_kind(stat, libc::S_IFREG))?;
            let reads = known(stat.st_dev, &file).unwrap_or(Reads::NoWait);
            Some(Ok((set_blocking(file)?, reads)))
        }
        Err(error) => Some(Err(error)),
    }
}

/// A descriptor that stands for the path and opens nothing.
pub(super) fn locate(path: &Path, follow: bool) -> Option<io::Result<File>> {
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    resolve(path, libc::O_PATH | nofollow)
}

/// Flags for opening a file to be read, without waiting for what is behind it.
const TO_READ: libc::c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_LARGEFILE;

/// `preadv2`'s offset that stands for the file's position.
const CURRENT: libc::off_t = -1;

/// Opens a path if that needs the kernel's cache only. An error is "not found"; `None`: somebody
/// has to look who may wait.
fn resolve(path: &Path, flags: libc::c_int) -> Option<io::Result<File>> {
    let bytes = path.as_os_str().as_bytes();
    let by_driver = DRIVERS.iter().any(|prefix| bytes.starts_with(prefix));
    if by_driver && !bytes.starts_with(SHARED_MEMORY) {
        return None;
    }
    if bytes.len() > MAX_PATH || !is_supported() {
        return None;
    }
    let mut terminated = [0; MAX_PATH + 1];
    terminated[..bytes.len()].copy_from_slice(bytes);
    let path = CStr::from_bytes_with_nul(&terminated[..=bytes.len()]).ok()?;
    match open_cached(path, flags) {
        Ok(file) => Some(Ok(file)),
        Err(libc::ENOENT) => Some(Err(io::Error::from_raw_os_error(libc::ENOENT))),
        Err(_) => None,
    }
}

/// The system call, or its error number.
fn open_cached(path: &CStr, flags: libc::c_int) -> Result<File, libc::c_int> {
    // SAFETY: a structure of integers, for which zeros are valid; the kernel wants those that it
    // does not know of to be zero.
    let mut how: libc::open_how = unsafe { mem::zeroed() };
    how.flags = u64::from((flags | libc::O_CLOEXEC).cast_unsigned());
    how.resolve = libc::RESOLVE_CACHED;
    // SAFETY: the path is terminated, `how` lives through the call and has the size given.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            libc::AT_FDCWD,
            path.as_ptr(),
            &raw const how,
            size_of::<libc::open_how>(),
        )
    };
    match RawFd::try_from(fd) {
        // SAFETY: the call has just returned the descriptor; nobody else knows of it.
        Ok(fd) if fd >= 0 => Ok(unsafe { File::from_raw_fd(fd) }),
        _ => Err(errno()),
    }
}

/// Whether the kernel and what stands before it know `RESOLVE_CACHED`.
fn is_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| match open_cached(c"/", libc::O_PATH) {
        Ok(_) | Err(libc::EAGAIN) => true,
        // ENOSYS, EINVAL, E2BIG, and EPERM from a sandbox.
        Err(_) => false,
    })
}

/// Whether reads go past the page cache, and so wait for the device.
fn is_direct(file: &File) -> bool {
    // SAFETY: takes and gives numbers only.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    flags != -1 && flags & libc::O_DIRECT != 0
}

fn stat(file: &File) -> Option<libc::stat> {
    let mut stat = MaybeUninit::uninit();
    // SAFETY: the kernel writes a `stat` to where the pointer, of that type, points.
    let result = unsafe { libc::fstat(file.as_raw_fd(), stat.as_mut_ptr()) };
    // SAFETY: `fstat` has succeeded, and so has filled it in.
    (result == 0).then(|| unsafe { stat.assume_init() })
}

fn is_tmpfs(file: &File) -> bool {
    let mut stat = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the kernel writes a `statfs` to where the pointer, of that type, points.
    let result = unsafe { libc::fstatfs(file.as_raw_fd(), stat.as_mut_ptr()) };
    if result != 0 {
        return false;
    }
    // SAFETY: `fstatfs` has succeeded, and so has filled it in.
    let stat = unsafe { stat.assume_init() };
    // The C libraries do not agree on the types of the two.
    i128::from(stat.f_type) == i128::from(libc::TMPFS_MAGIC)
}

fn is_kind(stat: &libc::stat, kind: libc::mode_t) -> bool {
    stat.st_mode & libc::S_IFMT == kind
}

/// Takes `O_NONBLOCK` away, the only one of the flags that can be changed which [`TO_READ`] has.
pub(super) fn set_blocking(file: File) -> Option<File> {
    // SAFETY: changes the flags of a descriptor that `file` owns.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, 0) };
    (result == 0).then_some(file)
}

/// The pipe in blocking mode, after a writer has written or gone. Blocks.
pub(super) fn wait_for_writer(pipe: File) -> io::Result<File> {
    let mut entry = libc::pollfd {
        fd: pipe.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    loop {
        // SAFETY: `entry` is the one element that the count says; the descriptor is open.
        if unsafe { libc::poll(&raw mut entry, 1, -1) } >= 0 {
            return set_blocking(pipe).ok_or_else(io::Error::last_os_error);
        }
        if errno() != libc::EINTR {
            return Err(io::Error::last_os_error());
        }
    }
}

fn errno() -> libc::c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or(0)
}
