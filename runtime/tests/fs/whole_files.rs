//! Functions that read, write, copy, move and remove whole files.

use std::io::ErrorKind;

use zokio::fs;

use crate::support::Folder;

#[zokio::test]
async fn written_file_is_read_back() {
    let folder = Folder::new();
    fs::write(folder.join("a"), b"hello").await.unwrap();
    assert_eq!(fs::read(folder.join("a")).await.unwrap(), b"hello");
}

#[zokio::test]
async fn write_replaces_what_was_there() {
    let folder = Folder::new();
    let path = folder.file("a", "something longer");
    fs::write(&path, "short").await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"short");
}

#[zokio::test]
async fn write_takes_whatever_is_bytes() {
    let folder = Folder::new();
    let path = folder.join("a");
    fs::write(&path, String::from("string")).await.unwrap();
    fs::write(&path, vec![1, 2]).await.unwrap();
    fs::write(&path, [3; 3]).await.unwrap();
    let borrowed = String::from("borrowed");
    fs::write(&path, &borrowed).await.unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), borrowed.as_bytes());
}

#[zokio::test]
async fn write_into_a_missing_folder_is_not_found() {
    let folder = Folder::new();
    let error = fs::write(folder.join("none/a"), "x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[zokio::test]
async fn empty_file_is_read() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    assert_eq!(fs::read(&path).await.unwrap(), b"");
    assert_eq!(fs::read_to_string(&path).await.unwrap(), "");
}

#[zokio::test]
async fn large_file_is_read_whole() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..3 << 20).map(|n: u32| (n % 251) as u8).collect();
    let path = folder.file("a", &bytes);
    assert_eq!(fs::read(&path).await.unwrap(), bytes);
}

#[zokio::test]
async fn missing_file_is_not_found() {
    let folder = Folder::new();
    let path = folder.join("none");
    for error in [
        fs::read(&path).await.unwrap_err(),
        fs::read_to_string(&path).await.unwrap_err(),
        fs::copy(&path, folder.join("b")).await.unwrap_err(),
        fs::rename(&path, folder.join("b")).await.unwrap_err(),
        fs::remove_file(&path).await.unwrap_err(),
        fs::metadata(&path).await.unwrap_err(),
        fs::symlink_metadata(&path).await.unwrap_err(),
        fs::canonicalize(&path).await.unwrap_err(),
        fs::File::open(&path).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[cfg(unix)]
#[zokio::test]
async fn directory_is_not_read_as_a_file() {
    let folder = Folder::new();
    let error = fs::read(folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
    let error = fs::read_to_string(folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IsADirectory);
}

#[cfg(unix)]
#[zokio::test]
async fn path_through_a_file_is_no_directory() {
    let folder = Folder::new();
    let path = folder.file("a", "").join("b");
    let error = fs::read(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
    let error = fs::metadata(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

#[zokio::test]
async fn path_with_a_nul_is_invalid_input() {
    let error = fs::read("a\0b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = fs::File::open("a\0b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = fs::metadata("a\0b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[zokio::test]
async fn text_that_is_no_utf8_is_invalid_data() {
    let folder = Folder::new();
    let path = folder.file("a", [b'a', 0xff, b'b']);
    let error = fs::read_to_string(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    let std = std::fs::read_to_string(&path).unwrap_err();
    assert_eq!(error.to_string(), std.to_string());
}

#[zokio::test]
async fn text_is_read_whole() {
    let folder = Folder::new();
    let path = folder.file("a", "häé€");
    assert_eq!(fs::read_to_string(&path).await.unwrap(), "häé€");
}

#[zokio::test]
async fn copy_tells_the_bytes_and_keeps_the_original() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    assert_eq!(fs::copy(&path, folder.join("b")).await.unwrap(), 5);
    assert_eq!(std::fs::read(folder.join("b")).unwrap(), b"hello");
    assert!(path.exists());
}

#[cfg(unix)]
#[zokio::test]
async fn copy_takes_the_permissions_along() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.file("a", "x");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640))
        .await
        .unwrap();
    fs::copy(&path, folder.join("b")).await.unwrap();
    let mode = fs::metadata(folder.join("b"))
        .await
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[zokio::test]
async fn rename_moves_and_replaces() {
    let folder = Folder::new();
    let (a, b) = (folder.file("a", "new"), folder.file("b", "old"));
    fs::rename(&a, &b).await.unwrap();
    assert!(!a.exists());
    assert_eq!(std::fs::read(&b).unwrap(), b"new");
}

#[zokio::test]
async fn removed_file_is_gone() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    fs::remove_file(&path).await.unwrap();
    assert!(!path.exists());
}

#[cfg(unix)]
#[zokio::test]
async fn remove_file_leaves_directories() {
    let folder = Folder::new();
    assert!(fs::remove_file(folder.path()).await.is_err());
    assert!(folder.path().exists());
}

#[zokio::test]
async fn try_exists_says_whether() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    assert!(fs::try_exists(&path).await.unwrap());
    assert!(!fs::try_exists(folder.join("b")).await.unwrap());
}

#[cfg(unix)]
#[zokio::test]
async fn try_exists_fails_where_nobody_can_tell() {
    let folder = Folder::new();
    let path = folder.file("a", "").join("b");
    let std = std::fs::exists(&path);
    let own = fs::try_exists(&path).await;
    assert_eq!(own.is_err(), std.is_err());
    let long = "x".repeat(5000);
    assert_eq!(
        fs::try_exists(&long).await.unwrap_err().kind(),
        std::fs::exists(&long).unwrap_err().kind()
    );
}

#[zokio::test]
async fn metadata_is_that_of_the_standard_library() {
    let folder = Folder::new();
    let path = folder.file("a", "hello");
    let metadata = fs::metadata(&path).await.unwrap();
    assert!(metadata.is_file() && metadata.len() == 5);
    let std = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.modified().unwrap(), std.modified().unwrap());
    assert!(fs::metadata(folder.path()).await.unwrap().is_dir());
}

#[zokio::test]
async fn set_permissions_makes_readonly() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    let mut permissions = fs::metadata(&path).await.unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).await.unwrap();
    let permissions = fs::metadata(&path).await.unwrap().permissions();
    assert!(permissions.readonly());
}
