//! What the tests poll futures with, and where they catch panics.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Counts the wakes of one waker.
pub(crate) struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that is polled by hand, and how often it was woken.
pub(crate) struct Polled<F> {
    future: Pin<Box<F>>,
    waker: Waker,
    count: Arc<Count>,
}

pub(crate) fn polled<F: Future>(future: F) -> Polled<F> {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    Polled {
        future: Box::pin(future),
        waker: count.clone().into(),
        count,
    }
}

impl<F: Future> Polled<F> {
    pub(crate) fn poll(&mut self) -> Poll<F::Output> {
        self.future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }

    pub(crate) fn inner(&mut self) -> Pin<&mut F> {
        self.future.as_mut()
    }

    /// Polls, expects it to be pending, and returns the whole.
    #[track_caller]
    pub(crate) fn pending(mut self) -> Self {
        self.assert_pending();
        self
    }

    #[track_caller]
    pub(crate) fn assert_pending(&mut self) {
        assert!(self.poll().is_pending(), "ready too early");
    }

    #[track_caller]
    pub(crate) fn assert_ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("still pending"),
        }
    }

    /// Woken once since it was made, and ready.
    #[track_caller]
    pub(crate) fn assert_woken(&mut self) -> F::Output {
        assert_eq!(self.wakes(), 1, "woken once");
        self.assert_ready()
    }
}

/// The output of a future that is ready at its first poll.
#[track_caller]
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

/// Runs a future on a runtime of this thread.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// As [`run`], with the clock paused.
pub(crate) fn run_paused<F: Future>(future: F) -> F::Output {
    zokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// A panic: its text, and where it says that it happened.
pub(crate) struct Caught {
    pub(crate) text: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

thread_local! {
    static CAUGHT: RefCell<Option<Caught>> = const { RefCell::new(None) };
}

/// The panic of `f`.
#[track_caller]
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Caught {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            let location = info.location().unwrap();
            let text = match info.payload_as_str() {
                Some(text) => text.to_owned(),
                None => String::new(),
            };
            CAUGHT.set(Some(Caught {
                text,
                file: location.file().to_owned(),
                line: location.line(),
            }));
        }));
    });
    CAUGHT.take();
    assert!(
        panic::catch_unwind(AssertUnwindSafe(f)).is_err(),
        "no panic"
    );
    CAUGHT.take().expect("the hook has run on this thread")
}

/// Asserts that an expression panics with a text that contains the one given, at its own line.
macro_rules! assert_panics_here {
    ($text:expr, $e:expr) => {{
        let caught = $crate::support::caught(|| $e);
        assert!(
            caught.text.contains($text),
            "panicked with {:?}",
            caught.text
        );
        assert_eq!((caught.file.as_str(), caught.line), (file!(), line!()));
    }};
}
pub(crate) use assert_panics_here;

/// Adds to a counter when dropped.
#[derive(Clone)]
pub(crate) struct OnDrop(pub(crate) Arc<AtomicUsize>);

impl OnDrop {
    pub(crate) fn new() -> (OnDrop, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        (OnDrop(count.clone()), count)
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker, and something whose strong count tells whether clones of it are kept: 2 without any.
pub(crate) fn kept_waker() -> (Waker, Arc<Count>) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (count.clone().into(), count)
}
