//! `JoinError`: texts, predicates, payloads.

use std::error::Error;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use zokio::task::{self, JoinError};

use super::support::{Defer, assert_panics_here, current, text};

fn error_of<F>(future: F) -> JoinError
where
    F: Future<Output = ()> + Send + 'static,
{
    current().block_on(async { zokio::spawn(future).await.unwrap_err() })
}

fn cancelled() -> JoinError {
    current().block_on(async {
        let task = zokio::spawn(pending::<()>());
        task.abort();
        task.await.unwrap_err()
    })
}

fn panicked() -> JoinError {
    error_of(async { std::panic::panic_any("a reason") })
}

fn panicked_with_a_number() -> JoinError {
    error_of(async { std::panic::panic_any(5) })
}

#[test]
fn display_of_a_cancellation_names_the_task() {
    let error = cancelled();
    assert_eq!(
        error.to_string(),
        format!("task {} was cancelled", error.id())
    );
}

#[test]
fn display_of_a_panic_quotes_its_text() {
    let error = panicked();
    let expected = format!("task {} panicked with message \"a reason\"", error.id());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn display_of_a_panic_with_an_owned_text_quotes_it() {
    let error = error_of(async { std::panic::panic_any(format!("a {}", "reason")) });
    let expected = format!("task {} panicked with message \"a reason\"", error.id());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn display_of_a_panic_without_text_names_the_task_only() {
    let error = panicked_with_a_number();
    assert_eq!(error.to_string(), format!("task {} panicked", error.id()));
}

#[test]
fn debug_of_a_cancellation_names_the_task() {
    let error = cancelled();
    assert_eq!(
        format!("{error:?}"),
        format!("JoinError::Cancelled({:?})", error.id())
    );
}

#[test]
fn debug_of_a_panic_quotes_its_text() {
    let error = panicked();
    let expected = format!("JoinError::Panic({:?}, \"a reason\", ...)", error.id());
    assert_eq!(format!("{error:?}"), expected);
}

#[test]
fn debug_of_a_panic_without_text_names_the_task_only() {
    let error = panicked_with_a_number();
    assert_eq!(
        format!("{error:?}"),
        format!("JoinError::Panic({:?}, ...)", error.id())
    );
}

#[test]
fn predicates_tell_cancellation_from_panic() {
    let (cancelled, panicked) = (cancelled(), panicked());
    assert!(cancelled.is_cancelled() && !cancelled.is_panic());
    assert!(panicked.is_panic() && !panicked.is_cancelled());
}

#[test]
fn into_panic_gives_the_payload() {
    assert_eq!(text(&*panicked().into_panic()), "a reason");
    assert_eq!(
        panicked_with_a_number().into_panic().downcast_ref(),
        Some(&5)
    );
}

#[test]
fn into_panic_of_a_cancellation_panics_at_the_caller() {
    let error = cancelled();
    let id = error.id();
    let expected = format!("`JoinError` reason is not a panic.: JoinError::Cancelled({id:?})");
    assert_panics_here!(expected, || drop(error.into_panic()));
}

#[test]
fn try_into_panic_gives_the_payload_or_the_error_back() {
    assert_eq!(text(&*panicked().try_into_panic().unwrap()), "a reason");
    let error = cancelled();
    let id = error.id();
    let back = error.try_into_panic().unwrap_err();
    assert!(back.is_cancelled() && back.id() == id);
}

#[test]
fn payload_resumes_the_panic() {
    let payload = panicked().into_panic();
    let resumed = super::support::caught_payload(|| std::panic::resume_unwind(payload));
    assert_eq!(text(&*resumed), "a reason");
}

#[test]
fn io_errors_are_made_of_it() {
    let error = io::Error::from(cancelled());
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (io::ErrorKind::Other, "task was cancelled")
    );
    let error: io::Error = panicked().into();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (io::ErrorKind::Other, "task panicked")
    );
}

#[test]
fn it_has_no_source() {
    assert!(cancelled().source().is_none());
    assert!(panicked().source().is_none());
}

#[test]
fn it_is_send_sync_and_may_be_boxed() {
    fn boxed(error: JoinError) -> Box<dyn Error + Send + Sync> {
        error.into()
    }
    assert!(boxed(cancelled()).to_string().ends_with("was cancelled"));
}

#[test]
fn id_is_that_of_the_task() {
    current().block_on(async {
        let task = zokio::spawn(pending::<()>());
        let id = task.id();
        task.abort();
        assert_eq!(task.await.unwrap_err().id(), id);
    });
}

#[test]
fn blocking_work_that_panics_gives_an_error_with_its_text() {
    current().block_on(async {
        let work = task::spawn_blocking(|| std::panic::panic_any("blocked"));
        let id = work.id();
        let error = work.await.unwrap_err();
        let expected = format!("task {id} panicked with message \"blocked\"");
        assert_eq!(error.to_string(), expected);
    });
}

/// A future whose poll panics, and what its destructor then does.
struct Panics<F: FnMut()>(Defer<F>);

impl<F: FnMut()> Future for Panics<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        std::panic::panic_any("a reason")
    }
}

#[test]
fn future_whose_poll_panics_is_dropped_while_the_thread_panics() {
    let (tell, told) = std::sync::mpsc::channel();
    let error = error_of(Panics(Defer(move || {
        tell.send(std::thread::panicking()).unwrap();
    })));
    assert_eq!(text(&*error.into_panic()), "a reason");
    assert_eq!(told.recv(), Ok(true));
}

#[test]
fn panic_in_the_destructor_of_a_future_whose_poll_panicked_is_ignored() {
    let error = error_of(Panics(Defer(|| std::panic::panic_any("another"))));
    assert_eq!(text(&*error.into_panic()), "a reason");
}

#[test]
fn panics_in_the_destructors_of_a_future_and_of_its_output_are_one_and_the_worker_s_no_harm() {
    struct Both {
        _part: Defer<fn()>,
    }

    impl Future for Both {
        type Output = Defer<fn()>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Defer<fn()>> {
            Poll::Ready(Defer(|| std::panic::panic_any("of the output")))
        }
    }

    let runtime = current();
    let both = Both {
        _part: Defer(|| std::panic::panic_any("of the future")),
    };
    let error = runtime.block_on(runtime.spawn(both)).err().unwrap();
    assert_eq!(text(&*error.into_panic()), "of the future");
    assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
}
