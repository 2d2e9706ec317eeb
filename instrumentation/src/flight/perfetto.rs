//! A recording as a file of the trace event format, which Perfetto (ui.perfetto.dev) and
//! `chrome://tracing` show.
//!
//! | here | there |
//! |---|---|
//! | runtime | process |
//! | worker | thread, with a number one higher: 0 means something else there |
//! | poll, sleep, look at the driver | slice (`X`) of category `poll`, `park`, `driver` |
//! | steal, spawn, end of a task | instant (`i`) of category `steal`, `spawn`, `complete` |
//! | wake or spawn, and the poll that it led to | arrow (`s`, `f`) from slice to slice |
//! | wake without such a poll, or made in no slice | instant of category `wake` |

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};
use std::io;

use zokio_console_proto::v1;
use zokio_console_proto::v1::TraceEventKind as Kind;

/// What the workers of a process did lately, collected from chunks and written as JSON.
#[derive(Debug, Default)]
pub struct Trace {
    runtimes: Vec<Runtime>,
}

#[derive(Debug, Default)]
struct Runtime {
    id: u64,
    head: v1::TraceRuntime,
    tasks: HashMap<u64, v1::TraceTask>,
    lanes: BTreeMap<u32, Vec<v1::TraceEvent>>,
}

/// From a wake or spawn to the poll that it led to.
struct Arrow {
    to_worker: u32,
    to_ns: u64,
}

/// By worker and number of the event that woke or spawned.
type Arrows = HashMap<(u32, usize), Arrow>;

impl Trace {
    /// Nothing so far.
    pub fn new() -> Trace {
        Trace::default()
    }

    /// Adds a chunk.
    pub fn add(&mut self, chunk: v1::TraceChunk) {
        let known = self.runtimes.iter().position(|r| r.id == chunk.runtime_id);
        let index = known.unwrap_or_else(|| {
            self.runtimes.push(Runtime {
                id: chunk.runtime_id,
                ..Runtime::default()
            });
            self.runtimes.len() - 1
        });
        let runtime = &mut self.runtimes[index];
        if let Some(head) = chunk.runtime {
            runtime.head = head;
        }
        let tasks = chunk.tasks.into_iter().map(|task| (task.id, task));
        runtime.tasks.extend(tasks);
        for events in chunk.events {
            let lane = runtime.lanes.entry(events.worker).or_default();
            lane.extend(events.events);
        }
    }

    /// Events that have been added.
    pub fn events(&self) -> usize {
        let lanes = self.runtimes.iter().flat_map(|r| r.lanes.values());
        lanes.map(Vec::len).sum()
    }

    /// What is known of the recorders, by runtime.
    pub fn runtimes(&self) -> impl Iterator<Item = &v1::TraceRuntime> {
        self.runtimes.iter().map(|runtime| &runtime.head)
    }

    /// Writes one JSON object. `process` names the program.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_json(&self, process: &str, out: &mut impl io::Write) -> io::Result<()> {
        let mut json = Json { out, first: true };
        let process = Text(process);
        write!(
            json.out,
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"process\":{process},\"format\":\"1\"}},\
             \"traceEvents\":["
        )?;
        let mut arrow_id = 0;
        for runtime in &self.runtimes {
            runtime.write(&mut json, &mut arrow_id)?;
        }
        writeln!(json.out, "\n]}}")
    }
}

impl Runtime {
    fn write<W: io::Write>(&self, json: &mut Json<'_, W>, arrow_id: &mut u64) -> io::Result<()> {
        let pid = self.id;
        let name = format!("{} (runtime {pid})", self.head.name);
        json.metadata("process_name", pid, 0, format_args!("{}", Text(&name)))?;
        for worker in &self.head.workers {
            let (tid, name) = (tid(worker.index), format!("worker {}", worker.index));
            json.metadata("thread_name", pid, tid, format_args!("{}", Text(&name)))?;
            json.metadata("thread_sort_index", pid, tid, format_args!("{tid}"))?;
            if worker.overwritten > 0 && worker.complete_since_ns > self.head.from_ns {
                json.entry(format_args!(
                    "{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"recorder\",\"name\":\"what came before was \
                     overwritten\",\"pid\":{pid},\"tid\":{tid},\"ts\":{},\"args\":{{\"overwritten\":{}}}}}",
                    Micros(worker.complete_since_ns),
                    worker.overwritten,
                ))?;
            }
        }
        let arrows = self.arrows();
        for (worker, events) in &self.lanes {
            for (index, event) in events.iter().enumerate() {
                let arrow = arrows.get(&(*worker, index));
                self.write_event(json, *worker, event, arrow)?;
                if let Some(arrow) = arrow {
                    *arrow_id += 1;
                    let (from, to) = (tid(*worker), tid(arrow.to_worker));
                    let (id, cat) = (*arrow_id, "\"cat\":\"wake\",\"name\":\"wake\"");
                    json.entry(format_args!(
                        "{{\"ph\":\"s\",{cat},\"id\":{id},\"pid\":{pid},\"tid\":{from},\"ts\":{}}}",
                        Micros(event.at_ns)
                    ))?;
                    json.entry(format_args!(
                        "{{\"ph\":\"f\",\"bp\":\"e\",{cat},\"id\":{id},\"pid\":{pid},\"tid\":{to},\"ts\":{}}}",
                        Micros(arrow.to_ns)
                    ))?;
                }
            }
        }
        Ok(())
    }

