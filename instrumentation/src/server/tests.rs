//! Limits of connections, made small and short.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::runtimes::Runtimes;

const SHORT: Duration = Duration::from_millis(20);

fn start(limits: Limits, tls: Option<Acceptor>) -> Server {
    let runtimes = Arc::new(Runtimes::default());
    Server::start(Config {
        bind: Address::Tcp("127.0.0.1:0".parse().unwrap()),
        tls,
        tokens: Tokens::default(),
        limits,
        sampler: Arc::new(Sampler::new(runtimes, Arc::default())),
        publish_interval: Duration::from_millis(100),
        diagnosis_interval: Duration::from_secs(1),
        thresholds: Thresholds::default(),
        flight: None,
        flight_on_sigusr1: false,
        serve_prometheus: true,
        publish_to_facade: false,
        max_spawn_site_labels: 10,
        observe_self: false,
    })
    .unwrap()
}

fn short() -> Limits {
    Limits {
        settle_within: SHORT,
        ..Limits::default()
    }
}

fn addr(server: &Server) -> SocketAddr {
    server.address().socket_addr().unwrap()
}

/// Says this, and listens until the server hangs up.
fn say(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr(server)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = Vec::new();
    // It may end in a reset, if not all bytes were read.
    drop(stream.read_to_end(&mut said));
    String::from_utf8_lossy(&said).into_owned()
}

/// A connection whose first request has been answered.
fn settled(server: &Server) -> TcpStream {
    loop {
        let mut stream = TcpStream::connect(addr(server)).unwrap();
        // On a busy machine this may have been too late.
        if ask(&mut stream).is_ok_and(|said| said.starts_with("HTTP/1.1 200")) {
            return stream;
        }
    }
}

/// The head of the answer to a request.
fn ask(stream: &mut TcpStream) -> io::Result<String> {
    stream.write_all(b"HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        said.extend(byte);
    }
    Ok(String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn who_never_speaks_is_told_that_it_is_too_late() {
    let server = start(short(), None);
    let said = say(&server, b"");
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout"), "{said}");
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "No request came in time: try again.\n");
    assert!(
        head.contains(&format!("content-length: {}\r\n", body.len())),
        "{said}"
    );
}

#[test]
fn half_a_preface_is_too_late_as_well() {
    let server = start(short(), None);
    let said = say(&server, b"PRI * HTTP");
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
}

#[test]
fn a_header_that_never_ends_is_closed() {
    let server = start(short(), None);
    assert_eq!(say(&server, b"GET / HTTP/1.1\r\nx: "), "");
}

#[test]
fn http_2_without_a_request_is_closed() {
    let server = start(short(), None);
    let said = say(
        &server,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    );
    // The server's settings, and no answer of HTTP/1.
    assert!(!said.contains("HTTP"), "{said}");
}

#[cfg(feature = "tls")]
#[test]
fn half_a_handshake_is_closed() {
    use crate::security::tls::Tls;

    let file = |name: &str| format!("{}/tests/certificates/{name}", env!("CARGO_MANIFEST_DIR"));
    let tls = Tls::from_pem_files(file("server.pem"), file("server.key")).unwrap();
    let server = start(short(), Some(tls.acceptor(None).unwrap()));
    assert_eq!(say(&server, b"\x16\x03\x01\x02\x00"), "");
}

#[test]
fn who_has_asked_for_something_may_stay() {
    let server = start(short(), None);
    let mut stream = settled(&server);
    // Another's time is over, so this one's would be.
    assert!(say(&server, b"").contains("408"));
    assert!(ask(&mut stream).unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn who_comes_when_all_places_are_taken_is_told_so() {
    let server = start(
        Limits {
            connections: 2,
            ..Limits::default()
        },
        None,
    );
    let first = settled(&server);
    let _second = settled(&server);
    let said = say(&server, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(said.contains("close one and try again"), "{said}");
    drop(first);
    // The server may hear of the end a moment later.
    while say(&server, b"GET / HTTP/1.0\r\nhost: localhost\r\n\r\n").contains("503") {
        thread::yield_now();
    }
}

#[test]
fn who_is_turned_away_and_holds_on_keeps_nobody_from_being_told() {
    let server = start(
        Limits {
            connections: 4,
            turned_away: 1,
            ..Limits::default()
        },
        None,
    );
    let _settled: Vec<TcpStream> = (0..4).map(|_| settled(&server)).collect();
    let silent: Vec<TcpStream> = (0..3)
        .map(|_| TcpStream::connect(addr(&server)).unwrap())
        .collect();
    let said = say(&server, b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(said.contains("503"), "{said}");
    assert!(said.contains("close one and try again"), "{said}");
    for mut stream in silent {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
}
