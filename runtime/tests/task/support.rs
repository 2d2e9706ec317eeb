//! What the tests of this folder share.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};

use zokio::runtime::{Builder, Runtime};

pub(crate) fn multi() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn both() -> [Runtime; 2] {
    [multi(), current()]
}

/// Counts its drops, and notes the thread of the latest.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<AtomicUsize>, Arc<Mutex<Option<std::thread::ThreadId>>>);

impl Drops {
    pub(crate) fn guard(&self) -> OnDrop {
        OnDrop(self.clone())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn thread(&self) -> Option<std::thread::ThreadId> {
        *self.1.lock().unwrap()
    }
}

pub(crate) struct OnDrop(Drops);

impl Drop for OnDrop {
    fn drop(&mut self) {
        *self.0.1.lock().unwrap() = Some(std::thread::current().id());
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls its function when dropped.
pub(crate) struct Defer<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Panics when dropped.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        std::panic::panic_any("bomb");
    }
}

/// A panic, and the file and line that it names.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

thread_local! {
    static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
    static WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, which panics.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Caught {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if WATCHED.get() {
                let place = info.location().map(|l| (l.file().to_owned(), l.line()));
                PLACE.with(|p| *p.borrow_mut() = place);
            } else {
                before(info);
            }
        }));
    });
    WATCHED.set(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    WATCHED.set(false);
    let Err(payload) = result else {
        panic!("it did not panic");
    };
    let (file, line) = PLACE.take().expect("the hook was called");
    Caught {
        message: text(&*payload),
        file,
        line,
    }
}

/// The payload that `f` panics with.
pub(crate) fn caught_payload<R>(f: impl FnOnce() -> R) -> Box<dyn std::any::Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => payload,
    }
}

/// The text of a panic's payload.
pub(crate) fn text(payload: &(dyn std::any::Any + Send)) -> String {
    let owned = payload.downcast_ref::<String>().cloned();
    owned
        .or_else(|| {
            payload
                .downcast_ref::<&'static str>()
                .map(|s| s.to_string())
        })
        .expect("a text")
}

/// Checks that the panic names a line of the file that the macro is used in, the one below it.
macro_rules! assert_panics_here {
    ($message:expr, $f:expr) => {{
        let line = line!();
        let caught = $crate::support::caught($f);
        assert_eq!(caught.message, $message);
        assert!(
            caught.file.ends_with(file!().rsplit('/').next().unwrap()),
            "{caught:?}"
        );
        assert!(
            (line..line + 8).contains(&caught.line),
            "{line}: {caught:?}"
        );
    }};
}
pub(crate) use assert_panics_here;

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Wakes(AtomicUsize);

impl Wakes {
    pub(crate) fn new() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (wakes.clone(), Waker::from(wakes))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls once.
pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Polls a future once within the calling task and says what it returned.
pub(crate) async fn poll_here<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// A log that local tasks write to.
pub(crate) type Log = Rc<RefCell<Vec<&'static str>>>;

pub(crate) fn log() -> Log {
    Log::default()
}
