//! The wakers that one turn of the driver collects, to be woken when no lock is held.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Wakers in the order of their events. Keeps its memory from turn to turn, within bounds.
#[derive(Debug)]
pub(crate) struct Wakers(VecDeque<Waker>);

/// Room that is kept from one turn to the next.
const KEEP: usize = 1024;

impl Wakers {
    pub(crate) const fn new() -> Wakers {
        Wakers(VecDeque::new())
    }

    pub(crate) fn push(&mut self, waker: Waker) {
        self.0.push_back(waker);
    }

    pub(crate) fn extend(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.0.extend(wakers);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Wakes the first `most`, first come first. A waker that panics is reported by the panic hook and
    /// otherwise ignored: it must not take the worker down that runs the driver.
    pub(crate) fn wake_first(&mut self, most: usize) -> usize {
        let mut woken = 0;
        while woken < most
            && let Some(waker) = self.0.pop_front()
        {
            woken += 1;
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        woken
    }

    /// As [`wake_first`](Wakers::wake_first), but all.
    pub(crate) fn wake_all(&mut self) -> usize {
        let woken = self.wake_first(usize::MAX);
        self.0.shrink_to(KEEP);
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::testing::CountingWaker;
    use std::sync::Arc;
    use std::task::Wake;

    struct Panicking;

    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("on purpose"));
        }
    }

    #[test]
    fn panicking_waker_does_not_take_the_others_along() {
        let counter = CountingWaker::new();
        let mut wakers = Wakers::new();
        wakers.push(Waker::from(Arc::new(Panicking)));
        wakers.push(counter.waker());
        assert_eq!(wakers.wake_all(), 2);
        assert!(wakers.is_empty());
        assert_eq!(counter.count(), 1);
    }
}
