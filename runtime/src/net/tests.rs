use super::*;
use crate::driver::testing::CountingWaker;
use crate::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest, ReadBuf};
use crate::runtime::{Builder, Runtime};
#[cfg(feature = "telemetry")]
use crate::telemetry::{current, waits};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn run<T>(future: impl Future<Output = io::Result<T>>) -> T {
    runtime().block_on(future).unwrap()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn panic_message(f: impl FnOnce()) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_err();
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&'static str>().unwrap().to_string(),
    }
}

async fn tcp_pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(ANY).await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!(peer, client.local_addr()?);
    Ok((client, server))
}

#[test]
fn tcp_echo_over_loopback() {
    run(async {
        let listener = TcpListener::bind(ANY).await?;
        let address = listener.local_addr()?;
        let server = crate::task::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await? {
                    0 => return io::Result::Ok(()),
                    n => stream.write_all(&buffer[..n]).await?,
                }
            }
        });
        let mut client = TcpStream::connect(address).await?;
        for round in 0..100u8 {
            let sent = vec![round; 1 + usize::from(round) * 30];
            client.write_all(&sent).await?;
            let mut got = vec![0; sent.len()];
            client.read_exact(&mut got).await?;
            assert_eq!(got, sent);
        }
        client.shutdown().await?;
        assert_eq!(client.read(&mut [0; 16]).await?, 0);
        server.await.unwrap()
    });
}

#[test]
fn tcp_moves_more_than_the_kernel_buffers() {
    const LEN: usize = 8 << 20;
    run(async {
        let (client, mut server) = tcp_pair().await?;
        let (mut reading, mut writing) = client.into_split();
        let writer = crate::task::spawn(async move {
            let block: Vec<u8> = (0..LEN).map(|i| (i % 251) as u8).collect();
            writing.write_all(&block).await.unwrap();
        });
        let echo = crate::task::spawn(async move {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.unwrap();
            server.write_all(&all).await.unwrap();
        });
        let mut got = Vec::new();
        reading.read_to_end(&mut got).await?;
        assert_eq!(got.len(), LEN);
        assert!(
            got.iter()
                .enumerate()
                .all(|(i, byte)| *byte == (i % 251) as u8)
        );
        writer.await.unwrap();
        echo.await.unwrap();
        Ok(())
    });
}

#[test]
fn accepted_connections_come_one_by_one() {
    run(async {
        let listener = TcpListener::bind(ANY).await?;
        let address = listener.local_addr()?;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(TcpStream::connect(address).await?);
        }
        for client in &clients {
            let (server, peer) = listener.accept().await?;
            assert_eq!(peer, client.local_addr()?);
            drop(server);
        }
        assert!(poll_once(pin!(listener.accept())).is_pending());
        Ok(())
    });
}

#[test]
fn several_tasks_may_accept_at_once() {
    run(async {
        let listener = Arc::new(TcpListener::bind(ANY).await?);
        let address = listener.local_addr()?;
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let listener = Arc::clone(&listener);
                crate::task::spawn(async move { listener.accept().await.map(|(s, _)| s) })
            })
            .collect();
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(TcpStream::connect(address).await?);
        }
        for task in tasks {
            task.await.unwrap()?;
        }
        Ok(())
    });
}

#[test]
fn connect_to_nobody_is_refused() {
    let refused = runtime().block_on(async {
        let listener = TcpListener::bind(ANY).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        TcpStream::connect(address).await.unwrap_err()
    });
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn connect_tries_the_next_address() {
    run(async {
        let gone = TcpListener::bind(ANY).await?.into_std()?.local_addr()?;
        let listener = TcpListener::bind(ANY).await?;
        let all = [gone, listener.local_addr()?];
        let stream = TcpStream::connect(&all[..]).await?;
        assert_eq!(stream.peer_addr()?, all[1]);
        let none: &[SocketAddr] = &[];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.to_string(), "could not resolve to any address");
        Ok(())
    });
}

