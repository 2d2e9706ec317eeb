//! One test a kind of leaf future: a task that waits for it is looked at, and then gets what it
//! waits for.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use zokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use zokio::net::{TcpListener, TcpStream, UdpSocket};
use zokio::sync::{
    Barrier, Mutex, Notify, OnceCell, RwLock, Semaphore, SetOnce, broadcast, mpsc, oneshot, watch,
};
use zokio::task::{self, JoinSet};
use zokio::time;

use super::{current, look_at};

/// Looks at a task that awaits `future`, then does what ends the wait.
async fn check<T, F, E>(future: F, expected: T, leaves: usize, end: E)
where
    T: Debug + PartialEq + Send + 'static,
    F: Future<Output = T> + Send + 'static,
    E: Future<Output = ()>,
{
    let task = zokio::spawn(future);
    look_at(task.id(), leaves).await;
    end.await;
    assert_eq!(task.await.unwrap(), expected);
}

#[test]
fn mutex() {
    current().block_on(async {
        let mutex = Arc::new(Mutex::new(1));
        let guard = mutex.clone().lock_owned().await;
        let waiting = mutex.clone();
        let wait = async move { *waiting.lock().await };
        check(wait, 1, 1, async { drop(guard) }).await;
        assert!(mutex.try_lock().is_ok(), "a permit is missing");
    });
}

#[test]
fn rwlock() {
    current().block_on(async {
        let lock = Arc::new(RwLock::new(1));
        let (guard, reads) = (lock.clone().write_owned().await, lock.clone());
        let wait = async move { *reads.read().await };
        check(wait, 1, 1, async { drop(guard) }).await;
        let (guard, writes) = (lock.clone().read_owned().await, lock.clone());
        let wait = async move { *writes.write().await };
        check(wait, 1, 1, async { drop(guard) }).await;
        assert!(lock.try_write().is_ok());
    });
}

#[test]
fn semaphore_that_is_filled_in_steps() {
    current().block_on(async {
        let semaphore = Arc::new(Semaphore::new(1));
        let waiting = semaphore.clone();
        let wait = async move { waiting.acquire_many(3).await.unwrap().forget() };
        check(wait, (), 1, async {
            semaphore.add_permits(1);
            semaphore.add_permits(1);
        })
        .await;
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn mpsc_receivers_and_senders() {
    current().block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let wait = async move { (receiver.recv().await, receiver) };
        let task = zokio::spawn(wait);
        look_at(task.id(), 1).await;
        sender.send(1).await.unwrap();
        let (value, mut receiver) = task.await.unwrap();
        assert_eq!(value, Some(1));

        sender.send(2).await.unwrap();
        let wait = async move { sender.send(3).await.is_ok() };
        check(wait, true, 1, async {
            assert_eq!(receiver.recv().await, Some(2));
        })
        .await;
        assert_eq!(receiver.recv().await, Some(3));

        let (sender, mut receiver) = mpsc::unbounded_channel();
        let wait = async move {
            let mut values = Vec::new();
            receiver.recv_many(&mut values, 5).await;
            values
        };
        check(wait, vec![1], 1, async { sender.send(1).unwrap() }).await;

        let (sender, receiver) = mpsc::channel::<()>(1);
        check(async move { sender.closed().await }, (), 1, async {
            drop(receiver);
        })
        .await;
    });
}

#[test]
fn oneshot_of_both_sides() {
    current().block_on(async {
        let (sender, receiver) = oneshot::channel();
        check(receiver, Ok(1), 1, async { sender.send(1).unwrap() }).await;
        let (mut sender, receiver) = oneshot::channel::<()>();
        check(async move { sender.closed().await }, (), 1, async {
            drop(receiver);
        })
        .await;
    });
}

#[test]
fn watch_and_broadcast() {
    current().block_on(async {
        let (sender, mut receiver) = watch::channel(0);
        let mut other = receiver.clone();
        let wait = async move { receiver.changed().await.is_ok() };
        check(wait, true, 1, async { sender.send(1).unwrap() }).await;
        let wait = async move { *other.wait_for(|value| *value == 2).await.unwrap() };
        check(wait, 2, 1, async { sender.send(2).unwrap() }).await;

        let (sender, mut receiver) = broadcast::channel(2);
        let wait = async move { receiver.recv().await };
        check(wait, Ok(1), 1, async {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        })
        .await;
    });
}

#[test]
fn notify_barrier_and_cells() {
    current().block_on(async {
        let notify = Arc::new(Notify::new());
        let waiting = notify.clone();
        let wait = async move { waiting.notified().await };
        check(wait, (), 1, async { notify.notify_one() }).await;

        let barrier = Arc::new(Barrier::new(2));
        let waiting = barrier.clone();
        let wait = async move { waiting.wait().await.is_leader() };
        check(wait, false, 1, async {
            assert!(barrier.wait().await.is_leader());
        })
        .await;

        let cell = Arc::new(SetOnce::new());
        let waiting = cell.clone();
        let wait = async move { *waiting.wait().await };
        check(wait, 1, 1, async { cell.set(1).unwrap() }).await;

        let (cell, (sender, receiver)) = (Arc::new(OnceCell::new()), oneshot::channel());
        let making = cell.clone();
        let maker = zokio::spawn(async move {
            *making
                .get_or_init(|| async { receiver.await.unwrap() })
                .await
        });
        look_at(maker.id(), 1).await;
        let waiting = cell.clone();
        let wait = async move { *waiting.get_or_init(|| async { 0 }).await };
        check(wait, 1, 1, async { sender.send(1).unwrap() }).await;
        assert_eq!(maker.await.unwrap(), 1);
    });
}

#[test]
fn timers() {
    current().block_on(async {
        time::pause();
        let second = Duration::from_secs(1);
        let tick = || time::advance(second);
        check(time::sleep(second), (), 1, tick()).await;
        let wait = async move {
            let mut interval = time::interval(second);
            interval.tick().await;
            interval.tick().await;
        };
        check(wait, (), 1, tick()).await;
        // The bound is a wait of its own.
        let (_sender, receiver) = oneshot::channel::<()>();
        let wait = async move { time::timeout(second, receiver).await.is_err() };
        check(wait, true, 2, tick()).await;
    });
}

#[test]
fn sockets() {
    current().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accept = async move { listener.accept().await.unwrap().0 };
        let accepting = zokio::spawn(accept);
        look_at(accepting.id(), 1).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut server = accepting.await.unwrap();
        let read = async move {
            let mut bytes = [0; 5];
            server.read_exact(&mut bytes).await.unwrap();
            bytes
        };
        check(read, *b"hello", 1, async {
            client.write_all(b"hello").await.unwrap();
        })
        .await;

        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = socket.local_addr().unwrap();
        let receive = async move {
            let mut bytes = [0; 8];
            let (n, _) = socket.recv_from(&mut bytes).await.unwrap();
            bytes[..n].to_vec()
        };
        check(receive, b"datagram".to_vec(), 1, async {
            let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            from.send_to(b"datagram", to).await.unwrap();
        })
        .await;
    });
}

