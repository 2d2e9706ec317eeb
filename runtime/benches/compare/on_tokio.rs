//! The workloads on tokio.

mod rt {
    pub use tokio::runtime::Runtime;
    pub use tokio::{fs, io, net, spawn, sync, task, time};

    pub async fn acquire(
        semaphore: &sync::Semaphore,
    ) -> Result<sync::SemaphorePermit<'_>, sync::AcquireError> {
        semaphore.acquire().await
    }
}

#[path = "workloads/channel.rs"]
mod channel;
#[path = "workloads/file.rs"]
mod file;
#[path = "workloads/founding.rs"]
mod founding;
#[path = "workloads/latency.rs"]
mod latency;
#[path = "workloads/lifecycle.rs"]
mod lifecycle;
#[path = "workloads/lock.rs"]
mod lock;
#[path = "workloads/net.rs"]
mod net;
#[path = "workloads/rwlock.rs"]
mod rwlock;
#[path = "workloads/shared.rs"]
mod shared;
#[path = "workloads/signal.rs"]
mod signal;
#[path = "workloads/spawn.rs"]
mod spawn;
#[path = "workloads/time.rs"]
mod time;
#[path = "workloads/timeout.rs"]
mod timeout;

pub fn build(workers: usize) -> Runtime {
    #[cfg(tokio_unstable)]
    crate::child::console_subscriber();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

crate::runtimes::bind_groups!(
    spawn, channel, signal, shared, lock, rwlock, net, file, time, timeout, latency, founding,
    lifecycle
);