    fn write_event<W: io::Write>(
        &self,
        json: &mut Json<'_, W>,
        worker: u32,
        event: &v1::TraceEvent,
        arrow: Option<&Arrow>,
    ) -> io::Result<()> {
        let (pid, tid, ts) = (self.id, tid(worker), Micros(event.at_ns));
        let args = self.args(event);
        let name = match event.kind() {
            Kind::Poll => self.title(event.task_id),
            Kind::Park => "park".to_owned(),
            Kind::Driver => "driver".to_owned(),
            Kind::Steal => format!("steal {} from {}", event.stolen_tasks, event.victim),
            Kind::Spawn => format!("spawn {}", self.title(event.task_id)),
            Kind::Complete => format!("{} {}", outcome(event), self.title(event.task_id)),
            Kind::Wake if arrow.is_none() => format!("wake {}", self.title(event.task_id)),
            Kind::Wake | Kind::Unspecified => return Ok(()),
        };
        let (name, cat) = (Text(&name), category(event.kind()));
        if is_span(event.kind()) {
            let duration = Micros(event.duration_ns);
            json.entry(format_args!(
                "{{\"ph\":\"X\",\"cat\":\"{cat}\",\"name\":{name},\"pid\":{pid},\"tid\":{tid},\
                 \"ts\":{ts},\"dur\":{duration},\"args\":{{{args}}}}}"
            ))
        } else {
            json.entry(format_args!(
                "{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"{cat}\",\"name\":{name},\"pid\":{pid},\
                 \"tid\":{tid},\"ts\":{ts},\"args\":{{{args}}}}}"
            ))
        }
    }

    /// What is told of an event besides its name and time.
    fn args(&self, event: &v1::TraceEvent) -> String {
        let mut args = Args::default();
        if event.task_id != 0 {
            args.number("task", event.task_id);
            if let Some(task) = self.tasks.get(&event.task_id) {
                if !task.name.is_empty() {
                    args.text("name", &task.name);
                }
                if let Some(at) = &task.location {
                    args.text("spawned at", &place(at));
                }
            }
        }
        match event.kind() {
            Kind::Poll => {
                args.number("polls", event.polls.into());
                args.flag("woken from outside", event.from_outside);
                args.flag("goes on outside of the worker", event.handed_over);
            }
            Kind::Park | Kind::Driver => {
                args.number("events", event.io_events.into());
                args.number("timers", event.timers.into());
            }
            Kind::Wake | Kind::Spawn if event.by_task_id != 0 => {
                args.number("by task", event.by_task_id);
            }
            Kind::Wake | Kind::Spawn => args.flag("by the driver", event.by_driver),
            _ => {}
        }
        args.flag("not over yet", event.under_way);
        args.0
    }

    /// A task in a few words.
    fn title(&self, id: u64) -> String {
        match self.tasks.get(&id) {
            Some(task) if !task.name.is_empty() => task.name.clone(),
            Some(v1::TraceTask {
                location: Some(at), ..
            }) => {
                let file = at.file.rsplit(['/', '\\']).next().unwrap_or_default();
                format!("{file}:{} #{id}", at.line)
            }
            _ => format!("task {id}"),
        }
    }

