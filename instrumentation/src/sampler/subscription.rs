//! What one viewer is sent.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use prost::Message as _;
use tonic::Status;
use tonic::codegen::tokio_stream::Stream;
use zokio_console_proto::v1;

use super::view::View;
use crate::mailbox::Mailbox;

/// A viewer's stream of updates. Dropping it ends the subscription.
pub(crate) struct Subscription {
    mailbox: Arc<Mailbox<Arc<View>>>,
    /// What the viewer has. The group keeps the last few views; a viewer that has an older one is sent
    /// the newest whole, so one that reads nothing keeps nothing alive.
    delivered: Weak<View>,
    compact: bool,
}

/// An update as it goes over the wire: what is shared with other viewers, and what is not.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(super) shared: Bytes,
    pub(super) skipped: u64,
}

impl Encoded {
    /// Writes the message. Fields of a message may follow each other in any order.
    pub(crate) fn put(&self, buf: &mut impl BufMut) {
        let own = v1::Update {
            skipped: self.skipped,
            ..v1::Update::default()
        };
        buf.put_slice(&self.shared);
        buf.put_slice(&own.encode_to_vec());
    }
}

impl Subscription {
    pub(super) fn new(mailbox: Arc<Mailbox<Arc<View>>>) -> Subscription {
        Subscription {
            mailbox,
            delivered: Weak::new(),
            compact: false,
        }
    }

    /// Leaves out what a viewer that understands compact updates can put back.
    pub(crate) fn compact(self, compact: bool) -> Subscription {
        Subscription { compact, ..self }
    }

    /// The next update; `None` after the last one.
    pub(crate) fn poll_encoded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        self.mailbox.poll_take(cx).map(|taken| {
            let (view, skipped) = taken?;
            let base = self.delivered.upgrade();
            let shared = view.message(base.as_deref(), self.compact);
            self.delivered = Arc::downgrade(&view);
            Some(Encoded { shared, skipped })
        })
    }
}

impl Stream for Subscription {
    type Item = Result<v1::Update, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_encoded(cx).map(|encoded| {
            let mut bytes = Vec::new();
            encoded?.put(&mut bytes);
            let update = v1::Update::decode(&*bytes);
            Some(update.map_err(|error| Status::internal(error.to_string())))
        })
    }
}
