//! Who may ask.
//!
//! In the order of a request:
//!
//! 1. **TLS** ([`tls`]), if the server has a certificate; with an authority for clients, only for
//!    clients that it has certified.
//! 2. **Web pages** are kept out. The server trusts what can reach it on this machine, and a browser
//!    here can reach it on behalf of any page. So a request with an `Origin`, which a page made, is
//!    refused always; and on a loopback address without a token, a `Host` (HTTP/2: `:authority`)
//!    that is not this machine, since then a foreign name was made to point here (DNS rebinding).
//!    Unix sockets, which browsers cannot open, and other addresses, whose names we cannot know, are
//!    not checked for it; nor where a token is asked for, which no page has.
//! 3. **How often** a peer may ask ([`peers`]).
//! 4. **Tokens** ([`token`]): one to look, one to change what other viewers see. The answer to a
//!    wrong one is slow.

pub(crate) mod bucket;
pub(crate) mod peers;
#[cfg_attr(not(feature = "tls"), path = "security/no_tls.rs")]
pub(crate) mod tls;
pub(crate) mod token;

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::header::{HOST, ORIGIN};
use http::request::Parts;
use tonic::Code;
use zokio::time::Instant;

use crate::address::Address;
use crate::server::visitor::{self, MAX_CALLS, MAX_HEADER_BYTES};
use bucket::Rate;
use peers::{IsFirst, IsPaid, Limit, Peer, Peers};
use token::{Grant, Shown, Tokens};

/// Why a request was refused; the text goes to the client, and says what the limit is and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Origin,
    Host,
    /// From this peer.
    TooManyRequests,
    /// On this connection.
    TooManyOnConnection,
    /// Under way on this connection.
    TooManyCalls,
    /// That many bytes.
    HeadersTooLarge(usize),
    TooManyWrongTokens,
    NoToken,
    WrongToken,
    /// Said to a connection and not to a request: all places, so many, are taken.
    Full(usize),
    /// Likewise: it is not encrypted, and has to be.
    NotEncrypted,
}

impl Refusal {
    pub(crate) fn text(self) -> String {
        match self {
            Refusal::Origin => "requests from web pages (with an Origin header) are refused: this \
                                server is for zokio-console and for scrapers"
                .to_owned(),
            Refusal::Host => "the Host of the request is not this machine: ask for 127.0.0.1, \
                              [::1] or localhost"
                .to_owned(),
            Refusal::TooManyRequests => too_often("from this address", peers::REQUESTS),
            Refusal::TooManyOnConnection => too_often("on this connection", visitor::REQUESTS),
            Refusal::TooManyCalls => format!(
                "{MAX_CALLS} calls are under way on this connection, which is the most: end one, \
                 or open another connection"
            ),
            Refusal::HeadersTooLarge(bytes) => format!(
                "the headers of the request take {bytes} bytes, and {MAX_HEADER_BYTES} are \
                 allowed: send less metadata"
            ),
            Refusal::TooManyWrongTokens => format!(
                "too many wrong tokens came from this address, {} of which wait for their answer: \
                 wait some seconds",
                peers::MAX_WAITING
            ),
            Refusal::NoToken => {
                "a token is needed, and none was shown: send it as Authorization: Bearer TOKEN"
                    .to_owned()
            }
            Refusal::WrongToken => "the token is wrong".to_owned(),
            Refusal::Full(most) => format!(
                "{most} clients are connected, as many as this program serves: close one and try \
                 again"
            ),
            Refusal::NotEncrypted => {
                "this port speaks TLS only: ask for https:// instead of http://".to_owned()
            }
        }
    }

    /// What it is over gRPC.
    pub(crate) fn code(self) -> Code {
        match self {
            Refusal::Origin | Refusal::Host => Code::PermissionDenied,
            Refusal::TooManyRequests
            | Refusal::TooManyOnConnection
            | Refusal::TooManyCalls
            | Refusal::HeadersTooLarge(_)
            | Refusal::TooManyWrongTokens
            | Refusal::Full(_) => Code::ResourceExhausted,
            Refusal::NoToken | Refusal::WrongToken => Code::Unauthenticated,
            Refusal::NotEncrypted => Code::FailedPrecondition,
        }
    }

    /// What it is over plain HTTP.
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Refusal::Origin | Refusal::Host => StatusCode::FORBIDDEN,
            Refusal::TooManyRequests
            | Refusal::TooManyOnConnection
            | Refusal::TooManyCalls
            | Refusal::TooManyWrongTokens => StatusCode::TOO_MANY_REQUESTS,
            Refusal::HeadersTooLarge(_) => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::NoToken | Refusal::WrongToken => StatusCode::UNAUTHORIZED,
            Refusal::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::NotEncrypted => StatusCode::UPGRADE_REQUIRED,
        }
    }
}

