//! How often each peer may ask, and how long it waits after a wrong token.
//!
//! - **Requests**: a bucket a peer ([`REQUESTS`]). An empty one means a refusal in words.
//! - **Wrong tokens**: the answer to the n-th wrong token in a row comes after 100 ms · 2^(n−1), 2 s
//!   at most. At most [`MAX_WAITING`] answers a peer wait at one time; while so many do, requests of
//!   this peer are refused without a look at their token. So guessing gets no faster by asking in
//!   parallel, and one who mistypes does not shut out others behind the same address.
//!
//! A peer is an IP address (of IPv6 the first 64 bits, which one network has all of), or the Unix
//! socket. At most [`MAX_PEERS`] are known; then the one that was silent longest is forgotten.
//!
//! Pure: the time is passed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use zokio::time::Instant;

use super::bucket::{Bucket, Rate};

/// Requests that a peer that was silent may send at once, and those that it may send steadily.
pub(crate) const REQUESTS: Rate = Rate {
    burst: 500,
    per_second: 100,
};

/// Peers that are known at one time.
const MAX_PEERS: usize = 1_024;

/// The wait after the first wrong token, the longest, and the time after which a peer's wrong
/// tokens are forgotten.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

/// Answers to wrong tokens of one peer that wait at one time.
pub(crate) const MAX_WAITING: u32 = 8;

/// Who asks, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    Ip(IpAddr),
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are none"))]
    UnixSocket,
}

impl Peer {
    pub(crate) fn of_ip(ip: IpAddr) -> Peer {
        Peer::Ip(match ip.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()
            }
            ip => ip,
        })
    }
}

/// Whether a request was taken from what its connection may ask, and costs its peer nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IsPaid(pub(crate) bool);

/// Why a request goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Requests,
    WrongTokens,
}

/// What is known of one peer.
#[derive(Debug)]
struct Record {
    requests: Bucket,
    seen_at: Instant,
    failures: u32,
    failed_at: Instant,
    waiting: u32,
}

impl Record {
    fn new(now: Instant) -> Record {
        Record {
            requests: Bucket::new(REQUESTS, now),
            seen_at: now,
            failures: 0,
            failed_at: now,
            waiting: 0,
        }
    }
}

/// All peers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    records: HashMap<Peer, Record>,
}

impl Peers {
    /// Counts a request that is not paid for, and says whether it may be looked at.
    pub(crate) fn request(
        &mut self,
        peer: Peer,
        IsPaid(is_paid): IsPaid,
        now: Instant,
    ) -> Result<(), Limit> {
        let record = self.record(peer, now);
        record.seen_at = now;
        if !is_paid {
            record.requests.take(now).map_err(|_| Limit::Requests)?;
        }
        if record.waiting >= MAX_WAITING {
            return Err(Limit::WrongTokens);
        }
        Ok(())
    }

    /// Counts a wrong token, and says how long its answer has to wait. [`Peers::answered`] must
    /// follow. The first failure of a peer for a while is worth telling.
    pub(crate) fn wrong_token(&mut self, peer: Peer, now: Instant) -> (Duration, IsFirst) {
        let record = self.record(peer, now);
        if now.saturating_duration_since(record.failed_at) >= FORGIVEN_AFTER {
            record.failures = 0;
        }
        let wait = FIRST_WAIT
            .saturating_mul(1 << record.failures.min(16))
            .min(LONGEST_WAIT);
        record.failures = record.failures.saturating_add(1);
        record.failed_at = now;
        record.waiting += 1;
        (wait, IsFirst(record.failures == 1))
    }

    /// An answer to a wrong token waits no longer.
    pub(crate) fn answered(&mut self, peer: Peer) {
        // It may have been forgotten meanwhile.
        if let Some(record) = self.records.get_mut(&peer) {
            record.waiting = record.waiting.saturating_sub(1);
        }
    }