#[test]
fn pipes_within_the_program() {
    current().block_on(async {
        let (mut near, mut far) = duplex(4);
        let read = async move {
            let mut bytes = [0; 2];
            far.read_exact(&mut bytes).await.unwrap();
            bytes
        };
        check(read, *b"hi", 1, async {
            near.write_all(b"hi").await.unwrap();
        })
        .await;
    });
}

#[test]
fn other_tasks_and_blocking_work() {
    current().block_on(async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let inner = zokio::spawn(async move { receiver.await.unwrap() });
        let wait = async move { inner.await.unwrap() };
        check(wait, 1, 1, async { sender.send(1).unwrap() }).await;

        let (sender, receiver) = oneshot::channel::<u32>();
        let wait = async move {
            let mut set = JoinSet::new();
            set.spawn(async move { receiver.await.unwrap() });
            set.join_next().await.unwrap().unwrap()
        };
        check(wait, 1, 1, async { sender.send(1).unwrap() }).await;

        let (sender, receiver) = std::sync::mpsc::channel();
        let wait = async move {
            let work = task::spawn_blocking(move || receiver.recv().unwrap());
            work.await.unwrap()
        };
        check(wait, 1, 1, async { sender.send(1).unwrap() }).await;
    });
}

#[test]
fn futures_that_change_the_budget() {
    current().block_on(async {
        let (sender, receiver) = oneshot::channel();
        let wait = task::unconstrained(receiver);
        check(wait, Ok(1), 1, async { sender.send(1).unwrap() }).await;
        let (sender, receiver) = oneshot::channel();
        let wait = task::coop::cooperative(receiver);
        check(wait, Ok(1), 1, async { sender.send(1).unwrap() }).await;
    });
}

#[cfg(unix)]
#[test]
fn signals_and_children() {
    use zokio::process::Command;
    use zokio::signal::unix::{SignalKind, signal};

    current().block_on(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let wait = async move { hangup.recv().await };
        check(wait, Some(()), 1, async {
            zokio::task::spawn_blocking(raise_hangup).await.unwrap();
        })
        .await;

        let mut child = Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let wait = async move { child.wait().await.unwrap().success() };
        check(wait, true, 1, async { drop(stdin) }).await;
    });
}

#[cfg(unix)]
fn raise_hangup() {
    let me = std::process::id().to_string();
    let status = std::process::Command::new("kill")
        .args(["-HUP", &me])
        .status();
    assert!(status.unwrap().success());
}
