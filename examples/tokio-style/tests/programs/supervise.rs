use crate::Program;

fn supervise(args: &[&str]) -> Program {
    let args = [&["--pause-ms", "1"], args].concat();
    Program::start(env!("CARGO_BIN_EXE_supervise"), &args)
}

#[test]
fn command_that_succeeds_is_not_started_again() {
    let mut program = supervise(&["--", "sh", "-c", "echo done; echo twice"]);
    let id = program.line().strip_prefix("started ").unwrap().to_owned();
    let mut said = [program.line(), program.line(), program.line()];
    // The pipe and the end of the process are two things.
    said.sort();
    assert_eq!(
        said,
        [
            format!("[{id}] done"),
            format!("[{id}] twice"),
            "succeeded".into()
        ]
    );
    assert_eq!(program.end(), (String::new(), true));
}

#[test]
fn command_that_fails_is_started_again_so_many_times() {
    let (said, success) = supervise(&["--restarts", "2", "--", "sh", "-c", "exit 3"]).end();
    assert!(!success);
    assert_eq!(said.matches("started ").count(), 3, "{said}");
    assert_eq!(
        said.matches("failed: exit status: 3\n").count(),
        3,
        "{said}"
    );
    assert!(said.ends_with("given up\n"), "{said}");
}

#[test]
fn terminate_ends_the_command_and_the_supervisor() {
    // `sh` is asked to end, not its child; it says so.
    let script = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let mut program = supervise(&["--", "sh", "-c", script]);
    program.line();
    assert!(program.line().ends_with("] ready"));
    program.signal("-TERM");
    let (said, success) = program.end();
    assert!(success);
    assert!(said.ends_with("stopped\n"), "{said}");
    assert!(!said.contains("killing"), "{said}");
}

#[test]
fn hangup_starts_the_command_anew() {
    let mut program = supervise(&[
        "--restarts",
        "0",
        "--",
        "sh",
        "-c",
        "echo ready; exec sleep 100",
    ]);
    let first = program.line();
    assert!(program.line().ends_with("] ready"));
    program.signal("-HUP");
    assert_eq!(program.line(), "restarting");
    let second = program.line();
    assert!(
        second.starts_with("started ") && second != first,
        "{second}"
    );
    assert!(program.line().ends_with("] ready"));
    program.signal("-INT");
    assert_eq!(program.end(), ("stopped\n".to_owned(), true));
}

#[test]
fn command_that_does_not_listen_is_killed() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.01; done";
    let mut program = supervise(&["--grace-ms", "20", "--", "sh", "-c", script]);
    let id = program.line().strip_prefix("started ").unwrap().to_owned();
    assert!(program.line().ends_with("] ready"));
    program.signal("-TERM");
    assert_eq!(program.end(), (format!("killing {id}\nstopped\n"), true));
}

#[test]
fn command_that_does_not_exist_is_an_error() {
    assert_eq!(
        supervise(&["--", "/no/such/command"]).end(),
        (String::new(), false)
    );
}
