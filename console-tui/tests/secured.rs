//! The binary against a real server that is secured: what gets in, and what the others are told.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection};
use zokio::runtime::Runtime;
use zokio_instrumentation::{Builder, Guard, Tls, builder};

const TOKEN: &str = "read-token-0123456789abcdef";

fn file(name: &str) -> String {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../instrumentation/tests/certificates",
        name,
    ]
    .iter()
    .collect();
    path.to_str().expect("text").to_owned()
}

fn runtime() -> Runtime {
    zokio::runtime::Builder::new_multi_thread()
        .name("secured")
        .enable_all()
        .build()
        .expect("a runtime")
}

fn server(runtime: &Runtime) -> Builder {
    builder().bind("127.0.0.1:0").attach(runtime.handle())
}

fn tls(certificate: &str) -> Tls {
    Tls::from_pem_files(file(certificate), file("server.key")).expect("a certificate")
}

fn snapshot(target: &str, arguments: &[&str], token: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zokio-console"));
    command
        .args(["snapshot", target])
        .args(arguments)
        .env_remove("ZOKIO_CONSOLE_TOKEN")
        .stdin(Stdio::null());
    if let Some(token) = token {
        command.env("ZOKIO_CONSOLE_TOKEN", token);
    }
    command.output().expect("the binary runs")
}

fn succeeds(guard: &Guard, arguments: &[&str], token: Option<&str>) {
    let output = snapshot(&guard.addr().to_string(), arguments, token);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("secured"), "{stdout}");
}

/// Fails as documented: one line on stderr, exit code 2.
fn fails(target: &str, arguments: &[&str], token: Option<&str>) -> String {
    let output = snapshot(target, arguments, token);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

fn assert_says(stderr: &str, texts: &[&str]) {
    for text in texts {
        assert!(stderr.contains(text), "no {text:?} in: {stderr}");
    }
}

#[test]
fn a_certificate_by_the_named_authority_is_trusted() {
    let runtime = runtime();
    let guard = server(&runtime).tls(tls("server.pem")).start().unwrap();
    succeeds(&guard, &["--tls-ca", &file("ca.pem")], None);
    // By its name as well as by its address.
    let port = guard.addr().socket_addr().unwrap().port();
    let target = format!("https://localhost:{port}");
    let output = snapshot(&target, &["--json", "--tls-ca", &file("ca.pem")], None);
    assert!(output.status.success());
}

#[test]
fn a_certificate_by_somebody_else_is_not() {
    let runtime = runtime();
    let guard = server(&runtime).tls(tls("server.pem")).start().unwrap();
    let target = guard.addr().to_string();
    let stderr = fails(&target, &["--tls-ca", &file("other-ca.pem")], None);
    assert_says(&stderr, &[&target, "is not trusted", "--tls-ca FILE"]);
}

#[test]
fn a_certificate_for_another_name_is_not() {
    let runtime = runtime();
    let guard = server(&runtime).tls(tls("elsewhere.pem")).start().unwrap();
    let target = guard.addr().to_string();
    let stderr = fails(&target, &["--tls-ca", &file("ca.pem")], None);
    assert_says(&stderr, &["is for another name", "write the target with"]);
}

#[test]
fn a_certificate_of_an_authority_is_told_apart() {
    let runtime = runtime();
    let guard = server(&runtime).tls(tls("self-signed-ca.pem")).start();
    let guard = guard.unwrap();
    let target = guard.addr().to_string();
    let stderr = fails(&target, &["--tls-ca", &file("self-signed-ca.pem")], None);
    assert_says(
        &stderr,
        &["that of an authority", "basicConstraints=CA:FALSE"],
    );
}

#[test]
fn https_without_an_authority_says_what_is_missing() {
    let stderr = fails("https://localhost:1", &[], None);
    assert_says(&stderr, &["--tls-ca FILE"]);
}

#[test]
fn a_file_that_is_no_authority_is_named() {
    let stderr = fails("https://localhost:1", &["--tls-ca", "/nonexistent"], None);
    assert_says(&stderr, &["cannot read a certificate from /nonexistent"]);
    let key = file("server.key");
    let stderr = fails("https://localhost:1", &["--tls-ca", &key], None);
    assert_says(&stderr, &["there is no certificate in", &key]);
}

#[test]
fn http_to_a_tls_server_says_to_write_https() {
    let runtime = runtime();
    let guard = server(&runtime).tls(tls("server.pem")).start().unwrap();
    let target = guard.addr().to_string().replace("https", "http");
    let stderr = fails(&target, &[], None);
    assert_says(&stderr, &["speaks TLS only", "https://"]);
}

#[test]
fn https_to_a_plain_server_says_to_write_http() {
    let runtime = runtime();
    let guard = server(&runtime).start().unwrap();
    let target = guard.addr().to_string().replace("http", "https");
    let stderr = fails(&target, &["--tls-ca", &file("ca.pem")], None);
    assert_says(&stderr, &["does not speak TLS", "write http://"]);
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_one() {
    let runtime = runtime();
    let server = server(&runtime).tls(tls("server.pem"));
    let guard = server
        .require_client_certificates(file("ca.pem"))
        .start()
        .unwrap();
    let (ca, target) = (file("ca.pem"), guard.addr().to_string());
    let own = |name: &str| (file(&format!("{name}.pem")), file(&format!("{name}.key")));
    let (certificate, key) = own("client");
    let with = |certificate, key| ["--tls-ca", &ca, "--tls-cert", certificate, "--tls-key", key];
    succeeds(&guard, &with(&certificate, &key), None);

    let stderr = fails(&target, &["--tls-ca", &ca], None);
    assert_says(&stderr, &["asks for a certificate", "--tls-cert FILE"]);
    let (certificate, key) = own("stranger");
    let stderr = fails(&target, &with(&certificate, &key), None);
    assert_says(&stderr, &["does not accept the console's certificate"]);
    let stderr = fails(&target, &with(&certificate, &file("client.key")), None);
    assert_says(&stderr, &["do not fit"]);
    let stderr = fails(
        &target,
        &["--tls-ca", &ca, "--tls-cert", &certificate],
        None,
    );
    assert_says(&stderr, &["--tls-key"]);
}

/// A server that asks for a certificate, and hangs up on a client that has none it likes without
/// the alert that would say so.
fn curt_server(listener: TcpListener) {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(file("ca.pem")).expect("a certificate");
    roots.add(authority).expect("an authority");
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let chain = CertificateDer::pem_file_iter(file("server.pem")).expect("a file");
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3")
        .with_client_cert_verifier(verifier.build().expect("a verifier"))
        .with_single_cert(
            chain.collect::<Result<_, _>>().expect("certificates"),
            PrivateKeyDer::from_pem_file(file("server.key")).expect("a key"),
        )
        .expect("a pair");
    let (mut stream, _) = listener.accept().expect("a client");
    let mut tls = ServerConnection::new(Arc::new(config)).expect("a connection");
    loop {
        while tls.wants_write() {
            tls.write_tls(&mut stream).expect("written");
        }
        match tls.read_tls(&mut stream) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{error}"),
        }
        if tls.process_new_packets().is_err() {
            return;
        }
    }
}

#[test]
fn a_server_that_hangs_up_on_a_missing_certificate_is_understood() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("https://{}", listener.local_addr().unwrap());
    let stderr = std::thread::scope(|scope| {
        scope.spawn(|| curt_server(listener));
        fails(&target, &["--tls-ca", &file("ca.pem")], None)
    });
    assert_says(&stderr, &["asks for a certificate", "--tls-cert FILE"]);
}

