use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::*;
use crate::fs::{self, TempDir};
use crate::runtime::Builder;

fn run<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Leaves the file as a read of `n` bytes does that was polled once and dropped.
fn give_up_read(file: &mut File, n: usize) {
    let std = file.std.clone();
    file.inner
        .get_mut()
        .start(move |buf| Done::Read(buf.fill(&mut &*std, n), Reads::Unknown));
}

#[test]
fn whole_files_are_written_read_and_copied() {
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "hällo").await.unwrap();
        assert_eq!(fs::read(dir.join("a")).await.unwrap(), "hällo".as_bytes());
        assert_eq!(fs::read_to_string(dir.join("a")).await.unwrap(), "hällo");
        assert_eq!(fs::copy(dir.join("a"), dir.join("b")).await.unwrap(), 6);
        fs::rename(dir.join("b"), dir.join("c")).await.unwrap();
        assert!(!fs::try_exists(dir.join("b")).await.unwrap());
        assert_eq!(fs::metadata(dir.join("c")).await.unwrap().len(), 6);
        fs::remove_file(dir.join("c")).await.unwrap();
        let missing = fs::read(dir.join("c")).await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn directories_are_created_listed_and_removed() {
    let dir = TempDir::new();
    run(async {
        fs::create_dir(dir.join("x")).await.unwrap();
        fs::create_dir_all(dir.join("x/y/z")).await.unwrap();
        fs::DirBuilder::new()
            .recursive(true)
            .create(dir.join("x/v/w"))
            .await
            .unwrap();
        for i in 0..100 {
            std::fs::write(dir.join(&format!("x/{i:03}")), "").unwrap();
        }
        let mut names = Vec::new();
        let mut entries = fs::read_dir(dir.join("x")).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            let name = entry.file_name().into_string().unwrap();
            assert_eq!(entry.path(), dir.join("x").join(&name));
            assert_eq!(entry.file_type().await.unwrap().is_dir(), name.len() == 1);
            assert_eq!(entry.metadata().await.unwrap().is_dir(), name.len() == 1);
            names.push(name);
        }
        assert!(entries.next_entry().await.unwrap().is_none());
        names.sort();
        assert_eq!(names.len(), 102);
        assert_eq!(names[99..], ["099", "v", "y"]);
        assert!(fs::remove_dir(dir.join("x")).await.is_err());
        fs::remove_dir_all(dir.join("x")).await.unwrap();
        assert!(fs::read_dir(dir.join("x")).await.is_err());
    });
}

#[cfg(unix)]
#[test]
fn links_and_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "1").await.unwrap();
        fs::hard_link(dir.join("a"), dir.join("b")).await.unwrap();
        fs::symlink(dir.join("a"), dir.join("c")).await.unwrap();
        assert_eq!(fs::read_link(dir.join("c")).await.unwrap(), dir.join("a"));
        assert!(
            fs::symlink_metadata(dir.join("c"))
                .await
                .unwrap()
                .is_symlink()
        );
        let canonical = fs::canonicalize(dir.join("c")).await.unwrap();
        assert_eq!(canonical, std::fs::canonicalize(dir.join("a")).unwrap());
        let mode = std::fs::Permissions::from_mode(0o600);
        fs::set_permissions(dir.join("b"), mode).await.unwrap();
        let metadata = fs::metadata(dir.join("a")).await.unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    });
}

#[test]
fn write_seek_and_read_back() {
    let dir = TempDir::new();
    run(async {
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let mut file = options.open(dir.join("a")).await.unwrap();
        file.write_all(b"hello world").await.unwrap();
        assert_eq!(file.seek(SeekFrom::Start(6)).await.unwrap(), 6);
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "world");
        assert_eq!(file.stream_position().await.unwrap(), 11);
        let exists = options.open(dir.join("a")).await.unwrap_err();
        assert_eq!(exists.kind(), io::ErrorKind::AlreadyExists);
    });
}

#[test]
fn write_after_partial_read_goes_where_the_reader_stands() {
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "0123456789").await.unwrap();
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(dir.join("a"))
            .await
            .unwrap();
        give_up_read(&mut file, 10);
        let mut small = [0; 3];
        file.read_exact(&mut small).await.unwrap();
        assert_eq!(&small, b"012");
        file.write_all(b"xyz").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(fs::read(dir.join("a")).await.unwrap(), b"012xyz6789");
        assert_eq!(file.seek(SeekFrom::Current(-1)).await.unwrap(), 5);
    });
}

#[test]
fn seek_from_the_reader_s_position_counts_what_it_has_not_taken() {
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "0123456789").await.unwrap();
        let mut file = File::open(dir.join("a")).await.unwrap();
        give_up_read(&mut file, 8);
        assert_eq!(file.read_u8().await.unwrap(), b'0');
        assert_eq!(file.seek(SeekFrom::Current(2)).await.unwrap(), 3);
        assert_eq!(file.read_u8().await.unwrap(), b'3');
    });
}

#[test]
fn large_writes_are_cut_at_the_buffer_s_maximum() {
    let dir = TempDir::new();
    run(async {
        let mut file = File::create(dir.join("a")).await.unwrap();
        assert_eq!(file.max_buf_size(), 2 * 1024 * 1024);
        assert_eq!(file.write(&vec![1; 3 << 20]).await.unwrap(), 2 << 20);
        file.set_max_buf_size(10);
        assert_eq!(file.write(&[2; 100]).await.unwrap(), 10);
        let slices = [IoSlice::new(&[3; 7]), IoSlice::new(&[4; 7])];
        assert_eq!(file.write_vectored(&slices).await.unwrap(), 10);
        file.flush().await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), (2 << 20) + 20);
    });
}

#[test]
fn error_of_a_write_appears_in_the_next_flush_or_write() {
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "x").await.unwrap();
        let mut file = File::open(dir.join("a")).await.unwrap();
        assert_eq!(file.write(b"not writable").await.unwrap(), 12);
        assert!(file.flush().await.is_err());
        file.flush().await.unwrap();
        assert_eq!(file.write(b"again").await.unwrap(), 5);
        let mut byte = [0];
        assert_eq!(
            file.read(&mut byte).await.unwrap(),
            1,
            "reading keeps the error"
        );
        assert!(file.write(b"third").await.is_err());
    });
}

#[test]
fn lengths_syncs_clones_and_std() {
    let dir = TempDir::new();
    run(async {
        let mut file = File::create_new(dir.join("a")).await.unwrap();
        file.write_all(b"0123456789").await.unwrap();
        file.set_len(4).await.unwrap();
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
        let clone = file.try_clone().await.unwrap();
        assert_eq!(clone.into_std().await.metadata().unwrap().len(), 4);
        let std = file.try_into_std().unwrap();
        let mut file = File::from(std);
        file.write_all(b"!").await.unwrap();
        let std = file.into_std().await;
        assert_eq!(std.metadata().unwrap().len(), 11);
    });
}

#[test]
fn empty_reads_and_the_end_of_the_file() {
    let dir = TempDir::new();
    run(async {
        fs::write(dir.join("a"), "ab").await.unwrap();
        let mut file = File::open(dir.join("a")).await.unwrap();
        assert_eq!(file.read(&mut []).await.unwrap(), 0);
        let mut all = Vec::new();
        assert_eq!(file.read_to_end(&mut all).await.unwrap(), 2);
        assert_eq!(file.read(&mut [0; 4]).await.unwrap(), 0);
    });
}
