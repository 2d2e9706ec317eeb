use std::future::Future;
use std::io::{SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::*;
use crate::fs::{self, OpenOptions, TempDir};
use crate::runtime::{Builder, FileIo};
use crate::task::{coop, yield_now};

const BOTH: [FileIo; 2] = [FileIo::Auto, FileIo::Pool];

/// Runs `future`; with its output, the number of jobs that the pool did.
///
/// The environment may override `file_io` for the whole run: then the jobs say less.
fn run<F: Future>(file_io: FileIo, future: F) -> (F::Output, u64) {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .file_io(file_io)
        .build()
        .unwrap();
    let output = runtime.block_on(future);
    let jobs = runtime.handle().shared().blocking.snapshot().completed;
    (output, jobs)
}

/// Whether the file, whose content is in memory, can be read by the thread that asks: not on all
/// kernels and file systems.
fn served_here(path: &Path) -> bool {
    if std::env::var_os("ZOKIO_FILE_IO").is_some_and(|value| value != "auto") {
        return false;
    }
    let mut reader = ReadFile::new(path.to_owned());
    if let Attempt::Done(..) = reader.attempt() {
        return true;
    }
    // The pool learns what there is to know.
    reader.run().unwrap();
    matches!(ReadFile::new(path.to_owned()).attempt(), Attempt::Done(..))
}

#[cfg(feature = "telemetry")]
#[test]
fn file_in_memory_is_read_without_the_pool() {
    let dir = TempDir::new();
    let path = dir.join("a");
    std::fs::write(&path, "hällo").unwrap();
    let expected = if served_here(&path) { 0 } else { 2 };
    for file_io in BOTH {
        let (_, jobs) = run(file_io, async {
            assert_eq!(fs::read(&path).await.unwrap(), "hällo".as_bytes());
            assert_eq!(fs::read_to_string(&path).await.unwrap(), "hällo");
        });
        assert_eq!(jobs, if file_io == FileIo::Auto { expected } else { 2 });
    }
}

#[cfg(feature = "telemetry")]
#[test]
fn path_in_the_cache_is_looked_at_and_opened_without_the_pool() {
    let dir = TempDir::new();
    let path = dir.join("a");
    std::fs::write(&path, "0123456789").unwrap();
    symlink(&path, dir.join("link")).unwrap();
    std::fs::symlink_metadata(dir.join("link")).unwrap();
    std::fs::metadata(dir.join("link")).unwrap();
    let expected = if served_here(&path) { 0 } else { 7 };
    for file_io in BOTH {
        let (_, jobs) = run(file_io, async {
            let link = dir.join("link");
            assert_eq!(fs::metadata(&link).await.unwrap().len(), 10);
            assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
            assert!(fs::try_exists(&link).await.unwrap());
            let mut file = fs::File::open(&link).await.unwrap();
            assert_eq!(file.metadata().await.unwrap().len(), 10);
            assert_eq!(file.seek(SeekFrom::Start(8)).await.unwrap(), 8);
            let mut two = [0; 2];
            file.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, b"89");
        });
        match file_io {
            FileIo::Auto => assert!(jobs <= expected),
            FileIo::Pool => assert_eq!(jobs, 7),
        }
    }
}

