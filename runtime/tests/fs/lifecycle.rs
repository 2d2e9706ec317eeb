//! Files without a runtime, in one that has no I/O, and at its end.

use std::future::Future;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use zokio::fs::{self, File};
use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::runtime::{Builder, Runtime};

use crate::support::Folder;

fn runtime() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn panic_text<T>(f: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| drop(f()))).unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&'static str>().unwrap()).to_owned(),
    }
}

fn assert_failed<T>(result: Poll<std::io::Result<T>>) {
    let Poll::Ready(Err(error)) = result else {
        panic!("it does not fail");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(error.to_string(), "background task failed");
}

#[test]
fn functions_panic_when_polled_outside_of_a_runtime() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let said = "there is no reactor running, must be called from the context of a";
    for text in [
        panic_text(|| poll_once(fs::read(&path))),
        panic_text(|| poll_once(fs::read_to_string(&path))),
        panic_text(|| poll_once(fs::write(&path, "y"))),
        panic_text(|| poll_once(fs::metadata(&path))),
        panic_text(|| poll_once(fs::try_exists(&path))),
        panic_text(|| poll_once(fs::read_dir(folder.path()))),
        panic_text(|| poll_once(fs::canonicalize(&path))),
        panic_text(|| poll_once(File::open(&path))),
        panic_text(|| poll_once(File::create(&path))),
    ] {
        assert!(text.starts_with(said), "{text}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"x");
}

#[test]
fn open_file_panics_when_polled_outside_of_a_runtime() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let text = panic_text(|| poll_once(file.read(&mut [0; 8])));
    assert!(text.starts_with("there is no reactor running"), "{text}");
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let text = panic_text(|| poll_once(file.write(b"x")));
    assert!(text.starts_with("there is no reactor running"), "{text}");
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    drop(fs::write(&path, "y"));
    drop(fs::remove_file(&path));
    drop(File::create(&path));
    assert_eq!(std::fs::read(&path).unwrap(), b"x");
}

#[test]
fn files_need_neither_io_nor_time_of_the_runtime() {
    let folder = Folder::new();
    runtime().block_on(async {
        fs::write(folder.join("a"), "x").await.unwrap();
        assert_eq!(fs::read(folder.join("a")).await.unwrap(), b"x");
        let mut file = File::open(folder.join("a")).await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'x');
    });
}

#[test]
fn functions_fail_after_the_runtime_s_end() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    assert_failed(poll_once(fs::write(&path, "y")));
    assert_failed(poll_once(fs::copy(&path, folder.join("b"))));
    assert_failed(poll_once(fs::remove_file(&path)));
    assert_failed(poll_once(fs::canonicalize(&path)));
    assert_failed(poll_once(fs::read_dir(folder.path())));
    assert_failed(poll_once(File::create(&path)));
    assert_failed(poll_once(fs::read(&path)));
    assert_failed(poll_once(fs::read_to_string(&path)));
    assert_failed(poll_once(fs::metadata(&path)));
    assert_failed(poll_once(fs::try_exists(&path)));
    assert_failed(poll_once(File::open(&path)));
    assert_eq!(std::fs::read(&path).unwrap(), b"x");
}

#[test]
fn reading_of_an_open_file_fails_after_the_runtime_s_end() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let runtime = runtime();
    let mut file = runtime.block_on(File::open(&path)).unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let Poll::Ready(Err(error)) = poll_once(file.read(&mut [0; 8])) else {
        panic!("it does not fail");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
}

#[test]
fn write_to_an_open_file_fails_after_the_runtime_s_end() {
    let folder = Folder::new();
    let path = folder.join("a");
    let runtime = runtime();
    let mut file = runtime.block_on(File::create(&path)).unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    assert_failed(poll_once(file.write(b"x")));
    assert_failed(poll_once(file.write(b"x")));
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn operation_that_has_begun_ends_although_its_future_is_dropped() {
    let folder = Folder::new();
    let runtime = runtime();
    runtime.block_on(async {
        let writing = fs::write(folder.join("a"), "x");
        assert!(poll_once(writing).is_pending());
    });
    while std::fs::read(folder.join("a")).unwrap_or_default() != b"x" {
        std::thread::yield_now();
    }
}

/// A runtime whose one thread for blocking work is busy until told, and a file that has taken
/// "hello" to write behind that.
struct Queued {
    runtime: Runtime,
    file: File,
    go: mpsc::Sender<()>,
}

fn queued_write(folder: &Folder) -> Queued {
    let runtime = Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let mut file = runtime.block_on(File::create(folder.join("a"))).unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let (started, begun) = mpsc::channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        wait.recv()
    });
    begun.recv().unwrap();
    runtime.block_on(async {
        assert_eq!(file.write(b"hello").await.unwrap(), 5);
    });
    Queued { runtime, file, go }
}

#[test]
fn write_that_was_taken_is_written_although_the_runtime_ends() {
    let folder = Folder::new();
    let Queued { runtime, file, go } = queued_write(&folder);
    let handle = runtime.handle().clone();
    let ending = std::thread::spawn(move || drop(runtime));
    // A job that ends at once was refused: the shutdown has begun, and the queue may move on.
    while !handle.spawn_blocking(|| ()).is_finished() {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    ending.join().unwrap();
    assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"hello");
    drop(file);
}

#[test]
fn write_that_was_taken_is_written_although_nobody_waits_for_the_runtime_s_end() {
    let folder = Folder::new();
    let Queued { runtime, file, go } = queued_write(&folder);
    runtime.shutdown_background();
    drop(file);
    go.send(()).unwrap();
    while std::fs::read(folder.join("a")).unwrap() != b"hello" {
        std::thread::yield_now();
    }
}

#[test]
fn flush_of_a_write_that_outlived_the_runtime_tells_its_result() {
    let folder = Folder::new();
    let Queued {
        runtime,
        mut file,
        go,
    } = queued_write(&folder);
    runtime.shutdown_background();
    go.send(()).unwrap();
    let flushed = Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(file.flush());
    flushed.unwrap();
    assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"hello");
}

/// A path whose file is gone when it is dropped.
struct Guard(PathBuf);

impl AsRef<Path> for Guard {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[zokio::test]
async fn path_is_kept_until_the_operation_is_complete() {
    let folder = Folder::new();
    let guard = || Guard(folder.file("a", "hello"));
    assert_eq!(fs::read(guard()).await.unwrap(), b"hello");
    assert!(!folder.join("a").exists());
    assert_eq!(fs::metadata(guard()).await.unwrap().len(), 5);
    assert_eq!(
        fs::canonicalize(guard())
            .await
            .unwrap()
            .file_name()
            .unwrap(),
        "a"
    );
    assert_eq!(fs::copy(guard(), folder.join("b")).await.unwrap(), 5);
    fs::File::open(guard()).await.unwrap();
    fs::OpenOptions::new()
        .append(true)
        .open(guard())
        .await
        .unwrap();
}

#[zokio::test]
async fn path_is_dropped_when_the_operation_is_complete() {
    let folder = Folder::new();
    let mut opened = Box::pin(fs::File::open(Guard(folder.file("a", "hello"))));
    opened.as_mut().await.unwrap();
    assert!(!folder.join("a").exists());
}
