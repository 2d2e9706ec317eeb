//! Runtimes to test on, and what a panic said and where.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use zokio::runtime::{Builder, Runtime};

pub(crate) fn multi(workers: usize) -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) fn current() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn both() -> [Runtime; 2] {
    [multi(2), current()]
}

/// A builder of each flavour, with two workers.
pub(crate) fn both_builders() -> [Builder; 2] {
    let mut multi = Builder::new_multi_thread();
    multi.worker_threads(2);
    [multi, Builder::new_current_thread()].map(|mut builder| {
        builder.enable_all();
        builder
    })
}

/// What a panic said, and the line of the code that it is blamed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panic {
    pub(crate) text: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

thread_local! {
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// The panic of `f` on this thread.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Panic {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().unwrap();
            let panic = Panic {
                text: info.payload_as_str().unwrap_or_default().to_owned(),
                file: place.file().to_owned(),
                line: place.line(),
            };
            // Also while the thread's locals are being destroyed.
            let _ = LAST.try_with(|last| *last.borrow_mut() = Some(panic));
            before(info);
        }));
    });
    LAST.set(None);
    let result = catch_unwind(AssertUnwindSafe(f));
    assert!(result.is_err(), "nothing has panicked");
    LAST.take().unwrap()
}

/// Asserts that a closure panics with a text that begins like this, and that the panic is blamed on
/// what the closure calls: a line of this statement, which the formatter may break.
macro_rules! assert_panics_here {
    ($text:expr, $f:expr) => {{
        let (line, panic) = (line!(), $crate::support::panic_of($f));
        assert!(panic.text.starts_with($text), "{panic:?}");
        assert_eq!(panic.file, file!());
        assert!(
            (line..line + 4).contains(&panic.line),
            "{panic:?}, not {line}"
        );
    }};
}
pub(crate) use assert_panics_here;
