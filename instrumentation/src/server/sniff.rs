//! One port for HTTP/1, HTTP/2 and TLS: reads what the client says first, decides, and hands the
//! bytes on unread. Counts what is sent, too, and holds back who sends too much.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use super::inflow::Inflow;
use crate::sampler::Sampler;

/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What every TLS connection begins with: the type of a record that is part of a handshake.
const HANDSHAKE: u8 = 0x16;

/// Read at once.
const PIECE_BYTES: usize = 4 * 1024;

/// What a connection turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tls,
    Http1,
    Http2,
}

/// A connection whose first bytes have been looked at.
pub(crate) struct Sniffed<S> {
    stream: S,
    /// Where bytes are counted, if they are.
    sampler: Option<Arc<Sampler>>,
    inflow: Option<Inflow>,
    first: [u8; PREFACE.len()],
    /// `first[read..filled]` is still to be handed on.
    filled: usize,
    read: usize,
}

impl<S> Sniffed<S> {
    /// `sampler` is that of a connection itself; what comes out of its encryption has none.
    pub(crate) fn new(stream: S, sampler: Option<Arc<Sampler>>) -> Sniffed<S> {
        Sniffed {
            stream,
            inflow: sampler.as_ref().map(|_| Inflow::new()),
            sampler,
            first: [0; PREFACE.len()],
            filled: 0,
            read: 0,
        }
    }
}

impl<S: Read + Write + Unpin> Sniffed<S> {
    /// Reads until the first bytes tell the protocol. A client that says nothing and leaves is an
    /// error.
    pub(crate) async fn sniff(&mut self) -> io::Result<Protocol> {
        poll_fn(|cx| self.poll_sniff(cx)).await
    }

    fn poll_sniff(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Protocol>> {
        loop {
            let said = &self.first[..self.filled];
            if said.first() == Some(&HANDSHAKE) {
                return Poll::Ready(Ok(Protocol::Tls));
            }
            if !PREFACE.starts_with(said) {
                return Poll::Ready(Ok(Protocol::Http1));
            }
            if said.len() == PREFACE.len() {
                return Poll::Ready(Ok(Protocol::Http2));
            }
            let mut rest = ReadBuf::new(&mut self.first[self.filled..]);
            ready!(Pin::new(&mut self.stream).poll_read(cx, rest.unfilled()))?;
            let n = rest.filled().len();
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.filled += n;
        }
    }

    /// Writes these bytes, and that no more will follow.
    pub(crate) async fn say(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| Pin::new(&mut *self).poll_write(cx, bytes)).await?;
            if n == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = &bytes[n..];
        }
        poll_fn(|cx| Pin::new(&mut *self).poll_shutdown(cx)).await
    }
}

impl<S> Sniffed<S> {
    fn count(&self, n: usize) {
        if let Some(sampler) = &self.sampler {
            sampler.add_bytes_sent(n as u64);
        }
    }
}

impl<S: Read + Unpin> Read for Sniffed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.read < this.filled {
            let n = buf.remaining().min(this.filled - this.read);
            buf.put_slice(&this.first[this.read..this.read + n]);
            this.read += n;
            return Poll::Ready(Ok(()));
        }
        let Some(inflow) = &mut this.inflow else {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        };
        ready!(inflow.poll_open(cx));
        // Through a piece of our own, since the caller's does not tell how much came.
        let mut piece = [0; PIECE_BYTES];
        let most = PIECE_BYTES.min(buf.remaining());
        let mut read = ReadBuf::new(&mut piece[..most]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, read.unfilled()))?;
        inflow.add(read.filled().len());
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for Sniffed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.count(n);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        self.count(n);
        Poll::Ready(Ok(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Gives out one piece a read, then the end.
    struct Pieces(Vec<&'static [u8]>);

    impl Read for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            mut buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some(piece) = self.0.first_mut() {
                let n = piece.len().min(buf.remaining());
                buf.put_slice(&piece[..n]);
                *piece = &piece[n..];
                if piece.is_empty() {
                    self.0.remove(0);
                }
            }
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Pieces {
        fn poll_write(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn sniff(pieces: &[&'static [u8]]) -> (Option<Protocol>, Vec<u8>) {
        let sampler = Arc::new(Sampler::new(Arc::default(), Arc::default()));
        let mut io = Sniffed::new(Pieces(pieces.to_vec()), Some(sampler));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(protocol) = io.poll_sniff(&mut cx) else {
            panic!("pending")
        };
        let mut all = Vec::new();
        loop {
            let mut bytes = [0; 7];
            let mut buf = ReadBuf::new(&mut bytes);
            assert!(
                Pin::new(&mut io)
                    .poll_read(&mut cx, buf.unfilled())
                    .is_ready()
            );
            if buf.filled().is_empty() {
                return (protocol.ok(), all);
            }
            all.extend_from_slice(buf.filled());
        }
    }

    #[test]
    fn the_protocol_is_told_however_the_bytes_arrive_and_no_byte_is_lost() {
        let get: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
        assert_eq!(sniff(&[get]), (Some(Protocol::Http1), get.to_vec()));
        assert_eq!(sniff(&[b"P", b"OST / HTTP/1.1"]).0, Some(Protocol::Http1));
        let h2 = [PREFACE, b"\0\0\0\x04\0\0\0\0\0"].concat();
        assert_eq!(
            sniff(&[
                b"PRI * HT",
                b"TP/2.0\r\n\r\n",
                b"SM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
            ]),
            (Some(Protocol::Http2), h2)
        );
    }

    /// Says the same for ever.
    struct Endless;

    impl Read for Endless {
        fn poll_read(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            mut buf: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            let n = buf.remaining();
            buf.put_slice(&vec![b'x'; n]);
            Poll::Ready(Ok(()))
        }
    }

    #[zokio::test(start_paused = true)]
    async fn who_never_stops_sending_is_not_listened_to_all_the_time() {
        let sampler = Arc::new(Sampler::new(Arc::default(), Arc::default()));
        let mut io = Sniffed::new(Endless, Some(sampler));
        let mut cx = Context::from_waker(Waker::noop());
        let mut read = 0;
        loop {
            let mut bytes = [0; 16 * 1024];
            let mut buf = ReadBuf::new(&mut bytes);
            if Pin::new(&mut io)
                .poll_read(&mut cx, buf.unfilled())
                .is_pending()
            {
                break;
            }
            read += buf.filled().len();
            assert!(read < 2 << 20, "all is read");
        }
        assert!(read > 1 << 20, "{read}");
    }

    #[test]
    fn a_tls_handshake_is_told_by_its_first_byte() {
        let hello: &[u8] = b"\x16\x03\x01\x02\0";
        assert_eq!(sniff(&[hello]), (Some(Protocol::Tls), hello.to_vec()));
        assert_eq!(sniff(&[b"\x16"]).0, Some(Protocol::Tls));
        assert_eq!(sniff(&[b"\x17"]).0, Some(Protocol::Http1));
    }

    #[test]
    fn a_client_that_leaves_before_it_said_anything_is_an_error() {
        assert_eq!(sniff(&[]).0, None);
        assert_eq!(sniff(&[b"PRI"]).0, None);
    }
}
