//! Where the server listens: parsing what users write, and the rule that only this machine may
//! come in.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::error::Error;

/// Where the server listens if nothing else is said.
pub const DEFAULT_BIND: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6669);

const EXPECTED: &str = "an IP address and port such as 127.0.0.1:6669, or unix:/path/to/socket";

/// Where a server listens.
///
/// Its text is what `zokio-console connect` takes: `http://127.0.0.1:6669`, `https://10.0.0.7:6669`
/// or `unix:/run/app.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// A TCP socket that speaks TLS.
    Tls(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// The TCP socket's address, if it is one.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(addr) | Address::Tls(addr) => Some(*addr),
            Address::Unix(_) => None,
        }
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Address::Tcp(addr) | Address::Tls(addr) => addr.ip().to_canonical().is_loopback(),
            Address::Unix(_) => true,
        }
    }

    /// Reads `IP:PORT`, `localhost:PORT`, either after `http://` or `https://`, or `unix:PATH`.
    /// `name` is what the error calls it.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Address, Error> {
        let trimmed = text.trim();
        if let Some(path) = trimmed.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains('\0') {
                return Err(Error::setting(name, text, EXPECTED));
            }
            return Ok(Address::Unix(path.into()));
        }
        let (kind, socket): (fn(SocketAddr) -> Address, _) = match trimmed.strip_prefix("https://")
        {
            Some(socket) => (Address::Tls, socket),
            None => (
                Address::Tcp,
                trimmed.strip_prefix("http://").unwrap_or(trimmed),
            ),
        };
        let socket = socket.strip_suffix('/').unwrap_or(socket);
        let parsed = match socket.strip_prefix("localhost:") {
            Some(port) => port
                .parse()
                .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
                .ok(),
            None => socket.parse().ok(),
        };
        parsed
            .map(kind)
            .ok_or_else(|| Error::setting(name, text, EXPECTED))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(addr) => write!(f, "http://{addr}"),
            Address::Tls(addr) => write!(f, "https://{addr}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What [`Builder::bind`](crate::Builder::bind) takes: text, read when the server starts, or a
/// socket address.
#[derive(Debug, Clone)]
pub struct BindTo(To);

#[derive(Debug, Clone)]
enum To {
    Text(String),
    Address(Address),
}

impl BindTo {
    pub(crate) fn unix(path: PathBuf) -> BindTo {
        BindTo(To::Address(Address::Unix(path)))
    }

    pub(crate) fn resolve(self) -> Result<Address, Error> {
        match self.0 {
            To::Text(text) => Address::parse("the address to bind to", &text),
            To::Address(address) => Ok(address),
        }
    }
}

impl From<&str> for BindTo {
    fn from(text: &str) -> BindTo {
        BindTo(To::Text(text.to_owned()))
    }
}

impl From<String> for BindTo {
    fn from(text: String) -> BindTo {
        BindTo(To::Text(text))
    }
}

impl From<SocketAddr> for BindTo {
    fn from(addr: SocketAddr) -> BindTo {
        BindTo(To::Address(Address::Tcp(addr)))
    }
}

impl From<Address> for BindTo {
    fn from(address: Address) -> BindTo {
        BindTo(To::Address(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, String> {
        Address::parse("ZOKIO_CONSOLE_BIND", text).map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let tcp = Ok(Address::Tcp(DEFAULT_BIND));
        assert_eq!(parse("127.0.0.1:6669"), tcp);
        assert_eq!(parse(" localhost:6669 "), tcp);
        assert_eq!(parse("http://127.0.0.1:6669/"), tcp);
        assert_eq!(
            parse("[::1]:1"),
            Ok(Address::Tcp("[::1]:1".parse().unwrap()))
        );
        assert_eq!(
            parse("unix:/run/a.sock"),
            Ok(Address::Unix("/run/a.sock".into()))
        );
        assert_eq!(
            parse("unix:///run/a.sock"),
            Ok(Address::Unix("/run/a.sock".into()))
        );
    }

    #[test]
    fn what_cannot_be_read_is_quoted_with_what_was_expected() {
        for text in [
            "",
            "6669",
            "localhost",
            "example.com:80",
            "127.0.0.1:99999",
            "unix:",
            "https://x",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(&format!("{text:?}")), "{error}");
            assert!(error.starts_with("ZOKIO_CONSOLE_BIND is "), "{error}");
            assert!(error.contains("127.0.0.1:6669"), "{error}");
        }
    }

    #[test]
    fn only_loopback_and_unix_sockets_are_local() {
        for local in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
            "unix:/x",
        ] {
            assert!(parse(local).unwrap().is_local(), "{local}");
        }
        for open in [
            "0.0.0.0:1",
            "[::]:1",
            "192.168.1.4:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            assert!(!parse(open).unwrap().is_local(), "{open}");
        }
    }

    #[test]
    fn the_text_of_an_address_is_read_back() {
        for text in [
            "http://127.0.0.1:6669",
            "https://[::1]:6669",
            "unix:/run/a.sock",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
    }
}
