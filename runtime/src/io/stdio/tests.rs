use std::io::{Read, Write};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use super::background::{Background, Kind, MAX_BYTES};
use super::whole_characters;
use crate::io::ReadBuf;
use crate::runtime::{Builder, Runtime};
use crate::sync::test_util::spawned;
use crate::telemetry::waits::WaitPoint;
use std::future::poll_fn;
use std::io;

static KIND: Kind = Kind {
    transfer: WaitPoint::new("test", "transfer"),
    flush: WaitPoint::new("test", "flush"),
    mandatory: false,
};

static MANDATORY: Kind = Kind {
    transfer: WaitPoint::new("test", "transfer"),
    flush: WaitPoint::new("test", "flush"),
    mandatory: true,
};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap()
}

#[derive(Clone, Default)]
struct Written(Arc<Mutex<(Vec<u8>, usize)>>);

impl Written {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().0.clone()
    }
    fn flushes(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().0.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().1 += 1;
        Ok(())
    }
}

struct Scripted(Vec<io::Result<&'static [u8]>>);

impl Read for Scripted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Ok(0);
        }
        let bytes = self.0.remove(0)?;
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

async fn read<T: Read + Send + 'static>(
    stream: &mut Background<T>,
    size: usize,
) -> io::Result<Vec<u8>> {
    let mut space = vec![0; size];
    let mut buf = ReadBuf::new(&mut space);
    poll_fn(|cx| stream.poll_read(cx, &mut buf)).await?;
    Ok(buf.filled().to_vec())
}

#[test]
fn read_is_retried_when_interrupted_and_ends_with_nothing() {
    runtime().block_on(async {
        let script = Scripted(vec![
            Err(io::ErrorKind::Interrupted.into()),
            Ok(b"abc"),
            Err(io::ErrorKind::NotFound.into()),
        ]);
        let mut stream = Background::new(script, &KIND);
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"abc");
        let error = read(&mut stream, 8).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"");
    });
}

#[test]
fn cancelled_read_keeps_its_bytes_for_the_next() {
    struct Gated(mpsc::Receiver<&'static [u8]>);
    impl Read for Gated {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let bytes = self.0.recv().unwrap();
            buf[..bytes.len()].copy_from_slice(bytes);
            Ok(bytes.len())
        }
    }
    runtime().block_on(async {
        let (tx, rx) = mpsc::channel();
        let mut stream = Background::new(Gated(rx), &KIND);
        spawned(read(&mut stream, 8)).assert_pending();
        tx.send(b"abcd").unwrap();
        assert_eq!(read(&mut stream, 2).await.unwrap(), b"ab");
        assert_eq!(read(&mut stream, 8).await.unwrap(), b"cd");
    });
}

#[test]
fn read_into_no_room_asks_nothing_of_the_stream() {
    runtime().block_on(async {
        let mut stream = Background::new(Scripted(vec![Ok(b"a")]), &KIND);
        assert_eq!(read(&mut stream, 0).await.unwrap(), b"");
        assert_eq!(read(&mut stream, 1).await.unwrap(), b"a");
    });
}

#[test]
fn writes_keep_their_order_and_flush_waits_for_them() {
    runtime().block_on(async {
        let written = Written::default();
        let mut stream = Background::new(written.clone(), &KIND);
        for part in [&b"one "[..], b"two ", b"three"] {
            let n = poll_fn(|cx| stream.poll_write(cx, part)).await.unwrap();
            assert_eq!(n, part.len());
        }
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
        assert_eq!(written.bytes(), b"one two three");
        assert_eq!(written.flushes(), 1);
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
        assert_eq!(written.flushes(), 1, "nothing to flush");
    });
}

#[test]
fn write_takes_at_most_its_maximum() {
    runtime().block_on(async {
        let mut stream = Background::new(Written::default(), &KIND);
        let bytes = vec![7; MAX_BYTES + 1];
        let n = poll_fn(|cx| stream.poll_write(cx, &bytes)).await.unwrap();
        assert_eq!(n, MAX_BYTES);
    });
}

