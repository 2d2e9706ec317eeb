//! A future that keeps its task's books: it counts its polls, and what is done with its waker by a
//! waker round the waker, which passes everything on.
#![expect(
    unsafe_code,
    reason = "a waker that clones, wakes and drops as its own is"
)]

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use crate::facts::{Facts, Fate, Ledger};
use crate::os;

thread_local! {
    /// The task that this thread is polling.
    static POLLED: Cell<*const Facts> = const { Cell::new(ptr::null()) };
}

/// See the module.
pub(crate) struct Tracked<F> {
    future: Pin<Box<F>>,
    facts: Arc<Facts>,
    ledger: Arc<Ledger>,
    worker: Option<usize>,
}

impl<F: Future<Output = ()>> Tracked<F> {
    pub(crate) fn new(future: F, facts: Arc<Facts>, ledger: Arc<Ledger>) -> Tracked<F> {
        Tracked {
            future: Box::pin(future),
            facts,
            ledger,
            worker: None,
        }
    }

    fn note_place(&mut self) {
        let id = zokio::task::id().to_string().parse();
        self.facts.id.set(id.expect("ids are numbers"));
        let worker = zokio::runtime::worker_index();
        if self.worker.is_some() && worker.is_some() && self.worker != worker {
            self.facts.migrations.add(1);
        }
        self.worker = worker;
    }
}

impl<F: Future<Output = ()>> Future for Tracked<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.facts.polls.add(1);
        this.note_place();
        let lent = Lent {
            waker: cx.waker(),
            facts: &this.facts,
        };
        // SAFETY: the vtable keeps the contract of wakers; `lent` outlives this one, whose clones
        // do not refer to it.
        let waker = unsafe { Waker::from_raw(RawWaker::new((&raw const lent).cast(), &LENT)) };
        let before = POLLED.replace(Arc::as_ptr(&this.facts));
        let blocked = this.ledger.blocked_in_place.get();
        let began = os::thread_cpu_ns();
        let polled = this.future.as_mut().poll(&mut Context::from_waker(&waker));
        let cpu = os::thread_cpu_ns() - began;
        POLLED.set(before);
        this.facts.cpu_ns.add(cpu);
        if let Some(worker) = this.worker
            && blocked == this.ledger.blocked_in_place.get()
        {
            this.ledger.count_cpu(worker, cpu);
        }
        if polled.is_ready() {
            this.facts.set_fate(Fate::Completed);
        }
        polled
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            POLLED.set(ptr::null());
            self.facts.set_fate(Fate::Panicked);
        } else if !self.facts.has_ended() {
            self.facts.set_fate(Fate::Cancelled);
        }
    }
}

/// A waker for the time of a poll.
struct Lent<'a> {
    waker: &'a Waker,
    facts: &'a Arc<Facts>,
}

/// A waker that was cloned.
struct Owned {
    waker: Waker,
    facts: Arc<Facts>,
}

static LENT: RawWakerVTable = RawWakerVTable::new(clone_lent, wake_lent, wake_lent, |_| {});
static OWNED: RawWakerVTable = RawWakerVTable::new(clone_owned, wake_owned, wake_ref, drop_owned);

fn count_wake(facts: &Arc<Facts>) {
    facts.wakes.add(1);
    if ptr::eq(POLLED.get(), Arc::as_ptr(facts)) {
        facts.self_wakes.add(1);
    }
}

fn cloned(waker: &Waker, facts: &Arc<Facts>) -> RawWaker {
    facts.clones.add(1);
    let owned = Owned {
        waker: waker.clone(),
        facts: Arc::clone(facts),
    };
    RawWaker::new(Box::into_raw(Box::new(owned)).cast(), &OWNED)
}

/// # Safety
///
/// `data` is that of a waker with the vtable `LENT`.
unsafe fn clone_lent(data: *const ()) -> RawWaker {
    // SAFETY: by the contract; a poll's waker does not outlive it.
    let lent = unsafe { &*data.cast::<Lent<'_>>() };
    cloned(lent.waker, lent.facts)
}

/// # Safety
///
/// As [`clone_lent`].
unsafe fn wake_lent(data: *const ()) {
    // SAFETY: by the contract.
    let lent = unsafe { &*data.cast::<Lent<'_>>() };
    count_wake(lent.facts);
    lent.waker.wake_by_ref();
}

/// # Safety
///
/// `data` is that of a waker with the vtable `OWNED`.
unsafe fn clone_owned(data: *const ()) -> RawWaker {
    // SAFETY: by the contract: a box that lives until the waker is dropped.
    let owned = unsafe { &*data.cast::<Owned>() };
    cloned(&owned.waker, &owned.facts)
}

/// # Safety
///
/// As [`clone_owned`]; the waker is used no more.
unsafe fn wake_owned(data: *const ()) {
    // SAFETY: by the contract: the box is this waker's own.
    let owned = unsafe { Box::from_raw(data.cast_mut().cast::<Owned>()) };
    count_wake(&owned.facts);
    owned.facts.drops.add(1);
    owned.waker.wake();
}

/// # Safety
///
/// As [`clone_owned`].
unsafe fn wake_ref(data: *const ()) {
    // SAFETY: by the contract.
    let owned = unsafe { &*data.cast::<Owned>() };
    count_wake(&owned.facts);
    owned.waker.wake_by_ref();
}

/// # Safety
///
/// As [`wake_owned`].
unsafe fn drop_owned(data: *const ()) {
    // SAFETY: by the contract.
    let owned = unsafe { Box::from_raw(data.cast_mut().cast::<Owned>()) };
    owned.facts.drops.add(1);
    drop(owned.waker);
}

/// Runs a closure on the pool under the books of a task that has no polls.
pub(crate) fn tracked_blocking(facts: Arc<Facts>, work: impl FnOnce()) {
    let began = os::thread_cpu_ns();
    work();
    facts.cpu_ns.add(os::thread_cpu_ns() - began);
    facts.set_fate(Fate::Completed);
}

impl Ledger {
    /// Notes a call of `block_in_place`, before and after.
    pub(crate) fn blocks_in_place<R>(&self, work: impl FnOnce() -> R) -> R {
        self.blocked_in_place.add(1);
        self.disturbed.store(true, Ordering::SeqCst);
        work()
    }
}
