//! Building a runtime.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::blocking::{BlockingPool, ThreadConfig};
use super::config::FILE_IO_VARIABLE;
use super::metrics::Shape;
use super::rng::Seeds;
use super::{
    Config, FileIo, Handle, Hooks, LocalOptions, LocalRuntime, RngSeed, Runtime, RuntimeFlavor,
    UnhandledPanic,
};
use crate::driver::{self, Driver};
use crate::scheduler::{Shared, worker};

mod flight_recorder;
mod hooks;
mod tuning;

const DEFAULT_THREAD_NAME: &str = "zokio-rt-worker";
/// A worker's index has 16 bits.
const MAX_WORKERS: usize = 32_768;
const DEFAULT_MAX_BLOCKING_THREADS: usize = 512;
const DEFAULT_KEEP_ALIVE: Duration = Duration::from_secs(10);
const DEFAULT_EVENTS_PER_TICK: usize = 1024;

/// Builds a [`Runtime`] with other settings than the defaults.
///
/// ```
/// let runtime = zokio::runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .name("shop")
///     .enable_all()
///     .build()?;
/// assert_eq!(runtime.handle().name(), Some("shop"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Builder {
    flavor: RuntimeFlavor,
    name: Option<String>,
    worker_threads: Option<usize>,
    max_blocking_threads: usize,
    thread_name: Arc<dyn Fn() -> String + Send + Sync>,
    thread_stack_size: Option<usize>,
    thread_keep_alive: Duration,
    event_interval: Option<u32>,
    global_queue_interval: Option<u32>,
    events_per_tick: usize,
    events_per_busy_tick: Option<usize>,
    lifo: bool,
    eager_handoff: bool,
    unhandled_panic: UnhandledPanic,
    rng_seed: Option<RngSeed>,
    poll_times: PollTimes,
    enable_io: bool,
    enable_time: bool,
    start_paused: bool,
    file_io: FileIo,
    flight_recorder_bytes: usize,
    hooks: Hooks,
}

/// The histogram of poll times that is kept on request.
struct PollTimes {
    enabled: bool,
    shape: Shape,
    legacy: Option<tuning::LegacyShape>,
}

impl Default for PollTimes {
    fn default() -> PollTimes {
        PollTimes {
            enabled: false,
            shape: Shape::linear(tuning::DEFAULT_RESOLUTION, tuning::DEFAULT_BUCKETS),
            legacy: None,
        }
    }
}

impl Builder {
    fn new(flavor: RuntimeFlavor) -> Builder {
        Builder {
            flavor,
            name: None,
            worker_threads: None,
            max_blocking_threads: DEFAULT_MAX_BLOCKING_THREADS,
            thread_name: Arc::new(|| DEFAULT_THREAD_NAME.to_owned()),
            thread_stack_size: None,
            thread_keep_alive: DEFAULT_KEEP_ALIVE,
            event_interval: None,
            global_queue_interval: None,
            events_per_tick: DEFAULT_EVENTS_PER_TICK,
            events_per_busy_tick: None,
            lifo: true,
            eager_handoff: false,
            unhandled_panic: UnhandledPanic::Ignore,
            rng_seed: None,
            poll_times: PollTimes::default(),
            enable_io: false,
            enable_time: false,
            start_paused: false,
            file_io: FileIo::default(),
            flight_recorder_bytes: flight_recorder::DEFAULT_BYTES,
            hooks: Hooks::default(),
        }
    }

    /// A runtime that runs all tasks on the thread that calls `block_on`.
    pub fn new_current_thread() -> Builder {
        Builder::new(RuntimeFlavor::CurrentThread)
    }

    /// A runtime whose tasks run on several workers, which take work from one another.
    #[cfg(feature = "rt-multi-thread")]
    pub fn new_multi_thread() -> Builder {
        Builder::new(RuntimeFlavor::MultiThread)
    }

