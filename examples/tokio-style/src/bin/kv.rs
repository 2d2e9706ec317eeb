//! A key-value server in memory, and its client.
//!
//! Values may be given a time to live; a task sleeps until the next one is due. The frames are those
//! of the library's module `frame`.
//!
//! ```text
//! kv serve                        # until Ctrl-C
//! kv set greeting hello           # OK
//! kv set code 1234 --for-ms 500   # OK, and gone after half a second
//! kv get greeting                 # hello
//! kv delete greeting              # OK
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user, if only in `main`"
)]

use std::collections::{BTreeSet, HashMap};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use tokio::io::BufStream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, RwLock};
use tokio::time::{Instant, sleep_until};
use zokio_examples_tokio_style::frame::{read_frame, write_frame};
use zokio_examples_tokio_style::interrupt;

/// A key-value server in memory, and its client.
#[derive(Debug, Parser)]
struct Args {
    /// Where the server listens; when serving, port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4001", global = true)]
    addr: SocketAddr,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until Ctrl-C.
    Serve,
    /// Prints a value; fails if there is none.
    Get {
        /// Whose value.
        key: String,
    },
    /// Sets a value.
    Set {
        /// Whose value.
        key: String,
        /// The value.
        value: String,
        /// How long it lives, in milliseconds.
        #[arg(long)]
        for_ms: Option<u64>,
    },
    /// Deletes a value; fails if there is none.
    Delete {
        /// Whose value.
        key: String,
    },
}

#[derive(Default)]
struct Store {
    entries: RwLock<Entries>,
    /// The next time at which a value is due has come nearer.
    sooner: Notify,
}

#[derive(Default)]
struct Entries {
    values: HashMap<Arc<str>, (String, Option<Instant>)>,
    due: BTreeSet<(Instant, Arc<str>)>,
}

impl Entries {
    fn remove(&mut self, key: &str) -> Option<String> {
        let (key, (value, due)) = self.values.remove_entry(key)?;
        if let Some(due) = due {
            self.due.remove(&(due, key));
        }
        Some(value)
    }

    /// True: nothing is due before it.
    fn set(&mut self, key: &str, value: String, lifetime: Option<Duration>) -> bool {
        self.remove(key);
        let key: Arc<str> = key.into();
        let due = lifetime.map(|lifetime| Instant::now() + lifetime);
        self.values.insert(key.clone(), (value, due));
        let Some(due) = due else { return false };
        self.due.insert((due, key.clone()));
        self.due.first().is_some_and(|(_, first)| *first == key)
    }

    /// Removes what is due; when the next one is.
    fn expire(&mut self, now: Instant) -> Option<Instant> {
        while let Some((due, key)) = self.due.first().cloned() {
            if due > now {
                return Some(due);
            }
            self.remove(&key);
        }
        None
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Args { addr, command } = Args::parse();
    let done = match command {
        Command::Serve => serve(addr).await.map(|()| true),
        Command::Get { key } => ask(addr, &["GET", &key]).await,
        Command::Delete { key } => ask(addr, &["DELETE", &key]).await,
        Command::Set { key, value, for_ms } => match for_ms {
            Some(ms) => ask(addr, &["SET", &key, &value, &ms.to_string()]).await,
            None => ask(addr, &["SET", &key, &value]).await,
        },
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            complain(&error);
            ExitCode::from(2)
        }
    }
}

fn complain(error: &io::Error) {
    eprintln!("error: {error}");
}

async fn serve(addr: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(addr).await?;
    let mut interrupt = interrupt::listen().await;
    println!("listening {}", listener.local_addr()?);
    let store = Arc::new(Store::default());
    let expiring = tokio::spawn(expire(store.clone()));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let store = store.clone();
                tokio::spawn(async move {
                    if let Err(error) = attend(stream, &store).await {
                        complain(&error);
                    }
                });
            }
            interrupted = &mut interrupt => {
                interrupted?;
                break;
            }
        }
    }
    expiring.abort();
    assert!(expiring.await.is_err_and(|error| error.is_cancelled()));
    println!("stopped");
    Ok(())
}

/// Removes values when they are due, for ever.
async fn expire(store: Arc<Store>) {
    loop {
        let next = store.entries.write().await.expire(Instant::now());
        let due = async {
            match next {
                Some(due) => sleep_until(due).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = store.sooner.notified() => {}
        }
    }
}

async fn attend(stream: TcpStream, store: &Store) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufStream::new(stream);
    while let Some(words) = read_frame(&mut stream).await? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (status, value) = answer(&words, store).await;
        write_frame(&mut stream, &[status, &value]).await?;
    }
    Ok(())
}

async fn answer(words: &[&str], store: &Store) -> (&'static str, String) {
    let (key, value, lifetime) = match *words {
        ["GET", key] => {
            let entries = store.entries.read().await;
            return match entries.values.get(key) {
                Some((value, _)) => ("VALUE", value.clone()),
                None => ("NONE", String::new()),
            };
        }
        ["DELETE", key] => {
            let removed = store.entries.write().await.remove(key);
            let status = if removed.is_some() { "OK" } else { "NONE" };
            return (status, String::new());
        }
        ["SET", key, value] => (key, value, None),
        ["SET", key, value, ms] => match ms.parse() {
            Ok(ms) => (key, value, Some(Duration::from_millis(ms))),
            Err(error) => return ("ERROR", format!("{ms}: {error}")),
        },
        _ => return ("ERROR", "no such command".to_owned()),
    };
    let mut entries = store.entries.write().await;
    if entries.set(key, value.to_owned(), lifetime) {
        store.sooner.notify_one();
    }
    ("OK", String::new())
}

/// Asks the server and prints what it says. False: there is no such value.
async fn ask(addr: SocketAddr, words: &[&str]) -> io::Result<bool> {
    let mut stream = TcpStream::connect(addr).await?;
    write_frame(&mut stream, words).await?;
    let answer = read_frame(&mut stream).await?.unwrap_or_default();
    match answer.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["OK", _] => println!("OK"),
        ["VALUE", value] => println!("{value}"),
        ["NONE", _] => return Ok(false),
        ["ERROR", why] => return Err(io::Error::other(why.to_owned())),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    }
    Ok(true)
}
