//! `AsyncFd`, `Interest` and `Ready`.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use super::{Wakes, now, poll_once, runtime};
use zokio::io::unix::{AsyncFd, AsyncFdRegisterError};
use zokio::io::{Interest, Ready};
use zokio::runtime::Builder;

#[expect(unsafe_code, reason = "registers a descriptor")]
fn try_register<T: AsRawFd>(
    inner: T,
    interest: Interest,
) -> Result<AsyncFd<T>, AsyncFdRegisterError<T>> {
    // SAFETY: the tests register owners of their descriptors, or numbers that are refused.
    unsafe { AsyncFd::register_with_interest(inner, interest) }
}

#[expect(unsafe_code, reason = "registers a descriptor")]
fn register<T: AsRawFd>(inner: T) -> AsyncFd<T> {
    // SAFETY: as in `try_register`.
    unsafe { AsyncFd::register(inner) }.unwrap()
}

fn pair() -> (AsyncFd<UnixStream>, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (register(a), b)
}

fn fill(mut stream: &UnixStream) {
    while stream.write(&[0; 4096]).is_ok() {}
}

fn drain(mut stream: &UnixStream) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).is_ok_and(|n| n > 0) {}
}

#[test]
fn fresh_socket_is_writable_and_not_readable() {
    runtime().block_on(async {
        let (a, _b) = pair();
        assert!(a.writable().await.unwrap().ready().is_writable());
        assert!(poll_once(pin!(a.readable())).is_pending());
    });
}

#[test]
fn cleared_writability_comes_back_when_there_is_room() {
    runtime().block_on(async {
        let (a, b) = pair();
        let mut guard = a.writable().await.unwrap();
        fill(guard.get_inner());
        guard.clear_ready();
        drop(guard);
        assert!(poll_once(pin!(a.writable())).is_pending());
        drain(&b);
        drop(a.writable().await.unwrap());
    });
}

#[test]
fn retained_readiness_needs_no_event() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        b.write_all(b"x").unwrap();
        a.readable().await.unwrap().retain_ready();
        now(a.readable()).unwrap().retain_ready();
    });
}

#[test]
fn guard_that_was_cleared_is_ready_for_nothing() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        b.write_all(b"x").unwrap();
        let mut guard = a.readable().await.unwrap();
        assert!(guard.ready().is_readable());
        guard.clear_ready();
        assert!(guard.ready().is_empty());
        guard.clear_ready();
    });
}

#[test]
fn parts_of_a_readiness_are_cleared_one_by_one() {
    runtime().block_on(async {
        let (mut a, mut b) = pair();
        b.write_all(b"x").unwrap();
        drop(a.readable().await.unwrap());
        drop(a.writable().await.unwrap());
        let both = Interest::READABLE | Interest::WRITABLE;
        let mut guard = a.ready_mut(both).await.unwrap();
        assert!(guard.ready().is_readable() && guard.ready().is_writable());
        guard.clear_ready_matching(Ready::READABLE);
        assert_eq!(guard.ready(), Ready::WRITABLE);
        guard.clear_ready_matching(Ready::WRITABLE);
        assert_eq!(guard.ready(), Ready::EMPTY);
        drop(guard);
        assert!(poll_once(pin!(a.ready(both))).is_pending());
    });
}

