//! smol under tokio's names, as far as the workloads need them: its executor on so many threads,
//! its channels, locks, sockets, timers and pool.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

type Executor = smol::Executor<'static>;

thread_local! {
    static CURRENT: std::cell::RefCell<Option<Arc<Executor>>> =
        const { std::cell::RefCell::new(None) };
}

pub struct Runtime {
    executor: Arc<Executor>,
    stop: smol::channel::Sender<()>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// The executor that `spawn` goes to from threads that are no workers.
static MAIN: OnceLock<Arc<Executor>> = OnceLock::new();

impl Runtime {
    pub fn new(workers: usize) -> Runtime {
        let executor = Arc::new(Executor::new());
        let _ = MAIN.set(executor.clone());
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let threads = (0..workers)
            .map(|_| {
                let (executor, stopped) = (executor.clone(), stopped.clone());
                std::thread::spawn(move || {
                    CURRENT.set(Some(executor.clone()));
                    let _ = smol::block_on(executor.run(stopped.recv()));
                })
            })
            .collect();
        Runtime {
            executor,
            stop,
            threads,
        }
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        smol::block_on(future)
    }

    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        JoinHandle(Some(self.executor.spawn(future)))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stop.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A task that goes on when its handle is dropped, as tokio's do.
pub struct JoinHandle<T>(Option<smol::Task<T>>);

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, std::convert::Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let task = self.0.as_mut().expect("there until dropped");
        Pin::new(task).poll(cx).map(Ok)
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            task.detach();
        }
    }
}

pub fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    CURRENT.with_borrow(|current| {
        let executor = current.as_ref().or(MAIN.get()).expect("a runtime was made");
        JoinHandle(Some(executor.spawn(future)))
    })
}

pub async fn acquire(semaphore: &smol::lock::Semaphore) -> smol::lock::SemaphoreGuard<'_> {
    semaphore.acquire().await
}

pub mod task {
    pub use smol::future::yield_now;

    pub async fn spawn_blocking<T: Send + 'static>(
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, std::convert::Infallible> {
        Ok(smol::unblock(f).await)
    }
}

pub mod sync {
    pub use smol::lock::{Mutex, RwLock, Semaphore};

    pub mod mpsc {
        use smol::channel;

        pub struct Receiver<T>(channel::Receiver<T>);

        impl<T> Receiver<T> {
            pub async fn recv(&mut self) -> Option<T> {
                self.0.recv().await.ok()
            }
        }

        pub struct Unbounded<T>(channel::Sender<T>);

        impl<T> Clone for Unbounded<T> {
            fn clone(&self) -> Self {
                Unbounded(self.0.clone())
            }
        }

        impl<T> Unbounded<T> {
            pub fn send(&self, value: T) -> Result<(), channel::TrySendError<T>> {
                self.0.try_send(value)
            }
        }

        pub fn channel<T>(capacity: usize) -> (channel::Sender<T>, Receiver<T>) {
            let (sender, receiver) = channel::bounded(capacity);
            (sender, Receiver(receiver))
        }

        pub fn unbounded_channel<T>() -> (Unbounded<T>, Receiver<T>) {
            let (sender, receiver) = channel::unbounded();
            (Unbounded(sender), Receiver(receiver))
        }
    }
}

pub mod io {
    pub use smol::io::{AsyncReadExt, AsyncWriteExt};
}

pub mod net {
    pub use smol::net::{TcpListener, TcpStream, UdpSocket};
}

pub mod fs {
    pub use smol::fs::{read, write};
}

pub mod time {
    pub async fn sleep(duration: std::time::Duration) {
        smol::Timer::after(duration).await;
    }
}
