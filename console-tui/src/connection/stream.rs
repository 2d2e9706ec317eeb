//! The stream of a subscription, whose updates come compact.

use tonic::{Status, Streaming};
use zokio_console_proto::{Unpacker, v1};

/// Updates as the server had them before it packed them, still to be sanitized.
#[derive(Debug)]
pub(crate) struct Stream {
    packed: Streaming<v1::Update>,
    unpacker: Unpacker,
}

impl Stream {
    pub(super) fn new(packed: Streaming<v1::Update>) -> Stream {
        Stream {
            packed,
            unpacker: Unpacker::default(),
        }
    }

    /// The next update, `None` at the end. Cancel safe.
    pub(crate) async fn message(&mut self) -> Result<Option<v1::Update>, Status> {
        let update = self.packed.message().await?;
        Ok(update.map(|update| self.unpacker.unpack(update)))
    }
}
