use std::future::Future;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::{Wakes, assert_yields, now, poll_once, runtime};
use zokio::io::{
    AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, SimplexStream, duplex, simplex,
};

#[test]
fn what_one_end_writes_the_other_reads_both_ways() {
    let (mut a, mut b) = duplex(32);
    let mut bytes = [0; 4];
    now(a.write_all(b"ping")).unwrap();
    now(b.read_exact(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"ping");
    now(b.write_all(b"pong")).unwrap();
    now(a.read_exact(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"pong");
}

#[test]
fn one_direction_s_bytes_take_no_room_of_the_other() {
    let (mut a, mut b) = duplex(4);
    now(a.write_all(b"full")).unwrap();
    now(b.write_all(b"also")).unwrap();
    assert!(poll_once(pin!(a.write(b"x"))).is_pending());
}

#[test]
fn write_takes_what_there_is_room_for() {
    let (mut a, mut b) = duplex(4);
    assert_eq!(now(a.write(b"abcdef")).unwrap(), 4);
    let mut byte = [0];
    now(b.read_exact(&mut byte)).unwrap();
    assert_eq!(now(a.write(b"ef")).unwrap(), 1);
}

#[test]
fn bytes_keep_their_order_around_the_buffer_s_end() {
    let (mut a, mut b) = duplex(5);
    let mut got = Vec::new();
    for round in 0..50_u8 {
        now(a.write_all(&[round, round + 1, round + 2])).unwrap();
        let mut three = [0; 3];
        now(b.read_exact(&mut three)).unwrap();
        got.extend(three);
    }
    let expected: Vec<u8> = (0..50).flat_map(|n| [n, n + 1, n + 2]).collect();
    assert_eq!(got, expected);
}

#[test]
fn several_buffers_are_written_as_far_as_there_is_room() {
    let (mut a, mut b) = duplex(5);
    assert!(a.is_write_vectored());
    let bufs = [
        IoSlice::new(b""),
        IoSlice::new(b"abc"),
        IoSlice::new(b"defg"),
    ];
    assert_eq!(now(a.write_vectored(&bufs)).unwrap(), 5);
    assert!(poll_once(pin!(a.write_vectored(&bufs))).is_pending());
    let mut five = [0; 5];
    now(b.read_exact(&mut five)).unwrap();
    assert_eq!(&five, b"abcde");
}

#[test]
fn reader_is_woken_by_a_write_and_writer_by_a_read() {
    let (mut a, mut b) = duplex(1);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut byte = [0];
    assert!(pin!(b.read(&mut byte)).poll(&mut cx).is_pending());
    now(a.write(b"x")).unwrap();
    assert_eq!(wakes.count(), 1);
    assert!(pin!(a.write(b"y")).poll(&mut cx).is_pending());
    now(b.read(&mut byte)).unwrap();
    assert_eq!(wakes.count(), 2);
}

#[test]
fn only_the_latest_task_that_polled_is_woken() {
    let (mut a, mut b) = duplex(1);
    let ((first, one), (second, two)) = (Wakes::new(), Wakes::new());
    for waker in [&one, &two] {
        let mut cx = Context::from_waker(waker);
        assert!(pin!(b.read(&mut [0])).poll(&mut cx).is_pending());
    }
    now(a.write(b"x")).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn operations_of_no_bytes_are_ready_and_wake_nobody() {
    let (mut a, mut b) = duplex(1);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(b.read(&mut [0])).poll(&mut cx).is_pending());
    assert_eq!(now(a.write(b"")).unwrap(), 0);
    assert_eq!(wakes.count(), 0);
    now(a.write(b"x")).unwrap();
    // Full: nothing to write is still possible.
    assert_eq!(now(a.write(b"")).unwrap(), 0);
    assert_eq!(now(a.write_vectored(&[IoSlice::new(b"")])).unwrap(), 0);
    assert_eq!(now(b.read(&mut [])).unwrap(), 0);
}

#[test]
fn dropped_end_lets_the_other_read_the_rest_and_then_the_end() {
    let (mut a, mut b) = duplex(8);
    now(a.write_all(b"rest")).unwrap();
    drop(a);
    let mut rest = String::new();
    now(b.read_to_string(&mut rest)).unwrap();
    assert_eq!(rest, "rest");
    let error = now(b.write(b"x")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn write_to_a_closed_end_fails_even_if_it_is_of_no_bytes() {
    let (a, mut b) = duplex(8);
    drop(a);
    for kind in [
        now(b.write(b"")).unwrap_err().kind(),
        now(b.write_vectored(&[])).unwrap_err().kind(),
    ] {
        assert_eq!(kind, io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn drop_wakes_who_waits_at_the_other_end() {
    let (mut a, b) = duplex(1);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    now(a.write(b"x")).unwrap();
    assert!(pin!(a.write(b"y")).poll(&mut cx).is_pending());
    drop(b);
    assert_eq!(wakes.count(), 1);
    let failed = now(a.write(b"y")).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    let (mut a, b) = duplex(1);
    assert!(pin!(a.read(&mut [0])).poll(&mut cx).is_pending());
    drop(b);
    assert_eq!(wakes.count(), 2);
    assert_eq!(now(a.read(&mut [0])).unwrap(), 0);
}

#[test]
fn shutdown_ends_one_direction() {
    let (mut a, mut b) = duplex(8);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(b.read(&mut [0])).poll(&mut cx).is_pending());
    now(a.shutdown()).unwrap();
    assert_eq!(wakes.count(), 1);
    assert_eq!(now(b.read(&mut [0])).unwrap(), 0);
    assert!(now(a.write(b"x")).is_err());
    now(b.write_all(b"back")).unwrap();
    let mut back = [0; 4];
    now(a.read_exact(&mut back)).unwrap();
    assert_eq!(&back, b"back");
}

#[test]
fn dropped_end_drops_the_wakers_that_it_left() {
    let (mut a, b) = duplex(1);
    let (wakes, waker) = Wakes::new();
    {
        let mut cx = Context::from_waker(&waker);
        assert!(pin!(a.read(&mut [0])).poll(&mut cx).is_pending());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 2);
    drop(a);
    assert_eq!(Arc::strong_count(&wakes), 1);
    drop(b);
}

/// A waker that uses the stream when it is woken.
struct Uses(
    Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    AtomicBool,
);

impl Wake for Uses {
    fn wake(self: Arc<Self>) {
        let mut future = self.0.lock().unwrap().take().unwrap();
        let _ = poll_once(future.as_mut());
        self.1.store(true, Ordering::SeqCst);
    }
}

fn uses(future: impl Future<Output = ()> + Send + 'static) -> (Arc<Uses>, Waker) {
    let uses = Arc::new(Uses(
        Mutex::new(Some(Box::pin(future))),
        AtomicBool::new(false),
    ));
    (uses.clone(), uses.into())
}

fn park_reader(stream: &mut DuplexStream, waker: &Waker) {
    let mut cx = Context::from_waker(waker);
    assert!(pin!(stream.read(&mut [0])).poll(&mut cx).is_pending());
}

#[test]
fn waker_that_uses_the_stream_finds_it_unlocked() {
    // The second end of the same direction is not to be had: so the waker drops the reader.
    let (mut a, mut b) = duplex(1);
    let reader = Arc::new(Mutex::new(None::<DuplexStream>));
    let inside = reader.clone();
    let (used, waker) = uses(async move {
        let mut stream = inside.lock().unwrap().take().unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
    });
    park_reader(&mut b, &waker);
    *reader.lock().unwrap() = Some(b);
    now(a.write(b"x")).unwrap();
    assert!(used.1.load(Ordering::SeqCst));
}

#[test]
fn waker_that_uses_the_stream_at_a_shutdown_finds_it_unlocked() {
    let (mut a, mut b) = duplex(1);
    let reader = Arc::new(Mutex::new(None::<DuplexStream>));
    let inside = reader.clone();
    let (used, waker) = uses(async move {
        let mut stream = inside.lock().unwrap().take().unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    });
    park_reader(&mut b, &waker);
    *reader.lock().unwrap() = Some(b);
    now(a.shutdown()).unwrap();
    assert!(used.1.load(Ordering::SeqCst));
}

#[test]
fn waker_that_is_replaced_is_dropped_outside_of_the_lock() {
    struct Owner(#[expect(dead_code, reason = "owned to be dropped")] Mutex<DuplexStream>);
    impl Wake for Owner {
        fn wake(self: Arc<Self>) {}
    }
    // The waker owns the other end: dropping it closes this stream.
    let (a, mut b) = duplex(1);
    let waker = Waker::from(Arc::new(Owner(Mutex::new(a))));
    park_reader(&mut b, &waker);
    drop(waker);
    // The stream is polled with another waker; the first goes, and with it the other end.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(b.read(&mut [0])).poll(&mut cx).is_pending());
    assert_eq!(now(b.read(&mut [0])).unwrap(), 0, "closed by the drop");
}

#[test]
fn tasks_talk_through_a_duplex_stream() {
    runtime().block_on(async {
        let (mut a, mut b) = duplex(3);
        let writer = zokio::spawn(async move {
            for n in 0..100_u8 {
                a.write_all(&[n; 7]).await.unwrap();
            }
        });
        let mut got = Vec::new();
        b.read_to_end(&mut got).await.unwrap();
        writer.await.unwrap();
        let expected: Vec<u8> = (0..100).flat_map(|n| [n; 7]).collect();
        assert_eq!(got, expected);
    });
}

#[test]
fn threads_talk_through_a_duplex_stream() {
    let runtime = zokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (a, mut b) = duplex(7);
        let (_a_read, mut a_write) = zokio::io::split(a);
        let writer = zokio::spawn(async move {
            for n in 0..2_000_u32 {
                a_write.write_all(&n.to_le_bytes()).await.unwrap();
            }
        });
        for n in 0..2_000_u32 {
            let mut word = [0; 4];
            b.read_exact(&mut word).await.unwrap();
            assert_eq!(u32::from_le_bytes(word), n);
        }
        writer.await.unwrap();
    });
}

#[test]
fn duplex_between_ready_ends_yields() {
    assert_yields(async {
        let (mut a, mut b) = duplex(4);
        for _ in 0..100_000 {
            a.write_all(b"ping").await.unwrap();
            b.read_exact(&mut [0; 4]).await.unwrap();
        }
    });
}

#[test]
fn simplex_carries_one_way() {
    let (mut receiver, mut sender) = simplex(8);
    now(sender.write_all(b"ping")).unwrap();
    let mut bytes = [0; 4];
    now(receiver.read_exact(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"ping");
}

#[test]
fn simplex_waits_for_room_and_for_bytes() {
    let (mut receiver, mut sender) = simplex(2);
    assert!(poll_once(pin!(receiver.read(&mut [0]))).is_pending());
    assert_eq!(now(sender.write(b"abc")).unwrap(), 2);
    assert!(poll_once(pin!(sender.write(b"c"))).is_pending());
}

#[test]
fn simplex_ends_by_shutdown_only() {
    let (mut receiver, mut sender) = simplex(8);
    now(sender.write_all(b"rest")).unwrap();
    now(sender.shutdown()).unwrap();
    let failed = now(sender.write(b"x")).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
    let mut rest = String::new();
    now(receiver.read_to_string(&mut rest)).unwrap();
    assert_eq!(rest, "rest");
    let (mut receiver, sender) = simplex(8);
    drop(sender);
    assert!(poll_once(pin!(receiver.read(&mut [0]))).is_pending());
}

#[test]
fn simplex_halves_are_put_together_again() {
    let (receiver, mut sender) = simplex(8);
    now(sender.write_all(b"hello")).unwrap();
    let mut whole: SimplexStream = receiver.unsplit(sender);
    let mut bytes = [0; 5];
    now(whole.read_exact(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"hello");
}

#[test]
fn unsplit_stream_writes_and_reads() {
    let mut stream = SimplexStream::new_unsplit(4);
    assert!(stream.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
    assert_eq!(now(stream.write_vectored(&bufs)).unwrap(), 4);
    let mut bytes = [0; 4];
    now(stream.read_exact(&mut bytes)).unwrap();
    assert_eq!(&bytes, b"abcd");
}

#[test]
fn room_for_nothing_panics() {
    for make in [
        || drop(duplex(0)),
        || drop(simplex(0)),
        || drop(SimplexStream::new_unsplit(0)),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(make)).unwrap_err();
        let text = panic.downcast_ref::<&str>().unwrap();
        assert_eq!(*text, "`max_buf_size` must be greater than 0");
    }
}

#[test]
fn debug_does_not_wait_for_anybody() {
    let (a, _b) = duplex(4);
    assert!(format!("{a:?}").starts_with("DuplexStream"));
    assert!(matches!(poll_once(pin!(async { a })), Poll::Ready(_)));
}

#[cfg(feature = "telemetry")]
#[test]
fn parked_task_shows_what_it_waits_for() {
    use zokio::telemetry::Snapshot;
    let runtime = runtime();
    let (mut a, mut b) = duplex(1);
    let reader = runtime.spawn(async move { b.read(&mut [0]).await });
    runtime.block_on(zokio::task::yield_now());
    let waits = |of: &Snapshot| -> Vec<(&'static str, &'static str)> {
        let tasks = of.tasks.iter().flat_map(|task| &task.waits);
        tasks.map(|w| (w.kind, w.operation)).collect()
    };
    let seen = waits(&Snapshot::capture(runtime.handle()));
    assert_eq!(seen, [("duplex", "read")]);
    now(a.write(b"x")).unwrap();
    runtime.block_on(reader).unwrap().unwrap();
    assert!(waits(&Snapshot::capture(runtime.handle())).is_empty());
}

#[test]
fn end_that_is_dropped_closes_both_directions_although_a_waker_panics() {
    struct Panicking;

    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }

    let (a, mut b) = duplex(4);
    let waker = Waker::from(Arc::new(Panicking));
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(b.read(&mut [0])).poll(&mut cx).is_pending());
    catch_unwind(AssertUnwindSafe(|| drop(a))).unwrap_err();
    let error = now(b.write(b"x")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
