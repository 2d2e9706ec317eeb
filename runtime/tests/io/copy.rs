use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::{Scripted, Step, assert_yields, now, poll_once, runtime};
use zokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf, copy, copy_buf};

#[test]
fn copy_moves_everything_and_says_how_much() {
    let mut reader: &[u8] = b"hello world";
    let mut writer = Scripted::default();
    assert_eq!(now(copy(&mut reader, &mut writer)).unwrap(), 11);
    assert_eq!(writer.written, b"hello world");
    assert_eq!(writer.flushed, 1);
    assert_eq!(writer.shut_down, 0);
}

#[test]
fn copy_of_nothing_flushes() {
    let mut writer = Scripted::default();
    assert_eq!(now(copy(&mut zokio::io::empty(), &mut writer)).unwrap(), 0);
    assert_eq!(writer.flushed, 1);
}

#[test]
fn copy_of_more_than_its_buffer() {
    let bytes: Vec<u8> = (0..100_000_u32).map(|n| n as u8).collect();
    let mut writer = Vec::new();
    assert_eq!(now(copy(&mut &bytes[..], &mut writer)).unwrap(), 100_000);
    assert_eq!(writer, bytes);
}

#[test]
fn copy_takes_streams_behind_dyn() {
    let mut reader: &[u8] = b"dyn";
    let mut writer = Vec::new();
    let from: &mut (dyn AsyncRead + Unpin) = &mut reader;
    let to: &mut (dyn zokio::io::AsyncWrite + Unpin) = &mut writer;
    assert_eq!(now(copy(from, to)).unwrap(), 3);
}

#[test]
fn copy_goes_on_after_short_writes() {
    let mut reader: &[u8] = b"abcdef";
    let mut writer = Scripted::writing([Step::Take(1), Step::Take(2)]);
    assert_eq!(now(copy(&mut reader, &mut writer)).unwrap(), 6);
    assert_eq!(writer.written, b"abcdef");
}

#[test]
fn copy_repeats_what_was_interrupted() {
    let interrupted = || Step::Fail(io::ErrorKind::Interrupted);
    let mut reader = Scripted::reading([interrupted(), Step::Read(b"ab"), interrupted()]);
    let mut writer = Scripted::writing([interrupted(), interrupted()]);
    assert_eq!(now(copy(&mut reader, &mut writer)).unwrap(), 2);
    assert_eq!(writer.written, b"ab");
}