#[test]
fn write_s_error_comes_with_the_next_operation_once() {
    struct Fails(bool);
    impl Write for Fails {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if std::mem::take(&mut self.0) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    runtime().block_on(async {
        let mut stream = Background::new(Fails(true), &KIND);
        poll_fn(|cx| stream.poll_write(cx, b"a")).await.unwrap();
        let error = poll_fn(|cx| stream.poll_write(cx, b"b")).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        poll_fn(|cx| stream.poll_write(cx, b"c")).await.unwrap();
        poll_fn(|cx| stream.poll_flush(cx)).await.unwrap();
    });
}

/// A runtime whose pool's only thread is busy until something is sent.
fn runtime_with_a_busy_pool() -> (Runtime, mpsc::Sender<()>) {
    let runtime = runtime();
    let (release, released) = mpsc::channel::<()>();
    let (started, begun) = mpsc::channel();
    let job = move || {
        started.send(()).unwrap();
        released.recv().unwrap();
    };
    runtime.spawn_blocking(job);
    begun.recv().unwrap();
    (runtime, release)
}

#[test]
fn mandatory_write_is_made_although_the_runtime_shuts_down() {
    struct Told(mpsc::Sender<Vec<u8>>);
    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (runtime, release) = runtime_with_a_busy_pool();
    let (tx, written) = mpsc::channel();
    let mut stream = Background::new(Told(tx), &MANDATORY);
    runtime.block_on(async {
        poll_fn(|cx| stream.poll_write(cx, b"last words"))
            .await
            .unwrap();
    });
    runtime.shutdown_background();
    release.send(()).unwrap();
    assert_eq!(written.recv().unwrap(), b"last words");
}

#[test]
fn write_that_the_shutdown_cancelled_is_an_error_and_the_stream_gone() {
    let (runtime, release) = runtime_with_a_busy_pool();
    let mut stream = Background::new(Written::default(), &KIND);
    runtime.block_on(async {
        poll_fn(|cx| stream.poll_write(cx, b"a")).await.unwrap();
    });
    runtime.shutdown_background();
    release.send(()).unwrap();
    let mut flush = spawned(poll_fn(|cx| stream.poll_flush(cx)));
    assert!(flush.assert_ready().is_err());
    drop(flush);
    let mut again = spawned(poll_fn(|cx| stream.poll_flush(cx)));
    assert!(again.assert_ready().is_err());
}

#[test]
fn mandatory_write_after_the_shutdown_is_refused() {
    let runtime = runtime();
    let handle = runtime.handle().clone();
    drop(runtime);
    let _entered = handle.enter();
    let mut stream = Background::new(Written::default(), &MANDATORY);
    let mut write = spawned(poll_fn(|cx| stream.poll_write(cx, b"a")));
    let error = write.assert_ready().unwrap_err();
    assert_eq!(error.to_string(), crate::driver::gone().to_string());
    drop(write);
    let mut again = spawned(poll_fn(|cx| stream.poll_write(cx, b"a")));
    assert!(again.assert_ready().is_err());
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_operation_notes_the_stream() {
    use crate::sync::test_util::{fresh_task, notes_of, polling};
    let (tx, rx) = mpsc::channel::<()>();
    struct Gated(mpsc::Receiver<()>);
    impl Read for Gated {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            self.0.recv().map(|()| 0).map_err(io::Error::other)
        }
    }
    let runtime = runtime();
    let _entered = runtime.enter();
    let task = fresh_task();
    let mut stream = Background::new(Gated(rx), &KIND);
    {
        let _polling = polling(task);
        spawned(read(&mut stream, 1)).assert_pending();
    }
    let notes = notes_of(task);
    assert!(notes.iter().any(|note| note.point == &KIND.transfer));
    tx.send(()).unwrap();
    runtime.block_on(async { read(&mut stream, 1).await.unwrap() });
    drop(stream);
    assert!(notes_of(task).is_empty());
}

#[test]
fn text_is_cut_between_characters_and_other_bytes_anywhere() {
    let text = "aé".as_bytes();
    assert_eq!(whole_characters(text, 3), text);
    assert_eq!(whole_characters(text, 2), b"a");
    assert_eq!(whole_characters("€€".as_bytes(), 5), "€".as_bytes());
    assert_eq!(whole_characters(&[0xff; 4], 3), [0xff; 3]);
    assert_eq!(whole_characters("€".as_bytes(), 2), &"€".as_bytes()[..2]);
}

#[cfg(unix)]
#[test]
fn streams_lend_the_descriptors_of_the_process() {
    use std::os::fd::{AsFd, AsRawFd};
    assert_eq!(super::stdin().as_raw_fd(), 0);
    assert_eq!(super::stdout().as_raw_fd(), 1);
    assert_eq!(super::stderr().as_raw_fd(), 2);
    assert_eq!(super::stdout().as_fd().as_raw_fd(), 1);
}
