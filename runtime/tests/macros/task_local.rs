//! `task_local!` and `LocalKey`.

use std::cell::RefCell;
use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::support::{after, block_on, poll_once};

zokio::task_local! {
    /// Documented and public.
    pub(crate) static NUMBER: u32;
    static TEXT: String;
    static LIST: RefCell<Vec<&'static str>>
}

zokio::task_local! {}

fn panic_text(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn a_scope_sets_the_value_for_its_future_alone() {
    assert!(NUMBER.try_get().is_err());
    let seen = block_on(NUMBER.scope(1, async {
        let before = NUMBER.get();
        after(2, ()).await;
        (before, NUMBER.get())
    }));
    assert_eq!(seen, (1, 1));
    assert!(NUMBER.try_get().is_err());
}

#[test]
fn between_two_polls_the_value_is_not_set() {
    let mut scope = pin!(NUMBER.scope(1, async {
        after(1, ()).await;
        NUMBER.get()
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    assert!(NUMBER.try_get().is_err());
    assert_eq!(poll_once(scope.as_mut()), Poll::Ready(1));
}

#[test]
fn inner_scopes_hide_outer_ones() {
    let seen = block_on(NUMBER.scope(1, async {
        let inner = NUMBER.scope(2, async { NUMBER.get() }).await;
        let sync = NUMBER.sync_scope(3, || NUMBER.get());
        (inner, sync, NUMBER.get())
    }));
    assert_eq!(seen, (2, 3, 1));
}

#[test]
fn scopes_that_run_together_keep_their_own_values() {
    let number = |n| {
        NUMBER.scope(n, async move {
            after(n, ()).await;
            NUMBER.get()
        })
    };
    assert_eq!(
        block_on(async { zokio::join!(number(1), number(2), number(3)) }),
        (1, 2, 3)
    );
}

#[test]
fn the_value_moves_between_threads_with_its_future() {
    let mut scope = Box::pin(TEXT.scope("here".to_owned(), async {
        after(1, ()).await;
        TEXT.with(String::clone)
    }));
    assert!(poll_once(scope.as_mut()).is_pending());
    let seen = std::thread::spawn(move || block_on(scope)).join().unwrap();
    assert_eq!(seen, "here");
}

#[test]
fn interior_mutability_lasts_through_the_scope() {
    let out = block_on(LIST.scope(RefCell::new(Vec::new()), async {
        LIST.with(|list| list.borrow_mut().push("one"));
        after(1, ()).await;
        LIST.with(|list| list.borrow_mut().push("two"));
        LIST.with(RefCell::take)
    }));
    assert_eq!(out, ["one", "two"]);
}

#[test]
fn asking_outside_of_a_scope_is_an_error_in_words() {
    let error = TEXT.try_with(String::len).unwrap_err();
    assert_eq!(error.to_string(), "task-local value not set");
    assert_eq!(format!("{error:?}"), "AccessError");
    assert_eq!(
        panic_text(|| drop(TEXT.get())),
        "cannot access a task-local storage value without setting it first"
    );
}

#[test]
fn entering_a_scope_while_it_is_borrowed_panics_in_words() {
    let expected = "cannot enter a task-local scope while the task-local storage is borrowed";
    NUMBER.sync_scope(1, || {
        assert_eq!(
            panic_text(|| NUMBER.with(|_| NUMBER.sync_scope(2, || ()))),
            expected
        );
        let mut scope = pin!(NUMBER.scope(2, ready(())));
        assert_eq!(
            panic_text(|| NUMBER.with(|_| assert!(poll_once(scope.as_mut()).is_pending()))),
            expected
        );
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn a_panic_inside_restores_the_outer_value() {
    NUMBER.sync_scope(1, || {
        assert_eq!(
            panic_text(|| NUMBER.sync_scope(2, || panic!("inside"))),
            "inside"
        );
        assert_eq!(NUMBER.get(), 1);
    });
}

#[test]
fn polling_after_completion_panics() {
    let mut scope = pin!(NUMBER.scope(1, ready(())));
    assert!(poll_once(scope.as_mut()).is_ready());
    let text = panic_text(|| assert!(poll_once(scope.as_mut()).is_pending()));
    assert_eq!(text, "`TaskLocalFuture` polled after completion");
}

#[test]
fn the_value_can_be_taken_before_and_after_completion() {
    let mut scope = pin!(TEXT.scope(
        "value".to_owned(),
        poll_fn(|_| { Poll::Ready(TEXT.try_get().ok()) })
    ));
    assert_eq!(scope.as_mut().take_value().as_deref(), Some("value"));
    assert_eq!(poll_once(scope.as_mut()), Poll::Ready(None));

    let mut scope = pin!(TEXT.scope("value".to_owned(), async {}));
    assert!(poll_once(scope.as_mut()).is_ready());
    assert_eq!(scope.as_mut().take_value().as_deref(), Some("value"));
    assert_eq!(scope.as_mut().take_value(), None);
}

#[test]
fn the_future_is_dropped_inside_of_its_scope() {
    struct OnDrop<'a>(&'a RefCell<Vec<Option<u32>>>);
    impl Drop for OnDrop<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(NUMBER.try_get().ok());
        }
    }
    let seen = RefCell::new(Vec::new());
    let with_guard = || {
        let guard = OnDrop(&seen);
        NUMBER.scope(9, async move {
            let _guard = guard;
            after(1, ()).await;
        })
    };
    drop(with_guard()); // never polled
    {
        let mut scope = pin!(with_guard()); // dropped half-way
        assert!(poll_once(scope.as_mut()).is_pending());
    }
    block_on(with_guard()); // run to its end
    assert_eq!(seen.take(), [Some(9), Some(9), Some(9)]);
}

#[test]
fn debug_shows_the_value() {
    let scope = NUMBER.scope(5, ready(()));
    assert_eq!(format!("{scope:?}"), "TaskLocalFuture { value: 5 }");
    assert_eq!(format!("{NUMBER:?}"), "LocalKey { .. }");
    let mut scope = pin!(scope);
    assert_eq!(scope.as_mut().take_value(), Some(5));
    assert_eq!(format!("{scope:?}"), "TaskLocalFuture { value: <missing> }");
}

#[test]
fn the_future_is_send_when_its_parts_are() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    assert_eq!(
        block_on(is_send(NUMBER.scope(1, async { NUMBER.get() }))),
        1
    );
}
