//! Copying both ways between two streams.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::copy::{CopyBuffer, DEFAULT_BUFFER_BYTES};
use super::{AsyncRead, AsyncWrite};

/// Copies both ways between `a` and `b` until both directions have ended; how many bytes from `a`
/// to `b`, and from `b` to `a`.
///
/// When one stream ends, the other is shut down for writing, and what comes from there is copied
/// on until it ends too. Each direction has a buffer of 8 KiB.
///
/// # Errors
///
/// Those of the streams, at once, but for interrupted reads and writes, which are repeated. Bytes
/// under way are lost then.
///
/// # Cancel safety
///
/// Not cancel safe: what was read and not yet written is lost.
///
/// ```
/// # zokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use zokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
///
/// let (mut client, mut proxy_front) = duplex(64);
/// let (mut proxy_back, mut server) = duplex(64);
/// client.write_all(b"ping").await?;
/// client.shutdown().await?;
/// server.write_all(b"pong!").await?;
/// server.shutdown().await?;
/// let counts = copy_bidirectional(&mut proxy_front, &mut proxy_back).await?;
/// assert_eq!(counts, (4, 5));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub async fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> io::Result<(u64, u64)>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    Both::new(a, b, [DEFAULT_BUFFER_BYTES; 2]).await
}

/// As [`copy_bidirectional`], with buffers of the given sizes, in bytes.
///
/// # Errors
///
/// As [`copy_bidirectional`].
///
/// # Panics
///
/// If a size is 0, when polled.
pub fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    Both::new(a, b, [a_to_b_buf_size, b_to_a_buf_size])
}

enum Direction {
    Running(CopyBuffer),
    ShuttingDown(u64),
    Done(u64),
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self =
                match self {
                    Direction::Running(buffer) => Direction::ShuttingDown(ready!(
                        buffer.poll_copy(cx, Pin::new(&mut *reader), Pin::new(&mut *writer))
                    )?),
                    Direction::ShuttingDown(copied) => {
                        ready!(Pin::new(&mut *writer).poll_shutdown(cx))?;
                        Direction::Done(*copied)
                    }
                    Direction::Done(copied) => return Poll::Ready(Ok(*copied)),
                }
        }
    }
}

/// Both directions.
struct Both<'a, 'b, A: ?Sized, B: ?Sized> {
    a: &'a mut A,
    b: &'b mut B,
    sizes: [usize; 2],
    /// `None` before the first poll.
    directions: Option<[Direction; 2]>,
    /// Which direction is polled first, in turn: it may take all of the task's budget.
    back_first: bool,
}

impl<'a, 'b, A: ?Sized, B: ?Sized> Both<'a, 'b, A, B> {
    fn new(a: &'a mut A, b: &'b mut B, sizes: [usize; 2]) -> Both<'a, 'b, A, B> {
        Both {
            a,
            b,
            sizes,
            directions: None,
            back_first: true,
        }
    }
}

#[track_caller]
fn directions(sizes: [usize; 2]) -> [Direction; 2] {
    assert!(sizes[0] > 0, "`a_to_b_buf_size` must be greater than 0");
    assert!(sizes[1] > 0, "`b_to_a_buf_size` must be greater than 0");
    sizes.map(|size| Direction::Running(CopyBuffer::new(size)))
}

impl<A, B> Future for Both<'_, '_, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<(u64, u64)>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<(u64, u64)>> {
        let Both {
            a,
            b,
            sizes,
            directions: state,
            back_first,
        } = &mut *self;
        let [a_to_b, b_to_a] = match state {
            Some(state) => state,
            none => none.insert(directions(*sizes)),
        };
        // Both are polled, also when one is pending; an error of either ends both.
        *back_first = !*back_first;
        let early = if *back_first {
            Some(b_to_a.poll(cx, &mut **b, &mut **a)?)
        } else {
            None
        };
        let there = a_to_b.poll(cx, &mut **a, &mut **b)?;
        let back = match early {
            Some(back) => back,
            None => b_to_a.poll(cx, &mut **b, &mut **a)?,
        };
        Poll::Ready(Ok((ready!(there), ready!(back))))
    }
}
