//! The forms of `pin!` and `task_local!`.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::rc::Rc;

use zokio::task::LocalKey;
use zokio::{pin, task_local};

use crate::support::{after, block_on, poll_once};

#[test]
fn what_is_pinned_is_a_pin_of_a_mutable_reference() {
    let value = (PhantomPinned, 5);
    pin!(value);
    let value: Pin<&mut (PhantomPinned, i32)> = value;
    assert_eq!(value.1, 5);
}

#[test]
fn a_pinned_value_is_dropped_at_the_end_of_its_scope() {
    let owner = Rc::new(());
    {
        let value = owner.clone();
        pin!(value);
        assert_eq!(Rc::strong_count(&value), 2);
    }
    assert_eq!(Rc::strong_count(&owner), 1);
}

#[test]
fn a_pinned_future_may_be_set_anew() {
    async fn number(n: u32) -> u32 {
        after(1, n).await
    }
    let future = number(1);
    pin!(future);
    assert!(poll_once(future.as_mut()).is_pending());
    future.set(number(2));
    assert_eq!(block_on(future), 2);
}

#[test]
fn pinning_may_be_written_in_a_macro() {
    macro_rules! run {
        ($future:ident) => {{
            pin!($future);
            block_on(&mut $future)
        }};
    }
    let future = after(1, 3);
    assert_eq!(run!(future), 3);
}

#[test]
fn a_declaration_may_use_the_one_before() {
    pin! {
        let one = after(0, 1);
        let two = async { one.as_mut().await + 1 };
    }
    assert_eq!(block_on(two), 2);
}

mod keys {
    use super::*;

    task_local! {
        pub static PUBLIC: u32;
        pub(crate) static CRATE: u32;
        pub(super) static SUPER: u32;
        pub(in crate::forms) static PATH: u32;

        /// Documented.
        #[allow(dead_code)]
        static UNUSED: u32;

        #[cfg(any())]
        static ABSENT: DoesNotExist;

        pub static MAP: HashMap<&'static str, Vec<(u32, u32)>>;
        pub static SHARED: Rc<Cell<u32>>;
        pub static FUNCTION: fn(u32) -> u32
    }
}

#[test]
fn visibilities_stay() {
    let get = |key: &'static LocalKey<u32>| key.sync_scope(3, || key.get());
    assert_eq!(get(&keys::PUBLIC), 3);
    assert_eq!(get(&keys::CRATE), 3);
    assert_eq!(get(&keys::SUPER), 3);
    assert_eq!(get(&keys::PATH), 3);
}

#[test]
fn types_may_hold_commas_and_arrows() {
    let map = HashMap::from([("a", vec![(1, 2)])]);
    assert_eq!(
        keys::MAP.sync_scope(map, || keys::MAP.with(|m| m["a"][0])),
        (1, 2)
    );
    assert_eq!(
        keys::FUNCTION.sync_scope(|n| n + 1, || keys::FUNCTION.get()(1)),
        2
    );
}

#[test]
fn values_need_not_be_send() {
    let cell = Rc::new(Cell::new(1));
    block_on(keys::SHARED.scope(cell.clone(), async {
        after(1, ()).await;
        keys::SHARED.with(|cell| cell.set(2));
    }));
    assert_eq!(cell.get(), 2);
}

#[test]
fn keys_may_be_declared_in_functions() {
    task_local! {
        static INNER: &'static str;
    }
    assert_eq!(INNER.sync_scope("inner", || INNER.get()), "inner");
    assert!(INNER.try_get().is_err());
}

#[test]
fn keys_of_one_type_do_not_mix() {
    let seen = keys::PUBLIC.sync_scope(1, || {
        keys::CRATE.sync_scope(2, || (keys::PUBLIC.get(), keys::CRATE.get()))
    });
    assert_eq!(seen, (1, 2));
}

#[test]
fn a_key_may_be_a_static_of_a_generic_function_s_argument() {
    fn scoped<T: Copy, F: Future>(
        key: &'static LocalKey<T>,
        value: T,
        f: F,
    ) -> impl Future<Output = F::Output> {
        key.scope(value, f)
    }
    let out = block_on(scoped(&keys::PUBLIC, 8, async { keys::PUBLIC.get() }));
    assert_eq!(out, 8);
}
