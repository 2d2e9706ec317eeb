//! `select!`: values against patterns.

use std::future::{pending, ready};

use zokio::select;

use crate::support::{DropNote, Log, after, block_on};

#[derive(Debug, PartialEq)]
enum Message {
    Text(String),
    Move { x: i32, y: i32 },
    Quit,
}

/// The value of the branch `$pattern = $value => $handler`, or `None` when it does not match.
macro_rules! matching {
    ($value:expr, $pattern:pat => $handler:expr) => {
        block_on(async {
            select! {
                $pattern = ready($value) => Some($handler),
                else => None,
            }
        })
    };
}

#[test]
fn a_value_that_does_not_match_disables_its_branch_alone() {
    let out = block_on(async {
        select! {
            biased;
            Some(n) = ready(None::<u32>) => n,
            n = after(3, 3) => n,
        }
    });
    assert_eq!(out, 3);
}

#[test]
fn a_value_that_does_not_match_is_dropped_at_once() {
    let log = Log::default();
    block_on(async {
        select! {
            biased;
            Ok(()) = ready(Err::<(), _>(DropNote(&log, "mismatch"))) => unreachable!(),
            () = async { log.note("second") } => log.note("handler"),
        }
    });
    assert_eq!(log.take(), ["mismatch", "second", "handler"]);
}

#[test]
fn values_are_moved_into_bindings() {
    let out = matching!(Message::Text("moved".to_owned()), Message::Text(text) => text);
    assert_eq!(out.as_deref(), Some("moved"));
    let out = matching!((String::from("a"), Some(Box::new(2))), (text, Some(n)) => (n, text));
    assert_eq!(out, Some((Box::new(2), "a".to_owned())));
}

#[test]
fn struct_patterns_with_shorthand_and_rest() {
    assert_eq!(
        matching!(Message::Move { x: 1, y: 2 }, Message::Move { x, y: 2 } => x),
        Some(1)
    );
    assert_eq!(
        matching!(Message::Move { x: 1, y: 3 }, Message::Move { x, y: 2 } => x),
        None
    );
    assert_eq!(
        matching!(Message::Move { x: 5, y: 3 }, Message::Move { x, .. } => x),
        Some(5)
    );
    assert_eq!(matching!(Message::Quit, Message::Quit => ()), Some(()));
}

#[test]
fn alternatives_bind_the_same_names() {
    for (value, expected) in [(Ok(1), Some(1)), (Err(2), Some(2)), (Err(3), None)] {
        assert_eq!(matching!(value, Ok(n) | Err(n @ 0..=2) => n), expected);
    }
    let out = block_on(async {
        select! { | Some(1) | None = ready(Some(1)) => "yes", else => "no" }
    });
    assert_eq!(out, "yes");
}

#[test]
fn mutable_and_reference_bindings() {
    let out = matching!(vec![1], mut list => {
        list.push(2);
        list
    });
    assert_eq!(out, Some(vec![1, 2]));
    assert_eq!(
        matching!(Some(String::from("abc")), Some(ref text) => text.len()),
        Some(3)
    );
    let out = matching!((1, 2), (ref mut a, b) => {
        *a += b;
        *a
    });
    assert_eq!(out, Some(3));
}

#[test]
fn a_binding_with_a_subpattern() {
    assert_eq!(matching!(7, n @ 1..=9 => n), Some(7));
    assert_eq!(matching!(70, n @ 1..=9 => n), None);
    assert_eq!(matching!(Some(3), whole @ Some(_) => whole), Some(Some(3)));
}

#[test]
#[expect(
    non_upper_case_globals,
    reason = "a constant that looks like a binding"
)]
fn literals_strings_and_constants() {
    const LIMIT: u32 = 10;
    #[expect(
        non_upper_case_globals,
        reason = "a constant that looks like a binding"
    )]
    const lower: u32 = 20;
    assert_eq!(matching!(10, LIMIT => ()), Some(()));
    assert_eq!(matching!(11, LIMIT => ()), None);
    assert_eq!(matching!(21, lower => ()), None);
    assert_eq!(matching!("abc", "abc" => ()), Some(()));
    assert_eq!(matching!("abc", "abd" => ()), None);
    assert_eq!(matching!((-1, 'x'), (-1, 'a'..='z') => ()), Some(()));
}

#[test]
fn references_and_slices() {
    let number = 5;
    assert_eq!(matching!(&number, &n => n), Some(5));
    assert_eq!(matching!(&Some(5), Some(n) => *n), Some(5));
    let mut number = 6;
    let out = matching!(&mut number, &mut 6 => ());
    assert_eq!(out, Some(()));
    assert_eq!(
        matching!([1, 2, 3], [first, .., last] => first + last),
        Some(4)
    );
    assert_eq!(matching!(&[1, 2][..], [_, _, _] => ()), None);
}

#[test]
fn a_mutable_reference_reaches_the_handler() {
    let mut text = String::from("a");
    block_on(async {
        select! {
            text = async { &mut text } => text.push('b'),
            () = pending() => {}
        }
    });
    assert_eq!(text, "ab");
}

#[test]
fn ignored_values_live_until_the_handler_has_run() {
    let log = Log::default();
    block_on(async {
        select! { _ = ready(DropNote(&log, "value")) => log.note("handler") }
    });
    assert_eq!(log.take(), ["handler", "value"]);
}
