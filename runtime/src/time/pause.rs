//! Freezing time, for tests.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use crate::runtime::{Handle, RuntimeFlavor};

/// The current runtime, whose clock may be frozen.
#[track_caller]
fn pausable() -> Handle {
    let handle = Handle::current();
    assert!(
        handle.runtime_flavor() == RuntimeFlavor::CurrentThread,
        "`time::pause()` requires the `current_thread` runtime: build it with \
         `Builder::new_current_thread`, which is what `#[zokio::test]` does by default."
    );
    handle
}

/// Freezes the current runtime's time.
///
/// [`Instant::now`](super::Instant::now) stands still, std's `Instant` goes on. When the runtime
/// has nothing to do, its time jumps to the next timer, so that sleeps of hours take no time;
/// while blocking jobs run it does not.
///
/// # Panics
///
/// If time is frozen already, outside of a runtime, and in a multi-thread runtime.
#[track_caller]
pub fn pause() {
    let paused = pausable().driver().timers().clock().pause();
    if let Err(why) = paused {
        panic!("{why}");
    }
}

/// Lets time run again, from where it stands.
///
/// # Panics
///
/// If time is not frozen, outside of a runtime, and in a multi-thread runtime.
#[track_caller]
pub fn resume() {
    let resumed = pausable().driver().timers().clock().resume();
    if let Err(why) = resumed {
        panic!("{why}");
    }
}

/// Moves frozen time by `duration`, fires the timers that it passes, and lets the tasks that they
/// wake go first.
///
/// Tasks that wait for several moments in turn see time jump past all of them at once: advance in
/// steps, or sleep, to see them one by one.
///
/// # Panics
///
/// If time is not frozen, outside of a runtime, and in a multi-thread runtime.
pub async fn advance(duration: Duration) {
    let handle = pausable();
    if let Err(why) = handle.driver().timers().clock().advance(duration) {
        panic!("{why}");
    }
    handle.driver().fire_timers();
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
