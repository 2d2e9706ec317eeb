//! `zokio::stream::wrappers`: what each wrapper yields, how it ends, what it says of its size.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use zokio::stream::Stream;
use zokio::stream::wrappers::errors::BroadcastStreamRecvError;
use zokio::stream::wrappers::*;
use zokio::sync::{broadcast, mpsc, watch};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

/// Polls once, outside of any task.
fn poll_once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    Pin::new(stream).poll_next(&mut Context::from_waker(Waker::noop()))
}

async fn collect<S: Stream + Unpin>(mut stream: S) -> Vec<S::Item> {
    let mut items = Vec::new();
    while let Some(item) = next(&mut stream).await {
        items.push(item);
    }
    items
}

#[zokio::test]
async fn receiver_stream_ends_after_the_last_message() {
    let (sender, receiver) = mpsc::channel(4);
    for n in 0..3 {
        sender.send(n).await.unwrap();
    }
    drop(sender);
    assert_eq!(collect(ReceiverStream::new(receiver)).await, [0, 1, 2]);
}

#[zokio::test]
async fn receiver_stream_wakes_for_a_message() {
    let (sender, receiver) = mpsc::channel(1);
    let mut stream = ReceiverStream::from(receiver);
    let got = zokio::spawn(async move { next(&mut stream).await });
    zokio::task::yield_now().await;
    sender.send(7).await.unwrap();
    assert_eq!(got.await.unwrap(), Some(7));
}

#[zokio::test]
async fn receiver_stream_that_is_closed_yields_what_was_sent() {
    let (sender, receiver) = mpsc::channel(4);
    sender.send(1).await.unwrap();
    let mut stream = ReceiverStream::new(receiver);
    stream.close();
    assert!(sender.send(2).await.is_err());
    assert_eq!(collect(stream).await, [1]);
}

#[zokio::test]
async fn receiver_stream_counts_outstanding_permits_once_closed() {
    let (sender, receiver) = mpsc::channel(4);
    sender.send(1).await.unwrap();
    let permit = sender.reserve().await.unwrap();
    let mut stream = ReceiverStream::new(receiver);
    assert_eq!(stream.size_hint(), (1, None));
    stream.close();
    assert_eq!(stream.size_hint(), (1, Some(2)));
    permit.send(2);
    assert_eq!(stream.size_hint(), (2, Some(2)));
    assert_eq!(collect(stream).await, [1, 2]);
}

#[zokio::test]
async fn unbounded_receiver_stream_ends_after_the_last_message() {
    let (sender, receiver) = mpsc::unbounded_channel();
    sender.send("a").unwrap();
    sender.send("b").unwrap();
    let mut stream = UnboundedReceiverStream::from(receiver);
    assert_eq!(stream.size_hint(), (2, None));
    stream.close();
    assert_eq!(stream.size_hint(), (2, Some(2)));
    assert_eq!(collect(stream).await, ["a", "b"]);
    assert!(sender.is_closed());
}

#[zokio::test]
async fn wrapped_receiver_comes_back_with_its_messages() {
    let (sender, receiver) = mpsc::channel(2);
    sender.send(1).await.unwrap();
    let mut stream = ReceiverStream::new(receiver);
    assert_eq!(stream.as_ref().len(), 1);
    assert_eq!(stream.as_mut().try_recv(), Ok(1));
    sender.send(2).await.unwrap();
    assert_eq!(stream.into_inner().recv().await, Some(2));
}

#[zokio::test]
async fn broadcast_stream_yields_messages_then_ends() {
    let (sender, receiver) = broadcast::channel(4);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    drop(sender);
    assert_eq!(
        collect(BroadcastStream::new(receiver)).await,
        [Ok(1), Ok(2)]
    );
}

#[zokio::test]
async fn broadcast_stream_wakes_for_a_message_and_for_the_end() {
    let (sender, receiver) = broadcast::channel(4);
    let all = zokio::spawn(collect(BroadcastStream::from(receiver)));
    for n in 0..3 {
        zokio::task::yield_now().await;
        sender.send(n).unwrap();
    }
    zokio::task::yield_now().await;
    drop(sender);
    assert_eq!(all.await.unwrap(), [Ok(0), Ok(1), Ok(2)]);
}

#[zokio::test]
async fn broadcast_stream_tells_what_was_missed_and_goes_on() {
    let (sender, receiver) = broadcast::channel(2);
    for n in 0..5 {
        sender.send(n).unwrap();
    }
    drop(sender);
    let lagged = BroadcastStreamRecvError::Lagged(3);
    assert_eq!(lagged.to_string(), "channel lagged by 3");
    assert_eq!(
        collect(BroadcastStream::new(receiver)).await,
        [Err(lagged), Ok(3), Ok(4)]
    );
}

#[test]
fn broadcast_stream_keeps_its_place_while_it_waits() {
    let (sender, receiver) = broadcast::channel(4);
    let mut stream = BroadcastStream::new(receiver);
    assert!(poll_once(&mut stream).is_pending());
    assert!(poll_once(&mut stream).is_pending());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some(Ok(1))));
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some(Ok(2))));
    assert!(poll_once(&mut stream).is_pending());
}

#[test]
fn broadcast_stream_dropped_while_it_waits_leaves_the_channel() {
    let (sender, receiver) = broadcast::channel::<u8>(4);
    let mut stream = BroadcastStream::new(receiver);
    assert!(poll_once(&mut stream).is_pending());
    assert_eq!(sender.receiver_count(), 1);
    drop(stream);
    assert_eq!(sender.receiver_count(), 0);
    assert!(sender.send(1).is_err());
}

