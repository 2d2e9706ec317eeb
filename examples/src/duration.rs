//! Durations as people write them: `10s`, `1.5s`, `200ms`, `2m`.

use std::time::Duration;

/// A duration that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration; write a number and a unit: 200ms, 10s, 1.5s, 2m, 1h")]
pub struct ParseDurationError {
    text: String,
}

/// Units and their seconds; `ms` before `m` and `s`, which it ends in or begins with.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];

/// The longest duration that is accepted: a day.
const MAX_SECONDS: f64 = 86_400.0;

/// Reads a positive decimal number and its unit.
///
/// # Errors
///
/// [`ParseDurationError`] for anything else: no unit, a sign, zero, more than a day.
pub fn parse(text: &str) -> Result<Duration, ParseDurationError> {
    let error = || ParseDurationError {
        text: text.to_owned(),
    };
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))
        .ok_or_else(error)?;
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(error());
    }
    let seconds = number.parse::<f64>().map_err(|_| error())? * unit;
    if seconds > 0.0 && seconds <= MAX_SECONDS {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse("24h"), Ok(Duration::from_secs(86_400)));
    }

    #[test]
    fn anything_else_is_refused_in_words() {
        for text in [
            "", "10", "s", "-1s", "+1s", "0s", "1 s", "1e3s", "infs", "25h", "1.2.3s", "10d",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
