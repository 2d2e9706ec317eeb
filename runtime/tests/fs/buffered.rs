//! What the buffer between a file and the pool does.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, SeekFrom};
use std::pin::Pin;

use zokio::fs::File;
use zokio::io::{AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt};

use crate::support::Folder;

const DEFAULT: usize = 2 * 1024 * 1024;

async fn both_ways(folder: &Folder, contents: &str) -> File {
    let path = folder.file("a", contents);
    let mut options = File::options();
    options.read(true).write(true);
    options.open(path).await.unwrap()
}

#[zokio::test]
async fn one_write_takes_two_mebibytes_at_most() {
    let folder = Folder::new();
    let mut file = File::create(folder.join("a")).await.unwrap();
    assert_eq!(file.max_buf_size(), DEFAULT);
    let n = file.write(&vec![0; DEFAULT + 1]).await.unwrap();
    assert_eq!(n, DEFAULT);
}

#[zokio::test]
async fn smaller_buffer_takes_less() {
    let folder = Folder::new();
    let mut file = File::create(folder.join("a")).await.unwrap();
    file.set_max_buf_size(10);
    assert_eq!(file.max_buf_size(), 10);
    assert_eq!(file.write(&[0; 100]).await.unwrap(), 10);
    let bufs = [IoSlice::new(&[1; 6]), IoSlice::new(&[2; 6])];
    assert_eq!(file.write_vectored(&bufs).await.unwrap(), 10);
}

#[zokio::test]
async fn one_read_gives_no_more_than_the_buffer() {
    let folder = Folder::new();
    let path = folder.file("a", vec![0; 100]);
    let mut file = File::open(path).await.unwrap();
    file.set_max_buf_size(10);
    assert_eq!(file.read(&mut [0; 100]).await.unwrap(), 10);
}

#[zokio::test]
#[should_panic(expected = "`max_buf_size` must be greater than 0")]
async fn buffer_of_nothing_is_refused() {
    let folder = Folder::new();
    let mut file = File::create(folder.join("a")).await.unwrap();
    file.set_max_buf_size(0);
}

#[zokio::test]
async fn vectored_write_takes_all_buffers_that_fit() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
    assert_eq!(file.write_vectored(&bufs).await.unwrap(), 5);
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"abcde");
}

#[zokio::test]
async fn flushed_write_is_in_the_file() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    for n in 0..20u8 {
        file.write_all(&[n]).await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), u64::from(n) + 1);
    }
}

#[zokio::test]
async fn shutdown_flushes() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(b"hello").await.unwrap();
    file.shutdown().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
}

#[zokio::test]
async fn writes_keep_their_order() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    let mut expected = Vec::new();
    for n in 0..100u8 {
        file.write_all(&[n; 3]).await.unwrap();
        expected.extend([n; 3]);
    }
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), expected);
}

#[zokio::test]
async fn error_of_a_write_is_the_next_write_s() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"taken").await.unwrap();
    assert!(file.write(b"refused").await.is_err());
    file.flush().await.unwrap();
}

#[zokio::test]
async fn error_of_a_write_is_the_flush_s_once() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"taken").await.unwrap();
    assert!(file.flush().await.is_err());
    file.flush().await.unwrap();
}

#[zokio::test]
async fn error_of_a_write_survives_a_read() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"taken").await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'x');
    assert!(file.flush().await.is_err());
}

#[zokio::test]
async fn error_of_a_write_survives_a_seek() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"taken").await.unwrap();
    file.rewind().await.unwrap();
    assert!(file.flush().await.is_err());
}

#[zokio::test]
async fn write_goes_where_the_reader_stands() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    file.read_exact(&mut [0; 3]).await.unwrap();
    file.write_all(b"xyz").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"012xyz6789");
    assert_eq!(file.read_u8().await.unwrap(), b'6');
}

#[zokio::test]
async fn read_waits_for_the_write_under_way() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    file.write_all(b"abc").await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'3');
    assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"abc3456789");
}

#[zokio::test]
async fn seek_waits_for_the_write_under_way() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    file.write_all(b"abc").await.unwrap();
    assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 4);
    file.write_all(b"x").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"abc3x56789");
}

#[zokio::test]
async fn seek_started_while_the_file_is_busy_is_refused() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    file.write_all(b"abc").await.unwrap();
    let refused = Pin::new(&mut file).start_seek(SeekFrom::Start(0));
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert_eq!(
        error.to_string(),
        "other file operation is pending, call poll_complete before start_seek"
    );
    poll_fn(|cx| Pin::new(&mut file).poll_complete(cx))
        .await
        .unwrap();
    Pin::new(&mut file).start_seek(SeekFrom::Start(4)).unwrap();
    let position = poll_fn(|cx| Pin::new(&mut file).poll_complete(cx)).await;
    assert_eq!(position.unwrap(), 4);
}

#[zokio::test]
async fn poll_complete_without_a_seek_tells_the_last_position() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    file.seek(SeekFrom::Start(4)).await.unwrap();
    let position = poll_fn(|cx| Pin::new(&mut file).poll_complete(cx)).await;
    assert_eq!(position.unwrap(), 4);
}

#[zokio::test]
async fn read_into_nothing_reads_nothing() {
    let folder = Folder::new();
    let mut file = both_ways(&folder, "0123456789").await;
    assert_eq!(file.read(&mut []).await.unwrap(), 0);
    assert_eq!(file.read_u8().await.unwrap(), b'0');
}

#[zokio::test]
async fn file_that_grows_is_read_on_after_its_end() {
    let folder = Folder::new();
    let path = folder.file("a", "ab");
    let mut file = File::open(&path).await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(file.read(&mut [0; 8]).await.unwrap(), 0);
    std::fs::write(&path, "abcd").unwrap();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "abcd");
}

#[zokio::test]
async fn dropped_file_finishes_its_write() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(b"hello").await.unwrap();
    drop(file);
    while std::fs::metadata(&path).unwrap().len() < 5 {
        zokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
}
