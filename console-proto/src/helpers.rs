//! What the generated types lack: text for enums and places, quantiles of histograms, the check of
//! the peer's version.

use std::fmt;
use std::str::FromStr;

use crate::{MAJOR, v1};

/// The peer speaks another major version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionMismatch {
    /// The peer's major version.
    pub peer: u32,
}

impl fmt::Display for VersionMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the peer speaks protocol version {} of zokio.console, this side speaks version \
             {MAJOR}: install versions of zokio-console and zokio-instrumentation that agree",
            self.peer
        )
    }
}

impl std::error::Error for VersionMismatch {}

/// Whether a function on a stack is the program's own: neither the standard library's, nor the
/// system's, nor the runtime's. `file` may be empty.
pub fn is_program_function(function: &str, file: &str) -> bool {
    const OTHERS: [&str; 8] = [
        "std::",
        "core::",
        "alloc::",
        "zokio::",
        "parking_lot",
        "__",
        "tokio::",
        "_ZN",
    ];
    let name = function.trim_start_matches('<');
    !file.starts_with("/rustc/") && !OTHERS.iter().any(|other| name.starts_with(other))
}

/// Tells whether this side understands a peer of major version `peer`.
///
/// # Errors
///
/// [`VersionMismatch`], which says in words what to do, if it does not.
pub fn check_major(peer: u32) -> Result<(), VersionMismatch> {
    if peer == MAJOR {
        Ok(())
    } else {
        Err(VersionMismatch { peer })
    }
}

/// A text that names no value of the enum it was parsed as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownText {
    what: &'static str,
    text: String,
    known: &'static [&'static str],
}

impl fmt::Display for UnknownText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown {} {:?}: one of {} was expected",
            self.what,
            self.text,
            self.known.join(", ")
        )
    }
}

impl std::error::Error for UnknownText {}

