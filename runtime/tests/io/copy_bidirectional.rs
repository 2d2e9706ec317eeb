use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use super::{Scripted, Step, assert_yields, now, poll_once, runtime};
use zokio::io::{
    AsyncReadExt, AsyncWriteExt, copy_bidirectional, copy_bidirectional_with_sizes, duplex,
};

#[test]
fn both_directions_are_counted_and_shut_down() {
    let mut a = Scripted::reading([Step::Read(b"ping")]);
    let mut b = Scripted::reading([Step::Read(b"pong!")]);
    assert_eq!(now(copy_bidirectional(&mut a, &mut b)).unwrap(), (4, 5));
    assert_eq!((&*a.written, &*b.written), (&b"pong!"[..], &b"ping"[..]));
    assert_eq!((a.shut_down, b.shut_down), (1, 1));
    assert!(a.flushed > 0 && b.flushed > 0);
}

#[test]
fn end_of_one_direction_leaves_the_other_open() {
    runtime().block_on(async {
        let (mut client, mut front) = duplex(64);
        let (mut back, mut server) = duplex(64);
        let proxy = zokio::spawn(async move { copy_bidirectional(&mut front, &mut back).await });
        client.write_all(b"request").await.unwrap();
        client.shutdown().await.unwrap();
        let mut request = String::new();
        server.read_to_string(&mut request).await.unwrap();
        assert_eq!(request, "request");
        server.write_all(b"answer").await.unwrap();
        server.shutdown().await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "answer");
        assert_eq!(proxy.await.unwrap().unwrap(), (7, 6));
    });
}

#[test]
fn direction_that_waits_does_not_stop_the_other() {
    let mut a = Scripted::reading([Step::Wait, Step::Read(b"later")]);
    let mut b = Scripted::reading([Step::Read(b"now")]);
    {
        let mut copying = pin!(copy_bidirectional(&mut a, &mut b));
        assert!(poll_once(copying.as_mut()).is_pending());
        assert!(matches!(poll_once(copying), Poll::Ready(Ok((5, 3)))));
    }
    assert_eq!(a.written, b"now");
}

#[test]
fn error_of_either_side_ends_both() {
    let mut a = Scripted::reading([Step::Wait]);
    let mut b = Scripted::reading([Step::Fail(io::ErrorKind::NotFound)]);
    let error = now(copy_bidirectional(&mut a, &mut b)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let mut a = Scripted::reading([Step::Read(b"x")]);
    let mut b = Scripted::writing([Step::Fail(io::ErrorKind::BrokenPipe)]);
    let error = now(copy_bidirectional(&mut a, &mut b)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn interrupted_operations_are_repeated() {
    let mut a = Scripted::reading([Step::Fail(io::ErrorKind::Interrupted), Step::Read(b"x")]);
    let mut b = Scripted::writing([Step::Fail(io::ErrorKind::Interrupted)]);
    assert_eq!(now(copy_bidirectional(&mut a, &mut b)).unwrap(), (1, 0));
}

#[test]
fn sizes_bound_each_read() {
    let mut a = Scripted::reading([Step::Read(b"ab"), Step::Read(b"cd")]);
    let mut b = Scripted::reading([Step::Read(b"x")]);
    let counts = now(copy_bidirectional_with_sizes(&mut a, &mut b, 2, 1)).unwrap();
    assert_eq!(counts, (4, 1));
}

#[test]
fn size_of_nothing_panics_when_awaited() {
    for (sizes, text) in [
        ((0, 1), "`a_to_b_buf_size` must be greater than 0"),
        ((1, 0), "`b_to_a_buf_size` must be greater than 0"),
    ] {
        let (mut a, mut b) = (Scripted::default(), Scripted::default());
        let mut copying = Box::pin(copy_bidirectional_with_sizes(
            &mut a, &mut b, sizes.0, sizes.1,
        ));
        let poll = || drop(poll_once(Pin::as_mut(&mut copying)));
        let panic = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
        assert_eq!(*panic.downcast_ref::<&str>().unwrap(), text);
    }
}

#[test]
fn copying_without_end_yields() {
    assert_yields(async {
        let mut a = zokio::io::join(zokio::io::repeat(1), zokio::io::sink());
        let mut b = zokio::io::join(zokio::io::repeat(2), zokio::io::sink());
        copy_bidirectional(&mut a, &mut b).await.unwrap();
    });
}

/// A stream that always has something to read and room to write, and counts.
#[derive(Default)]
struct Busy {
    written: usize,
}

impl zokio::io::AsyncRead for Busy {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &mut zokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        buf.put_slice(b"x");
        Poll::Ready(Ok(()))
    }
}

impl zokio::io::AsyncWrite for Busy {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written += buf.len();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn direction_that_is_always_busy_does_not_starve_the_other() {
    runtime().block_on(async {
        let (mut a, mut b) = (Busy::default(), Busy::default());
        {
            let mut copying = pin!(copy_bidirectional(&mut a, &mut b));
            for _ in 0..2 {
                // A new poll of the task: the budget is full again.
                zokio::task::yield_now().await;
                assert!(poll_once(copying.as_mut()).is_pending());
            }
        }
        assert!(a.written > 0 && b.written > 0);
    });
}
