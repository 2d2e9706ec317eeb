//! The slow pass: looks at the watched runtimes once a second, unless told otherwise, and tells what
//! is wrong with them.
//!
//! It runs on the server's thread, with or without viewers. It costs at most one five-hundredth of a
//! core: a look at all tasks that took `t` is followed by a rest of at least 499 `t`. Some thousand
//! tasks are looked at every second; with more of them the looks at tasks get rarer, half a minute
//! apart at most. What is told by counters and by the watchdog is still looked at every second: that
//! costs the same however many tasks there are. Of more tasks than are followed a look takes slices,
//! between which others run ([`many`]). How long a look takes is judged by the fastest of the
//! last few, since any one of them may have been interrupted. In a build without optimisations, in
//! which everything takes ten times as long, the share is one hundredth.

mod many;
mod report;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zokio::telemetry::{CaptureOptions, Snapshot};

use crate::diagnosis::{Engine, Finding, Severity, Thresholds};
use crate::flight::dumps::Trigger;
use crate::runtimes::Runtimes;
use crate::sampler::Sampler;
use crate::watchdog::Log;

/// After a look at all tasks that took `t`, the next comes `SHARE * t` after its beginning.
const SHARE: u32 = if cfg!(debug_assertions) { 100 } else { 500 };

/// But not later than that.
const MAX_INTERVAL: Duration = Duration::from_secs(30);

/// Looks whose durations are remembered.
const REMEMBERED: usize = 4;

/// Looks until it is dropped.
/// What is new and critical is told to `flight`.
pub(crate) async fn watch(
    sampler: Arc<Sampler>,
    interval: Duration,
    thresholds: Thresholds,
    flight: Option<Trigger>,
) {
    let mut pass = Pass::new(interval, thresholds);
    pass.flight = flight;
    loop {
        zokio::time::sleep(interval).await;
        pass.look(sampler.runtimes(), sampler.long_polls(), Instant::now())
            .await;
    }
}

/// What is remembered between looks.
struct Pass {
    /// By the runtime's id.
    engines: HashMap<u64, Engine>,
    thresholds: Thresholds,
    pace: Pace,
    flight: Option<Trigger>,
}

impl Pass {
    fn new(interval: Duration, thresholds: Thresholds) -> Pass {
        Pass {
            engines: HashMap::new(),
            thresholds,
            pace: Pace::new(interval),
            flight: None,
        }
    }

    async fn look(&mut self, runtimes: &Runtimes, long_polls: &Log, now: Instant) {
        let live = runtimes.live();
        self.engines
            .retain(|id, _| live.iter().any(|(live, _)| live == id));
        let whole = self.pace.is_due(now);
        let cpu_wait = long_polls.cpu_wait();
        let mut spent = Duration::ZERO;
        for (id, handle) in &live {
            let engine = self
                .engines
                .entry(*id)
                .or_insert_with(|| Engine::new(self.thresholds.clone()));
            let long_polls = long_polls.of(*id);
            let max_tasks = self.thresholds.max_tasks;
            let many = match whole {
                true => many::snapshot(handle, engine, max_tasks).await,
                false => None,
            };
            let began = Instant::now();
            let (snapshot, took) = many.unwrap_or_else(|| {
                let options = CaptureOptions::new().tasks(whole).spawn_sites(whole);
                (Snapshot::capture_with(handle, options), Duration::ZERO)
            });
            engine.note_cpu_wait(cpu_wait);
            let name = snapshot.name.clone();
            let found = match (snapshot.ended, whole) {
                (true, _) => None,
                (false, true) => Some(engine.look(snapshot, long_polls)),
                (false, false) => Some(engine.look_at_counters(&snapshot, long_polls)),
            };
            match found {
                Some(findings) => {
                    self.tell(&name, &runtimes.findings(*id), &findings);
                    runtimes.set_findings(*id, findings);
                }
                // It has ended: a capture lets go of it.
                None => drop(runtimes.capture(&[*id])),
            }
            spent += took + began.elapsed();
        }
        if whole {
            self.pace.took(now, spent);
        }
    }
}

impl Pass {
    /// Tells the program's log what was not there `before`, and gives a reason for a recording if
    /// something of that is critical.
    fn tell(&self, runtime: &str, before: &[Finding], now: &[Finding]) {
        let is_new = |finding: &&Finding| !before.iter().any(|known| known.id() == finding.id());
        let mut critical = None;
        for finding in now.iter().filter(is_new) {
            report::report(runtime, finding);
            if finding.severity == Severity::Critical {
                critical = critical.or(Some(finding.kind));
            }
        }
        if let (Some(flight), Some(kind)) = (&self.flight, critical) {
            flight.happened(&format!("finding-{kind}"));
        }
    }
}

/// When the next look at everything is due.
struct Pace {
    interval: Duration,
    due: Option<Instant>,
    took: VecDeque<Duration>,
}

impl Pace {
    fn new(interval: Duration) -> Pace {
        Pace {
            interval,
            due: None,
            took: VecDeque::new(),
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        // Timers are late by a little: what is due in a moment is due.
        self.due.is_none_or(|due| now + self.interval / 4 >= due)
    }

    fn took(&mut self, began: Instant, took: Duration) {
        if self.took.len() >= REMEMBERED {
            self.took.pop_front();
        }
        self.took.push_back(took);
        let fastest = self.took.iter().min().copied().unwrap_or(took);
        let rested = fastest.saturating_mul(SHARE).min(MAX_INTERVAL);
        self.due = Some(began + rested.max(self.interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zokio::runtime::{Builder, Runtime};

    const INTERVAL: Duration = Duration::from_secs(1);

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn the_pace_keeps_to_its_share_of_a_core() {
        let mut pace = Pace::new(INTERVAL);
        let began = Instant::now();
        assert!(pace.is_due(began));
        pace.took(began, Duration::from_millis(1));
        assert!(pace.is_due(began + INTERVAL));
        pace.took.clear();
        pace.took(began, INTERVAL * 10 / SHARE);
        assert!(!pace.is_due(began + Duration::from_secs(9)));
        assert!(pace.is_due(began + Duration::from_secs(10)));
    }

    #[test]
    fn an_interrupted_look_does_not_slow_the_pace() {
        let mut pace = Pace::new(INTERVAL);
        let began = Instant::now();
        pace.took(began, Duration::from_micros(300));
        pace.took(began, Duration::from_millis(50));
        assert!(pace.is_due(began + INTERVAL));
    }

    #[test]
    fn even_the_largest_program_is_looked_at() {
        let mut pace = Pace::new(INTERVAL);
        let began = Instant::now();
        pace.took(began, Duration::from_secs(5));
        assert!(pace.is_due(began + MAX_INTERVAL));
    }

    #[test]
    fn an_ended_runtime_is_let_go_and_has_no_findings() {
        let runtimes = Runtimes::default();
        let mut pass = Pass::new(INTERVAL, Thresholds::default());
        let ended = runtime();
        runtimes.attach(ended.handle());
        let looker = runtime();
        let look = |pass: &mut Pass| {
            let log = Log::default();
            looker.block_on(pass.look(&runtimes, &log, Instant::now()));
        };
        look(&mut pass);
        assert_eq!((pass.engines.len(), runtimes.live().len()), (1, 1));
        drop(ended);
        pass.pace = Pace::new(INTERVAL);
        look(&mut pass);
        assert!(runtimes.live().is_empty());
        look(&mut pass);
        assert!(pass.engines.is_empty());
    }
}
