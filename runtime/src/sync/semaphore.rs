//! Counting semaphore: limits how many tasks do something at once.
//!
//! The counting is [`BatchSemaphore`]'s; here are the guards. Permits are handed out in the order
//! of the requests, also when a later request asks for fewer.

#![expect(
    unsafe_code,
    reason = "pin projection to the acquisition inside the named futures"
)]

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::batch::{Acquiring, BatchSemaphore, Source};
use crate::loom::const_unless_loom;
use crate::runtime::context::block_on_outside;
use crate::telemetry::holders::Takers;
use crate::telemetry::waits::{Identity, Origin, WaitPoint};

static ACQUIRE: WaitPoint = WaitPoint::new("semaphore", "acquire");

/// Counting semaphore performing asynchronous permit acquisition.
///
/// A semaphore holds a number of permits. A task that needs one and finds none waits until
/// another gives one back. Waiting tasks are served in the order in which they asked
/// ([`acquire_many`](Semaphore::acquire_many) included: a large request at the front holds back
/// small ones behind it).
///
/// ```
/// # async fn example() {
/// use zokio::sync::Semaphore;
///
/// static CONNECTIONS: Semaphore = Semaphore::const_new(100);
///
/// let permit = CONNECTIONS.acquire().await.unwrap();
/// // at most 100 tasks are here at a time
/// drop(permit);
/// # }
/// ```
pub struct Semaphore {
    batch: BatchSemaphore,
    takers: Takers,
    origin: Origin,
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("batch", &self.batch)
            .finish()
    }
}

/// The semaphore has been [closed](Semaphore::close).
#[derive(Debug)]
pub struct AcquireError(pub(super) ());

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}

/// Why no permit was to be had at once.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore has been [closed](Semaphore::close).
    Closed,
    /// There are not enough permits now.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl Error for TryAcquireError {}

impl Source for &Semaphore {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        Semaphore::identity(self)
    }
    fn waited_for(&self, permits: usize) {
        self.takers.waited_for(self.address(), permits);
    }
    fn granted(&self, place: &'static Location<'static>) {
        self.takers.granted(place);
    }
    fn given_back(&self) {
        self.takers.given_back();
    }
}

impl Source for Arc<Semaphore> {
    fn semaphore(&self) -> &BatchSemaphore {
        &self.batch
    }
    fn identity(&self) -> Identity {
        Semaphore::identity(self)
    }
    fn waited_for(&self, permits: usize) {
        self.takers.waited_for(self.address(), permits);
    }
    fn granted(&self, place: &'static Location<'static>) {
        self.takers.granted_to_move(place);
    }
    fn given_back(&self) {
        self.takers.given_back();
    }
}

impl Semaphore {
    /// The most permits a semaphore can have: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = BatchSemaphore::MAX_PERMITS;

    /// A semaphore with that many permits.
    ///
    /// # Panics
    ///
    /// If `permits` is above [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn new(permits: usize) -> Semaphore {
        BatchSemaphore::check_permits(permits);
        Semaphore::const_new(permits)
    }

    const_unless_loom! {
        /// As [`new`](Semaphore::new), for constants and statics.
        #[track_caller]
        pub const fn const_new(permits: usize) -> Semaphore {
            Semaphore {
                batch: BatchSemaphore::new(permits),
                takers: Takers::new(permits),
                origin: Origin::here(),
            }
        }
    }

    /// Permits that can be had now.
    pub fn available_permits(&self) -> usize {
        self.batch.available()
    }

    /// Adds permits; waiting tasks get them first.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.release(n);
        self.takers.added(n);
    }

    /// Takes up to `n` of the available permits away for good; how many it took.
    pub fn forget_permits(&self, n: usize) -> usize {
        let forgotten = self.batch.forget(n);
        self.takers.forgotten(forgotten);
        forgotten
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue.
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire {
            acquiring: Acquiring::new(self, 1),
            permits: 1,
        }
    }

    /// Waits for `n` permits.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; a cancelled call loses its place in the queue, and permits that it had
    /// gathered go to the next.
    #[track_caller]
    pub fn acquire_many(&self, n: u32) -> Acquire<'_> {
        Acquire {
            acquiring: Acquiring::new(self, n as usize),
            permits: n as usize,
        }
    }

    /// Takes a permit if there is one now.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    #[track_caller]
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if they are there now.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    #[track_caller]
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.batch.try_acquire(n as usize)?;
        Ok(SemaphorePermit::taken(self, n as usize, Location::caller()))
    }

    /// Blocks this thread until there is a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on_outside(self.acquire())
    }

    /// Blocks this thread until there are `n` permits.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on_outside(self.acquire_many(n))
    }

    /// As [`acquire`](Semaphore::acquire), with a permit that can be moved anywhere.
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireOwned {
            acquiring: Acquiring::new(self, 1),
            permits: 1,
        }
    }

    /// As [`acquire_many`](Semaphore::acquire_many), with a permit that can be moved anywhere.
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: u32) -> AcquireOwned {
        AcquireOwned {
            acquiring: Acquiring::new(self, n as usize),
            permits: n as usize,
        }
    }

    /// As [`try_acquire`](Semaphore::try_acquire), with a permit that can be moved anywhere.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Semaphore::try_acquire_many), with a permit that can be moved
    /// anywhere.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::Closed`] or [`TryAcquireError::NoPermits`].
    #[track_caller]
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.batch.try_acquire(n as usize)?;
        Ok(OwnedSemaphorePermit::taken(
            self,
            n as usize,
            Location::caller(),
        ))
    }

    /// As [`blocking_acquire`](Semaphore::blocking_acquire), with a permit that can be moved
    /// anywhere.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on_outside(self.acquire_owned())
    }

    /// As [`blocking_acquire_many`](Semaphore::blocking_acquire_many), with a permit that can be
    /// moved anywhere.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] if the semaphore has been closed.
    ///
    /// # Panics
    ///
    /// In an asynchronous context.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on_outside(self.acquire_many_owned(n))
    }

    /// Closes the semaphore: it gives out no more permits, and all who wait get an error.
    pub fn close(&self) {
        self.batch.close();
    }

    /// Whether the semaphore has been closed.
    pub fn is_closed(&self) -> bool {
        self.batch.is_closed()
    }

    /// What wait notes name the semaphore by.
    fn address(&self) -> *const () {
        ptr::from_ref(self).cast()
    }

    fn identity(&self) -> Identity {
        Identity::new(self.address(), self.origin).with_capacity(self.takers.total())
    }

    #[track_caller]
    fn release(&self, permits: usize) {
        if self.batch.release(permits) {
            self.takers.given_back();
        }
    }
}

