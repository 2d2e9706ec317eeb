//! Which of the two formats a scraper wants, by its `Accept` header.

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics text 1.0.0.
    OpenMetrics,
    /// Prometheus text 0.0.4.
    Classic,
}

impl Format {
    /// OpenMetrics for those who prefer it in so many words, else the older format, which everyone
    /// and every terminal understands.
    pub(crate) fn negotiate<'a>(accept: impl Iterator<Item = &'a str>) -> Format {
        let (mut openmetrics, mut classic) = (0.0, 0.0);
        for range in accept.flat_map(|header| header.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let wanted = match parts.next() {
                Some(r) if r.eq_ignore_ascii_case("application/openmetrics-text") => {
                    &mut openmetrics
                }
                Some(r) if r.eq_ignore_ascii_case("text/plain") => &mut classic,
                _ => continue,
            };
            let q = parts
                .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
                .map_or(1.0, |q| q.parse::<f64>().unwrap_or(0.0));
            *wanted = q.max(*wanted);
        }
        if openmetrics > 0.0 && openmetrics >= classic {
            Format::OpenMetrics
        } else {
            Format::Classic
        }
    }

    /// The `Content-Type` of the page.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_only_for_those_who_prefer_it() {
        let negotiate = |accept: &[&str]| Format::negotiate(accept.iter().copied());
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.8,\
                          application/openmetrics-text;version=0.0.1;q=0.75,\
                          text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(negotiate(&[prometheus]), Format::OpenMetrics);
        assert_eq!(
            negotiate(&["Application/OpenMetrics-Text"]),
            Format::OpenMetrics
        );
        assert_eq!(
            negotiate(&["text/plain", "application/openmetrics-text"]),
            Format::OpenMetrics
        );
        for classic in [
            "*/*",
            "text/html",
            "",
            "text/plain;q=0.9, application/openmetrics-text;q=0.2",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=nonsense",
        ] {
            assert_eq!(negotiate(&[classic]), Format::Classic, "{classic}");
        }
        assert_eq!(negotiate(&[]), Format::Classic);
    }
}
