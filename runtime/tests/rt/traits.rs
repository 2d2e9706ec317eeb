//! What may be sent, shared and carried through a caught panic: at least what may be in tokio.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::panic::{RefUnwindSafe, UnwindSafe};

use zokio::runtime::{
    Builder, EnterGuard, Handle, HistogramConfiguration, HistogramScale, Id,
    InvalidHistogramConfiguration, LogHistogram, LogHistogramBuilder, RngSeed, Runtime,
    RuntimeFlavor, RuntimeMetrics, TaskMeta, TryCurrentError, UnhandledPanic,
};

fn all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
fn send_sync_unpin<T: Send + Sync + Unpin>() {}

/// Which type has an `is_send` of its own tells, without an error, whether `T` is `Send`.
struct IsSend<T>(std::marker::PhantomData<T>);

trait NotSend {
    fn is_send(&self) -> bool {
        false
    }
}

impl<T> NotSend for IsSend<T> {}

impl<T: Send> IsSend<T> {
    fn is_send(&self) -> bool {
        true
    }
}

#[test]
fn runtimes_handles_and_metrics_have_all_auto_traits() {
    all::<Runtime>();
    all::<Handle>();
    all::<RuntimeMetrics>();
    send_sync_unpin::<Builder>();
}

#[test]
fn values_have_all_auto_traits() {
    all::<Id>();
    all::<RuntimeFlavor>();
    all::<TryCurrentError>();
    all::<UnhandledPanic>();
    all::<RngSeed>();
    all::<HistogramConfiguration>();
    all::<HistogramScale>();
    all::<LogHistogram>();
    all::<LogHistogramBuilder>();
    all::<InvalidHistogramConfiguration>();
    all::<TaskMeta<'static>>();
}

#[test]
fn enter_guard_is_shared_but_stays_on_its_thread() {
    fn sync<T: Sync>() {}
    sync::<EnterGuard<'static>>();
    let is_send = IsSend(std::marker::PhantomData::<EnterGuard<'static>>).is_send();
    assert!(!is_send);
    assert!(IsSend(std::marker::PhantomData::<Handle>).is_send());
}

#[test]
fn values_have_the_customary_traits() {
    fn value<T: Copy + Eq + Hash + Debug>() {}
    fn cloned<T: Clone + Debug>() {}
    fn error<T: std::error::Error + Display>() {}
    value::<Id>();
    value::<RuntimeFlavor>();
    cloned::<Handle>();
    cloned::<RuntimeMetrics>();
    cloned::<RngSeed>();
    cloned::<UnhandledPanic>();
    cloned::<HistogramConfiguration>();
    error::<TryCurrentError>();
    error::<InvalidHistogramConfiguration>();
}

#[test]
fn runtime_survives_a_caught_panic() {
    let runtime = crate::support::current();
    let caught = std::panic::catch_unwind(|| runtime.block_on(async { panic!("caught") }));
    assert!(caught.is_err());
    assert_eq!(runtime.block_on(async { 1 }), 1);
}
