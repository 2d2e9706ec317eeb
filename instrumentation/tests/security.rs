//! Who gets in: TLS, certificates and tokens over real sockets.

#[path = "serving/client.rs"]
mod client;
#[path = "security/servers.rs"]
mod servers;
#[path = "security/tls_client.rs"]
mod tls_client;

use http::Request;
use tonic::Code;
use zokio::runtime::Runtime;
use zokio::task::JoinSet;
use zokio_console_proto::tokio_console::instrument::instrument_client::InstrumentClient;
use zokio_console_proto::tokio_console::instrument::{PauseRequest, ResumeRequest};
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::{Address, Builder, Guard};

use client::{Channel, channel, console, http1, http1_over, run, runtime};
use servers::{
    CONTROL, READ, addr, describe, described, get, guarded, raw, secure_console, server, tls,
    with_token,
};
use tls_client::{connect, file};

async fn instrument(guard: &Guard) -> InstrumentClient<Channel> {
    let (channel, origin) = channel(guard.addr(), 64 * 1024).await;
    InstrumentClient::with_origin(channel, origin)
}

// ---- TLS

#[test]
fn grpc_is_served_over_tls() {
    let runtime = runtime("secured");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    assert!(matches!(guard.addr(), Address::Tls(_)));
    assert!(guard.addr().to_string().starts_with("https://127.0.0.1:"));
    run(&runtime, async {
        let mut client = secure_console(&guard, None).await;
        let reply = client.describe(describe()).await.unwrap().into_inner();
        assert_eq!(reply.runtimes[0].name, "secured");
    });
}

#[test]
fn metrics_are_served_over_tls_and_the_protocol_is_agreed_on() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    run(&runtime, async {
        for offered in [&["http/1.1"][..], &[]] {
            let (stream, agreed) = connect(addr(&guard), None, offered).await.unwrap();
            assert_eq!(agreed, offered.concat());
            let (status, _, body) = http1_over(stream, get("/metrics")).await;
            assert_eq!(status, 200);
            assert!(body.contains("zokio_"), "{body}");
        }
        let both = ["http/1.1", "h2"];
        let (_, agreed) = connect(addr(&guard), None, &both).await.unwrap();
        assert_eq!(agreed, "h2");
    });
}

#[test]
fn bytes_sent_are_counted_once_and_as_they_are_on_the_wire() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    run(&runtime, async {
        let (stream, _) = connect(addr(&guard), None, &["http/1.1"]).await.unwrap();
        let (_, _, body) = http1_over(stream, get("/")).await;
        let mut client = secure_console(&guard, None).await;
        let request = v1::SubscribeRequest {
            major: MAJOR,
            ..Default::default()
        };
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        let first = updates.message().await.unwrap().unwrap();
        let sent = first.telemetry.unwrap().bytes_sent;
        // Two handshakes of about a kilobyte each, and the page.
        assert!(sent > body.len() as u64 + 1_000, "{sent}");
        assert!(sent < 8_000, "{sent}");
    });
}

#[test]
fn who_speaks_http_1_in_the_clear_to_a_tls_port_is_told_so() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).start().unwrap();
    run(&runtime, async {
        let (status, _, body) = http1(guard.addr(), get("/metrics")).await;
        assert_eq!(status, 426);
        assert_eq!(
            body,
            "this port speaks TLS only: ask for https:// instead of http://\n"
        );
    });
}

#[test]
fn who_speaks_grpc_in_the_clear_to_a_tls_port_is_told_so() {
    let runtime = runtime("main");
    let guard = server(&runtime).tls(tls()).token(READ).start().unwrap();
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let request = with_token(describe(), READ);
        let status = client.describe(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains("https://"), "{status}");
    });
}

#[test]
fn a_tls_client_on_a_plain_port_gets_an_answer_that_ends_its_handshake() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    run(&runtime, async {
        let Err(error) = connect(addr(&guard), None, &[]).await else {
            panic!("a handshake with whom?")
        };
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
    });
}

// ---- mutual TLS

fn mutual(runtime: &Runtime) -> Guard {
    let server = server(runtime).tls(tls());
    server
        .require_client_certificates(file("ca.pem"))
        .start()
        .unwrap()
}

