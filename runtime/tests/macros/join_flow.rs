//! `join!` and `try_join!`: who is polled when, what is dropped when, what is accepted.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, IntoFuture, Ready, pending, poll_fn, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use zokio::{join, try_join};

use crate::panics::caught;
use crate::support::{DropNote, Log, after, block_on, poll_once};

#[test]
fn outputs_are_moved_out() {
    struct NoCopy(#[allow(dead_code)] Box<u32>);
    let (one, two): (NoCopy, Vec<NoCopy>) = block_on(async {
        join!(after(1, NoCopy(Box::new(1))), async {
            vec![NoCopy(Box::new(2))]
        })
    });
    assert_eq!((*one.0, *two[0].0), (1, 2));
}

#[test]
fn an_output_is_dropped_once() {
    let log = Log::default();
    let notes =
        block_on(async { join!(async { DropNote(&log, "a") }, async { DropNote(&log, "b") }) });
    assert!(log.take().is_empty());
    drop(notes);
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn outputs_of_a_dropped_join_are_dropped() {
    let log = Log::default();
    {
        let mut all = pin!(async { join!(async { DropNote(&log, "output") }, pending::<()>()) });
        assert!(poll_once(all.as_mut()).is_pending());
        assert!(log.take().is_empty());
    }
    assert_eq!(log.take(), ["output"]);
}

#[test]
fn a_dropped_join_drops_its_futures_in_their_order() {
    let log = Log::default();
    {
        let mut all = pin!(async {
            join!(
                log.dropped("a", None::<()>),
                log.dropped("b", None::<()>),
                log.dropped("c", None::<()>)
            )
        });
        assert!(poll_once(all.as_mut()).is_pending());
    }
    assert_eq!(log.take(), ["a", "b", "c"]);
}

#[test]
fn nothing_is_polled_before_the_join_is() {
    let log = Log::default();
    let all = async { join!(log.polled("a"), log.polled("b")) };
    assert!(log.take().is_empty());
    drop(all);
}

#[test]
fn expressions_are_evaluated_in_their_order_when_the_join_is_reached() {
    let log = Log::default();
    let note = |name| {
        log.note(name);
        ready(name)
    };
    let out = block_on(async { join!(note("a"), note("b"), note("c")) });
    assert_eq!(log.take(), ["a", "b", "c"]);
    assert_eq!(out, ("a", "b", "c"));
}

#[test]
fn one_pending_future_does_not_hold_the_others_up() {
    let done = Cell::new(0);
    let count = || async {
        after(1, ()).await;
        done.set(done.get() + 1);
    };
    let mut all = pin!(async { join!(pending::<()>(), count(), count()) });
    assert!(poll_once(all.as_mut()).is_pending());
    assert!(poll_once(all.as_mut()).is_pending());
    assert_eq!(done.get(), 2);
}

#[test]
fn a_panic_inside_reaches_the_task_and_the_rest_is_dropped() {
    let log = Log::default();
    let refused = caught(|| {
        block_on(async { join!(log.dropped("other", None::<()>), async { panic!("inside") }) });
    });
    assert_eq!(refused.text, "inside");
    assert_eq!(log.take(), ["other"]);
}

#[test]
fn thirty_two_futures_are_joined() {
    macro_rules! all {
        ($($n:literal)*) => { block_on(async { join!($(after($n % 5, $n)),*) }) };
    }
    let (first, .., last) = all!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
        26 27 28 29 30 31);
    assert_eq!((first, last), (0, 31));
}

#[test]
fn what_can_become_a_future_is_joined() {
    struct Answer;
    impl IntoFuture for Answer {
        type Output = Result<u32, ()>;
        type IntoFuture = Ready<Result<u32, ()>>;
        fn into_future(self) -> Self::IntoFuture {
            ready(Ok(42))
        }
    }
    assert_eq!(block_on(async { join!(Answer) }), (Ok(42),));
    assert_eq!(
        block_on(async { try_join!(Answer, biased_answer()) }),
        Ok((42, 1))
    );
    async fn biased_answer() -> Result<u32, ()> {
        Ok(1)
    }
}

#[test]
fn a_future_called_biased_is_joined() {
    let biased = ready(1);
    assert_eq!(block_on(async { join!(biased, ready(2)) }), (1, 2));
    let biased = ready(1);
    assert_eq!(block_on(async { join!(biased) }), (1,));
}

#[test]
fn joins_may_be_nested() {
    let out = block_on(async { join!(async { join!(ready(1), ready(2)) }, async { join!() }) });
    assert_eq!(out, ((1, 2), ()));
}

#[test]
fn trailing_commas_are_accepted() {
    let out: Result<_, ()> =
        block_on(async { try_join!(biased; async { Ok(1) }, async { Ok(2) },) });
    assert_eq!(out, Ok((1, 2)));
    assert_eq!(
        block_on(async { join!(biased; ready(1), ready(2),) }),
        (1, 2)
    );
}

#[test]
fn try_join_stops_polling_at_the_error() {
    let log = Log::default();
    let out: Result<((), ()), u8> = block_on(async {
        try_join!(biased; async { Err(1) }, async {
            log.note("polled");
            Ok(())
        })
    });
    assert_eq!(out, Err(1));
    assert!(log.take().is_empty());
}

#[test]
fn the_error_that_comes_first_in_time_wins() {
    let out: Result<((), ()), &str> =
        block_on(async { try_join!(after(5, Err("late")), after(1, Err("early"))) });
    assert_eq!(out, Err("early"));
}

#[test]
fn values_of_a_failed_try_join_are_dropped() {
    let log = Log::default();
    let out: Result<(DropNote<'_>, ()), u8> =
        block_on(async { try_join!(async { Ok(DropNote(&log, "value")) }, after(2, Err(1))) });
    assert_eq!(log.take(), ["value"]);
    assert_eq!(out.err(), Some(1));
}

#[test]
fn errors_that_cannot_be_are_accepted() {
    let out = block_on(async {
        try_join!(
            async { Ok::<_, Infallible>(1) },
            after(1, Ok::<_, Infallible>(2))
        )
    });
    assert_eq!(out, Ok((1, 2)));
}

#[test]
fn outputs_that_cannot_be_are_accepted() {
    async fn never() -> Infallible {
        pending().await
    }
    async fn fails() -> Result<Infallible, u8> {
        Err(3)
    }
    let mut all = pin!(async { join!(never(), ready(1)) });
    assert!(poll_once(all.as_mut()).is_pending());
    let out = block_on(async { try_join!(fails(), async { Ok(1) }) });
    assert_eq!(out, Err(3));
}

#[test]
fn one_failing_future_is_enough() {
    let out: Result<((),), u8> = block_on(async { try_join!(after(1, Err(4))) });
    assert_eq!(out, Err(4));
}

#[test]
fn errors_are_moved_out() {
    let error = Rc::new("error");
    let out: Result<((), u8), Rc<&str>> = {
        let error = error.clone();
        block_on(async { try_join!(async { Err(error) }, async { Ok(1) }) })
    };
    assert!(Rc::ptr_eq(&out.unwrap_err(), &error));
}

#[test]
fn a_future_is_polled_once_a_poll() {
    let polls = Cell::new(0);
    let counts = poll_fn(|_| {
        polls.set(polls.get() + 1);
        if polls.get() < 5 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    });
    let mut all = pin!(async { join!(counts, pending::<()>()) });
    for n in 1..=4 {
        assert!(poll_once(all.as_mut()).is_pending());
        assert_eq!(polls.get(), n);
    }
    for _ in 0..3 {
        assert!(poll_once(all.as_mut()).is_pending());
    }
    assert_eq!(polls.get(), 5);
}

#[test]
fn the_future_of_a_try_join_is_send() {
    fn is_send<F: Future + Send>(future: F) -> F {
        future
    }
    let out = block_on(is_send(async { try_join!(after(1, Ok::<_, String>(1))) }));
    assert_eq!(out, Ok((1,)));
}
