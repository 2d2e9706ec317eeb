//! TCP: [`TcpListener`], [`TcpStream`], [`TcpSocket`], and the halves of a stream.

mod connect;
mod listener;
mod socket;
mod stream;

pub use listener::TcpListener;
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;

mod split {
    use super::TcpStream;

    crate::net::split::halves!(TcpStream, std::net::SocketAddr);

    impl OwnedReadHalf {
        /// See [`TcpStream::peek`].
        ///
        /// # Errors
        ///
        /// Those of the stream.
        pub fn peek<'a>(
            &'a mut self,
            buf: &'a mut [u8],
        ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
            self.inner.peek(buf)
        }

        /// See [`TcpStream::poll_peek`].
        ///
        /// # Errors
        ///
        /// Those of the stream.
        pub fn poll_peek(
            &mut self,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<usize>> {
            self.inner.poll_peek(cx, buf)
        }
    }

    impl ReadHalf<'_> {
        /// See [`TcpStream::peek`].
        ///
        /// # Errors
        ///
        /// Those of the stream.
        pub fn peek<'a>(
            &'a mut self,
            buf: &'a mut [u8],
        ) -> impl Future<Output = io::Result<usize>> + Send + Unpin + 'a {
            self.0.peek(buf)
        }

        /// See [`TcpStream::poll_peek`].
        ///
        /// # Errors
        ///
        /// Those of the stream.
        pub fn poll_peek(
            &mut self,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<usize>> {
            self.0.poll_peek(cx, buf)
        }
    }
}