    /// Names the runtime. Telemetry shows one without a name as `runtime-N`.
    ///
    /// # Panics
    ///
    /// If the name is empty or blank.
    #[track_caller]
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(!name.trim().is_empty(), "runtime name shouldn't be empty");
        self.name = Some(name);
        self
    }

    /// Enables I/O and timers.
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io().enable_time()
    }

    /// Enables sockets and everything else that the I/O driver serves.
    pub fn enable_io(&mut self) -> &mut Self {
        self.enable_io = true;
        self
    }

    /// Enables timers.
    pub fn enable_time(&mut self) -> &mut Self {
        self.enable_time = true;
        self
    }

    /// Number of workers of a multi-thread runtime; ignored by the other flavour. Default: the
    /// environment variable `ZOKIO_WORKER_THREADS` if it is set when the runtime is built, else the
    /// parallelism that the system offers this process.
    ///
    /// # Panics
    ///
    /// If `workers` is 0 or more than 32,768.
    #[track_caller]
    pub fn worker_threads(&mut self, workers: usize) -> &mut Self {
        assert!(workers > 0, "Worker threads cannot be set to 0");
        assert!(
            workers <= MAX_WORKERS,
            "Worker threads cannot be set to more than {MAX_WORKERS}"
        );
        self.worker_threads = Some(workers);
        self
    }

    /// Most threads for `spawn_blocking`, workers not included. Default 512. As in tokio, a thread
    /// that has given its worker away in `block_in_place` may come on top when it is done.
    ///
    /// # Panics
    ///
    /// If `threads` is 0.
    #[track_caller]
    #[doc(alias = "max_threads")]
    pub fn max_blocking_threads(&mut self, threads: usize) -> &mut Self {
        assert!(threads > 0, "Max blocking threads cannot be set to 0");
        self.max_blocking_threads = threads;
        self
    }

    /// Name of the runtime's threads. Default `zokio-rt-worker`.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        self.thread_name = Arc::new(move || name.clone());
        self
    }

    /// A function that names each of the runtime's threads. It must not use the runtime.
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Builder
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = Arc::new(f);
        self
    }

    /// Stack size of the runtime's threads, in bytes. Default: the standard library's.
    pub fn thread_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// How long a blocking thread stays idle before it ends. Default 10 s.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.thread_keep_alive = duration;
        self
    }

    /// Scheduler ticks between two looks at I/O and timers while there is work. By default 61; more, up to
    /// 488, if they take less than 20 µs, and fewer, down to 2, if they take more than 500 µs (always 61
    /// without the feature `telemetry`).
    ///
    /// # Panics
    ///
    /// If `ticks` is 0.
    #[track_caller]
    pub fn event_interval(&mut self, ticks: u32) -> &mut Self {
        assert!(ticks > 0, "event_interval must be greater than 0");
        self.event_interval = Some(ticks);
        self
    }

    /// Scheduler ticks between two looks at the injector while there is local work. By default it follows
    /// from how long a tick takes: so many, from 2 to 127, that a task from outside waits for some 200 µs
    /// (31 without the feature `telemetry`).
    ///
    /// # Panics
    ///
    /// If `ticks` is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, ticks: u32) -> &mut Self {
        assert!(ticks > 0, "global_queue_interval must be greater than 0");
        self.global_queue_interval = Some(ticks);
        self
    }

    /// Most I/O events taken from the system at once. More come at the next look. Default 1024.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, events: usize) -> &mut Self {
        assert!(events > 0, "max_io_events_per_tick must be non-zero");
        self.events_per_tick = events;
        self
    }

    /// Most I/O events taken at once by a look that does not wait, as a worker makes that still has
    /// tasks to run. What wakes more tasks than a worker can run soon is better left in the system.
    /// Default: as [`max_io_events_per_tick`](Builder::max_io_events_per_tick).
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, events: usize) -> &mut Self {
        assert!(events > 0, "max_io_events_per_busy_tick must be non-zero");
        self.events_per_busy_tick = Some(events);
        self
    }

    /// Whether the clock of `zokio::time` starts paused, in runtimes of a single thread: a
    /// multi-thread runtime [cannot be built](Builder::build) then.
    pub fn start_paused(&mut self, paused: bool) -> &mut Self {
        self.start_paused = paused;
        self
    }

    /// Where file operations run. Default [`FileIo::Auto`]; the environment variable
    /// `ZOKIO_FILE_IO`, `auto` or `pool`, overrides what is set here.
    pub fn file_io(&mut self, file_io: FileIo) -> &mut Self {
        self.file_io = file_io;
        self
    }

    /// Builds the runtime and starts its workers.
    ///
    /// # Errors
    ///
    /// If the name of the runtime or of its threads contains a NUL, if `ZOKIO_FILE_IO` or
    /// `ZOKIO_FLIGHT_RECORDER` has a value other than those there are, or when the operating system
    /// refuses the event queue or a thread.
    ///
    /// # Panics
    ///
    /// If the clock of a multi-thread runtime is to [start paused](Builder::start_paused). If the
    /// environment variable `ZOKIO_WORKER_THREADS` is asked for and is no number or 0.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        if let Some(name) = self.name.as_deref().filter(|name| name.contains('\0')) {
            let text = format!("the runtime's name {name:?} contains a NUL character");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let from_environment = std::env::var_os(FILE_IO_VARIABLE);
        let file_io = self
            .file_io
            .or_from_environment(from_environment.as_deref())?;
        let multi = self.flavor == RuntimeFlavor::MultiThread;
        assert!(!(multi && self.start_paused), "{}", crate::time::ONE_THREAD);
        let workers = match self.worker_threads {
            _ if !multi => 1,
            Some(workers) => workers,
            None => default_workers(),
        };
        let driver = Driver::new(&driver::Config {
            enable_io: self.enable_io,
            enable_time: self.enable_time,
            events_capacity: self.events_per_tick,
            busy_events_capacity: self.events_per_busy_tick,
            timer_shards: workers + 1,
            start_paused: self.start_paused,
        })?;
        let flight_recorder_bytes = flight_recorder::bytes(
            self.flight_recorder_bytes,
            std::env::var_os(flight_recorder::VARIABLE).as_deref(),
        )?;
        let config = Config {
            flight_recorder_bytes,
            ..self.config(workers, file_io)
        };
        let blocking = BlockingPool::new(ThreadConfig {
            name: self.thread_name.clone(),
            stack_size: self.thread_stack_size,
            keep_alive: self.thread_keep_alive,
            max_threads: self.max_blocking_threads,
        });
        crate::telemetry::calibrate();
        let shared = Shared::new(self.name.clone(), self.flavor, config, driver, blocking);
        let runtime = Runtime::from_handle(Handle::from_shared(shared.clone()));
        if multi && let Err(error) = start_workers(&shared) {
            // Does not wait, so that it may be called anywhere.
            runtime.shutdown_background();
            return Err(error);
        }
        Ok(runtime)
    }

    /// What the scheduler is to know.
    fn config(&self, workers: usize, file_io: FileIo) -> Config {
        let multi = self.flavor == RuntimeFlavor::MultiThread;
        Config {
            workers,
            event_interval: self.event_interval,
            global_queue_interval: self.global_queue_interval,
            lifo: multi && self.lifo,
            eager_handoff: multi && self.eager_handoff,
            unhandled_panic: self.unhandled_panic.clone(),
            seeds: self.rng_seed.as_ref().map(Seeds::new),
            poll_histogram: self.poll_times.shape(),
            files_inline: file_io == FileIo::Auto,
            flight_recorder_bytes: self.flight_recorder_bytes,
            hooks: self.hooks.clone(),
        }
    }
}

