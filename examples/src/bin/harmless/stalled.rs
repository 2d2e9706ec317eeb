//! Clients that ask for updates and do not read them. One answers pings and leaves the stream alone, as
//! a console does that is stopped in a debugger; others, a new one now and then, read nothing at all.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zokio::sync::Notify;

use super::{clients, console};

/// Between two that read nothing at all. The server drops one that has not answered a ping for a while.
const BETWEEN: Duration = Duration::from_secs(10);

/// What became of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    /// How many there were.
    pub(super) stalled: u32,
}

pub(super) async fn run(address: SocketAddr, ended: &Notify) -> Result<Seen, String> {
    let mut client = console::connect(address).await?;
    let answer = client.subscribe(console::request(0)).await;
    let _never_read = answer.map_err(|status| format!("refused: {status}"))?;
    let mut silent = vec![read_nothing(address)?];
    clients::are_there();
    while zokio::time::timeout(BETWEEN, ended.notified())
        .await
        .is_err()
    {
        // There may be no place at the moment.
        silent.extend(read_nothing(address));
    }
    Ok(Seen {
        stalled: 1 + silent.len() as u32,
    })
}

/// A connection on which nothing is read once it has subscribed, until the end of what is given back.
fn read_nothing(address: SocketAddr) -> Result<mpsc::Sender<()>, String> {
    let (end, ended) = mpsc::channel::<()>();
    let (subscribed, has_subscribed) = mpsc::channel();
    thread::spawn(move || {
        let runtime = zokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(subscribed.send(Err(error.to_string()))),
        };
        let stream = runtime.block_on(async {
            let mut client = console::connect(address).await?;
            let answer = client.subscribe(console::request(0)).await;
            answer.map_err(|status| format!("refused: {status}"))
        });
        drop(subscribed.send(stream.as_ref().map(|_| ()).map_err(String::clone)));
        // The runtime, which would read from the socket, stands still.
        ended.recv().ok();
        drop(stream);
    });
    let gone = |_| "the thread is gone".to_owned();
    has_subscribed.recv().map_err(gone)??;
    Ok(end)
}
