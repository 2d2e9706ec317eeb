//! Open files.

use std::io::{ErrorKind, Read as _, SeekFrom, Write as _};

use zokio::fs::{self, File};
use zokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt};

use crate::support::Folder;

#[zokio::test]
async fn opened_file_is_read_only() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut file = File::open(&path).await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
    assert_eq!(file.write(b"x").await.unwrap(), 1);
    assert!(file.flush().await.is_err());
}

#[zokio::test]
async fn created_file_is_empty_and_write_only() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut file = File::create(&path).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    assert!(file.read(&mut [0; 8]).await.is_err());
    file.write_all(b"x").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"x");
}

#[zokio::test]
async fn new_file_is_read_and_written() {
    let folder = Folder::new();
    let mut file = File::create_new(folder.join("a")).await.unwrap();
    file.write_all(b"hello").await.unwrap();
    file.rewind().await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello");
}

#[zokio::test]
async fn seek_goes_to_and_tells_the_position() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    let mut file = File::open(&path).await.unwrap();
    assert_eq!(file.seek(SeekFrom::Start(4)).await.unwrap(), 4);
    assert_eq!(file.read_u8().await.unwrap(), b'4');
    assert_eq!(file.seek(SeekFrom::Current(2)).await.unwrap(), 7);
    assert_eq!(file.read_u8().await.unwrap(), b'7');
    assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
    assert_eq!(file.read_u8().await.unwrap(), b'9');
    assert_eq!(file.stream_position().await.unwrap(), 10);
    file.rewind().await.unwrap();
    assert_eq!(file.stream_position().await.unwrap(), 0);
}

#[zokio::test]
async fn seek_before_the_beginning_is_invalid_input_and_moves_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    let mut file = File::open(&path).await.unwrap();
    file.seek(SeekFrom::Start(3)).await.unwrap();
    let error = file.seek(SeekFrom::Current(-4)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(file.read_u8().await.unwrap(), b'3');
}

#[zokio::test]
async fn seek_beyond_the_end_leaves_a_hole() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.seek(SeekFrom::Start(4)).await.unwrap();
    file.write_all(b"x").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"\0\0\0\0x");
}

#[zokio::test]
async fn set_len_cuts_and_extends() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::options().write(true).open(&path).await.unwrap();
    file.set_len(2).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"he");
    file.set_len(4).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"he\0\0");
}

#[zokio::test]
async fn set_len_needs_write_access() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::open(&path).await.unwrap();
    let error = file.set_len(2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[zokio::test]
async fn set_len_waits_for_the_write_under_way() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    file.set_len(3).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [1; 3]);
}

#[zokio::test]
async fn syncs_wait_for_the_write_under_way() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    file.sync_all().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 1 << 20);
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    file.sync_data().await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 2 << 20);
}

#[zokio::test]
async fn sync_keeps_the_error_of_a_write_for_the_next_flush() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"not writable").await.unwrap();
    file.sync_all().await.unwrap();
    assert!(file.flush().await.is_err());
    file.flush().await.unwrap();
}

#[zokio::test]
async fn metadata_is_of_the_open_file() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::open(&path).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let metadata = file.metadata().await.unwrap();
    assert!(metadata.is_file() && metadata.len() == 5);
}

#[cfg(unix)]
#[zokio::test]
async fn permissions_of_the_open_file_are_set() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("a", "");
    let file = File::open(&path).await.unwrap();
    file.set_permissions(PermissionsExt::from_mode(0o640))
        .await
        .unwrap();
    let mode = fs::metadata(&path).await.unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[zokio::test]
async fn clone_shares_the_position() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    let mut file = File::open(&path).await.unwrap();
    let mut clone = file.try_clone().await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'0');
    assert_eq!(clone.read_u8().await.unwrap(), b'1');
    clone.seek(SeekFrom::Start(5)).await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'5');
}

#[zokio::test]
async fn clone_begins_with_the_same_buffer_size() {
    let folder = Folder::new();
    let mut file = File::create(folder.join("a")).await.unwrap();
    file.set_max_buf_size(1234);
    let clone = file.try_clone().await.unwrap();
    assert_eq!(clone.max_buf_size(), 1234);
}

#[zokio::test]
async fn clone_waits_for_the_write_under_way() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    let clone = file.try_clone().await.unwrap();
    assert_eq!(clone.metadata().await.unwrap().len(), 1 << 20);
}

#[zokio::test]
async fn into_std_waits_for_the_write_under_way() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    let std = file.into_std().await;
    assert_eq!(std.metadata().unwrap().len(), 1 << 20);
    (&std).write_all(b"x").unwrap();
    assert_eq!(std.metadata().unwrap().len(), (1 << 20) + 1);
}

#[zokio::test]
async fn try_into_std_gives_an_idle_file() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::open(&path).await.unwrap();
    let mut text = String::new();
    let mut std = file.try_into_std().unwrap();
    std.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
}

#[zokio::test]
async fn file_comes_from_the_standard_library() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut std = std::fs::File::open(&path).unwrap();
    std.read_exact(&mut [0; 2]).unwrap();
    let mut file = File::from_std(std);
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "llo");
    let from: File = std::fs::File::open(&path).unwrap().into();
    assert_eq!(from.metadata().await.unwrap().len(), 5);
}

#[test]
fn from_std_needs_no_runtime() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::from_std(std::fs::File::open(&path).unwrap());
    assert!(format!("{file:?}").contains("File"));
    file.try_into_std().unwrap();
}

#[cfg(unix)]
#[zokio::test]
async fn descriptors_are_of_one_file() {
    use std::os::fd::{AsFd, AsRawFd, OwnedFd};
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let file = File::open(&path).await.unwrap();
    assert_eq!(file.as_fd().as_raw_fd(), file.as_raw_fd());
    let copy: OwnedFd = file.as_fd().try_clone_to_owned().unwrap();
    let mut file = File::from(copy);
    assert_eq!(file.read_u8().await.unwrap(), b'h');
}

#[zokio::test]
async fn file_moves_between_tasks() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut file = File::open(&path).await.unwrap();
    let read = zokio::spawn(async move {
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        text
    });
    assert_eq!(read.await.unwrap(), "hello");
}

#[zokio::test]
async fn file_writes_vectored() {
    let folder = Folder::new();
    let file = File::create(folder.join("a")).await.unwrap();
    assert!(file.is_write_vectored());
}

#[test]
fn file_and_its_futures_can_be_sent() {
    fn send<T: Send + Sync>() {}
    fn send_future<T: Send>(_: &T) {}
    send::<File>();
    send::<fs::OpenOptions>();
    send::<fs::DirBuilder>();
    send::<fs::DirEntry>();
    send::<fs::FileTimes>();
    send_future(&fs::read("a"));
    send_future(&fs::write("a", "b"));
    send_future(&File::open("a"));
    send_future(&fs::read_dir("a"));
}
