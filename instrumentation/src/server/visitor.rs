//! The client of one connection, and what it may ask for.
//!
//! A call counts from its header to the last byte of its answer. One too many is answered with the
//! reason; HTTP/2 is told of a higher number ([`HARD_MAX_STREAMS`]), since a client that keeps to the
//! number it is told waits in silence instead of asking.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;
use zokio::time::Instant;

use super::places::Place;
use crate::security::Refusal;
use crate::security::bucket::{Bucket, Rate};
use crate::security::peers::{IsPaid, Peer};

/// Calls that one connection may have under way.
pub(crate) const MAX_CALLS: u32 = 16;

/// Streams that HTTP/2 opens: room for the answer to a call too many.
pub(crate) const HARD_MAX_STREAMS: u32 = 2 * MAX_CALLS;

/// What headers may take: names, values, and 32 bytes each, as HTTP/2 counts.
pub(crate) const MAX_HEADER_BYTES: usize = 16 * 1024;

/// From here on headers are not even read: room for the answer to those that are too large.
pub(crate) const HARD_MAX_HEADER_BYTES: u32 = 2 * MAX_HEADER_BYTES as u32;

/// Requests on one connection. Less than what its [peer](crate::security::peers) may send, so one
/// connection that asks too often leaves the others of its address something.
pub(crate) const REQUESTS: Rate = Rate {
    burst: 250,
    per_second: 50,
};

/// Those of them that are not counted against its peer, on a connection that was let in once: who
/// watches goes on watching, however often other programs of the same machine ask.
const OWN_SHARE: Rate = Rate {
    burst: 10,
    per_second: 2,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) peer: Peer,
    pub(crate) place: Arc<Place>,
    /// Why all of its requests are refused, if they are.
    pub(crate) refusal: Option<Refusal>,
    calls: Arc<AtomicU32>,
    requests: Mutex<Requests>,
}

#[derive(Debug)]
struct Requests {
    all: Bucket,
    own: Option<Bucket>,
}

impl Visitor {
    pub(crate) fn new(peer: Peer, place: Arc<Place>, refusal: Option<Refusal>) -> Visitor {
        Visitor {
            peer,
            place,
            refusal,
            calls: Arc::default(),
            requests: Mutex::new(Requests {
                all: Bucket::new(REQUESTS, Instant::now()),
                own: None,
            }),
        }
    }

    /// Counts a call, and says why it goes no further, if the connection has had its share; else
    /// whether it is paid for, or is still to be counted against the peer.
    pub(crate) fn begin(&self, head: &Parts) -> (Call, Result<IsPaid, Refusal>) {
        let before = self.calls.fetch_add(1, Ordering::Relaxed);
        let call = Call(Arc::clone(&self.calls));
        let judged = match self.refusal {
            Some(refusal) => Err(refusal),
            None if before >= MAX_CALLS => Err(Refusal::TooManyCalls),
            None => check_size(head).and_then(|()| self.count()),
        };
        (call, judged)
    }

    /// A request has passed the gate.
    pub(crate) fn let_in(&self) {
        self.place.settle();
        let new = || Bucket::new(OWN_SHARE, Instant::now());
        self.requests().own.get_or_insert_with(new);
    }

    fn count(&self) -> Result<IsPaid, Refusal> {
        let now = Instant::now();
        let mut requests = self.requests();
        let taken = requests.all.take(now);
        taken.map_err(|_| Refusal::TooManyOnConnection)?;
        let own = requests.own.as_mut();
        Ok(IsPaid(own.is_some_and(|own| own.take(now).is_ok())))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_size(head: &Parts) -> Result<(), Refusal> {
    let each = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + 32
    };
    let path = head.uri.path_and_query().map_or(0, |p| p.as_str().len());
    let size = path + head.headers.iter().map(each).sum::<usize>();
    if size > MAX_HEADER_BYTES {
        return Err(Refusal::HeadersTooLarge(size));
    }
    Ok(())
}

/// A call that is under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Call(Arc<AtomicU32>);

impl Call {
    /// The call goes on until this body has ended or the client has left.
    pub(crate) fn until_end_of(self, body: Body) -> Body {
        Body::new(Answer { body, _call: self })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer.
struct Answer {
    body: Body,
    _call: Call,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
