use std::io::{IoSlice, SeekFrom};

use super::{assert_yields, now};
use zokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, empty, repeat, sink,
};

/// Enough steps that each takes all budgets that one poll may have, many times over.
const MANY: usize = 100_000;

#[test]
fn empty_reads_nothing() {
    let mut bytes = vec![1];
    assert_eq!(now(empty().read_to_end(&mut bytes)).unwrap(), 0);
    assert_eq!(bytes, [1]);
    assert_eq!(now(empty().read(&mut [0; 4])).unwrap(), 0);
}

#[test]
fn empty_has_an_empty_buffer() {
    let mut stream = empty();
    assert_eq!(now(stream.fill_buf()).unwrap(), b"");
    stream.consume(3);
    let mut line = String::new();
    assert_eq!(now(stream.read_line(&mut line)).unwrap(), 0);
}

#[test]
fn empty_takes_all_that_is_written() {
    let mut stream = empty();
    assert_eq!(now(stream.write(b"hello")).unwrap(), 5);
    assert!(stream.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")];
    assert_eq!(now(stream.write_vectored(&bufs)).unwrap(), 3);
    now(stream.flush()).unwrap();
    now(stream.shutdown()).unwrap();
}

#[test]
fn empty_is_at_its_start_wherever_one_seeks() {
    let mut stream = empty();
    for position in [
        SeekFrom::Start(7),
        SeekFrom::Current(-3),
        SeekFrom::End(i64::MAX),
    ] {
        assert_eq!(now(stream.seek(position)).unwrap(), 0);
    }
    assert_eq!(now(stream.stream_position()).unwrap(), 0);
}

#[test]
fn sink_takes_all_that_is_written() {
    let mut stream = sink();
    assert_eq!(now(stream.write(b"hello")).unwrap(), 5);
    assert!(stream.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
    assert_eq!(now(stream.write_vectored(&bufs)).unwrap(), 3);
    now(stream.flush()).unwrap();
    now(stream.shutdown()).unwrap();
}

#[test]
fn repeat_fills_every_buffer() {
    let mut bytes = [0; 1000];
    now(repeat(7).read_exact(&mut bytes)).unwrap();
    assert_eq!(bytes, [7; 1000]);
    let mut few = Vec::new();
    now(repeat(8).take(3).read_to_end(&mut few)).unwrap();
    assert_eq!(few, [8; 3]);
}

#[test]
fn debug_names_the_stream() {
    assert_eq!(format!("{:?}", empty()), "Empty { .. }");
    assert_eq!(format!("{:?}", sink()), "Sink { .. }");
    assert_eq!(format!("{:?}", repeat(7)), "Repeat { byte: 7 }");
}

/// A test that `$step`, repeated, yields.
macro_rules! yields {
    ($name:ident, $stream:expr, |$s:ident| $step:expr) => {
        #[test]
        fn $name() {
            assert_yields(async {
                let mut $s = $stream;
                for _ in 0..MANY {
                    $step.await.map(|_| ()).unwrap();
                }
            });
        }
    };
}

yields!(reads_of_empty_yield, empty(), |s| s.read(&mut [0; 1]));
yields!(buffered_reads_of_empty_yield, empty(), |s| s.fill_buf());
yields!(writes_to_empty_yield, empty(), |s| s.write(b"x"));
yields!(vectored_writes_to_empty_yield, empty(), |s| s
    .write_vectored(&[IoSlice::new(b"x")]));
yields!(flushes_of_empty_yield, empty(), |s| s.flush());
yields!(shutdowns_of_empty_yield, empty(), |s| s.shutdown());
yields!(seeks_of_empty_yield, empty(), |s| s.rewind());
yields!(reads_of_repeat_yield, repeat(1), |s| s.read(&mut [0; 1]));
yields!(writes_to_sink_yield, sink(), |s| s.write(b"x"));
yields!(vectored_writes_to_sink_yield, sink(), |s| s
    .write_vectored(&[IoSlice::new(b"x")]));
yields!(flushes_of_sink_yield, sink(), |s| s.flush());
yields!(shutdowns_of_sink_yield, sink(), |s| s.shutdown());
