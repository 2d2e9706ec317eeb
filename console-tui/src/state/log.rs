//! What has become of the connection: one line an event, the latest kept.
//!
//! What happens again and again, such as attempts that fail for the same reason, is one line with a
//! count, so that a night without the program leaves the lines from before in place.

use std::collections::{BTreeMap, VecDeque};

use super::model::{Server, Update};

/// Lines that are kept.
const MAX_LINES: usize = 500;

/// Whether a line is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Unix time of the first and of the latest time that it happened.
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) times: u64,
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The latest last.
    lines: VecDeque<Line>,
    /// First line shown, counted from the latest.
    pub(crate) scroll: usize,
    /// Of the subscription: updates that were missed.
    skipped: u64,
    /// Names of the runtimes there are, by id, and whether they have ended.
    runtimes: BTreeMap<u64, (String, bool)>,
}

impl Log {
    /// The latest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().rev()
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn add(&mut self, unix_ms: u64, tone: Tone, text: impl Into<String>) {
        let text = text.into();
        if let Some(last) = self.lines.back_mut()
            && (last.tone, &last.text) == (tone, &text)
        {
            last.last_ms = unix_ms;
            last.times += 1;
            return;
        }
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        // Who has scrolled goes on looking at the same lines.
        if self.scroll > 0 {
            self.scroll += 1;
        }
        self.lines.push_back(Line {
            first_ms: unix_ms,
            last_ms: unix_ms,
            times: 1,
            tone,
            text,
        });
    }

    /// A program has answered.
    pub(super) fn connected(&mut self, unix_ms: u64, server: &Server, before: Option<&Server>) {
        let process = format!("{}[{}]", server.process_name, server.process_id);
        let text = match before {
            None => format!("connected to {process}, zokio {}", server.runtime_version),
            Some(before) if before.is_same_process(server) => {
                format!("connected to {process} again")
            }
            Some(_) => {
                self.runtimes.clear();
                format!("connected to {process}: another process than before")
            }
        };
        self.skipped = 0;
        self.add(unix_ms, Tone::Good, text);
    }

    /// Which runtimes have come, ended or gone, and whether updates were missed.
    pub(super) fn updated(&mut self, unix_ms: u64, update: &Update) {
        if update.skipped > self.skipped {
            let text = "updates were skipped: console or network too slow";
            self.add(unix_ms, Tone::Warn, text);
        }
        self.skipped = update.skipped;
        let now = update.runtimes.iter().map(|runtime| {
            let summary = &runtime.summary;
            (summary.id, (summary.name.clone(), summary.ended))
        });
        let now: BTreeMap<u64, (String, bool)> = now.collect();
        if now == self.runtimes {
            return;
        }
        let before = std::mem::replace(&mut self.runtimes, now.clone());
        for (id, (name, ended)) in &now {
            let known = before.get(id);
            if known.is_none() {
                self.add(unix_ms, Tone::Plain, format!("runtime {name} is watched"));
            }
            if *ended && !known.is_some_and(|(_, ended)| *ended) {
                self.add(unix_ms, Tone::Plain, format!("runtime {name} has ended"));
            }
        }
        for (name, _) in before
            .iter()
            .filter(|(id, _)| !now.contains_key(id))
            .map(|(_, r)| r)
        {
            self.add(unix_ms, Tone::Plain, format!("runtime {name} is gone"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use crate::sanitize;

    fn texts(log: &Log) -> Vec<&str> {
        log.lines().map(|line| line.text.as_str()).collect()
    }

    fn server(process_id: u32) -> Server {
        Server {
            process_id,
            process_name: "shop".into(),
            runtime_version: "0.1.0".into(),
            ..Server::default()
        }
    }

    #[test]
    fn what_happens_again_is_one_line_with_a_count() {
        let mut log = Log::default();
        for at in 1..=9 {
            log.add(at, Tone::Bad, "connection refused");
        }
        log.add(10, Tone::Good, "connected");
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[1].first_ms, lines[1].last_ms, lines[1].times),
            (1, 9, 9)
        );
    }

    #[test]
    fn the_latest_lines_are_kept_and_scrolling_stays_where_it_was() {
        let mut log = Log::default();
        log.add(0, Tone::Plain, "first");
        log.scroll = 1;
        for n in 0..MAX_LINES {
            log.add(1, Tone::Plain, n.to_string());
        }
        assert_eq!(log.len(), MAX_LINES);
        assert!(!texts(&log).contains(&"first"));
        assert_eq!(log.scroll, 1 + MAX_LINES);
    }

    #[test]
    fn a_process_met_again_is_told_from_another() {
        let mut log = Log::default();
        log.connected(1, &server(7), None);
        log.connected(2, &server(7), Some(&server(7)));
        log.connected(3, &server(8), Some(&server(7)));
        assert_eq!(
            texts(&log),
            [
                "connected to shop[8]: another process than before",
                "connected to shop[7] again",
                "connected to shop[7], zokio 0.1.0",
            ]
        );
    }

    #[test]
    fn runtimes_that_come_end_and_go_and_missed_updates_are_told() {
        let mut log = Log::default();
        let mut raw = fixtures::snapshot(1, &super::super::model::Query::default());
        let name = raw.runtimes[0].name.clone();
        let mut hear = |raw: &zokio_console_proto::v1::Update| {
            log.updated(1, &sanitize::update(raw.clone()));
        };
        hear(&raw);
        raw.skipped = 2;
        hear(&raw);
        hear(&raw);
        raw.runtimes[0].ended = true;
        hear(&raw);
        raw.runtimes.remove(0);
        hear(&raw);
        let told = texts(&log);
        let of_it: Vec<_> = told.iter().filter(|text| text.contains(&name)).collect();
        assert_eq!(
            of_it,
            [
                &format!("runtime {name} is gone"),
                &format!("runtime {name} has ended"),
                &format!("runtime {name} is watched"),
            ]
        );
        let skipped = log.lines().find(|line| line.tone == Tone::Warn);
        assert_eq!(skipped.map(|line| line.times), Some(1));
    }
}
