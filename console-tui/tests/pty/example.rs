//! The example `http_server` in a process of its own. Cargo builds no program of another crate for a
//! test, but the example's whole code is in its library.

use std::net::SocketAddr;
use std::thread;

use clap::Parser;
use zokio_examples::http_server::{self, Args};

use crate::server::{Process, wait_for_its_end};

/// The example's command line, for the process that is the server.
const ROLE: &str = "ZOKIO_CONSOLE_TEST_HTTP_SERVER";

/// The running example, which is killed when it is dropped.
pub(crate) struct Example {
    process: Process,
    /// Where it answers requests.
    pub(crate) address: SocketAddr,
    /// Where the console finds it.
    pub(crate) telemetry: SocketAddr,
}

impl Example {
    /// Starts it with its telemetry on that port, 0 for any. `test` is the test that calls
    /// [`serve_if_told`].
    pub(crate) fn start(test: &str, port: u16) -> Example {
        let arguments = format!("http_server --addr 127.0.0.1:0 --console 127.0.0.1:{port}");
        let (process, mut lines) = Process::start(test, ROLE, arguments);
        let mut telemetry = None;
        // The last thing that it says, with telemetry or without.
        let address = lines.find_map(|line| {
            telemetry = telemetry.or_else(|| address_after("telemetry ", &line));
            address_after("serving ", &line)
        });
        Example {
            process,
            address: address.expect("the example says where it serves"),
            telemetry: telemetry.expect("the example says where it can be watched"),
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the console connects to.
    pub(crate) fn target(&self) -> String {
        format!("http://{}", self.telemetry)
    }
}

/// The address in `WHAT http://ADDRESS…`. The test harness may have begun the line.
fn address_after(what: &str, line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once(what)?;
    let rest = rest.trim_start().strip_prefix("http://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}

/// Runs the example until stdin is closed, in the process that was started for it. False: this is not
/// the one.
pub(crate) fn serve_if_told() -> bool {
    let Ok(command_line) = std::env::var(ROLE) else {
        return false;
    };
    thread::spawn(|| {
        wait_for_its_end();
        std::process::exit(0);
    });
    // It says why if it cannot serve, and ends: then who has started it gets no address.
    let _ = http_server::run(Args::parse_from(command_line.split(' ')));
    true
}
