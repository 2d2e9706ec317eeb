//! `select!`: order, preconditions, else, drops, control flow, hygiene.

use std::collections::HashSet;
use std::future::{Future, IntoFuture, pending, ready};
use std::pin::pin;
use std::task::Poll;

use zokio::select;

use crate::support::{After, DropNote, Leaf, Log, after, block_on, poll_once};

#[test]
fn the_branch_that_completes_first_wins() {
    let winner = block_on(async {
        select! {
            n = after(3, 3) => n,
            n = after(1, 1) => n,
            n = after(2, 2) => n,
        }
    });
    assert_eq!(winner, 1);
}

#[test]
fn select_waits_until_another_thread_wakes_it() {
    let (send, receive) = std::sync::mpsc::channel();
    let waiting = std::future::poll_fn(move |cx| {
        // The first poll hands the waker to the thread, the second is the thread's wake.
        match send.send(cx.waker().clone()) {
            Ok(()) => Poll::Pending,
            Err(_) => Poll::Ready("woken"),
        }
    });
    let waker = std::thread::spawn(move || {
        let waker: std::task::Waker = receive.recv().unwrap();
        drop(receive);
        waker.wake();
    });
    let text = block_on(async {
        select! {
            text = waiting => text,
            () = pending() => "never",
        }
    });
    waker.join().unwrap();
    assert_eq!(text, "woken");
}

#[test]
fn one_branch_without_comma_is_enough() {
    assert_eq!(
        block_on(async {
            select! { n = ready(1) => n + 1 }
        }),
        2
    );
}

#[test]
fn blocks_need_no_comma_and_expressions_may_hold_commas() {
    fn add<A: Into<u32>, B: Into<u32>>(a: A, b: B) -> u32 {
        a.into() + b.into()
    }
    let sum = block_on(async {
        let mut sum = 0;
        for turn in 0..4 {
            sum += select! {
                biased;
                _ = ready(()), if turn == 0 => { 1 }
                _ = ready(()), if turn == 1 => { 10 },
                _ = ready(()), if turn == 2 => add::<u32, u8>(50, 50),
                n = async { add(400_u16, 600_u16) } => n
            };
        }
        sum
    });
    assert_eq!(sum, 1 + 10 + 100 + 1000);
}

#[test]
fn a_false_precondition_evaluates_the_future_but_does_not_poll_it() {
    let log = Log::default();
    let make = |name| {
        log.note(name);
        log.polled("polled")
    };
    let out = block_on(async {
        select! {
            _ = make("evaluated"), if log.take().len() > 5 => 1,
            n = ready(2) => n,
        }
    });
    assert_eq!(out, 2);
    assert_eq!(log.take(), ["evaluated"]);
}

#[test]
fn preconditions_are_evaluated_before_futures_and_again_in_every_turn() {
    let log = Log::default();
    let note = |what| {
        log.note(what);
        what
    };
    block_on(async {
        let mut turns = 0;
        while turns < 2 {
            select! {
                biased;
                _ = ready(note("future 0")), if note("condition 0").is_empty() => unreachable!(),
                _ = ready(note("future 1")), if !note("condition 1").is_empty() => turns += 1,
            }
        }
    });
    let turn = ["condition 0", "condition 1", "future 0", "future 1"];
    assert_eq!(log.take(), [turn, turn].concat());
}

#[test]
fn else_runs_when_every_branch_is_disabled() {
    let mut number = 1;
    let out = block_on(async {
        select! {
            _ = pending::<()>(), if number > 1 => "pending",
            Some(()) = ready(None::<()>) => "some",
            else => {
                number += 1;
                "else"
            }
        }
    });
    assert_eq!((out, number), ("else", 2));
}

#[test]
fn else_alone_is_evaluated() {
    assert_eq!(
        block_on(async {
            select! { else => 5, }
        }),
        5
    );
    assert_eq!(
        block_on(async {
            select! { biased; else => { 6 } }
        }),
        6
    );
}

