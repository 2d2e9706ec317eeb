//! What the program `supervise` does: one child at a time, and three signals.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program talks to its user"
)]

use std::io;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Parser;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

/// Keeps a command running.
#[derive(Debug, Parser)]
pub struct Args {
    /// How often a command that fails is started again.
    #[arg(long, default_value_t = 5)]
    restarts: u32,
    /// The first pause before a restart, in milliseconds.
    #[arg(long, default_value_t = 100)]
    pause_ms: u64,
    /// How long a command may take to end when asked to, in milliseconds.
    #[arg(long, default_value_t = 2000)]
    grace_ms: u64,
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Stop,
    Restart,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv() => Wish::Stop,
            _ = self.hangup.recv() => Wish::Restart,
        }
    }
}

/// How a child came to its end.
enum End {
    Itself(ExitStatus),
    Asked(Wish),
}

/// Runs the command until it succeeds, fails too often, or is to stop.
pub async fn supervise(args: &Args) -> ExitCode {
    match run(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}: {error}", args.command[0]);
            ExitCode::from(127)
        }
    }
}

async fn run(args: &Args) -> io::Result<ExitCode> {
    let mut signals = Signals::new()?;
    let mut failures = 0;
    loop {
        match run_once(args, &mut signals).await? {
            End::Asked(Wish::Stop) => {
                println!("stopped");
                return Ok(ExitCode::SUCCESS);
            }
            End::Asked(Wish::Restart) => {
                println!("restarting");
                failures = 0;
                continue;
            }
            End::Itself(status) if status.success() => {
                println!("succeeded");
                return Ok(ExitCode::SUCCESS);
            }
            End::Itself(status) => println!("failed: {status}"),
        }
        if failures == args.restarts {
            println!("given up");
            return Ok(ExitCode::FAILURE);
        }
        let pause = Duration::from_millis(args.pause_ms) * 2_u32.saturating_pow(failures);
        failures += 1;
        tokio::select! {
            () = sleep(pause) => {}
            wish = signals.next() => if wish == Wish::Stop {
                println!("stopped");
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

/// From a child's start to its end.
async fn run_once(args: &Args, signals: &mut Signals) -> io::Result<End> {
    let mut child = Command::new(&args.command[0])
        .args(&args.command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // Known until somebody has waited for the child.
    let id = child.id().ok_or(io::ErrorKind::NotFound)?;
    println!("started {id}");
    let output = child
        .stdout
        .take()
        .map(|stdout| tokio::spawn(pass_on(id, stdout)));
    let end = tokio::select! {
        status = child.wait() => End::Itself(status?),
        wish = signals.next() => {
            stop(&mut child, id, Duration::from_millis(args.grace_ms)).await?;
            End::Asked(wish)
        }
    };
    if let (Some(output), End::Itself(_)) = (output, &end) {
        // What was in the pipe when the child ended; a grandchild may hold it open for longer.
        let _ = timeout(Duration::from_secs(1), output).await;
    }
    Ok(end)
}

async fn pass_on(id: u32, stdout: ChildStdout) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        println!("[{id}] {line}");
    }
}

/// Asks the child to end, and makes it end if it does not.
async fn stop(child: &mut Child, id: u32, grace: Duration) -> io::Result<()> {
    let id = id.to_string();
    let asked = Command::new("kill").args(["-TERM", &id]).status().await?;
    if asked.success() && timeout(grace, child.wait()).await.is_ok() {
        return Ok(());
    }
    println!("killing {id}");
    child.kill().await
}
