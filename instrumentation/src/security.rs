//! Who may ask.
//!
//! The server trusts everything that can reach it on this machine, and a browser on this machine
//! can reach it on behalf of any web page. Two checks keep pages out:
//!
//! - a request with an `Origin` was made by a page: refused always;
//! - on a loopback address, a `Host` (HTTP/2: `:authority`) that is not this machine means that a
//!   foreign name was made to point here (DNS rebinding): refused. Unix sockets, which browsers
//!   cannot open, and addresses bound with `insecure_bind`, whose names we cannot know, are not
//!   checked for it.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::request::Parts;

use crate::address::Address;

/// Why a request was refused; the text goes to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Origin,
    Host,
}

impl Refusal {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Refusal::Origin => {
                "requests from web pages (with an Origin header) are refused: this server is for \
                 zokio-console and for scrapers"
            }
            Refusal::Host => {
                "the Host of the request is not this machine: ask for 127.0.0.1, [::1] or \
                 localhost"
            }
        }
    }
}

/// Whether requests need a local host: on a loopback TCP address.
pub(crate) fn needs_local_host(address: &Address) -> bool {
    matches!(address, Address::Tcp(_)) && address.is_local()
}

/// Judges a request.
pub(crate) fn check(request: &Parts, needs_local_host: bool) -> Result<(), Refusal> {
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
        assert!(!needs_local_host(&Address::Unix("/x".into())));
        assert!(!needs_local_host(&Address::Tcp(
            "0.0.0.0:1".parse().unwrap()
        )));
        assert!(needs_local_host(&Address::Tcp("[::1]:1".parse().unwrap())));
    }

    #[test]
    fn web_pages_are_refused_everywhere() {
        let page = [("host", "localhost"), ("origin", "http://localhost:3000")];
        assert_eq!(judge("/metrics", &page, true), Err(Refusal::Origin));
        assert_eq!(judge("/metrics", &page, false), Err(Refusal::Origin));
    }
}
