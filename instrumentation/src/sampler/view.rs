//! What a group of viewers sees at one moment, and the messages that tell it.
//!
//! A message is made when the first viewer needs it, and is the same for all viewers of the group that
//! have the same before it: comparing two views and encoding what differs is done once for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use prost::Message as _;
use zokio_console_proto::v1;

/// Updates are at least that long. h2, for one, charges each unread DATA frame below this size
/// against a budget, and closes the connection with all its streams (`ENHANCE_YOUR_CALM`,
/// `too_many_data_frames`) when a viewer that is merely slow has used it up.
pub(super) const MIN_UPDATE_BYTES: usize = 256;

/// Views of a group that are kept, the newest one included. A viewer that has an older one, since it
/// read nothing for a while, is sent the newest whole: so what it had need not be kept for it.
const KEPT: usize = 4;

/// See the module. Whole, shared, never changed.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(super) sequence: u64,
    pub(super) taken_at_ns: u64,
    pub(super) runtimes: Vec<v1::RuntimeUpdate>,
    pub(super) telemetry: v1::TelemetryCost,
    pub(super) messages: Mutex<Vec<Message>>,
}

/// An encoded update.
#[derive(Debug)]
pub(super) struct Message {
    /// The sequence of the view that it leads from; 0: it is whole.
    base: u64,
    compact: bool,
    bytes: Bytes,
}

impl View {
    /// What a viewer that has `base` lacks to have this view. A compact message leaves out what the
    /// viewer can put back.
    pub(super) fn message(&self, base: Option<&View>, compact: bool) -> Bytes {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = base.map_or(0, |base| base.sequence);
        let is_it = |m: &&Message| m.base == sequence && m.compact == compact;
        if let Some(message) = messages.iter().find(is_it) {
            return message.bytes.clone();
        }
        let bytes = Bytes::from(self.update(base, compact).encode_to_vec());
        messages.push(Message {
            base: sequence,
            compact,
            bytes: bytes.clone(),
        });
        bytes
    }

    /// There is a newer view, so this one is sent to nobody any more.
    fn forget_messages(&self) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        *messages = Vec::new();
    }

    fn update(&self, base: Option<&View>, compact: bool) -> v1::Update {
        let before = base.map_or(&[][..], |base| &base.runtimes);
        let runtimes = self
            .runtimes
            .iter()
            .map(
                |now| match before.iter().find(|before| before.id == now.id) {
                    Some(before) => {
                        let mut delta = now.delta_from(before);
                        if compact {
                            delta.pack(before);
                        }
                        delta
                    }
                    None => now.clone(),
                },
            )
            .collect();
        let mut update = v1::Update {
            sequence: self.sequence,
            taken_at_ns: self.taken_at_ns,
            runtimes,
            telemetry: Some(self.telemetry),
            skipped: 0,
            padding: Vec::new(),
        };
        update.padding = vec![0; MIN_UPDATE_BYTES.saturating_sub(update.encoded_len())];
        update
    }
}

/// The last views of a group.
#[derive(Debug, Default)]
pub(super) struct Views(VecDeque<Arc<View>>);

impl Views {
    pub(super) fn latest(&self) -> Option<&Arc<View>> {
        self.0.back()
    }

    pub(super) fn add(&mut self, view: Arc<View>) {
        if let Some(before) = self.latest() {
            before.forget_messages();
        }
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(view);
    }
}
