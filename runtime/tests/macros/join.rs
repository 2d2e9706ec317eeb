//! `join!` and `try_join!`.

use std::future::{pending, ready};
use std::pin::pin;
use std::task::Poll;

use zokio::{join, try_join};

use crate::support::{Leaf, Log, after, block_on, poll_once};

#[test]
fn outputs_come_in_the_order_of_the_futures() {
    let out = block_on(async { join!(after(2, "a"), after(0, 2), async { after(1, 'c').await }) });
    assert_eq!(out, ("a", 2, 'c'));
}

#[test]
fn one_future_gives_a_tuple_of_one_and_none_the_empty_tuple() {
    assert_eq!(block_on(async { join!(ready(1)) }), (1,));
    assert_eq!(block_on(async { join!(biased; ready(1),) }), (1,));
    block_on(async { join!() });
    assert_eq!(block_on(async { try_join!() }), Ok::<(), ()>(()));
}

#[test]
fn a_future_that_is_done_is_not_polled_again() {
    // `After` panics when polled after completion.
    assert_eq!(block_on(async { join!(after(0, 0), after(5, 5)) }), (0, 5));
}

#[test]
fn futures_are_dropped_as_they_complete() {
    let log = Log::default();
    block_on(async {
        join!(log.dropped("a", Some(())), async {
            after(1, ()).await;
            log.note("second poll");
        })
    });
    assert_eq!(log.take(), ["a", "second poll"]);
}

#[test]
fn each_poll_begins_with_the_next_future() {
    let log = Log::default();
    let mut all = pin!(async { join!(log.polled("a"), log.polled("b"), log.polled("c")) });
    let mut orders = Vec::new();
    for _ in 0..4 {
        assert!(poll_once(all.as_mut()).is_pending());
        orders.push(log.take());
    }
    let expected = [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ];
    assert_eq!(orders, expected);
}

#[test]
fn biased_join_keeps_the_order() {
    let log = Log::default();
    let mut all = pin!(async { join!(biased; log.polled("a"), log.polled("b")) });
    for _ in 0..4 {
        assert!(poll_once(all.as_mut()).is_pending());
        assert_eq!(log.take(), ["a", "b"]);
    }
}

#[test]
fn futures_may_borrow_the_same_thing() {
    let text = String::from("shared");
    let out = block_on(async { join!(async { text.len() }, async { &text[..3] }) });
    assert_eq!(out, (6, "sha"));
}

#[test]
fn futures_by_reference_are_joined() {
    let out = block_on(async {
        let mut one = after(1, 1);
        let mut two = pin!(async { after(2, 2).await });
        join!(&mut one, &mut two)
    });
    assert_eq!(out, (1, 2));
}

#[test]
fn try_join_gives_all_values() {
    let out = block_on(async { try_join!(after(1, Ok::<_, String>(1)), async { Ok("two") }) });
    assert_eq!(out, Ok((1, "two")));
}

#[test]
fn try_join_ends_at_the_first_error_and_drops_the_rest() {
    let log = Log::default();
    let out: Result<((), ()), &str> = block_on(async {
        let out = try_join!(log.dropped("pending", None), after(1, Err("failed")));
        log.note("after");
        out
    });
    assert_eq!(out, Err("failed"));
    assert_eq!(log.take(), ["pending", "after"]);
}

#[test]
fn try_join_rotates_unless_biased() {
    let log = Log::default();
    let pending = |name| {
        let polled = log.polled(name);
        async move {
            polled.await;
            Ok::<(), ()>(())
        }
    };
    let mut all = pin!(async { try_join!(pending("a"), pending("b")) });
    let mut biased = pin!(async { try_join!(biased; pending("a"), pending("b")) });
    assert!(poll_once(all.as_mut()).is_pending());
    assert!(poll_once(all.as_mut()).is_pending());
    assert_eq!(log.take(), ["a", "b", "b", "a"]);
    assert!(poll_once(biased.as_mut()).is_pending());
    assert!(poll_once(biased.as_mut()).is_pending());
    assert_eq!(log.take(), ["a", "b", "a", "b"]);
}

#[test]
fn question_mark_follows_try_join() {
    async fn sum(a: &str, b: &str) -> Result<u32, std::num::ParseIntError> {
        let (a, b) = try_join!(async { a.parse::<u32>() }, async { b.parse::<u32>() })?;
        Ok(a + b)
    }
    assert_eq!(block_on(sum("1", "2")), Ok(3));
    assert!(block_on(sum("1", "b")).is_err());
}

#[test]
#[rustfmt::skip] // the lines are the test
fn leaves_in_a_join_see_their_own_lines() {
    let line = line!();
    let (a, b) = block_on(async {
        join!(
            Leaf, // three lines on
            Leaf,
        )
    });
    assert_eq!((a.line(), b.line()), (line + 3, line + 4));
    assert_eq!(a.file(), file!());
}

#[test]
fn a_join_is_about_as_large_as_its_futures() {
    async fn big() -> [u8; 1024] {
        let data = std::hint::black_box([1_u8; 1024]);
        ready(()).await;
        data
    }
    let all = async { join!(big(), big()) };
    let futures = size_of_val(&big()) * 2;
    assert!(
        size_of_val(&all) <= futures + 64,
        "{} for {futures}",
        size_of_val(&all)
    );
    drop(all);
}

#[test]
fn the_future_of_a_join_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let mut all = pin!(is_send(async {
        join!(pending::<()>(), pending::<String>())
    }));
    assert!(matches!(poll_once(all.as_mut()), Poll::Pending));
}

#[test]
fn the_names_of_the_expansion_cannot_be_seen() {
    let (first, pending, start, branch, future0, cx) = (1, 2, 3, 4, 5, 6);
    let out = block_on(async {
        join!(ready(first + pending + cx), async {
            start + branch + future0
        })
    });
    assert_eq!(out, (9, 12));
}