#[test]
fn answers_are_those_of_the_standard_library() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "text").unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    std::fs::write(dir.join("bytes"), b"\xff\xfe").unwrap();
    std::fs::write(dir.join("large"), vec![7; MAX_BYTES + 1]).unwrap();
    std::fs::write(dir.join("largest"), vec![b'x'; MAX_BYTES]).unwrap();
    std::fs::write(dir.join("secret"), "text").unwrap();
    std::fs::set_permissions(dir.join("secret"), std::fs::Permissions::from_mode(0o000)).unwrap();
    symlink("loop", dir.join("loop")).unwrap();
    symlink("missing", dir.join("dangling")).unwrap();
    symlink("/proc/self/cmdline", dir.join("to proc")).unwrap();
    let long = "x".repeat(500);
    let names = [
        "file",
        "empty",
        "bytes",
        "large",
        "largest",
        "secret",
        "loop",
        "dangling",
        "to proc",
        "missing",
        "missing/file",
        "file/file",
        "",
        ".",
        "file/",
        "nul\0inside",
        &long,
    ];
    let mut paths: Vec<PathBuf> = names.iter().map(|name| dir.join(name)).collect();
    let special = [
        "",
        "/proc/self/cmdline",
        "/proc/self/mem",
        "/dev/null",
        "/sys/kernel/mm",
    ];
    paths.extend(special.iter().map(PathBuf::from));
    let _ = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    paths.push(dir.join("socket"));

    /// Comparable: the value, or kind and text of the error.
    fn show<T>(result: io::Result<T>) -> Result<T, (io::ErrorKind, String)> {
        result.map_err(|error| (error.kind(), error.to_string()))
    }
    // Twice: what is not there is in the cache the second time.
    for file_io in [FileIo::Auto, FileIo::Auto, FileIo::Pool] {
        run(file_io, async {
            for path in &paths {
                assert_eq!(
                    show(fs::read(path).await),
                    show(std::fs::read(path)),
                    "{path:?}"
                );
                let text = fs::read_to_string(path).await;
                assert_eq!(show(text), show(std::fs::read_to_string(path)), "{path:?}");
                let opened = fs::File::open(path).await.map(drop);
                assert_eq!(
                    show(opened),
                    show(std::fs::File::open(path).map(drop)),
                    "{path:?}"
                );
                let len = fs::metadata(path).await.map(|m| (m.len(), m.file_type()));
                let std = std::fs::metadata(path).map(|m| (m.len(), m.file_type()));
                assert_eq!(show(len), show(std), "{path:?}");
                let kind = fs::symlink_metadata(path).await.map(|m| m.file_type());
                let std = std::fs::symlink_metadata(path).map(|m| m.file_type());
                assert_eq!(show(kind), show(std), "{path:?}");
                let exists = fs::try_exists(path).await;
                assert_eq!(show(exists), show(std::fs::exists(path)), "{path:?}");
            }
        });
    }
}

