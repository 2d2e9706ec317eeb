//! A gRPC service and its client, on tonic's generated code, hyper and zokio.
//!
//! ```text
//! grpc_hello serve                     # until Ctrl-C; open calls may finish
//! grpc_hello call World                # Hello, World!
//! grpc_hello call Ada Grace            # a stream of greetings
//! grpc_hello count-down 3              # 3 2 1 0, each a message of a stream
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use zokio::net::TcpListener;
use zokio::stream::wrappers::ReceiverStream;
use zokio::sync::mpsc;
use zokio_examples::greeter::proto::{CountDownRequest, GreetRequest};
use zokio_examples::greeter::{connect, serve};
use zokio_examples::interrupt;

/// A gRPC service on zokio, and its client.
#[derive(Debug, Parser)]
struct Args {
    /// Where the service listens; when serving, port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:50051", global = true)]
    addr: SocketAddr,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until Ctrl-C.
    Serve,
    /// Has one or more people greeted.
    Call {
        /// Whom to greet.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Has numbers counted down.
    CountDown {
        /// The first number.
        from: u32,
    },
}

#[zokio::main]
async fn main() -> ExitCode {
    let Args { addr, command } = Args::parse();
    let done = match command {
        Command::Serve => run_server(addr).await,
        Command::Call { names } => call(addr, names).await,
        Command::CountDown { from } => count_down(addr, from).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&*error),
    }
}

/// Says what went wrong and why.
fn complain(error: &dyn Error) -> ExitCode {
    eprint!("error: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprint!(": {error}");
        cause = error.source();
    }
    eprintln!();
    ExitCode::FAILURE
}

async fn run_server(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(addr).await?;
    let interrupt = interrupt::listen().await;
    println!("serving {}", listener.local_addr()?);
    let stop = async {
        // Where Ctrl-C cannot be listened to it ends the process.
        if interrupt.await.is_err() {
            std::future::pending().await
        }
    };
    serve(listener, stop).await?;
    println!("stopped");
    Ok(())
}

async fn call(addr: SocketAddr, names: Vec<String>) -> Result<(), Box<dyn Error>> {
    let mut client = connect(addr).await?;
    let requests = names.into_iter().map(|name| GreetRequest { name });
    if requests.len() == 1 {
        for request in requests {
            println!("{}", client.greet(request).await?.get_ref().text);
        }
        return Ok(());
    }
    let (sender, receiver) = mpsc::channel(1);
    let mut replies = client
        .greet_all(ReceiverStream::new(receiver))
        .await?
        .into_inner();
    // In turn, to show that the stream goes both ways at once.
    for request in requests {
        sender.send(request).await?;
        let Some(reply) = replies.message().await? else {
            break;
        };
        println!("{}", reply.text);
    }
    Ok(())
}

async fn count_down(addr: SocketAddr, from: u32) -> Result<(), Box<dyn Error>> {
    let mut client = connect(addr).await?;
    let request = CountDownRequest { from };
    let mut replies = client.count_down(request).await?.into_inner();
    while let Some(reply) = replies.message().await? {
        println!("{}", reply.left);
    }
    Ok(())
}
