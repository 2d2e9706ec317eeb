//! Timers whose runtime has been shut down.

use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::Context;

use zokio::time::{Instant, Sleep, interval, sleep, timeout};

use crate::panics::caught;
use crate::{HOUR, MS, frozen, poll_once, running};

const GONE: &str = "A zokio context was found, but it is being shutdown.";

/// A sleep whose runtime is gone; `polled` before or not.
fn orphan(polled: bool) -> Pin<Box<Sleep>> {
    let runtime = frozen();
    runtime.block_on(async {
        let mut nap = Box::pin(sleep(HOUR));
        if polled {
            assert!(poll_once(nap.as_mut()).is_pending());
        }
        nap
    })
}

#[test]
fn a_pending_sleep_panics_at_its_next_poll() {
    let mut nap = orphan(true);
    let refused = caught(|| _ = poll_once(nap.as_mut()));
    assert_eq!((refused.text.as_str(), refused.line), (GONE, line!() - 1));
    assert_eq!(refused.file, file!());
}

#[test]
fn a_sleep_that_was_never_polled_panics_at_its_first_poll() {
    let mut nap = orphan(false);
    let refused = caught(|| _ = poll_once(nap.as_mut()));
    assert_eq!((refused.text.as_str(), refused.line), (GONE, line!() - 1));
}

#[test]
fn a_completed_sleep_stays_ready() {
    let runtime = frozen();
    let mut nap = runtime.block_on(async {
        let mut nap = Box::pin(sleep(HOUR));
        nap.as_mut().await;
        nap
    });
    drop(runtime);
    assert!(poll_once(nap.as_mut()).is_ready());
    assert!(nap.is_elapsed());
}

#[test]
fn an_orphan_may_be_asked_reset_and_dropped() {
    for polled in [false, true] {
        let mut nap = orphan(polled);
        let deadline = nap.deadline();
        let _ = nap.is_elapsed();
        nap.as_mut().reset(deadline + HOUR);
        assert_eq!(nap.deadline(), deadline + HOUR);
        drop(nap);
    }
}

#[test]
fn a_reset_orphan_still_panics_when_polled() {
    let mut nap = orphan(true);
    nap.as_mut().reset(Instant::now());
    assert_eq!(caught(|| _ = poll_once(nap.as_mut())).text, GONE);
}

#[test]
fn an_interval_panics_at_its_next_tick() {
    let mut ticks = frozen().block_on(async {
        let mut ticks = interval(MS);
        ticks.tick().await;
        ticks
    });
    let refused = caught(|| _ = poll_once(pin!(ticks.tick())));
    assert_eq!((refused.text.as_str(), refused.line), (GONE, line!() - 1));
}

#[test]
fn a_pending_timeout_panics_but_its_future_goes_first() {
    let mut bounded = frozen().block_on(async {
        let (done, is_done) = zokio::sync::oneshot::channel();
        let mut bounded = Box::pin(timeout(HOUR, is_done));
        assert!(poll_once(bounded.as_mut()).is_pending());
        (done, bounded)
    });
    let refused = caught(|| _ = poll_once(bounded.1.as_mut()));
    assert_eq!(refused.text, GONE);
    bounded.0.send(5).unwrap();
    assert!(matches!(
        poll_once(bounded.1.as_mut()),
        std::task::Poll::Ready(Ok(Ok(5)))
    ));
}

#[test]
fn sleeping_tasks_are_dropped_by_shutdown() {
    struct Note(mpsc::Sender<()>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let (dropped, drops) = mpsc::channel();
    let runtime = running();
    for _ in 0..10 {
        let note = Note(dropped.clone());
        runtime.spawn(async move {
            let _note = note;
            sleep(HOUR).await;
        });
    }
    runtime.block_on(zokio::task::yield_now());
    drop(runtime);
    assert_eq!(drops.try_iter().count(), 10);
}

#[test]
fn a_destructor_may_drop_its_timers_at_shutdown() {
    let runtime = running();
    runtime.spawn(async {
        let mut ticks = interval(HOUR);
        ticks.tick().await;
        let mut nap = pin!(sleep(HOUR));
        let _ = poll_once(nap.as_mut());
        let _ = timeout(HOUR, ticks.tick()).await;
    });
    runtime.block_on(zokio::task::yield_now());
    drop(runtime);
}

#[test]
fn who_waits_outside_is_woken_by_shutdown() {
    struct Count(std::sync::atomic::AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    let count = std::sync::Arc::new(Count(0.into()));
    let runtime = running();
    let mut nap = {
        let _context = runtime.enter();
        Box::pin(sleep(HOUR))
    };
    let waker = count.clone().into();
    assert!(
        nap.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(runtime);
    assert_eq!(count.0.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn shutdown_does_not_wait_for_timers() {
    let runtime = running();
    runtime.spawn(async { sleep(HOUR).await });
    runtime.block_on(zokio::task::yield_now());
    runtime.shutdown_timeout(HOUR);
}
