//! Where tasks wait, as trees of functions.

use super::model::{Frame, Location, TaskKind, TaskState, Wait};

/// What a task has answered, or what a worker's thread executes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Backtrace {
    pub(crate) runtime_id: u64,
    /// 0: it is about a worker without a task.
    pub(crate) task: u64,
    /// Empty: no name.
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) kind: TaskKind,
    pub(crate) state: TaskState,
    /// The innermost function first.
    pub(crate) stacks: Vec<Vec<Frame>>,
    pub(crate) stacks_left_off: u64,
    /// Why there are no stacks. Empty: there are, or nothing shows them.
    pub(crate) error: String,
    pub(crate) waits: Vec<Wait>,
    /// The worker whose thread has this stack. `None`: it is where a task waits.
    pub(crate) worker: Option<u32>,
    pub(crate) thread_state: String,
    pub(crate) remaining: u64,
}

/// The strokes of a tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strokes {
    branch: &'static str,
    last: &'static str,
    beside: &'static str,
}

impl Strokes {
    pub(crate) const UNICODE: Strokes = Strokes {
        branch: "├ ",
        last: "└ ",
        beside: "│ ",
    };
    pub(crate) const ASCII: Strokes = Strokes {
        branch: "+ ",
        last: "` ",
        beside: "| ",
    };
}

impl Backtrace {
    /// The tree, a line a function, the task's own first. What the task waits for stands in place of
    /// stacks that there are not.
    pub(crate) fn lines(&self, strokes: Strokes) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(worker) = self.worker {
            let state = &self.thread_state;
            let state = if state.is_empty() {
                ""
            } else {
                &format!(", {state}")
            };
            lines.push(format!("being polled by worker {worker}{state}"));
        }
        if !self.error.is_empty() {
            lines.push(self.error.clone());
        }
        let stacks: Vec<Vec<&Frame>> = self
            .stacks
            .iter()
            .map(|s| s.iter().rev().collect())
            .collect();
        let stacks: Vec<&[&Frame]> = stacks.iter().map(Vec::as_slice).collect();
        tree(&stacks, "", strokes, &mut lines);
        if self.stacks_left_off > 0 {
            lines.push(format!("and {} more", self.stacks_left_off));
        }
        if self.stacks.is_empty() {
            lines.extend(self.waits.iter().map(waits_for));
            if self.error.is_empty() && self.waits.is_empty() {
                lines.push("waits for nothing that zokio knows of".into());
            }
        }
        lines
    }

    /// What the task is, without its number.
    pub(crate) fn title(&self) -> String {
        let name = if self.name.is_empty() {
            String::new()
        } else {
            format!("{} ", self.name)
        };
        let place = self.location.short();
        format!(
            "{name}({}, {}) spawned at {place}",
            self.kind.as_str(),
            self.state.as_str()
        )
    }
}

fn waits_for(wait: &Wait) -> String {
    let holder = wait
        .holder
        .map(|task| format!(", task {task}"))
        .unwrap_or_default();
    let place = wait
        .location
        .as_ref()
        .map(|at| format!(" at {}", at.short()))
        .unwrap_or_default();
    format!("waits for {}{holder}{place}", wait.what())
}

/// Adds stacks, the outermost function first, that have this in front: what they have in common
/// once.
fn tree(stacks: &[&[&Frame]], front: &str, strokes: Strokes, lines: &mut Vec<String>) {
    let mut stacks: Vec<&[&Frame]> = stacks.to_vec();
    // As long as all go the same way there is no need to move to the right.
    while let Some(&[first, ..]) = stacks.first()
        && stacks.iter().all(|stack| stack.first() == Some(first))
    {
        lines.push(format!("{front}{}", first.what()));
        for stack in &mut stacks {
            *stack = &stack[1..];
        }
    }
    let mut ways: Vec<(&Frame, Vec<&[&Frame]>)> = Vec::new();
    for stack in stacks {
        let Some((first, _)) = stack.split_first() else {
            continue;
        };
        match ways.iter_mut().find(|(way, _)| way == first) {
            Some((_, stacks)) => stacks.push(stack),
            None => ways.push((first, vec![stack])),
        }
    }
    let count = ways.len();
    for (at, (_, stacks)) in ways.iter().enumerate() {
        let (stroke, beside) = if at + 1 == count {
            (strokes.last, "  ")
        } else {
            (strokes.branch, strokes.beside)
        };
        let begin = lines.len();
        tree(stacks, &format!("{front}{beside}"), strokes, lines);
        if let Some(line) = lines.get_mut(begin) {
            let rest = line.split_off(front.len() + beside.len());
            *line = format!("{front}{stroke}{rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[&str]) -> Vec<Frame> {
        let frame = |function: &&str| Frame {
            function: (*function).to_owned(),
            location: None,
        };
        functions.iter().map(frame).collect()
    }

    #[test]
    fn what_stacks_have_in_common_is_told_once() {
        let backtrace = Backtrace {
            stacks: vec![
                stack(&["recv", "get", "serve", "main"]),
                stack(&["sleep", "serve", "main"]),
                stack(&["lock", "get", "serve", "main"]),
            ],
            ..Backtrace::default()
        };
        let expected = ["main", "serve", "├ get", "│ ├ recv", "│ └ lock", "└ sleep"];
        assert_eq!(backtrace.lines(Strokes::UNICODE), expected);
        assert_eq!(backtrace.lines(Strokes::ASCII)[4], "| ` lock");
    }

    #[test]
    fn without_stacks_the_waits_are_told_or_that_there_are_none() {
        let mut backtrace = Backtrace::default();
        let nothing = ["waits for nothing that zokio knows of"];
        assert_eq!(backtrace.lines(Strokes::ASCII), nothing);
        backtrace.waits.push(Wait {
            kind: "mutex".into(),
            operation: "lock".into(),
            holder: Some(7),
            ..Wait::default()
        });
        assert_eq!(
            backtrace.lines(Strokes::ASCII),
            ["waits for mutex lock, task 7"]
        );
    }
}