#[test]
fn names_are_looked_up() {
    run(async {
        let listener = TcpListener::bind("localhost:0").await?;
        let port = listener.local_addr()?.port();
        TcpStream::connect(("localhost", port)).await?;
        TcpStream::connect(format!("localhost:{port}")).await?;
        let found: Vec<SocketAddr> = lookup_host("127.0.0.1:80").await?.collect();
        assert_eq!(
            found,
            [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80)]
        );
        for malformed in ["localhost", "localhost:port", "localhost:99999"] {
            let error = lookup_host(malformed).await.map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{malformed}");
        }
        Ok(())
    });
}

#[test]
fn try_read_and_try_write_tell_when_they_would_block() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let mut buffer = [0; 64];
        let blocked = client.try_read(&mut buffer).unwrap_err();
        assert_eq!(blocked.kind(), ErrorKind::WouldBlock);
        assert!(poll_once(pin!(client.readable())).is_pending());
        server.writable().await?;
        assert_eq!(server.try_write(b"hello")?, 5);
        client.readable().await?;
        let (mut a, mut b) = ([0; 2], [0; 8]);
        let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(client.try_read_vectored(&mut parts)?, 5);
        assert_eq!((&a, &b[..3]), (b"he", b"llo".as_slice()));
        let block = vec![0; 1 << 20];
        loop {
            match server.try_write(&block) {
                Ok(n) => assert!(n > 0),
                Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert!(poll_once(pin!(server.writable())).is_pending());
        Ok(())
    });
}

#[test]
fn ready_says_for_what() {
    run(async {
        let (client, mut server) = tcp_pair().await?;
        let both = Interest::READABLE | Interest::WRITABLE;
        let ready = client.ready(both).await?;
        assert!(ready.is_writable() && !ready.is_readable());
        server.write_all(b"x").await?;
        client.readable().await?;
        assert!(client.ready(both).await?.is_readable());
        drop(server);
        while !client.ready(Interest::READABLE).await?.is_read_closed() {
            let mut buffer = [0; 8];
            let _ = client.try_read(&mut buffer);
        }
        Ok(())
    });
}

#[test]
fn async_io_and_try_io_make_the_callers_system_call() {
    run(async {
        let (client, server) = tcp_pair().await?;
        let mut one = [0];
        let read = || {
            let mut byte = [std::mem::MaybeUninit::uninit()];
            socket2::SockRef::from(&client).recv(&mut byte)
        };
        let blocked = client.try_io(Interest::READABLE, read).unwrap_err();
        assert_eq!(blocked.kind(), ErrorKind::WouldBlock);
        server.writable().await?;
        server.try_write(b"ab")?;
        assert_eq!(client.async_io(Interest::READABLE, read).await?, 1);
        assert_eq!(client.peek(&mut one).await?, 1);
        assert_eq!((client.try_read(&mut one)?, one), (1, *b"b"));
        Ok(())
    });
}

#[test]
fn peek_leaves_the_bytes() {
    run(async {
        let (mut client, mut server) = tcp_pair().await?;
        server.write_all(b"hello").await?;
        let mut buffer = [0; 2];
        assert_eq!(client.peek(&mut buffer).await?, 2);
        let mut memory = [0; 16];
        let mut buf = ReadBuf::new(&mut memory);
        let n = poll_fn(|cx| client.poll_peek(cx, &mut buf)).await?;
        assert_eq!((n, buf.filled()), (5, b"hello".as_slice()));
        let mut all = [0; 5];
        client.read_exact(&mut all).await?;
        assert_eq!(&all, b"hello");
        Ok(())
    });
}

#[test]
fn read_into_an_empty_buffer_does_not_wait() {
    run(async {
        let (mut client, _server) = tcp_pair().await?;
        assert_eq!(client.read(&mut []).await?, 0);
        Ok(())
    });
}

