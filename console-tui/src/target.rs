//! Where the server is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// The port used where a target names none.
const DEFAULT_PORT: u16 = 6669;

/// The target used where none is given.
pub(crate) const DEFAULT: &str = "http://127.0.0.1:6669";

/// [`DEFAULT`], read.
pub(crate) fn default() -> Target {
    Target::Tcp {
        host: "127.0.0.1".into(),
        port: DEFAULT_PORT,
    }
}

/// Address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Host (a name, an IPv4 address, or an IPv6 address without brackets) and port.
    Tcp { host: String, port: u16 },
    /// The same, speaking TLS.
    Tls { host: String, port: u16 },
    /// Path of a Unix socket.
    Unix(PathBuf),
}

/// A text that is no target, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}; write http://HOST:PORT or unix:/PATH, or https:// for TLS")]
pub(crate) struct BadTarget {
    why: &'static str,
}

fn bad<T>(why: &'static str) -> Result<T, BadTarget> {
    Err(BadTarget { why })
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Target, BadTarget> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => bad("the path of the socket is missing"),
                path if path.contains('\0') => bad("a path cannot hold a NUL"),
                path => Ok(Target::Unix(path.into())),
            };
        }
        let (is_tls, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return bad("it has an unknown scheme"),
            None => (false, text),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(authority)?;
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() {
            return bad("the host is missing");
        }
        if !host.chars().all(valid) {
            return bad("the host has characters that no host has");
        }
        let host = host.to_owned();
        Ok(if is_tls {
            Target::Tls { host, port }
        } else {
            Target::Tcp { host, port }
        })
    }
}

fn split_port(authority: &str) -> Result<(&str, u16), BadTarget> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, after)) => match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return bad("something other than a port follows the ]"),
            },
            None => return bad("the ] of the IPv6 address is missing"),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => return bad("an IPv6 address needs [ and ]"),
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    match port {
        None => Ok((host, DEFAULT_PORT)),
        Some(text) => match text.parse() {
            Ok(0) | Err(_) => bad("the port is not a number from 1 to 65535"),
            Ok(port) => Ok((host, port)),
        },
    }
}

impl Target {
    /// The origin that requests carry. A Unix socket has none of its own.
    pub(crate) fn origin(&self) -> String {
        match self {
            Target::Tcp { .. } | Target::Tls { .. } => self.to_string(),
            Target::Unix(_) => "http://localhost".into(),
        }
    }

    /// Whether what is sent there can be overheard: it leaves this machine in the clear. A name
    /// counts as another machine, except `localhost`.
    pub(crate) fn can_be_overheard(&self) -> bool {
        match self {
            Target::Tcp { host, .. } => {
                !host.eq_ignore_ascii_case("localhost")
                    && !host
                        .parse::<IpAddr>()
                        .is_ok_and(|ip| ip.to_canonical().is_loopback())
            }
            Target::Tls { .. } | Target::Unix(_) => false,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tcp = |scheme, host: &str, port| match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        };
        match self {
            Target::Tcp { host, port } => tcp("http", host, port),
            Target::Tls { host, port } => tcp("https", host, port),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_and_written_alike() {
        let same = [
            "http://127.0.0.1:6669",
            "http://[::1]:7000",
            "http://host.example:1",
            "https://host.example:6669",
            "https://[::1]:6669",
            "unix:/run/app.sock",
        ];
        for text in same {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        let shown = |text: &str| text.parse::<Target>().unwrap().to_string();
        assert_eq!(shown("localhost"), "http://localhost:6669");
        assert_eq!(shown("http://10.0.0.7:80/"), "http://10.0.0.7:80");
        assert_eq!(shown("unix:///run/app.sock"), "unix:/run/app.sock");
        assert_eq!(shown("http://[::1]"), "http://[::1]:6669");
    }

    #[test]
    fn only_what_leaves_this_machine_in_the_clear_can_be_overheard() {
        let can = |text: &str| text.parse::<Target>().unwrap().can_be_overheard();
        for private in [
            "https://host.example",
            "unix:/x",
            "http://127.3.2.1",
            "http://[::1]",
            "LocalHost",
        ] {
            assert!(!can(private), "{private}");
        }
        for open in ["http://10.0.0.7", "http://localhost.example", "host"] {
            assert!(can(open), "{open}");
        }
    }

    #[test]
    fn malformed_targets_say_what_is_wrong() {
        let cases = [
            ("", "the host is missing"),
            ("http://", "the host is missing"),
            ("http://:80", "the host is missing"),
            ("https://", "the host is missing"),
            ("ftp://host", "it has an unknown scheme"),
            ("http://host:0", "the port is not a number from 1 to 65535"),
            (
                "http://host:99999",
                "the port is not a number from 1 to 65535",
            ),
            (
                "http://host:6669/path",
                "the port is not a number from 1 to 65535",
            ),
            (
                "http://host/path",
                "the host has characters that no host has",
            ),
            ("http://a b", "the host has characters that no host has"),
            ("http://::1", "an IPv6 address needs [ and ]"),
            ("http://[::1", "the ] of the IPv6 address is missing"),
            ("http://[::1]x", "something other than a port follows the ]"),
            ("unix:", "the path of the socket is missing"),
        ];
        for (text, why) in cases {
            assert_eq!(text.parse::<Target>(), bad(why), "{text}");
        }
    }
}
