use super::*;
use crate::runtime::{Builder, Runtime};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::Waker;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn try_register<T: AsRawFd>(inner: T) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
    // SAFETY: the tests register owners of their descriptors.
    unsafe { AsyncFd::register(inner) }
}

fn register<T: AsRawFd>(inner: T) -> AsyncFd<T> {
    try_register(inner).unwrap()
}

fn register_for<T: AsRawFd>(inner: T, interest: Interest) -> AsyncFd<T> {
    // SAFETY: as in `try_register`.
    unsafe { AsyncFd::register_with_interest(inner, interest) }.unwrap()
}

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    (register(a), b)
}

#[test]
fn readable_only_once_there_is_something() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        drop(a.writable().await.unwrap());
        {
            let readable = pin!(a.readable());
            assert!(
                readable
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_pending()
            );
        }
        b.write_all(b"x").unwrap();
        assert!(a.readable().await.unwrap().ready().is_readable());
    });
}

#[test]
fn readiness_stays_until_an_attempt_is_refused() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        b.write_all(b"xy").unwrap();
        let mut byte = [0];
        for expected in [Some(1), Some(1), None] {
            let mut guard = a.readable().await.unwrap();
            let got = guard.try_io(|a| (&mut a.get_ref()).read(&mut byte));
            assert_eq!(got.ok().map(Result::unwrap), expected);
        }
        let readable = pin!(a.readable());
        assert!(
            readable
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
    });
}

#[test]
fn cleared_readiness_of_one_direction_leaves_the_other() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        b.write_all(b"x").unwrap();
        drop(a.readable().await.unwrap());
        let mut guard = loop {
            let guard = a
                .ready(Interest::READABLE | Interest::WRITABLE)
                .await
                .unwrap();
            if guard.ready().is_readable() && guard.ready().is_writable() {
                break guard;
            }
        };
        guard.clear_ready_matching(Ready::READABLE);
        assert!(guard.ready().is_writable() && !guard.ready().is_readable());
        drop(a.writable().await.unwrap());
    });
}

#[test]
fn async_io_waits_and_makes_the_attempt() {
    runtime().block_on(async {
        let (mut a, mut b) = pair();
        let writer = std::thread::spawn(move || b.write_all(b"hello").map(|()| b));
        let mut buffer = [0; 16];
        let n = a
            .async_io_mut(Interest::READABLE, |a| a.read(&mut buffer))
            .await
            .unwrap();
        assert!(n > 0 && b"hello".starts_with(&buffer[..n]));
        drop(writer.join().unwrap().unwrap());
    });
}

#[test]
fn taken_apart_it_is_free_to_be_registered_again() {
    runtime().block_on(async {
        let (a, _b) = pair();
        let again = register_for(a.into_inner(), Interest::WRITABLE);
        drop(again.writable().await.unwrap());
    });
}

#[test]
fn regular_file_is_refused_and_comes_back() {
    runtime().block_on(async {
        let path = std::env::current_exe().unwrap();
        let file = std::fs::File::open(path).unwrap();
        let refused = try_register(file).unwrap_err();
        let (file, cause) = refused.into_parts();
        assert!(file.metadata().is_ok());
        assert_eq!(cause.kind(), io::ErrorKind::PermissionDenied);
    });
}