#[cfg(feature = "telemetry")]
#[test]
fn large_files_are_read_in_several_polls_and_larger_ones_by_the_pool() {
    let dir = TempDir::new();
    let path = dir.join("a");
    std::fs::write(&path, "small").unwrap();
    let here = served_here(&path);
    let most = MAX_WHOLE as usize;
    for (len, jobs_here, polls_here) in [
        (MAX_BYTES, 0, 1),
        (MAX_BYTES + 1, 0, 2),
        (most, 0, most / MAX_BYTES),
        (most + 1, 1, 2),
    ] {
        let content: Vec<u8> = (0..len).map(|i| (i / 13) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let mut polls = 0;
        let (_, jobs) = run(FileIo::Auto, async {
            let mut read = std::pin::pin!(fs::read(&path));
            let read = std::future::poll_fn(|cx| {
                polls += 1;
                read.as_mut().poll(cx)
            });
            assert_eq!(read.await.unwrap(), content);
        });
        assert_eq!(jobs, if here { jobs_here } else { 1 }, "{len}");
        if here && jobs == 0 {
            assert_eq!(polls, polls_here, "{len}");
        }
    }
}

#[test]
fn file_that_grows_while_it_is_read_is_read_to_its_end() {
    let dir = TempDir::new();
    let path = dir.join("a");
    std::fs::write(&path, "0123456789").unwrap();
    if !served_here(&path) {
        return;
    }
    for len in [0, 3, 10, 11, 4000] {
        let Opened::Regular(regular) = sys::open(&path) else {
            panic!("it is in the cache")
        };
        let mut regular = Regular { len, ..regular };
        let mut bytes = Vec::new();
        let at_end = matches!(regular.read_on(&mut bytes), Progress::End);
        assert_eq!(at_end, len >= 10);
        let rest = ReadFile {
            path: path.clone(),
            rest: Rest::File(regular.file, regular.reads),
            bytes,
            begun: None,
        };
        assert_eq!(rest.run().unwrap(), b"0123456789");
    }
}

#[test]
fn pages_not_in_memory_are_read_by_the_pool_after_those_that_are() {
    let dir = TempDir::new();
    let path = dir.join("a");
    let content: Vec<u8> = (0..128 * 1024_u32).map(|i| (i / 7) as u8).collect();
    for file_io in BOTH {
        for evicted in [0, 4096, 64 * 1024] {
            std::fs::write(&path, &content).unwrap();
            let evict = || {
                let file = std::fs::File::open(&path).unwrap();
                file.sync_all().unwrap();
                forget_pages(&file, evicted);
            };
            evict();
            run(file_io, async {
                assert_eq!(fs::read(&path).await.unwrap(), content);
                evict();
                let mut file = fs::File::open(&path).await.unwrap();
                let mut bytes = vec![0; 100 * 1024];
                assert_eq!(file.read(&mut bytes).await.unwrap(), bytes.len());
                assert_eq!(bytes, content[..bytes.len()]);
                assert_eq!(file.stream_position().await.unwrap(), bytes.len() as u64);
                file.read_to_end(&mut bytes).await.unwrap();
                assert_eq!(bytes, content);
            });
        }
    }
}

/// Drops the file's clean pages from the given offset on.
#[expect(unsafe_code, reason = "a system call")]
fn forget_pages(file: &std::fs::File, offset: i64) {
    // SAFETY: gives advice about a descriptor that is open.
    unsafe { libc::posix_fadvise(file.as_raw_fd(), offset, 0, libc::POSIX_FADV_DONTNEED) };
}

#[expect(unsafe_code, reason = "a system call")]
fn make_pipe(path: &Path) {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the path is terminated.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
}

#[expect(unsafe_code, reason = "a system call")]
fn flags(file: &impl std::os::fd::AsRawFd) -> libc::c_int {
    // SAFETY: asks about a descriptor that is open.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) }
}

#[test]
fn named_pipe_waits_for_its_writer_and_no_worker_does() {
    let dir = TempDir::new();
    let path = dir.join("pipe");
    make_pipe(&path);
    for file_io in BOTH {
        run(file_io, async {
            let all = crate::spawn(fs::read(path.clone()));
            while crate::runtime::Handle::current()
                .metrics()
                .num_blocking_threads()
                == 0
            {
                yield_now().await;
            }
            assert!(!all.is_finished());
            fs::write(&path, "through").await.unwrap();
            assert_eq!(all.await.unwrap().unwrap(), b"through");

            let opening = crate::spawn(fs::File::open(path.clone()));
            yield_now().await;
            assert!(!opening.is_finished());
            let mut options = OpenOptions::new();
            let writer = options.write(true).open(&path).await.unwrap();
            let mut reader = opening.await.unwrap().unwrap();
            let mut writer = writer.into_std().await;
            writer.write_all(b"ab").unwrap();
            let mut bytes = [0; 8];
            // A pipe answers with what it has.
            assert_eq!(reader.read(&mut bytes).await.unwrap(), 2);
            writer.write_all(b"cde").unwrap();
            assert_eq!(reader.read(&mut bytes).await.unwrap(), 3);
            drop(writer);
            assert_eq!(reader.read(&mut bytes).await.unwrap(), 0);
        });
    }
}

#[test]
fn opened_files_have_the_flags_of_the_standard_library() {
    let dir = TempDir::new();
    std::fs::write(dir.join("a"), "text").unwrap();
    for path in [dir.join("a"), dir.join(""), PathBuf::from("/dev/null")] {
        let expected = flags(&std::fs::File::open(&path).unwrap());
        for file_io in BOTH {
            let (file, _) = run(file_io, fs::File::open(&path));
            assert_eq!(flags(&file.unwrap()), expected, "{path:?}");
        }
    }
    // What the pool continues with.
    std::fs::write(dir.join("large"), vec![0; MAX_WHOLE as usize + 1]).unwrap();
    for path in [dir.join("large"), dir.join("")] {
        let mut reader = ReadFile::new(path);
        assert!(matches!(reader.attempt(), Attempt::Blocks));
        if let Rest::File(file, _) = &reader.rest {
            assert_eq!(flags(file) & libc::O_NONBLOCK, 0);
        }
    }
}

#[test]
fn position_is_kept_over_reads_seeks_and_writes_wherever_they_run() {
    let dir = TempDir::new();
    let path = dir.join("a");
    for file_io in BOTH {
        std::fs::write(&path, "0123456789").unwrap();
        run(file_io, async {
            let mut options = OpenOptions::new();
            let mut file = options.read(true).write(true).open(&path).await.unwrap();
            let mut two = [0; 2];
            // The first read finds out how; then they run here.
            for expected in [b"01", b"23"] {
                file.read_exact(&mut two).await.unwrap();
                assert_eq!(&two, expected);
            }
            file.write_all(b"WX").await.unwrap();
            file.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, b"67");
            assert_eq!(file.seek(SeekFrom::Current(-3)).await.unwrap(), 5);
            file.read_exact(&mut two).await.unwrap();
            assert_eq!(&two, b"X6");
            let before = file.seek(SeekFrom::Current(-8)).await.unwrap_err();
            assert_eq!(before.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(file.stream_position().await.unwrap(), 7);
            assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
            // A copy of the descriptor shares the position.
            let mut other = file.try_clone().await.unwrap();
            assert_eq!(other.read_u8().await.unwrap(), b'9');
            assert_eq!(file.read(&mut two).await.unwrap(), 0);
            file.seek(SeekFrom::Start(1)).await.unwrap();
            assert_eq!(other.read_u8().await.unwrap(), b'1');
            file.set_len(3).await.unwrap();
            assert_eq!(file.read(&mut two).await.unwrap(), 1);
            assert_eq!(two[0], b'2');
        });
        assert_eq!(std::fs::read(&path).unwrap(), b"012");
    }
}

#[test]
fn read_is_short_only_at_the_end_of_the_file() {
    let dir = TempDir::new();
    let path = dir.join("a");
    let content: Vec<u8> = (0..3 * MAX_BYTES).map(|i| (i / 11) as u8).collect();
    std::fs::write(&path, &content).unwrap();
    for file_io in BOTH {
        run(file_io, async {
            let mut file = fs::File::open(&path).await.unwrap();
            let mut bytes = vec![0; 2 * MAX_BYTES];
            for expected in [&content[..2 * MAX_BYTES], &content[2 * MAX_BYTES..], &[]] {
                assert_eq!(file.read(&mut bytes).await.unwrap(), expected.len());
                assert_eq!(bytes[..expected.len()], *expected);
            }
            file.rewind().await.unwrap();
            file.set_max_buf_size(10);
            assert_eq!(file.read(&mut bytes).await.unwrap(), 10);
            let std = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            std.write_all_at(b"new", 10).unwrap();
            assert_eq!(file.read(&mut bytes[..3]).await.unwrap(), 3);
            assert_eq!(&bytes[..3], b"new");
            std.write_all_at(&content[10..13], 10).unwrap();
        });
    }
}

#[test]
fn reads_take_budget_by_the_bytes_they_copy() {
    let dir = TempDir::new();
    let (small, large) = (dir.join("small"), dir.join("large"));
    std::fs::write(&small, "text").unwrap();
    std::fs::write(&large, vec![0; MAX_BYTES]).unwrap();
    if !served_here(&small) {
        return;
    }
    let (_, jobs) = run(FileIo::Auto, async {
        let task = crate::spawn(async move {
            let mut polls = [0, 0];
            for (path, polls) in [&small, &large].into_iter().zip(&mut polls) {
                yield_now().await;
                while coop::has_budget_remaining() && *polls < 1000 {
                    fs::read(path).await.unwrap();
                    *polls += 1;
                }
            }
            polls
        });
        assert_eq!(task.await.unwrap(), [128, 4]);
    });
    assert_eq!(jobs, 0);
}
