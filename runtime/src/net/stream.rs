//! What TCP and Unix streams have in common.

/// The methods and traits of a stream type with a field `io: PollEvented<…>`.
macro_rules! stream {
    ($stream:ident) => {
        impl $stream {
            /// Waits until the stream is ready for a part of `interest` and says for what.
            ///
            /// It may also return when the stream is not ready: `try_*` then fails with
            /// `WouldBlock`. Cancel safe.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn ready(
                &self,
                interest: Interest,
            ) -> impl Future<Output = io::Result<Ready>> + Send + Sync + Unpin + '_ {
                self.io.ready(interest)
            }

            /// Waits until the stream can be read or has ended. See [`ready`](Self::ready).
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn readable(
                &self,
            ) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
                self.io.ready_for(Interest::READABLE)
            }

            /// Waits until the stream can be written or has ended. See [`ready`](Self::ready).
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn writable(
                &self,
            ) -> impl Future<Output = io::Result<()>> + Send + Sync + Unpin + '_ {
                self.io.ready_for(Interest::WRITABLE)
            }

            /// [`readable`](Self::readable) for hand-written futures: only the latest caller,
            /// readers included, is woken.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(Direction::Read, cx)
            }

            /// [`writable`](Self::writable) for hand-written futures: only the latest caller,
            /// writers included, is woken.
            ///
            /// # Errors
            ///
            /// If the runtime is shutting down.
            pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.io.poll_ready(Direction::Write, cx)
            }

            /// Reads what is there. 0: the stream has ended, or `buf` is empty.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if nothing is there, and errors of the stream.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.io
                    .try_io(Interest::READABLE, || (&mut &*self.io).read(buf))
            }

            /// [`try_read`](Self::try_read) into several buffers, one after the other.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.io
                    .try_io(Interest::READABLE, || (&mut &*self.io).read_vectored(bufs))
            }

            /// [`try_read`](Self::try_read) into a buffer that grows, or whose position moves on,
            /// by what was read. 0: the stream has ended, or `buf` has no room.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_buf<B: BufMut>(&self, buf: &mut B) -> io::Result<usize> {
                self.io.try_io(Interest::READABLE, || {
                    recv::into_buf(&*self.io, buf, recv::recv).map(|(n, ())| n)
                })
            }

            /// Writes as much as there is room for.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is no room, and errors of the stream.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.io
                    .try_io(Interest::WRITABLE, || (&mut &*self.io).write(buf))
            }

            /// [`try_write`](Self::try_write) of several buffers, one after the other.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.io
                    .try_io(Interest::WRITABLE, || (&mut &*self.io).write_vectored(bufs))
            }

            /// Makes a system call of the caller's own, if it may succeed.
            ///
            /// `f` must be non-blocking and return `WouldBlock` only if the system refused it
            /// because the stream is not ready: that makes the next wait wait for an event.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if the stream is not ready, and errors of `f`.
            pub fn try_io<R>(
                &self,
                interest: Interest,
                f: impl FnOnce() -> io::Result<R>,
            ) -> io::Result<R> {
                self.io
                    .try_io(interest, || recv::Socket::through(&*self.io, f))
            }

            /// Makes a system call of the caller's own as soon as it does not block. See
            /// [`try_io`](Self::try_io). Cancel safe.
            ///
            /// # Errors
            ///
            /// Those of `f`, but for `WouldBlock`.
            pub fn async_io<'a, R: 'a>(
                &'a self,
                interest: Interest,
                mut f: impl FnMut() -> io::Result<R> + 'a,
            ) -> impl Future<Output = io::Result<R>> + Unpin {
                self.io
                    .async_io(interest, move || recv::Socket::through(&*self.io, &mut f))
            }

            /// The error that is pending on the socket, which it then forgets.
            ///
            /// # Errors
            ///
            /// If the system cannot tell.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                self.io.take_error()
            }

            /// Borrowed halves, to read and write at the same time within one task.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                split::borrow(self)
            }

            /// Owned halves, to read and write from different tasks. Dropping the writing half
            /// shuts the writing side down.
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                split::share(self)
            }

            pub(super) fn poll_read_shared(
                &self,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                recv::poll_stream(&self.io, cx, buf)
            }

            pub(super) fn poll_write_shared(
                &self,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write(cx, buf)
            }

            pub(super) fn poll_write_vectored_shared(
                &self,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.io.poll_write_vectored(cx, bufs)
            }

            /// As tokio's: a stream that is not connected any more is shut down already.
            pub(super) fn shutdown_write(&self) -> io::Result<()> {
                match self.io.shutdown(Shutdown::Write) {
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                    done => done,
                }
            }

            #[cfg(feature = "hyper")]
            pub(crate) fn poll_read_uninit(
                &self,
                cx: &mut Context<'_>,
                buf: &mut [std::mem::MaybeUninit<u8>],
            ) -> Poll<io::Result<usize>> {
                recv::poll_stream_uninit(&self.io, cx, buf)
            }
        }

        impl AsyncRead for $stream {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                self.poll_read_shared(cx, buf)
            }
        }

        impl AsyncWrite for $stream {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_shared(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.poll_write_vectored_shared(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.shutdown_write())
            }
        }

        impl AsRef<$stream> for $stream {
            fn as_ref(&self) -> &$stream {
                self
            }
        }

        impl fmt::Debug for $stream {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // The socket itself; that it is registered with a driver goes without saying.
                (*self.io).fmt(f)
            }
        }
    };
}

/// The descriptor of a socket type with a field `io`.
macro_rules! descriptor {
    ($socket:ident) => {
        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $socket {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.io.as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $socket {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsRawSocket for $socket {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                self.io.as_raw_socket()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsSocket for $socket {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.io.as_socket()
            }
        }
    };
}

pub(super) use {descriptor, stream};
