//! Child processes, as tokio documents them.

#![cfg(all(unix, feature = "full"))]

mod child;
mod command;
mod pipes;

use zokio::process::Command;
use zokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A shell that runs `script`.
fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

/// What a shell that runs `script` writes.
async fn text_of(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}
