//! Running hyper on zokio (feature `hyper`).
//!
//! [`TcpStream`](crate::net::TcpStream) and `UnixStream` implement `hyper::rt::{Read, Write}`
//! directly, [`HyperIo`] does for streams that wrap them, [`HyperExecutor`] spawns hyper's background
//! tasks, [`HyperTimer`] gives it time.
//!
//! ```
//! # zokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use hyper::rt::Timer;
//! use std::time::{Duration, Instant};
//! use zokio::rt::HyperTimer;
//!
//! // hyper::server::conn::http2::Builder::new(HyperExecutor::new()).timer(HyperTimer::new())
//! let start = Instant::now();
//! HyperTimer::new().sleep(Duration::from_millis(1)).await;
//! assert!(start.elapsed() >= Duration::from_millis(1));
//! # });
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

mod io;
mod stream;

pub use io::HyperIo;

use crate::time;

/// Spawns on the current runtime.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct HyperExecutor;

impl HyperExecutor {
    /// An executor; it belongs to whatever runtime it is used in.
    pub fn new() -> HyperExecutor {
        HyperExecutor
    }
}

impl<F> hyper::rt::Executor<F> for HyperExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        drop(crate::task::spawn(future));
    }
}

/// Sleeps on the current runtime.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct HyperTimer;

impl HyperTimer {
    /// A timer; it belongs to whatever runtime it is used in.
    pub fn new() -> HyperTimer {
        HyperTimer
    }
}

impl hyper::rt::Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep(Box::pin(time::sleep(duration))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(HyperSleep(Box::pin(time::sleep_until(deadline.into()))))
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<HyperSleep>() {
            Some(ours) => ours.get_mut().0.as_mut().reset(deadline.into()),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// What [`HyperTimer`] makes.
struct HyperSleep(Pin<Box<time::Sleep>>);

impl Future for HyperSleep {
    type Output = ();

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl hyper::rt::Sleep for HyperSleep {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Builder;
    use hyper::rt::{Executor, Timer};

    #[test]
    fn reset_moves_the_same_sleep() {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let timer = HyperTimer::new();
            let start = timer.now();
            let mut sleep = timer.sleep(Duration::from_secs(60));
            timer.reset(&mut sleep, start + Duration::from_secs(1));
            sleep.await;
            assert_eq!(timer.now() - start, Duration::from_secs(1));
        });
    }

    #[test]
    fn executor_runs_what_it_is_given() {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let (a, b) = crate::net::UnixStream::pair().unwrap();
                HyperExecutor::new().execute(async move { drop(a) });
                b.readable().await.unwrap();
                assert_eq!(b.try_read(&mut [0]).unwrap(), 0);
            });
    }
}
