//! Connecting, to one address after the other.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::TcpStream;
use crate::driver::readiness::Direction;
use crate::net::ToSocketAddrs;
use crate::net::addr::{Addresses, Resolve, no_address, resolve};
use crate::telemetry::waits::WaitPoint;

static CONNECT: WaitPoint = WaitPoint::new("tcp", "connect");

/// A connection that is being made. It is there, or has failed, when the socket becomes writable.
#[must_use = "futures do nothing unless polled"]
pub(super) struct Connecting(Option<TcpStream>);

impl Connecting {
    /// `socket` is one on which `connect` has been called.
    #[track_caller]
    pub(super) fn new(socket: mio::net::TcpStream) -> io::Result<Connecting> {
        Ok(Connecting(Some(TcpStream::connecting(socket)?)))
    }
}

impl Future for Connecting {
    type Output = io::Result<TcpStream>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let location = Some(Location::caller());
        let stream = self.0.as_ref().expect("polled after it returned `Ready`");
        ready!(
            stream
                .registration()
                .poll_ready(Direction::Write, cx, &CONNECT, location)
        )?;
        if let Some(error) = stream.take_error()? {
            self.0 = None;
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(self.0.take().expect("present above")))
    }
}

/// Future of [`TcpStream::connect`].
#[must_use = "futures do nothing unless polled"]
pub(super) struct Connect<A> {
    stage: Stage<A>,
    last_error: Option<io::Error>,
}

enum Stage<A> {
    Resolving(Resolve<A>),
    Trying {
        rest: Addresses,
        current: Option<Connecting>,
    },
}

impl<A: ToSocketAddrs> Connect<A> {
    pub(super) fn new(addr: A) -> Connect<A> {
        Connect {
            stage: Stage::Resolving(resolve(addr)),
            last_error: None,
        }
    }
}

impl<A: ToSocketAddrs> Future for Connect<A> {
    type Output = io::Result<TcpStream>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let this = self.get_mut();
        if let Stage::Resolving(resolve) = &mut this.stage {
            let rest = ready!(Pin::new(resolve).poll(cx))?;
            this.stage = Stage::Trying {
                rest,
                current: None,
            };
        }
        let Stage::Trying { rest, current } = &mut this.stage else {
            return Poll::Pending;
        };
        loop {
            if let Some(connecting) = current {
                let done = ready!(Pin::new(connecting).poll(cx));
                *current = None;
                match done {
                    Ok(stream) => return Poll::Ready(Ok(stream)),
                    Err(error) => this.last_error = Some(error),
                }
            }
            let Some(address) = rest.next() else {
                return Poll::Ready(Err(this.last_error.take().unwrap_or_else(no_address)));
            };
            // Not `and_then(Connecting::new)`: a panic would name that as its place.
            let made = match mio::net::TcpStream::connect(address) {
                Ok(socket) => Connecting::new(socket),
                Err(error) => Err(error),
            };
            match made {
                Ok(connecting) => *current = Some(connecting),
                Err(error) => this.last_error = Some(error),
            }
        }
    }
}
