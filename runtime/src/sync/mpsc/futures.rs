//! The futures that the methods of channels return.

#![expect(
    unsafe_code,
    reason = "pin projection to the acquisition inside the named futures"
)]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::bounded::{Receiver, Sender};
use super::chan::Closing;
use super::error::{SendError, SendTimeoutError};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::unbounded::UnboundedReceiver;
use crate::sync::batch::Acquiring;
use crate::sync::futures::Notified;
use crate::telemetry::waits::{Identity, WaitNote, WaitPoint};
use crate::time::{self, Timeout};

static SEND: WaitPoint = WaitPoint::new("mpsc", "send");
static CLOSED: WaitPoint = WaitPoint::new("mpsc", "closed");

macro_rules! opaque_debug {
    ($($future:ident<$($generic:tt),*>;)*) => {$(
        impl<T> fmt::Debug for $future<$($generic),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($future)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_debug! {
    Sending<'_, T>;
    SendTimeout<'_, T>;
    Reserve<'_, T>;
    ReserveMany<'_, T>;
    ReserveOwned<T>;
    Recv<'_, T>;
    RecvMany<'_, T>;
    UnboundedRecv<'_, T>;
    UnboundedRecvMany<'_, T>;
}

/// Future of [`Sender::send`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Sending<'a, T> {
    acquiring: Acquiring<&'a Sender<T>>,
    /// Not pinned: it is moved into the channel.
    value: Option<T>,
}

impl<'a, T> Sending<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, value: T) -> Sending<'a, T> {
        Sending {
            acquiring: Acquiring::new(sender, 1),
            value: Some(value),
        }
    }
}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        // SAFETY: `acquiring`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let acquiring = unsafe { Pin::new_unchecked(&mut this.acquiring) };
        let acquired = ready!(acquiring.poll(cx, &SEND, location));
        let value = this
            .value
            .take()
            .expect("`async fn` resumed after completion");
        Poll::Ready(match acquired {
            Ok(sender) => {
                sender.chan().push(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        })
    }
}

/// Future of [`Sender::send_timeout`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct SendTimeout<'a, T> {
    sender: &'a Sender<T>,
    /// Not pinned: it is moved into the channel.
    value: Option<T>,
    timeout: Duration,
    /// Pinned; made at the first poll, from which on the time counts.
    reserving: Option<Timeout<Reserve<'a, T>>>,
}

impl<'a, T> SendTimeout<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, value: T, timeout: Duration) -> SendTimeout<'a, T> {
        SendTimeout {
            sender,
            value: Some(value),
            timeout,
            reserving: None,
        }
    }
}

impl<T> Future for SendTimeout<'_, T> {
    type Output = Result<(), SendTimeoutError<T>>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `reserving`, the only field that is pinned, is not moved out of.
        let this = unsafe { self.get_unchecked_mut() };
        assert!(this.value.is_some(), "`async fn` resumed after completion");
        if this.reserving.is_none() {
            this.reserving = Some(time::timeout(this.timeout, this.sender.reserve()));
        }
        let reserving = this.reserving.as_mut().expect("it was made above");
        // SAFETY: as above.
        let reserved = ready!(unsafe { Pin::new_unchecked(reserving) }.poll(cx));
        // In place. It waits for room no more, also if this future is kept.
        this.reserving = None;
        let value = this.value.take().expect("there is one until the end");
        Poll::Ready(match reserved {
            Ok(Ok(permit)) => {
                permit.send(value);
                Ok(())
            }
            Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
            Err(_) => Err(SendTimeoutError::Timeout(value)),
        })
    }
}

/// Future of [`Sender::reserve`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Reserve<'a, T> {
    acquiring: Acquiring<&'a Sender<T>>,
}

impl<'a, T> Reserve<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>) -> Reserve<'a, T> {
        Reserve {
            acquiring: Acquiring::new(sender, 1),
        }
    }
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        Poll::Ready(match ready!(acquiring.poll(cx, &SEND, location)) {
            Ok(sender) => Ok(Permit::taken(sender.chan())),
            Err(_) => Err(SendError(())),
        })
    }
}

/// Future of [`Sender::reserve_many`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReserveMany<'a, T> {
    acquiring: Acquiring<&'a Sender<T>>,
    /// `None`: more than the channel can hold.
    n: Option<usize>,
}

impl<'a, T> ReserveMany<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, n: usize) -> ReserveMany<'a, T> {
        let n = Some(n).filter(|&n| n <= sender.max_capacity());
        ReserveMany {
            acquiring: Acquiring::new(sender, n.unwrap_or(0)),
            n,
        }
    }
}

