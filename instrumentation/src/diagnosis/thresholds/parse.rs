//! Thresholds as text: `slow-polls=20ms,task-leak=off`.

use std::time::Duration;

use super::Thresholds;
use crate::diagnosis::finding_kinds;
use crate::env::parse_duration;
use crate::error::Error;

/// The threshold that decides most about a kind of finding.
enum Main {
    Duration(fn(&mut Thresholds) -> &mut Duration),
    Number(fn(&mut Thresholds) -> &mut u64),
}

/// What can be set by the name of a kind, besides `off`.
const MAIN: &[(&str, Main)] = &[
    ("deadlock", Main::Duration(|t| &mut t.deadlock_idle)),
    ("lost-waker", Main::Duration(|t| &mut t.lost_idle)),
    (
        "self-wake-storm",
        Main::Number(|t| &mut t.storm_polls_per_second),
    ),
    ("imbalance", Main::Duration(|t| &mut t.imbalance_stranded)),
    ("slow-polls", Main::Duration(|t| &mut t.slow_poll)),
    ("panic-loop", Main::Number(|t| &mut t.panics)),
    ("task-leak", Main::Number(|t| &mut t.leak_growth)),
    ("timer-late", Main::Duration(|t| &mut t.timer_late)),
    ("oversized-future", Main::Number(|t| &mut t.future_bytes)),
    ("never-yields", Main::Duration(|t| &mut t.never_yields_poll)),
    ("wake-storm", Main::Number(|t| &mut t.wakes_per_second)),
    ("lifo-captive", Main::Duration(|t| &mut t.captive_wait)),
    ("queue-growth", Main::Number(|t| &mut t.queue_tasks)),
    (
        "guard-not-polled",
        Main::Duration(|t| &mut t.unpolled_waited),
    ),
    ("lock-convoy", Main::Duration(|t| &mut t.convoy_waited)),
];

impl Thresholds {
    /// Sets what decides most about a kind of finding: a duration such as `20ms`, or a number. `off`:
    /// it is not looked for. Of some kinds only `off` can be said; their numbers are fields.
    ///
    /// | kind | what is set |
    /// |---|---|
    /// | `deadlock` | [`deadlock_idle`](Thresholds::deadlock_idle) |
    /// | `lost-waker` | [`lost_idle`](Thresholds::lost_idle) |
    /// | `self-wake-storm` | [`storm_polls_per_second`](Thresholds::storm_polls_per_second) |
    /// | `imbalance` | [`imbalance_stranded`](Thresholds::imbalance_stranded) |
    /// | `slow-polls` | [`slow_poll`](Thresholds::slow_poll) |
    /// | `panic-loop` | [`panics`](Thresholds::panics) |
    /// | `task-leak` | [`leak_growth`](Thresholds::leak_growth) |
    /// | `timer-late` | [`timer_late`](Thresholds::timer_late) |
    /// | `oversized-future` | [`future_bytes`](Thresholds::future_bytes) |
    /// | `never-yields` | [`never_yields_poll`](Thresholds::never_yields_poll) |
    /// | `wake-storm` | [`wakes_per_second`](Thresholds::wakes_per_second) |
    /// | `lifo-captive` | [`captive_wait`](Thresholds::captive_wait) |
    /// | `queue-growth` | [`queue_tasks`](Thresholds::queue_tasks) |
    /// | `guard-not-polled` | [`unpolled_waited`](Thresholds::unpolled_waited) |
    /// | `lock-convoy` | [`convoy_waited`](Thresholds::convoy_waited) |
    ///
    /// # Errors
    ///
    /// There is no such kind, or the value cannot be read.
    pub fn set(&mut self, kind: &str, value: &str) -> Result<(), Error> {
        self.set_named(kind, kind, value)
    }

    /// Takes over what a text says, such as `slow-polls=20ms,task-leak=off`.
    pub(crate) fn with(mut self, variable: &str, text: &str) -> Result<Thresholds, Error> {
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((kind, value)) = part.split_once('=') else {
                return Err(Error::setting(
                    format!("a part of {variable}"),
                    part,
                    "KIND=VALUE, such as slow-polls=20ms or task-leak=off",
                ));
            };
            let kind = kind.trim();
            self.set_named(&format!("{kind} in {variable}"), kind, value.trim())?;
        }
        Ok(self)
    }

    /// `name` is what errors call it.
    fn set_named(&mut self, name: &str, kind: &str, value: &str) -> Result<(), Error> {
        let Some(known) = finding_kinds().find(|known| *known == kind) else {
            const EXPECTED: &str = "to set a kind of finding, as `zokio-console check --help` and \
                                    the metric zokio_findings list them";
            return Err(Error::setting(name, value, EXPECTED));
        };
        if value == "off" {
            self.off.insert(known);
            return Ok(());
        }
        match MAIN.iter().find(|(kind, _)| *kind == known) {
            Some((_, Main::Duration(field))) => *field(self) = parse_duration(name, value)?,
            Some((_, Main::Number(field))) => *field(self) = parse_number(name, value)?,
            None => return Err(Error::setting(name, value, "off")),
        }
        self.off.remove(known);
        Ok(())
    }
}

fn parse_number(name: &str, text: &str) -> Result<u64, Error> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::setting(name, text, "a whole number, or off")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Thresholds, String> {
        Thresholds::default()
            .with("V", text)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_taken_over_and_the_rest_stays() {
        let set = read("slow-polls=20ms, self-wake-storm=100, imbalance=off,").unwrap();
        let expected = Thresholds {
            slow_poll: Duration::from_millis(20),
            storm_polls_per_second: 100,
            off: ["imbalance"].into(),
            ..Thresholds::default()
        };
        assert_eq!(set, expected);
        assert_eq!(read(""), Ok(Thresholds::default()));
    }

    #[test]
    fn a_value_switches_a_kind_on_again() {
        assert_eq!(
            read("slow-polls=off,slow-polls=10ms"),
            Ok(Thresholds::default())
        );
    }

    #[test]
    fn all_that_has_a_main_threshold_is_a_kind() {
        for (kind, _) in MAIN {
            assert!(finding_kinds().any(|known| known == *kind), "{kind}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for (text, begins) in [
            (
                "slow-poll=1ms",
                "slow-poll in V is \"1ms\", expected to set a kind",
            ),
            (
                "slow-polls",
                "a part of V is \"slow-polls\", expected KIND=VALUE",
            ),
            (
                "slow-polls=20",
                "slow-polls in V is \"20\", expected a number and a unit",
            ),
            (
                "self-wake-storm=1ms",
                "self-wake-storm in V is \"1ms\", expected a whole",
            ),
            (
                "pool-exhausted=3",
                "pool-exhausted in V is \"3\", expected off",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