#[test]
fn a_client_with_a_certificate_by_the_authority_gets_in() {
    let runtime = runtime("main");
    let guard = mutual(&runtime);
    run(&runtime, async {
        let mut client = secure_console(&guard, Some("client")).await;
        client.describe(describe()).await.unwrap();
    });
}

#[test]
fn a_client_without_a_certificate_does_not_get_in() {
    let runtime = runtime("main");
    let guard = mutual(&runtime);
    run(&runtime, async {
        let mut client = secure_console(&guard, None).await;
        client.describe(describe()).await.unwrap_err();
    });
}

#[test]
fn a_client_with_a_certificate_by_a_stranger_does_not_get_in() {
    let runtime = runtime("main");
    let guard = mutual(&runtime);
    run(&runtime, async {
        let mut client = secure_console(&guard, Some("stranger")).await;
        client.describe(describe()).await.unwrap_err();
        // And keeps nobody else out.
        let mut client = secure_console(&guard, Some("client")).await;
        client.describe(describe()).await.unwrap();
    });
}

// ---- addresses

fn complaint(server: Builder) -> String {
    server.start().unwrap_err().to_string()
}

#[test]
fn other_machines_are_served_with_tls_and_a_token_only() {
    let runtime = runtime("main");
    let open = || server(&runtime).bind("0.0.0.0:0");
    let error = complaint(open());
    assert!(error.contains("lacks TLS and a token"), "{error}");
    let error = complaint(open().tls(tls()));
    assert!(error.contains("lacks a token"), "{error}");
    assert!(error.contains("ZOKIO_CONSOLE_TOKEN_FILE"), "{error}");
    let error = complaint(open().token(READ));
    assert!(error.contains("lacks TLS, "), "{error}");
    assert!(error.contains("ZOKIO_CONSOLE_TLS_CERT"), "{error}");
    assert!(error.contains("insecure_bind(true)"), "{error}");
    drop(open().tls(tls()).token(READ).start().unwrap());
    drop(open().tls(tls()).control_token(CONTROL).start().unwrap());
    drop(open().insecure_bind(true).start().unwrap());
}

#[test]
fn tls_by_halves_is_an_error() {
    let runtime = runtime("main");
    let ca = file("ca.pem");
    let error = complaint(server(&runtime).require_client_certificates(&ca));
    assert!(error.contains("the server has none"), "{error}");
    let error = complaint(server(&runtime).bind("https://127.0.0.1:0"));
    assert!(error.contains("needs a certificate"), "{error}");
    let error = complaint(server(&runtime).bind("unix:/x").tls(tls()));
    assert!(error.contains("is a Unix socket"), "{error}");
    let none = file("nowhere.pem");
    let error = complaint(
        server(&runtime)
            .tls(tls())
            .require_client_certificates(none),
    );
    assert!(error.contains("nowhere.pem"), "{error}");
}

#[test]
fn a_token_that_could_be_guessed_is_refused_at_the_start() {
    let runtime = runtime("main");
    let error = server(&runtime).token("hunter2").start().unwrap_err();
    assert!(error.is_setting());
    assert!(error.to_string().starts_with("the token is shorter"));
    let error = complaint(server(&runtime).control_token(""));
    assert!(error.starts_with("the control token is empty"), "{error}");
}

// ---- tokens

#[test]
fn over_grpc_a_token_is_needed_and_has_to_be_right() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        described(&guard, Some(READ)).await.unwrap();
        described(&guard, Some(CONTROL)).await.unwrap();
        let missing = described(&guard, None).await.unwrap_err();
        assert_eq!(missing.code(), Code::Unauthenticated);
        assert!(missing.message().contains("Bearer"), "{missing}");
        let wrong = described(&guard, Some("wrong-0123456789abcdef")).await;
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.code(), Code::Unauthenticated);
        assert_eq!(wrong.message(), "the token is wrong");
    });
}

#[test]
fn metrics_and_every_other_page_need_the_token_too() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        for path in ["/metrics", "/", "/nothing"] {
            let (status, _, body) = http1(guard.addr(), get(path)).await;
            assert_eq!(status, 401, "{path}");
            assert!(body.starts_with("a token is needed"), "{body}");
        }
        let bearer =
            |token: &str| get("/metrics").header("authorization", format!("Bearer {token}"));
        assert_eq!(http1(guard.addr(), bearer(READ)).await.0, 200);
        let (status, _, body) = http1(guard.addr(), bearer("wrong-0123456789abcdef")).await;
        assert_eq!((status, body.as_str()), (401, "the token is wrong\n"));
    });
    let said = raw(addr(&guard), b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(said.contains("www-authenticate: Bearer"), "{said}");
}

