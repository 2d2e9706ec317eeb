//! `trace`: what the workers did lately, into a file for a trace viewer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zokio_instrumentation::Trace;

use crate::connection::Session;
use crate::error::ConsoleError;
use crate::format;
use crate::nanos::nanos;

/// Most events that are collected: of this many the file is a gigabyte.
const MAX_EVENTS: usize = 5_000_000;

/// Where the recording goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    Stdout,
    File(PathBuf),
}

impl From<PathBuf> for Output {
    fn from(path: PathBuf) -> Output {
        if path == Path::new("-") {
            Output::Stdout
        } else {
            Output::File(path)
        }
    }
}

/// Reads the recorders and writes what they hold. Progress goes to `progress`, if somebody watches;
/// what was written, and what is missing in it, to `notes`.
pub(crate) async fn save(
    session: &mut Session,
    last: Duration,
    output: &Output,
    mut progress: Option<&mut dyn Write>,
    notes: &mut impl Write,
) -> Result<(), ConsoleError> {
    let mut stream = session.trace(Vec::new(), last).await?;
    let mut trace = Trace::new();
    while let Some(chunk) = session.next_chunk(&mut stream).await? {
        trace.add(chunk);
        if trace.events() > MAX_EVENTS {
            return Err(ConsoleError::Output(io::Error::other(format!(
                "the recording has more than {MAX_EVENTS} events: ask for less with --last"
            ))));
        }
        if let Some(out) = &mut progress {
            let total: u64 = trace.runtimes().map(|runtime| runtime.events).sum();
            // Not being told is no reason to stop.
            let _ = write!(out, "\r{} of {total} events", trace.events());
            let _ = out.flush();
        }
    }
    if let Some(out) = &mut progress {
        let _ = writeln!(out);
    }
    let process = session.server.process_name.clone();
    match output {
        Output::Stdout => {
            let mut out = BufWriter::new(io::stdout().lock());
            trace.write_json(&process, &mut out)
        }
        Output::File(path) => write_file(path, |out| trace.write_json(&process, out)),
    }
    .map_err(ConsoleError::Output)?;
    // Not being told is no reason to fail: the recording is there.
    let _ = notes.write_all(summary(&trace, last, output).as_bytes());
    Ok(())
}

/// Writes a file whole or not at all: into another one beside it first.
fn write_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let beside = PathBuf::from(beside);
    let written = File::create(&beside).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    });
    let moved = written.and_then(|()| std::fs::rename(&beside, path));
    moved.map_err(|error| {
        // Nothing of it is of use.
        let _ = std::fs::remove_file(&beside);
        named(error)
    })
}

/// What was written, and how far back each worker remembers if that is less than was asked for.
fn summary(trace: &Trace, last: Duration, output: &Output) -> String {
    use std::fmt::Write as _;

    let mut out = String::new();
    let place = match output {
        Output::Stdout => "stdout".to_owned(),
        Output::File(path) => path.display().to_string(),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} events written to {place}; open it in https://ui.perfetto.dev",
        trace.events()
    );
    for runtime in trace.runtimes() {
        for worker in &runtime.workers {
            let whose = format!("{}, worker {}", runtime.name, worker.index);
            if worker.capacity_bytes == 0 {
                let _ = writeln!(out, "  {whose}: the flight recorder is off");
            } else if worker.overwritten > 0 && worker.complete_since_ns > runtime.from_ns {
                let back = runtime.taken_at_ns.saturating_sub(worker.complete_since_ns);
                let asked = nanos(last);
                let _ = writeln!(
                    out,
                    "  {whose}: reaches back {} of {}, {} earlier events were overwritten",
                    format::duration(back),
                    format::duration(asked),
                    worker.overwritten,
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use zokio_console_proto::v1;

    #[test]
    fn what_is_missing_is_told() {
        let worker = |index, overwritten, complete_since_ns, capacity_bytes| v1::TraceWorker {
            index,
            recorded: 10 + overwritten,
            overwritten,
            complete_since_ns,
            capacity_bytes,
        };
        let mut trace = Trace::new();
        trace.add(v1::TraceChunk {
            runtime_id: 1,
            runtime: Some(v1::TraceRuntime {
                name: "shop".into(),
                taken_at_ns: 6_000_000_000,
                from_ns: 1_000_000_000,
                workers: vec![
                    worker(0, 0, 0, 4096),
                    worker(1, 7, 5_500_000_000, 4096),
                    worker(2, 7, 500_000_000, 4096),
                    worker(3, 0, 0, 0),
                ],
                events: 0,
            }),
            ..v1::TraceChunk::default()
        });
        let output = Output::from(PathBuf::from("out.json"));
        let text = summary(&trace, Duration::from_secs(5), &output);
        assert_eq!(
            text,
            "0 events written to out.json; open it in https://ui.perfetto.dev\n  \
             shop, worker 1: reaches back 500ms of 5.00s, 7 earlier events were overwritten\n  \
             shop, worker 3: the flight recorder is off\n"
        );
    }

    #[test]
    fn file_that_cannot_be_written_whole_is_left_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("out.json");
        std::fs::write(&path, "before").expect("a file");
        let failed = write_file(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        let error = failed.expect_err("it is told").to_string();
        assert!(error.ends_with("out.json: disk full"), "{error}");
        assert_eq!(
            std::fs::read_to_string(&path).ok().as_deref(),
            Some("before")
        );
        write_file(&path, |out| out.write_all(b"after")).expect("it is written");
        assert_eq!(
            std::fs::read_to_string(&path).ok().as_deref(),
            Some("after")
        );
        assert_eq!(
            std::fs::read_dir(dir.path()).map(Iterator::count).ok(),
            Some(1)
        );
    }
}
