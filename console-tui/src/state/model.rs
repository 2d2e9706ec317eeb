//! What a server said, as plain values that are safe to show.
//!
//! Only `sanitize` makes these from the wire: texts hold no control characters and have a bounded
//! length, lists have a bounded number of entries. Numbers are as the server sent them, so every
//! sum and difference on them saturates. Units and meanings are those of the protocol.

mod records;
mod resource;
mod wait_chain;

use std::sync::Arc;

pub(crate) use records::{Child, Children, Lag, Lags, LastWaker, LongestPoll, WakerKind};
pub(crate) use resource::{Acquirer, Holder, Resource, ResourceKey, Waiter};
pub(crate) use wait_chain::{LinkHolder, LinkWait, Role, WaitChain, WaitLink, in_words, merge};

use super::findings::Finding;

use zokio_console_proto::is_program_function;

/// Who answered `Describe`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) server_version: String,
    pub(crate) runtime_version: String,
    pub(crate) process_id: u32,
    pub(crate) process_name: String,
    pub(crate) anchor_unix_ns: u64,
    pub(crate) anchor_clock_ns: u64,
    pub(crate) publish_interval_ns: u64,
}

impl Server {
    /// Whether its filters are a language; before, they were texts to look for.
    pub(crate) fn knows_filters(&self) -> bool {
        self.minor >= 2
    }

    /// Whether it is the one of before, met again.
    pub(crate) fn is_same_process(&self, other: &Server) -> bool {
        (self.process_id, &self.process_name) == (other.process_id, &other.process_name)
    }

    /// The wall-clock time of a moment on the program's telemetry clock.
    pub(crate) fn unix_ns(&self, clock_ns: u64) -> u64 {
        if clock_ns >= self.anchor_clock_ns {
            self.anchor_unix_ns
                .saturating_add(clock_ns - self.anchor_clock_ns)
        } else {
            self.anchor_unix_ns
                .saturating_sub(self.anchor_clock_ns - clock_ns)
        }
    }
}

/// One message of a subscription.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Update {
    pub(crate) sequence: u64,
    pub(crate) taken_at_ns: u64,
    pub(crate) runtimes: Vec<RuntimeUpdate>,
    pub(crate) cost: Cost,
    pub(crate) skipped: u64,
}

/// One runtime in an update.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RuntimeUpdate {
    pub(crate) summary: Summary,
    pub(crate) workers: Vec<Worker>,
    pub(crate) spawn_sites: Vec<SpawnSite>,
    pub(crate) rows: Vec<u64>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) matching_tasks: u64,
    pub(crate) full: bool,
    /// The latest first.
    pub(crate) long_polls: Vec<LongPoll>,
    pub(crate) resources: Vec<Resource>,
    /// Resources that tasks wait for, in all.
    pub(crate) waited_resources: u64,
    /// The worst first.
    pub(crate) findings: Vec<Finding>,
    /// They are those of the update before, and not sent again.
    pub(crate) findings_unchanged: bool,
    /// The longest first.
    pub(crate) longest_polls: Vec<LongestPoll>,
    /// They are those of the update before, and not sent again.
    pub(crate) longest_polls_unchanged: bool,
    /// Circles first.
    pub(crate) wait_chains: Vec<WaitChain>,
    /// Chains in all. None: nobody asked for them by themselves.
    pub(crate) wait_chains_in_all: Option<u64>,
    /// Of an update that is not full: which chains are those of the update before.
    pub(crate) known_chains: Vec<u32>,
    /// Tasks that wait and are in neither resources nor chains, since there are too many.
    pub(crate) waits_left_off: u64,
}

/// A poll that took over the watchdog's threshold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LongPoll {
    pub(crate) worker: u32,
    pub(crate) task: u64,
    /// Empty: no name.
    pub(crate) task_name: String,
    pub(crate) location: Location,
    pub(crate) began_at_ns: u64,
    /// None: it goes on.
    pub(crate) ended_at_ns: Option<u64>,
    pub(crate) sampled_at_ns: u64,
    pub(crate) thread_id: u64,
    pub(crate) thread_state: String,
    /// The innermost function first.
    pub(crate) frames: Arc<[Frame]>,
    /// Why there are no frames.
    pub(crate) error: String,
}

