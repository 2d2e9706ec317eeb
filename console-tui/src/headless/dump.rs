//! `dump`: where tasks wait, as trees of functions; tasks that wait in the same place once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::connection::Session;
use crate::error::ConsoleError;
use crate::state::backtrace::{Backtrace, Strokes};
use crate::state::model::{Frame, Wait};

/// Tasks whose numbers are told of those that wait in the same place.
const IDS: usize = 8;

/// Asks one task, or all (`None`), and writes what they answer.
pub(crate) async fn print(
    session: &mut Session,
    task: Option<u64>,
    json: bool,
    strokes: Strokes,
    out: &mut impl Write,
) -> Result<(), ConsoleError> {
    let mut answers = session.backtraces(0, task.unwrap_or(0)).await?;
    let shows = io::stderr().is_terminal();
    let mut all = Vec::new();
    while let Some(answer) = session.next_backtrace(&mut answers).await? {
        if shows && task.is_none() {
            // Not being told is no reason to stop.
            let _ = write!(
                io::stderr(),
                "\r{} tasks, {} to go\x1b[K",
                all.len() + 1,
                answer.remaining
            );
        }
        all.push(answer);
    }
    if shows && task.is_none() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let text = if json {
        let object = Json {
            schema_version: 1,
            backtraces: all.iter().map(Entry::new).collect(),
        };
        serde_json::to_string(&object).map_err(|error| ConsoleError::Output(error.into()))? + "\n"
    } else {
        text(&all, strokes)
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(ConsoleError::Output)
}

/// Groups of tasks that wait in the same place, the largest first.
fn text(all: &[Backtrace], strokes: Strokes) -> String {
    let mut groups: HashMap<(String, Vec<String>), Vec<u64>> = HashMap::new();
    for backtrace in all {
        let place = (backtrace.title(), backtrace.lines(strokes));
        groups.entry(place).or_default().push(backtrace.task);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    for (_, tasks) in &mut groups {
        tasks.sort_unstable();
    }
    groups.sort_by(|(_, a), (_, b)| b.len().cmp(&a.len()).then(a.cmp(b)));
    let mut out = String::new();
    for ((title, lines), tasks) in &groups {
        let separator = if out.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{separator}{} {title}", who(tasks));
        for line in lines {
            let _ = writeln!(out, "  {line}");
        }
    }
    if out.is_empty() {
        out.push_str("no tasks\n");
    }
    out
}

fn who(tasks: &[u64]) -> String {
    match tasks {
        [0] => "a worker".to_owned(),
        [task] => format!("task {task}"),
        _ => {
            let ids: Vec<String> = tasks.iter().take(IDS).map(u64::to_string).collect();
            let more = if tasks.len() > IDS { ", …" } else { "" };
            format!("{} tasks [{}{more}]", tasks.len(), ids.join(", "))
        }
    }
}

#[derive(Serialize)]
struct Json<'a> {
    schema_version: u32,
    backtraces: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    runtime_id: u64,
    task: u64,
    name: &'a str,
    kind: &'a str,
    state: &'a str,
    spawned_at: String,
    worker: Option<u32>,
    thread_state: &'a str,
    error: &'a str,
    stacks: Vec<Vec<Function<'a>>>,
    stacks_left_off: u64,
    waits: Vec<String>,
}

#[derive(Serialize)]
struct Function<'a> {
    function: &'a str,
    location: Option<String>,
}

impl<'a> Entry<'a> {
    fn new(backtrace: &'a Backtrace) -> Entry<'a> {
        let function = |frame: &'a Frame| Function {
            function: &frame.function,
            location: frame.location.as_ref().map(ToString::to_string),
        };
        Entry {
            runtime_id: backtrace.runtime_id,
            task: backtrace.task,
            name: &backtrace.name,
            kind: backtrace.kind.as_str(),
            state: backtrace.state.as_str(),
            spawned_at: backtrace.location.to_string(),
            worker: backtrace.worker,
            thread_state: &backtrace.thread_state,
            error: &backtrace.error,
            stacks: backtrace
                .stacks
                .iter()
                .map(|s| s.iter().map(function).collect())
                .collect(),
            stacks_left_off: backtrace.stacks_left_off,
            waits: backtrace.waits.iter().map(Wait::what).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(task: u64, function: &str) -> Backtrace {
        let frame = Frame {
            function: function.to_owned(),
            location: None,
        };
        Backtrace {
            task,
            stacks: vec![vec![frame]],
            ..Backtrace::default()
        }
    }

    #[test]
    fn tasks_that_wait_in_the_same_place_are_told_once_the_most_first() {
        let all = [waiting(9, "b"), waiting(3, "a"), waiting(1, "b")];
        let expected = "2 tasks [1, 9] (unknown, unknown) spawned at -\n  b\n\n\
                        task 3 (unknown, unknown) spawned at -\n  a\n";
        assert_eq!(text(&all, Strokes::ASCII), expected);
        assert_eq!(text(&[], Strokes::ASCII), "no tasks\n");
        let many: Vec<u64> = (1..=10).collect();
        assert_eq!(who(&many), "10 tasks [1, 2, 3, 4, 5, 6, 7, 8, …]");
    }
}
