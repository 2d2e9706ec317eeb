//! The example `http_server` under load, watched by the console.

use crate::example::Example;
use crate::load::Load;
use crate::terminal::Terminal;

const SOURCE: &str = "examples/src/http_server.rs";
const CLIENTS: usize = 3;

fn example(port: u16) -> Example {
    Example::start("serves", port)
}

fn console(example: &Example) -> Terminal {
    crate::connected(&example.target(), 160, 50)
}

/// FILE:LINE of the spawn whose task begins with that line of the example.
fn spawned_at(first_line: &str) -> String {
    let source = include_str!("../../../examples/src/http_server.rs");
    let line = source.lines().position(|line| line.trim() == first_line);
    // Lines count from 1: this is the one before.
    format!("{SOURCE}:{}", line.expect("a line of the example"))
}

/// Where the tasks of connections are spawned.
fn connections() -> String {
    spawned_at("serve_connection(stream, &stop).await;")
}

/// Where `/spawn` spawns.
fn short_tasks() -> String {
    spawned_at("zokio::task::yield_now().await;")
}

/// Filters to the tasks of connections. Returns what the screen says of the filter from then on.
fn filter_connections(terminal: &mut Terminal) -> String {
    let filter = format!("loc:{}", connections());
    terminal.press("t");
    terminal.wait_for_text(&["╭ Tasks", "/ filter"]);
    terminal.press(&format!("/{filter}\r"));
    let shown = format!("filter {filter}");
    terminal.wait_for_text(&[&shown, &all(CLIENTS)]);
    shown
}

/// What the title says when all so many tasks that match are shown.
fn all(tasks: usize) -> String {
    format!("╭ Tasks  1-{tasks} of {tasks} matching")
}

/// The screen without its last line, which has a clock.
fn without_status(screen: &str) -> &str {
    screen.rsplit_once('\n').expect("many lines").0
}

/// The seconds that a screen says it has been paused for.
fn paused_for(screen: &str) -> Option<f64> {
    let (_, after) = screen.split_once("PAUSED −")?;
    after.split_once('s')?.0.parse().ok()
}

#[test]
fn every_screen_shows_what_the_example_does_under_load() {
    let example = example(0);
    let _load = Load::start(example.address, CLIENTS);
    let mut terminal = console(&example);
    let (connections, short_tasks) = (connections(), short_tasks());
    let connected_to = format!("[{}], zokio", example.id());
    // The listener, and a connection each.
    let sources = format!("sources    {}", CLIENTS + 1);
    let screens: [(&str, &[&str]); 13] = [
        (
            "w",
            &["╭ Workers", "Σ 2 workers", &connections, &short_tasks],
        ),
        ("t", &["╭ Tasks", &connections, "tcp accept", "tcp read"]),
        ("s", &["╭ Spawn sites  2", &connections, &short_tasks]),
        (
            "r",
            &[
                "╭ Resources",
                "semaphore  acquire",
                "tcp        accept",
                SOURCE,
            ],
        ),
        // Only a request for short tasks waits for others, and not for long.
        (
            "W",
            &[
                "╭ Waits",
                "no task waits for anything that another task holds",
            ],
        ),
        ("p", &["╭ Blocking pool", "╭ Driver", &sources]),
        ("S", &["╭ In the program", "of 2 workers", "╭ On the wire"]),
        ("T", &["╭ Timeline of runtime-1, the last", "w0", "w1"]),
        (
            "L",
            &[
                "╭ Log of the connection",
                "runtime-1 is watched",
                &connected_to,
            ],
        ),
        ("d", &["╭ Diagnosis"]),
        ("?", &["╭ Help"]),
        ("\x1b", &["╭ Diagnosis"]),
        ("w", &["╭ Workers", "Σ 2 workers"]),
    ];
    for (key, shown) in screens {
        terminal.press(key);
        terminal.wait_for_text(shown);
        terminal.wait_for_text(&["● connected"]);
    }
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}

#[test]
fn connections_are_found_by_the_filter_opened_and_paused() {
    let example = example(0);
    let _load = Load::start(example.address, CLIENTS);
    let mut terminal = console(&example);
    let filter = filter_connections(&mut terminal);
    terminal.press("\r");
    terminal.wait_for_text(&[
        "╭ Task ",
        &connections(),
        "╭ Waits for",
        "tcp read",
        "semaphore acquire",
    ]);
    terminal.press("\x1b");
    terminal.wait_for_text(&[&all(CLIENTS), &filter]);

    terminal.press(" ");
    let paused = terminal.wait_for_text(&["PAUSED", &all(CLIENTS), &filter]);
    // Another console, which is not paused, tells when there is more to be seen.
    let mut other = console(&example);
    filter_connections(&mut other);
    let _more = Load::start(example.address, 1);
    other.wait_for_text(&[&all(CLIENTS + 1)]);
    // The paused one has it, too, many updates later.
    let since = paused_for(&terminal.wait_for_text(&["PAUSED"])).unwrap();
    let still = terminal.wait_for("second of the pause", |screen| {
        paused_for(&screen.contents()).is_some_and(|now| now > since + 1.0)
    });
    assert_eq!(without_status(&still), without_status(&paused));

    terminal.press(" ");
    let on = terminal.wait_for_text(&["● connected", &all(CLIENTS + 1), &filter]);
    assert!(!on.contains("PAUSED"), "{on}");
    for mut console in [terminal, other] {
        console.press("q");
        assert!(console.wait_until_given_back().success());
    }
}

#[test]
fn a_killed_example_is_waited_for_with_screen_and_filter_kept() {
    let first = example(0);
    let port = first.telemetry.port();
    let load = Load::start(first.address, CLIENTS);
    let mut terminal = console(&first);
    let filter = filter_connections(&mut terminal);
    let connections = connections();
    terminal.wait_for_text(&[&format!("[{}]", first.id())]);
    drop(first);
    let screen = terminal.wait_for_text(&["connection lost"]);
    let all_of_first = all(CLIENTS);
    let kept: [&str; 3] = [&all_of_first, &filter, &connections];
    for shown in kept {
        assert!(screen.contains(shown), "no {shown:?}:\n{screen}");
    }
    // The filter names the place once more.
    assert_eq!(
        screen.matches(&connections).count(),
        CLIENTS + 1,
        "{screen}"
    );
    drop(load);
    // Keys still work, and what they show is still there.
    terminal.press("s");
    terminal.wait_for_text(&["╭ Spawn sites  2", &connections]);
    terminal.press("t");
    terminal.wait_for_text(&kept);
    // It goes on trying.
    terminal.wait_for_text(&["connection lost, again in "]);

    let second = example(port);
    let _load = Load::start(second.address, CLIENTS + 2);
    let id = format!("[{}]", second.id());
    terminal.wait_for_text(&["● connected", &id, &all(CLIENTS + 2), &filter, &connections]);
    terminal.press("q");
    assert!(terminal.wait_until_given_back().success());
}
