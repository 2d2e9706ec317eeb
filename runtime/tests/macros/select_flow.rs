//! `select!`: what handlers may do with the function around, when what is evaluated, who is woken.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use zokio::select;

use crate::panics::caught;
use crate::support::{Log, after, block_on, poll_once};

#[test]
fn handlers_may_change_the_same_variable() {
    let (mut left, mut right, mut turns) = (0, 0, 0);
    block_on(async {
        while turns < 50 {
            select! {
                n = ready(1) => { left += n; turns += 1 }
                n = ready(2) => { right += n; turns += 1 }
            }
        }
    });
    assert_eq!(left + right / 2, 50);
}

#[test]
fn every_handler_may_take_the_same_value() {
    let out = block_on(async {
        let text = String::from("one owner");
        select! {
            biased;
            () = pending() => text,
            () = ready(()) => text,
            else => text,
        }
    });
    assert_eq!(out, "one owner");
}

#[test]
fn branches_may_share_what_their_handlers_change() {
    let out = block_on(async {
        let mut list = vec![1, 2, 3];
        select! {
            len = async { list.len() } => list.push(len),
            first = async { pending::<()>().await; list[0] } => list.push(first),
        }
        list
    });
    assert_eq!(out, [1, 2, 3, 3]);
}

#[test]
fn a_mutable_reference_is_lent_to_each_turn() {
    async fn step(n: &mut u32) -> u32 {
        after(1, ()).await;
        *n += 1;
        *n
    }
    let total = block_on(async {
        let mut n = 0;
        loop {
            select! {
                now = step(&mut n) => if now == 5 { break n },
                () = pending() => n = 0,
            }
        }
    });
    assert_eq!(total, 5);
}

#[test]
fn the_value_of_select_is_an_expression() {
    let out = block_on(async {
        let Some(n) = (select! { n = ready(Some(3)) => n }) else {
            return 0;
        };
        let doubled = select! { m = ready(n) => m } + select! { m = ready(n) => m };
        match select! { m = ready(doubled) => m } {
            6 => 60,
            _ => 0,
        }
    });
    assert_eq!(out, 60);
}

#[test]
fn handlers_that_leave_agree_with_those_that_do_not() {
    async fn run(leave: bool) -> Result<u32, &'static str> {
        let mut turns = 0;
        let n: u32 = loop {
            select! {
                biased;
                () = ready(()), if leave => return Err("left"),
                () = ready(()), if turns < 2 => { turns += 1; continue }
                n = after(1, 7) => break n,
                () = pending() => panic!("never"),
                else => unreachable!(),
            }
        };
        Ok(n)
    }
    assert_eq!(block_on(run(true)), Err("left"));
    assert_eq!(block_on(run(false)), Ok(7));
}

#[test]
fn question_mark_leaves_from_else_and_from_conditions() {
    async fn run(condition: Option<bool>, otherwise: Option<u32>) -> Option<u32> {
        Some(select! {
            n = ready(1), if condition? => n,
            else => otherwise?,
        })
    }
    assert_eq!(block_on(run(Some(true), None)), Some(1));
    assert_eq!(block_on(run(Some(false), Some(2))), Some(2));
    assert_eq!(block_on(run(Some(false), None)), None);
    assert_eq!(block_on(run(None, Some(2))), None);
}

#[test]
fn a_handler_may_await_what_lost() {
    let out = block_on(async {
        let mut slow = pin!(async { after(4, 40).await });
        select! {
            biased;
            n = &mut slow => n,
            n = after(1, 2) => n + slow.await,
        }
    });
    assert_eq!(out, 42);
}

#[test]
fn every_expression_is_evaluated_once() {
    let evaluated = RefCell::new(Vec::new());
    let note = |what| evaluated.borrow_mut().push(what);
    block_on(async {
        select! {
            () = { note("a"); after(9, ()) }, if { note("if a"); true } => {}
            () = { note("b"); after(3, ()) }, if { note("if b"); true } => {}
        }
    });
    assert_eq!(evaluated.take(), ["if a", "if b", "a", "b"]);
}

