//! Sockets without a runtime, in one that has no I/O, and after its end.

use std::future::Future;
use std::io::ErrorKind;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use zokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use zokio::net::{TcpListener, TcpStream, UdpSocket};
use zokio::runtime::{Builder, Runtime};

use crate::support::{ANY, panic_of, poll_once, tcp_pair};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn assert_shutdown<T>(result: Poll<std::io::Result<T>>) {
    let Poll::Ready(Err(error)) = result else {
        panic!("it does not fail");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
    let text = error.to_string();
    assert!(
        text.contains("context was found, but it is being shutdown."),
        "{text}"
    );
}

/// A pair that has outlived its runtime.
fn orphans() -> (TcpStream, TcpStream) {
    runtime().block_on(tcp_pair())
}

fn assert_no_reactor((text, file): (String, String), place: bool) {
    assert!(text.starts_with("there is no reactor running"), "{text}");
    if place {
        assert!(file.ends_with("tests/net/lifecycle.rs"), "{file}");
    }
}

#[test]
fn from_std_outside_of_a_runtime_panics_at_the_caller() {
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_no_reactor(panic_of(|| TcpListener::from_std(listener)), true);
    let socket = std::net::UdpSocket::bind(ANY).unwrap();
    socket.set_nonblocking(true).unwrap();
    assert_no_reactor(panic_of(|| UdpSocket::from_std(socket)), true);
}

#[test]
fn futures_that_make_sockets_panic_when_polled_outside_of_a_runtime() {
    assert_no_reactor(panic_of(|| poll_once(pin!(TcpListener::bind(ANY)))), false);
    assert_no_reactor(panic_of(|| poll_once(pin!(UdpSocket::bind(ANY)))), false);
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || poll_once(pin!(TcpStream::connect(address)));
    assert_no_reactor(panic_of(connect), false);
}

#[test]
fn panic_of_an_awaited_future_is_at_the_await() {
    let place = |(text, file): (String, String)| {
        assert!(text.starts_with("there is no reactor running"), "{text}");
        assert!(file.ends_with("tests/net/lifecycle.rs"), "{file}");
    };
    place(panic_of(|| {
        poll_once(pin!(async { TcpListener::bind(ANY).await.is_ok() }))
    }));
    place(panic_of(|| {
        poll_once(pin!(async { UdpSocket::bind(ANY).await.is_ok() }))
    }));
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    place(panic_of(|| {
        poll_once(pin!(async { TcpStream::connect(address).await.is_ok() }))
    }));
    place(panic_of(|| {
        poll_once(pin!(async {
            zokio::net::lookup_host("localhost:0").await.is_ok()
        }))
    }));
}

#[test]
fn bind_and_connect_do_nothing_before_they_are_polled() {
    drop(TcpListener::bind(ANY));
    drop(UdpSocket::bind(ANY));
    drop(TcpStream::connect(ANY));
}

#[cfg(unix)]
#[test]
fn unix_sockets_outside_of_a_runtime_panic_at_the_caller() {
    use zokio::net::{UnixDatagram, UnixListener, UnixStream, unix::pipe};
    let folder = crate::support::Folder::new();
    assert_no_reactor(panic_of(|| UnixListener::bind(folder.join("a"))), true);
    assert_no_reactor(panic_of(|| UnixDatagram::bind(folder.join("b"))), true);
    assert_no_reactor(panic_of(UnixStream::pair), false);
    assert_no_reactor(panic_of(|| UnixStream::pair().unwrap()), true);
    assert_no_reactor(panic_of(|| UnixDatagram::pair().unwrap()), true);
    assert_no_reactor(panic_of(|| UnixDatagram::unbound().unwrap()), true);
    assert_no_reactor(panic_of(|| pipe::pipe().unwrap()), true);
}

#[test]
fn runtime_without_io_refuses_sockets_in_words() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (text, file) = panic_of(|| TcpListener::from_std(listener));
    let said = "context was found, but IO is disabled. Call `enable_io` on the runtime builder to \
                enable IO.";
    assert!(text.contains(said), "{text}");
    assert!(file.ends_with("tests/net/lifecycle.rs"), "{file}");
}