#[test]
fn watch_stream_begins_with_the_current_value_though_seen() {
    let (sender, mut receiver) = watch::channel("first");
    receiver.borrow_and_update();
    let mut stream = WatchStream::new(receiver);
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some("first")));
    assert!(poll_once(&mut stream).is_pending());
    sender.send("second").unwrap();
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some("second")));
}

#[test]
fn watch_stream_from_changes_begins_with_a_value_not_seen() {
    let (sender, receiver) = watch::channel("first");
    let mut stream = WatchStream::from_changes(receiver);
    assert!(poll_once(&mut stream).is_pending());
    sender.send("second").unwrap();
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some("second")));
}

#[test]
fn watch_stream_skips_values_that_were_replaced() {
    let (sender, receiver) = watch::channel(0);
    let mut stream = WatchStream::from(receiver);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some(2)));
    assert!(poll_once(&mut stream).is_pending());
}

#[test]
fn watch_stream_shows_the_last_value_before_its_end() {
    let (sender, receiver) = watch::channel(0);
    let mut stream = WatchStream::from_changes(receiver);
    assert!(poll_once(&mut stream).is_pending());
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(poll_once(&mut stream), Poll::Ready(Some(1)));
    assert_eq!(poll_once(&mut stream), Poll::Ready(None));
    assert_eq!(poll_once(&mut stream), Poll::Ready(None));
}

#[zokio::test(start_paused = true)]
async fn interval_stream_yields_the_instants_of_its_ticks() {
    let period = Duration::from_secs(1);
    let interval = zokio::time::interval(period);
    let mut stream = IntervalStream::new(interval);
    assert_eq!(stream.size_hint(), (usize::MAX, None));
    let first = next(&mut stream).await.unwrap();
    assert_eq!(next(&mut stream).await, Some(first + period));
    assert_eq!(next(&mut stream).await, Some(first + 2 * period));
    assert_eq!(stream.as_ref().period(), period);
}

#[zokio::test]
async fn tcp_listener_stream_yields_connections() {
    let listener = zokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut stream = TcpListenerStream::new(listener);
    let client = zokio::net::TcpStream::connect(address).await.unwrap();
    let accepted = next(&mut stream).await.unwrap().unwrap();
    assert_eq!(accepted.peer_addr().unwrap(), client.local_addr().unwrap());
    assert_eq!(stream.into_inner().local_addr().unwrap(), address);
}

#[cfg(unix)]
#[zokio::test]
async fn unix_listener_stream_yields_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut stream = UnixListenerStream::new(zokio::net::UnixListener::bind(&path).unwrap());
    let client = zokio::net::UnixStream::connect(&path).await.unwrap();
    let accepted = next(&mut stream).await.unwrap().unwrap();
    drop(client);
    accepted.readable().await.unwrap();
    assert_eq!(accepted.try_read(&mut [0]).unwrap(), 0);
}

#[cfg(unix)]
#[zokio::test]
async fn signal_stream_yields_a_delivery() {
    use zokio::signal::unix::{SignalKind, signal};

    let kind = SignalKind::user_defined2();
    let mut stream = SignalStream::new(signal(kind).unwrap());
    assert!(poll_once(&mut stream).is_pending());
    raise(kind.as_raw_value());
    assert_eq!(next(&mut stream).await, Some(()));
    assert!(poll_once(&mut stream).is_pending());
}

#[cfg(unix)]
fn raise(signal: i32) {
    let killed = std::process::Command::new("kill")
        .args([format!("-{signal}"), std::process::id().to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[zokio::test]
async fn read_dir_stream_yields_every_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    // More than are read in one trip to the pool.
    let mut expected: Vec<String> = (0..40).map(|n| format!("file-{n:02}")).collect();
    for name in &expected {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let stream = ReadDirStream::new(zokio::fs::read_dir(folder.path()).await.unwrap());
    let mut names: Vec<String> = collect(stream)
        .await
        .into_iter()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[zokio::test]
async fn lines_stream_yields_lines_without_their_ends() {
    use zokio::io::{AsyncBufReadExt, BufReader};

    let lines = LinesStream::new(BufReader::new("one\ntwo\r\nthree".as_bytes()).lines());
    let lines: Vec<String> = collect(lines)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(lines, ["one", "two", "three"]);
}

#[zokio::test]
async fn lines_stream_yields_an_error_for_what_is_no_text() {
    use zokio::io::{AsyncBufReadExt, BufReader};

    let mut lines = LinesStream::new(BufReader::new([0xff, b'\n'].as_slice()).lines());
    let error = next(&mut lines).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
}

#[zokio::test]
async fn split_stream_yields_what_is_between_separators() {
    use zokio::io::{AsyncBufReadExt, BufReader};

    let mut parts = pin!(SplitStream::new(
        BufReader::new("a,b,,c".as_bytes()).split(b',')
    ));
    let mut all = Vec::new();
    while let Some(part) = poll_fn(|cx| parts.as_mut().poll_next(cx)).await {
        all.push(part.unwrap());
    }
    assert_eq!(all, [b"a".as_slice(), b"b", b"", b"c"]);
}

#[test]
fn streams_are_as_send_sync_and_unpin_as_what_they_wrap() {
    fn check<T: Send + Sync + Unpin>() {}

    /// May be sent, not shared.
    type NotSync = std::cell::Cell<u8>;
    check::<ReceiverStream<NotSync>>();
    check::<UnboundedReceiverStream<NotSync>>();
    check::<BroadcastStream<NotSync>>();
    check::<WatchStream<u8>>();
    check::<IntervalStream>();
    check::<TcpListenerStream>();
    check::<ReadDirStream>();
}
