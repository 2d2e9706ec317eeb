//! The connection against servers of every kind, on loopback ports of the kernel's choice.

mod server;

use zokio::sync::mpsc;

use super::*;
use server::{Fake, Manner};

/// A console that keeps nothing.
const LIVE: Watching = Watching {
    interval: Duration::ZERO,
    keep: None,
};

fn on_runtime(test: impl Future<Output = ()>) {
    zokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

fn target(address: std::net::SocketAddr) -> Destination {
    to(&address.to_string())
}

fn to(text: &str) -> Destination {
    Destination::from(text.parse::<Target>().unwrap())
}

async fn failure(manner: Manner) -> String {
    let fake = Fake::start(manner).await;
    connect(&target(fake.address))
        .await
        .unwrap_err()
        .to_string()
}

#[test]
fn a_server_of_ours_describes_itself_and_sends_updates() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let mut session = connect(&target(fake.address)).await.unwrap();
        assert_eq!(session.server.process_name, "http_server");
        let query = Query {
            limit: 5,
            ..Query::default()
        };
        let update = session.update(&query).await.unwrap();
        assert_eq!(update.runtimes[0].rows.len(), 5);
        assert_eq!(update.runtimes[0].summary.name, "http_server");
    });
}

#[test]
fn nobody_listening_is_said_with_the_way_to_change_it() {
    on_runtime(async {
        let listener = zokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = connect(&target(address)).await.unwrap_err().to_string();
        assert!(
            error.contains("nobody listens at") && error.contains("init()"),
            "{error}"
        );
    });
}

#[test]
fn a_socket_file_that_is_not_there_is_nobody_listening() {
    on_runtime(async {
        let target = to("unix:/nonexistent/zokio/console.sock");
        assert!(matches!(
            connect(&target).await,
            Err(ConsoleError::Unreachable { .. })
        ));
    });
}

#[test]
fn servers_that_are_not_zokios_are_told_apart() {
    on_runtime(async {
        let http1 = failure(Manner::Says(
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        ))
        .await;
        assert!(
            http1.contains("not zokio's") && http1.contains("gRPC over HTTP/2"),
            "{http1}"
        );
        let garbage = failure(Manner::Says(&[0xff; 64])).await;
        assert!(garbage.contains("not zokio's"), "{garbage}");
        let hangs_up = failure(Manner::Says(b"")).await;
        assert!(hangs_up.contains("not zokio's"), "{hangs_up}");
        let other_service = failure(Manner::OtherService).await;
        assert!(
            other_service.contains("speaks gRPC, but not zokio.console"),
            "{other_service}"
        );
    });
}

#[test]
fn another_major_version_is_refused_in_words() {
    on_runtime(async {
        let error = failure(Manner::Major(2)).await;
        assert!(
            error.contains("version 2") && error.contains("install versions"),
            "{error}"
        );
    });
}

#[test]
fn a_refusal_is_passed_on_without_its_control_characters() {
    on_runtime(async {
        let error = failure(Manner::Refuses("no\x1b[31m token")).await;
        assert!(
            error.contains("let this console in (no\u{fffd}[31m token)"),
            "{error}"
        );
    });
}

async fn next(actions: &mut mpsc::Receiver<Action>) -> Action {
    zokio::time::timeout(Duration::from_secs(20), actions.recv())
        .await
        .expect("an action in time")
        .expect("an action")
}

#[test]
fn a_lost_connection_is_reported_and_made_again() {
    on_runtime(async {
        let fake = Fake::start(Manner::EndsAfter(2)).await;
        let (out, mut actions) = mpsc::channel(4);
        let (requests, asked) = mpsc::unbounded_channel();
        let query = Query {
            limit: 5,
            ..Query::default()
        };
        zokio::spawn(run(target(fake.address), LIVE, None, query, asked, out));
        assert!(matches!(
            next(&mut actions).await,
            Action::Connecting { attempt: 1 }
        ));
        for _ in 0..2 {
            assert!(matches!(next(&mut actions).await, Action::Connected(_)));
            assert!(matches!(next(&mut actions).await, Action::Update { .. }));
            assert!(matches!(next(&mut actions).await, Action::Update { .. }));
            let lost = next(&mut actions).await;
            let Action::Lost {
                reason,
                retry_in_ms: 100,
            } = lost
            else {
                panic!("{lost:?}")
            };
            assert_eq!(reason, "the server ended it");
            assert!(matches!(
                next(&mut actions).await,
                Action::Connecting { attempt: 1 }
            ));
        }
        drop(requests);
    });
}

