//! Options to open a file with.

use std::io::ErrorKind;

use zokio::fs::{self, File, OpenOptions};
use zokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::support::Folder;

#[zokio::test]
async fn no_access_is_invalid_input() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    let error = OpenOptions::new().open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[zokio::test]
async fn missing_file_is_not_created_unless_asked() {
    let folder = Folder::new();
    let path = folder.join("a");
    let error = OpenOptions::new().write(true).open(&path).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    let mut options = OpenOptions::new();
    options.write(true).create(true).open(&path).await.unwrap();
    assert!(path.exists());
}

#[zokio::test]
async fn create_needs_write_access() {
    let folder = Folder::new();
    let error = OpenOptions::new()
        .read(true)
        .create(true)
        .open(folder.join("a"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[zokio::test]
async fn create_new_refuses_what_exists() {
    let folder = Folder::new();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options.open(folder.join("a")).await.unwrap();
    let error = options.open(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = File::create_new(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[zokio::test]
async fn truncate_empties() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut options = OpenOptions::new();
    options
        .write(true)
        .truncate(true)
        .open(&path)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[zokio::test]
async fn truncate_needs_write_access() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let error = OpenOptions::new()
        .read(true)
        .truncate(true)
        .open(&path)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(std::fs::read(&path).unwrap(), b"hello");
}

#[zokio::test]
async fn append_writes_at_the_end_wherever_one_reads() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .open(&path)
        .await
        .unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'h');
    file.write_all(b" world").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"hello world");
    file.rewind().await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "hello world");
}

#[zokio::test]
async fn write_without_truncate_overwrites_in_place() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut file = OpenOptions::new().write(true).open(&path).await.unwrap();
    file.write_all(b"HE").await.unwrap();
    file.flush().await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"HEllo");
}

#[zokio::test]
async fn option_that_is_unset_again_is_off() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut options = OpenOptions::new();
    options.read(true).write(true).write(false);
    let mut file = options.open(&path).await.unwrap();
    file.write_all(b"x").await.unwrap();
    assert!(file.flush().await.is_err());
}

#[zokio::test]
async fn options_are_used_again_and_cloned() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut options = OpenOptions::new();
    options.read(true);
    let copy = options.clone();
    for options in [&options, &copy, &options] {
        let mut file = options.open(&path).await.unwrap();
        assert_eq!(file.read_u8().await.unwrap(), b'h');
    }
}

#[zokio::test]
async fn options_come_from_the_standard_library() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let mut std = std::fs::OpenOptions::new();
    std.read(true);
    let mut file = OpenOptions::from(std).open(&path).await.unwrap();
    assert_eq!(file.read_u8().await.unwrap(), b'h');
}

#[cfg(unix)]
#[zokio::test]
async fn mode_is_that_of_the_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.join("a");
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options.open(&path).await.unwrap();
    let mode = fs::metadata(&path).await.unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(unix)]
#[zokio::test]
async fn custom_flags_reach_the_system() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    fs::symlink(&path, folder.join("link")).await.unwrap();
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NOFOLLOW);
    options.open(&path).await.unwrap();
    assert!(options.open(folder.join("link")).await.is_err());
}

#[cfg(unix)]
#[zokio::test]
async fn custom_flags_do_not_set_the_access() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_RDWR);
    let mut file = options.open(&path).await.unwrap();
    file.write_all(b"x").await.unwrap();
    assert!(file.flush().await.is_err());
}

#[cfg(unix)]
#[zokio::test]
async fn directory_is_opened_for_reading_and_not_for_writing() {
    let folder = Folder::new();
    let directory = File::open(folder.path()).await.unwrap();
    assert!(directory.metadata().await.unwrap().is_dir());
    let error = OpenOptions::new()
        .write(true)
        .open(folder.path())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
}

#[test]
fn options_have_a_default_and_are_shown() {
    let shown = format!("{:?}", OpenOptions::default());
    assert!(shown.contains("OpenOptions"), "{shown}");
}