#[test]
fn a_token_is_taken_from_the_environment_or_a_file() {
    let runtime = runtime();
    let guard = server(&runtime).token(TOKEN).start().unwrap();
    succeeds(&guard, &[], Some(TOKEN));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let path = Path::to_str(&path).unwrap();
    // The file goes before the variable.
    succeeds(&guard, &["--token-file", path], Some("wrong-0123456789"));
}

#[test]
fn a_token_that_is_wrong_or_missing_says_where_to_put_it() {
    let runtime = runtime();
    let guard = server(&runtime).token(TOKEN).start().unwrap();
    let target = guard.addr().to_string();
    for (token, why) in [
        (None, "a token is needed"),
        (Some("wrong-0123456789"), "the token is wrong"),
    ] {
        let stderr = fails(&target, &[], token);
        assert_says(&stderr, &[why, "--token-file FILE", "ZOKIO_CONSOLE_TOKEN"]);
        assert!(!stderr.contains("0123456789"), "{stderr}");
    }
}

#[test]
fn a_token_goes_over_tls_too() {
    let runtime = runtime();
    let server = server(&runtime).bind("0.0.0.0:0").tls(tls("server.pem"));
    let guard = server.token(TOKEN).start().unwrap();
    let port = guard.addr().socket_addr().unwrap().port();
    let target = format!("https://127.0.0.1:{port}");
    let output = snapshot(&target, &["--tls-ca", &file("ca.pem")], Some(TOKEN));
    assert!(output.status.success());
}

#[test]
fn a_token_is_never_an_argument_and_a_certificate_never_unchecked() {
    for argument in ["--token=secret", "--insecure-skip-verify"] {
        let stderr = fails("https://localhost:1", &[argument], None);
        assert_says(&stderr, &["unexpected argument"]);
    }
}

#[test]
fn a_token_does_not_leave_this_machine_in_the_clear() {
    let stderr = fails("http://192.0.2.1:1", &[], Some(TOKEN));
    assert_says(&stderr, &["in the clear", "https://", "ssh -L"]);
}

#[test]
fn recorders_are_read_with_the_control_token_only() {
    const CONTROL: &str = "control-token-0123456789abcdef";
    let runtime = runtime();
    let guard = server(&runtime)
        .token(TOKEN)
        .control_token(CONTROL)
        .start()
        .unwrap();
    let trace = |token| {
        Command::new(env!("CARGO_BIN_EXE_zokio-console"))
            .args(["trace", &guard.addr().to_string(), "-o", "-"])
            .env("ZOKIO_CONSOLE_TOKEN", token)
            .stdin(Stdio::null())
            .output()
            .expect("the binary runs")
    };
    let refused = trace(TOKEN);
    assert_eq!(refused.status.code(), Some(2));
    let stderr = String::from_utf8(refused.stderr).expect("text");
    assert_says(&stderr, &["refuses", "show the control token"]);
    assert!(refused.stdout.is_empty());
    let read = trace(CONTROL);
    assert!(read.status.success());
    assert!(read.stdout.starts_with(b"{\"displayTimeUnit\""));
}
