//! Keeps a command running.
//!
//! A command that fails is started again, after a pause that doubles each time; one that succeeds
//! ends the supervisor. What the command prints is passed on with its process id in front.
//! `SIGTERM` and Ctrl-C end the command, politely and then by force, and the supervisor; `SIGHUP`
//! ends it and starts it again. Unix only.
//!
//! ```text
//! supervise --restarts 3 --pause-ms 100 -- sh -c 'echo working; sleep 5; exit 1'
//! ```

#[cfg(unix)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    use clap::Parser;
    use zokio_examples_tokio_style::supervisor::{Args, supervise};

    supervise(&Args::parse()).await
}

#[cfg(not(unix))]
fn main() {
    panic!("signals as this program uses them are those of Unix");
}
