//! The halves of TCP and Unix streams: the same guarantees for both.

macro_rules! halves {
    ($module:ident, $stream:ty, $pair:expr) => {
        mod $module {
            use std::error::Error;
            use std::io::{ErrorKind, IoSlice, IoSliceMut};
            use std::pin::pin;

            use zokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
            use zokio::net::$module as halves;

            use crate::support::poll_once;

            #[zokio::test]
            async fn borrowed_halves_work_at_once_and_give_the_stream_back() {
                let (mut a, mut b) = $pair;
                {
                    let (mut reading, mut writing) = a.split();
                    let mut byte = [0];
                    let (read, wrote) = zokio::join!(reading.read_exact(&mut byte), async {
                        writing.write_all(b"x").await.unwrap();
                        let mut echoed = [0];
                        b.read_exact(&mut echoed).await.unwrap();
                        b.write_all(&echoed).await
                    });
                    read.unwrap();
                    wrote.unwrap();
                    assert_eq!(&byte, b"x");
                }
                a.write_all(b"y").await.unwrap();
            }

            #[zokio::test]
            async fn dropping_borrowed_halves_ends_nothing() {
                let (mut a, mut b) = $pair;
                {
                    let (_reading, _writing) = a.split();
                }
                a.write_all(b"x").await.unwrap();
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
            }

            #[zokio::test]
            async fn dropped_writing_half_ends_the_other_side_s_reading() {
                let (a, mut b) = $pair;
                let (mut reading, writing) = a.into_split();
                drop(writing);
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
                b.write_all(b"x").await.unwrap();
                assert_eq!(reading.read(&mut [0; 8]).await.unwrap(), 1);
            }

            #[zokio::test]
            async fn dropped_reading_half_ends_nothing() {
                let (a, mut b) = $pair;
                let (reading, mut writing) = a.into_split();
                drop(reading);
                writing.write_all(b"x").await.unwrap();
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
                b.write_all(b"y").await.unwrap();
            }

            #[zokio::test]
            async fn forgotten_writing_half_ends_nothing() {
                let (a, mut b) = $pair;
                let (reading, writing) = a.into_split();
                writing.forget();
                assert!(poll_once(pin!(b.read(&mut [0; 8]))).is_pending());
                drop(reading);
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
            }

            #[zokio::test]
            async fn shut_down_writing_half_can_still_be_put_back() {
                let (a, mut b) = $pair;
                let (reading, mut writing) = a.into_split();
                writing.shutdown().await.unwrap();
                let mut a = reading.reunite(writing).unwrap();
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 0);
                b.write_all(b"x").await.unwrap();
                assert_eq!(a.read(&mut [0; 8]).await.unwrap(), 1);
            }

            #[zokio::test]
            async fn halves_reunite_from_either_side() {
                let (a, mut b) = $pair;
                let (reading, writing) = a.into_split();
                let a = reading.reunite(writing).unwrap();
                let (reading, writing) = a.into_split();
                let mut a = writing.reunite(reading).unwrap();
                a.write_all(b"x").await.unwrap();
                assert_eq!(
                    b.read(&mut [0; 8]).await.unwrap(),
                    1,
                    "nothing was shut down"
                );
            }

            #[zokio::test]
            async fn strangers_come_back_and_work_on() {
                let (a, b) = $pair;
                let (a_reading, a_writing) = a.into_split();
                let (b_reading, b_writing) = b.into_split();
                let error = a_reading.reunite(b_writing).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    "tried to reunite halves that are not from the same socket"
                );
                assert!(error.source().is_none());
                assert!(format!("{error:?}").starts_with("ReuniteError("));
                let halves::ReuniteError(a_reading, b_writing) = error;
                let halves::ReuniteError(b_reading, a_writing) =
                    a_writing.reunite(b_reading).unwrap_err();
                let mut a = a_reading.reunite(a_writing).unwrap();
                let mut b = b_reading.reunite(b_writing).unwrap();
                a.write_all(b"x").await.unwrap();
                assert_eq!(b.read(&mut [0; 8]).await.unwrap(), 1);
            }

            #[zokio::test]
            async fn owned_halves_live_in_different_tasks() {
                let (a, b) = $pair;
                let (mut reading, writing) = a.into_split();
                let echo = zokio::spawn(async move {
                    let (mut reading, mut writing) = b.into_split();
                    zokio::io::copy(&mut reading, &mut writing).await.unwrap()
                });
                let sending = zokio::spawn(async move {
                    let mut writing = writing;
                    writing.write_all(&[7; 100_000]).await.unwrap();
                });
                let mut got = Vec::new();
                reading.read_to_end(&mut got).await.unwrap();
                sending.await.unwrap();
                assert_eq!(echo.await.unwrap(), 100_000);
                assert_eq!(got, [7; 100_000]);
            }

            #[zokio::test]
            async fn owned_halves_try_without_waiting() {
                let (a, b) = $pair;
                let (a_reading, _a_writing) = a.into_split();
                let (_b_reading, b_writing) = b.into_split();
                let refused = a_reading.try_read(&mut [0; 8]).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::WouldBlock);
                b_writing.writable().await.unwrap();
                assert_eq!(b_writing.try_write(b"ab").unwrap(), 2);
                let bufs = [IoSlice::new(b"cd"), IoSlice::new(b"ef")];
                assert_eq!(b_writing.try_write_vectored(&bufs).unwrap(), 4);
                a_reading.readable().await.unwrap();
                let mut byte = [0];
                assert_eq!(a_reading.try_read(&mut byte).unwrap(), 1);
                let mut bufs = [IoSliceMut::new(&mut byte)];
                assert_eq!(a_reading.try_read_vectored(&mut bufs).unwrap(), 1);
                let mut rest = Vec::new();
                assert_eq!(a_reading.try_read_buf(&mut rest).unwrap(), 4);
                assert_eq!(rest, b"cdef");
            }

            #[zokio::test]
            async fn borrowed_halves_try_without_waiting() {
                let (mut a, mut b) = $pair;
                let (a_reading, _) = a.split();
                let (_, b_writing) = b.split();
                let refused = a_reading.try_read(&mut [0; 8]).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::WouldBlock);
                b_writing.writable().await.unwrap();
                assert_eq!(b_writing.try_write(b"ab").unwrap(), 2);
                let bufs = [IoSlice::new(b"cd"), IoSlice::new(b"ef")];
                assert_eq!(b_writing.try_write_vectored(&bufs).unwrap(), 4);
                a_reading.readable().await.unwrap();
                let mut byte = [0];
                assert_eq!(a_reading.try_read(&mut byte).unwrap(), 1);
                let mut bufs = [IoSliceMut::new(&mut byte)];
                assert_eq!(a_reading.try_read_vectored(&mut bufs).unwrap(), 1);
                let mut rest = Vec::new();
                assert_eq!(a_reading.try_read_buf(&mut rest).unwrap(), 4);
                assert_eq!(rest, b"cdef");
            }

            #[zokio::test]
            async fn halves_tell_their_readiness() {
                let (mut a, _b) = $pair;
                {
                    let (reading, writing) = a.split();
                    let both = Interest::READABLE | Interest::WRITABLE;
                    assert!(reading.ready(both).await.unwrap().is_writable());
                    let ready = writing.ready(Interest::WRITABLE).await.unwrap();
                    assert!(ready.is_writable());
                    assert!(poll_once(pin!(reading.readable())).is_pending());
                }
                let (reading, writing) = a.into_split();
                let ready = writing.ready(Interest::WRITABLE).await.unwrap();
                assert!(ready.is_writable());
                assert!(poll_once(pin!(reading.ready(Interest::READABLE))).is_pending());
            }

            #[zokio::test]
            async fn halves_know_the_addresses_of_the_whole() {
                let (mut a, _b) = $pair;
                let (local, peer) = (
                    format!("{:?}", a.local_addr().unwrap()),
                    format!("{:?}", a.peer_addr().unwrap()),
                );
                {
                    let (reading, writing) = a.split();
                    assert_eq!(format!("{:?}", reading.local_addr().unwrap()), local);
                    assert_eq!(format!("{:?}", writing.peer_addr().unwrap()), peer);
                }
                let (reading, writing) = a.into_split();
                assert_eq!(format!("{:?}", reading.peer_addr().unwrap()), peer);
                assert_eq!(format!("{:?}", writing.local_addr().unwrap()), local);
            }

            #[zokio::test]
            async fn halves_refer_to_the_whole() {
                let (a, _b) = $pair;
                let (reading, writing) = a.into_split();
                let (r, w): (&$stream, &$stream) = (reading.as_ref(), writing.as_ref());
                assert!(std::ptr::eq(r, w));
            }

            #[zokio::test]
            async fn writing_halves_are_vectored() {
                let (mut a, _b) = $pair;
                assert!(a.split().1.is_write_vectored());
                let (_reading, writing) = a.into_split();
                assert!(writing.is_write_vectored());
            }
        }
    };
}

