//! Auto traits: at least those of tokio's types, and not `Send` where that would be unsound.

use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

use zokio::runtime::{LocalOptions, LocalRuntime};
use zokio::task::{
    AbortHandle, Id, JoinError, JoinHandle, JoinSet, LocalEnterGuard, LocalSet, Unconstrained,
    coop, futures::TaskLocalFuture, join_set,
};

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}

/// Compiles only if the type does not implement the trait: else both impls apply.
macro_rules! assert_not_impl {
    ($($type:ty: $trait:ident),* $(,)?) => {$({
        trait Ambiguous<A> {
            fn call() {}
        }
        struct Implements;
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $trait> Ambiguous<Implements> for T {}
        let _ = <$type as Ambiguous<_>>::call;
    })*};
}

#[test]
fn handles_may_cross_threads_if_their_output_may() {
    send::<JoinHandle<u8>>();
    sync::<JoinHandle<u8>>();
    send::<AbortHandle>();
    sync::<AbortHandle>();
    assert_not_impl!(JoinHandle<Rc<u8>>: Send, JoinHandle<Rc<u8>>: Sync);
}

#[test]
fn handles_are_unpin_and_unwind_safe() {
    unpin::<JoinHandle<PhantomPinned>>();
    unpin::<AbortHandle>();
    unwind_safe::<JoinHandle<Rc<std::cell::Cell<u8>>>>();
    unwind_safe::<AbortHandle>();
}

#[test]
fn errors_and_ids_are_send_and_sync() {
    send::<JoinError>();
    sync::<JoinError>();
    unpin::<JoinError>();
    send::<Id>();
    sync::<Id>();
    unwind_safe::<Id>();
}

#[test]
fn join_sets_may_cross_threads_if_their_outputs_may() {
    send::<JoinSet<u8>>();
    sync::<JoinSet<u8>>();
    unpin::<JoinSet<PhantomPinned>>();
    unwind_safe::<JoinSet<Rc<std::cell::Cell<u8>>>>();
    send::<join_set::Builder<'_, u8>>();
    assert_not_impl!(JoinSet<Rc<u8>>: Send, JoinSet<Rc<u8>>: Sync);
}

#[test]
fn local_sets_stay_on_their_thread() {
    unpin::<LocalSet>();
    assert_not_impl!(
        LocalSet: Send,
        LocalSet: Sync,
        LocalEnterGuard: Send,
        LocalEnterGuard: Sync,
    );
}

#[test]
fn local_runtimes_stay_on_their_thread() {
    unwind_safe::<LocalRuntime>();
    assert_not_impl!(
        LocalRuntime: Send,
        LocalRuntime: Sync,
        LocalOptions: Send,
        LocalOptions: Sync,
    );
}

#[test]
fn wrappers_have_the_traits_of_their_futures() {
    send::<Unconstrained<u8>>();
    sync::<Unconstrained<u8>>();
    unpin::<Unconstrained<u8>>();
    unpin::<TaskLocalFuture<PhantomPinned, std::future::Ready<u8>>>();
    assert_not_impl!(TaskLocalFuture<u8, PhantomPinned>: Unpin);
    send::<coop::Coop<std::future::Ready<u8>>>();
    assert_not_impl!(Unconstrained<PhantomPinned>: Unpin, Unconstrained<Rc<u8>>: Send);
    assert_not_impl!(coop::RestoreOnPending: Send, coop::RestoreOnPending: Sync);
}
