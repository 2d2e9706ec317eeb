//! The place where what a client is to be sent next waits for it: one item, the newest.
//!
//! A client that does not take its items costs one, however long it stays away. Each that was
//! replaced before it was taken is counted as skipped.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// See the module.
#[derive(Debug)]
pub(crate) struct Mailbox<T>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T> {
    item: Option<T>,
    skipped: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Mailbox<T> {
        Mailbox(Mutex::new(State {
            item: None,
            skipped: 0,
            closed: false,
            reader: None,
        }))
    }
}

impl<T> Mailbox<T> {
    /// Puts the newest item in, in place of one that was not taken.
    pub(crate) fn put(&self, item: T) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.item.replace(item).is_some() {
            state.skipped += 1;
        }
        wake(state);
    }

    /// No item will come after the one that is there.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    /// Takes the item and the number of those skipped so far; `None` after the last one.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<(T, u64)>> {
        let mut state = self.lock();
        if let Some(item) = state.item.take() {
            return Poll::Ready(Some((item, state.skipped)));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader outside of the lock.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn take(mailbox: &Mailbox<u64>, wakes: &Arc<Wakes>) -> Poll<Option<(u64, u64)>> {
        let waker = Waker::from(Arc::clone(wakes));
        mailbox.poll_take(&mut Context::from_waker(&waker))
    }

    #[test]
    fn the_newest_item_wins_and_the_others_are_counted() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::default());
        (1..=4).for_each(|item| mailbox.put(item));
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((4, 3))));
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.put(5);
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((5, 3))));
    }

    #[test]
    fn a_waiting_reader_is_woken_once_an_item() {
        let (mailbox, wakes) = (Mailbox::<u64>::default(), Arc::<Wakes>::default());
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.put(1);
        mailbox.put(2);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_last_item_is_still_delivered_after_the_close() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::default());
        mailbox.put(1);
        mailbox.close();
        mailbox.put(2);
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((1, 0))));
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(None));
    }

    #[test]
    fn a_close_wakes_the_reader() {
        let (mailbox, wakes) = (Mailbox::<u64>::default(), Arc::<Wakes>::default());
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.close();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(None));
    }
}
