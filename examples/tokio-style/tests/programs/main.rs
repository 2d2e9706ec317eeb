//! The programs, run as their users run them. The tests are written for tokio too.
#![cfg(unix)]

mod chat;
mod kv;
mod proxy;
mod supervise;
mod workers;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A program that is killed when its test ends.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start(program: &str, args: &[&str]) -> Program {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Program { child, output }
    }

    /// The next line of its output.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Starts a server; also the address that it says it listens on.
    fn listening(program: &str, args: &[&str]) -> (Program, String) {
        let mut program = Program::start(program, args);
        let line = program.line();
        let address = line.strip_prefix("listening ").unwrap();
        (program, address.to_owned())
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args([signal, &id]).status();
        assert!(killed.unwrap().success());
    }

    /// What else it says, and whether it ends well.
    fn end(mut self) -> (String, bool) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.child.wait().unwrap().success())
    }

    fn interrupt(self) -> (String, bool) {
        self.signal("-INT");
        self.end()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
