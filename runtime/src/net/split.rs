//! The halves of a stream: one reads, one writes, at the same time.

/// The four halves of `$stream`, and how they are made, in the module of its own that the macro
/// is called in.
macro_rules! halves {
    ($stream:ident, $address:ty) => {
        use std::error::Error;
        use std::fmt;
        use std::future::Future;
        use std::io::{self, IoSlice, IoSliceMut};
        use std::pin::Pin;
        use std::sync::Arc;
        use std::task::{Context, Poll};

        use bytes::BufMut;

        use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

        /// The borrowed reading half, made by `split`.
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        /// The borrowed writing half, made by `split`.
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        /// The owned reading half, made by `into_split`.
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            inner: Arc<$stream>,
        }

        /// The owned writing half, made by `into_split`. Dropping it shuts the writing side down,
        /// unless it is [forgotten](OwnedWriteHalf::forget).
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            inner: Arc<$stream>,
            shutdown_on_drop: bool,
        }

        pub(super) fn borrow(stream: &mut $stream) -> (ReadHalf<'_>, WriteHalf<'_>) {
            (ReadHalf(stream), WriteHalf(stream))
        }

        pub(super) fn share(stream: $stream) -> (OwnedReadHalf, OwnedWriteHalf) {
            let inner = Arc::new(stream);
            let read = OwnedReadHalf {
                inner: Arc::clone(&inner),
            };
            (
                read,
                OwnedWriteHalf {
                    inner,
                    shutdown_on_drop: true,
                },
            )
        }

        /// Two halves are not of the same stream: they come back.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tried to reunite halves that are not from the same socket")
            }
        }

        impl Error for ReuniteError {}

        fn reunite(read: OwnedReadHalf, write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
            if !Arc::ptr_eq(&read.inner, &write.inner) {
                return Err(ReuniteError(read, write));
            }
            write.forget();
            Ok(Arc::into_inner(read.inner).expect("the two halves were the only owners"))
        }

        impl OwnedReadHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            ///
            /// If they are not of the same stream.
            pub fn reunite(self, other: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                reunite(self, other)
            }
        }

        impl OwnedWriteHalf {
            /// Puts the halves together again.
            ///
            /// # Errors
            ///
            /// If they are not of the same stream.
            pub fn reunite(self, other: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                reunite(other, self)
            }

            /// Drops the half without shutting anything down.
            pub fn forget(mut self) {
                self.shutdown_on_drop = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.shutdown_on_drop {
                    // Nobody is left to be told of an error.
                    let _ = self.inner.shutdown_write();
                }
            }
        }

        impl AsRef<$stream> for ReadHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for WriteHalf<'_> {
            fn as_ref(&self) -> &$stream {
                self.0
            }
        }

        impl AsRef<$stream> for OwnedReadHalf {
            fn as_ref(&self) -> &$stream {
                &self.inner
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            fn as_ref(&self) -> &$stream {
                &self.inner
            }
        }

        $crate::net::split::read_half!($stream, $address, ReadHalf<'_>);
        $crate::net::split::read_half!($stream, $address, OwnedReadHalf);
        $crate::net::split::write_half!($stream, $address, WriteHalf<'_>);
        $crate::net::split::write_half!($stream, $address, OwnedWriteHalf);
    };
}

/// What a half says about the whole.
macro_rules! half {
    ($stream:ident, $address:ty, $half:ty) => {
        impl $half {
            /// See the stream's `ready`.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn ready(
                &self,
                interest: Interest,
            ) -> impl Future<Output = io::Result<Ready>> + Send + Sync + Unpin + '_ {
                self.as_ref().ready(interest)
            }

            /// The address of the other side.
            ///
            /// # Errors
            ///
            /// If the stream is not connected any more.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.as_ref().peer_addr()
            }

            /// The address of this side.
            ///
            /// # Errors
            ///
            /// If the system cannot tell.
            pub fn local_addr(&self) -> io::Result<$address> {
                self.as_ref().local_addr()
            }
        }
    };
}

macro_rules! read_half {
    ($stream:ident, $address:ty, $half:ty) => {
        $crate::net::split::half!($stream, $address, $half);

        impl $half {
            /// See the stream's `readable`.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn readable(
                &self,
            ) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
                self.as_ref().readable()
            }

            /// See the stream's `try_read`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing is there, and errors of the stream.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.as_ref().try_read(buf)
            }

            /// See the stream's `try_read_vectored`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing is there, and errors of the stream.
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.as_ref().try_read_vectored(bufs)
            }

            /// See the stream's `try_read_buf`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing is there, and errors of the stream.
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.as_ref().try_read_buf(buf)
            }
        }

        impl AsyncRead for $half {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                (*self).as_ref().poll_read_shared(cx, buf)
            }
        }
    };
}

macro_rules! write_half {
    ($stream:ident, $address:ty, $half:ty) => {
        $crate::net::split::half!($stream, $address, $half);

        impl $half {
            /// See the stream's `writable`.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn writable(
                &self,
            ) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
                self.as_ref().writable()
            }

            /// See the stream's `try_write`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room, and errors of the stream.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.as_ref().try_write(buf)
            }

            /// See the stream's `try_write_vectored`.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room, and errors of the stream.
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.as_ref().try_write_vectored(bufs)
            }
        }

        impl AsyncWrite for $half {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_write_shared(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                (*self).as_ref().poll_write_vectored_shared(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready((*self).as_ref().shutdown_write())
            }
        }
    };
}

pub(super) use {half, halves, read_half, write_half};
