//! Links and canonical paths.

#![cfg(unix)]

use std::io::ErrorKind;

use zokio::fs;

use crate::support::Folder;

#[zokio::test]
async fn hard_link_is_the_same_file() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    fs::hard_link(&path, folder.join("b")).await.unwrap();
    let (a, b) = (
        fs::metadata(&path).await.unwrap(),
        fs::metadata(folder.join("b")).await.unwrap(),
    );
    assert_eq!((a.ino(), a.nlink()), (b.ino(), 2));
}

#[zokio::test]
async fn hard_link_over_a_file_already_exists() {
    let folder = Folder::new();
    let (a, b) = (folder.file("a", ""), folder.file("b", ""));
    let error = fs::hard_link(&a, &b).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[zokio::test]
async fn symbolic_link_points_where_it_was_told() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    fs::symlink(&path, folder.join("b")).await.unwrap();
    assert_eq!(fs::read_link(folder.join("b")).await.unwrap(), path);
    assert_eq!(fs::read(folder.join("b")).await.unwrap(), b"hello");
}

#[zokio::test]
async fn symbolic_link_to_nothing_is_a_link_all_the_same() {
    let folder = Folder::new();
    let link = folder.join("link");
    fs::symlink("nothing", &link).await.unwrap();
    assert_eq!(
        fs::read_link(&link).await.unwrap().to_str(),
        Some("nothing")
    );
    assert!(!fs::try_exists(&link).await.unwrap());
    assert!(fs::symlink_metadata(&link).await.unwrap().is_symlink());
    let error = fs::metadata(&link).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn metadata_follows_and_symlink_metadata_does_not() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    fs::symlink(&path, folder.join("b")).await.unwrap();
    assert!(fs::metadata(folder.join("b")).await.unwrap().is_file());
    let own = fs::symlink_metadata(folder.join("b")).await.unwrap();
    assert!(own.is_symlink() && !own.is_file());
}

#[zokio::test]
async fn loop_of_links_is_an_error() {
    let folder = Folder::new();
    fs::symlink("b", folder.join("a")).await.unwrap();
    fs::symlink("a", folder.join("b")).await.unwrap();
    let error = fs::read(folder.join("a")).await.unwrap_err();
    let std = std::fs::read(folder.join("a")).unwrap_err();
    assert_eq!(error.kind(), std.kind());
}

#[zokio::test]
async fn read_link_of_a_file_is_invalid_input() {
    let folder = Folder::new();
    let error = fs::read_link(folder.file("a", "")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[zokio::test]
async fn canonical_path_has_no_links_and_no_dots() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    fs::create_dir(folder.join("sub")).await.unwrap();
    fs::symlink(&path, folder.join("sub/link")).await.unwrap();
    let found = fs::canonicalize(folder.join("sub/../sub/./link")).await;
    assert_eq!(found.unwrap(), std::fs::canonicalize(&path).unwrap());
}

#[zokio::test]
async fn removing_a_link_leaves_what_it_points_at() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    fs::symlink(&path, folder.join("b")).await.unwrap();
    fs::remove_file(folder.join("b")).await.unwrap();
    assert!(path.exists());
}