fn too_often(of_whom: &str, rate: Rate) -> String {
    let Rate { burst, per_second } = rate;
    format!(
        "too many requests came {of_whom}: {burst} are allowed at once, and {per_second} a second; \
         wait a second and ask less often"
    )
}

/// Judges the requests of all connections.
#[derive(Debug)]
pub(crate) struct Gate {
    needs_local_host: bool,
    tokens: Tokens,
    peers: Mutex<Peers>,
}

impl Gate {
    pub(crate) fn new(address: &Address, tokens: Tokens) -> Gate {
        Gate {
            needs_local_host: is_loopback_tcp(address) && !tokens.are_set(),
            tokens,
            peers: Mutex::default(),
        }
    }

    /// What the request may do, or why not. The answer to a wrong token takes its time.
    pub(crate) async fn admit(
        &self,
        request: &Parts,
        peer: Peer,
        is_paid: IsPaid,
    ) -> Result<Grant, Refusal> {
        check(request, self.needs_local_host)?;
        self.peers()
            .request(peer, is_paid, Instant::now())
            .map_err(|limit| match limit {
                Limit::Requests => Refusal::TooManyRequests,
                Limit::WrongTokens => Refusal::TooManyWrongTokens,
            })?;
        match self.tokens.judge(&request.headers) {
            Shown::Right(grant) => Ok(grant),
            Shown::Nothing => Err(Refusal::NoToken),
            Shown::Wrong => {
                let (wait, IsFirst(is_first)) = self.peers().wrong_token(peer, Instant::now());
                let _waiting = Waiting { gate: self, peer };
                if is_first {
                    tracing::warn!(?peer, "zokio-console: a wrong token was shown");
                }
                zokio::time::sleep(wait).await;
                Err(Refusal::WrongToken)
            }
        }
    }

    fn peers(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that waits, also if the client leaves meanwhile.
struct Waiting<'a> {
    gate: &'a Gate,
    peer: Peer,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.peers().answered(self.peer);
    }
}

fn is_loopback_tcp(address: &Address) -> bool {
    matches!(address, Address::Tcp(_) | Address::Tls(_)) && address.is_local()
}

/// Tells web pages from others.
fn check(request: &Parts, needs_local_host: bool) -> Result<(), Refusal> {
    if request.headers.contains_key(ORIGIN) {
        return Err(Refusal::Origin);
    }
    if !needs_local_host {
        return Ok(());
    }
    // Either may be there; a request that says two things has to be local in both.
    let mut said = false;
    if let Some(authority) = request.uri.authority() {
        said = true;
        if !is_local_host(authority.as_str()) {
            return Err(Refusal::Host);
        }
    }
    for host in request.headers.get_all(HOST) {
        said = true;
        if !host.to_str().is_ok_and(is_local_host) {
            return Err(Refusal::Host);
        }
    }
    if said { Ok(()) } else { Err(Refusal::Host) }
}