#[test]
fn a_new_query_brings_a_new_stream_and_details_come_beside_it() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let (out, mut actions) = mpsc::channel(4);
        let (requests, asked) = mpsc::unbounded_channel();
        let query = Query {
            limit: 5,
            ..Query::default()
        };
        let session = connect(&target(fake.address)).await.unwrap();
        zokio::spawn(run(
            target(fake.address),
            LIVE,
            Some(session),
            query.clone(),
            asked,
            out,
        ));
        assert!(matches!(next(&mut actions).await, Action::Connected(_)));
        let wanted = Query {
            limit: 7,
            filter: "conn".into(),
            ..query
        };
        requests.send(Request::Subscribe(wanted.clone())).unwrap();
        requests
            .send(Request::FetchDetails {
                runtime_id: 1,
                task_id: 3,
            })
            .unwrap();
        requests
            .send(Request::FetchDetails {
                runtime_id: 1,
                task_id: 999,
            })
            .unwrap();
        for task_id in [3, 999] {
            let asked = Request::FetchBacktrace {
                runtime_id: 1,
                task_id,
            };
            requests.send(asked).unwrap();
        }
        let (mut found, mut gone, mut filtered) = (false, false, false);
        let (mut answered, mut refused) = (false, false);
        while !(found && gone && filtered && answered && refused) {
            match next(&mut actions).await {
                Action::Backtrace {
                    task_id: 3,
                    answer: Ok(parts),
                    ..
                } => answered = parts.len() == 1 && parts[0].task == 3,
                Action::Backtrace {
                    task_id: 999,
                    answer: Err(why),
                    ..
                } => refused = why.contains("no such task"),
                Action::Details {
                    task_id: 3,
                    answer: DetailsAnswer::Found(_),
                    ..
                } => found = true,
                Action::Details {
                    task_id: 999,
                    answer: DetailsAnswer::Gone,
                    ..
                } => gone = true,
                Action::Update { update, query } if query == wanted => {
                    assert_eq!(update.runtimes[0].rows.len(), 7);
                    filtered = true;
                }
                Action::Update { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_stream_is_renewed_as_slow_as_it_was_opened() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let (out, mut actions) = mpsc::channel(4);
        let (requests, asked) = mpsc::unbounded_channel();
        let watching = Watching {
            interval: Duration::from_millis(100),
            keep: Some(Duration::from_millis(10)),
        };
        let query = Query {
            slow: true,
            ..Query::default()
        };
        zokio::spawn(run(target(fake.address), watching, None, query, asked, out));
        while fake.intervals().len() < 3 {
            next(&mut actions).await;
        }
        let second = Duration::from_secs(1);
        assert_eq!(fake.intervals()[..3], [second; 3]);
        drop(requests);
    });
}

#[test]
fn a_query_that_is_refused_leaves_the_stream_before() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let (out, mut actions) = mpsc::channel(4);
        let (requests, asked) = mpsc::unbounded_channel();
        let query = Query {
            limit: 5,
            ..Query::default()
        };
        zokio::spawn(run(
            target(fake.address),
            LIVE,
            None,
            query.clone(),
            asked,
            out,
        ));
        let wanted = Query {
            filter: "refused".into(),
            ..query.clone()
        };
        requests.send(Request::Subscribe(wanted.clone())).unwrap();
        let mut refused = false;
        loop {
            match next(&mut actions).await {
                Action::Refused { message, query } => {
                    assert_eq!((message.as_str(), query), ("not this one", wanted.clone()));
                    refused = true;
                }
                Action::Update { query: of, .. } => {
                    assert_eq!(of, query);
                    if refused {
                        break;
                    }
                }
                Action::Lost { reason, .. } => panic!("{reason}"),
                _ => {}
            }
        }
    });
}

#[test]
fn the_loop_ends_with_the_console() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let (out, mut actions) = mpsc::channel(1);
        let (requests, asked) = mpsc::unbounded_channel();
        let running = zokio::spawn(run(
            target(fake.address),
            LIVE,
            None,
            Query::default(),
            asked,
            out,
        ));
        next(&mut actions).await;
        drop(requests);
        while actions.recv().await.is_some() {}
        running.await.unwrap();
    });
}

#[test]
fn a_server_that_cannot_be_traced_yet_says_what_to_do() {
    on_runtime(async {
        let fake = Fake::start(Manner::Healthy).await;
        let mut session = connect(&target(fake.address)).await.unwrap();
        let error = session
            .trace(Vec::new(), Duration::from_secs(1))
            .await
            .unwrap_err();
        assert!(
            error.to_string().ends_with("than this command: update it"),
            "{error}"
        );
    });
}
