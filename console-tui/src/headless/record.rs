//! `record`: what a program's server sends, written to a file.
//!
//! Each frame is written through at once, so what was recorded is there whatever happens next. A
//! connection that is lost is noted and tried again; a disk that is full ends the recording with an
//! error, and what was written until then can be played.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;
use zokio::time::Instant;
use zokio_console_proto::v1;

use crate::connection::{self, Backoff, Destination, Session};
use crate::error::ConsoleError;
use crate::format;
use crate::nanos::nanos;
use crate::recording::{Frame, KEYFRAME_INTERVAL, KEYFRAME_UPDATES, Kind, Writer};
use crate::state::model::{Query, SortKey};

/// Tasks recorded a runtime, those that were busy most: what a server sends at most.
const MAX_TASKS: u32 = 1_000;

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_millis(500);

/// What is to be recorded.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) path: PathBuf,
    /// Write over a file that is there.
    pub(crate) force: bool,
    /// None: until Ctrl-C.
    pub(crate) time: Option<Duration>,
    /// Between two updates.
    pub(crate) interval: Duration,
    /// Only tasks that this filter leaves.
    pub(crate) filter: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    bytes: u64,
    time: Duration,
    updates: u64,
    losses: u64,
    /// Most tasks that matched and were not among the first [`MAX_TASKS`].
    left_out: u64,
}

impl Recorded {
    fn line(&self) -> String {
        let mut line = format!(
            "{}, {}, {} updates",
            format::duration(nanos(self.time)),
            format::bytes(self.bytes),
            self.updates
        );
        match self.losses {
            0 => {}
            1 => line.push_str(", the connection was lost once"),
            n => line.push_str(&format!(", the connection was lost {n} times")),
        }
        line
    }

    /// The last words.
    pub(crate) fn summary(&self, path: &Path) -> String {
        let left_out = match self.left_out {
            0 => String::new(),
            n => format!(
                "up to {n} task{} beyond the {MAX_TASKS} busiest left out: record fewer with --tasks\n",
                format::plural(n)
            ),
        };
        format!(
            "recorded {} in {path}\n{left_out}play it with: zokio-console replay {path}\n",
            self.line(),
            path = path.display()
        )
    }
}

