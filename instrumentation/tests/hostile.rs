//! Limits, and clients that mean harm: they are told, and keep nobody else waiting.

#[path = "serving/client.rs"]
mod client;
#[path = "security/servers.rs"]
mod servers;
#[path = "security/tls_client.rs"]
mod tls_client;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use tonic::Code;
use tonic::metadata::MetadataValue;
use zokio_console_proto::{MAJOR, v1};

use client::{console, run, runtime};
use servers::{READ, addr, describe, described, guarded, raw, secure_console, server, tls};

fn subscribe() -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        major: MAJOR,
        // One update, so that those that are not read leave room on the connection.
        interval_ns: 3_600_000_000_000,
        ..Default::default()
    }
}

/// Asks ten times at once on one connection, and gives back what was answered, if not all: the
/// server hangs up after a refusal.
fn ask_ten_times(stream: &mut TcpStream) -> Result<(), String> {
    let page = "its metrics are at /metrics.\n";
    let requests = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(10);
    stream.write_all(requests.as_bytes()).unwrap();
    let mut said = String::new();
    while said.matches(page).count() < 10 {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).unwrap() {
            0 => return Err(said),
            n => said.push_str(std::str::from_utf8(&bytes[..n]).unwrap()),
        }
    }
    Ok(())
}

#[test]
fn who_asks_too_often_is_told_so() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    let mut stream = TcpStream::connect(addr(&guard)).unwrap();
    let mut answered = 0;
    let refused = loop {
        match ask_ten_times(&mut stream) {
            Ok(()) => answered += 10,
            Err(refused) => break refused,
        }
        assert!(answered < 1_000_000, "never refused");
    };
    assert!(answered >= 240, "{answered}");
    assert!(
        refused.contains("HTTP/1.1 429 Too Many Requests"),
        "{refused}"
    );
    let words = "too many requests came on this connection: 250 are allowed at once";
    assert!(refused.contains(words), "{refused}");
    assert!(refused.contains("ask less often"), "{refused}");
    run(&runtime, async {
        // Until the bucket holds something again.
        while let Err(status) = described(&guard, None).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            zokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn headers_that_are_too_large_are_refused_by_their_name() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    let padding = "x".repeat(20_000);
    let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx-large: {padding}\r\n\r\n");
    let said = raw(addr(&guard), request.as_bytes());
    assert!(
        said.starts_with("HTTP/1.1 431 Request Header Fields Too Large"),
        "{said}"
    );
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut request = tonic::Request::new(describe());
        let large = MetadataValue::try_from(&padding).unwrap();
        request.metadata_mut().insert("x-large", large);
        let refused = client.describe(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(
            refused.message().contains("send less metadata"),
            "{refused}"
        );
        // The connection goes on.
        client.describe(describe()).await.unwrap();
    });
}

#[test]
fn headers_that_are_not_even_read_are_refused_by_number() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut request = tonic::Request::new(describe());
        let large = MetadataValue::try_from("x".repeat(40_000)).unwrap();
        request.metadata_mut().insert("x-large", large);
        let refused = client.describe(request).await.unwrap_err();
        assert!(refused.message().contains("431"), "{refused}");
        described(&guard, None).await.unwrap();
    });
}

#[test]
fn a_request_that_is_too_large_is_refused_in_words() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let request = v1::SubscribeRequest {
            major: MAJOR,
            tasks: Some(v1::TaskQuery {
                filter: "x".repeat(70_000),
                ..Default::default()
            }),
            ..Default::default()
        };
        let refused = client.subscribe(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange);
        assert!(refused.message().contains("too large"), "{refused}");
        assert!(refused.message().contains("shorter filter"), "{refused}");
    });
}

#[test]
fn garbage_of_every_kind_harms_nobody_on_a_tls_port() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    for noise in [
        // A record of a handshake that is none, one that promises too much, an alert, an end.
        &b"\x16\x03\x01\x00\x05hello"[..],
        b"\x16\x03\x01\xff\xff",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x16",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnoise",
        b"",
    ] {
        let mut stream = TcpStream::connect(addr(&guard)).unwrap();
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // An answer, an end or a reset: all are fine.
        drop(stream.read_to_end(&mut Vec::new()));
    }
    run(&runtime, async {
        let mut client = secure_console(&guard, None).await;
        client.describe(describe()).await.unwrap();
    });
}

/// More than there are places, each with a beginning and no end.
fn hold_on(addr: SocketAddr, beginning: &[u8]) -> Vec<TcpStream> {
    (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(addr).unwrap();
            // One that was pushed out already cannot be written to.
            drop(stream.write_all(beginning));
            stream
        })
        .collect()
}

#[test]
fn those_who_hold_on_keep_nobody_waiting() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    for beginning in [
        &b""[..],
        b"GET /metrics HTTP/1.1\r\nhost: loc",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let held = hold_on(addr(&guard), beginning);
        run(&runtime, async { described(&guard, None).await.unwrap() });
        drop(held);
    }
}

#[test]
fn half_handshakes_keep_nobody_waiting() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    let held = hold_on(addr(&guard), b"\x16\x03\x01\x02\x00\x01\x00\x01");
    run(&runtime, async {
        let mut client = secure_console(&guard, None).await;
        client.describe(describe()).await.unwrap();
    });
    drop(held);
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// What a client of HTTP/2 says first.
fn connection_begins() -> Vec<u8> {
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    all.extend(frame(SETTINGS, 0, 0, &[]));
    all.extend(frame(SETTINGS, ACK, 0, &[]));
    all
}

#[test]
fn who_has_no_token_cannot_take_the_places_of_those_who_have() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    let mut request = connection_begins();
    // GET, http, /: answered with 401, and then the connection is kept open.
    let headers = [&[0x82, 0x86, 0x84, 0x41, 9], &b"localhost"[..]].concat();
    request.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers));
    let held = hold_on(addr(&guard), &request);
    run(&runtime, async {
        while let Err(status) = described(&guard, Some(READ)).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            zokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    drop(held);
}

#[test]
fn calls_beyond_the_most_are_refused_in_words_until_one_ends() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut watching = Vec::new();
        for _ in 0..16 {
            watching.push(client.subscribe(subscribe()).await.unwrap());
        }
        let refused = client.subscribe(subscribe()).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let words = "16 calls are under way on this connection";
        assert!(refused.message().starts_with(words), "{refused}");
        drop(watching.pop());
        // The server may hear of the end a moment later.
        while let Err(status) = client.describe(describe()).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        }
    });
}

#[test]
fn who_watches_may_go_on_asking_while_others_of_its_machine_ask_too_often() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    let mut watcher = run(&runtime, async {
        let mut watcher = console(guard.addr()).await;
        watcher.describe(describe()).await.unwrap();
        watcher
    });
    // Connections of one machine take all that it may ask, none more than it may.
    let ask = |stream: &mut TcpStream| (0..20).try_for_each(|_| ask_ten_times(stream));
    let refused = (0..1_000).find_map(|_| {
        let mut stream = TcpStream::connect(addr(&guard)).unwrap();
        ask(&mut stream).err()
    });
    let refused = refused.expect("a refusal");
    assert!(refused.contains("from this address"), "{refused}");
    run(&runtime, async {
        for _ in 0..5 {
            watcher.describe(describe()).await.unwrap();
        }
    });
}
