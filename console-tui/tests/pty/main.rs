//! The console as its user sees it: the real program in a real terminal, watching another process.
#![cfg(target_os = "linux")]

mod example;
mod http_server;
mod load;
mod server;
#[allow(dead_code, reason = "the benchmark uses more of it")]
mod terminal;

use std::process::Command;

use rustix::process::Signal;
use server::Server;
use terminal::Terminal;

const SLEEPERS: u32 = 12;

/// Not a test: the process that is watched.
#[test]
fn serves() {
    // Whether it did does not matter here.
    let _ = server::serve_if_told() || example::serve_if_told();
}

fn server(port: u16) -> Server {
    Server::start("serves", port, SLEEPERS)
}

fn console(server: &Server, columns: u16, rows: u16) -> Terminal {
    connected(&server.target(), columns, rows)
}

/// The console, connected.
fn connected(target: &str, columns: u16, rows: u16) -> Terminal {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
    command.args(["connect", target]);
    let terminal = Terminal::start(command, columns, rows);
    terminal.wait_for_text(&["● connected", "╭ Workers"]);
    terminal
}

#[test]
fn every_screen_comes_with_its_key_and_q_gives_the_terminal_back() {
    let server = server(0);
    let mut terminal = console(&server, 80, 24);
    let screens = [
        ("t", "╭ Tasks"),
        ("s", "╭ Spawn sites"),
        ("r", "╭ Resources"),
        ("W", "╭ Waits"),
        ("p", "╭ Blocking pool"),
        ("S", "╭ In the program"),
        ("T", "╭ Timeline"),
        ("L", "╭ Log of"),
        ("d", "╭ Diagnosis"),
        ("?", "╭ Help"),
        ("\x1b", "╭ Diagnosis"),
        ("w", "╭ Workers"),
    ];
    for (key, title) in screens {
        terminal.press(key);
        terminal.wait_for_text(&[title, "● connected"]);
    }
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn a_task_is_found_by_the_filter_and_opened() {
    let server = server(0);
    let mut terminal = console(&server, 160, 50);
    terminal.press("t");
    terminal.wait_for_text(&["sleeper-0", "sleeper-11", "ticker", "of 13"]);
    terminal.press("/sleeper-7");
    let screen = terminal.wait_for_text(&["/sleeper-7", "1-1 of 1 matching"]);
    assert!(!screen.contains("sleeper-3"), "{screen}");
    terminal.press("\r");
    terminal.wait_for_text(&["1-1 of 1 matching", "filter"]);
    terminal.press("\r");
    terminal.wait_for_text(&["╭ Task ", "· sleeper-7", "notify", "tests/pty/server.rs"]);
    terminal.press("\x1b");
    terminal.wait_for_text(&["╭ Tasks", "1-1 of 1 matching"]);
    terminal.press("\x1b");
    terminal.wait_for_text(&["sleeper-0", "of 13"]);
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn a_paused_screen_says_so_until_it_goes_on() {
    let server = server(0);
    let mut terminal = console(&server, 80, 24);
    terminal.press(" ");
    terminal.wait_for_text(&["PAUSED"]);
    terminal.press(" ");
    terminal.wait_for("screen that goes on", |screen| {
        let text = screen.contents();
        text.contains("● connected") && !text.contains("PAUSED")
    });
    terminal.press("\x03");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn another_size_is_drawn_anew() {
    let server = server(0);
    let terminal = console(&server, 80, 24);
    terminal.wait_for_text(&["w Work "]);
    terminal.resize(160, 50);
    terminal.wait_for("line at the bottom", |screen| {
        let rows: Vec<_> = screen.rows(0, 160).collect();
        rows[0].contains("w Workers") && rows[49].contains("● connected")
    });
}

#[test]
fn a_killed_server_is_waited_for_with_all_on_the_screen() {
    let first = server(0);
    let mut terminal = console(&first, 160, 50);
    terminal.press("t");
    terminal.wait_for_text(&["sleeper-11", &format!("[{}]", first.id())]);
    let port = first.port;
    drop(first);
    let screen = terminal.wait_for_text(&["connection lost"]);
    for shown in ["╭ Tasks", "sleeper-0", "sleeper-11", "ticker"] {
        assert!(screen.contains(shown), "{screen}");
    }
    // Keys still work, and what they show is still there.
    terminal.press("w");
    terminal.wait_for_text(&["╭ Workers", "watched"]);
    terminal.press("t");
    terminal.wait_for_text(&["╭ Tasks", "sleeper-11"]);
    let second = server(port);
    let id = format!("[{}]", second.id());
    terminal.wait_for_text(&["● connected", &id, "╭ Tasks", "sleeper-11"]);
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn of_several_programs_a_killed_one_keeps_its_rows_and_the_others_go_on() {
    let (first, second) = (server(0), server(0));
    let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
    command.args(["connect", &first.target(), &second.target()]);
    let mut terminal = Terminal::start(command, 160, 50);
    let ids = [&first, &second].map(|it| format!("[{}]", it.id()));
    terminal.wait_for_text(&["╭ Workers", "1 ● ", "2 ● ", &ids[0], &ids[1]]);
    terminal.press("t");
    terminal.wait_for_text(&["╭ Tasks", "sleeper-11", &first.target()]);
    terminal.press("2");
    terminal.wait_for_text(&["╭ Workers", "● connected", &second.target()]);
    drop(first);
    terminal.wait_for_text(&["1 × ", "2 ● ", "● connected", &second.target()]);
    terminal.press("1");
    let screen = terminal.wait_for_text(&["connection lost", "╭ Tasks"]);
    for shown in ["sleeper-0", "sleeper-11", "ticker"] {
        assert!(screen.contains(shown), "{screen}");
    }
    terminal.press("\tt");
    terminal.wait_for_text(&["● connected", "╭ Tasks", "sleeper-11", &second.target()]);
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn a_program_that_is_not_there_keeps_nobody_from_the_others() {
    let there = server(0);
    let gone = server(0);
    let target = gone.target();
    drop(gone);
    let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
    command.args(["connect", &target, &there.target(), "--runtime", "watched"]);
    let mut terminal = Terminal::start(command, 80, 24);
    terminal.wait_for_text(&["1 × ", "connection lost", "waiting for the first update"]);
    terminal.press("\t");
    terminal.wait_for_text(&["● connected", "╭ Workers", "watched"]);
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn a_terminated_console_gives_the_terminal_back() {
    let server = server(0);
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = console(&server, 80, 24);
        terminal.send(signal);
        assert!(terminal.wait_until_given_back().success());
    }
}