#[test]
fn copy_does_not_repeat_an_interrupted_flush() {
    let mut reader: &[u8] = b"a";
    let mut writer = Scripted::default();
    writer
        .flushes
        .push_back(Step::Fail(io::ErrorKind::Interrupted));
    let error = now(copy(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
}

#[test]
fn copy_ends_with_the_error_of_the_reader() {
    let mut reader = Scripted::reading([Step::Fail(io::ErrorKind::NotFound)]);
    let error = now(copy(&mut reader, &mut Vec::new())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn copy_ends_with_the_error_of_the_writer() {
    let mut reader: &[u8] = b"a";
    let mut writer = Scripted::writing([Step::Fail(io::ErrorKind::BrokenPipe)]);
    let error = now(copy(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn copy_to_a_writer_that_takes_nothing_is_an_error() {
    let mut reader: &[u8] = b"a";
    let mut writer = Scripted::writing([Step::Take(0)]);
    let error = now(copy(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    assert_eq!(error.to_string(), "write zero byte into writer");
}

#[test]
fn copy_flushes_when_the_reader_has_nothing_yet() {
    let mut reader = Scripted::reading([Step::Read(b"ab"), Step::Wait, Step::Read(b"c")]);
    let mut writer = Scripted::default();
    {
        let mut copying = pin!(copy(&mut reader, &mut writer));
        assert!(poll_once(copying.as_mut()).is_pending());
        assert!(matches!(poll_once(copying), Poll::Ready(Ok(3))));
    }
    assert_eq!(writer.flushed, 2);
    assert_eq!(writer.written, b"abc");
}

#[test]
fn copy_does_not_flush_twice_while_it_waits() {
    let mut reader = Scripted::reading([Step::Read(b"ab"), Step::Wait, Step::Wait, Step::Wait]);
    let mut writer = Scripted::default();
    {
        let mut copying = pin!(copy(&mut reader, &mut writer));
        for _ in 0..3 {
            assert!(poll_once(copying.as_mut()).is_pending());
        }
    }
    assert_eq!(writer.flushed, 1);
}

#[test]
fn copy_reads_on_while_the_writer_waits() {
    // Two reads are there in one write after the wait.
    let mut reader = Scripted::reading([Step::Read(b"ab"), Step::Read(b"cd"), Step::Wait]);
    let mut writer = Scripted::writing([Step::Wait]);
    {
        let mut copying = pin!(copy(&mut reader, &mut writer));
        assert!(poll_once(copying.as_mut()).is_pending());
        assert!(matches!(poll_once(copying), Poll::Ready(Ok(4))));
    }
    assert_eq!(writer.written, b"abcd");
    assert_eq!(writer.sizes, [4]);
}

#[test]
fn copy_that_never_ends_yields() {
    assert_yields(async {
        struct Endless(usize);
        impl AsyncRead for Endless {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.0 += 1;
                if self.0 < 100_000 {
                    buf.put_slice(b"x");
                }
                Poll::Ready(Ok(()))
            }
        }
        copy(&mut Endless(0), &mut Vec::new()).await.unwrap();
    });
}

#[test]
fn copy_buf_moves_everything_and_says_how_much() {
    let mut reader: &[u8] = b"hello world";
    let mut writer = Scripted::default();
    assert_eq!(now(copy_buf(&mut reader, &mut writer)).unwrap(), 11);
    assert_eq!(writer.written, b"hello world");
    assert_eq!(writer.flushed, 1);
}

#[test]
fn copy_buf_leaves_what_was_not_written_in_the_reader() {
    let mut reader: &[u8] = b"abcd";
    let mut writer = Scripted::writing([Step::Take(3), Step::Fail(io::ErrorKind::BrokenPipe)]);
    let error = now(copy_buf(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(reader, b"d");
}

#[test]
fn copy_buf_repeats_what_was_interrupted() {
    let interrupted = || Step::Fail(io::ErrorKind::Interrupted);
    let mut reader = BufReader::new(Scripted::reading([interrupted(), Step::Read(b"ab")]));
    let mut writer = Scripted::writing([interrupted(), Step::Take(1), interrupted()]);
    assert_eq!(now(copy_buf(&mut reader, &mut writer)).unwrap(), 2);
    assert_eq!(writer.written, b"ab");
}

#[test]
fn copy_buf_to_a_writer_that_takes_nothing_is_an_error() {
    let mut reader: &[u8] = b"a";
    let mut writer = Scripted::writing([Step::Take(0)]);
    let error = now(copy_buf(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn copy_buf_flushes_when_the_reader_has_nothing_yet() {
    let mut reader = BufReader::new(Scripted::reading([Step::Read(b"ab"), Step::Wait]));
    let mut writer = Scripted::default();
    {
        let mut copying = pin!(copy_buf(&mut reader, &mut writer));
        assert!(poll_once(copying.as_mut()).is_pending());
        assert!(matches!(poll_once(copying), Poll::Ready(Ok(2))));
    }
    assert_eq!(writer.flushed, 2);
}

#[test]
fn copy_buf_that_never_ends_yields() {
    assert_yields(async {
        struct Endless(usize);
        impl AsyncRead for Endless {
            fn poll_read(
                self: Pin<&mut Self>,
                _: &mut Context<'_>,
                _: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }
        }
        impl AsyncBufRead for Endless {
            fn poll_fill_buf(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<io::Result<&[u8]>> {
                self.0 += 1;
                let end = self.0 == 100_000;
                Poll::Ready(Ok(if end { b"" } else { b"x" }))
            }
            fn consume(self: Pin<&mut Self>, _: usize) {}
        }
        copy_buf(&mut Endless(0), &mut Vec::new()).await.unwrap();
    });
}

#[test]
fn copy_between_sockets_ends_with_the_stream() {
    runtime().block_on(async {
        use zokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut a, mut front) = zokio::io::duplex(16);
        let (mut back, mut b) = zokio::io::duplex(16);
        let copying = zokio::spawn(async move {
            let n = copy(&mut front, &mut back).await;
            back.shutdown().await.unwrap();
            n
        });
        let sent = vec![7; 1000];
        let expected = sent.clone();
        zokio::spawn(async move {
            a.write_all(&sent).await.unwrap();
        });
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.unwrap();
        assert_eq!(got, expected);
        assert_eq!(copying.await.unwrap().unwrap(), 1000);
    });
}