halves!(tcp, zokio::net::TcpStream, crate::support::tcp_pair().await);
#[cfg(unix)]
halves!(
    unix,
    zokio::net::UnixStream,
    zokio::net::UnixStream::pair().unwrap()
);

mod peeking {
    use std::future::poll_fn;

    use zokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};

    use crate::support::tcp_pair;

    #[zokio::test]
    async fn reading_halves_peek() {
        let (mut a, mut b) = tcp_pair().await;
        b.write_all(b"abc").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(a.split().0.peek(&mut buffer).await.unwrap(), 3);
        let (mut reading, _writing) = a.into_split();
        assert_eq!(reading.peek(&mut buffer).await.unwrap(), 3);
        assert_eq!(reading.read(&mut buffer).await.unwrap(), 3);
    }

    #[zokio::test]
    async fn reading_halves_poll_peek() {
        let (mut a, mut b) = tcp_pair().await;
        b.write_all(b"abc").await.unwrap();
        let mut space = [0; 8];
        {
            let mut buf = ReadBuf::new(&mut space);
            let (mut reading, _) = a.split();
            let n = poll_fn(|cx| reading.poll_peek(cx, &mut buf)).await;
            assert_eq!((n.unwrap(), buf.filled()), (3, b"abc".as_slice()));
        }
        let mut buf = ReadBuf::new(&mut space);
        let (mut reading, _writing) = a.into_split();
        let n = poll_fn(|cx| reading.poll_peek(cx, &mut buf)).await;
        assert_eq!((n.unwrap(), buf.filled()), (3, b"abc".as_slice()));
    }
}
