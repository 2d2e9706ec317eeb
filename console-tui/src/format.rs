//! Numbers, durations and texts in a fixed number of terminal cells.
//!
//! Pure: no terminal, no clock. Widths are counted in cells, so that wide characters do not push
//! columns about.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Three significant digits.
fn significant(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// A duration in at most seven cells: `0`, `812ns`, `12.3µs`, `4.56ms`, `7.89s`,
/// `12m34s`, `5h06m`, `12d03h`.
pub(crate) fn duration(ns: u64) -> String {
    const UNITS: [(f64, &str); 3] = [(1e3, "µs"), (1e6, "ms"), (1e9, "s")];
    if ns < 1_000 {
        return if ns == 0 {
            "0".into()
        } else {
            format!("{ns}ns")
        };
    }
    let seconds = ns / 1_000_000_000;
    if seconds < 60 {
        for (scale, unit) in UNITS {
            let value = ns as f64 / scale;
            if value < 999.5 {
                return format!("{}{unit}", significant(value));
            }
        }
    }
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if hours < 1 {
        format!("{minutes}m{:02}s", seconds % 60)
    } else if days < 1 {
        format!("{hours}h{:02}m", minutes % 60)
    } else if days < 1_000 {
        format!("{days}d{:02}h", hours % 24)
    } else {
        format!("{}d", count(days))
    }
}

/// A count in at most five cells: `9999`, `12.3k`, `4.56M`.
pub(crate) fn count(n: u64) -> String {
    if n < 10_000 {
        n.to_string()
    } else {
        scaled(n as f64)
    }
}

/// What makes a noun one of that many.
pub(crate) fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Names and values in one line: `method=GET path=/orders`.
pub(crate) fn fields(fields: &[(String, String)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={value}"));
    fields.collect::<Vec<_>>().join(" ")
}

/// Events a second in at most five cells: `0`, `0.4`, `57`, `12.3k`.
pub(crate) fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        "-".into()
    } else if per_second == 0.0 {
        "0".into()
    } else if per_second < 0.05 {
        "<0.1".into()
    } else if per_second < 9.95 {
        format!("{per_second:.1}")
    } else if per_second < 9_999.5 {
        format!("{per_second:.0}")
    } else {
        scaled(per_second)
    }
}

/// Bytes in at most seven cells: `812B`, `12.3KiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1_024 {
        return format!("{n}B");
    }
    let mut value = n as f64 / 1_024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1_024.0;
        unit += 1;
    }
    format!("{}{}", significant(value), UNITS[unit])
}

fn scaled(mut value: f64) -> String {
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    value /= 1e3;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{}{}", significant(value), UNITS[unit])
}

/// A share between 0 and 1 in at most four cells: `0%`, `<1%`, `63%`, `100%`.
pub(crate) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "-".into();
    }
    let value = share.clamp(0.0, 1.0) * 100.0;
    if value > 0.0 && value < 0.5 {
        "<1%".into()
    } else {
        format!("{value:.0}%")
    }
}

/// The share of `part` in `whole`; 0 if there is no whole.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// A place on a recording: minutes, seconds and tenths, and hours if there are any.
pub(crate) fn clock(ns: u64) -> String {
    let tenths = ns / 100_000_000;
    let (seconds, tenth) = (tenths / 10, tenths % 10);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}.{tenth}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}.{tenth}")
    }
}

/// A wall-clock time of day in UTC: `12:34:56Z`.
pub(crate) fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000 % 86_400;
    format!(
        "{:02}:{:02}:{:02}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// Cells that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    if text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        text.len()
    } else if is_plain(text) {
        text.chars().count()
    } else {
        text.width()
    }
}

/// Whether each character has a cell of its own whatever stands beside it: printable ASCII, and the
/// signs that the console itself draws with. Nearly every text is so, and is measured and drawn sooner
/// if that is known.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, ' '..='~' | 'µ' | '·' | 'Σ' | '…' | '─'..='╿' | '▁'..='█' | '▒' | '●'))
}

/// `text` cut to `cells`, the end replaced by `…` if something was cut.
pub(crate) fn truncate_end(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    if cells == 0 {
        return String::new();
    }
    let mut out = head(text, cells - 1);
    out.push('…');
    out
}

/// `text` cut to `cells`, the middle replaced by `…`. The end, where a location has its file and
/// line, gets the larger part, or all where there is little room.
pub(crate) fn truncate_middle(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    if cells < 4 {
        return truncate_end(text, cells);
    }
    let front = if cells < 24 { 0 } else { (cells - 1) / 4 };
    let head = head(text, front);
    let tail = tail(text, cells - 1 - width(&head));
    format!("{head}…{tail}")
}

fn head(text: &str, cells: usize) -> String {
    let mut used = 0;
    let mut out: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= cells
        })
        .collect();
    // Some characters are wider together than each by itself, such as a sign made an emoji.
    while width(&out) > cells {
        out.pop();
    }
    out
}

fn tail(text: &str, cells: usize) -> String {
    let mut used = 0;
    let mut out: Vec<char> = text
        .chars()
        .rev()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= cells
        })
        .collect();
    loop {
        let text: String = out.iter().rev().collect();
        if width(&text) <= cells || out.pop().is_none() {
            return text;
        }
    }
}

