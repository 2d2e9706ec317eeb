use super::*;
use crate::sync::test_util::{Spawned, now, spawned};
use std::future::poll_fn;

static POINT: WaitPoint = WaitPoint::new("test", "acquire");

impl Source for &BatchSemaphore {
    fn semaphore(&self) -> &BatchSemaphore {
        self
    }
    fn identity(&self) -> Identity {
        Identity::from(std::ptr::from_ref(*self).cast::<()>())
    }
}

fn acquire(
    semaphore: &BatchSemaphore,
    permits: usize,
) -> Spawned<impl Future<Output = Result<(), AcquireError>>> {
    let mut acquiring = Box::pin(Acquiring::new(semaphore, permits));
    let here = Location::caller();
    spawned(poll_fn(move |cx| {
        acquiring.as_mut().poll(cx, &POINT, here).map_ok(drop)
    }))
}

fn waiters_bit(semaphore: &BatchSemaphore) -> bool {
    semaphore.state.load(Ordering::Relaxed) & WAITERS != 0
}

#[test]
fn waiters_bit_follows_the_queue() {
    let s = BatchSemaphore::new(1);
    assert!(now(poll_fn(|_| Poll::Ready(s.try_acquire(1)))).is_ok());
    let mut first = acquire(&s, 1);
    assert!(!waiters_bit(&s));
    first.assert_pending();
    assert!(waiters_bit(&s));
    s.release(1);
    assert!(!waiters_bit(&s));
    assert!(first.assert_ready().is_ok());
    assert_eq!(s.available(), 0);
}

#[test]
fn partial_permits_stay_with_the_first_waiter() {
    let s = BatchSemaphore::new(2);
    let mut big = acquire(&s, 5);
    big.assert_pending();
    assert_eq!(s.available(), 0, "the two there were are taken");
    let mut small = acquire(&s, 1);
    small.assert_pending();
    s.release(2);
    small.assert_pending();
    s.release(1);
    assert!(big.assert_ready().is_ok());
    small.assert_pending();
    s.release(1);
    assert!(small.assert_ready().is_ok());
}

#[test]
fn cancelled_partial_acquire_passes_its_permits_on() {
    let s = BatchSemaphore::new(2);
    let mut big = acquire(&s, 5);
    big.assert_pending();
    let (mut a, mut b) = (acquire(&s, 1), acquire(&s, 2));
    a.assert_pending();
    b.assert_pending();
    drop(big);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert!(a.assert_ready().is_ok());
    b.assert_pending();
    s.release(1);
    assert!(b.assert_ready().is_ok());
    assert_eq!(s.available(), 0);
}

#[test]
fn one_release_serves_more_waiters_than_a_batch_of_wakes() {
    let s = BatchSemaphore::new(0);
    let mut waiting: Vec<_> = (0..100).map(|_| acquire(&s, 1)).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    s.release(103);
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert!(w.assert_ready().is_ok());
    }
    assert_eq!(s.available(), 3);
    assert!(!waiters_bit(&s));
}

#[test]
fn close_wakes_more_waiters_than_a_batch() {
    let s = BatchSemaphore::new(1);
    let mut waiting: Vec<_> = (0..70).map(|_| acquire(&s, 2)).collect();
    waiting.iter_mut().for_each(Spawned::assert_pending);
    s.close();
    for w in &mut waiting {
        assert_eq!(w.wakes(), 1);
        assert!(w.assert_ready().is_err());
    }
    assert_eq!(
        s.available(),
        1,
        "the first waiter's partial permit came back"
    );
    assert!(!waiters_bit(&s));
}

#[test]
fn repoll_with_another_waker_wakes_the_latest() {
    use crate::sync::test_util::counting_waker;
    let s = BatchSemaphore::new(0);
    let mut acquiring = Box::pin(Acquiring::new(&s, 1));
    let here = Location::caller();
    let ((w1, c1), (w2, c2)) = (counting_waker(), counting_waker());
    for waker in [&w1, &w2, &w2] {
        let mut cx = Context::from_waker(waker);
        assert!(acquiring.as_mut().poll(&mut cx, &POINT, here).is_pending());
    }
    s.release(1);
    assert_eq!((c1.get(), c2.get()), (0, 1));
}

#[test]
fn forget_takes_only_what_is_there() {
    let s = BatchSemaphore::new(3);
    assert_eq!(s.forget(2), 2);
    assert_eq!(s.forget(2), 1);
    assert_eq!(s.forget(2), 0);
    s.release(1);
    assert_eq!(s.available(), 1);
}

#[test]
#[should_panic(expected = "would overflow MAX_PERMITS")]
fn adding_too_many_permits_panics() {
    BatchSemaphore::new(1).release(BatchSemaphore::MAX_PERMITS);
}