impl LongPoll {
    /// How long it has taken, or took.
    pub(crate) fn duration_ns(&self, now_ns: u64) -> u64 {
        self.ended_at_ns
            .unwrap_or(now_ns)
            .saturating_sub(self.began_at_ns)
    }

    /// Whether it is the same poll, looked at at the same time.
    pub(crate) fn is_sample_of(&self, other: &LongPoll) -> bool {
        let key = |poll: &LongPoll| (poll.task, poll.began_at_ns, poll.sampled_at_ns);
        key(self) == key(other)
    }

    /// The innermost function of the program's own whose line is known: where to look first.
    pub(crate) fn culprit(&self) -> Option<&Frame> {
        self.frames.iter().find(|frame| {
            let at = frame.location.as_ref();
            at.is_some_and(|at| is_program_function(&frame.function, &at.file))
        })
    }
}

/// A function on a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) function: String,
    pub(crate) location: Option<Location>,
}

impl Frame {
    /// Function and place in words.
    pub(crate) fn what(&self) -> String {
        match &self.location {
            Some(at) => format!("{} {}", self.function, at.short()),
            None => self.function.clone(),
        }
    }
}

/// A runtime's own numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Summary {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) flavor: Flavor,
    pub(crate) ended: bool,
    pub(crate) started_at_ns: u64,
    pub(crate) taken_at_ns: u64,
    pub(crate) injector_depth: u64,
    pub(crate) alive_tasks: u64,
    pub(crate) spawned_tasks: u64,
    pub(crate) completed_tasks: u64,
    pub(crate) panicked_tasks: u64,
    pub(crate) cancelled_tasks: u64,
    pub(crate) blocking: Blocking,
    pub(crate) driver: Driver,
    pub(crate) timers: Timers,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flavor {
    #[default]
    Unknown,
    MultiThread,
    CurrentThread,
}

impl Flavor {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Flavor::Unknown => "unknown",
            Flavor::MultiThread => "multi_thread",
            Flavor::CurrentThread => "current_thread",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WorkerState {
    #[default]
    Unknown,
    Busy,
    Searching,
    Parked,
    Detached,
}

impl WorkerState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            WorkerState::Unknown => "unknown",
            WorkerState::Busy => "busy",
            WorkerState::Searching => "searching",
            WorkerState::Parked => "parked",
            WorkerState::Detached => "detached",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Worker {
    pub(crate) index: u32,
    pub(crate) state: WorkerState,
    pub(crate) state_since_ns: u64,
    pub(crate) polls: u64,
    pub(crate) busy_ns: u64,
    pub(crate) searching_ns: u64,
    pub(crate) parked_ns: u64,
    pub(crate) detached_ns: u64,
    pub(crate) parks: u64,
    pub(crate) unparks: u64,
    pub(crate) noop_unparks: u64,
    pub(crate) steal_attempts: u64,
    pub(crate) steals: u64,
    pub(crate) stolen_tasks: u64,
    pub(crate) stolen_from: Vec<u64>,
    pub(crate) lifo_hits: u64,
    pub(crate) injector_takes: u64,
    pub(crate) overflows: u64,
    pub(crate) local_spawns: u64,
    pub(crate) local_wakes: u64,
    pub(crate) remote_wakes: u64,
    pub(crate) budget_yields: u64,
    pub(crate) queue_depth: u64,
    pub(crate) queue_depth_max: u64,
    pub(crate) poll_time: Histogram,
    pub(crate) wake_to_poll: Histogram,
    /// Id of the task being polled and since when, on the telemetry clock.
    pub(crate) current_task: Option<(u64, u64)>,
    pub(crate) spills: u64,
    pub(crate) lags: Lags,
    pub(crate) unpark_latency: Histogram,
}

/// Durations in buckets: ascending exclusive upper bound, number of values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Histogram {
    pub(crate) count: u64,
    pub(crate) sum_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) buckets: Vec<(u64, u64)>,
}

