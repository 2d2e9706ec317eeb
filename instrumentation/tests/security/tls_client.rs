//! A client that speaks TLS, trusts the tests' authority, and shows a certificate if told to.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use hyper::rt::{Read, Write};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use zokio::net::TcpStream;
use zokio::rt::HyperIo;

/// One of the files in `tests/certificates`.
pub(crate) fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/certificates", name]
        .iter()
        .collect()
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file(name)).expect("a certificate")
}

fn connector(own: Option<&str>, protocols: &[&str]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")).expect("an authority");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).expect("a key");
            let chain = vec![certificate(&format!("{name}.pem"))];
            config.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// A connection that has shaken hands as a client that shows that certificate, and the protocol
/// that was agreed on. (With TLS 1.3 a server may still refuse the certificate.)
pub(crate) async fn connect(
    addr: SocketAddr,
    own: Option<&str>,
    protocols: &[&str],
) -> io::Result<(impl Read + Write + Unpin + Send + use<>, String)> {
    let stream = TcpStream::connect(addr).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = connector(own, protocols).connect(name, stream).await?;
    let agreed = stream.get_ref().1.alpn_protocol().unwrap_or_default();
    let agreed = String::from_utf8(agreed.to_vec()).expect("text");
    Ok((HyperIo::new(stream), agreed))
}
