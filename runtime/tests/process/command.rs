use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::Mutex;

use super::{runtime, sh, text_of};
use zokio::process::Command;
use zokio::runtime::Builder;

#[test]
fn arguments_are_passed_as_they_are() {
    runtime().block_on(async {
        let mut command = sh("printf '%s|' \"$@\"");
        command.arg("zero").arg("a b").args(["$HOME", "", "*"]);
        assert_eq!(text_of(&mut command).await, "a b|$HOME||*|");
    });
}

#[test]
fn variable_is_set_for_the_child_only() {
    runtime().block_on(async {
        let mut command = sh("printf %s \"$ZOKIO_TEST_ONE\"");
        command.env("ZOKIO_TEST_ONE", "1");
        assert_eq!(text_of(&mut command).await, "1");
        assert!(std::env::var_os("ZOKIO_TEST_ONE").is_none());
    });
}

#[test]
fn several_variables_are_set() {
    runtime().block_on(async {
        let mut command = sh("printf %s \"$A$B\"");
        command.envs([("A", "x"), ("B", "y")]);
        assert_eq!(text_of(&mut command).await, "xy");
    });
}

#[test]
fn removed_variable_is_not_inherited() {
    runtime().block_on(async {
        let mut command = sh("printf %s \"${PATH-none}${A-none}\"");
        command.env("A", "x").env_remove("A");
        assert!(text_of(&mut command).await.ends_with("none"));
    });
}

#[test]
fn cleared_environment_is_empty_but_for_what_comes_later() {
    runtime().block_on(async {
        let mut command = Command::new("/usr/bin/env");
        command.env("A", "x").env_clear().env("B", "y");
        assert_eq!(text_of(&mut command).await, "B=y\n");
    });
}

#[test]
fn directory_is_the_child_s() {
    runtime().block_on(async {
        let mut command = sh("pwd");
        command.current_dir("/");
        assert_eq!(text_of(&mut command).await, "/\n");
    });
}

#[test]
fn name_seen_by_the_child_is_set() {
    runtime().block_on(async {
        let mut command = sh("printf %s \"$0\"");
        command.arg0("another");
        // A shell takes its name from its arguments after `-c` or else from argument 0.
        assert_eq!(text_of(&mut command).await, "another");
    });
}

#[test]
fn process_group_of_its_own_has_the_child_s_id() {
    runtime().block_on(async {
        let mut command = sh("read line");
        let mut child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = libc_pid(child.id().unwrap());
        assert_eq!(group_of(pid), pid);
        assert_ne!(group_of(0), pid);
        child.wait().await.unwrap();
    });
}

fn libc_pid(pid: u32) -> libc::pid_t {
    libc::pid_t::try_from(pid).unwrap()
}

#[expect(unsafe_code, reason = "asks the system for a process group")]
fn group_of(pid: libc::pid_t) -> libc::pid_t {
    // SAFETY: a call without memory.
    unsafe { libc::getpgid(pid) }
}

#[test]
fn own_ids_are_accepted() {
    runtime().block_on(async {
        let (uid, gid) = ids();
        let mut command = sh("id -u; id -g");
        command.uid(uid).gid(gid);
        assert_eq!(text_of(&mut command).await, format!("{uid}\n{gid}\n"));
    });
}

#[expect(unsafe_code, reason = "asks the system for ids")]
fn ids() -> (u32, u32) {
    // SAFETY: calls without memory that cannot fail.
    unsafe { (libc::getuid(), libc::getgid()) }
}

#[test]
fn failure_before_exec_is_the_spawn_s_error() {
    runtime().block_on(async {
        let mut command = sh("true");
        refuse_with(&mut command, libc::EDOM);
        let error = command.spawn().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EDOM));
        let mut command = sh("true");
        refuse_with(&mut command, libc::ERANGE);
        let error = command.status().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ERANGE));
    });
}

#[expect(unsafe_code, reason = "runs code between fork and exec")]
fn refuse_with(command: &mut Command, errno: i32) {
    // SAFETY: the function makes an error of a number, without allocation.
    unsafe { command.pre_exec(move || Err(io::Error::from_raw_os_error(errno))) };
}

