//! The workloads that smol has the means for.

#[path = "smol_names.rs"]
mod rt;

#[path = "workloads/channel.rs"]
mod channel;
#[path = "workloads/file.rs"]
mod file;
#[path = "workloads/latency.rs"]
mod latency;
#[path = "workloads/lock.rs"]
mod lock;
#[path = "workloads/net.rs"]
mod net;
#[path = "workloads/rwlock.rs"]
mod rwlock;
#[path = "workloads/spawn.rs"]
mod spawn;
#[path = "workloads/time.rs"]
mod time;

pub fn build(workers: usize) -> Runtime {
    Runtime::new(workers)
}

crate::runtimes::bind_groups!(spawn, channel, lock, rwlock, net, file, time, latency);
