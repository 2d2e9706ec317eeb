//! What all timer futures have in common: a deadline and, while pending, a place in a wheel.
//!
//! Making an alarm inside a task writes to nothing shared: it enters a wheel, and takes a handle
//! of the runtime, only when it is first polled before its deadline. Made outside of a task (in a
//! runtime's context only), it takes the handle at once, because who polls it may be outside of
//! any runtime.

use std::task::{Context, Poll};
use std::time::Duration;

use super::rough::Rough;
use super::wheel::Key;
use super::{Instant, clock};
use crate::driver::SHUTDOWN_MESSAGE;
use crate::runtime::{Handle, context};
use crate::telemetry::current;

pub(super) struct Alarm {
    deadline: Deadline,
    state: State,
    /// The runtime, if it was fixed when the alarm was made.
    home: Option<Handle>,
}

#[derive(Clone, Copy)]
enum Deadline {
    At(Instant),
    /// So long after a moment of which the precise time has not been asked yet.
    After(Rough, Duration),
}

impl Deadline {
    fn settle(self) -> Instant {
        match self {
            Deadline::At(deadline) => deadline,
            Deadline::After(since, duration) => Instant::from_std(since.settle())
                .checked_add(duration)
                .unwrap_or_else(Instant::far_future),
        }
    }
}

enum State {
    Idle,
    Armed(Armed),
    Fired,
}

struct Armed {
    handle: Handle,
    shard: u16,
    key: Key,
}

impl Alarm {
    /// # Panics
    ///
    /// Outside of a runtime, or if its timers are disabled.
    #[track_caller]
    pub(super) fn new(deadline: Instant) -> Alarm {
        Alarm::with(Deadline::At(deadline))
    }

    /// An alarm that is due so long after now; cheaper than [`new`](Alarm::new), as long as it is
    /// not polled.
    ///
    /// # Panics
    ///
    /// As [`new`](Alarm::new).
    #[track_caller]
    #[inline]
    pub(super) fn after(duration: Duration) -> Alarm {
        if clock::may_be_frozen() {
            let deadline = Instant::now().checked_add(duration);
            return Alarm::new(deadline.unwrap_or_else(Instant::far_future));
        }
        Alarm::with(Deadline::After(Rough::now(), duration))
    }

    #[track_caller]
    #[inline]
    fn with(deadline: Deadline) -> Alarm {
        let enabled = context::with_handle(|handle| handle.driver().time_enabled());
        assert!(
            enabled,
            "A zokio context was found, but timers are disabled. Call `enable_time` on the \
             runtime builder to enable timers."
        );
        let home = (current::get().task == 0).then(Handle::current);
        Alarm {
            deadline,
            state: State::Idle,
            home,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline.settle()
    }

    /// Whether it has fired, or would if it were polled for the first time.
    pub(super) fn is_elapsed(&self) -> bool {
        match &self.state {
            State::Idle => Instant::now() >= self.deadline(),
            State::Armed(a) => a.handle.driver().timers().has_fired(a.shard, &a.key),
            State::Fired => true,
        }
    }

    /// # Panics
    ///
    /// After the runtime's shutdown; outside of a runtime, at the first poll.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let outcome = match &self.state {
            State::Fired => return Poll::Ready(()),
            State::Armed(a) => a.handle.driver().timers().poll(a.shard, &a.key, cx.waker()),
            State::Idle => match self.arm(cx) {
                Ok(Some(armed)) => {
                    self.state = State::Armed(armed);
                    return Poll::Pending;
                }
                Ok(None) => Ok(Poll::Ready(())),
                Err(ended) => Err(ended),
            },
        };
        match outcome {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => {
                self.disarm();
                self.state = State::Fired;
                Poll::Ready(())
            }
            Err(_ended) => panic!("{SHUTDOWN_MESSAGE}"),
        }
    }

    fn arm(&mut self, cx: &mut Context<'_>) -> Result<Option<Armed>, super::timers::Ended> {
        let deadline = self.deadline();
        self.deadline = Deadline::At(deadline);
        let deadline = deadline.into_std();
        let arm = |handle: &Handle, worker| {
            let driver = handle.driver();
            let shard = driver.timers().shard_of(worker);
            let key = driver.arm(shard, deadline, cx.waker())?;
            Ok(key.map(|key| Armed {
                handle: handle.clone(),
                shard,
                key,
            }))
        };
        match &self.home {
            Some(home) => arm(home, None),
            None => context::with_handle(|handle| arm(handle, context::worker_index())),
        }
    }

    /// Another deadline. Whoever waits is woken at the new one.
    pub(super) fn reset(&mut self, deadline: Instant) {
        self.deadline = Deadline::At(deadline);
        if let State::Armed(Armed { handle, shard, key }) =
            std::mem::replace(&mut self.state, State::Idle)
            && let Some(key) = handle.driver().rearm(shard, key, deadline.into_std())
        {
            self.state = State::Armed(Armed { handle, shard, key });
        }
    }

    fn disarm(&mut self) {
        if let State::Armed(Armed { handle, shard, key }) =
            std::mem::replace(&mut self.state, State::Idle)
        {
            handle.driver().timers().cancel(shard, key);
        }
    }
}

impl Drop for Alarm {
    #[inline]
    fn drop(&mut self) {
        if matches!(self.state, State::Armed(_)) {
            self.disarm();
        }
    }
}
