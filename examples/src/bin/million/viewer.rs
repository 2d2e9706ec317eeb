//! The viewer: subscribes as a console does and looks at what comes.

use std::net::SocketAddr;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use zokio::net::TcpStream;
use zokio_console_proto::v1::console_client::ConsoleClient;
use zokio_console_proto::{MAJOR, MINOR, Unpacker, v1};
use zokio_examples::greeter::channel_over;

use super::Args;

/// Between two updates, as the console asks for them at its fastest.
const INTERVAL_NS: u64 = 100_000_000;

/// What came.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// After the first one, which is whole.
    pub(super) updates: u32,
    pub(super) seconds: f64,
    /// Sent by the server in that time.
    pub(super) bytes: u64,
    /// Of the last update.
    pub(super) rows: usize,
    pub(super) matching: u64,
    /// Until the first update was there.
    pub(super) first_after_ms: u64,
}

pub(super) async fn run(address: SocketAddr, args: &Args) -> Result<Seen, String> {
    let began = Instant::now();
    let mut stream = subscribe(address, args).await?;
    let mut unpacker = Unpacker::default();
    let mut runtimes: Vec<v1::RuntimeUpdate> = Vec::new();
    let mut next = async || match stream.message().await {
        Ok(Some(update)) => Ok(unpacker.unpack(update)),
        Ok(None) => Err("the program ended the stream".to_owned()),
        Err(status) => Err(format!("the program does not tell: {status}")),
    };
    let first = next().await?;
    let first_at = Instant::now();
    let sent = |update: &v1::Update| update.telemetry.map_or(0, |cost| cost.bytes_sent);
    let (sent_first, mut sent_last) = (sent(&first), sent(&first));
    let mut updates = 0;
    apply(&mut runtimes, first);
    while first_at.elapsed() < args.phase {
        let update = next().await?;
        updates += 1;
        sent_last = sent(&update);
        apply(&mut runtimes, update);
    }
    let last = runtimes.first().ok_or("the program has no runtime")?;
    Ok(Seen {
        updates,
        seconds: first_at.elapsed().as_secs_f64(),
        bytes: sent_last - sent_first,
        rows: last.tasks.len(),
        matching: last.matching_tasks,
        first_after_ms: (first_at - began).as_millis() as u64,
    })
}

async fn subscribe(
    address: SocketAddr,
    args: &Args,
) -> Result<tonic::Streaming<v1::Update>, String> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| format!("cannot reach {address}: {error}"))?;
    // Else the request waits for the answer to the settings, which the server delays.
    let _ = stream.set_nodelay(true);
    let channel = channel_over(stream, &address.to_string()).await;
    let (channel, origin) = channel.map_err(|error| format!("{address}: {error}"))?;
    let mut client = ConsoleClient::with_origin(channel, origin)
        .max_decoding_message_size(zokio_console_proto::MAX_MESSAGE_BYTES);
    let request = v1::SubscribeRequest {
        major: MAJOR,
        minor: MINOR,
        interval_ns: INTERVAL_NS,
        tasks: Some(v1::TaskQuery {
            filter: args.filter.clone(),
            limit: args.rows,
            ..v1::TaskQuery::default()
        }),
        resources: args.resources,
        compact: true,
        ..v1::SubscribeRequest::default()
    };
    let answer = client.subscribe(request).await;
    let answer = answer.map_err(|status| format!("the program refuses: {status}"))?;
    Ok(answer.into_inner())
}

fn apply(runtimes: &mut Vec<v1::RuntimeUpdate>, update: v1::Update) {
    for runtime in update.runtimes {
        match runtimes.iter_mut().find(|known| known.id == runtime.id) {
            Some(known) => known.apply(runtime),
            None => runtimes.push(runtime),
        }
    }
}