#[test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
fn all_disabled_without_else_panics() {
    block_on(async {
        select! { () = pending(), if false => {} }
    });
}

#[test]
fn futures_are_dropped_in_their_order_before_the_handler_runs() {
    let log = Log::default();
    block_on(async {
        select! {
            _ = log.dropped("first", None::<()>) => unreachable!(),
            _note = log.dropped("second", Some(DropNote(&log, "value"))) => log.note("handler"),
            _ = log.dropped("third", None::<()>), if false => unreachable!(),
        }
    });
    // The winner's own state goes when it completes; its value outlives the handler.
    assert_eq!(log.take(), ["second", "first", "third", "handler", "value"]);
}

#[test]
fn futures_are_dropped_before_else_runs() {
    let log = Log::default();
    block_on(async {
        select! {
            _ = log.dropped("first", None::<()>), if false => {}
            else => log.note("else"),
        }
    });
    assert_eq!(log.take(), ["first", "else"]);
}

#[test]
fn dropping_the_select_drops_its_futures() {
    let log = Log::default();
    {
        let mut select = pin!(async {
            select! {
                () = log.dropped("a", None) => {}
                () = log.dropped("b", None) => {}
            }
        });
        assert!(poll_once(select.as_mut()).is_pending());
        assert_eq!(log.take(), Vec::<&str>::new());
    }
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn a_future_by_reference_survives_the_turns_of_a_loop() {
    let turns = block_on(async {
        let mut slow = pin!(async { after(5, "slow").await });
        let mut turns = 0;
        loop {
            select! {
                biased;
                text = &mut slow => break (turns, text),
                () = after(1, ()) => turns += 1,
            }
        }
    });
    assert_eq!(turns, (2, "slow"));
}

#[test]
fn handlers_may_use_what_the_futures_borrowed() {
    let list = block_on(async {
        let mut list = vec![1];
        async fn push(list: &mut Vec<u32>, n: u32) -> u32 {
            list.push(n);
            n
        }
        select! {
            n = push(&mut list, 2) => list.push(n + 1),
        }
        list
    });
    assert_eq!(list, [1, 2, 3]);
}

#[test]
fn an_output_may_borrow_from_outside() {
    let text = String::from("borrowed");
    let word: &str = block_on(async {
        select! {
            word = async { text.as_str() } => word,
            () = pending() => "",
        }
    });
    assert_eq!(word, "borrowed");
}

#[test]
fn temporaries_of_a_future_expression_live_as_long_as_the_future() {
    let out = block_on(async {
        select! {
            n = &mut after(2, 7) => n,
            n = &mut Box::pin(async { after(9, 8).await }) => n,
        }
    });
    assert_eq!(out, 7);
}

#[test]
fn break_continue_and_labels_reach_the_loop_around() {
    let seen = block_on(async {
        let mut seen = Vec::new();
        let mut numbers = 0..;
        'outer: loop {
            loop {
                select! {
                    n = ready(numbers.next()) => match n {
                        Some(0) => continue,
                        Some(1) => break,
                        Some(4) => break 'outer,
                        Some(n) if n % 2 == 0 => continue 'outer,
                        other => seen.push(other),
                    },
                }
            }
            seen.push(None);
        }
        seen
    });
    assert_eq!(seen, [None, Some(3)]);
}

#[test]
fn return_and_question_mark_leave_the_function() {
    async fn number(text: &str) -> Result<u32, std::num::ParseIntError> {
        let n: u32 = select! {
            n = ready(text.parse()) => n?,
            () = pending() => return Ok(0),
        };
        select! {
            biased;
            () = ready(()), if n == 7 => return Ok(70),
            () = ready(()) => {}
        }
        Ok(n)
    }
    assert_eq!(block_on(number("5")), Ok(5));
    assert_eq!(block_on(number("7")), Ok(70));
    assert!(block_on(number("x")).is_err());
}

#[test]
fn question_mark_works_in_a_future_expression() {
    async fn run(text: &str) -> Result<u32, std::num::ParseIntError> {
        Ok(select! { n = ready(text.parse::<u32>()?) => n })
    }
    assert_eq!(block_on(run("3")), Ok(3));
    assert!(block_on(run("")).is_err());
}

