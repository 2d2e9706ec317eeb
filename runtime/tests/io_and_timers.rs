//! Sockets and timers under load, on several workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::{TcpListener, TcpStream, UdpSocket};
use zokio::runtime::{Builder, Runtime};
use zokio::telemetry::{self, Snapshot};
use zokio::time::{Duration, Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

async fn echo(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        zokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
        });
    }
}

#[test]
fn echo_of_many_connections_answers_every_byte() {
    runtime(4).block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        zokio::spawn(echo(listener));
        let clients: Vec<_> = (0..64u8)
            .map(|client| {
                zokio::spawn(async move {
                    let mut stream = TcpStream::connect(address).await.unwrap();
                    for round in 0..50u8 {
                        let sent = vec![client ^ round; 1 + usize::from(round) * 20];
                        let mut got = vec![0; sent.len()];
                        let both = async {
                            stream.write_all(&sent).await.unwrap();
                            stream.read_exact(&mut got).await.unwrap();
                        };
                        timeout(Duration::from_secs(60), both).await.unwrap();
                        assert_eq!(got, sent);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
    });
}

#[test]
fn no_timer_is_lost_among_arming_moving_and_cancelling_tasks() {
    runtime(4).block_on(async {
        let fired = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..400u64)
            .map(|task| {
                let fired = Arc::clone(&fired);
                zokio::spawn(async move {
                    for round in 0..10u64 {
                        let after = MS * u32::try_from((task * 7 + round * 13) % 40).unwrap();
                        let start = Instant::now();
                        match round % 3 {
                            0 => sleep(after).await,
                            1 => {
                                let late = timeout(after, std::future::pending::<()>()).await;
                                assert!(late.is_err());
                            }
                            _ => {
                                let mut nap = Box::pin(sleep(MS * 60_000));
                                assert!(timeout(MS, nap.as_mut()).await.is_err());
                                nap.as_mut().reset(start + after);
                                nap.await;
                            }
                        }
                        assert!(start.elapsed() >= after);
                        fired.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(fired.load(Ordering::Relaxed), 4_000);
    });
}

#[test]
fn one_udp_socket_serves_many_waiting_tasks() {
    runtime(2).block_on(async {
        let server = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = server.local_addr().unwrap();
        for _ in 0..8 {
            let server = Arc::clone(&server);
            zokio::spawn(async move {
                let mut buffer = [0; 64];
                loop {
                    let (n, from) = server.recv_from(&mut buffer).await.unwrap();
                    server.send_to(&buffer[..n], from).await.unwrap();
                }
            });
        }
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.connect(address).await.unwrap();
        for round in 0..500u16 {
            client.send(&round.to_le_bytes()).await.unwrap();
            let mut got = [0; 2];
            timeout(Duration::from_secs(60), client.recv(&mut got))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(u16::from_le_bytes(got), round);
        }
    });
}

#[test]
fn sockets_opened_and_dropped_on_all_workers_leave_no_source() {
    let runtime = runtime(4);
    runtime.block_on(async {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_addr().unwrap();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let listener = Arc::clone(&listener);
                zokio::spawn(async move {
                    for _ in 0..50 {
                        let client = TcpStream::connect(address).await.unwrap();
                        let (mut server, _) = listener.accept().await.unwrap();
                        server.write_all(b"x").await.unwrap();
                        drop((server, client));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let driver = Snapshot::capture(runtime.handle()).driver;
    assert_eq!(driver.sources, 0);
    assert_eq!(driver.events > 0, telemetry::is_enabled());
}
