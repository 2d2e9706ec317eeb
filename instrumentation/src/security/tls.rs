//! TLS 1.3 by rustls, with certificates from PEM files.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper::rt::{Read, Write};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use zokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zokio::rt::HyperIo;

use crate::error::{Error, Kind};

/// As much is read of a client that is refused before the connection is closed: what a client says
/// before it hears of it, with room to spare. Bytes.
const LAST_WORDS: usize = 64 * 1024;

/// A server's certificate and key, for [`Builder::tls`](crate::Builder::tls). Needs the feature
/// `tls`.
///
/// ```no_run
/// # fn main() -> Result<(), zokio_instrumentation::Error> {
/// use zokio_instrumentation::{Tls, builder};
///
/// let guard = builder()
///     .bind("0.0.0.0:6669")
///     .tls(Tls::from_pem_files("/etc/app/tls.crt", "/etc/app/tls.key")?)
///     .token(std::env::var("CONSOLE_TOKEN").unwrap_or_default())
///     .start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tls {
    certificates: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl Tls {
    /// Reads a certificate, followed by those that lead to its authority, and its key (PKCS #8,
    /// PKCS #1 or SEC 1), from PEM files. They are read once: a renewed certificate needs a new
    /// server.
    ///
    /// # Errors
    ///
    /// A file cannot be read or holds no certificate or no key, the key does not belong to the
    /// certificate, or this crate was built without its feature `tls`.
    pub fn from_pem_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Tls, Error> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let pem = read("the private key", key)?;
        let key_der = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|e| problem(format!("there is no private key in {}: {e}", key.display())))?;
        let tls = Tls {
            certificates: certificates("the certificate", certificate)?,
            key: Arc::new(key_der),
        };
        // What does not fit together is to be known here, where the files are.
        tls.config(None)?;
        Ok(tls)
    }

    /// Ready to accept; with an authority, only clients with a certificate by it.
    pub(crate) fn acceptor(&self, client_authority: Option<&Path>) -> Result<Acceptor, Error> {
        Ok(Acceptor(TlsAcceptor::from(Arc::new(
            self.config(client_authority)?,
        ))))
    }

    fn config(&self, client_authority: Option<&Path>) -> Result<ServerConfig, Error> {
        // Named, and not the process's default, which other crates may have set or left unclear.
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(problem)?;
        let builder = match client_authority {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(client_verifier(path, provider)?),
        };
        let mut config = builder
            .with_single_cert(self.certificates.clone(), self.key.clone_key())
            .map_err(|e| problem(format!("the certificate and its key do not fit: {e}")))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn client_verifier(
    authority: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn tokio_rustls::rustls::server::danger::ClientCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("the clients' authority", authority)? {
        roots
            .add(certificate)
            .map_err(|e| problem(format!("{}: {e}", authority.display())))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(problem)
}

fn certificates(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let pem = read(what, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| problem(format!("{} is no PEM: {e}", path.display())))?;
    if found.is_empty() {
        return Err(problem(format!(
            "there is no certificate in {}",
            path.display()
        )));
    }
    Ok(found)
}

fn read(what: &str, path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| {
        Kind::File {
            what: what.to_owned(),
            path: path.to_owned(),
            source,
        }
        .into()
    })
}

fn problem(what: impl fmt::Display) -> Error {
    Kind::Tls(what.to_string()).into()
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Makes TLS of accepted connections.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl Acceptor {
    /// Shakes hands. Takes as long as the client likes.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
    ) -> io::Result<impl Read + Write + Unpin + Send + use<S>>
    where
        S: Read + Write + Unpin + Send,
    {
        let accepted = self.0.accept(HyperIo::new(stream)).into_fallible().await;
        match accepted {
            Ok(stream) => Ok(HyperIo::new(stream)),
            Err((error, stream)) => {
                hang_up(stream).await;
                Err(error)
            }
        }
    }
}

/// Ends a connection whose client has been told by an alert why it is refused. A client speaks
/// before it has read that; were the connection closed with something in it unread, it would be
/// reset, and the alert lost. So what the client says is read until it leaves, up to a bound.
async fn hang_up(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut heard = 0;
    let mut buffer = [0; 1024];
    while heard < LAST_WORDS {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => heard += read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/certificates")
            .join(name)
    }

    fn complaint(certificate: &str, key: &str) -> String {
        let error = Tls::from_pem_files(file(certificate), file(key)).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_certificate_with_its_key_is_fine() {
        let tls = Tls::from_pem_files(file("server.pem"), file("server.key")).unwrap();
        assert!(tls.acceptor(None).is_ok());
        assert!(tls.acceptor(Some(&file("ca.pem"))).is_ok());
        assert_eq!(format!("{tls:?}"), "Tls { .. }");
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let missing = complaint("nowhere.pem", "server.key");
        assert!(missing.contains("nowhere.pem"), "{missing}");
        let missing = complaint("server.pem", "nowhere.key");
        assert!(missing.contains("nowhere.key"), "{missing}");
        let no_key = complaint("server.pem", "server.pem");
        assert!(no_key.contains("no private key in"), "{no_key}");
        let no_certificate = complaint("server.key", "server.key");
        assert!(
            no_certificate.contains("no certificate in"),
            "{no_certificate}"
        );
        let others = complaint("server.pem", "client.key");
        assert!(others.contains("do not fit"), "{others}");
    }

    #[test]
    fn an_authority_that_is_none_is_refused() {
        let tls = Tls::from_pem_files(file("server.pem"), file("server.key")).unwrap();
        let Err(error) = tls.acceptor(Some(&file("server.key"))) else {
            panic!("a key is no authority")
        };
        assert!(error.is_tls());
        assert!(error.to_string().contains("no certificate in"), "{error}");
    }
}
