//! Pipes.

use std::ffi::CString;
use std::fs::File;
use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::pin::pin;
use std::task::Context;

use zokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use zokio::net::unix::pipe::{OpenOptions, Receiver, Sender, pipe};

use crate::support::{Folder, Wakes, poll_once};

/// A named pipe, and the folder that it is in.
fn fifo() -> (Folder, PathBuf) {
    let folder = Folder::new();
    let path = folder.join("fifo");
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    #[expect(unsafe_code, reason = "the standard library makes no named pipes")]
    // SAFETY: the name is a C string that lives until the call returns.
    let made = unsafe { libc::mkfifo(name.as_ptr(), 0o600) };
    assert_eq!(made, 0);
    (folder, path)
}

fn is_nonblocking(fd: &impl AsFd) -> bool {
    #[expect(unsafe_code, reason = "the standard library does not tell")]
    // SAFETY: the descriptor is open for as long as it is borrowed; no pointers are passed.
    let flags = unsafe { libc::fcntl(fd.as_fd().as_raw_fd(), libc::F_GETFL) };
    assert!(flags >= 0);
    flags & libc::O_NONBLOCK != 0
}

#[zokio::test]
async fn bytes_go_from_the_sender_to_the_receiver() {
    let (mut sender, mut receiver) = pipe().unwrap();
    sender.write_all(b"hello").await.unwrap();
    let mut buffer = [0; 8];
    assert_eq!(receiver.read(&mut buffer).await.unwrap(), 5);
    assert_eq!(&buffer[..5], b"hello");
}

#[zokio::test]
async fn receiver_waits_for_the_sender() {
    let (mut sender, mut receiver) = pipe().unwrap();
    let reading = zokio::spawn(async move {
        let mut text = String::new();
        receiver.read_to_string(&mut text).await.unwrap();
        text
    });
    zokio::task::yield_now().await;
    sender.write_all(b"one ").await.unwrap();
    zokio::task::yield_now().await;
    sender.write_all(b"two").await.unwrap();
    drop(sender);
    assert_eq!(reading.await.unwrap(), "one two");
}

#[zokio::test]
async fn dropped_sender_ends_the_pipe() {
    let (sender, mut receiver) = pipe().unwrap();
    drop(sender);
    for _ in 0..2 {
        assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 0);
    }
}