/// Records until the time is over or `stop` is ready. `progress` is told how it goes.
pub(crate) async fn record(
    destination: &Destination,
    session: Session,
    plan: &Plan,
    stop: impl Future<Output = ()>,
    progress: impl FnMut(&str),
) -> Result<Recorded, ConsoleError> {
    let mut recorder = Recorder::begin(plan, progress)?;
    let work = recorder.run(destination, session);
    let over = async {
        match plan.time {
            Some(time) => zokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    zokio::select! {
        done = work => done?,
        () = over => {}
        () = stop => {}
    }
    recorder.write(Kind::End, false, Vec::new())?;
    Ok(recorder.recorded)
}

struct Recorder<'a, P> {
    plan: &'a Plan,
    writer: Writer<File>,
    began: Instant,
    told: Option<Instant>,
    recorded: Recorded,
    progress: P,
}

impl<'a, P: FnMut(&str)> Recorder<'a, P> {
    fn begin(plan: &'a Plan, progress: P) -> Result<Recorder<'a, P>, ConsoleError> {
        let mut options = OpenOptions::new();
        options.write(true);
        if plan.force {
            options.create(true).truncate(true);
        } else {
            options.create_new(true);
        }
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let writer = options
            .open(&plan.path)
            .and_then(|file| Writer::begin(file, nanos(unix)))
            .map_err(|source| not_begun(&plan.path, source))?;
        Ok(Recorder {
            plan,
            writer,
            began: Instant::now(),
            told: None,
            recorded: Recorded::default(),
            progress,
        })
    }

    /// Records until it cannot be written; a lost connection is made again.
    async fn run(
        &mut self,
        destination: &Destination,
        session: Session,
    ) -> Result<(), ConsoleError> {
        let mut backoff = Backoff::default();
        let mut connected = Ok(session);
        loop {
            let error = match connected {
                Ok(mut session) => self.watch(&mut session, &mut backoff).await?,
                Err(error) => error,
            };
            let reason = connection::in_short(&error);
            if !self.recorded_is_lost() {
                self.recorded.losses += 1;
                self.write(Kind::Lost, false, reason.clone().into_bytes())?;
            }
            let wait = backoff.next();
            self.tell(&format!("connection lost, trying again: {reason}"), true);
            zokio::time::sleep(wait).await;
            connected = connection::connect(destination).await;
        }
    }

    /// Whether the latest that was written is that the connection was lost.
    fn recorded_is_lost(&self) -> bool {
        self.writer.last_kind() == Some(Kind::Lost)
    }

    /// Records one connection; gives back why it broke.
    async fn watch(
        &mut self,
        session: &mut Session,
        backoff: &mut Backoff,
    ) -> Result<ConsoleError, ConsoleError> {
        self.write(Kind::Server, false, session.described.encode_to_vec())?;
        let query = Query {
            sort: SortKey::Busy,
            filter: self.plan.filter.clone(),
            limit: MAX_TASKS,
            resources: true,
            chains: true,
            ..Query::default()
        };
        let request = connection::request(&query, self.plan.interval);
        self.write(Kind::Request, false, request.encode_to_vec())?;
        loop {
            // A new stream begins with a whole update: a place where playing can begin.
            let renew_at = Instant::now() + KEYFRAME_INTERVAL;
            let mut stream = match session.subscribe(request.clone()).await {
                Ok(stream) => stream,
                Err(error) => return Ok(error),
            };
            let mut updates = 0;
            while Instant::now() < renew_at && updates < KEYFRAME_UPDATES {
                updates += 1;
                let update = match stream.message().await {
                    Ok(Some(update)) => update,
                    Ok(None) => return Ok(session.ended()),
                    Err(status) => return Ok(session.lost(&status)),
                };
                backoff.reset();
                self.note(update)?;
            }
        }
    }

    fn note(&mut self, mut update: v1::Update) -> Result<(), ConsoleError> {
        self.recorded.updates += 1;
        for runtime in &update.runtimes {
            let left_out = runtime
                .matching_tasks
                .saturating_sub(runtime.rows.len() as u64);
            self.recorded.left_out = self.recorded.left_out.max(left_out);
        }
        update.padding.clear();
        self.write(
            Kind::Update,
            connection::is_keyframe(&update),
            update.encode_to_vec(),
        )?;
        let line = self.recorded.line();
        self.tell(&line, false);
        Ok(())
    }

    fn write(&mut self, kind: Kind, keyframe: bool, payload: Vec<u8>) -> Result<(), ConsoleError> {
        let at_ns = nanos(self.began.elapsed());
        let written = self
            .writer
            .write(&Frame::new(at_ns, kind, keyframe, payload));
        self.recorded.bytes = self.writer.whole_bytes();
        self.recorded.time = self.began.elapsed();
        written.map_err(|source| {
            // The piece of a frame at the end is of no use. If it stays, it is told as cut off.
            let _ = self.writer.get_ref().set_len(self.recorded.bytes);
            ConsoleError::NotRecorded {
                path: self.plan.path.clone(),
                source,
                kept: self.recorded.line(),
            }
        })
    }

    fn tell(&mut self, line: &str, urgent: bool) {
        if urgent || self.told.is_none_or(|told| told.elapsed() >= PROGRESS) {
            self.told = Some(Instant::now());
            (self.progress)(line);
        }
    }
}

fn not_begun(path: &Path, source: io::Error) -> ConsoleError {
    ConsoleError::NotBegun {
        path: path.to_owned(),
        advice: match source.kind() {
            io::ErrorKind::AlreadyExists => "give another name, or --force to write over it",
            _ => "give the name of a file that can be written",
        },
        source,
    }
}

/// Writes a recording that is in memory.
pub(crate) fn save(path: &Path, began_unix_ns: u64, frames: &[Frame]) -> io::Result<u64> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut writer = Writer::begin(io::BufWriter::new(file), began_unix_ns)?;
    for frame in frames {
        writer.write(frame)?;
    }
    let at_ns = frames.last().map_or(0, |frame| frame.at_ns);
    writer.write(&Frame::new(at_ns, Kind::End, false, Vec::new()))?;
    Ok(writer.whole_bytes())
}

/// A line on a terminal that is written over by the next one.
pub(crate) fn overwrite(line: &str, out: &mut impl Write) {
    // Not being told is no reason to stop.
    let _ = write!(out, "\r\x1b[K{line}");
    let _ = out.flush();
}