#[test]
fn handlers_and_expressions_may_await() {
    let out = block_on(async {
        select! {
            n = after(1, after(1, 1).await) => n + after(2, 10).await,
            n = pending::<u32>(), if after(1, true).await => n,
        }
    });
    assert_eq!(out, 11);
}

#[test]
fn biased_polls_from_top_to_bottom() {
    let log = Log::default();
    let mut select = pin!(async {
        select! {
            biased;
            () = log.polled("a") => {}
            () = log.polled("b") => {}
            () = log.polled("c") => {}
        }
    });
    for _ in 0..20 {
        assert!(poll_once(select.as_mut()).is_pending());
        assert_eq!(log.take(), ["a", "b", "c"]);
    }
}

#[test]
fn every_branch_comes_first_sooner_or_later() {
    let log = Log::default();
    let mut select = pin!(async {
        select! {
            () = log.polled("a") => {}
            () = log.polled("b") => {}
            () = log.polled("c") => {}
        }
    });
    let mut first = HashSet::new();
    // One of three missing after 300 draws: once in 10^52 runs.
    for _ in 0..300 {
        assert!(poll_once(select.as_mut()).is_pending());
        let order = log.take();
        assert_eq!(order.len(), 3, "each is polled once");
        first.insert(order[0]);
    }
    assert_eq!(first.len(), 3);
}

#[test]
fn a_branch_that_is_done_is_not_polled_again() {
    let out = block_on(async {
        // `After` panics when polled after completion.
        select! {
            Some(n) = after(0, None::<u32>) => n,
            n = after(10, 10) => n,
        }
    });
    assert_eq!(out, 10);
}

#[test]
fn select_may_stand_in_branches_and_handlers_of_select() {
    let out = block_on(async {
        select! {
            n = async { select! { n = after(1, 1) => n, n = pending::<u32>() => n } } => {
                select! { m = ready(10) => n + m, () = pending() => 0 }
            }
            () = pending() => 0,
        }
    });
    assert_eq!(out, 11);
}

#[test]
fn the_names_of_the_expansion_cannot_be_seen() {
    // Every name that the expansion uses for itself.
    let (cx, disabled, output, out, poll, pending) = (1, 2, 4, 8, 16, 32);
    let (matched, start, branch, i, init0, future0) = (64, 128, 256, 512, 1024, 2048);
    let all = cx + disabled + output + out + poll + pending + matched + start + branch + i + init0;
    let sum = block_on(async {
        select! {
            output = ready(all + future0), if all > disabled => {
                output + disabled + cx + out + poll + pending + matched + start + branch + i
            }
            future0 = ready(init0 + future0), if cx + disabled > 100 => future0,
        }
    });
    assert_eq!(sum, 4095 + 1023 - 4);
}

#[test]
fn expressions_may_come_from_another_macro() {
    macro_rules! first_of {
        ($p:pat = $left:expr => $l:block, $right:expr) => {
            select! {
                biased;
                $p = $left, if $right.is_some() => $l
                n = ready($right) => n.unwrap_or(0),
            }
        };
    }
    assert_eq!(
        block_on(async { first_of!(n = ready(1 + 1) => { n * 10 }, Some(1)) }),
        20
    );
    assert_eq!(
        block_on(async { first_of!(n = ready(1 + 1) => { n * 10 }, None::<u32>) }),
        0
    );
}

#[test]
fn what_can_become_a_future_is_accepted() {
    struct Request(u32);
    impl IntoFuture for Request {
        type Output = u32;
        type IntoFuture = After<u32>;
        fn into_future(self) -> After<u32> {
            after(1, self.0)
        }
    }
    assert_eq!(
        block_on(async {
            select! { n = Request(4) => n }
        }),
        4
    );
}