#[test]
fn vectored_write_arrives_in_order() {
    run(async {
        let (mut client, mut server) = tcp_pair().await?;
        assert!(client.is_write_vectored());
        let parts = [
            IoSlice::new(b"one "),
            IoSlice::new(b"two "),
            IoSlice::new(b"three"),
        ];
        assert_eq!(client.write_vectored(&parts).await?, 13);
        client.shutdown().await?;
        client.shutdown().await?;
        let mut text = String::new();
        server.read_to_string(&mut text).await?;
        assert_eq!(text, "one two three");
        Ok(())
    });
}

#[test]
fn borrowed_halves_read_and_write_at_once() {
    run(async {
        let (mut client, mut server) = tcp_pair().await?;
        let (mut reading, mut writing) = client.split();
        writing.write_all(b"ping").await?;
        let mut got = [0; 4];
        server.read_exact(&mut got).await?;
        server.write_all(b"pong").await?;
        reading.read_exact(&mut got).await?;
        assert_eq!(&got, b"pong");
        assert_eq!(reading.peer_addr()?, server.local_addr()?);
        Ok(())
    });
}

#[test]
fn dropping_the_owned_writing_half_ends_the_stream() {
    run(async {
        let (client, mut server) = tcp_pair().await?;
        let (mut reading, writing) = client.into_split();
        drop(writing);
        assert_eq!(server.read(&mut [0; 8]).await?, 0);
        server.write_all(b"still").await?;
        let mut got = [0; 5];
        reading.read_exact(&mut got).await?;
        Ok(())
    });
}

#[test]
fn forgotten_writing_half_ends_nothing() {
    run(async {
        let (client, mut server) = tcp_pair().await?;
        let (reading, writing) = client.into_split();
        writing.forget();
        assert!(poll_once(pin!(server.read(&mut [0; 8]))).is_pending());
        drop(reading);
        assert_eq!(server.read(&mut [0; 8]).await?, 0);
        Ok(())
    });
}

#[test]
fn owned_halves_reunite_only_with_their_own() {
    run(async {
        let (a, b) = tcp_pair().await?;
        let (mut a, mut b) = (a.into_split(), b.into_split());
        let error = a.0.reunite(b.1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "tried to reunite halves that are not from the same socket"
        );
        let tcp::ReuniteError(read, write) = error;
        (a.0, b.1) = (read, write);
        let mut a = a.0.reunite(a.1).unwrap();
        let mut b = b.1.reunite(b.0).unwrap();
        a.write_all(b"whole").await?;
        let mut got = [0; 5];
        b.read_exact(&mut got).await?;
        Ok(())
    });
}

#[test]
fn tcp_options_are_kept() {
    run(async {
        let (client, _server) = tcp_pair().await?;
        client.set_nodelay(true)?;
        assert!(client.nodelay()?);
        client.set_ttl(42)?;
        assert_eq!(client.ttl()?, 42);
        client.set_zero_linger()?;
        assert_eq!(client.linger()?, Some(std::time::Duration::ZERO));
        assert!(client.take_error()?.is_none());
        let listener = TcpListener::bind(ANY).await?;
        listener.set_ttl(17)?;
        assert_eq!(listener.ttl()?, 17);
        assert!(
            format!("{listener:?}").starts_with("TcpListener"),
            "{listener:?}"
        );
        assert!(format!("{client:?}").starts_with("TcpStream"), "{client:?}");
        Ok(())
    });
}

#[test]
fn reset_connection_is_an_error_of_the_reader() {
    run(async {
        let (mut client, server) = tcp_pair().await?;
        server.set_zero_linger()?;
        drop(server);
        let error = client.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        Ok(())
    });
}