#[test]
fn a_condition_may_look_at_what_the_futures_borrow() {
    let out = block_on(async {
        let mut list = vec![1];
        async fn pop(list: &mut Vec<u32>) -> Option<u32> {
            list.pop()
        }
        select! {
            Some(n) = pop(&mut list), if !list.is_empty() => n,
            else => 0,
        }
    });
    assert_eq!(out, 1);
}

#[test]
fn a_branch_whose_value_did_not_match_is_not_polled_again() {
    let polls = Cell::new(0);
    let odd = poll_fn(|_| {
        polls.set(polls.get() + 1);
        Poll::Ready(1)
    });
    block_on(async {
        select! {
            biased;
            2 = odd => unreachable!(),
            () = after(5, ()) => {}
        }
    });
    assert_eq!(polls.get(), 1);
}

#[test]
fn else_runs_when_the_last_pending_branch_does_not_match() {
    let out = block_on(async {
        select! {
            Some(n) = after(3, None::<u32>) => n,
            Ok(n) = after(1, Err::<u32, ()>(())) => n,
            n = ready(5), if false => n,
            else => 9,
        }
    });
    assert_eq!(out, 9);
}

#[test]
fn a_branch_that_matches_wins_over_else() {
    let out = block_on(async {
        select! {
            Some(n) = ready(None::<u32>) => n,
            n = after(9, 1) => n,
            else => 2,
        }
    });
    assert_eq!(out, 1);
}

#[test]
#[rustfmt::skip] // the lines are the test
fn all_disabled_by_conditions_panics_at_the_select() {
    let line = line!() + 3;
    let refused = caught(|| {
        block_on(async {
            select! {
                () = pending(), if false => {}
            }
        })
    });
    assert_eq!(refused.text, "all branches are disabled and there is no else branch");
    assert_eq!((refused.file.as_str(), refused.line), (file!(), line));
}

#[test]
fn all_disabled_by_patterns_panics_too() {
    let refused = caught(|| {
        block_on(async {
            select! {
                Some(()) = after(2, None) => {}
                Ok::<(), ()>(()) = after(1, Err(())) => {}
            }
        })
    });
    assert_eq!(
        refused.text,
        "all branches are disabled and there is no else branch"
    );
    assert_eq!(refused.file, file!());
}

#[test]
fn the_branches_panic_reaches_the_task_and_the_rest_is_dropped() {
    let log = Log::default();
    let refused = caught(|| {
        block_on(async {
            select! {
                biased;
                () = log.dropped("other", None) => {}
                () = async { panic!("inside") } => {}
            }
        })
    });
    assert_eq!(refused.text, "inside");
    assert_eq!(log.take(), ["other"]);
}

#[test]
fn two_branches_that_are_always_ready_share_the_wins() {
    let mut wins = [0; 2];
    block_on(async {
        for _ in 0..1_000 {
            select! {
                () = ready(()) => wins[0] += 1,
                () = ready(()) => wins[1] += 1,
            }
        }
    });
    // Binomial with mean 500 and standard deviation 16: ten of them.
    assert!(wins.iter().all(|&n| (340..660).contains(&n)), "{wins:?}");
}

#[test]
fn a_disabled_branch_leaves_the_others_their_chances() {
    let mut wins = [0; 3];
    block_on(async {
        for _ in 0..1_000 {
            select! {
                () = ready(()), if false => wins[0] += 1,
                () = ready(()) => wins[1] += 1,
                () = ready(()) => wins[2] += 1,
            }
        }
    });
    assert_eq!(wins[0], 0);
    // The branch after the disabled one comes first in two of three starts.
    assert!(wins[2] > 200 && wins[1] > wins[2], "{wins:?}");
}

#[test]
fn each_poll_begins_at_random() {
    let log = Log::default();
    let mut both = pin!(async {
        select! {
            () = log.polled("a") => {}
            () = log.polled("b") => {}
        }
    });
    let mut firsts = [0; 2];
    for _ in 0..200 {
        assert!(poll_once(both.as_mut()).is_pending());
        firsts[usize::from(log.take()[0] == "b")] += 1;
    }
    assert!(firsts.iter().all(|&n| n > 30), "{firsts:?}");
}