#[zokio::test]
async fn dropped_receiver_breaks_the_pipe() {
    let (mut sender, receiver) = pipe().unwrap();
    drop(receiver);
    let error = sender.write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    let error = sender.try_write(b"x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[zokio::test]
async fn writer_that_waits_learns_that_the_receiver_went() {
    let (mut sender, receiver) = pipe().unwrap();
    let writing = zokio::spawn(async move { sender.write_all(&[0; 1 << 20]).await });
    zokio::task::yield_now().await;
    drop(receiver);
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[zokio::test]
async fn more_than_the_pipe_holds_is_written_as_it_is_read() {
    let (mut sender, mut receiver) = pipe().unwrap();
    let writing = zokio::spawn(async move { sender.write_all(&[7; 1 << 20]).await });
    let mut got = Vec::new();
    receiver.read_to_end(&mut got).await.unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(got, vec![7; 1 << 20]);
}

#[zokio::test]
async fn shutdown_does_not_end_the_pipe() {
    let (mut sender, mut receiver) = pipe().unwrap();
    sender.shutdown().await.unwrap();
    sender.flush().await.unwrap();
    sender.write_all(b"x").await.unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn vectored_write_takes_all_buffers() {
    let (mut sender, mut receiver) = pipe().unwrap();
    assert!(sender.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(sender.write_vectored(&bufs).await.unwrap(), 4);
    let mut got = [0; 4];
    receiver.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"abcd");
}

#[zokio::test]
async fn given_up_read_loses_no_byte() {
    let (mut sender, mut receiver) = pipe().unwrap();
    assert!(poll_once(pin!(receiver.read(&mut [0; 8]))).is_pending());
    sender.write_all(b"ab").await.unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 2);
}

#[zokio::test]
async fn read_into_nothing_does_not_wait() {
    let (_sender, mut receiver) = pipe().unwrap();
    assert_eq!(receiver.read(&mut []).await.unwrap(), 0);
}

#[zokio::test]
async fn try_read_says_when_it_would_block() {
    let (mut sender, receiver) = pipe().unwrap();
    let error = receiver.try_read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    sender.write_all(b"abcdef").await.unwrap();
    receiver.readable().await.unwrap();
    let mut pairs = [[0; 2]; 2];
    assert_eq!(receiver.try_read(&mut pairs[0]).unwrap(), 2);
    assert_eq!(&pairs[0], b"ab");
    let [first, second] = &mut pairs;
    let mut bufs = [IoSliceMut::new(first), IoSliceMut::new(second)];
    assert_eq!(receiver.try_read_vectored(&mut bufs).unwrap(), 4);
    assert_eq!(&pairs, &[*b"cd", *b"ef"]);
    assert!(receiver.try_read(&mut [0; 8]).is_err());
    assert!(poll_once(pin!(receiver.readable())).is_pending());
}

#[zokio::test]
async fn try_read_buf_appends() {
    let (mut sender, receiver) = pipe().unwrap();
    let mut buf = b"a".to_vec();
    let error = receiver.try_read_buf(&mut buf).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    sender.write_all(b"bc").await.unwrap();
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_read_buf(&mut buf).unwrap(), 2);
    assert_eq!(buf, b"abc");
    drop(sender);
    loop {
        receiver.readable().await.unwrap();
        match receiver.try_read_buf(&mut buf) {
            Ok(n) => break assert_eq!(n, 0),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

#[zokio::test]
async fn full_pipe_becomes_writable_when_it_is_read() {
    let (sender, mut receiver) = pipe().unwrap();
    sender.writable().await.unwrap();
    let mut sent = 0;
    let refused = loop {
        match sender.try_write(&[0; 4096]) {
            Ok(n) => sent += n,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut writable = pin!(sender.writable());
    assert!(poll_once(writable.as_mut()).is_pending());
    receiver.read_exact(&mut vec![0; sent]).await.unwrap();
    writable.await.unwrap();
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b"cd")];
    assert_eq!(sender.try_write_vectored(&bufs).unwrap(), 4);
}

#[zokio::test]
async fn small_writes_are_whole_or_not_at_all() {
    let (sender, _receiver) = pipe().unwrap();
    sender.writable().await.unwrap();
    loop {
        match sender.try_write(&[0; 1000]) {
            Ok(n) => assert_eq!(n, 1000),
            Err(error) => break assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn ends_tell_that_the_other_one_is_closed() {
    let (sender, receiver) = pipe().unwrap();
    drop(receiver);
    let ready = sender.ready(Interest::WRITABLE).await.unwrap();
    assert!(ready.is_write_closed());
    let (sender, receiver) = pipe().unwrap();
    drop(sender);
    let ready = receiver.ready(Interest::READABLE).await.unwrap();
    assert!(ready.is_read_closed());
}

#[zokio::test]
async fn try_io_that_would_block_clears_readiness() {
    let (mut sender, receiver) = pipe().unwrap();
    sender.write_all(b"x").await.unwrap();
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_io(|| Ok(7)).unwrap(), 7);
    let refused = receiver.try_io::<()>(|| Err(ErrorKind::WouldBlock.into()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(poll_once(pin!(receiver.readable())).is_pending());
    sender.writable().await.unwrap();
    let refused = sender.try_io::<()>(|| Err(ErrorKind::WouldBlock.into()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(poll_once(pin!(sender.writable())).is_pending());
}

#[zokio::test]
async fn polls_wake_only_the_latest_caller() {
    let (mut sender, receiver) = pipe().unwrap();
    poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
    let ((first, a), (second, b)) = (Wakes::new(), Wakes::new());
    for waker in [&a, &b] {
        let polled = receiver.poll_read_ready(&mut Context::from_waker(waker));
        assert!(polled.is_pending());
    }
    sender.write_all(b"x").await.unwrap();
    while second.count() == 0 {
        zokio::task::yield_now().await;
    }
    assert_eq!(first.count(), 0);
}

#[zokio::test]
async fn named_pipe_is_opened_from_both_ends() {
    let (_folder, path) = fifo();
    let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
    let mut sender = OpenOptions::new().open_sender(&path).unwrap();
    sender.write_all(b"x").await.unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn sender_of_a_named_pipe_needs_a_receiver() {
    let (_folder, path) = fifo();
    let error = OpenOptions::new().open_sender(&path).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENXIO));
}

#[zokio::test]
async fn named_pipe_that_does_not_exist_is_not_found() {
    let folder = Folder::new();
    let error = OpenOptions::new()
        .open_receiver(folder.join("none"))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn sender_that_reads_too_needs_no_receiver() {
    let (_folder, path) = fifo();
    let mut sender = OpenOptions::new()
        .read_write(true)
        .open_sender(&path)
        .unwrap();
    sender.write_all(b"x").await.unwrap();
    let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn receiver_that_writes_too_outlasts_its_senders() {
    let (_folder, path) = fifo();
    let mut receiver = OpenOptions::new()
        .read_write(true)
        .open_receiver(&path)
        .unwrap();
    let mut buffer = [0; 8];
    for _ in 0..2 {
        let mut sender = OpenOptions::new().open_sender(&path).unwrap();
        sender.write_all(b"x").await.unwrap();
        drop(sender);
        assert_eq!(receiver.read(&mut buffer).await.unwrap(), 1);
        assert!(poll_once(pin!(receiver.read(&mut buffer))).is_pending());
    }
}

#[zokio::test]
async fn new_sender_continues_a_named_pipe_that_has_ended() {
    let (_folder, path) = fifo();
    let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
    for text in ["one", "two"] {
        let mut sender = OpenOptions::new().open_sender(&path).unwrap();
        sender.write_all(text.as_bytes()).await.unwrap();
        drop(sender);
        let mut got = String::new();
        receiver.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, text);
    }
}

#[zokio::test]
async fn what_is_no_pipe_is_refused() {
    let folder = Folder::new();
    let path = folder.join("file");
    std::fs::write(&path, "x").unwrap();
    let errors = [
        OpenOptions::new().open_receiver(&path).unwrap_err(),
        OpenOptions::new().open_sender(&path).unwrap_err(),
        Receiver::from_file(File::open(&path).unwrap()).unwrap_err(),
        Sender::from_file(File::create(&path).unwrap()).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "not a pipe");
    }
}

#[zokio::test]
async fn end_of_the_wrong_access_is_refused() {
    let (reader, writer) = std::io::pipe().unwrap();
    let error = Sender::from_owned_fd(OwnedFd::from(reader)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.to_string(), "not in O_WRONLY or O_RDWR access mode");
    let error = Receiver::from_owned_fd(OwnedFd::from(writer)).unwrap_err();
    assert_eq!(error.to_string(), "not in O_RDONLY or O_RDWR access mode");
}

#[zokio::test]
async fn descriptors_are_made_nonblocking() {
    let (reader, writer) = std::io::pipe().unwrap();
    assert!(!is_nonblocking(&reader));
    let mut receiver = Receiver::from_owned_fd(reader.into()).unwrap();
    let mut sender = Sender::from_owned_fd(writer.into()).unwrap();
    assert!(is_nonblocking(&receiver) && is_nonblocking(&sender));
    sender.write_all(b"x").await.unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
}

#[zokio::test]
async fn unchecked_ends_are_taken_as_they_are() {
    let (receiver, sender) = {
        let (sender, receiver) = pipe().unwrap();
        (
            receiver.into_nonblocking_fd().unwrap(),
            sender.into_nonblocking_fd().unwrap(),
        )
    };
    let mut receiver = Receiver::from_file_unchecked(receiver.into()).unwrap();
    let mut sender = Sender::from_owned_fd_unchecked(sender).unwrap();
    sender.write_all(b"x").await.unwrap();
    assert_eq!(receiver.read(&mut [0; 8]).await.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[zokio::test]
async fn unchecked_open_takes_a_socket_s_kin() {
    // What `epoll` refuses shows that the check was left out: the error is not ours.
    let folder = Folder::new();
    let path = folder.join("file");
    std::fs::write(&path, "x").unwrap();
    let error = OpenOptions::new()
        .unchecked(true)
        .open_receiver(&path)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[zokio::test]
async fn ends_become_descriptors_again() {
    let (sender, receiver) = pipe().unwrap();
    let number = sender.as_raw_fd();
    assert_eq!(sender.as_fd().as_raw_fd(), number);
    assert_eq!(receiver.as_fd().as_raw_fd(), receiver.as_raw_fd());
    let sender = sender.into_blocking_fd().unwrap();
    assert_eq!(sender.as_raw_fd(), number);
    assert!(!is_nonblocking(&sender));
    let receiver = receiver.into_nonblocking_fd().unwrap();
    assert!(is_nonblocking(&receiver));
    File::from(sender).write_all(b"x").unwrap();
    assert_eq!(File::from(receiver).read(&mut [0; 8]).unwrap(), 1);
}

#[zokio::test]
async fn blocking_receiver_blocks() {
    let (sender, receiver) = pipe().unwrap();
    let receiver = receiver.into_blocking_fd().unwrap();
    assert!(!is_nonblocking(&receiver));
    drop(sender);
    assert_eq!(File::from(receiver).read(&mut [0; 8]).unwrap(), 0);
}

#[zokio::test]
async fn debug_names_the_ends() {
    let (sender, receiver) = pipe().unwrap();
    assert!(format!("{sender:?}").starts_with("Sender {"));
    assert!(format!("{receiver:?}").starts_with("Receiver {"));
    assert!(format!("{:?}", OpenOptions::new()).starts_with("OpenOptions {"));
}

#[zokio::test]
async fn pipe_without_a_sender_yet_is_not_at_its_end() {
    let (_folder, path) = fifo();
    let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
    let mut buffer = [0; 5];
    let mut read = Box::pin(receiver.read_exact(&mut buffer));
    assert!(poll_once(read.as_mut()).is_pending());
    let mut sender = OpenOptions::new().open_sender(&path).unwrap();
    sender.write_all(b"hello").await.unwrap();
    read.await.unwrap();
    assert_eq!(&buffer, b"hello");
}

#[zokio::test]
async fn what_is_in_the_pipe_is_seen_after_one_yield() {
    let (sender, receiver) = pipe().unwrap();
    zokio::task::yield_now().await;
    for _ in 0..3 {
        assert_eq!(sender.try_write(b"x").unwrap(), 1);
        zokio::task::yield_now().await;
        assert_eq!(receiver.try_read(&mut [0; 8]).unwrap(), 1);
        let empty = receiver.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    }
}

#[zokio::test]
async fn receiver_that_has_seen_the_end_lets_others_run_while_the_next_sender_is_silent() {
    let (_folder, path) = fifo();
    let mut receiver = OpenOptions::new().open_receiver(&path).unwrap();
    let mut first = OpenOptions::new().open_sender(&path).unwrap();
    first.write_all(b"one").await.unwrap();
    drop(first);
    receiver.read_to_end(&mut Vec::new()).await.unwrap();
    let mut next = OpenOptions::new().open_sender(&path).unwrap();
    let reading = zokio::spawn(async move { receiver.read(&mut [0; 8]).await });
    let writing = zokio::spawn(async move { next.write_all(b"two").await });
    writing.await.unwrap().unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), 3);
}
