//! How a branch of `select!` is polled: through a reference or a pin, or as it is.
//!
//! std's `Future` for `&mut F` and `Pin<P>` is not `#[track_caller]`: a leaf behind it would see a
//! line of std, and `&mut sleep` in a loop is the most common branch of all. So the macro asks,
//! when it is compiled, whether the branch is such a reference, and then polls what it refers to.
//!
//! The question is put to method lookup, which tries fewer references last: `__zokio_kind`, a name
//! that no trait in the user's scope has, is called on a `&&&Kind<F>`, the traits of the special
//! cases are implemented for `&&Kind` and `&Kind`, and the one for `Kind` takes the rest. In a
//! generic function `F` is what its bounds say.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The type of a branch, without a value of it.
#[derive(Debug)]
pub struct Kind<F: ?Sized>(PhantomData<fn(&F)>);

/// The type of the branch pinned here.
#[inline]
pub fn kind_of<F: ?Sized>(_: &Pin<&mut F>) -> Kind<F> {
    Kind(PhantomData)
}

/// Anything else. That it is a future is asked when it is polled, so that the compiler says that it
/// is not one, rather than something of this module.
pub trait AnyKind {
    /// Says how to poll it.
    #[inline]
    fn __zokio_kind(&self) -> Whole {
        Whole
    }
}

impl<F: ?Sized> AnyKind for Kind<F> {}

/// A mutable reference to a future.
pub trait MutKind {
    /// Says how to poll it.
    #[inline]
    fn __zokio_kind(&self) -> ByMut {
        ByMut
    }
}

impl<F: Future + Unpin + ?Sized> MutKind for &Kind<&mut F> {}

/// A pinned pointer to a future: `Pin<&mut F>`, `Pin<Box<F>>`.
pub trait PinKind {
    /// Says how to poll it.
    #[inline]
    fn __zokio_kind(&self) -> ByPin {
        ByPin
    }
}

impl<P: DerefMut<Target: Future>> PinKind for &&Kind<Pin<P>> {}

/// A mutable reference to a pinned pointer to a future.
pub trait MutPinKind {
    /// Says how to poll it.
    #[inline]
    fn __zokio_kind(&self) -> ByMutPin {
        ByMutPin
    }
}

impl<P: DerefMut<Target: Future>> MutPinKind for &&Kind<&mut Pin<P>> {}

/// Polls the branch itself.
#[derive(Debug)]
pub struct Whole;

impl Whole {
    /// Polls the branch.
    #[inline]
    #[track_caller]
    pub fn poll_branch<F>(self, branch: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output>
    where
        F: Future + ?Sized,
    {
        branch.poll(cx)
    }
}

/// Polls what the branch refers to.
#[derive(Debug)]
pub struct ByMut;

impl ByMut {
    /// Polls the branch.
    #[inline]
    #[track_caller]
    pub fn poll_branch<F>(self, branch: Pin<&mut &mut F>, cx: &mut Context<'_>) -> Poll<F::Output>
    where
        F: Future + Unpin + ?Sized,
    {
        Pin::new(&mut **branch.get_mut()).poll(cx)
    }
}

/// Polls what the pin holds in its place.
#[derive(Debug)]
pub struct ByPin;

impl ByPin {
    /// Polls the branch.
    #[inline]
    #[track_caller]
    pub fn poll_branch<P, F>(
        self,
        branch: Pin<&mut Pin<P>>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output>
    where
        P: DerefMut<Target = F>,
        F: Future + ?Sized,
    {
        branch.as_deref_mut().poll(cx)
    }
}

/// Polls what the pin that the branch refers to holds in its place.
#[derive(Debug)]
pub struct ByMutPin;

impl ByMutPin {
    /// Polls the branch.
    #[inline]
    #[track_caller]
    pub fn poll_branch<P, F>(
        self,
        branch: Pin<&mut &mut Pin<P>>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output>
    where
        P: DerefMut<Target = F>,
        F: Future + ?Sized,
    {
        branch.get_mut().as_mut().poll(cx)
    }
}
