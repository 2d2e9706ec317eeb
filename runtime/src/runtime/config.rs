//! What a runtime was built with.

use std::ffi::OsStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::metrics::Shape;
use super::rng::Seeds;
use super::task_hooks::TaskHooks;

/// Settings that the scheduler reads.
pub(crate) struct Config {
    pub(crate) workers: usize,
    /// Ticks of a worker between two looks at the driver. `None`: it is tuned.
    pub(crate) event_interval: Option<u32>,
    /// Ticks of a worker between two looks at the injector while it has work of its own.
    /// `None`: it is tuned.
    pub(crate) global_queue_interval: Option<u32>,
    /// Whether a woken task runs next (multi-thread flavour only).
    pub(crate) lifo: bool,
    /// Whether a worker that comes from the driver always has another take over there.
    pub(crate) eager_handoff: bool,
    pub(crate) unhandled_panic: UnhandledPanic,
    /// Where the threads' random numbers come from, if not from the system.
    pub(crate) seeds: Option<Seeds>,
    /// Buckets of the poll times that are counted on request.
    pub(crate) poll_histogram: Option<Shape>,
    /// Whether files that are in memory are served on the thread that asks.
    pub(crate) files_inline: bool,
    /// What a worker's flight recorder may take.
    pub(crate) flight_recorder_bytes: usize,
    pub(crate) hooks: Hooks,
}

/// What a runtime does when a spawned task panics: see
/// [`Builder::unhandled_panic`](super::Builder::unhandled_panic).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Nothing: the panic goes to the task's join handle.
    Ignore,
    /// It shuts down at once, also if the task's join handle is still there: all other tasks are
    /// cancelled, what is spawned later is too, and `block_on` panics, now and when it is called
    /// again.
    ShutdownRuntime,
}

/// Where file operations run: see [`Builder::file_io`](super::Builder::file_io).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileIo {
    /// What the system has in memory is served by the thread that asks, where the system can tell
    /// (Linux); all else goes to the pool of blocking threads.
    #[default]
    Auto,
    /// Everything goes to the pool of blocking threads.
    Pool,
}

/// Overrides [`Builder::file_io`](super::Builder::file_io) when it is set.
pub(super) const FILE_IO_VARIABLE: &str = "ZOKIO_FILE_IO";

impl FileIo {
    /// This, unless the environment variable's value says otherwise.
    ///
    /// # Errors
    ///
    /// If the value is none of those there are.
    pub(super) fn or_from_environment(self, value: Option<&OsStr>) -> io::Result<FileIo> {
        match value.map(OsStr::as_encoded_bytes) {
            None | Some(b"") => Ok(self),
            Some(b"auto") => Ok(FileIo::Auto),
            Some(b"pool") => Ok(FileIo::Pool),
            Some(_) => {
                let value = value.unwrap_or_default();
                let text = format!("{FILE_IO_VARIABLE} must be auto or pool, not {value:?}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, text))
            }
        }
    }
}

type Hook = Option<Arc<dyn Fn() + Send + Sync>>;

/// What the user wants to be called on.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) on_thread_start: Hook,
    pub(crate) on_thread_stop: Hook,
    pub(crate) on_thread_park: Hook,
    pub(crate) on_thread_unpark: Hook,
    pub(crate) tasks: TaskHooks,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_overrides_the_builder_s_file_io() {
        let choose =
            |own: FileIo, value: Option<&str>| own.or_from_environment(value.map(OsStr::new));
        for own in [FileIo::Auto, FileIo::Pool] {
            assert_eq!(choose(own, None).unwrap(), own);
            assert_eq!(choose(own, Some("")).unwrap(), own);
            assert_eq!(choose(own, Some("auto")).unwrap(), FileIo::Auto);
            assert_eq!(choose(own, Some("pool")).unwrap(), FileIo::Pool);
            let error = choose(own, Some("Pool")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                "ZOKIO_FILE_IO must be auto or pool, not \"Pool\""
            );
        }
    }
}
