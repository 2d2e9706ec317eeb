//! See [`zokio_examples::http_server`].

use std::process::ExitCode;

use clap::Parser;
use zokio_examples::http_server::{self, Args};

fn main() -> ExitCode {
    http_server::run(Args::parse())
}
