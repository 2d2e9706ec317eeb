//! A real server, asked over real sockets by a client on zokio.

#[path = "serving/client.rs"]
mod client;

use std::future::pending;
use std::io::{Read as _, Write as _};

use http::Request;
use tonic::Code;
use zokio::runtime::Runtime;
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::{Address, Guard, builder, metric_names};

use client::{console, console_with_window, http1, run, runtime};

fn serve(runtime: &Runtime) -> Guard {
    for _ in 0..20 {
        runtime.handle().spawn(pending::<()>());
    }
    builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server")
}

fn describe() -> v1::DescribeRequest {
    v1::DescribeRequest {
        major: MAJOR,
        minor: 0,
    }
}

fn subscribe(limit: u32) -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        major: MAJOR,
        interval_ns: 1,
        tasks: Some(v1::TaskQuery {
            limit,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn get(path: &str) -> http::request::Builder {
    Request::get(path).header("host", "localhost")
}

#[test]
fn describe_tells_versions_process_and_runtimes() {
    let runtime = runtime("described");
    let guard = serve(&runtime);
    let reply = run(&runtime, async {
        console(guard.addr())
            .await
            .describe(describe())
            .await
            .unwrap()
            .into_inner()
    });
    assert_eq!((reply.major, reply.minor), (1, zokio_console_proto::MINOR));
    assert_eq!(reply.server_version, env!("CARGO_PKG_VERSION"));
    assert_eq!(reply.process_id, std::process::id());
    assert!(
        reply.process_name.starts_with("serving"),
        "{}",
        reply.process_name
    );
    assert_eq!(reply.publish_interval_ns, 100_000_000);
    assert!(reply.anchor_unix_ns > 1_500_000_000_000_000_000);
    // The server's own runtime is not among them.
    assert_eq!(reply.runtimes.len(), 1);
    assert_eq!(reply.runtimes[0].name, "described");
    assert_eq!(reply.runtimes[0].flavor(), v1::Flavor::MultiThread);
    assert!(reply.runtimes[0].workers >= 1);
}

#[test]
fn updates_begin_full_and_go_on_as_deltas() {
    let runtime = runtime("watched");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut updates = client.subscribe(subscribe(5)).await.unwrap().into_inner();
        let mut first = updates.message().await.unwrap().unwrap();
        let mut state = first.runtimes.remove(0);
        assert!(state.full);
        assert_eq!((state.rows.len(), state.tasks.len()), (5, 5));
        assert!(state.matching_tasks >= 20);
        let telemetry = first.telemetry.unwrap();
        assert!(telemetry.enabled && telemetry.clients == 1);
        for round in 1..=3 {
            let mut update = updates.message().await.unwrap().unwrap();
            assert_eq!(update.sequence, first.sequence + round);
            let delta = update.runtimes.remove(0);
            assert!(!delta.full);
            let taken_at_ns = state.taken_at_ns;
            state.apply(delta);
            assert!(state.taken_at_ns > taken_at_ns);
            assert_eq!(
                state.tasks.iter().map(|t| t.id).collect::<Vec<_>>(),
                state.rows
            );
        }
    });
}

#[test]
fn another_major_version_is_refused_in_words() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let request = v1::DescribeRequest { major: 7, minor: 3 };
        let status = client.describe(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(
            status.message().contains("version 7.3"),
            "{}",
            status.message()
        );
        assert!(
            status.message().contains("speaks 1.2"),
            "{}",
            status.message()
        );
        let request = v1::SubscribeRequest {
            major: 2,
            ..subscribe(1)
        };
        let status = client.subscribe(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
    });
}

#[test]
fn a_filter_too_long_is_refused_and_the_connection_lives_on() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut request = subscribe(1);
        request.tasks.as_mut().unwrap().filter = "x".repeat(5_000);
        assert_eq!(
            client.subscribe(request).await.unwrap_err().code(),
            Code::InvalidArgument
        );
        client.describe(describe()).await.unwrap();
    });
}

#[test]
fn a_filter_is_evaluated_here_and_a_mistake_is_told_with_its_column() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let _idle = zokio::spawn(std::future::pending::<()>());
        let mut client = console(guard.addr()).await;
        let filtered = |filter: &str| {
            let mut request = subscribe(10);
            request.minor = zokio_console_proto::MINOR;
            request.tasks.as_mut().unwrap().filter = filter.into();
            request
        };
        let request = filtered("kind:block_on -state:idle");
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        let update = updates.message().await.unwrap().unwrap();
        let tasks = &update.runtimes[0].tasks;
        assert!(tasks.iter().all(|t| t.kind() == v1::TaskKind::BlockOn));
        assert!(update.runtimes[0].alive_tasks > update.runtimes[0].matching_tasks);
        let mistake = client.subscribe(filtered("state:idle idle>5")).await;
        let mistake = mistake.unwrap_err();
        assert_eq!(mistake.code(), Code::InvalidArgument);
        let words = mistake.message();
        assert!(words.starts_with("column 17 of the filter: "), "{words}");
    });
}

