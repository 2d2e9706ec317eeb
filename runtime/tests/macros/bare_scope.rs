//! The macros where nothing is in scope: expansions name everything by its full path.
#![no_implicit_prelude]

use ::std::assert_eq;

use crate::support::block_on;

/// Names that an expansion might mean by mistake.
mod decoys {
    #![allow(dead_code, non_camel_case_types)]
    pub(super) struct Poll;
    pub(super) struct Pin;
    pub(super) struct Future;
    pub(super) struct Option;
    pub(super) struct Result;
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod support {}
    pub(super) mod macros {}
}

mod among_decoys {
    #![allow(unused_imports)]
    use super::decoys::*;
    use ::std::assert_eq;

    use crate::support::block_on;

    #[test]
    fn select_is_not_misled() {
        let out = block_on(async {
            ::zokio::select! { n = ::std::future::ready(1) => n, else => 2 }
        });
        assert_eq!(out, 1);
    }

    #[test]
    fn joins_are_not_misled() {
        block_on(async {
            let one = ::zokio::join!(async { 1 });
            assert_eq!(one, (1,));
            let tried = ::zokio::try_join!(async { ::std::result::Result::<_, ()>::Ok(2) });
            assert_eq!(tried, ::std::result::Result::Ok((2,)));
        });
    }
}

#[test]
fn select_needs_nothing_in_scope() {
    let out = block_on(async {
        ::zokio::select! {
            n = ::std::future::ready(1), if true => n,
            n = ::std::future::pending::<u8>() => n,
            else => 3,
        }
    });
    assert_eq!(out, 1);
}

#[test]
fn join_needs_nothing_in_scope() {
    let out = block_on(async { ::zokio::join!(async { 1 }, async { 2 }) });
    assert_eq!(out, (1, 2));
}

#[test]
fn try_join_needs_nothing_in_scope() {
    let out = block_on(async {
        ::zokio::try_join!(async { ::std::result::Result::<u8, ()>::Ok(1) }, async {
            ::std::result::Result::<u8, ()>::Ok(2)
        })
    });
    assert_eq!(out, ::std::result::Result::Ok((1, 2)));
    let none = block_on(async { ::zokio::try_join!() });
    assert_eq!(none, ::std::result::Result::<(), ()>::Ok(()));
}

#[test]
fn pin_needs_nothing_in_scope() {
    let out = block_on(async {
        let one = async { 1 };
        ::zokio::pin!(one);
        ::zokio::pin! { let two = async { 2 }; }
        one.await + two.await
    });
    assert_eq!(out, 3);
}

::zokio::task_local! {
    static BARE: u8;
}

#[test]
fn task_local_needs_nothing_in_scope() {
    assert_eq!(BARE.sync_scope(4, || BARE.get()), 4);
}

#[::zokio::main(crate = "crate::entry::recording")]
async fn bare_main() -> u8 {
    5
}

#[test]
fn main_needs_nothing_in_scope() {
    assert_eq!(bare_main(), 5);
}

#[::zokio::test(crate = "crate::entry::recording")]
async fn test_needs_nothing_in_scope() {}
