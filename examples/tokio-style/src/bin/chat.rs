//! A chat server for line-based clients such as `nc`.
//!
//! The first line a client sends is its name; what it sends then goes to all others. `/who` lists
//! the names, `/quit` leaves. A client that is too slow to read is told how much it has missed.
//! Ctrl-C says goodbye to everybody and exits.
//!
//! ```text
//! chat --addr 127.0.0.1:4000
//! nc 127.0.0.1 4000
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user, if only in `main`"
)]

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Parser;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex, broadcast, mpsc};
use zokio_examples_tokio_style::interrupt;

/// Messages that a slow client may be behind.
const BACKLOG: usize = 64;

/// A chat server.
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4000")]
    addr: SocketAddr,
}

tokio::task_local! {
    /// Who the task speaks with.
    static PEER: SocketAddr;
}

fn log(what: &str) {
    let peer = PEER.try_with(ToString::to_string);
    eprintln!("{}: {what}", peer.unwrap_or_else(|_| "chat".to_owned()));
}

#[derive(Debug, Clone)]
enum Event {
    Said { by: Arc<str>, line: Arc<str> },
    Goodbye,
}

/// What all clients share.
struct Room {
    events: broadcast::Sender<Event>,
    names: Mutex<BTreeSet<Arc<str>>>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind(Args::parse().addr).await?;
    let mut interrupt = interrupt::listen().await;
    println!("listening {}", listener.local_addr()?);
    let room = Arc::new(Room {
        events: broadcast::channel(BACKLOG).0,
        names: Mutex::default(),
    });
    // Each client holds a sender, and so `recv` ends when all are gone.
    let (here, mut all_gone) = mpsc::channel::<()>(1);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                let (room, here) = (room.clone(), here.clone());
                tokio::spawn(PEER.scope(peer, async move {
                    if let Err(error) = attend(stream, &room).await {
                        log(&error.to_string());
                    }
                    drop(here);
                }));
            }
            interrupted = &mut interrupt => {
                interrupted?;
                break;
            }
        }
    }
    // Fails if nobody is there.
    let _ = room.events.send(Event::Goodbye);
    drop(here);
    all_gone.recv().await;
    println!("stopped");
    Ok(())
}

/// From a client's first line to its last.
async fn attend(stream: TcpStream, room: &Room) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    writing.write_all(b"your name?\n").await?;
    let mut events = room.events.subscribe();
    let name = loop {
        tokio::select! {
            line = lines.next_line() => break line?,
            event = events.recv() => if matches!(event, Ok(Event::Goodbye)) {
                return Ok(());
            }
        }
    };
    let Some(name) = name else { return Ok(()) };
    let name: Arc<str> = name.trim().into();
    if name.is_empty() || !room.names.lock().await.insert(name.clone()) {
        return writing.write_all(b"that name is taken\n").await;
    }
    log(&format!("is {name}"));
    writing.write_all(b"welcome\n").await?;
    let done = converse(&name, &mut lines, &mut writing, events, room).await;
    room.names.lock().await.remove(&name);
    log(&format!("{name} has left"));
    done
}

/// Carries lines and events, whichever comes first, until there are no more.
async fn converse(
    name: &Arc<str>,
    lines: &mut Lines<BufReader<OwnedReadHalf>>,
    writing: &mut OwnedWriteHalf,
    mut events: broadcast::Receiver<Event>,
    room: &Room,
) -> io::Result<()> {
    loop {
        let answer = tokio::select! {
            line = lines.next_line() => match line?.as_deref().map(str::trim) {
                None | Some("/quit") => return Ok(()),
                Some("") => continue,
                Some("/who") => {
                    let names: Vec<Arc<str>> = room.names.lock().await.iter().cloned().collect();
                    format!("here: {}\n", names.join(", "))
                }
                Some(line) => {
                    let (by, line) = (name.clone(), line.into());
                    // Somebody listens: this task does.
                    let _ = room.events.send(Event::Said { by, line });
                    continue;
                }
            },
            event = events.recv() => match event {
                Ok(Event::Said { by, .. }) if by == *name => continue,
                Ok(Event::Said { by, line }) => format!("{by}: {line}\n"),
                Ok(Event::Goodbye) | Err(RecvError::Closed) => {
                    return writing.write_all(b"goodbye\n").await;
                }
                Err(RecvError::Lagged(n)) => format!("you have missed {n} messages\n"),
            },
        };
        writing.write_all(answer.as_bytes()).await?;
    }
}