#[test]
fn attempt_by_guard_that_is_refused_clears_and_others_do_not() {
    runtime().block_on(async {
        let (mut a, mut b) = pair();
        b.write_all(b"x").unwrap();
        let mut guard = a.readable_mut().await.unwrap();
        let failed = guard.try_io(|_| Err::<(), _>(io::ErrorKind::NotFound.into()));
        assert_eq!(failed.unwrap().unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(guard.ready(), Ready::READABLE);
        assert_eq!(
            guard
                .try_io(|fd| fd.get_mut().read(&mut [0; 2]))
                .unwrap()
                .unwrap(),
            1
        );
        assert!(guard.try_io(|fd| fd.get_mut().read(&mut [0; 2])).is_err());
        assert!(guard.ready().is_empty());
        drop(guard);
        assert!(poll_once(pin!(a.readable())).is_pending());
    });
}

#[test]
fn guards_lead_to_descriptor_and_owner() {
    runtime().block_on(async {
        let (mut a, _b) = pair();
        let fd = a.as_raw_fd();
        let guard = a.writable().await.unwrap();
        assert_eq!(guard.get_ref().as_raw_fd(), fd);
        assert_eq!(guard.get_inner().as_raw_fd(), fd);
        assert!(format!("{guard:?}").starts_with("ReadyGuard { async_fd: AsyncFd"));
        drop(guard);
        let mut guard = a.writable_mut().await.unwrap();
        assert_eq!(guard.get_ref().as_raw_fd(), fd);
        assert_eq!(guard.get_mut().as_raw_fd(), fd);
        assert_eq!(guard.get_inner().as_raw_fd(), fd);
        assert_eq!(guard.get_inner_mut().as_raw_fd(), fd);
        assert!(format!("{guard:?}").starts_with("MutReadyGuard { async_fd: AsyncFd"));
    });
}

#[test]
fn attempt_is_made_only_if_the_descriptor_is_ready() {
    runtime().block_on(async {
        let (mut a, mut b) = pair();
        let refused = a.try_io(Interest::READABLE, |_| -> io::Result<()> {
            panic!("it is not ready")
        });
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        b.write_all(b"x").unwrap();
        drop(a.readable().await.unwrap());
        let n = a.try_io_mut(Interest::READABLE, |stream| stream.read(&mut [0; 2]));
        assert_eq!(n.unwrap(), 1);
        let refused = a.try_io_mut(Interest::READABLE, |stream| stream.read(&mut [0; 2]));
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(poll_once(pin!(a.readable())).is_pending());
    });
}

#[test]
fn async_io_takes_its_result_s_type_from_the_caller() {
    runtime().block_on(async {
        let (mut a, b) = pair();
        (&b).write_all(b"xy").unwrap();
        let mut read = |mut stream: &UnixStream| stream.read(&mut [0; 1]);
        assert_eq!(
            a.async_io::<usize>(Interest::READABLE, &mut read)
                .await
                .unwrap(),
            1
        );
        let n = a.async_io_mut::<usize>(Interest::READABLE, |s| s.read(&mut [0; 1]));
        assert_eq!(n.await.unwrap(), 1);
    });
}

#[test]
fn all_waiting_futures_are_woken() {
    runtime().block_on(async {
        let (a, mut b) = pair();
        let a = Arc::new(a);
        let woken = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let (a, woken) = (a.clone(), woken.clone());
                zokio::spawn(async move {
                    drop(a.readable().await.unwrap());
                    woken.fetch_add(1, Ordering::SeqCst);
                })
            })
            .collect();
        zokio::task::yield_now().await;
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        b.write_all(b"x").unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(woken.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn only_the_latest_poller_is_woken() {
    runtime().block_on(async {
        let (mut a, mut b) = pair();
        let ((first, one), (second, two)) = (Wakes::new(), Wakes::new());
        for waker in [&one, &two] {
            let mut cx = Context::from_waker(waker);
            assert!(a.poll_read_ready(&mut cx).is_pending());
        }
        b.write_all(b"x").unwrap();
        // A keyed waiter is woken besides.
        drop(a.readable().await.unwrap());
        assert_eq!((first.count(), second.count()), (0, 1));
        let mut cx = Context::from_waker(&one);
        assert!(a.poll_read_ready_mut(&mut cx).is_ready());
        drop(a.writable().await.unwrap());
        assert!(a.poll_write_ready(&mut cx).is_ready());
        assert!(a.poll_write_ready_mut(&mut cx).is_ready());
    });
}

#[test]
fn end_of_the_other_side_is_readable_and_closed() {
    runtime().block_on(async {
        let (a, b) = pair();
        drop(b);
        let ready = a.readable().await.unwrap().ready();
        assert!(ready.is_read_closed() && ready.is_readable());
    });
}

#[test]
fn interest_bounds_what_can_be_waited_for() {
    runtime().block_on(async {
        let (a, mut b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        let a = try_register(a, Interest::WRITABLE).unwrap();
        drop(a.writable().await.unwrap());
        b.write_all(b"x").unwrap();
        assert!(poll_once(pin!(a.readable())).is_pending());
    });
}

#[test]
fn dropped_descriptor_is_closed_and_a_taken_one_is_not() {
    struct Counted(UnixStream, Arc<AtomicUsize>);
    impl AsRawFd for Counted {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_raw_fd()
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    runtime().block_on(async {
        let dropped = Arc::new(AtomicUsize::new(0));
        let (a, _b) = UnixStream::pair().unwrap();
        let fd = register(Counted(a, dropped.clone()));
        // `AsFd` needs no `AsFd` of the owner.
        assert_eq!(fd.as_fd().as_raw_fd(), fd.as_raw_fd());
        let inner = fd.into_inner();
        assert_eq!(dropped.load(Ordering::SeqCst), 0);
        drop(register(inner));
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn number_that_is_no_descriptor_comes_back_with_the_reason() {
    #[derive(Debug)]
    struct Nothing(u8);
    impl AsRawFd for Nothing {
        fn as_raw_fd(&self) -> RawFd {
            -1
        }
    }
    runtime().block_on(async {
        let error = try_register(Nothing(7), Interest::READABLE).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert_eq!(error.to_string(), cause.to_string());
        assert_eq!(format!("{error:?}"), format!("{cause:?}"));
        let (inner, cause) = error.into_parts();
        assert_eq!(inner.0, 7);
        assert_eq!(cause.raw_os_error(), Some(libc::EBADF));
        let error = try_register(Nothing(7), Interest::READABLE).unwrap_err();
        assert_eq!(io::Error::from(error).raw_os_error(), Some(libc::EBADF));
    });
}

#[test]
#[expect(deprecated, reason = "programs still use the old constructors")]
fn old_constructors_are_there() {
    runtime().block_on(async {
        let socket = || {
            let (a, b) = UnixStream::pair().unwrap();
            a.set_nonblocking(true).unwrap();
            drop(b);
            a
        };
        drop(AsyncFd::new(socket()).unwrap().readable().await.unwrap());
        drop(AsyncFd::try_new(socket()).unwrap());
        drop(AsyncFd::with_interest(socket(), Interest::READABLE).unwrap());
        let error: Result<_, zokio::io::unix::AsyncFdTryNewError<UnixStream>> =
            AsyncFd::try_with_interest(socket(), Interest::READABLE);
        drop(error.unwrap());
    });
}

#[test]
fn registration_outside_of_a_runtime_or_without_io_panics() {
    let socket = || UnixStream::pair().unwrap().0;
    let outside = || drop(register(socket()));
    assert!(catch_unwind(AssertUnwindSafe(outside)).is_err());
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    assert!(catch_unwind(AssertUnwindSafe(outside)).is_err());
}

#[test]
fn shutdown_of_the_runtime_ends_waits_with_an_error() {
    let runtime = runtime();
    let (a, b) = runtime.block_on(async { pair() });
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut waiting = pin!(a.readable());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    drop(runtime);
    assert_eq!(wakes.count(), 1);
    assert!(now(waiting).is_err());
    assert!(now(a.writable()).is_err());
    assert!(a.poll_read_ready(&mut cx).map(|r| r.is_err()).is_ready());
    assert!(a.poll_write_ready(&mut cx).map(|r| r.is_err()).is_ready());
    drop(b);
}

#[test]
fn guard_is_cleared_after_the_runtime_s_shutdown() {
    let runtime = runtime();
    let (a, mut b) = runtime.block_on(async { pair() });
    b.write_all(b"x").unwrap();
    let mut guard = runtime.block_on(a.readable()).unwrap();
    drop(runtime);
    guard.clear_ready();
    drop(guard);
    assert!(now(a.readable()).is_err());
}

/// The descriptor is closed behind the back of its registration, while a duplicate keeps the
/// system's side of it alive.
#[test]
fn descriptor_that_was_closed_elsewhere_does_no_harm() {
    runtime().block_on(async {
        let (a, mut b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        let duplicate = OwnedFd::from(a.try_clone().unwrap());
        struct Lent(RawFd);
        impl AsRawFd for Lent {
            fn as_raw_fd(&self) -> RawFd {
                self.0
            }
        }
        let lent = register(Lent(a.as_raw_fd()));
        drop(a);
        drop(lent);
        // Events of the duplicate lead nowhere, and others are still delivered.
        b.write_all(b"x").unwrap();
        let (c, mut d) = pair();
        d.write_all(b"y").unwrap();
        drop(c.readable().await.unwrap());
        drop(duplicate);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn out_of_band_data_is_a_priority() {
    runtime().block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.set_nonblocking(true).unwrap();
        let client = try_register(client, Interest::PRIORITY).unwrap();
        assert!(poll_once(pin!(client.ready(Interest::PRIORITY))).is_pending());
        socket2::SockRef::from(&server)
            .send_out_of_band(b"!")
            .unwrap();
        let guard = client.ready(Interest::PRIORITY).await.unwrap();
        assert!(guard.ready().is_priority());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn error_of_a_socket_is_waited_for() {
    runtime().block_on(async {
        // Nobody listens there: the answer is an error that waits in the socket.
        let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let fd = try_register(socket, Interest::ERROR).unwrap();
        fd.get_ref().send(b"x").unwrap();
        let guard = fd.ready(Interest::ERROR).await.unwrap();
        assert_eq!(guard.ready(), Ready::ERROR);
    });
}

#[test]
fn interests_add_up_and_are_taken_away() {
    let mut both = Interest::READABLE | Interest::WRITABLE;
    assert!(both.is_readable() && both.is_writable() && !both.is_error());
    assert_eq!(Interest::READABLE.add(Interest::WRITABLE), both);
    assert_eq!(both.remove(Interest::WRITABLE), Some(Interest::READABLE));
    assert_eq!(Interest::READABLE.remove(Interest::READABLE), None);
    assert_eq!(
        Interest::READABLE.remove(Interest::WRITABLE),
        Some(Interest::READABLE)
    );
    both |= Interest::ERROR;
    assert!(both.is_error());
    assert_eq!(format!("{both:?}"), "READABLE | WRITABLE | ERROR");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn priority_is_an_interest_and_a_readiness() {
    assert!(Interest::PRIORITY.is_priority() && !Interest::PRIORITY.is_readable());
    assert_eq!(
        format!("{:?}", Interest::PRIORITY | Interest::WRITABLE),
        "WRITABLE | PRIORITY"
    );
    assert!(Ready::ALL.is_priority() && Ready::PRIORITY.is_priority());
}

#[test]
fn readiness_is_a_set() {
    let mut ready = Ready::READABLE;
    ready |= Ready::WRITE_CLOSED;
    assert!(ready.is_readable() && ready.is_writable() && ready.is_write_closed());
    assert!(!ready.is_read_closed() && !ready.is_error());
    assert_eq!(ready & Ready::READABLE, Ready::READABLE);
    assert_eq!(ready - Ready::READABLE, Ready::WRITE_CLOSED);
    assert!((ready - Ready::ALL).is_empty());
    assert!(Ready::EMPTY < Ready::READABLE);
    assert!(format!("{:?}", Ready::ERROR).contains("is_error: true"));
}
