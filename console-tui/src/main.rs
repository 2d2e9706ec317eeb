//! `zokio-console`: see `zokio-console --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    zokio_console::run(std::env::args_os())
}
