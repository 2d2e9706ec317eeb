//! Directories.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::ErrorKind;

use zokio::fs;

use crate::support::Folder;

#[zokio::test]
async fn create_dir_makes_one_directory() {
    let folder = Folder::new();
    fs::create_dir(folder.join("a")).await.unwrap();
    assert!(folder.join("a").is_dir());
    let error = fs::create_dir(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = fs::create_dir(folder.join("b/c")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn create_dir_all_makes_those_above_too() {
    let folder = Folder::new();
    fs::create_dir_all(folder.join("a/b/c")).await.unwrap();
    fs::create_dir_all(folder.join("a/b/c")).await.unwrap();
    assert!(folder.join("a/b/c").is_dir());
}

#[zokio::test]
async fn create_dir_all_over_a_file_fails() {
    let folder = Folder::new();
    folder.file("a", "");
    assert!(fs::create_dir_all(folder.join("a")).await.is_err());
    assert!(fs::create_dir_all(folder.join("a/b")).await.is_err());
}

#[zokio::test]
async fn builder_is_not_recursive_until_told() {
    let folder = Folder::new();
    let mut builder = fs::DirBuilder::new();
    assert!(builder.create(folder.join("a/b")).await.is_err());
    builder.recursive(true);
    builder.create(folder.join("a/b")).await.unwrap();
    builder.create(folder.join("a/b")).await.unwrap();
    builder.recursive(false);
    let error = builder.create(folder.join("a/b")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[cfg(unix)]
#[zokio::test]
async fn builder_sets_the_mode() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).create(folder.join("a")).await.unwrap();
    let metadata = fs::metadata(folder.join("a")).await.unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn builder_has_a_default_and_is_shown() {
    let shown = format!("{:?}", fs::DirBuilder::default());
    assert!(shown.starts_with("DirBuilder"), "{shown}");
}

#[zokio::test]
async fn remove_dir_removes_only_what_is_empty() {
    let folder = Folder::new();
    fs::create_dir_all(folder.join("a/b")).await.unwrap();
    let error = fs::remove_dir(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    fs::remove_dir(folder.join("a/b")).await.unwrap();
    fs::remove_dir(folder.join("a")).await.unwrap();
    let error = fs::remove_dir(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn remove_dir_of_a_file_is_an_error() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    assert!(fs::remove_dir(&path).await.is_err());
    assert!(path.exists());
}

#[zokio::test]
async fn remove_dir_all_removes_all_that_is_in_it() {
    let folder = Folder::new();
    fs::create_dir_all(folder.join("a/b/c")).await.unwrap();
    folder.file("a/b/file", "x");
    fs::remove_dir_all(folder.join("a")).await.unwrap();
    assert!(!folder.join("a").exists());
    let error = fs::remove_dir_all(folder.join("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn missing_directory_cannot_be_listed() {
    let folder = Folder::new();
    let error = fs::read_dir(folder.join("none")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[zokio::test]
async fn file_cannot_be_listed() {
    let folder = Folder::new();
    let error = fs::read_dir(folder.file("a", "")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

#[zokio::test]
async fn empty_directory_has_no_entries_however_often_asked() {
    let folder = Folder::new();
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    for _ in 0..3 {
        assert!(entries.next_entry().await.unwrap().is_none());
    }
}

#[zokio::test]
async fn each_entry_is_listed_once() {
    let folder = Folder::new();
    let names: BTreeSet<String> = (0..200).map(|n| format!("{n:03}")).collect();
    for name in &names {
        folder.file(name, "");
    }
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let mut found = BTreeSet::new();
    while let Some(entry) = entries.next_entry().await.unwrap() {
        assert!(found.insert(entry.file_name().into_string().unwrap()));
    }
    assert_eq!(found, names);
}

#[zokio::test]
async fn entries_are_polled_for() {
    let folder = Folder::new();
    folder.file("a", "");
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let entry = poll_fn(|cx| entries.poll_next_entry(cx)).await.unwrap();
    assert_eq!(entry.unwrap().file_name(), "a");
    let end = poll_fn(|cx| entries.poll_next_entry(cx)).await.unwrap();
    assert!(end.is_none());
}

#[zokio::test]
async fn entry_knows_its_path_name_type_and_metadata() {
    let folder = Folder::new();
    folder.file("a", "hello");
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let entry = entries.next_entry().await.unwrap().unwrap();
    assert_eq!(entry.path(), folder.join("a"));
    assert_eq!(entry.file_name(), "a");
    assert!(entry.file_type().await.unwrap().is_file());
    assert_eq!(entry.metadata().await.unwrap().len(), 5);
}

#[cfg(unix)]
#[zokio::test]
async fn entry_knows_its_inode() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    let path = folder.file("a", "");
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let entry = entries.next_entry().await.unwrap().unwrap();
    assert_eq!(entry.ino(), std::fs::metadata(path).unwrap().ino());
}

#[cfg(unix)]
#[zokio::test]
async fn entry_of_a_link_is_a_link() {
    let folder = Folder::new();
    fs::symlink("nothing", folder.join("a")).await.unwrap();
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let entry = entries.next_entry().await.unwrap().unwrap();
    assert!(entry.file_type().await.unwrap().is_symlink());
    assert!(entry.metadata().await.unwrap().is_symlink());
}

#[zokio::test]
async fn metadata_of_an_entry_that_is_gone_is_not_found() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    let entry = entries.next_entry().await.unwrap().unwrap();
    std::fs::remove_file(path).unwrap();
    let error = entry.metadata().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn listing_moves_between_tasks() {
    let folder = Folder::new();
    for n in 0..100 {
        folder.file(&n.to_string(), "");
    }
    let mut entries = fs::read_dir(folder.path()).await.unwrap();
    entries.next_entry().await.unwrap().unwrap();
    let rest = zokio::spawn(async move {
        let mut count = 0;
        while let Some(entry) = entries.next_entry().await.unwrap() {
            drop(entry);
            count += 1;
        }
        count
    });
    assert_eq!(rest.await.unwrap(), 99);
}
