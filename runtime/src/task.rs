//! Tasks: spawning, awaiting, aborting, yielding, blocking.

pub mod coop;
pub(crate) mod header;
pub(crate) mod pool;
pub(crate) mod raw;
pub(crate) mod state;

mod builder;
mod error;
mod id;
mod join_handle;
pub mod join_set;
pub(crate) mod local;
mod local_key;
mod slab;
mod waker;
mod yield_now;

use std::panic::Location;

pub use builder::Builder;
pub use coop::{Unconstrained, consume_budget, unconstrained};
pub use error::JoinError;
pub use id::{Id, id, try_id};
pub(crate) use join_handle::Spawned;
pub use join_handle::{AbortHandle, JoinHandle};
pub use join_set::JoinSet;
pub use local::{LocalEnterGuard, LocalSet, spawn_local};
pub use local_key::{AccessError, LocalKey};
#[cfg(feature = "telemetry")]
pub(crate) use waker::is_of;
#[cfg_attr(
    not(feature = "telemetry"),
    expect(unused_imports, reason = "nobody asks tasks where they wait")
)]
pub(crate) use waker::schedule_if;
pub use yield_now::yield_now;

/// Futures of this module.
pub mod futures {
    pub use super::local_key::TaskLocalFuture;
}

use crate::runtime::{Handle, RuntimeFlavor, context};
use crate::scheduler::worker;

/// Spawns a future on the current runtime. It begins at once, whether or not the handle is
/// awaited.
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    context::with_handle_to_spawn(|handle| handle.shared().spawn(future, None, location)).handle()
}

/// Runs a function that may block on the pool of blocking threads.
///
/// # Panics
///
/// Outside of a runtime, and if the pool has no thread and the system refuses one.
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let location = Location::caller();
    // The current runtime is not borrowed: the pool may ask the user for a thread's name.
    let handle = Handle::current();
    let shared = handle.shared();
    shared.blocking.spawn(shared, f, None, location)
}

/// Runs a function that may block, on this thread: another thread takes over the worker, so that
/// its tasks go on. The task itself does not: whatever else runs in it waits.
///
/// # Panics
///
/// In a current-thread runtime.
#[cfg(feature = "rt-multi-thread")]
#[track_caller]
pub fn block_in_place<F, R>(f: F) -> R
where
    F: FnOnce() -> R,
{
    assert!(
        context::may_block_in_place(),
        "can call blocking only when running on the multi-threaded runtime"
    );
    context::with_worker(|worker| {
        let handed_over = worker
            .filter(|worker| worker.shared().flavor == RuntimeFlavor::MultiThread)
            .and_then(worker::hand_over);
        let _budget = coop::enter(coop::Budget::unconstrained());
        let allowed = context::allow_blocking();
        let result = f();
        drop(allowed);
        drop(handed_over);
        result
    })
}