#[test]
fn with_a_token_any_name_of_this_machine_will_do_but_no_web_page() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        let request = Request::get("/metrics")
            .header("host", "build-17.internal")
            .header("authorization", format!("Bearer {READ}"));
        assert_eq!(http1(guard.addr(), request).await.0, 200);
        let page = get("/metrics")
            .header("origin", "http://localhost")
            .header("authorization", format!("Bearer {READ}"));
        assert_eq!(http1(guard.addr(), page).await.0, 403);
    });
}

#[test]
fn the_token_for_looking_cannot_pause() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        let mut client = instrument(&guard).await;
        let pause = with_token(PauseRequest {}, READ);
        let refused = client.pause(pause).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("control token"), "{refused}");
        let resume = with_token(ResumeRequest {}, READ);
        let refused = client.resume(resume).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let missing = client.pause(PauseRequest {}).await.unwrap_err();
        assert_eq!(missing.code(), Code::Unauthenticated);
    });
}

#[test]
fn the_token_for_looking_cannot_ask_tasks_where_they_wait() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let all = v1::BacktracesRequest::default;
        let refused = client.backtraces(with_token(all(), READ)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        assert!(refused.message().contains("control token"), "{refused}");
        client.backtraces(with_token(all(), CONTROL)).await.unwrap();
    });
}

#[test]
fn the_control_token_can_pause_and_look() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        let mut client = instrument(&guard).await;
        client
            .pause(with_token(PauseRequest {}, CONTROL))
            .await
            .unwrap();
        client
            .resume(with_token(ResumeRequest {}, CONTROL))
            .await
            .unwrap();
    });
}

#[test]
fn with_a_token_for_looking_alone_nobody_can_pause() {
    let runtime = runtime("main");
    let guard = server(&runtime).token(READ).start().unwrap();
    run(&runtime, async {
        let mut client = instrument(&guard).await;
        let refused = client.pause(with_token(PauseRequest {}, READ)).await;
        assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
        let refused = client.pause(with_token(PauseRequest {}, CONTROL)).await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    });
}

#[test]
fn without_tokens_everyone_on_this_machine_can_pause() {
    let runtime = runtime("main");
    let guard = server(&runtime).start().unwrap();
    run(&runtime, async {
        let mut client = instrument(&guard).await;
        client.pause(PauseRequest {}).await.unwrap();
        client.resume(ResumeRequest {}).await.unwrap();
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_asks_for_the_token_too() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = runtime("main");
    let server = server(&runtime).bind_unix(dir.path().join("console.sock"));
    let guard = server.token(READ).start().unwrap();
    run(&runtime, async {
        described(&guard, Some(READ)).await.unwrap();
        let missing = described(&guard, None).await.unwrap_err();
        assert_eq!(missing.code(), Code::Unauthenticated);
    });
}

#[test]
fn guesses_in_parallel_are_refused_unseen_and_the_right_token_works_afterwards() {
    let runtime = runtime("main");
    let guard = guarded(&runtime);
    run(&runtime, async {
        let client = console(guard.addr()).await;
        let mut guesses = JoinSet::new();
        for n in 0.. {
            let mut client = client.clone();
            let guess = with_token(describe(), &format!("guess-0123456789-{n}"));
            guesses.spawn(async move { client.describe(guess).await.unwrap_err().code() });
            // Fewer than a connection's streams, more than answers that may wait.
            if guesses.len() < 14 {
                continue;
            }
            match guesses.join_next().await.unwrap().unwrap() {
                Code::ResourceExhausted => break,
                code => assert_eq!(code, Code::Unauthenticated),
            }
        }
        // Dropped with its connection: the answers wait no longer.
    });
    run(&runtime, async {
        while let Err(status) = described(&guard, Some(READ)).await {
            assert_eq!(status.code(), Code::ResourceExhausted);
            zokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
}
