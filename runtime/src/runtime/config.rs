//! What a runtime was built with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Settings that the scheduler reads.
pub(crate) struct Config {
    pub(crate) workers: usize,
    /// Ticks of a worker between two looks at the driver.
    pub(crate) event_interval: u32,
    /// Ticks of a worker between two looks at the injector while it has work of its own.
    pub(crate) global_queue_interval: u32,
    /// Whether a woken task runs next (multi-thread flavour only).
    pub(crate) lifo: bool,
    pub(crate) hooks: Hooks,
}

type Hook = Option<Arc<dyn Fn() + Send + Sync>>;

/// What the user wants to be called on.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_thread_start: Hook,
    pub(crate) on_thread_stop: Hook,
    pub(crate) on_thread_park: Hook,
    pub(crate) on_thread_unpark: Hook,
}

/// A panic in a hook is reported by the panic hook and otherwise ignored: it must not take a
/// worker down.
fn call(hook: &Hook) {
    if let Some(hook) = hook {
        let _ = catch_unwind(AssertUnwindSafe(|| hook()));
    }
}

impl Hooks {
    pub(crate) fn thread_started(&self) {
        call(&self.on_thread_start);
    }

    pub(crate) fn thread_stopping(&self) {
        call(&self.on_thread_stop);
    }

    pub(crate) fn before_park(&self) {
        call(&self.on_thread_park);
    }

    pub(crate) fn after_unpark(&self) {
        call(&self.on_thread_unpark);
    }
}