#[cfg(all(unix, debug_assertions))]
#[test]
fn blocking_sockets_are_refused_with_a_panic_at_the_caller() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let stream = std::net::TcpStream::connect(address).unwrap();
    let udp = std::net::UdpSocket::bind(ANY).unwrap();
    let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
    let (c, _d) = std::os::unix::net::UnixDatagram::pair().unwrap();
    for (text, file) in [
        panic_of(|| TcpListener::from_std(listener)),
        panic_of(|| TcpStream::from_std(stream)),
        panic_of(|| UdpSocket::from_std(udp)),
        panic_of(|| zokio::net::UnixStream::from_std(a)),
        panic_of(|| zokio::net::UnixDatagram::from_std(c)),
    ] {
        let said = "Registering a blocking socket with the";
        assert!(text.starts_with(said), "{text}");
        assert!(file.ends_with("tests/net/lifecycle.rs"), "{file}");
    }
}

#[test]
fn waits_end_with_an_error_when_the_runtime_ends() {
    let (client, _server) = orphans();
    assert_shutdown(poll_once(pin!(client.readable())));
    assert_shutdown(poll_once(pin!(client.writable())));
    assert_shutdown(poll_once(pin!(client.ready(Interest::READABLE))));
}

#[test]
fn wait_that_began_before_the_end_is_woken_by_it() {
    let runtime = runtime();
    let (client, _server) = runtime.block_on(tcp_pair());
    let (wakes, waker) = crate::support::Wakes::new();
    let mut readable = pin!(client.readable());
    let mut cx = Context::from_waker(&waker);
    assert!(readable.as_mut().poll(&mut cx).is_pending());
    drop(runtime);
    assert_eq!(wakes.count(), 1);
    assert_shutdown(readable.poll(&mut cx));
}

#[test]
fn reading_and_writing_fail_after_the_end() {
    let (mut client, mut server) = orphans();
    assert_shutdown(poll_once(pin!(client.read(&mut [0; 8]))));
    assert_shutdown(poll_once(pin!(server.write(b"x"))));
    assert_shutdown(poll_once(pin!(client.peek(&mut [0; 8]))));
}

#[test]
fn polls_fail_after_the_end() {
    let (client, _server) = orphans();
    let mut cx = Context::from_waker(Waker::noop());
    assert_shutdown(client.poll_read_ready(&mut cx));
    assert_shutdown(client.poll_write_ready(&mut cx));
}

#[test]
fn accept_and_datagrams_fail_after_the_end() {
    let (listener, socket) = runtime().block_on(async {
        (
            TcpListener::bind(ANY).await.unwrap(),
            UdpSocket::bind(ANY).await.unwrap(),
        )
    });
    assert_shutdown(poll_once(pin!(listener.accept())));
    assert_shutdown(poll_once(pin!(socket.recv(&mut [0; 8]))));
    assert_shutdown(poll_once(pin!(socket.send_to(b"x", ANY))));
}

#[test]
fn socket_can_be_taken_out_of_a_runtime_that_has_ended() {
    let (client, server) = orphans();
    let std = client.into_std().unwrap();
    std.set_nonblocking(false).unwrap();
    drop(server);
    assert_eq!(std::io::Read::read(&mut &std, &mut [0; 8]).unwrap(), 0);
}

#[test]
fn socket_works_in_the_runtime_that_it_was_made_in_while_another_polls() {
    let home = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (mut client, mut server) = home.block_on(tcp_pair());
    runtime().block_on(async move {
        let mut byte = [0];
        let (read, wrote) = zokio::join!(client.read_exact(&mut byte), server.write_all(b"x"));
        read.unwrap();
        wrote.unwrap();
        assert_eq!(&byte, b"x");
    });
}

#[test]
fn socket_made_while_the_runtime_ends_fails() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let listener = std::net::TcpListener::bind(ANY).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_shutdown(Poll::Ready(TcpListener::from_std(listener)));
}