impl Histogram {
    /// An upper bound of the value at quantile `q` (0 to 1); 0 for an empty histogram.
    pub(crate) fn quantile_ns(&self, q: f64) -> u64 {
        let total = self
            .buckets
            .iter()
            .fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
        if total == 0 {
            return if self.count == 0 { 0 } else { self.max_ns };
        }
        let rank = ((q.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        for &(upper_ns, n) in &self.buckets {
            seen = seen.saturating_add(n);
            if seen >= rank {
                return upper_ns.saturating_sub(1).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// Adds another histogram's values.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        self.count = self.count.saturating_add(other.count);
        self.sum_ns = self.sum_ns.saturating_add(other.sum_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        for &(upper_ns, n) in &other.buckets {
            match self
                .buckets
                .binary_search_by_key(&upper_ns, |(upper, _)| *upper)
            {
                Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(n),
                Err(at) => self.buckets.insert(at, (upper_ns, n)),
            }
        }
    }

    /// The values in `bars` bars of equal width on a logarithmic axis from the first bucket's
    /// bound to the last one's.
    pub(crate) fn bars(&self, bars: usize) -> Vec<u64> {
        let mut out = vec![0u64; bars];
        let (Some(first), Some(last)) = (self.buckets.first(), self.buckets.last()) else {
            return out;
        };
        if bars == 0 {
            return out;
        }
        let low = (first.0.max(1) as f64).ln();
        let span = (last.0.max(1) as f64).ln() - low;
        for &(upper_ns, n) in &self.buckets {
            let position = if span > 0.0 {
                ((upper_ns.max(1) as f64).ln() - low) / span
            } else {
                0.0
            };
            let bar = ((position * bars as f64) as usize).min(bars - 1);
            out[bar] = out[bar].saturating_add(n);
        }
        out
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Location {
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.file.is_empty() {
            f.write_str("-")
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

impl Location {
    /// As `Display`, without the folders that every reader knows.
    pub(crate) fn short(&self) -> String {
        if self.file.is_empty() {
            return "-".into();
        }
        format!(
            "{}:{}:{}",
            crate::format::short_file(&self.file),
            self.line,
            self.column
        )
    }

    /// In at most `cells` cells: whole, else without the column, else without folders in the middle
    /// (`app/…/db/pool.rs:31`), else without those in front, else cut in the middle.
    pub(crate) fn fitted(&self, cells: usize) -> String {
        let fits = |text: &String| crate::format::width(text) <= cells;
        let mut whole = self.short();
        if self.file.is_empty() || fits(&whole) {
            return whole;
        }
        whole.truncate(whole.rfind(':').unwrap_or(whole.len()));
        if fits(&whole) {
            return whole;
        }
        let file = crate::format::short_file(&self.file);
        let ends: Vec<usize> = file.match_indices(['/', '\\']).map(|(at, _)| at).collect();
        let (top, name) = match ends[..] {
            [] => ("", 0),
            [first, ..] => (&file[..=first], ends[ends.len() - 1]),
        };
        let inner = || ends.iter().filter(|&&at| at < name);
        let with_top = inner().skip(1).map(|&at| format!("{top}…{}", &whole[at..]));
        let without = inner().map(|&at| format!("…{}", &whole[at..]));
        let bare = whole[name..].trim_start_matches(['/', '\\']);
        let last = [format!("{top}…{}", &whole[name..]), bare.to_owned()];
        let mut shorter = with_top.chain(without).chain(last);
        shorter
            .find(fits)
            .unwrap_or_else(|| crate::format::truncate_middle(bare, cells))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SpawnSite {
    pub(crate) location: Location,
    pub(crate) spawned: u64,
    pub(crate) alive: u64,
    pub(crate) polls: u64,
    pub(crate) busy_ns: u64,
    pub(crate) scheduled_ns: u64,
    pub(crate) panicked: u64,
    pub(crate) cancelled: u64,
    pub(crate) poll_time: Histogram,
    pub(crate) wake_to_poll: Histogram,
    pub(crate) longest_poll_ns: u64,
    /// When it ended and its task, if it took a millisecond or more.
    pub(crate) longest_poll_end: Option<(u64, u64)>,
    pub(crate) long_polls: u64,
    pub(crate) delayed_others_ns: u64,
    pub(crate) future_bytes: u64,
}

impl SpawnSite {
    /// What the mean poll of its tasks took.
    pub(crate) fn mean_poll_ns(&self) -> u64 {
        self.busy_ns.checked_div(self.polls).unwrap_or(0)
    }

    /// What 99 of 100 polls take at most, by the sample; not more than the longest.
    pub(crate) fn slow_poll_ns(&self) -> u64 {
        let p99 = self.poll_time.quantile_ns(0.99);
        p99.min(self.longest_poll_ns.max(self.poll_time.max_ns))
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TaskKind {
    #[default]
    Unknown,
    Task,
    Local,
    Blocking,
    BlockOn,
}

impl TaskKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TaskKind::Unknown => "unknown",
            TaskKind::Task => "task",
            TaskKind::Local => "local",
            TaskKind::Blocking => "blocking",
            TaskKind::BlockOn => "block_on",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TaskState {
    #[default]
    Unknown,
    Busy,
    Scheduled,
    Idle,
    Done,
}

impl TaskState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TaskState::Unknown => "unknown",
            TaskState::Busy => "busy",
            TaskState::Scheduled => "scheduled",
            TaskState::Idle => "idle",
            TaskState::Done => "done",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) id: u64,
    /// Empty: no name.
    pub(crate) name: String,
    pub(crate) kind: TaskKind,
    pub(crate) state: TaskState,
    pub(crate) location: Location,
    pub(crate) parent: Option<u64>,
    pub(crate) worker: Option<u32>,
    pub(crate) created_at_ns: u64,
    pub(crate) state_since_ns: u64,
    pub(crate) polls: u64,
    pub(crate) busy_ns: u64,
    pub(crate) scheduled_ns: u64,
    pub(crate) idle_ns: u64,
    pub(crate) longest_poll_ns: u64,
    pub(crate) wakes: u64,
    pub(crate) self_wakes: u64,
    pub(crate) waker_clones: u64,
    pub(crate) waker_drops: u64,
    pub(crate) last_wake_ns: Option<u64>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) last_waker: Option<LastWaker>,
    pub(crate) children: Children,
    pub(crate) future_bytes: Option<u64>,
    pub(crate) longest_poll_at_ns: Option<u64>,
    /// Names and values, of the `tracing` spans that it is in.
    pub(crate) fields: Vec<(String, String)>,
}

impl Task {
    /// Time since it was spawned, as far as it is accounted for.
    pub(crate) fn total_ns(&self) -> u64 {
        self.busy_ns
            .saturating_add(self.scheduled_ns)
            .saturating_add(self.idle_ns)
    }

    /// Wakers that exist now.
    pub(crate) fn live_wakers(&self) -> u64 {
        self.waker_clones.saturating_sub(self.waker_drops)
    }

    /// The wait to be shown when there is room for one: the most recent of those that the task
    /// touched in its latest poll. A wait left over by a branch no longer polled does not count.
    pub(crate) fn waits_for(&self) -> Option<&Wait> {
        self.waits.iter().find(|wait| wait.current)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) kind: String,
    pub(crate) operation: String,
    pub(crate) resource: u64,
    pub(crate) location: Option<Location>,
    pub(crate) since_ns: u64,
    pub(crate) current: bool,
    /// The task that has the lock, or that is joined.
    pub(crate) holder: Option<u64>,
}

impl Wait {
    /// What is waited for, in words: `mutex lock`, `sleep`.
    pub(crate) fn what(&self) -> String {
        in_words(&self.kind, &self.operation)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Blocking {
    pub(crate) threads: u64,
    pub(crate) idle_threads: u64,
    pub(crate) max_threads: u64,
    pub(crate) queue_depth: u64,
    pub(crate) completed: u64,
    pub(crate) busy_ns: u64,
    pub(crate) queue_time: Histogram,
    pub(crate) run_time: Histogram,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Driver {
    pub(crate) sources: u64,
    pub(crate) polls: u64,
    pub(crate) events: u64,
    pub(crate) turn_time: Histogram,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Timers {
    pub(crate) armed: u64,
    pub(crate) fired: u64,
    pub(crate) cancelled: u64,
    pub(crate) lateness: Histogram,
}

/// What telemetry costs the program.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cost {
    pub(crate) enabled: bool,
    pub(crate) poll_overhead_ns: f64,
    pub(crate) clock_read_ns: f64,
    pub(crate) record_bytes: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) clients: u32,
    pub(crate) sample_ns: u64,
    /// Wakes and waker clones that could not be told to a task.
    pub(crate) unattributed_events: u64,
}

/// The answer to a request for one task's details.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskDetails {
    pub(crate) task: Task,
    /// None: the server does not keep them.
    pub(crate) poll_time: Option<Histogram>,
    pub(crate) taken_at_ns: u64,
    /// What it told `tracing` lately, the oldest first.
    pub(crate) events: Vec<TaskEvent>,
}

/// Something that a task told `tracing`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TaskEvent {
    pub(crate) at_ns: u64,
    pub(crate) level: String,
    pub(crate) message: String,
    /// Names and values.
    pub(crate) fields: Vec<(String, String)>,
}

/// What to order tasks by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SortKey {
    #[default]
    Total,
    Id,
    State,
    Name,
    Busy,
    Scheduled,
    Idle,
    Polls,
    Kind,
    Location,
    WaitsFor,
    Wakes,
    Since,
    Longest,
    Worker,
    Parent,
}

/// Which tasks to send, in which order: the screen, said to the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) sort: SortKey,
    pub(crate) ascending: bool,
    pub(crate) filter: String,
    pub(crate) offset: u32,
    pub(crate) limit: u32,
    /// Whether to send what tasks wait for, too.
    pub(crate) resources: bool,
    /// Whether to send who waits for whom, too.
    pub(crate) chains: bool,
    /// Nobody looks at it now: once a second is enough.
    pub(crate) slow: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(buckets: &[(u64, u64)]) -> Histogram {
        let count = buckets.iter().map(|b| b.1).sum();
        let max_ns = buckets.last().map_or(0, |b| b.0 - 1);
        Histogram {
            count,
            sum_ns: 0,
            max_ns,
            buckets: buckets.to_vec(),
        }
    }

    #[test]
    fn a_quantile_is_the_bound_of_the_bucket_it_falls_into() {
        let h = histogram(&[(100, 50), (200, 49), (1_000, 1)]);
        assert_eq!(h.quantile_ns(0.5), 99);
        assert_eq!(h.quantile_ns(0.99), 199);
        assert_eq!(h.quantile_ns(1.0), 999);
        assert_eq!(Histogram::default().quantile_ns(0.5), 0);
    }

    #[test]
    fn merged_histograms_keep_every_value_in_order() {
        let mut h = histogram(&[(100, 1), (300, 2)]);
        h.merge(&histogram(&[(50, 4), (300, 8), (900, 16)]));
        assert_eq!(h.buckets, [(50, 4), (100, 1), (300, 10), (900, 16)]);
        assert_eq!(h.count, 31);
        assert_eq!(h.max_ns, 899);
    }

    #[test]
    fn bars_hold_every_value_once() {
        let h = histogram(&[(10, 3), (100, 4), (10_000, 5)]);
        for bars in 1..40 {
            assert_eq!(h.bars(bars).iter().sum::<u64>(), 12);
        }
        assert!(h.bars(0).is_empty());
    }

    #[test]
    fn a_left_over_wait_is_not_what_a_task_waits_for() {
        let wait = |kind: &str, current| Wait {
            kind: kind.into(),
            current,
            ..Wait::default()
        };
        let task = Task {
            waits: vec![wait("sleep", false), wait("mutex", true)],
            ..Task::default()
        };
        assert_eq!(task.waits_for().map(|w| w.kind.as_str()), Some("mutex"));
    }

    #[test]
    fn a_clock_before_its_anchor_still_has_a_wall_time() {
        let server = Server {
            anchor_unix_ns: 1_000,
            anchor_clock_ns: 500,
            ..Server::default()
        };
        assert_eq!(server.unix_ns(700), 1_200);
        assert_eq!(server.unix_ns(400), 900);
        assert_eq!(server.unix_ns(0), 500);
    }

    #[test]
    fn a_place_without_room_loses_folders_whole_and_its_file_and_line_last() {
        let place = Location {
            file: "app/src/db/pool.rs".into(),
            line: 31,
            column: 9,
        };
        let shown = [
            (23, "app/src/db/pool.rs:31:9"),
            (22, "app/src/db/pool.rs:31"),
            (20, "app/…/db/pool.rs:31"),
            (18, "…/db/pool.rs:31"),
            (14, "pool.rs:31"),
            (9, "…ol.rs:31"),
        ];
        for (cells, text) in shown {
            assert_eq!(place.fitted(cells), text, "{cells}");
        }
        for file in ["", "/", "a//", "日本/語/タスク.rs", "C:\\src\\a.rs"] {
            let place = Location {
                file: file.into(),
                ..place.clone()
            };
            for cells in 0..30 {
                let width = crate::format::width(&place.fitted(cells));
                assert!(width <= cells.max(1), "{file} in {cells}: {width}");
            }
        }
    }
}