#[test]
fn details_of_a_task_on_screen_are_found_and_of_others_not() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut updates = client.subscribe(subscribe(1)).await.unwrap().into_inner();
        let update = updates.message().await.unwrap().unwrap();
        let (runtime_id, task_id) = (update.runtimes[0].id, update.runtimes[0].rows[0]);
        let request = v1::TaskDetailsRequest {
            runtime_id,
            task_id,
        };
        let details = client.task_details(request).await.unwrap().into_inner();
        assert_eq!(details.task.unwrap().id, task_id);
        for (runtime_id, task_id) in [(runtime_id, u64::MAX), (u64::MAX, task_id)] {
            let request = v1::TaskDetailsRequest {
                runtime_id,
                task_id,
            };
            let status = client.task_details(request).await.unwrap_err();
            assert_eq!(status.code(), Code::NotFound, "{}", status.message());
        }
    });
}

#[test]
fn a_viewer_that_stops_reading_misses_updates_and_costs_no_other_viewer_any() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let mut slow = console_with_window(guard.addr(), 256).await;
        let mut stalled = slow.subscribe(subscribe(100)).await.unwrap().into_inner();
        let mut quick = console(guard.addr()).await;
        let mut updates = quick.subscribe(subscribe(100)).await.unwrap().into_inner();
        let mut last = updates.message().await.unwrap().unwrap();
        for _ in 0..10 {
            let next = updates.message().await.unwrap().unwrap();
            assert_eq!((next.sequence, next.skipped), (last.sequence + 1, 0));
            last = next;
        }
        // What was under way when it stalled arrives first, then the newest.
        let mut state: Option<v1::RuntimeUpdate> = None;
        loop {
            let update = stalled.message().await.unwrap().unwrap();
            for runtime in update.runtimes {
                match &mut state {
                    Some(state) => state.apply(runtime),
                    none => *none = Some(runtime),
                }
            }
            if update.skipped > 0 {
                break;
            }
        }
        let state = state.unwrap();
        assert_eq!(state.tasks.len(), state.rows.len());
    });
}

#[test]
fn small_updates_left_unread_on_many_streams_do_not_end_the_connection() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        // No such runtime: the smallest updates there are.
        let smallest = || v1::SubscribeRequest {
            runtime_ids: vec![u64::MAX],
            ..subscribe(0)
        };
        let mut client = console(guard.addr()).await;
        let mut unread = Vec::new();
        for _ in 0..15 {
            unread.push(client.subscribe(smallest()).await.unwrap().into_inner());
        }
        let mut other = console(guard.addr()).await;
        let mut updates = other.subscribe(smallest()).await.unwrap().into_inner();
        for _ in 0..30 {
            updates.message().await.unwrap().unwrap();
        }
        for stream in &mut unread {
            stream.message().await.unwrap().unwrap();
        }
        // What is unread fills the connection's window; without it there is room for an answer.
        drop(unread);
        client.describe(describe()).await.unwrap();
    });
}

#[test]
fn the_guard_sends_a_last_update_ends_the_streams_and_frees_the_port() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let addr = guard.addr().socket_addr().unwrap();
    run(&runtime, async {
        let mut client = console(guard.addr()).await;
        let mut request = subscribe(3);
        request.interval_ns = u64::MAX;
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        assert_eq!(updates.message().await.unwrap().unwrap().sequence, 1);
        // In a thread, so that this one can read on.
        let ending = std::thread::spawn(move || drop(guard));
        let last = updates.message().await.unwrap().expect("a last update");
        assert_eq!(last.sequence, 2);
        assert!(updates.message().await.unwrap().is_none());
        drop((updates, client));
        ending.join().unwrap();
    });
    std::net::TcpListener::bind(addr).expect("the port is free");
}

#[test]
fn a_client_that_reads_nothing_does_not_keep_the_guard() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let mut silent = std::net::TcpStream::connect(guard.addr().socket_addr().unwrap()).unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n").unwrap();
    drop(guard);
    // The server is gone: the connection ends.
    let mut rest = Vec::new();
    drop(silent.read_to_end(&mut rest));
}

