//! Numbers with their units.

/// A number of nanoseconds, or a share in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Ns(u64),
    Share(u64),
}

const TIME_UNITS: [(&str, f64); 7] = [
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
];

/// A time with its unit, or a percentage. 0 needs no unit.
pub(super) fn time(text: &str) -> Result<Time, String> {
    let (number, unit) = split(text);
    let value = positive(number).ok_or_else(|| {
        format!("`{text}` is no time: write a number and a unit, such as 5s or 10%")
    })?;
    if unit == "%" {
        return Ok(Time::Share(whole(value * 1e4)));
    }
    if unit.is_empty() && value == 0.0 {
        return Ok(Time::Ns(0));
    }
    if unit == "h" {
        return Ok(Time::Ns(whole(value * 3_600e9)));
    }
    match TIME_UNITS.iter().find(|(name, _)| *name == unit) {
        Some((_, ns)) => Ok(Time::Ns(whole(value * ns))),
        None if unit.is_empty() => Err(format!(
            "`{text}` has no unit: write {text}ms, {text}s or {text}%, for example"
        )),
        None => Err(format!(
            "there is no unit `{unit}`: units are ns, us, ms, s, m, h and %"
        )),
    }
}

/// A count: digits, or a number with `k`, `M` or `G`; hexadecimal with `0x`.
pub(super) fn count(text: &str) -> Result<u64, String> {
    if let Ok(exact) = text.parse() {
        return Ok(exact);
    }
    if let Some(digits) = text.strip_prefix("0x")
        && let Ok(exact) = u64::from_str_radix(digits, 16)
    {
        return Ok(exact);
    }
    let (number, unit) = split(text);
    let value = positive(number)
        .ok_or_else(|| format!("`{text}` is no number: write digits, such as 17 or 1.5k"))?;
    let scale = match unit {
        "" => 1.0,
        "k" | "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => {
            return Err(format!(
                "there is no unit `{unit}` for a number: write k, M or G"
            ));
        }
    };
    let exact = value * scale;
    if exact.fract() != 0.0 {
        return Err(format!("`{text}` is no whole number"));
    }
    Ok(whole(exact))
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

fn positive(number: &str) -> Option<f64> {
    let value: f64 = number.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Rounded. `as` saturates.
fn whole(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_and_shares_a_percent_sign() {
        assert_eq!(time("5s"), Ok(Time::Ns(5_000_000_000)));
        assert_eq!(time("1.5ms"), Ok(Time::Ns(1_500_000)));
        assert_eq!(time("20µs"), Ok(Time::Ns(20_000)));
        assert_eq!(time("20us"), time("20μs"));
        assert_eq!(time("2h"), Ok(Time::Ns(7_200_000_000_000)));
        assert_eq!(time("0"), Ok(Time::Ns(0)));
        assert_eq!(time("10%"), Ok(Time::Share(100_000)));
        assert_eq!(time("0.5%"), Ok(Time::Share(5_000)));
        assert_eq!(time("99999999999999999999h"), Ok(Time::Ns(u64::MAX)));
        assert!(time("5").unwrap_err().contains("5s"));
        assert!(time("5x").unwrap_err().contains("`x`"));
        for text in ["", "s", "-5s", "1.2.3s", "NaNs", "infs"] {
            assert!(time(text).unwrap_err().contains("no time"), "{text}");
        }
    }

    #[test]
    fn counts_are_exact_and_may_be_thousands() {
        assert_eq!(count("17"), Ok(17));
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(count("9007199254740993"), Ok(9_007_199_254_740_993));
        assert_eq!(count("0xff"), Ok(255));
        assert_eq!(count("1.5k"), Ok(1_500));
        assert_eq!(count("2M"), Ok(2_000_000));
        assert!(count("1.5").unwrap_err().contains("whole"));
        assert!(count("3q").unwrap_err().contains("`q`"));
        for text in ["", "abc", "-1", "0xzz"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
