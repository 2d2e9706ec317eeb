//! Files to read and write, in a folder of this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("zokio-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    folder
});

static FILES: Mutex<Option<HashMap<usize, &'static Path>>> = Mutex::new(None);

fn leak(path: PathBuf) -> &'static Path {
    Box::leak(path.into_boxed_path())
}

/// A file of that many bytes, in the page cache.
pub fn of_size(size: usize) -> &'static Path {
    let mut files = FILES.lock().unwrap();
    files
        .get_or_insert_default()
        .entry(size)
        .or_insert_with(|| {
            let path = FOLDER.join(format!("{size}"));
            std::fs::write(&path, vec![7; size]).expect("the temporary folder is writable");
            leak(path)
        })
}

/// A file to be written.
pub fn scratch() -> &'static Path {
    static SCRATCH: LazyLock<&'static Path> = LazyLock::new(|| leak(FOLDER.join("scratch")));
    &SCRATCH
}

pub fn clean_up() {
    let _ = std::fs::remove_dir_all(&*FOLDER);
}