/// Whether `host`, with or without a port, names this machine.
fn is_local_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((ip, port)) if is_port(port) => ip,
            _ => return false,
        },
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNPAID: IsPaid = IsPaid(false);

    fn judge(uri: &str, headers: &[(&str, &str)], local: bool) -> Result<(), Refusal> {
        let mut request = http::Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(()).unwrap().into_parts().0, local)
    }

    #[test]
    fn local_names_pass() {
        for host in [
            "localhost",
            "LOCALHOST:6669",
            "localhost.:1",
            "127.0.0.1:6669",
            "127.1.2.3",
            "[::1]:80",
            "[::1]",
        ] {
            assert_eq!(judge("/metrics", &[("host", host)], true), Ok(()), "{host}");
        }
        assert_eq!(judge("http://127.0.0.1:6669/x", &[], true), Ok(()));
    }

    #[test]
    fn foreign_names_that_point_here_are_refused() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io:6669",
            "10.0.0.1",
            "",
            "[::1",
            "[::1]x",
            "localhost:6669@evil",
        ] {
            assert_eq!(
                judge("/", &[("host", host)], true),
                Err(Refusal::Host),
                "{host}"
            );
        }
        assert_eq!(
            judge("http://evil.example/x", &[], true),
            Err(Refusal::Host)
        );
        assert_eq!(
            judge("http://evil.example/x", &[("host", "localhost")], true),
            Err(Refusal::Host)
        );
        assert_eq!(judge("/", &[], true), Err(Refusal::Host));
    }

    #[test]
    fn without_a_loopback_address_names_are_free() {
        assert_eq!(judge("http://metrics.internal/x", &[], false), Ok(()));
        let needs = |address: Address, tokens: Tokens| Gate::new(&address, tokens).needs_local_host;
        let tcp = |addr: &str| Address::Tcp(addr.parse().unwrap());
        assert!(!needs(Address::Unix("/x".into()), Tokens::default()));
        assert!(!needs(tcp("0.0.0.0:1"), Tokens::default()));
        assert!(needs(tcp("[::1]:1"), Tokens::default()));
        assert!(needs(
            Address::Tls("[::1]:1".parse().unwrap()),
            Tokens::default()
        ));
        let tokens = Tokens {
            read: Some(token::Token::new("t", "0123456789abcdef").unwrap()),
            control: None,
        };
        assert!(!needs(tcp("[::1]:1"), tokens));
    }

    #[test]
    fn web_pages_are_refused_everywhere() {
        let page = [("host", "localhost"), ("origin", "http://localhost:3000")];
        assert_eq!(judge("/metrics", &page, true), Err(Refusal::Origin));
        assert_eq!(judge("/metrics", &page, false), Err(Refusal::Origin));
    }

    fn tokens() -> Tokens {
        Tokens {
            read: Some(token::Token::new("t", "0123456789abcdef").unwrap()),
            control: None,
        }
    }

    fn request(authorization: Option<&str>) -> Parts {
        let mut request = http::Request::get("/").header("host", "localhost");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn gate(tokens: Tokens) -> Gate {
        Gate::new(&Address::Tcp("127.0.0.1:1".parse().unwrap()), tokens)
    }

    #[zokio::test(start_paused = true)]
    async fn the_answer_to_a_wrong_token_takes_its_time_and_others_do_not() {
        let gate = gate(tokens());
        let start = Instant::now();
        let waited = || start.elapsed().as_millis();
        let peer = Peer::of_ip("10.0.0.1".parse().unwrap());
        let missing = gate.admit(&request(None), peer, UNPAID).await;
        assert_eq!((missing, waited()), (Err(Refusal::NoToken), 0));
        let wrong = gate
            .admit(&request(Some("Bearer wrong")), peer, UNPAID)
            .await;
        assert_eq!((wrong, waited()), (Err(Refusal::WrongToken), 100));
        let wrong = gate
            .admit(&request(Some("Bearer wrong")), peer, UNPAID)
            .await;
        assert_eq!((wrong, waited()), (Err(Refusal::WrongToken), 300));
        let right = gate
            .admit(&request(Some("Bearer 0123456789abcdef")), peer, UNPAID)
            .await;
        assert_eq!((right, waited()), (Ok(Grant::Read), 300));
    }

    #[zokio::test(start_paused = true)]
    async fn many_wrong_tokens_at_once_are_refused_unseen_until_their_answers_are_out() {
        let gate = gate(tokens());
        let (peer, other) = (
            Peer::of_ip("10.0.0.1".parse().unwrap()),
            Peer::of_ip("10.0.0.2".parse().unwrap()),
        );
        let (wrong, right) = (
            request(Some("Bearer wrong")),
            request(Some("Bearer 0123456789abcdef")),
        );
        let mut guesses: Vec<_> = (0..peers::MAX_WAITING)
            .map(|_| Box::pin(gate.admit(&wrong, peer, UNPAID)))
            .collect();
        for guess in &mut guesses {
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(guess.as_mut().poll(cx)));
            assert!(polled.await.is_pending());
        }
        let refused = gate.admit(&right, peer, UNPAID).await;
        assert_eq!(refused, Err(Refusal::TooManyWrongTokens));
        assert_eq!(gate.admit(&right, other, UNPAID).await, Ok(Grant::Read));
        // One who leaves waits no longer.
        guesses.pop();
        assert_eq!(gate.admit(&right, peer, UNPAID).await, Ok(Grant::Read));
    }

    #[zokio::test(start_paused = true)]
    async fn requests_beyond_the_burst_are_refused_until_some_time_has_passed() {
        let gate = gate(Tokens::default());
        for _ in 0..peers::REQUESTS.burst {
            assert!(
                gate.admit(&request(None), Peer::UnixSocket, UNPAID)
                    .await
                    .is_ok()
            );
        }
        let refused = gate.admit(&request(None), Peer::UnixSocket, UNPAID).await;
        assert_eq!(refused, Err(Refusal::TooManyRequests));
        zokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(
            gate.admit(&request(None), Peer::UnixSocket, UNPAID)
                .await
                .is_ok()
        );
    }
}