#[test]
#[rustfmt::skip] // the lines are the test
fn a_leaf_sees_the_line_of_its_branch() {
    let line = line!();
    let location = block_on(async {
        select! {
            biased;
            () = pending() => unreachable!(),
            location = // five lines on, and one more
                Leaf, if line > 0 => location,
        }
    });
    assert_eq!((location.file(), location.line()), (file!(), line + 6));
}

/// The future of std for references and pins would give a line of std.
#[test]
fn a_leaf_by_reference_sees_the_line_of_its_branch_too() {
    let mut leaf = Leaf;
    let found = block_on(async {
        select! { at = &mut leaf => (line!(), at) }
    });
    assert_eq!(found.1.line(), found.0);

    let mut pinned = pin!(Leaf);
    let found = block_on(async {
        select! { at = &mut pinned => (line!(), at) }
    });
    assert_eq!((found.1.file(), found.1.line()), (file!(), found.0));
    let found = block_on(async {
        select! { at = pinned.as_mut() => (line!(), at) }
    });
    assert_eq!((found.1.file(), found.1.line()), (file!(), found.0));

    let mut boxed = Box::pin(Leaf);
    let found = block_on(async {
        select! { at = &mut boxed => (line!(), at) }
    });
    assert_eq!((found.1.file(), found.1.line()), (file!(), found.0));
}

#[test]
fn references_in_generic_functions_are_polled() {
    async fn either<F: Future + Unpin + ?Sized, G: IntoFuture<Output = F::Output>>(
        f: &mut F,
        g: G,
    ) -> F::Output {
        let mut g = pin!(g.into_future());
        select! {
            out = &mut *f => out,
            out = &mut g => out,
        }
    }
    assert_eq!(block_on(either(&mut after(2, 2), after(1, 1))), 1);
    assert_eq!(block_on(either(&mut after(1, 2), after(2, 1))), 2);
}

#[test]
fn the_future_of_a_select_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let out = block_on(is_send(async {
        let text = String::from("a");
        select! {
            () = ready(()) => text.clone(),
            text = pending::<String>() => text,
        }
    }));
    assert_eq!(out, "a");
}

#[test]
fn a_select_is_about_as_large_as_its_futures() {
    async fn big() -> u8 {
        let data = std::hint::black_box([1_u8; 1024]);
        ready(()).await;
        data[0]
    }
    let select = async {
        select! { n = big() => n, n = big() => n }
    };
    let futures = size_of_val(&big()) * 2;
    assert!(
        size_of_val(&select) <= futures + 64,
        "{} for {futures}",
        size_of_val(&select)
    );
    drop(select);
}

#[test]
fn outputs_without_values_compile() {
    async fn never() -> std::convert::Infallible {
        pending().await
    }
    async fn forever() -> u32 {
        select! {
            n = ready(1) => n,
            never = never() => match never {},
        }
    }
    assert_eq!(block_on(forever()), 1);
}

#[test]
fn sixty_four_branches_are_possible() {
    macro_rules! wide {
        ($($n:literal)*) => {
            block_on(async {
                select! { $(n = after(100 - $n, $n) => n,)* }
            })
        };
    }
    let winner = wide!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28
        29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58
        59 60 61 62 63);
    assert_eq!(winner, 63);
}

#[test]
fn a_trait_object_is_polled_in_place() {
    let out = block_on(async {
        let mut boxed: std::pin::Pin<Box<dyn Future<Output = u32>>> = Box::pin(after(1, 3));
        select! {
            n = &mut boxed => n,
            n = boxed_pending() => n,
        }
    });
    assert_eq!(out, 3);

    fn boxed_pending() -> Box<dyn Future<Output = u32> + Unpin> {
        Box::new(pending())
    }
}

#[test]
fn traits_in_scope_that_every_type_has_do_no_harm() {
    trait Named {
        fn kind(&self) -> u8 {
            0
        }
    }
    impl<T: ?Sized> Named for T {}

    let mut second = pin!(async { 2 });
    block_on(async {
        let first = select! {
            biased;
            one = ready(1) => one,
            two = &mut second => two,
        };
        assert_eq!((first, first.kind()), (1, 0));
    });
}