    fn record(&mut self, peer: Peer, now: Instant) -> &mut Record {
        if self.records.len() >= MAX_PEERS && !self.records.contains_key(&peer) {
            let silent = self.records.iter().min_by_key(|(_, r)| r.seen_at);
            if let Some(silent) = silent.map(|(peer, _)| *peer) {
                self.records.remove(&silent);
            }
        }
        self.records.entry(peer).or_insert_with(|| Record::new(now))
    }
}

/// Whether a wrong token was the first of its peer for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IsFirst(pub(crate) bool);

#[cfg(test)]
mod tests {
    use super::*;

    const UNPAID: IsPaid = IsPaid(false);

    fn ip(text: &str) -> Peer {
        Peer::of_ip(text.parse().unwrap())
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_burst_is_allowed_then_a_steady_rate() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        let peer = ip("10.0.0.1");
        for _ in 0..REQUESTS.burst {
            assert_eq!(peers.request(peer, UNPAID, start), Ok(()));
        }
        assert_eq!(peers.request(peer, UNPAID, start), Err(Limit::Requests));
        // Asking on does not lengthen the wait.
        assert_eq!(
            peers.request(peer, UNPAID, start + ms(9)),
            Err(Limit::Requests)
        );
        assert_eq!(peers.request(peer, UNPAID, start + ms(10)), Ok(()));
        assert_eq!(
            peers.request(peer, UNPAID, start + ms(10)),
            Err(Limit::Requests)
        );
        // Others are not concerned.
        assert_eq!(peers.request(ip("10.0.0.2"), UNPAID, start), Ok(()));
    }

    #[test]
    fn the_bucket_does_not_grow_over_its_size() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        let later = start + Duration::from_secs(3_600);
        peers.request(Peer::UnixSocket, UNPAID, start).unwrap();
        for _ in 0..REQUESTS.burst {
            assert_eq!(peers.request(Peer::UnixSocket, UNPAID, later), Ok(()));
        }
        assert_eq!(
            peers.request(Peer::UnixSocket, UNPAID, later),
            Err(Limit::Requests)
        );
    }

    #[test]
    fn waits_double_up_to_two_seconds_and_are_forgiven_after_a_minute() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        let peer = ip("10.0.0.1");
        let waits: Vec<u128> = (0..7)
            .map(|_| peers.wrong_token(peer, start).0.as_millis())
            .collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000]);
        let later = start + FORGIVEN_AFTER;
        assert_eq!(peers.wrong_token(peer, later), (ms(100), IsFirst(true)));
        assert_eq!(peers.wrong_token(peer, later), (ms(200), IsFirst(false)));
    }

    #[test]
    fn while_many_answers_wait_tokens_of_that_peer_are_not_looked_at() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        let peer = ip("10.0.0.1");
        for _ in 0..MAX_WAITING {
            assert_eq!(peers.request(peer, UNPAID, now), Ok(()));
            peers.wrong_token(peer, now);
        }
        assert_eq!(peers.request(peer, UNPAID, now), Err(Limit::WrongTokens));
        assert_eq!(peers.request(ip("10.0.0.2"), UNPAID, now), Ok(()));
        peers.answered(peer);
        assert_eq!(peers.request(peer, UNPAID, now), Ok(()));
    }

    #[test]
    fn the_number_of_known_peers_is_bounded_and_the_silent_are_forgotten() {
        let (mut peers, start) = (Peers::default(), Instant::now());
        for n in 0..3_000u32 {
            let peer = Peer::of_ip(IpAddr::from((0x0a00_0000 + n).to_be_bytes()));
            peers.request(peer, UNPAID, start + ms(n.into())).unwrap();
            assert!(peers.records.len() <= MAX_PEERS);
        }
        assert!(!peers.records.contains_key(&ip("10.0.0.0")));
        // An answer to one that was forgotten is no harm.
        peers.answered(ip("10.0.0.0"));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_mapped_addresses_are_those_of_ipv4() {
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        assert_eq!(ip("::ffff:10.0.0.1"), ip("10.0.0.1"));
        assert_ne!(ip("::1"), ip("::2"));
    }
}