#[test]
fn a_biased_branch_that_is_always_ready_always_wins() {
    block_on(async {
        for _ in 0..100 {
            select! {
                biased;
                () = ready(()) => {}
                () = ready(()) => panic!("the second one"),
            }
        }
    });
}

#[test]
fn every_branch_can_wake_the_task() {
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    type Slot = RefCell<Option<Waker>>;
    let count = Arc::new(Count(AtomicU32::new(0)));
    let (first, second): (Slot, Slot) = Default::default();
    let leaves = |slot| {
        poll_fn(move |cx: &mut Context<'_>| {
            let slot: &Slot = slot;
            slot.replace(Some(cx.waker().clone()));
            Poll::<()>::Pending
        })
    };
    let mut both = pin!(async {
        select! {
            () = leaves(&first) => {}
            () = leaves(&second) => {}
        }
    });
    let waker = count.clone().into();
    assert!(
        both.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    for slot in [&first, &second] {
        slot.take().unwrap().wake();
    }
    assert_eq!(count.0.load(Ordering::Relaxed), 2);
}

#[test]
fn what_a_branch_owns_is_gone_when_the_handler_runs() {
    let owner = Rc::new(());
    let held = owner.clone();
    block_on(async {
        select! {
            biased;
            () = async move { let _held = held; pending().await } => {}
            () = ready(()) => assert_eq!(Rc::strong_count(&owner), 1),
        }
    });
}

#[test]
fn branches_by_reference_are_not_dropped() {
    let log = Log::default();
    block_on(async {
        let mut kept = pin!(log.dropped("kept", None::<()>));
        select! {
            biased;
            () = &mut kept => {}
            () = ready(()) => log.note("handler"),
        }
        log.note("end");
    });
    assert_eq!(log.take(), ["handler", "end", "kept"]);
}

#[test]
fn a_name_may_be_biased() {
    let out = block_on(async {
        let biased = ready(1);
        select! { biased = biased => biased }
    });
    assert_eq!(out, 1);
}

#[test]
fn closures_methods_and_generics_may_select() {
    struct Server<T>(T);
    impl<T: Copy> Server<T> {
        async fn run<const N: usize>(&mut self, names: [T; N]) -> T {
            select! {
                name = async { names[N - 1] } => { self.0 = name; self.0 }
                () = pending() => self.0,
            }
        }
    }
    assert_eq!(block_on(Server('a').run(['b', 'c'])), 'c');

    let base = 5;
    let add = async move |n: u32| select! { m = ready(n) => m + base };
    assert_eq!(block_on(add(2)), 7);
}

#[test]
fn a_select_borrows_for_as_long_as_it_must_and_no_longer() {
    async fn longest<'a>(a: &'a str, b: &'a str) -> &'a str {
        select! {
            biased;
            text = async { a }, if a.len() > b.len() => text,
            text = async { b } => text,
        }
    }
    let long = String::from("longer");
    assert_eq!(block_on(longest(&long, "short")), "longer");
    assert_eq!(block_on(longest("a", &long)), "longer");
}

#[test]
fn results_may_be_futures_themselves() {
    let out = block_on(async {
        let next: Pin<Box<dyn Future<Output = u32>>> = select! {
            n = ready(1) => Box::pin(after(n, 10)),
            n = ready(2) => Box::pin(after(n, 10)),
        };
        next.await
    });
    assert_eq!(out, 10);
}

#[test]
fn selects_may_be_nested_in_every_place() {
    let out = block_on(async {
        select! {
            n = async { select! { n = ready(1) => n } }, if select! { b = ready(true) => b } => {
                select! {
                    m = ready(n + 1) => select! { k = ready(m + 1) => n + m + k },
                }
            }
            else => select! { n = ready(0) => n },
        }
    });
    assert_eq!(out, 6);
}

#[test]
fn a_select_that_is_done_must_not_be_polled() {
    let mut done = Box::pin(async {
        select! { n = ready(1) => n }
    });
    assert_eq!(poll_once(done.as_mut()), Poll::Ready(1));
    let refused = caught(|| _ = poll_once(done.as_mut()));
    assert!(
        refused.text.contains("resumed after completion"),
        "{}",
        refused.text
    );
}