/// Future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Acquire<'a> {
    acquiring: Acquiring<&'a Semaphore>,
    permits: usize,
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<SemaphorePermit<'a>, AcquireError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let permits = self.permits;
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        let place = Location::caller();
        acquiring
            .poll(cx, &ACQUIRE, place)
            .map_ok(|semaphore| SemaphorePermit::taken(semaphore, permits, place))
    }
}

/// Future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct AcquireOwned {
    acquiring: Acquiring<Arc<Semaphore>>,
    permits: usize,
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned")
            .field("permits", &self.permits)
            .finish_non_exhaustive()
    }
}

impl Future for AcquireOwned {
    type Output = Result<OwnedSemaphorePermit, AcquireError>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let permits = self.permits;
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        let place = Location::caller();
        acquiring
            .poll(cx, &ACQUIRE, place)
            .map_ok(|semaphore| OwnedSemaphorePermit::taken(semaphore, permits, place))
    }
}

/// Permits of a [`Semaphore`], given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl<'a> SemaphorePermit<'a> {
    /// The caller has taken the permits, at `place`.
    fn taken(
        semaphore: &'a Semaphore,
        permits: usize,
        place: &'static Location<'static>,
    ) -> SemaphorePermit<'a> {
        if permits > 0 {
            semaphore.takers.taken(place);
        }
        SemaphorePermit { semaphore, permits }
    }

    /// Drops the permit without giving it back: the semaphore has that many fewer for good.
    pub fn forget(mut self) {
        self.semaphore.takers.forgotten(self.permits);
        self.permits = 0;
    }

    /// Adds the permits of `other`.
    ///
    /// # Panics
    ///
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits = self
            .permits
            .checked_add(other.permits)
            .expect("number of permits overflowed");
        other.permits = 0;
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit {
            semaphore: self.semaphore,
            permits: n,
        })
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Semaphore {
        self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.release(self.permits);
    }
}

/// Permits of a [`Semaphore`] in an [`Arc`], given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedSemaphorePermit {
    /// The caller has taken the permits, at `place`.
    fn taken(
        semaphore: Arc<Semaphore>,
        permits: usize,
        place: &'static Location<'static>,
    ) -> OwnedSemaphorePermit {
        if permits > 0 {
            semaphore.takers.taken_to_move(place);
        }
        OwnedSemaphorePermit { semaphore, permits }
    }

    /// Drops the permit without giving it back: the semaphore has that many fewer for good.
    pub fn forget(mut self) {
        self.semaphore.takers.forgotten(self.permits);
        self.permits = 0;
    }

    /// Adds the permits of `other`.
    ///
    /// # Panics
    ///
    /// If `other` is of another semaphore.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits = self
            .permits
            .checked_add(other.permits)
            .expect("number of permits overflowed");
        other.permits = 0;
    }

    /// Splits `n` permits off; `None` if there are fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit {
            semaphore: self.semaphore.clone(),
            permits: n,
        })
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits this holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.release(self.permits);
    }
}

#[cfg(all(test, not(zokio_loom)))]
mod tests;