#[test]
fn several_runtimes_are_told_apart_and_an_ended_one_stays() {
    let (one, two) = (runtime("one"), runtime("two"));
    let guard = serve(&one);
    guard.attach(two.handle()).unwrap();
    guard.attach(two.handle()).unwrap();
    let two_id = two.handle().id().as_u64();
    drop(two);
    run(&one, async {
        let mut client = console(guard.addr()).await;
        let reply = client.describe(describe()).await.unwrap().into_inner();
        let seen: Vec<_> = reply.runtimes.iter().map(|r| (&*r.name, r.ended)).collect();
        assert_eq!(seen, [("one", false), ("two", true)]);
        let request = v1::SubscribeRequest {
            runtime_ids: vec![two_id],
            ..subscribe(5)
        };
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        let update = updates.message().await.unwrap().unwrap();
        assert_eq!(update.runtimes.len(), 1);
        assert!(update.runtimes[0].ended && update.runtimes[0].id == two_id);
    });
}

#[test]
fn the_servers_own_runtime_is_shown_when_asked_for() {
    let runtime = runtime("main");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .observe_self(true)
        .start()
        .unwrap();
    let reply = run(&runtime, async {
        console(guard.addr())
            .await
            .describe(describe())
            .await
            .unwrap()
            .into_inner()
    });
    let names: Vec<_> = reply.runtimes.iter().map(|r| &*r.name).collect();
    assert_eq!(names, ["main", "zokio-console"]);
}

#[test]
fn viewers_beyond_the_most_are_refused_in_words() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let seldom = || v1::SubscribeRequest {
        interval_ns: u64::MAX,
        ..subscribe(1)
    };
    run(&runtime, async {
        let mut viewers = Vec::new();
        for _ in 0..16 {
            let mut client = console(guard.addr()).await;
            for _ in 0..16 {
                let stream = client.subscribe(seldom()).await.unwrap().into_inner();
                viewers.push((client.clone(), stream));
            }
        }
        let mut client = console(guard.addr()).await;
        let status = client.subscribe(subscribe(1)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(
            status.message().contains("256 viewers"),
            "{}",
            status.message()
        );
        client.describe(describe()).await.unwrap();
    });
}

#[test]
fn metrics_come_in_both_formats_with_every_name_of_the_table() {
    let runtime = runtime("scraped");
    let guard = serve(&runtime);
    run(&runtime, async {
        let (status, content_type, page) = http1(guard.addr(), get("/metrics")).await;
        assert_eq!(
            (status, &*content_type),
            (200, "text/plain; version=0.0.4; charset=utf-8")
        );
        for metric in metric_names::ALL {
            assert!(
                page.contains(&format!("# TYPE {} ", metric.name)),
                "{}",
                metric.name
            );
        }
        assert!(page.contains("zokio_worker_polls_total{runtime=\"scraped\",worker=\"0\"} "));
        let openmetrics = get("/metrics").header("accept", "application/openmetrics-text");
        let (status, content_type, page) = http1(guard.addr(), openmetrics).await;
        assert_eq!(status, 200);
        assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
        assert!(page.ends_with("# EOF\n"));
    });
}

#[test]
fn plain_http_is_answered_in_words_and_web_pages_are_refused() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    let status = |request| {
        let (status, _, body) = run(&runtime, http1(guard.addr(), request));
        assert!(body.ends_with('\n'), "{body:?}");
        status
    };
    assert_eq!(status(get("/")), 200);
    assert_eq!(status(get("/nothing")), 404);
    assert_eq!(
        status(Request::post("/metrics").header("host", "127.0.0.1:1")),
        405
    );
    assert_eq!(
        status(Request::get("/metrics").header("host", "evil.example")),
        403
    );
    assert_eq!(
        status(get("/metrics").header("origin", "http://localhost")),
        403
    );
    assert_eq!(
        status(Request::post("/zokio.console.v1.Console/Describe").header("host", "localhost")),
        505
    );
}

#[test]
fn without_prometheus_there_is_no_metrics_page() {
    let runtime = runtime("main");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .serve_prometheus(false)
        .start()
        .unwrap();
    assert_eq!(run(&runtime, http1(guard.addr(), get("/metrics"))).0, 404);
}

#[test]
fn the_programs_own_series_are_on_the_page_when_asked_for() {
    let runtime = runtime("main");
    let start = || {
        let builder = builder().bind("127.0.0.1:0").attach(runtime.handle());
        builder
            .metrics_recorder(true)
            .publish_to_metrics_facade(true)
            .start()
            .unwrap()
    };
    drop(start());
    metrics::counter!("orders_total", "shop" => "north").increment(3);
    // A second server finds the recorder of the first.
    let guard = start();
    let (_, _, page) = run(&runtime, http1(guard.addr(), get("/metrics")));
    assert!(page.contains("# TYPE orders_total counter\norders_total{shop=\"north\"} 3\n"));
    assert_eq!(page.matches("# TYPE zokio_tasks_alive ").count(), 1);
}