/// `text` in exactly `cells` cells, flush left.
pub(crate) fn left(text: &str, cells: usize) -> String {
    pad(text, cells, false)
}

/// `text` in exactly `cells` cells, flush right.
pub(crate) fn right(text: &str, cells: usize) -> String {
    pad(text, cells, true)
}

fn pad(text: &str, cells: usize, flush_right: bool) -> String {
    let cut;
    let (text, used) = match width(text) {
        used if used <= cells => (text, used),
        _ => {
            cut = truncate_end(text, cells);
            (cut.as_str(), width(&cut))
        }
    };
    // A wide character that is cut leaves a cell.
    let gap = cells.saturating_sub(used);
    let mut out = String::with_capacity(text.len() + gap);
    if flush_right {
        out.extend(std::iter::repeat_n(' ', gap));
    }
    out.push_str(text);
    if !flush_right {
        out.extend(std::iter::repeat_n(' ', gap));
    }
    out
}

/// A source file's path without what every reader knows: the registry's folder of a dependency,
/// the build folder of the standard library.
pub(crate) fn short_file(file: &str) -> &str {
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        return rest.split_once('/').map_or(rest, |(_, inner)| inner);
    }
    if let Some((_, rest)) = file.split_once("/rustc/") {
        return rest.split_once('/').map_or(rest, |(_, inner)| inner);
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        let shown = [
            (0, "0"),
            (812, "812ns"),
            (1_000, "1.00µs"),
            (12_345, "12.3µs"),
            (999_499, "999µs"),
            (999_500, "1.00ms"),
            (4_560_000, "4.56ms"),
            (59_999_999_999, "60.0s"),
            (60_000_000_000, "1m00s"),
            (3_599_000_000_000, "59m59s"),
            (18_360_000_000_000, "5h06m"),
            (90_000_000_000_000, "1d01h"),
        ];
        for (ns, text) in shown {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn no_number_is_wider_than_its_column() {
        let mut n: u64 = 1;
        for _ in 0..200 {
            assert!(width(&duration(n)) <= 7, "{}", duration(n));
            assert!(width(&count(n)) <= 5, "{}", count(n));
            assert!(width(&rate(n as f64)) <= 5, "{}", rate(n as f64));
            assert!(width(&bytes(n)) <= 7, "{}", bytes(n));
            n = n.saturating_mul(3).saturating_div(2).saturating_add(1);
        }
        assert!(width(&duration(u64::MAX)) <= 7);
        assert_eq!(count(u64::MAX), "18.4E");
    }

    #[test]
    fn rates_and_shares_survive_nonsense() {
        assert_eq!(rate(f64::NAN), "-");
        assert_eq!(rate(f64::INFINITY), "-");
        assert_eq!(rate(-1.0), "-");
        assert_eq!(percent(f64::NAN), "-");
        assert_eq!(percent(7.0), "100%");
        assert_eq!(percent(0.001), "<1%");
        assert_eq!(share(1, 0), 0.0);
    }

    #[test]
    fn a_long_path_keeps_its_file_and_line() {
        let cut = truncate_middle("examples/src/bin/http_server/handlers/slow.rs:31:9", 24);
        assert_eq!(width(&cut), 24);
        assert!(cut.ends_with("slow.rs:31:9"), "{cut}");
        assert!(cut.starts_with("examp"), "{cut}");
    }

    #[test]
    fn wide_characters_never_overflow_their_column() {
        for cells in 0..12 {
            let emoji = "❤\u{fe0f}".repeat(20);
            let keycaps = "1\u{fe0f}\u{20e3}x".repeat(9);
            for text in ["日本語のタスク", "aéz", "🦀🦀🦀🦀", &emoji, &keycaps, ""]
            {
                assert_eq!(width(&left(text, cells)), cells);
                assert_eq!(width(&right(text, cells)), cells);
                assert!(width(&truncate_middle(text, cells)) <= cells);
            }
        }
    }

    #[test]
    fn plain_characters_are_as_wide_as_the_tables_say() {
        let plain = (0..=0x3000)
            .filter_map(char::from_u32)
            .filter(|c| is_plain(&c.to_string()));
        let signs = plain
            .inspect(|c| assert_eq!(c.width(), Some(1), "{c}"))
            .count();
        assert!(signs > 200, "{signs}");
        for text in ["12.3µs", "└ a…", "ab", "日本", "e\u{301}"] {
            assert_eq!(width(text), text.width(), "{text}");
        }
        assert!(!is_plain("e\u{301}"));
    }

    #[test]
    fn a_dependency_is_shown_by_crate_and_file() {
        assert_eq!(
            short_file(
                "/home/u/.cargo/registry/src/registry-0123456789abcdef/hyper-1.12.0/src/a.rs"
            ),
            "hyper-1.12.0/src/a.rs"
        );
        assert_eq!(
            short_file("/rustc/59807616e1/library/core/src/a.rs"),
            "library/core/src/a.rs"
        );
        assert_eq!(short_file("src/main.rs"), "src/main.rs");
    }
}
