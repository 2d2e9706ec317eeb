//! Clients are processes: this program once more, with `--client`. Each says a line when it is there,
//! and what it has seen, as one line of JSON, when its input has ended.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;

use clap::ValueEnum;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zokio::sync::Notify;

use super::{Args, garbage, stalled, viewers};

/// Kinds of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Many that watch.
    Viewers,
    /// Some that ask, and do not read what comes.
    Stalled,
    /// One that sends nonsense, and asks for more than there may be.
    Garbage,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Viewers => "viewers",
            Kind::Stalled => "stalled",
            Kind::Garbage => "garbage",
        }
    }
}

/// Says that the clients are there.
pub(super) fn are_there() {
    println!("there");
}

/// Is the clients of that kind until the input ends.
pub(super) fn be(kind: Kind, address: SocketAddr, args: &Args) -> Result<(), String> {
    let ended = Arc::new(Notify::new());
    let theirs = Arc::clone(&ended);
    thread::spawn(move || {
        // An error ends it, too.
        drop(io::stdin().read_to_end(&mut Vec::new()));
        theirs.notify_one();
    });
    let runtime = zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let said = runtime.block_on(async {
        Ok::<_, String>(match kind {
            Kind::Viewers => serde_json::json!(viewers::run(address, args.viewers, &ended).await?),
            Kind::Stalled => serde_json::json!(stalled::run(address, &ended).await?),
            Kind::Garbage => serde_json::json!(garbage::run(address, &ended).await?),
        })
    })?;
    println!("{said}");
    runtime.shutdown_background();
    Ok(())
}

/// A client process.
struct Client {
    kind: Kind,
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Client {
    /// Starts it and waits until its clients are there.
    fn start(kind: Kind, address: SocketAddr, args: &Args) -> Result<Client, String> {
        let name = kind.name();
        let wrong = |error: io::Error| format!("the {name}: {error}");
        let this = std::env::current_exe().map_err(wrong)?;
        let mut process = Command::new(this)
            .args(["--client", name, "--address", &address.to_string()])
            .args(["--viewers", &args.viewers.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(wrong)?;
        let output = process.stdout.take().ok_or("no output")?;
        let mut client = Client {
            kind,
            process,
            output: BufReader::new(output),
        };
        match client.line()?.as_str() {
            "there" => Ok(client),
            other => Err(format!("the {name} say {other:?} at first")),
        }
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        read.map_err(|error| format!("the {}: {error}", self.kind.name()))?;
        Ok(line.trim_end().to_owned())
    }

    /// Ends it, and gives back what it has seen.
    fn end<T: DeserializeOwned>(mut self) -> Result<T, String> {
        drop(self.process.stdin.take());
        let said = self.line()?;
        serde_json::from_str(&said)
            .map_err(|error| format!("the {} say {said:?}: {error}", self.kind.name()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// All clients.
pub(super) struct Crowd(Vec<Client>);

/// What they have seen.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) viewers: viewers::Seen,
    pub(super) stalled: stalled::Seen,
    pub(super) garbage: garbage::Seen,
}

impl Crowd {
    /// All kinds but those that are left out.
    pub(super) fn start(address: SocketAddr, args: &Args) -> Result<Crowd, String> {
        let kinds = [Kind::Viewers, Kind::Stalled, Kind::Garbage];
        kinds
            .into_iter()
            .filter(|kind| !args.without.contains(kind))
            .map(|kind| Client::start(kind, address, args))
            .collect::<Result<_, _>>()
            .map(Crowd)
    }

    pub(super) fn end(self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        for client in self.0 {
            match client.kind {
                Kind::Viewers => seen.viewers = client.end()?,
                Kind::Stalled => seen.stalled = client.end()?,
                Kind::Garbage => seen.garbage = client.end()?,
            }
        }
        Ok(seen)
    }
}
