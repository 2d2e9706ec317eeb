//! What is known of the connection, for the status line.

use super::model::Server;
use crate::action::Now;

/// Without an update for this long, the data on the screen is called old.
const STALE_MS: u64 = 2_000;

/// How the connection stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing has been tried yet.
    #[default]
    Starting,
    /// The first attempt (1) or a later one is under way.
    Connecting {
        attempt: u32,
    },
    Connected,
    /// Gone; will be tried again.
    Lost {
        reason: String,
        retry_at_ms: u64,
    },
}

/// The connection, its server and how late its data is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connection {
    pub(crate) target: String,
    pub(crate) link: Link,
    pub(crate) server: Option<Server>,
    /// When the last update came, on the console's clock.
    pub(crate) updated_at_ms: Option<u64>,
    pub(crate) lag_ms: u64,
    /// Smallest difference between arrival and sampling so far: two clocks that disagree are told
    /// from data that is late by taking it as zero.
    best_delay_ms: Option<i64>,
}

impl Connection {
    pub(super) fn note_update(&mut self, taken_at_ns: u64, now: Now) {
        self.link = Link::Connected;
        self.updated_at_ms = Some(now.mono_ms);
        let Some(server) = &self.server else { return };
        let taken_ms = i64::try_from(server.unix_ns(taken_at_ns) / 1_000_000).unwrap_or(i64::MAX);
        let delay_ms = i64::try_from(now.unix_ms)
            .unwrap_or(i64::MAX)
            .saturating_sub(taken_ms);
        let best = self
            .best_delay_ms
            .map_or(delay_ms, |best| best.min(delay_ms));
        self.best_delay_ms = Some(best);
        self.lag_ms = delay_ms.saturating_sub(best).unsigned_abs();
    }

    pub(super) fn forget_lag(&mut self) {
        self.best_delay_ms = None;
        self.lag_ms = 0;
    }

    /// How old the data on the screen is, if it is old.
    pub(crate) fn stale_ms(&self, now: Now) -> Option<u64> {
        let age_ms = now.mono_ms.saturating_sub(self.updated_at_ms?);
        (age_ms >= STALE_MS).then_some(age_ms)
    }

    /// Time until the next attempt, if one is awaited.
    pub(crate) fn retry_in_ms(&self, now: Now) -> Option<u64> {
        match &self.link {
            Link::Lost { retry_at_ms, .. } => Some(retry_at_ms.saturating_sub(now.mono_ms)),
            _ => None,
        }
    }

    /// Whether the passing of time alone changes what the status line says.
    pub(super) fn looks_different_at(&self, then: Now, now: Now) -> bool {
        then.unix_ms / 1_000 != now.unix_ms / 1_000
            || self.retry_in_ms(then).map(|ms| ms / 100) != self.retry_in_ms(now).map(|ms| ms / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(ms: u64) -> Now {
        Now {
            mono_ms: ms,
            unix_ms: 1_000_000 + ms,
        }
    }

    #[test]
    fn lag_is_measured_against_the_best_update_whatever_the_clocks_say() {
        let anchor_unix_ns = 55_000_000_000_000;
        let server = Server {
            anchor_unix_ns,
            ..Server::default()
        };
        let mut connection = Connection {
            server: Some(server),
            ..Connection::default()
        };
        connection.note_update(0, now(100));
        assert_eq!(connection.lag_ms, 0);
        connection.note_update(100_000_000, now(240));
        assert_eq!(connection.lag_ms, 40);
        connection.note_update(200_000_000, now(300));
        assert_eq!(connection.lag_ms, 0);
        connection.note_update(u64::MAX, now(400));
        connection.note_update(0, now(500));
    }

    #[test]
    fn data_gets_stale_without_updates() {
        let mut connection = Connection::default();
        assert_eq!(
            connection.stale_ms(now(90_000)),
            None,
            "there is no data yet"
        );
        connection.note_update(0, now(1_000));
        assert_eq!(connection.stale_ms(now(2_000)), None);
        assert_eq!(connection.stale_ms(now(4_000)), Some(3_000));
    }

    #[test]
    fn the_status_line_changes_each_second_and_faster_while_waiting_to_retry() {
        let mut connection = Connection::default();
        assert!(!connection.looks_different_at(now(100), now(900)));
        assert!(connection.looks_different_at(now(900), now(1_000)));
        connection.link = Link::Lost {
            reason: String::new(),
            retry_at_ms: 5_000,
        };
        assert!(connection.looks_different_at(now(100), now(350)));
    }
}