impl Builder {
    /// Builds a runtime that stays on this thread, and whose tasks need not be `Send`.
    ///
    /// # Errors
    ///
    /// As [`build`](Builder::build).
    ///
    /// # Panics
    ///
    /// If the builder is not one of [`new_current_thread`](Builder::new_current_thread).
    #[track_caller]
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        assert!(
            self.flavor == RuntimeFlavor::CurrentThread,
            "multi_thread is not supported for LocalRuntime"
        );
        self.build().map(LocalRuntime::from_runtime)
    }
}

/// Starts a thread for each worker. If one is refused, the runtime is dropped by the caller's
/// `?`; cores without a thread leave here, so that shutdown does not wait for them.
fn start_workers(shared: &Arc<Shared>) -> io::Result<()> {
    for index in 0..shared.remotes.len() {
        let entered = shared.clone();
        shared.thread_entered();
        let started = shared.blocking.run_worker(shared, move || {
            worker::run(&entered, index);
            entered.thread_left();
        });
        if let Err(error) = started {
            shared.thread_left();
            shared.begin_shutdown();
            for index in index..shared.remotes.len() {
                shared.abandon_core(index);
            }
            return Err(error);
        }
    }
    Ok(())
}

const WORKERS_VARIABLE: &str = "ZOKIO_WORKER_THREADS";

#[track_caller]
fn default_workers() -> usize {
    static PARALLELISM: AtomicUsize = AtomicUsize::new(0);
    let asked_for = std::env::var_os(WORKERS_VARIABLE);
    if let Some(workers) = workers_from(asked_for.as_deref()) {
        return workers;
    }
    // To find it out takes many system calls.
    let known = PARALLELISM.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    PARALLELISM.store(cores, Ordering::Relaxed);
    cores
}

/// Workers that the environment variable of this value asks for.
#[track_caller]
fn workers_from(value: Option<&OsStr>) -> Option<usize> {
    let value = value?;
    let Some(text) = value.to_str() else {
        panic!("\"{WORKERS_VARIABLE}\" must be valid unicode, error: {value:?}");
    };
    match text.parse() {
        Ok(0) => panic!("\"{WORKERS_VARIABLE}\" cannot be set to 0"),
        Ok(workers) if workers > MAX_WORKERS => {
            panic!("\"{WORKERS_VARIABLE}\" cannot be set to more than {MAX_WORKERS}")
        }
        Ok(workers) => Some(workers),
        Err(error) => {
            panic!("\"{WORKERS_VARIABLE}\" must be usize, error: {error}, value: {text}")
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("name", &self.name)
            .field("worker_threads", &self.worker_threads)
            .field("max_blocking_threads", &self.max_blocking_threads)
            .field("thread_stack_size", &self.thread_stack_size)
            .field("file_io", &self.file_io)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic_text(value: &str) -> String {
        let asked = std::panic::catch_unwind(|| workers_from(Some(OsStr::new(value))));
        *asked.unwrap_err().downcast().unwrap()
    }

    #[test]
    fn environment_may_ask_for_a_number_of_workers() {
        assert_eq!(workers_from(None), None);
        assert_eq!(workers_from(Some(OsStr::new("3"))), Some(3));
    }

    #[test]
    fn environment_that_asks_for_something_else_is_told_so() {
        assert_eq!(
            panic_text("many"),
            "\"ZOKIO_WORKER_THREADS\" must be usize, error: invalid digit found in string, \
             value: many"
        );
        assert_eq!(
            panic_text("0"),
            "\"ZOKIO_WORKER_THREADS\" cannot be set to 0"
        );
        assert_eq!(
            panic_text("40000"),
            "\"ZOKIO_WORKER_THREADS\" cannot be set to more than 32768"
        );
    }
}
