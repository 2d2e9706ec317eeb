//! Addresses, and names that stand for them.

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::task::{JoinHandle, spawn_blocking};

/// What can be turned into socket addresses without stopping the thread.
///
/// Addresses and lists of addresses are taken as they are. Host names (`"host:port"`,
/// `("host", port)`) are looked up by the system on the pool of blocking threads.
///
/// The trait cannot be implemented outside of this crate.
pub trait ToSocketAddrs: sealed::Sealed {}

/// Looks a host name up, as [`ToSocketAddrs`] does.
///
/// ```no_run
/// # async fn f() -> std::io::Result<()> {
/// for address in zokio::net::lookup_host("localhost:3000").await? {
///     assert_eq!(address.port(), 3000);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the name is malformed or does not resolve.
///
/// # Panics
///
/// When polled outside of a runtime, if there is a name to look up.
pub fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr> + use<T>>> + Unpin + use<T> {
    resolve(host)
}

/// Starts nothing before it is polled.
pub(super) fn resolve<A: ToSocketAddrs>(addr: A) -> Resolve<A> {
    Resolve(Stage::Start(Some(addr)))
}

/// The addresses of something; in order, perhaps none.
pub(super) type Addresses = std::vec::IntoIter<SocketAddr>;

/// Future of [`resolve`].
#[must_use = "futures do nothing unless polled"]
pub(super) struct Resolve<A>(Stage<A>);

/// What is to be resolved is never pinned.
impl<A> Unpin for Resolve<A> {}

enum Stage<A> {
    Start(Option<A>),
    LookingUp(JoinHandle<io::Result<Addresses>>),
}

impl<A: ToSocketAddrs> Future for Resolve<A> {
    type Output = io::Result<Addresses>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<Addresses>> {
        if let Stage::Start(addr) = &mut self.0 {
            let addr = addr.take().expect("polled after it returned `Ready`");
            match addr.start() {
                sealed::Lookup::Known(addresses) => return Poll::Ready(Ok(addresses)),
                sealed::Lookup::Refused(error) => return Poll::Ready(Err(error)),
                sealed::Lookup::Name(host, port) => {
                    self.0 = Stage::LookingUp(spawn_blocking(move || {
                        std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))
                    }));
                }
            }
        }
        let Stage::LookingUp(job) = &mut self.0 else {
            return Poll::Pending;
        };
        let found = ready!(Pin::new(job).poll(cx));
        Poll::Ready(found.unwrap_or_else(|_| {
            Err(io::Error::other(
                "the name lookup was cut short: the runtime is shutting down",
            ))
        }))
    }
}

mod sealed {
    use super::Addresses;

    pub trait Sealed {
        fn start(&self) -> Lookup;
    }

    /// How a lookup goes on.
    #[derive(Debug)]
    pub enum Lookup {
        Known(Addresses),
        Refused(std::io::Error),
        Name(String, u16),
    }
}

use sealed::Lookup;

fn known(addresses: Vec<SocketAddr>) -> Lookup {
    Lookup::Known(addresses.into_iter())
}

fn name(host: &str, port: u16) -> Lookup {
    match host.parse::<IpAddr>() {
        Ok(ip) => known(vec![(ip, port).into()]),
        Err(_) => Lookup::Name(host.to_owned(), port),
    }
}

fn name_and_port(text: &str) -> Lookup {
    if let Ok(address) = text.parse() {
        return known(vec![address]);
    }
    let refused = |why| Lookup::Refused(io::Error::new(io::ErrorKind::InvalidInput, why));
    let Some((host, port)) = text.rsplit_once(':') else {
        return refused("invalid socket address");
    };
    match port.parse() {
        Ok(port) => name(host, port),
        Err(_) => refused("invalid port value"),
    }
}

macro_rules! to_socket_addrs {
    ($($type:ty: |$this:ident| $lookup:expr;)*) => {$(
        impl ToSocketAddrs for $type {}

        impl sealed::Sealed for $type {
            fn start(&self) -> Lookup {
                let $this = self;
                $lookup
            }
        }
    )*};
}

to_socket_addrs! {
    SocketAddr: |this| known(vec![*this]);
    SocketAddrV4: |this| known(vec![(*this).into()]);
    SocketAddrV6: |this| known(vec![(*this).into()]);
    (IpAddr, u16): |this| known(vec![(*this).into()]);
    (Ipv4Addr, u16): |this| known(vec![(*this).into()]);
    (Ipv6Addr, u16): |this| known(vec![(*this).into()]);
    &[SocketAddr]: |this| known(this.to_vec());
    str: |this| name_and_port(this);
    String: |this| name_and_port(this);
    (&str, u16): |this| name(this.0, this.1);
    (String, u16): |this| name(&this.0, this.1);
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToSocketAddrs + ?Sized> sealed::Sealed for &T {
    fn start(&self) -> Lookup {
        (**self).start()
    }
}

/// The error of a name with no addresses.
pub(super) fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "could not resolve to any address",
    )
}

/// A socket that is made at the first of some addresses that can be bound.
pub(super) trait BindFirst: Sized {
    /// Registers with the current runtime.
    fn bind_first(addresses: Addresses) -> io::Result<Self>;
}

/// A socket bound to the first possible of the addresses that `addr` stands for.
pub(super) fn bind<A: ToSocketAddrs, S: BindFirst>(addr: A) -> Bind<A, S> {
    Bind {
        addresses: resolve(addr),
        socket: PhantomData,
    }
}

/// Future of [`bind`].
#[must_use = "futures do nothing unless polled"]
pub(super) struct Bind<A, S> {
    addresses: Resolve<A>,
    socket: PhantomData<fn() -> S>,
}

impl<A: ToSocketAddrs, S: BindFirst> Future for Bind<A, S> {
    type Output = io::Result<S>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<S>> {
        let addresses = ready!(Pin::new(&mut self.addresses).poll(cx))?;
        Poll::Ready(S::bind_first(addresses))
    }
}

/// Does `f` to each address until it succeeds; the last error if it never does.
pub(super) fn first_success<T>(
    addresses: Addresses,
    mut f: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for address in addresses {
        match f(address) {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}
