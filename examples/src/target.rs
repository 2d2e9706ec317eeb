//! The target of a load generator: which URL, and whether it may be hit.

use std::net::SocketAddr;

use hyper::Uri;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port, 80 if the URL gives none.
    pub port: u16,
    /// What the `Host` header says.
    pub authority: String,
    /// Path and query of every request.
    pub path: String,
}

/// Why a target cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL with scheme and host.
    #[error("`{0}` is not a URL; write one like http://127.0.0.1:8080/")]
    NotAUrl(String),
    /// A scheme that this program does not speak.
    #[error("`{0}` cannot be loaded: only http:// is spoken here, without TLS")]
    Scheme(String),
    /// A path that cannot stand in a request.
    #[error("`{0}` is not a path; write one that begins with `/`, percent-encoded where needed")]
    Path(String),
    /// A name without addresses.
    #[error("`{0}` has no address")]
    NoAddress(String),
    /// An address of another machine, without `--allow-remote`.
    #[error(
        "{0} is not on this machine. Load is aimed at loopback only, so that nobody is hit by \
         mistake; with the consent of those who run the target, add --allow-remote"
    )]
    Remote(SocketAddr),
}

impl Target {
    /// Reads `url`; `path`, if given, replaces its path and query.
    ///
    /// # Errors
    ///
    /// When `url` is no `http://` URL or `path` no path.
    pub fn parse(url: &str, path: Option<&str>) -> Result<Target, TargetError> {
        let uri: Uri = url
            .parse()
            .map_err(|_| TargetError::NotAUrl(url.to_owned()))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(TargetError::NotAUrl(url.to_owned()));
        };
        if scheme != "http" {
            return Err(TargetError::Scheme(url.to_owned()));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let path = match path {
            Some(path) => checked_path(path)?,
            None => uri.path_and_query().map_or("/", |p| p.as_str()).to_owned(),
        };
        Ok(Target {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(80),
            // Without a user and password, which do not belong into `Host`.
            authority: authority
                .as_str()
                .rsplit('@')
                .next()
                .unwrap_or_default()
                .to_owned(),
            path,
        })
    }

    /// Picks the address to connect to from those that the host's name stands for.
    ///
    /// # Errors
    ///
    /// When there is none, or, without `allow_remote`, when one of them is not a loopback address.
    pub fn choose(
        &self,
        addresses: impl IntoIterator<Item = SocketAddr>,
        allow_remote: bool,
    ) -> Result<SocketAddr, TargetError> {
        let addresses: Vec<SocketAddr> = addresses.into_iter().collect();
        let remote = addresses
            .iter()
            .find(|a| !a.ip().to_canonical().is_loopback());
        if let (Some(remote), false) = (remote, allow_remote) {
            return Err(TargetError::Remote(*remote));
        }
        addresses
            .first()
            .copied()
            .ok_or_else(|| TargetError::NoAddress(self.host.clone()))
    }
}

fn checked_path(path: &str) -> Result<String, TargetError> {
    let valid = path.starts_with('/')
        && path
            .parse::<Uri>()
            .is_ok_and(|uri| uri.authority().is_none());
    if valid {
        Ok(path.to_owned())
    } else {
        Err(TargetError::Path(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(url, None).unwrap()
    }

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|a| a.parse().unwrap()).collect()
    }

    #[test]
    fn the_parts_of_a_url_are_found() {
        let found = target("http://127.0.0.1:8080/slow?x=1");
        assert_eq!((found.host.as_str(), found.port), ("127.0.0.1", 8080));
        assert_eq!(
            (found.authority.as_str(), found.path.as_str()),
            ("127.0.0.1:8080", "/slow?x=1")
        );

        let found = target("http://localhost");
        assert_eq!(
            (found.host.as_str(), found.port, found.path.as_str()),
            ("localhost", 80, "/")
        );

        let found = target("http://[::1]:81/");
        assert_eq!((found.host.as_str(), found.port), ("::1", 81));
        assert_eq!(found.authority, "[::1]:81");

        assert_eq!(
            target("http://me:secret@localhost:1/").authority,
            "localhost:1"
        );
    }

    #[test]
    fn a_path_replaces_that_of_the_url() {
        let found = Target::parse("http://localhost/a", Some("/spawn?n=3")).unwrap();
        assert_eq!(found.path, "/spawn?n=3");
        for path in ["slow", "", "/a b", "http://localhost/x"] {
            let error = Target::parse("http://localhost/a", Some(path)).unwrap_err();
            assert_eq!(error, TargetError::Path(path.to_owned()));
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for url in ["", "127.0.0.1:8080", "/path", "http://", "http//x"] {
            assert_eq!(
                Target::parse(url, None),
                Err(TargetError::NotAUrl(url.to_owned())),
                "{url}"
            );
        }
        let url = "https://localhost/";
        assert_eq!(
            Target::parse(url, None),
            Err(TargetError::Scheme(url.to_owned()))
        );
    }

    #[test]
    fn loopback_is_always_allowed() {
        for address in [
            "127.0.0.1:80",
            "127.9.9.9:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
        ] {
            let list = addresses(&[address]);
            assert_eq!(
                target("http://localhost").choose(list.clone(), false),
                Ok(list[0])
            );
        }
    }

    #[test]
    fn another_machine_needs_consent_even_as_one_address_of_several() {
        let list = addresses(&["127.0.0.1:80", "192.0.2.1:80"]);
        let target = target("http://example.test");
        assert_eq!(
            target.choose(list.clone(), false),
            Err(TargetError::Remote(list[1]))
        );
        assert_eq!(target.choose(list.clone(), true), Ok(list[0]));
        let any = addresses(&["0.0.0.0:80"]);
        assert_eq!(
            target.choose(any.clone(), false),
            Err(TargetError::Remote(any[0]))
        );
    }

    #[test]
    fn a_name_without_addresses_is_an_error() {
        let error = target("http://localhost").choose([], true).unwrap_err();
        assert_eq!(error.to_string(), "`localhost` has no address");
    }
}