    /// The arrows. One begins in a slice that the waker was at work in, and ends at the beginning of
    /// the poll after the wake, if no other wake lies between, recorded or told by the poll.
    fn arrows(&self) -> Arrows {
        let mut polls: HashMap<u64, Vec<(u64, u32, bool)>> = HashMap::new();
        let mut wakes: HashMap<u64, Vec<(u64, u32, Option<usize>)>> = HashMap::new();
        for (worker, events) in &self.lanes {
            let mut slice: Option<&v1::TraceEvent> = None;
            for (index, event) in events.iter().enumerate() {
                match event.kind() {
                    Kind::Poll => {
                        slice = Some(event);
                        let poll = (event.at_ns, *worker, event.from_outside);
                        polls.entry(event.task_id).or_default().push(poll);
                    }
                    Kind::Park | Kind::Driver => slice = Some(event),
                    Kind::Wake | Kind::Spawn => {
                        let made_in = slice.is_some_and(|slice| made_in(event, slice));
                        let wake = (event.at_ns, *worker, made_in.then_some(index));
                        wakes.entry(event.task_id).or_default().push(wake);
                    }
                    _ => {}
                }
            }
        }
        let mut arrows = Arrows::new();
        for (task, mut wakes) in wakes {
            let Some(polls) = polls.get_mut(&task) else {
                continue;
            };
            polls.sort_unstable();
            wakes.sort_unstable();
            for (at, wake) in wakes.iter().enumerate() {
                let poll = polls.partition_point(|poll| poll.0 < wake.0);
                let next_wake = wakes.get(at + 1).map_or(u64::MAX, |next| next.0);
                let poll = polls.get(poll).filter(|poll| poll.0 < next_wake && !poll.2);
                if let (Some(index), Some((to_ns, to_worker, _))) = (wake.2, poll) {
                    let (to_worker, to_ns) = (*to_worker, *to_ns);
                    arrows.insert((wake.1, index), Arrow { to_worker, to_ns });
                }
            }
        }
        arrows
    }
}

/// Whether a wake was made in a slice, by whom it says.
fn made_in(wake: &v1::TraceEvent, slice: &v1::TraceEvent) -> bool {
    let end_ns = slice.at_ns.saturating_add(slice.duration_ns);
    let by = match slice.kind() {
        Kind::Poll => wake.by_task_id != 0 && wake.by_task_id == slice.task_id,
        _ => wake.by_driver,
    };
    by && (slice.at_ns..=end_ns).contains(&wake.at_ns)
}

fn tid(worker: u32) -> u64 {
    u64::from(worker) + 1
}

fn is_span(kind: Kind) -> bool {
    matches!(kind, Kind::Poll | Kind::Park | Kind::Driver)
}

fn category(kind: Kind) -> &'static str {
    match kind {
        Kind::Poll => "poll",
        Kind::Wake => "wake",
        Kind::Spawn => "spawn",
        Kind::Complete => "complete",
        Kind::Steal => "steal",
        Kind::Park => "park",
        Kind::Driver => "driver",
        Kind::Unspecified => "unknown",
    }
}

fn outcome(event: &v1::TraceEvent) -> &'static str {
    match event.outcome() {
        v1::TraceOutcome::Completed => "completed",
        v1::TraceOutcome::Panicked => "panicked",
        v1::TraceOutcome::Cancelled => "cancelled",
        v1::TraceOutcome::Unspecified => "ended",
    }
}

fn place(at: &v1::Location) -> String {
    format!("{}:{}:{}", at.file, at.line, at.column)
}

/// Entries of an array, one a line.
struct Json<'a, W> {
    out: &'a mut W,
    first: bool,
}

impl<W: io::Write> Json<'_, W> {
    fn entry(&mut self, entry: fmt::Arguments<'_>) -> io::Result<()> {
        let comma = if self.first { "" } else { "," };
        self.first = false;
        write!(self.out, "{comma}\n{entry}")
    }

    fn metadata(
        &mut self,
        name: &str,
        pid: u64,
        tid: u64,
        value: fmt::Arguments<'_>,
    ) -> io::Result<()> {
        let key = if name.ends_with("index") {
            "sort_index"
        } else {
            "name"
        };
        self.entry(format_args!(
            "{{\"ph\":\"M\",\"name\":\"{name}\",\"pid\":{pid},\"tid\":{tid},\"args\":{{\"{key}\":{value}}}}}"
        ))
    }
}

/// Fields of an object. Writing to a String cannot fail.
#[derive(Default)]
struct Args(String);

impl Args {
    fn key(&mut self, key: &str) {
        let comma = if self.0.is_empty() { "" } else { "," };
        let _ = write!(self.0, "{comma}\"{key}\":");
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        let _ = write!(self.0, "{value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        let _ = write!(self.0, "{}", Text(value));
    }

    /// Told only if it is so.
    fn flag(&mut self, key: &str, value: bool) {
        if value {
            self.key(key);
            self.0.push_str("true");
        }
    }
}

/// Nanoseconds in microseconds, exactly.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000, self.0 % 1_000)
    }
}

/// A JSON string.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests;
