//! What to run.

#![expect(unsafe_code, reason = "`pre_exec` runs code between fork and exec")]

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as StdChild, Command as StdCommand, ExitStatus, Output, Stdio};

use super::Child;
use super::output::{Launched, OutputOf, StatusOf};
use crate::driver::registration::current_with_io;

/// A program to run, and how; the asynchronous [`std::process::Command`].
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use zokio::process::Command;
///
/// let output = Command::new("echo").arg("hello").output().await?;
/// assert_eq!(output.stdout, b"hello\n");
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// A command that runs `program`, looked for in `PATH` unless it is a path, without arguments,
    /// in the environment, the directory and with the standard streams of this process.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        Command::from(StdCommand::new(program))
    }

    /// The command of the standard library beneath.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// The command of the standard library beneath.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// The command of the standard library beneath. What [`kill_on_drop`](Command::kill_on_drop)
    /// said is lost.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// Adds an argument. It is passed on as it is: no shell looks at it.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the child's environment.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the child's environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the child's environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Empties the child's environment.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the child's working directory. Whether a relative path of the program is meant from
    /// there is for the system to say.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Sets the child's standard input; by default this process's.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Sets the child's standard output; by default this process's, and a pipe for
    /// [`output`](Command::output).
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Sets the child's standard error; by default this process's, and a pipe for
    /// [`output`](Command::output).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Whether a child is killed when its [`Child`] is dropped; by default it is not. The futures
    /// of [`status`](Command::status) and [`output`](Command::output) own a [`Child`].
    ///
    /// The killed child's entry in the system's table is cleaned up in the background.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Command::kill_on_drop) was told.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the child's user id. If the system refuses it, spawning fails.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Sets the child's group id. If the system refuses it, spawning fails.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Sets what the child sees as its own name, its argument number 0.
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Sets the child's process group; 0: a group of its own, by its process id. A terminal's
    /// signals go to the group that is in the foreground.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Runs `f` in the child before the program; may be called several times, for one after the
    /// other. If it fails, so does spawning, with its error's number.
    ///
    /// # Safety
    ///
    /// As [`CommandExt::pre_exec`]: `f` runs in a copy of this process in which no other thread
    /// exists, so it must not allocate, lock, or do anything else that is not async-signal-safe.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller promises the same.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts a child.
    ///
    /// # Errors
    ///
    /// If the system cannot start it (`WouldBlock`: there are too many processes), or refuses to
    /// wait on its pipes. In the latter case the child is running: it is treated as if it had been
    /// dropped.
    ///
    /// # Panics
    ///
    /// Outside of a runtime with I/O enabled; nothing is started then.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(StdCommand::spawn)
    }

    /// [`spawn`](Command::spawn) by a function of the caller's own.
    ///
    /// # Errors
    ///
    /// Those of `with`, and as [`spawn`](Command::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Command::spawn).
    #[track_caller]
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<StdChild>,
    ) -> io::Result<Child> {
        drop(current_with_io());
        Child::new(with(&mut self.std)?, self.kill_on_drop)
    }

    /// Starts a child at once, and waits for its end. Pipes to it, if asked for, are closed.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait`], from the future.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Command::spawn).
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        StatusOf(Launched::new(self.spawn()))
    }

    /// Starts a child at once, waits for its end, and collects what it writes to its standard
    /// output and error: both become pipes, whatever they were set to.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`], from the future.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Command::spawn).
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        OutputOf::new(self.spawn())
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Command {
        Command {
            std,
            kill_on_drop: false,
        }
    }
}
