//! What one viewer is sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use prost::Message as _;
use tonic::codegen::tokio_stream::Stream;
use zokio_console_proto::v1;

use super::View;
use crate::mailbox::Mailbox;

/// Updates are at least that long. h2, for one, charges each unread DATA frame below this size
/// against a budget, and closes the connection with all its streams (`ENHANCE_YOUR_CALM`,
/// `too_many_data_frames`) when a viewer that is merely slow has used it up.
pub(super) const MIN_UPDATE_BYTES: usize = 256;

/// A viewer's stream of updates. Dropping it ends the subscription.
pub(crate) struct Subscription {
    mailbox: Arc<Mailbox<Arc<View>>>,
    /// What the viewer has.
    delivered: Option<Arc<View>>,
    compact: bool,
}

impl Subscription {
    pub(super) fn new(mailbox: Arc<Mailbox<Arc<View>>>) -> Subscription {
        Subscription {
            mailbox,
            delivered: None,
            compact: false,
        }
    }

    /// Leaves out what a viewer that understands compact updates can put back.
    pub(crate) fn compact(self, compact: bool) -> Subscription {
        Subscription { compact, ..self }
    }

    /// What the viewer lacks to have `view`.
    fn update(&mut self, view: Arc<View>, skipped: u64) -> v1::Update {
        let delivered = self.delivered.as_deref().map_or(&[][..], |v| &v.runtimes);
        let runtimes = view
            .runtimes
            .iter()
            .map(
                |now| match delivered.iter().find(|before| before.id == now.id) {
                    Some(before) => {
                        let mut delta = now.delta_from(before);
                        if self.compact {
                            delta.pack(before);
                        }
                        delta
                    }
                    None => now.clone(),
                },
            )
            .collect();
        let mut update = v1::Update {
            sequence: view.sequence,
            taken_at_ns: view.taken_at_ns,
            runtimes,
            telemetry: Some(view.telemetry),
            skipped,
            padding: Vec::new(),
        };
        update.padding = vec![0; MIN_UPDATE_BYTES.saturating_sub(update.encoded_len())];
        self.delivered = Some(view);
        update
    }
}

impl Stream for Subscription {
    type Item = Result<v1::Update, tonic::Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        this.mailbox
            .poll_take(cx)
            .map(|taken| taken.map(|(view, skipped)| Ok(this.update(view, skipped))))
    }
}
