//! What all timer futures have in common: a deadline and, while pending, a place in a wheel.
//!
//! An alarm enters a wheel only when it is first polled before its deadline. It belongs to the
//! runtime in whose context it was made, and keeps a handle of it, because who polls it may be
//! outside of any runtime. The exception are the alarms of `timeout`, most of which are never
//! polled: made inside a task they write to nothing shared, and belong to the runtime in which they
//! are first polled.

use std::task::{Context, Poll};
use std::time::Duration;

use super::rough::Rough;
use super::timers::{Ended, Timers};
use super::wheel::Key;
use super::{Instant, clock};
use crate::driver::{DriverHandle, SHUTDOWN_MESSAGE};
use crate::runtime::{Handle, context};
use crate::telemetry::current;

pub(super) struct Alarm {
    deadline: Deadline,
    state: State,
    /// The runtime; always known while armed.
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
    shard: u16,
    key: Key,
}

impl Alarm {
    /// # Panics
    ///
    /// Outside of a runtime, or if its timers are disabled.
    #[track_caller]
    pub(super) fn new(deadline: Instant) -> Alarm {
        Alarm::with(Deadline::At(deadline), true)
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
        let deadline = if clock::may_be_frozen() {
            let deadline = Instant::now().checked_add(duration);
            Deadline::At(deadline.unwrap_or_else(Instant::far_future))
        } else {
            Deadline::After(Rough::now(), duration)
        };
        Alarm::with(deadline, current::get().task == 0)
    }

    #[track_caller]
    #[inline]
    fn with(deadline: Deadline, keep_handle: bool) -> Alarm {
        let (enabled, home) = context::with_handle(|handle| {
            let home = keep_handle.then(|| handle.clone());
            (handle.driver().time_enabled(), home)
        });
        assert!(
            enabled,
            "A zokio context was found, but timers are disabled. Call `enable_time` on the \
             runtime builder to enable timers."
        );
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
            State::Idle => {
                let now = match &self.home {
                    Some(home) => Instant::from_std(home.driver().timers().clock().now()),
                    None => Instant::now(),
                };
                now >= self.deadline()
            }
            State::Armed(a) => self.timers().has_fired(a.shard, &a.key),
            State::Fired => true,
        }
    }

    /// # Panics
    ///
    /// After the runtime's shutdown; at the first poll also outside of a runtime, if it is a
    /// timeout's that was made inside a task.
    #[track_caller]
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let outcome = match &self.state {
            State::Fired => return Poll::Ready(()),
            State::Armed(a) => self.timers().poll(a.shard, &a.key, cx.waker()),
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

    #[track_caller]
    fn arm(&mut self, cx: &mut Context<'_>) -> Result<Option<Armed>, Ended> {
        let deadline = self.deadline();
        self.deadline = Deadline::At(deadline);
        let home = match self.home.take() {
            Some(home) => home,
            None => context::with_handle(Handle::clone),
        };
        let home = self.home.insert(home);
        let driver = home.driver();
        let worker = context::worker_index_of(home.shared());
        let shard = driver.timers().shard_of(worker);
        let key = driver.arm(shard, deadline.into_std(), cx.waker())?;
        Ok(key.map(|key| Armed { shard, key }))
    }

    /// Another deadline. Whoever waits is woken at the new one.
    pub(super) fn reset(&mut self, deadline: Instant) {
        self.deadline = Deadline::At(deadline);
        if let State::Armed(Armed { shard, key }) = std::mem::replace(&mut self.state, State::Idle)
            && let Some(key) = self.driver().rearm(shard, key, deadline.into_std())
        {
            self.state = State::Armed(Armed { shard, key });
        }
    }

    fn disarm(&mut self) {
        if let State::Armed(Armed { shard, key }) = std::mem::replace(&mut self.state, State::Idle)
        {
            self.timers().cancel(shard, key);
        }
    }

    /// The driver of the runtime that the alarm is, or was, armed in.
    fn driver(&self) -> &DriverHandle {
        self.home.as_ref().expect("armed in a runtime").driver()
    }

    fn timers(&self) -> &Timers {
        self.driver().timers()
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