/// Gives an enum its texts: `as_text`, `ALL`, `Display` and `FromStr`.
macro_rules! texts {
    ($ty:ident, $what:literal, { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl v1::$ty {
            /// All values, in the order of their numbers.
            pub const ALL: &'static [v1::$ty] = &[$(v1::$ty::$variant),+];

            /// The value's text: lower case, as people write and read it.
            pub fn as_text(self) -> &'static str {
                match self {
                    $(v1::$ty::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for v1::$ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_text())
            }
        }

        impl FromStr for v1::$ty {
            type Err = UnknownText;

            fn from_str(text: &str) -> Result<v1::$ty, UnknownText> {
                match text {
                    $($text => Ok(v1::$ty::$variant),)+
                    _ => Err(UnknownText {
                        what: $what,
                        text: text.to_owned(),
                        known: &[$($text),+],
                    }),
                }
            }
        }
    };
}

texts!(Flavor, "runtime flavor", {
    Unspecified => "unknown",
    MultiThread => "multi_thread",
    CurrentThread => "current_thread",
});

texts!(WorkerState, "worker state", {
    Unspecified => "unknown",
    Busy => "busy",
    Searching => "searching",
    Parked => "parked",
    Detached => "detached",
});

texts!(TaskKind, "task kind", {
    Unspecified => "unknown",
    Task => "task",
    Local => "local",
    Blocking => "blocking",
    BlockOn => "block_on",
});

texts!(TaskState, "task state", {
    Unspecified => "unknown",
    Busy => "busy",
    Scheduled => "scheduled",
    Idle => "idle",
    Done => "done",
});

texts!(FindingSeverity, "severity", {
    Unspecified => "unknown",
    Info => "info",
    Warning => "warning",
    Critical => "critical",
});

texts!(TaskSort, "sort column", {
    Total => "total",
    Id => "id",
    State => "state",
    Name => "name",
    Busy => "busy",
    Scheduled => "scheduled",
    Idle => "idle",
    Polls => "polls",
    Kind => "kind",
    Location => "location",
    Wakes => "wakes",
    WaitsFor => "waits_for",
    Since => "since",
    Longest => "longest",
    Worker => "worker",
    Parent => "parent",
});

/// `file:line:column`.
impl fmt::Display for v1::Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl v1::Histogram {
    /// An upper bound of the value at quantile `q` (0 to 1) in nanoseconds, at most one eighth too
    /// high and never above the maximum; 0 for an empty histogram. Any message is taken as it is:
    /// bounds without counts and counts without bounds are ignored.
    pub fn quantile_ns(&self, q: f64) -> u64 {
        if self.count == 0 {
            return 0;
        }
        let rank = (q.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let mut seen = 0_u64;
        for (&upper, &n) in self.upper_bounds_ns.iter().zip(&self.counts) {
            seen = seen.saturating_add(n);
            if seen >= rank {
                return upper.saturating_sub(1).min(self.max_ns);
            }
        }
        self.max_ns
    }

    /// The mean in nanoseconds, 0 for an empty histogram.
    pub fn mean_ns(&self) -> u64 {
        self.sum_ns.checked_div(self.count).unwrap_or(0)
    }
}

impl v1::Task {
    /// Time since the task was spawned, in nanoseconds: busy, scheduled and idle.
    pub fn total_ns(&self) -> u64 {
        self.busy_ns
            .saturating_add(self.scheduled_ns)
            .saturating_add(self.idle_ns)
    }

    /// Wakers of the task that are alive. Never negative, whatever the message says.
    pub fn live_wakers(&self) -> u64 {
        self.waker_clones.saturating_sub(self.waker_drops)
    }

    /// Index of the worker that polled the task last.
    pub fn worker(&self) -> Option<u32> {
        self.worker_plus_one.checked_sub(1)
    }
}

impl fmt::Display for v1::Wait {
    /// `kind.operation`, and the place where it is known: `mutex.lock at src/orders.rs:31:9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.kind, self.operation)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram() -> v1::Histogram {
        v1::Histogram {
            count: 10,
            sum_ns: 1_500,
            max_ns: 950,
            upper_bounds_ns: vec![64, 128, 1_024],
            counts: vec![5, 4, 1],
            changes_only: false,
        }
    }

    #[test]
    fn quantiles_are_upper_bounds_and_never_above_the_maximum() {
        let h = histogram();
        assert_eq!(h.quantile_ns(0.0), 63);
        assert_eq!(h.quantile_ns(0.5), 63);
        assert_eq!(h.quantile_ns(0.9), 127);
        assert_eq!(h.quantile_ns(0.99), 950);
        assert_eq!(h.quantile_ns(f64::NAN), 63);
        assert_eq!(h.mean_ns(), 150);
        assert_eq!(v1::Histogram::default().quantile_ns(0.5), 0);
        assert_eq!(v1::Histogram::default().mean_ns(), 0);
    }

    #[test]
    fn a_nonsensical_histogram_is_survived() {
        let h = v1::Histogram {
            count: u64::MAX,
            upper_bounds_ns: vec![0, 5],
            counts: vec![u64::MAX, u64::MAX, 7],
            max_ns: 3,
            ..Default::default()
        };
        assert_eq!(h.quantile_ns(1.0), 0);
    }

    #[test]
    fn texts_round_trip_and_unknown_ones_name_the_known() {
        for &state in v1::TaskState::ALL {
            assert_eq!(state.as_text().parse::<v1::TaskState>(), Ok(state));
        }
        for &sort in v1::TaskSort::ALL {
            assert_eq!(sort.as_text().parse::<v1::TaskSort>(), Ok(sort));
            assert_eq!(v1::TaskSort::try_from(sort as i32), Ok(sort));
        }
        let error = "tokio".parse::<v1::Flavor>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown runtime flavor \"tokio\": one of unknown, multi_thread, current_thread was \
             expected"
        );
    }

    #[test]
    fn places_and_waits_read_as_text() {
        let location = v1::Location {
            file: "src/orders.rs".into(),
            line: 31,
            column: 9,
        };
        assert_eq!(location.to_string(), "src/orders.rs:31:9");
        let mut wait = v1::Wait {
            kind: "mutex".into(),
            operation: "lock".into(),
            location: Some(location),
            ..Default::default()
        };
        assert_eq!(wait.to_string(), "mutex.lock at src/orders.rs:31:9");
        wait.location = None;
        assert_eq!(wait.to_string(), "mutex.lock");
    }

    #[test]
    fn only_our_major_version_is_understood() {
        assert_eq!(check_major(MAJOR), Ok(()));
        assert_eq!(check_major(2), Err(VersionMismatch { peer: 2 }));
    }

    #[test]
    fn task_arithmetic_saturates() {
        let task = v1::Task {
            busy_ns: u64::MAX,
            idle_ns: 1,
            waker_clones: 1,
            waker_drops: 3,
            ..Default::default()
        };
        assert_eq!(task.total_ns(), u64::MAX);
        assert_eq!(task.live_wakers(), 0);
        assert_eq!(task.worker(), None);
    }
}
