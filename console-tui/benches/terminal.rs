//! What does the console cost, and how soon does it answer a key?
//!
//! The real program in a real terminal of 160 by 50 cells, watching a process with ten thousand tasks
//! at ten updates a second: its processor time while nobody touches it, its memory, and the time from
//! a key to the screen that it asks for. `cargo bench -p zokio-console --bench terminal`; with `--smoke`
//! it only looks whether it works, with `--limits` it fails if a figure is worse than promised.

#![expect(clippy::print_stdout, reason = "a program talks to its user")]

#[cfg(target_os = "linux")]
#[path = "../tests/pty/server.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod server;
#[cfg(target_os = "linux")]
#[path = "../tests/pty/terminal.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod terminal;

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no pseudo-terminal for this here");
}

#[cfg(target_os = "linux")]
fn main() {
    if !server::serve_if_told() {
        linux::measure();
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::server::Server;
    use super::terminal::Terminal;

    const TASKS: u32 = 10_000;
    const INTERVAL: &str = "100ms";

    /// What is promised: the share of a core of a console that nobody touches, and the time from a
    /// key to its screen for 99 of 100 keys.
    const MAX_IDLE: f64 = 0.01;
    const MAX_LATENCY: Duration = Duration::from_millis(16);

    pub(super) fn measure() {
        let has_limits = std::env::args().any(|a| a == "--limits");
        let mut broken: Vec<String> = Vec::new();
        let (idle, keys) = if std::env::args().any(|a| a == "--smoke") {
            (Duration::from_millis(300), 4)
        } else {
            (Duration::from_secs(20), 400)
        };
        let server = Server::start("", 0, TASKS);
        let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
        command.args(["connect", &server.target(), "--interval", INTERVAL]);
        let mut terminal = Terminal::start(command, 160, 50);
        terminal.wait_for_text(&["● connected", "╭ Workers"]);

        for (screen, key, title) in [("workers", "w", "╭ Workers"), ("tasks", "t", "╭ Tasks")] {
            terminal.press(key);
            terminal.wait_for_text(&[title]);
            let (before, began) = (cpu(terminal.id()), Instant::now());
            thread::sleep(idle);
            let busy = cpu(terminal.id()) - before;
            let share = busy.as_secs_f64() / began.elapsed().as_secs_f64();
            println!("idle, {screen:8} {:6.2} % of a core", share * 100.0);
            if share > MAX_IDLE {
                broken.push(format!(
                    "idle on {screen}: more than {} %",
                    MAX_IDLE * 100.0
                ));
            }
        }

        let mut latencies: Vec<Duration> = (0..keys)
            .map(|i| {
                let (key, title) = [("s", "╭ Spawn sites"), ("t", "╭ Tasks")][i % 2];
                let pressed = Instant::now();
                terminal.press(key);
                terminal.wait_for_text(&[title]);
                pressed.elapsed()
            })
            .collect();
        latencies.sort();
        let quantile = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize];
        println!(
            "key to screen  p50 {:.2?}  p99 {:.2?}  max {:.2?}",
            quantile(0.5),
            quantile(0.99),
            quantile(1.0)
        );
        if quantile(0.99) > MAX_LATENCY {
            broken.push(format!("key to screen: more than {MAX_LATENCY:.0?} at p99"));
        }
        println!("memory         {}", resident(terminal.id()));
        terminal.press("q");
        assert!(terminal.wait_until_given_back().success());
        if has_limits && !broken.is_empty() {
            println!("{}", broken.join("\n"));
            drop(server);
            std::process::exit(1);
        }
    }

    /// Processor time of all threads of a process so far.
    fn cpu(id: u32) -> Duration {
        let threads = fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let of = |thread: fs::DirEntry| {
            let text = fs::read_to_string(thread.path().join("schedstat")).unwrap();
            text.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(threads.map(|thread| of(thread.unwrap())).sum())
    }

    fn resident(id: u32) -> String {
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        line.unwrap_or("unknown").trim().to_owned()
    }
}
