//! A connection as zokio-console makes it.

use std::net::SocketAddr;

use zokio::net::TcpStream;
use zokio_console_proto::v1::console_client::ConsoleClient;
use zokio_console_proto::{MAJOR, MAX_MESSAGE_BYTES, MINOR, v1};
use zokio_examples::greeter::{Channel, channel_over};

/// Between two updates, as the console asks for them at its fastest.
const INTERVAL_NS: u64 = 100_000_000;

/// Rows of a window.
const ROWS: u32 = 50;

pub(super) async fn connect(address: SocketAddr) -> Result<ConsoleClient<Channel>, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("cannot reach {address}: {error}"))?;
    // Without it only the latency of small messages suffers.
    stream.set_nodelay(true).ok();
    let channel = channel_over(stream, &address.to_string()).await;
    let (channel, origin) = channel.map_err(|error| format!("{address}: {error}"))?;
    let client = ConsoleClient::with_origin(channel, origin);
    Ok(client.max_decoding_message_size(MAX_MESSAGE_BYTES))
}

/// What a viewer asks for; those of one `variant` ask for the same.
pub(super) fn request(variant: u32) -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        major: MAJOR,
        minor: MINOR,
        interval_ns: INTERVAL_NS,
        tasks: Some(v1::TaskQuery {
            limit: ROWS + variant,
            ..v1::TaskQuery::default()
        }),
        compact: true,
        ..v1::SubscribeRequest::default()
    }
}

pub(super) fn describe() -> v1::DescribeRequest {
    v1::DescribeRequest {
        major: MAJOR,
        minor: MINOR,
    }
}
