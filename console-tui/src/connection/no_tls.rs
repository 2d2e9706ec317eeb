//! The twin without the feature `tls`: https:// targets are refused.

use std::convert::Infallible;
use std::path::Path;

use zokio::net::TcpStream;

use crate::error::ConsoleError;
use crate::target::Target;

/// There are none.
#[derive(Debug, Clone)]
pub(crate) struct Client(Infallible);

impl Client {
    pub(crate) fn new(
        target: &Target,
        _: &Path,
        _: Option<(&Path, &Path)>,
    ) -> Result<Client, ConsoleError> {
        Err(ConsoleError::Access(format!(
            "{target} speaks TLS, and this zokio-console was built without its feature `tls`"
        )))
    }

    pub(super) async fn connect(
        &self,
        _: &Target,
        _: TcpStream,
    ) -> Result<(TcpStream, Troubles), ConsoleError> {
        match self.0 {}
    }
}

/// There are none.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubles {}

impl Troubles {
    pub(super) fn error(&self, _: &Target) -> Option<ConsoleError> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_without_tls_says_so() {
        let target = "https://localhost".parse().unwrap();
        let error = Client::new(&target, Path::new("/x"), None).unwrap_err();
        assert!(error.to_string().contains("its feature `tls`"), "{error}");
    }
}
