//! A program to be watched, in a process of its own, so that it can be killed. It is the test's own
//! program once more, told by its environment what to be.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use zokio::sync::Notify;

/// `PORT SLEEPERS`, for the process that is the server.
const ROLE: &str = "ZOKIO_CONSOLE_TEST_SERVER";

/// The test's own program once more, killed when this is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it with `role` set to `what`, for `test` to play. Gives the lines that it prints, too.
    pub(crate) fn start(
        test: &str,
        role: &str,
        what: String,
    ) -> (Process, impl Iterator<Item = String>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(role, what)
            // The same screens on every machine.
            .env("ZOKIO_WORKER_THREADS", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        (Process(child), output.lines().map_while(Result::ok))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits in a started process until whoever started it has ended, however it did.
pub(crate) fn wait_for_its_end() {
    let _ = io::stdin().read(&mut [0]);
}

/// A running server, which is killed when it is dropped.
pub(crate) struct Server {
    process: Process,
    pub(crate) port: u16,
}

impl Server {
    /// Starts it on that port, 0 for any, with so many tasks that wait. `test` is the test that calls
    /// [`serve_if_told`].
    pub(crate) fn start(test: &str, port: u16, sleepers: u32) -> Server {
        let (process, mut lines) = Process::start(test, ROLE, format!("{port} {sleepers}"));
        let port = lines.find_map(|line| line.split_once("port ")?.1.parse().ok());
        let port = port.expect("the server says its port");
        Server { process, port }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// What the console connects to.
    pub(crate) fn target(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Serves until stdin is closed, in the process that was started for it. False: this is not the one.
pub(crate) fn serve_if_told() -> bool {
    let Ok(role) = std::env::var(ROLE) else {
        return false;
    };
    let (port, sleepers) = role.split_once(' ').unwrap();
    let runtime = zokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .name("watched")
        .enable_all()
        .build()
        .unwrap();
    let guard = zokio_instrumentation::builder()
        .bind(format!("127.0.0.1:{port}").as_str())
        .attach(runtime.handle())
        .start()
        .unwrap();
    let never = Arc::new(Notify::new());
    runtime.block_on(async {
        for i in 0..sleepers.parse().unwrap() {
            let never = Arc::clone(&never);
            spawn(&format!("sleeper-{i}"), async move {
                never.notified().await;
            });
        }
        spawn("ticker", async {
            let mut interval = zokio::time::interval(Duration::from_millis(10));
            loop {
                interval.tick().await;
            }
        });
    });
    let address = guard.addr().to_string();
    let port = address.rsplit(':').next().unwrap();
    let mut output = io::stdout().lock();
    writeln!(output, "port {port}").unwrap();
    drop(output);
    wait_for_its_end();
    true
}

fn spawn(name: &str, future: impl Future<Output = ()> + Send + 'static) {
    zokio::task::Builder::new()
        .name(name)
        .spawn(future)
        .unwrap();
}
