//! The times of files.

use std::time::{Duration, SystemTime};

use zokio::fs::{self, File, FileTimes};
use zokio::io::AsyncWriteExt;

use crate::support::Folder;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[zokio::test]
async fn set_modified_sets_that_time_only() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let before = std::fs::metadata(&path).unwrap().accessed().unwrap();
    let file = File::options().write(true).open(&path).await.unwrap();
    file.set_modified(at(1000)).await.unwrap();
    let metadata = fs::metadata(&path).await.unwrap();
    assert_eq!(metadata.modified().unwrap(), at(1000));
    assert_eq!(metadata.accessed().unwrap(), before);
}

#[zokio::test]
async fn set_times_sets_those_that_were_given() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let file = File::options().write(true).open(&path).await.unwrap();
    let times = FileTimes::new()
        .set_accessed(at(1000))
        .set_modified(at(2000));
    file.set_times(times.clone()).await.unwrap();
    let metadata = fs::metadata(&path).await.unwrap();
    assert_eq!(metadata.accessed().unwrap(), at(1000));
    assert_eq!(metadata.modified().unwrap(), at(2000));
    file.set_times(FileTimes::default().set_accessed(at(3000)))
        .await
        .unwrap();
    let metadata = fs::metadata(&path).await.unwrap();
    assert_eq!(metadata.accessed().unwrap(), at(3000));
    assert_eq!(metadata.modified().unwrap(), at(2000));
}

#[zokio::test]
async fn no_times_change_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    let file = File::options().write(true).open(&path).await.unwrap();
    file.set_times(FileTimes::new()).await.unwrap();
    let after = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!(after, before);
}

#[zokio::test]
async fn write_under_way_does_not_undo_the_time() {
    let folder = Folder::new();
    let path = folder.join("a");
    let mut file = File::create(&path).await.unwrap();
    file.write_all(&vec![1; 1 << 20]).await.unwrap();
    file.set_modified(at(1000)).await.unwrap();
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 1 << 20);
    assert_eq!(metadata.modified().unwrap(), at(1000));
}

#[zokio::test]
async fn error_of_a_write_under_way_is_kept_for_the_next_flush() {
    let folder = Folder::new();
    let path = folder.file("a", "x");
    let mut file = File::open(&path).await.unwrap();
    file.write_all(b"not writable").await.unwrap();
    // Whether a file that is only read may be given times is the system's affair.
    let _ = file.set_modified(at(1000)).await;
    assert!(file.flush().await.is_err());
    file.flush().await.unwrap();
}