#[test]
fn program_that_is_not_there_is_an_error_of_spawn_status_and_output() {
    runtime().block_on(async {
        let mut command = Command::new("/nowhere/no-such-program");
        let errors = [
            command.spawn().unwrap_err(),
            command.status().await.unwrap_err(),
            command.output().await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
    });
}

#[test]
fn command_spawns_several_children() {
    runtime().block_on(async {
        let mut command = sh("printf x");
        for _ in 0..3 {
            assert_eq!(text_of(&mut command).await, "x");
        }
    });
}

#[test]
fn status_starts_the_child_before_it_is_polled() {
    runtime().block_on(async {
        let mut command = Command::new("true");
        command.stdin(Stdio::piped());
        let status = command.status();
        drop(command);
        assert!(status.await.unwrap().success());
    });
}

#[test]
fn status_closes_pipes_that_nobody_uses() {
    runtime().block_on(async {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        assert!(command.status().await.unwrap().success());
    });
}

#[test]
fn output_makes_pipes_whatever_was_set() {
    runtime().block_on(async {
        let mut command = sh("printf out; printf err >&2; exit 3");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let output = command.output().await.unwrap();
        assert_eq!(output.stdout, b"out");
        assert_eq!(output.stderr, b"err");
        assert_eq!(output.status.code(), Some(3));
    });
}

#[test]
fn output_inherits_no_more_than_asked_for() {
    runtime().block_on(async {
        let mut command = Command::new("cat");
        command.stdin(Stdio::null());
        assert_eq!(text_of(&mut command).await, "");
    });
}

#[test]
fn kill_on_drop_is_off_unless_asked_for() {
    let mut command = Command::new("true");
    assert!(!command.get_kill_on_drop());
    command.kill_on_drop(true);
    assert!(command.get_kill_on_drop());
    command.kill_on_drop(false);
    assert!(!command.get_kill_on_drop());
}

#[test]
fn standard_command_goes_in_and_comes_out() {
    runtime().block_on(async {
        let mut std = std::process::Command::new("/bin/sh");
        std.args(["-c", "printf \"$A\""]);
        let mut command = Command::from(std);
        command.as_std_mut().env("A", "x");
        assert_eq!(command.as_std().get_program(), "/bin/sh");
        assert!(!command.get_kill_on_drop());
        assert_eq!(text_of(&mut command).await, "x");
        let output = command.into_std().output().unwrap();
        assert_eq!(output.stdout, b"x");
    });
}

#[test]
fn spawn_with_takes_the_caller_s_function() {
    runtime().block_on(async {
        let mut command = sh("exit 4");
        let mut child = command.spawn_with(|std| std.spawn()).unwrap();
        assert_eq!(child.wait().await.unwrap().code(), Some(4));
        let error = command.spawn_with(|_| Err(io::ErrorKind::Deadlock.into()));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::Deadlock);
    });
}

#[test]
fn debug_shows_the_program() {
    let text = format!("{:?}", Command::new("prog"));
    assert!(text.starts_with("Command {") && text.contains("prog"));
}

static LAST_PANIC: Mutex<Option<(String, u32)>> = Mutex::new(None);

/// The line that the panic of `f` is blamed on, if it is of this file.
fn panic_line(f: impl FnOnce()) -> Option<u32> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().unwrap();
        *LAST_PANIC.lock().unwrap() = Some((at.file().to_owned(), at.line()));
    }));
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    std::panic::set_hook(before);
    let (file, line) = LAST_PANIC.lock().unwrap().take().unwrap();
    (file == file!()).then_some(line)
}

#[test]
fn spawn_outside_of_a_runtime_panics_in_the_caller_s_line_and_starts_nothing() {
    let marker = std::env::temp_dir().join(format!("zokio-spawned-{}", std::process::id()));
    let mut command = Command::new("touch");
    command.arg(&marker);
    let mut expected = 0;
    let line = panic_line(|| {
        expected = line!() + 1;
        drop(command.spawn());
    });
    assert_eq!(line, Some(expected));
    let line = panic_line(|| {
        expected = line!() + 1;
        drop(command.status());
    });
    assert_eq!(line, Some(expected));
    assert!(!marker.exists());
}

#[test]
fn spawn_without_io_panics() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let line = panic_line(|| drop(Command::new("true").spawn()));
    assert!(line.is_some());
}

/// What a child has open besides its standard streams and the directory that it looks at.
#[cfg(target_os = "linux")]
fn descriptors(output: std::process::Output) -> Vec<String> {
    let listed = String::from_utf8(output.stdout).unwrap();
    let numbered = listed.lines().filter_map(|line| {
        let (before, target) = line.split_once(" -> ")?;
        let number: u32 = before.rsplit(' ').next()?.parse().ok()?;
        (number > 2 && !target.starts_with("/proc/")).then(|| format!("{number} {target}"))
    });
    numbered.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn child_has_none_of_the_runtime_s_descriptors() {
    use zokio::net::unix::pipe;
    use zokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixSocket, UnixStream};
    use zokio::signal::unix::{SignalKind, signal};

    const LIST: &str = "ls -l /proc/self/fd";
    // What the tests themselves were started with.
    let before = descriptors(sh(LIST).into_std().output().unwrap());
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let accepted = listener.accept().await.unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let unix = (UnixStream::pair().unwrap(), UnixDatagram::pair().unwrap());
        let socket = UnixSocket::new_stream().unwrap();
        let pipes = pipe::pipe().unwrap();
        let hangups = signal(SignalKind::hangup()).unwrap();
        let file = zokio::fs::File::open("/proc/self/exe").await.unwrap();
        let mut other = sh("read line");
        let other = other.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let with_all = sh(LIST).output().await.unwrap();
        assert_eq!(descriptors(with_all), before);
        other.unwrap().kill().await.unwrap();
        drop((
            listener, stream, accepted, udp, unix, socket, pipes, hangups, file,
        ));
    });
}
