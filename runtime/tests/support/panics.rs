//! What a panic says and where it says it happened.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    static LAST: RefCell<Option<(String, u32)>> = const { RefCell::new(None) };
}

/// A panic's text, and the place it points to.
#[derive(Debug)]
pub(crate) struct Caught {
    pub(crate) text: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// Runs `f`, which panics on this thread, and says what the panic was.
pub(crate) fn caught(f: impl FnOnce()) -> Caught {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            LAST.set(panic.location().map(|l| (l.file().to_owned(), l.line())));
            report(panic);
        }));
    });
    LAST.set(None);
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    let (file, line) = LAST.take().expect("the hook has run");
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().expect("a text")).to_owned(),
    };
    Caught { text, file, line }
}
