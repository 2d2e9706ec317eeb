//! How the values of arguments are read, and what is said about their mistakes.

use std::time::Duration;

use zokio_instrumentation::filter::Filter;

use super::screen::ALL;
use crate::headless;
use crate::state::lints;
use crate::target::Target;

/// What `dump` is asked about.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    Task(u64),
    At(Target),
}

pub(super) fn parse_subject(text: &str) -> Result<Subject, String> {
    if let Ok(task) = text.parse() {
        return Ok(Subject::Task(task));
    }
    let target = text.parse().map(Subject::At);
    target.map_err(|error| format!("neither a task's number nor an address: {error}"))
}

/// Reads the kind of a finding: a misspelt one would never be found.
pub(super) fn parse_kind(text: &str) -> Result<String, String> {
    let known: Vec<_> = zokio_instrumentation::finding_kinds()
        .chain([headless::check::FILTERED])
        .collect();
    if known.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("kinds of findings are {}", known.join(", ")))
    }
}

/// Reads a filter, to say what is wrong with it before anybody is connected to.
pub(super) fn parse_filter(text: &str) -> Result<String, String> {
    match Filter::parse(text) {
        Ok(_) => Ok(text.trim().to_owned()),
        Err(mistake) => Err(mistake.to_string()),
    }
}

/// Reads an amount of memory: a number and `KiB`, `MiB` or `GiB`, or 0.
pub(super) fn parse_bytes(text: &str) -> Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse().ok().and_then(|n: usize| n.checked_mul(unit));
    bytes
        .filter(|_| unit > 0)
        .ok_or_else(|| "an amount is a number and KiB, MiB or GiB, such as 32MiB".into())
}

/// Reads a time: a number and `ms`, `s` or `m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wanted = || "a time is a number and ms, s or m, such as 100ms or 1.5s".to_owned();
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .ok_or_else(wanted)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(wanted()),
    };
    let value: f64 = number.parse().map_err(|_| wanted())?;
    match Duration::try_from_secs_f64(value * seconds_per_unit) {
        Ok(time) if !time.is_zero() && time <= Duration::from_secs(86_400) => Ok(time),
        _ => Err("a time must be more than 0 and at most a day".into()),
    }
}

/// Reads the name of a warning, as it is here or as tokio-console has it.
pub(super) fn parse_lint(text: &str) -> Result<String, String> {
    let name = match text {
        "self-wake-percent" => "self-wakes",
        "never-yielded" => "never-yields",
        other => other,
    };
    if name == ALL || lints::NAMES.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(format!(
        "warnings are {} and {ALL}",
        lints::NAMES.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(parse_duration("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for text in [
            "", "5", "s", "-1s", "0s", "1h", "NaNs", "1e30s", "1 s", "inf",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
