//! The place where a viewer's next view waits for it: one view, the newest.
//!
//! A viewer that does not take its views costs one view, however long it stays away. Each view that
//! was replaced before it was taken is counted as skipped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::View;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    view: Option<Arc<View>>,
    skipped: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl Mailbox {
    /// Puts the newest view in, in place of one that was not taken.
    pub(crate) fn put(&self, view: Arc<View>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.view.replace(view).is_some() {
            state.skipped += 1;
        }
        wake(state);
    }

    /// No view will come after the one that is there.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    /// Takes the view and the number of those skipped so far; `None` after the last one.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<(Arc<View>, u64)>> {
        let mut state = self.lock();
        if let Some(view) = state.view.take() {
            return Poll::Ready(Some((view, state.skipped)));
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader outside of the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn view(sequence: u64) -> Arc<View> {
        Arc::new(View {
            sequence,
            ..View::default()
        })
    }

    fn take(mailbox: &Mailbox, wakes: &Arc<Wakes>) -> Poll<Option<(u64, u64)>> {
        let waker = Waker::from(Arc::clone(wakes));
        mailbox
            .poll_take(&mut Context::from_waker(&waker))
            .map(|taken| taken.map(|(view, skipped)| (view.sequence, skipped)))
    }

    #[test]
    fn the_newest_view_wins_and_the_others_are_counted() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::default());
        for sequence in 1..=4 {
            mailbox.put(view(sequence));
        }
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((4, 3))));
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.put(view(5));
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((5, 3))));
    }

    #[test]
    fn a_waiting_reader_is_woken_once_a_view() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::<Wakes>::default());
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.put(view(1));
        mailbox.put(view(2));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_last_view_is_still_delivered_after_the_close() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::default());
        mailbox.put(view(1));
        mailbox.close();
        mailbox.put(view(2));
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(Some((1, 0))));
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(None));
    }

    #[test]
    fn a_close_wakes_the_reader() {
        let (mailbox, wakes) = (Mailbox::default(), Arc::<Wakes>::default());
        assert_eq!(take(&mailbox, &wakes), Poll::Pending);
        mailbox.close();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(take(&mailbox, &wakes), Poll::Ready(None));
    }
}
