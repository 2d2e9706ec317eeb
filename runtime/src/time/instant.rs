//! Moments on the runtime's clock.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::time::Duration;

use super::clock;
use crate::runtime::Handle;

/// A moment on a monotonic clock: std's `Instant`, except that [`now`](Instant::now) follows the
/// runtime's clock where a test has [frozen](super::pause) it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(std::time::Instant);

impl Instant {
    /// The present.
    ///
    /// ```
    /// # use zokio::time::Instant;
    /// let now = Instant::now();
    /// assert!(Instant::now() >= now);
    /// ```
    pub fn now() -> Instant {
        if clock::may_be_frozen()
            && let Ok(handle) = Handle::try_current()
        {
            return Instant(handle.driver().timers().clock().now());
        }
        Instant(std::time::Instant::now())
    }

    /// Stands for "never": far enough that nobody will see it, near enough to reckon with.
    pub(super) fn far_future() -> Instant {
        Instant::now() + Duration::from_secs(86_400 * 365 * 30)
    }

    /// From std's.
    pub fn from_std(std: std::time::Instant) -> Instant {
        Instant(std)
    }

    /// To std's.
    pub fn into_std(self) -> std::time::Instant {
        self.0
    }

    /// The time since `earlier`, zero if it is later.
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since `earlier`, `None` if it is later.
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_duration_since(earlier.0)
    }

    /// The time since `earlier`, zero if it is later.
    pub fn saturating_duration_since(&self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// The time since this moment, zero if it is yet to come.
    pub fn elapsed(&self) -> Duration {
        Instant::now() - *self
    }

    /// This moment and `duration`, `None` if the clock does not go that far.
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_add(duration).map(Instant)
    }

    /// This moment less `duration`, `None` if the clock does not go that far.
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        self.0.checked_sub(duration).map(Instant)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(std: std::time::Instant) -> Instant {
        Instant(std)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.0
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0 + duration)
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        self.0 += duration;
    }
}

impl Sub<Instant> for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, duration: Duration) -> Instant {
        Instant(self.0 - duration)
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        self.0 -= duration;
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
