//! OpenMetrics text turned into Prometheus' text format 0.0.4.
//!
//! The two differ little: the older one knows no units and no end mark, has other names for two
//! types, and its comments name a counter as its sample does, with `_total`. Exemplars, which it
//! does not know either, we do not write.

/// See the module.
pub(super) fn from_openmetrics(page: &str) -> String {
    let mut classic = String::with_capacity(page.len());
    // HELP comes before TYPE, and only TYPE says what it is: it waits for it.
    let mut help: Option<&str> = None;
    for line in page.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest);
            continue;
        }
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some(text) = help.take().and_then(|h| h.strip_prefix(name)) {
                push(&mut classic, &["# HELP ", name, suffix, text]);
            }
            push(&mut classic, &["# TYPE ", name, suffix, " ", kind]);
            continue;
        }
        push(&mut classic, &[line]);
    }
    classic
}

fn push(page: &mut String, parts: &[&str]) {
    page.extend(parts.iter().copied());
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_renamed_and_samples_left_alone() {
        let openmetrics = "\
# HELP sales_seconds Time # TYPE spent selling.
# TYPE sales_seconds counter
# UNIT sales_seconds seconds
sales_seconds_total{a=\"# EOF\"} 1.5
# HELP depth How deep.
# TYPE depth gauge
depth 3
# TYPE x unknown
x 1
# EOF
";
        let classic = "\
# HELP sales_seconds_total Time # TYPE spent selling.
# TYPE sales_seconds_total counter
sales_seconds_total{a=\"# EOF\"} 1.5
# HELP depth How deep.
# TYPE depth gauge
depth 3
# TYPE x untyped
x 1
";
        assert_eq!(from_openmetrics(openmetrics), classic);
    }
}