impl<'a, T> Future for ReserveMany<'a, T> {
    type Output = Result<PermitIterator<'a, T>, SendError<()>>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        let Some(n) = self.n else {
            return Poll::Ready(Err(SendError(())));
        };
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        Poll::Ready(match ready!(acquiring.poll(cx, &SEND, location)) {
            Ok(sender) => Ok(PermitIterator::taken(sender.chan(), n)),
            Err(_) => Err(SendError(())),
        })
    }
}

/// Future of [`Sender::reserve_owned`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct ReserveOwned<T> {
    acquiring: Acquiring<Sender<T>>,
}

impl<T> ReserveOwned<T> {
    pub(super) fn new(sender: Sender<T>) -> ReserveOwned<T> {
        ReserveOwned {
            acquiring: Acquiring::new(sender, 1),
        }
    }
}

impl<T> Future for ReserveOwned<T> {
    type Output = Result<OwnedPermit<T>, SendError<()>>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let location = Location::caller();
        // SAFETY: `acquiring` is pinned with the future and not moved out of it.
        let acquiring = unsafe { self.map_unchecked_mut(|this| &mut this.acquiring) };
        Poll::Ready(match ready!(acquiring.poll(cx, &SEND, location)) {
            Ok(sender) => Ok(OwnedPermit::taken(sender)),
            Err(_) => Err(SendError(())),
        })
    }
}

/// Future of [`Sender::closed`] and [`UnboundedSender::closed`](super::UnboundedSender::closed).
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Closed<'a> {
    closing: &'a Closing,
    notified: Notified<'a>,
    /// For the wait note.
    channel: Identity,
}

impl<'a> Closed<'a> {
    pub(super) fn new(closing: &'a Closing, channel: Identity) -> Closed<'a> {
        // Made before the first look at `closing`: it gets every later notification.
        Closed {
            closing,
            notified: closing.notify.notified(),
            channel,
        }
    }
}

impl Future for Closed<'_> {
    type Output = ();

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let location = Location::caller();
        if self.closing.is_closed() {
            return Poll::Ready(());
        }
        let channel = self.channel;
        // SAFETY: `notified` is pinned with the future and not moved out of it.
        let notified = unsafe { self.map_unchecked_mut(|this| &mut this.notified) };
        notified.poll_as(cx, &CLOSED, channel, location)
    }
}

impl fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").finish_non_exhaustive()
    }
}

macro_rules! receiving {
    ($($receiver:ident, $recv:ident, $recv_many:ident;)*) => {$(
        #[doc = concat!("Future of [`", stringify!($receiver), "::recv`].")]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $recv<'a, T> {
            receiver: &'a mut $receiver<T>,
            note: WaitNote,
        }

        impl<'a, T> $recv<'a, T> {
            pub(super) fn new(receiver: &'a mut $receiver<T>) -> $recv<'a, T> {
                $recv { receiver, note: WaitNote::new() }
            }
        }

        impl<T> Future for $recv<'_, T> {
            type Output = Option<T>;

            #[track_caller]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                let location = Location::caller();
                let $recv { receiver, note } = &mut *self;
                receiver.rx.poll_recv(cx, note, location)
            }
        }

        #[doc = concat!("Future of [`", stringify!($receiver), "::recv_many`].")]
        #[must_use = "futures do nothing unless you `.await` or poll them"]
        pub struct $recv_many<'a, T> {
            receiver: &'a mut $receiver<T>,
            buffer: &'a mut Vec<T>,
            limit: usize,
            note: WaitNote,
        }

        impl<'a, T> $recv_many<'a, T> {
            pub(super) fn new(
                receiver: &'a mut $receiver<T>,
                buffer: &'a mut Vec<T>,
                limit: usize,
            ) -> $recv_many<'a, T> {
                $recv_many { receiver, buffer, limit, note: WaitNote::new() }
            }
        }

        impl<T> Future for $recv_many<'_, T> {
            type Output = usize;

            #[track_caller]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
                let location = Location::caller();
                let $recv_many { receiver, buffer, limit, note } = &mut *self;
                receiver.rx.poll_recv_many(cx, buffer, *limit, note, location)
            }
        }
    )*};
}

receiving! {
    Receiver, Recv, RecvMany;
    UnboundedReceiver, UnboundedRecv, UnboundedRecvMany;
}
