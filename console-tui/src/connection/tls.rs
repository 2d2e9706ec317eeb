//! TLS 1.3 to the server, by rustls; what goes wrong is told with what to do about it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, ClientConfig, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use zokio::net::TcpStream;
use zokio::rt::HyperIo;

use crate::error::ConsoleError;
use crate::sanitize;
use crate::target::Target;

/// What is wrong, and what to do about it.
type Trouble = (String, &'static str);

/// Whom to trust, and what to show.
#[derive(Clone)]
pub(crate) struct Client {
    connector: TlsConnector,
    server: ServerName<'static>,
    /// The server has asked for a certificate.
    asked: Arc<AtomicBool>,
    has_certificate: bool,
}

/// Shows what `inner` has, and notes that it was asked for.
#[derive(Debug)]
struct Asked {
    inner: Arc<dyn ResolvesClientCert>,
    asked: Arc<AtomicBool>,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.inner.resolve(issuers, schemes)
    }

    fn has_certs(&self) -> bool {
        self.inner.has_certs()
    }
}

impl Client {
    /// Reads the PEM files: the authority to trust, and the console's own certificate and key.
    pub(crate) fn new(
        target: &Target,
        authority: &Path,
        own: Option<(&Path, &Path)>,
    ) -> Result<Client, ConsoleError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(authority)? {
            roots.add(certificate).map_err(|error| {
                ConsoleError::Access(format!(
                    "{} cannot be trusted: {error}",
                    authority.display()
                ))
            })?;
        }
        let wrong = |error: TlsError| ConsoleError::Access(format!("TLS cannot be used: {error}"));
        // Named, and not the process's default.
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(wrong)?
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| {
                    ConsoleError::Access(format!(
                        "the certificate in {} and the key in {} do not fit: {error}",
                        certificate.display(),
                        key.display()
                    ))
                })?,
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let asked = Arc::new(AtomicBool::new(false));
        config.client_auth_cert_resolver = Arc::new(Asked {
            inner: config.client_auth_cert_resolver,
            asked: Arc::clone(&asked),
        });
        let host = match target {
            Target::Tls { host, .. } | Target::Tcp { host, .. } => host.clone(),
            Target::Unix(_) => "localhost".into(),
        };
        let server = ServerName::try_from(host).map_err(|_| {
            ConsoleError::Access(format!(
                "{target} has a host that cannot be in a certificate: give its name or IP address"
            ))
        })?;
        Ok(Client {
            connector: TlsConnector::from(Arc::new(config)),
            server,
            asked,
            has_certificate: own.is_some(),
        })
    }

    /// Shakes hands. The troubles of the stream that follows can be read in the second value: a
    /// server that does not like the console's certificate says so only after the handshake.
    pub(super) async fn connect(
        &self,
        target: &Target,
        stream: TcpStream,
    ) -> Result<(Stream, Troubles), ConsoleError> {
        let connected = self.connector.connect(self.server.clone(), stream).await;
        let stream = connected.map_err(|error| match trouble(&error) {
            Some((what, advice)) => ConsoleError::Tls {
                target: target.to_string(),
                what,
                advice,
            },
            None => ConsoleError::Tls {
                target: target.to_string(),
                what: sanitize::message(&error.to_string()),
                advice: "does the server speak TLS? If not, write http://",
            },
        })?;
        let troubles = Troubles::default();
        let stream = Stream {
            inner: HyperIo::new(stream),
            troubles: troubles.clone(),
            if_cut_off: self.asked.load(Ordering::Relaxed).then(|| {
                if self.has_certificate {
                    certificate_refused()
                } else {
                    certificate_missing()
                }
            }),
        };
        Ok((stream, troubles))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConsoleError> {
    let pem = read("a certificate", path)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .filter_map(Result::ok)
        .collect();
    if found.is_empty() {
        return Err(ConsoleError::Access(format!(
            "there is no certificate in {}: it has to be PEM, -----BEGIN CERTIFICATE-----",
            path.display()
        )));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConsoleError> {
    let pem = read("the private key", path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
        ConsoleError::Access(format!(
            "there is no private key in {}: it has to be PEM, -----BEGIN PRIVATE KEY-----",
            path.display()
        ))
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ConsoleError> {
    std::fs::read(path).map_err(|source| ConsoleError::File {
        what,
        path: path.to_owned(),
        source,
    })
}

/// What the error says for a reader who has not read rustls.
fn trouble(error: &io::Error) -> Option<Trouble> {
    let error = error.get_ref()?.downcast_ref::<TlsError>()?;
    Some(match error {
        TlsError::InvalidCertificate(error) => untrusted(error),
        TlsError::InvalidMessage(_) => (
            "the server does not speak TLS".into(),
            "write http:// instead of https://",
        ),
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => certificate_missing(),
        TlsError::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::DecryptError
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => certificate_refused(),
        TlsError::AlertReceived(AlertDescription::ProtocolVersion)
        | TlsError::PeerIncompatible(_) => (
            sanitize::message(&error.to_string()),
            "the server has to speak TLS 1.3",
        ),
        other => (
            sanitize::message(&other.to_string()),
            "is this the right address?",
        ),
    })
}

fn certificate_missing() -> Trouble {
    (
        "the server asks for a certificate of the console's".into(),
        "give one that its authority has made with --tls-cert FILE and --tls-key FILE",
    )
}

fn certificate_refused() -> Trouble {
    (
        "the server does not accept the console's certificate".into(),
        "give one that the server's authority has made with --tls-cert FILE and --tls-key FILE",
    )
}

fn untrusted(error: &CertificateError) -> Trouble {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "its certificate is for another name".into(),
            "write the target with the name or IP address that the certificate has",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "its certificate has expired".into(),
            "the server needs a new one (or this machine's clock is wrong)",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "its certificate is not valid yet".into(),
            "is this machine's clock right?",
        ),
        // Said by rustls in words of its own only.
        CertificateError::Other(_) if error.to_string().contains("CaUsedAsEndEntity") => (
            "its certificate is that of an authority".into(),
            "the server needs one with basicConstraints=CA:FALSE",
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "its certificate is not trusted".into(),
            "name the authority that has made it with --tls-ca FILE",
        ),
        other => (
            format!("its certificate is not trusted: {other}"),
            "name the authority that has made it with --tls-ca FILE",
        ),
    }
}

/// What has gone wrong on a stream: HTTP/2 on top of it keeps the text of an error at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubles(Arc<Mutex<Option<Trouble>>>);

impl Troubles {
    /// The error to report, if there is one.
    pub(super) fn error(&self, target: &Target) -> Option<ConsoleError> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().map(|(what, advice)| ConsoleError::Tls {
            target: target.to_string(),
            what,
            advice,
        })
    }

    /// Notes an error, or what it means on a stream that was cut off.
    fn note(&self, error: &io::Error, cut_off: Option<&Trouble>) {
        if let Some(trouble) = trouble(error).or_else(|| cut_off.cloned()) {
            let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            noted.get_or_insert(trouble);
        }
    }
}

/// A TLS stream for hyper that notes its troubles.
#[derive(Debug)]
pub(super) struct Stream {
    inner: HyperIo<TlsStream<TcpStream>>,
    troubles: Troubles,
    /// What it means if the stream breaks before the server has said a word: a server that has
    /// judged the console's certificate says why in an alert, which is lost if the connection is
    /// reset while the console still writes. Gone with the first word.
    if_cut_off: Option<Trouble>,
}

impl Stream {
    fn note(&self, error: &io::Error) {
        self.troubles.note(error, self.if_cut_off.as_ref());
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.inner).poll_read(cx, buf));
        match &read {
            Ok(()) => self.if_cut_off = None,
            Err(error) => self.note(error),
        }
        Poll::Ready(read)
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, buf));
        Poll::Ready(written.inspect_err(|error| self.note(error)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = ready!(Pin::new(&mut self.inner).poll_flush(cx));
        Poll::Ready(flushed.inspect_err(|error| self.note(error)))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
