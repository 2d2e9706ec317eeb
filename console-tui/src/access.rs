//! How the console gets in: the certificates and the token that it shows, and whom it trusts.
//!
//! A token comes from a file or the environment, never from an argument, which other users of the
//! machine can read. It is not sent where it could be overheard. There is no switch to trust any
//! certificate: who wants to can trust the server's own with `--tls-ca`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use tonic::codegen::http::HeaderValue;

use crate::connection::Destination;
use crate::connection::tls::Client;
use crate::error::ConsoleError;
use crate::target::Target;

/// Where a token may be, if not in a file.
const TOKEN: &str = "ZOKIO_CONSOLE_TOKEN";

/// Arguments of every command that connects.
#[derive(Debug, Default, Args)]
pub(crate) struct AccessArgs {
    /// PEM file of the authority that has certified an https:// server, or of the server's own
    /// certificate.
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,

    /// PEM file of the certificate to show to a server that asks for one.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// PEM file of its private key.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// File with the server's token. Without it, the token is taken from ZOKIO_CONSOLE_TOKEN.
    /// It is shown to every program that is named: name together only those that may know it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// What it takes to get in, read and checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    pub(crate) tls: Option<Client>,
    /// The value of the header `authorization`; marked as sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

impl AccessArgs {
    /// Where to connect to, and how to get in there by what the arguments and the environment say.
    pub(crate) fn destination(&self, target: Target) -> Result<Destination, ConsoleError> {
        let access = self.read_with(&target, std::env::var_os(TOKEN))?;
        Ok(Destination { target, access })
    }

    fn read_with(
        &self,
        target: &Target,
        variable: Option<OsString>,
    ) -> Result<Access, ConsoleError> {
        Ok(Access {
            tls: self.tls(target)?,
            authorization: self.authorization(target, variable)?,
        })
    }

    fn tls(&self, target: &Target) -> Result<Option<Client>, ConsoleError> {
        let Target::Tls { .. } = target else {
            if self.tls_ca.is_some() || self.tls_cert.is_some() || self.tls_key.is_some() {
                return Err(ConsoleError::Access(format!(
                    "--tls-ca and --tls-cert are for https://, and {target} is not: write https:// \
                     or leave them out"
                )));
            }
            return Ok(None);
        };
        let Some(authority) = &self.tls_ca else {
            return Err(ConsoleError::Access(format!(
                "{target} is to be trusted by its certificate: name the authority that has certified \
                 it, or its own certificate, with --tls-ca FILE"
            )));
        };
        let own = match (self.tls_cert.as_deref(), self.tls_key.as_deref()) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                return Err(ConsoleError::Access(
                    "a certificate is shown with its key: give both --tls-cert FILE and \
                     --tls-key FILE"
                        .to_owned(),
                ));
            }
        };
        Client::new(target, authority, own).map(Some)
    }

    fn authorization(
        &self,
        target: &Target,
        variable: Option<OsString>,
    ) -> Result<Option<HeaderValue>, ConsoleError> {
        let (token, from) = match (&self.token_file, variable) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path).map_err(|source| ConsoleError::File {
                    what: "the token",
                    path: path.clone(),
                    source,
                })?;
                (text, path.display().to_string())
            }
            (None, Some(value)) if !value.is_empty() => {
                (value.to_string_lossy().into_owned(), TOKEN.to_owned())
            }
            (None, _) => return Ok(None),
        };
        if target.can_be_overheard() {
            return Err(ConsoleError::Access(format!(
                "the token would go to {target} in the clear: use https://, or forward the port with \
                 ssh -L and connect to 127.0.0.1"
            )));
        }
        let token = token.trim();
        let is_token = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        let header = HeaderValue::try_from(format!("Bearer {token}")).ok();
        // The text is not shown: it may be a secret.
        let Some(mut header) = header.filter(|_| is_token) else {
            return Err(ConsoleError::Access(format!(
                "there is no token in {from}: it has to hold visible ASCII characters, and nothing \
                 else"
            )));
        };
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        arguments: &AccessArgs,
        target: &str,
        variable: Option<&str>,
    ) -> Result<Access, String> {
        arguments
            .read_with(&target.parse().unwrap(), variable.map(Into::into))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn without_arguments_nothing_is_shown() {
        let access = read(&AccessArgs::default(), "http://10.0.0.1", None).unwrap();
        assert!(access.tls.is_none() && access.authorization.is_none());
    }

    #[test]
    fn the_file_of_a_token_goes_before_the_variable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "from-the-file\n").unwrap();
        let mut arguments = AccessArgs::default();
        let access = read(&arguments, "localhost", Some("from-the-variable")).unwrap();
        assert_eq!(access.authorization.unwrap(), "Bearer from-the-variable");
        arguments.token_file = Some(file.path().into());
        let access = read(&arguments, "localhost", Some("from-the-variable")).unwrap();
        assert_eq!(
            access.authorization.as_ref().unwrap(),
            "Bearer from-the-file"
        );
        assert!(!format!("{access:?}").contains("from-the-file"));
    }

    #[test]
    fn a_token_is_not_sent_in_the_clear_to_other_machines() {
        let error = read(&AccessArgs::default(), "http://10.0.0.1", Some("secret")).unwrap_err();
        assert!(
            error.contains("in the clear") && error.contains("ssh -L"),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_token_is_not_shown() {
        let error = read(&AccessArgs::default(), "localhost", Some("two words")).unwrap_err();
        assert!(error.contains("no token in ZOKIO_CONSOLE_TOKEN"), "{error}");
        assert!(!error.contains("words"), "{error}");
        let arguments = AccessArgs {
            token_file: Some("/nonexistent/token".into()),
            ..AccessArgs::default()
        };
        let error = read(&arguments, "localhost", None).unwrap_err();
        assert!(error.contains("/nonexistent/token"), "{error}");
    }

    #[test]
    fn tls_needs_somebody_to_trust_and_is_for_https() {
        let error = read(&AccessArgs::default(), "https://host", None).unwrap_err();
        assert!(error.contains("--tls-ca FILE"), "{error}");
        let arguments = AccessArgs {
            tls_ca: Some("/x".into()),
            ..AccessArgs::default()
        };
        let error = read(&arguments, "http://host", None).unwrap_err();
        assert!(error.contains("write https://"), "{error}");
    }
}