#[test]
fn foreign_services_and_names_are_refused_over_grpc_too() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        let addr = guard.addr();
        for (path, host, code) in [
            ("/rs.tokio.console.trace.Trace/Watch", "localhost", "12"),
            ("/zokio.console.v1.Console/Nothing", "localhost", "12"),
            ("/zokio.console.v1.Console/Describe", "evil.example", "7"),
        ] {
            let stream = zokio::net::TcpStream::connect(addr.socket_addr().unwrap())
                .await
                .unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(zokio::rt::HyperExecutor::new(), stream)
                    .await
                    .unwrap();
            zokio::task::spawn(connection);
            let request = Request::post(format!("http://{host}{path}"))
                .header("content-type", "application/grpc")
                .body(http_body_util::Empty::<bytes::Bytes>::new())
                .unwrap();
            let response = sender.send_request(request).await.unwrap();
            assert_eq!(response.headers()["grpc-status"], code, "{path} {host}");
        }
    });
}

#[test]
fn noise_on_the_port_harms_nobody() {
    let runtime = runtime("main");
    let guard = serve(&runtime);
    for noise in [
        &b"\0\x01\x02"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnoise",
        b"GET",
        b"",
    ] {
        let mut stream = std::net::TcpStream::connect(guard.addr().socket_addr().unwrap()).unwrap();
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        // An answer, an end or a reset: all are fine.
        drop(stream.read_to_end(&mut rest));
    }
    run(&runtime, async {
        console(guard.addr())
            .await
            .describe(describe())
            .await
            .unwrap()
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_private_replaces_a_dead_one_and_goes_with_its_server() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("console.sock");
    // Dropping the listener leaves its file behind, as a killed program does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let runtime = runtime("main");
    let start = || builder().bind_unix(&path).attach(runtime.handle()).start();
    let guard = start().unwrap();
    assert_eq!(*guard.addr(), Address::Unix(path.clone()));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(start().unwrap_err().is_address_in_use());
    run(&runtime, async {
        console(guard.addr())
            .await
            .describe(describe())
            .await
            .unwrap()
    });
    drop(guard);
    assert!(!path.exists());
}

#[test]
fn a_compact_viewer_sees_what_another_sees_in_fewer_bytes() {
    use prost::Message as _;
    let runtime = runtime("main");
    let guard = serve(&runtime);
    run(&runtime, async {
        for _ in 0..20 {
            zokio::spawn(async {
                loop {
                    zokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
            });
        }
        let mut client = console(guard.addr()).await;
        let plain = client.subscribe(subscribe(30)).await.unwrap();
        let request = v1::SubscribeRequest {
            compact: true,
            ..subscribe(30)
        };
        let compact = client.subscribe(request).await.unwrap();
        let (mut plain, mut compact) = (plain.into_inner(), compact.into_inner());
        let mut unpacker = zokio_console_proto::Unpacker::default();
        let (mut bytes, mut states) = ([0, 0], [vec![], vec![]]);
        for _ in 0..8 {
            let packed = compact.message().await.unwrap().unwrap();
            let size = packed.encoded_len() - packed.padding.len();
            let whole = plain.message().await.unwrap().unwrap();
            let of_whole = whole.encoded_len() - whole.padding.len();
            let updates = [(whole, of_whole), (unpacker.unpack(packed), size)];
            for (of, (mut update, size)) in updates.into_iter().enumerate() {
                let runtime = update.runtimes.remove(0);
                bytes[of] += if runtime.full { 0 } else { size };
                let before = states[of].last().map(|(_, state): &(u64, _)| state);
                let mut state: v1::RuntimeUpdate = before.cloned().unwrap_or_default();
                state.apply(runtime);
                states[of].push((update.sequence, state));
            }
        }
        let [plain, compact] = states;
        let common = plain
            .iter()
            .filter(|(n, _)| compact.iter().any(|(m, _)| m == n));
        assert!(common.clone().count() > 3);
        for (sequence, state) in common {
            let same = compact.iter().find(|(n, _)| n == sequence);
            assert_eq!(same.map(|(_, state)| state), Some(state));
        }
        assert!(bytes[1] * 3 < bytes[0] * 2, "{bytes:?}");
    });
}
