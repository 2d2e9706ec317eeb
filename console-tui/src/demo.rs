//! A service with faults, in this process, for trying the console out.
//!
//! A real HTTP service on a loopback port of the kernel's choice, clients that keep it modestly
//! busy, work that lands on one worker and is stolen by others, and tasks that are stuck for good.
//! It runs on a runtime of its own named `demo`, instrumented as any program would be; the console
//! reaches it through the same gRPC as any other.
//!
//! Shutdown: dropping the [`Demo`] ends the instrumentation, then the runtime with all its tasks.

mod faults;
mod service;
mod traffic;

use std::io;

use zokio::runtime::{Builder, Runtime};

use crate::error::ConsoleError;
use crate::target::Target;

/// Workers: at least two, or there is nothing to steal from.
const MIN_WORKERS: usize = 2;
const MAX_WORKERS: usize = 4;

/// The running service. Fields are dropped in this order.
#[derive(Debug)]
pub(crate) struct Demo {
    guard: zokio_instrumentation::Guard,
    _runtime: Runtime,
}

impl Demo {
    /// Starts service, clients, faults and instrumentation.
    pub(crate) fn start() -> Result<Demo, ConsoleError> {
        let cores = std::thread::available_parallelism().map_or(MIN_WORKERS, usize::from);
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.clamp(MIN_WORKERS, MAX_WORKERS))
            .thread_name("demo-worker")
            .name("demo")
            .enable_all()
            .build()
            .map_err(ConsoleError::Runtime)?;
        let guard = zokio_instrumentation::builder()
            .bind("127.0.0.1:0")
            .attach(runtime.handle())
            .start()
            .map_err(|error| ConsoleError::Instrumentation(error.to_string()))?;
        runtime
            .block_on(start_service())
            .map_err(ConsoleError::Demo)?;
        Ok(Demo {
            guard,
            _runtime: runtime,
        })
    }

    /// Where its telemetry is served.
    pub(crate) fn target(&self) -> Result<Target, ConsoleError> {
        let address = self.guard.addr().to_string();
        address
            .parse()
            .map_err(|error| ConsoleError::Instrumentation(format!("{address}: {error}")))
    }
}

async fn start_service() -> io::Result<()> {
    let address = service::start().await?;
    traffic::start(address)?;
    faults::start()
}

/// Spawns a named task of the demo.
#[track_caller]
fn spawn<F>(name: &str, future: F) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    zokio::task::Builder::new()
        .name(name)
        .spawn(future)
        .map(|_| ())
}
