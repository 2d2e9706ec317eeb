//! tokio-util's codecs.

use std::future::poll_fn;
use std::pin::Pin;

use futures_util::{Sink, SinkExt, Stream};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, LengthDelimitedCodec, LinesCodec, LinesCodecError};

use crate::tcp_pair;

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

async fn feed_and_close<S, T>(sink: &mut S, items: impl IntoIterator<Item = T>)
where
    S: Sink<T> + Unpin,
    S::Error: std::fmt::Debug,
{
    for item in items {
        sink.feed(item).await.unwrap();
    }
    sink.close().await.unwrap();
}

#[zokio::test]
async fn lines_travel_over_tcp_both_ways() {
    let (client, server) = tcp_pair().await;
    let echo = zokio::spawn(async move {
        let mut lines = Framed::new(server, LinesCodec::new());
        while let Some(line) = next(&mut lines).await {
            lines.send(line.unwrap().to_uppercase()).await.unwrap();
        }
    });
    let mut lines = Framed::new(client, LinesCodec::new());
    for (sent, answer) in [("one", "ONE"), ("two", "TWO")] {
        lines.send(sent).await.unwrap();
        assert_eq!(next(&mut lines).await.unwrap().unwrap(), answer);
    }
    drop(lines);
    echo.await.unwrap();
}

#[zokio::test]
async fn line_that_is_too_long_is_an_error_and_the_next_is_read() {
    let (client, server) = tcp_pair().await;
    let mut sender = Framed::new(client, LinesCodec::new());
    feed_and_close(&mut sender, ["far too long", "short"]).await;
    let mut lines = Framed::new(server, LinesCodec::new_with_max_length(5));
    let error = next(&mut lines).await.unwrap().unwrap_err();
    assert!(matches!(error, LinesCodecError::MaxLineLengthExceeded));
    // The stream ends at an error, and begins anew.
    assert!(next(&mut lines).await.is_none());
    assert_eq!(next(&mut lines).await.unwrap().unwrap(), "short");
    assert!(next(&mut lines).await.is_none());
}

#[zokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_frames_arrive_whole() {
    let (client, server) = tcp_pair().await;
    // Larger than the socket's buffers, so that both sides wait for each other.
    let frames: Vec<Bytes> = (1..=3u8).map(|n| vec![n; 3_000_000].into()).collect();
    let sent = frames.clone();
    let sender = zokio::spawn(async move {
        feed_and_close(&mut Framed::new(client, LengthDelimitedCodec::new()), sent).await;
    });
    let mut received = Vec::new();
    let mut server = Framed::new(server, LengthDelimitedCodec::new());
    while let Some(frame) = next(&mut server).await {
        received.push(frame.unwrap().freeze());
    }
    sender.await.unwrap();
    assert!(received == frames);
}
