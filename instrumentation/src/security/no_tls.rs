//! The twin without the feature `tls`: a server that is to speak TLS cannot be set up.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use crate::error::{Error, Kind};

/// A server's certificate and key. This build has no TLS (the feature `tls` of
/// zokio-instrumentation), so there are none.
#[derive(Debug, Clone)]
pub struct Tls(Infallible);

impl Tls {
    /// Says that there is no TLS.
    ///
    /// # Errors
    ///
    /// Always: this crate was built without its feature `tls`.
    pub fn from_pem_files(_: impl AsRef<Path>, _: impl AsRef<Path>) -> Result<Tls, Error> {
        Err(
            Kind::Tls("zokio-instrumentation was built without its feature `tls`".to_owned())
                .into(),
        )
    }

    pub(crate) fn acceptor(&self, _: Option<&Path>) -> Result<Acceptor, Error> {
        match self.0 {}
    }
}

/// There are none.
#[derive(Clone)]
pub(crate) struct Acceptor(Infallible);

impl Acceptor {
    pub(crate) async fn accept<S>(&self, _: S) -> io::Result<S> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_for_tls_where_there_is_none_is_an_error() {
        let error = Tls::from_pem_files("/c", "/k").unwrap_err();
        assert!(error.is_tls());
        assert!(error.to_string().contains("its feature `tls`"), "{error}");
    }
}