#[test]
fn sockets_of_the_standard_library_come_and_go() {
    run(async {
        let listener = std::net::TcpListener::bind(ANY)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let client = TcpStream::connect(listener.local_addr()?)
            .await?
            .into_std()?;
        let (mut server, _) = listener.accept().await?;
        (&client).write_all(b"hi")?;
        let mut got = [0; 2];
        server.read_exact(&mut got).await?;
        let mut client = TcpStream::try_from(client)?;
        server.write_all(b"ho").await?;
        client.read_exact(&mut got).await?;
        assert_eq!(&got, b"ho");
        Ok(())
    });
}

#[test]
fn tcp_socket_binds_listens_and_connects() {
    run(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_keepalive(true)?;
        socket.set_recv_buffer_size(64 * 1024)?;
        assert!(socket.reuseaddr()? && socket.keepalive()?);
        assert!(socket.recv_buffer_size()? >= 64 * 1024);
        socket.bind(ANY.into())?;
        let listener = socket.listen(8)?;
        let client = TcpSocket::new_v4()?;
        client.set_nodelay(true)?;
        client.bind(ANY.into())?;
        let bound = client.local_addr()?;
        let client = client.connect(listener.local_addr()?).await?;
        let (_server, peer) = listener.accept().await?;
        assert_eq!(peer, bound);
        assert!(client.nodelay()?);
        let gone = listener.local_addr()?;
        drop(listener);
        let refused = TcpSocket::new_v4()?.connect(gone).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn udp_sends_and_receives() {
    run(async {
        let (a, b) = (
            UdpSocket::bind(ANY).await?,
            UdpSocket::bind("127.0.0.1:0").await?,
        );
        let (to_a, to_b) = (a.local_addr()?, b.local_addr()?);
        let mut buffer = [0; 64];
        let blocked = b.try_recv_from(&mut buffer).unwrap_err();
        assert_eq!(blocked.kind(), ErrorKind::WouldBlock);
        assert_eq!(a.send_to(b"one", to_b).await?, 3);
        assert_eq!(b.peek_sender().await?, to_a);
        assert_eq!(b.peek_from(&mut buffer).await?, (3, to_a));
        assert_eq!(b.recv_from(&mut buffer).await?, (3, to_a));
        a.connect(to_b).await?;
        b.connect(to_a).await?;
        assert_eq!(a.peer_addr()?, to_b);
        assert_eq!(a.send(b"three").await?, 5);
        let mut memory = [0; 64];
        let mut buf = ReadBuf::new(&mut memory);
        poll_fn(|cx| b.poll_peek(cx, &mut buf)).await?;
        assert_eq!(b.recv(&mut buffer[..2]).await?, 2);
        assert_eq!(
            (buf.filled(), &buffer[..2]),
            (b"three".as_slice(), b"th".as_slice())
        );
        assert_eq!(poll_fn(|cx| a.poll_send_to(cx, b"four", to_b)).await?, 4);
        buf.clear();
        assert_eq!(poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await?, to_a);
        assert_eq!(buf.filled(), b"four");
        let none: &[SocketAddr] = &[];
        let error = a.send_to(b"x", none).await.unwrap_err();
        assert_eq!(error.to_string(), "no addresses to send data to");
        Ok(())
    });
}

#[test]
fn udp_receiver_waits_for_its_datagram() {
    run(async {
        let (a, b) = (
            UdpSocket::bind(ANY).await?,
            Arc::new(UdpSocket::bind(ANY).await?),
        );
        let to_b = b.local_addr()?;
        let receiver = crate::task::spawn(async move {
            let mut buffer = [0; 8];
            b.recv(&mut buffer).await.map(|n| buffer[..n].to_vec())
        });
        crate::time::sleep(crate::time::Duration::from_millis(2)).await;
        a.send_to(b"late", to_b).await?;
        assert_eq!(receiver.await.unwrap()?, b"late");
        a.set_broadcast(true)?;
        assert!(a.broadcast()?);
        let std = a.into_std()?;
        assert!(UdpSocket::from_std(std)?.local_addr()?.port() != 0);
        Ok(())
    });
}

#[cfg(unix)]
#[test]
fn unix_stream_over_a_path() {
    let folder = temporary_folder("stream");
    let path = folder.join("socket");
    run(async {
        let listener = UnixListener::bind(&path)?;
        assert_eq!(listener.local_addr()?.as_pathname(), Some(path.as_path()));
        let mut client = UnixStream::connect(&path).await?;
        let (mut server, peer) = listener.accept().await?;
        assert!(peer.is_unnamed());
        let cred = server.peer_cred()?;
        assert_eq!(cred.uid(), client.peer_cred()?.uid());
        #[cfg(target_os = "linux")]
        assert_eq!(cred.pid(), i32::try_from(std::process::id()).ok());
        client.write_all(b"hello").await?;
        let (mut reading, writing) = client.into_split();
        drop(writing);
        let mut text = String::new();
        server.read_to_string(&mut text).await?;
        assert_eq!(text, "hello");
        drop(server);
        assert_eq!(reading.read(&mut [0; 8]).await?, 0);
        let address = listener.local_addr()?;
        assert!(UnixStream::connect_addr(&address).await.is_ok());
        drop(listener);
        let refused = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        Ok(())
    });
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
#[test]
fn unix_datagrams_over_paths_and_pairs() {
    let folder = temporary_folder("datagram");
    let path = folder.join("socket");
    run(async {
        let (a, b) = UnixDatagram::pair()?;
        let mut buffer = [0; 16];
        a.send(b"one").await?;
        assert_eq!(b.recv(&mut buffer).await?, 3);
        assert_eq!(
            b.try_recv(&mut buffer).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let bound = UnixDatagram::bind(&path)?;
        let sender = UnixDatagram::unbound()?;
        sender.send_to(b"two", &path).await?;
        let (n, from) = bound.recv_from(&mut buffer).await?;
        assert_eq!((&buffer[..n], from.is_unnamed()), (b"two".as_slice(), true));
        Ok(())
    });
    std::fs::remove_dir_all(folder).unwrap();
}

#[cfg(unix)]
fn temporary_folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("zokio-net-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn dropped_sockets_leave_the_driver() {
    let runtime = runtime();
    runtime.block_on(async {
        for _ in 0..50 {
            drop(tcp_pair().await.unwrap());
        }
    });
    let (driver, _) = runtime.handle().driver().snapshot();
    assert_eq!(driver.sources, 0);
    let counted = driver.polls > 0 && driver.events > 0;
    assert_eq!(counted, crate::telemetry::is_enabled());
}

#[test]
fn dropped_wait_leaves_no_waker_behind() {
    run(async {
        let (client, _server) = tcp_pair().await?;
        let counter = CountingWaker::new();
        {
            let waker = counter.waker();
            let mut byte = [0];
            let waiting = pin!(client.peek(&mut byte));
            assert!(waiting.poll(&mut Context::from_waker(&waker)).is_pending());
            let readable = pin!(client.readable());
            assert!(readable.poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(Arc::strong_count(&counter), 1);
        Ok(())
    });
}

#[test]
fn sockets_that_outlive_their_runtime_fail_in_words() {
    let runtime = runtime();
    let (client, _server) = runtime.block_on(tcp_pair()).unwrap();
    drop(runtime);
    let Poll::Ready(Err(error)) = poll_once(pin!(client.readable())) else {
        panic!("still waiting");
    };
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "A zokio context was found, but it is being shutdown."
    );
}

#[test]
fn socket_in_a_runtime_without_io_is_refused_in_words() {
    Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let message = panic_message(|| {
                let _ = poll_once(pin!(TcpListener::bind(ANY)));
            });
            assert_eq!(
                message,
                "A zokio context was found, but IO is disabled. Call `enable_io` on the runtime \
             builder to enable IO."
            );
        });
}

#[test]
fn socket_outside_of_a_runtime_is_refused_in_words() {
    let message = panic_message(|| {
        let _ = poll_once(pin!(TcpListener::bind(ANY)));
    });
    assert!(message.contains("there is no reactor running"), "{message}");
}

#[test]
fn reader_that_never_waits_yields_when_its_budget_is_used_up() {
    run(async {
        let (client, server) = tcp_pair().await?;
        server.writable().await?;
        server.try_write(&[0; 4096])?;
        client.readable().await?;
        let mut client = client;
        let mut byte = [0];
        let read = poll_fn(|cx| {
            let mut read = 0;
            while pin!(client.read(&mut byte)).poll(cx).is_ready() {
                read += 1;
            }
            Poll::Ready(read)
        })
        .await;
        assert!((1..=128).contains(&read), "{read} reads in one poll");
        Ok(())
    });
}

#[cfg(feature = "telemetry")]
fn notes() -> Vec<(&'static str, &'static str, Option<&'static str>, u64)> {
    let task = current::get().task;
    let mut all = Vec::new();
    waits::for_each(|note| {
        if note.task == task {
            let file = note.location.map(|location| location.file());
            all.push((
                note.point.kind(),
                note.point.operation(),
                file,
                note.resource,
            ));
        }
    });
    all.sort_unstable();
    all
}

#[cfg(feature = "telemetry")]
#[test]
fn waits_are_noted_with_the_place_of_their_await_and_their_socket() {
    run(async {
        let listener = TcpListener::bind(ANY).await?;
        let udp = UdpSocket::bind(ANY).await?;
        let (client, _server) = tcp_pair().await?;
        let here = Some(file!());
        {
            let mut byte = [0];
            let accept = pin!(async { listener.accept().await.map(drop) });
            let recv = pin!(async { udp.recv(&mut byte).await.map(drop) });
            let ready = pin!(async { client.readable().await });
            assert!(poll_once(accept).is_pending());
            assert!(poll_once(recv).is_pending());
            assert!(poll_once(ready).is_pending());
            let notes = notes();
            let kinds: Vec<_> = notes.iter().map(|n| (n.0, n.1, n.2)).collect();
            assert_eq!(
                kinds,
                [
                    ("tcp", "accept", here),
                    ("tcp", "ready", here),
                    ("udp", "recv", here)
                ]
            );
            let resources: std::collections::HashSet<u64> = notes.iter().map(|n| n.3).collect();
            assert!(resources.len() == 3 && !resources.contains(&0));
        }
        assert_eq!(notes(), []);
        Ok(())
    });
}

#[cfg(feature = "telemetry")]
#[test]
fn waits_through_the_traits_are_noted_until_the_event() {
    run(async {
        let (mut client, mut server) = tcp_pair().await?;
        let mut byte = [0];
        assert!(poll_once(pin!(client.read(&mut byte))).is_pending());
        let noted: Vec<_> = notes().iter().map(|n| (n.0, n.1, n.2)).collect();
        assert_eq!(noted, [("tcp", "read", None)]);
        server.write_all(b"x").await?;
        client.readable().await?;
        assert_eq!(notes(), []);
        Ok(())
    });
}

#[test]
fn sockets_and_their_futures_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    fn check_send<T: Send>(_: &T) {}
    check::<TcpStream>();
    check::<TcpListener>();
    check::<TcpSocket>();
    check::<UdpSocket>();
    check::<tcp::OwnedReadHalf>();
    check::<tcp::OwnedWriteHalf>();
    check_send(&TcpStream::connect("localhost:1"));
    check_send(&TcpStream::connect(String::new()));
    check_send(&TcpListener::bind(ANY));
    check_send(&lookup_host("localhost:1"));
    run(async {
        let udp = UdpSocket::bind(ANY).await?;
        check_send(&udp.send_to(b"", ANY));
        check_send(&udp.recv_from(&mut [0]));
        Ok(())
    });
}
