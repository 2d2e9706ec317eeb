//! Without telemetry a runtime works as with it, and says that nothing is counted.

#![cfg(not(feature = "telemetry"))]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use zokio::io::{AsyncReadExt, AsyncWriteExt};
use zokio::net::{TcpListener, TcpStream};
use zokio::runtime::{Builder, Runtime};
use zokio::sync::mpsc;
use zokio::telemetry::{self, Snapshot, WorkerState};
use zokio::{task, time};

fn both() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2),
        &mut Builder::new_current_thread(),
    ]
    .map(|builder| builder.enable_all().name("quiet").build().unwrap())
}

async fn echo_once() -> std::io::Result<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut client = TcpStream::connect(listener.local_addr()?).await?;
    let echo = zokio::spawn(async move {
        let (mut server, _) = listener.accept().await?;
        let mut bytes = [0; 5];
        server.read_exact(&mut bytes).await?;
        server.write_all(&bytes).await
    });
    client.write_all(b"hello").await?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await?;
    echo.await??;
    Ok(answer)
}

#[test]
fn tasks_io_timers_and_blocking_work_run() {
    for runtime in both() {
        runtime.block_on(async {
            assert_eq!(echo_once().await.unwrap(), b"hello");
            let (tx, mut rx) = mpsc::channel(1);
            for i in 0..100u64 {
                let tx = tx.clone();
                zokio::spawn(async move {
                    time::sleep(Duration::from_millis(i % 3)).await;
                    let i = task::spawn_blocking(move || i).await.unwrap();
                    tx.send(i).await.unwrap();
                });
            }
            drop(tx);
            let mut sum = 0;
            while let Some(i) = rx.recv().await {
                sum += i;
            }
            assert_eq!(sum, 4950);
        });
    }
}

#[test]
fn snapshot_says_that_telemetry_is_off() {
    assert!(!telemetry::is_enabled());
    for runtime in both() {
        runtime.block_on(async { zokio::spawn(task::yield_now()).await.unwrap() });
        let snapshot = Snapshot::capture(runtime.handle());
        assert!(!snapshot.overhead.enabled);
        assert_eq!(&*snapshot.name, "quiet");
        assert_eq!(snapshot.workers.len(), runtime.metrics().num_workers());
        for worker in &snapshot.workers {
            assert_eq!((worker.polls, worker.state), (0, WorkerState::Detached));
        }
        assert!(snapshot.tasks.is_empty() && snapshot.spawn_sites.is_empty());
        assert!(telemetry::task_detail(runtime.handle(), 1).is_none());
        assert_eq!(telemetry::now_ns(), 0);
    }
}

#[test]
fn tasks_have_ids_and_block_on_has_none() {
    for runtime in both() {
        runtime.block_on(async {
            assert_eq!(task::try_id(), None);
            let handle = zokio::spawn(async { task::id() });
            let id = handle.id();
            assert_eq!(handle.await.unwrap(), id);
        });
    }
}

#[test]
fn live_tasks_are_known_and_dropped_with_the_runtime() {
    for runtime in both() {
        let held = Arc::new(());
        for _ in 0..200 {
            let held = held.clone();
            runtime.spawn(async move {
                pending::<()>().await;
                drop(held);
            });
        }
        let handle = runtime.handle().clone();
        assert_eq!(runtime.metrics().num_alive_tasks(), 200);
        assert_eq!(Snapshot::capture(&handle).alive_tasks, 200);
        drop(runtime);
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(handle.metrics().num_alive_tasks(), 0);
        assert!(Snapshot::capture(&handle).ended);
    }
}
