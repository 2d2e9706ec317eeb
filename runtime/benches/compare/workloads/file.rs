//! Files in the page cache, and the pool of blocking threads.

use super::rt::{self, Runtime};
use crate::files;
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[
    Row::new("fs/read-4k", 2_000, read_4k).with_cpu(),
    Row::new("fs/read-1m", 200, read_1m),
    Row::new("fs/write-4k", 1_000, write_4k),
    Row::new("blocking/spawn", 4_000, spawn_blocking),
    Row::new("blocking/burst", 4_000, spawn_blocking_burst),
];

fn read(runtime: &Runtime, ops: u64, size: usize) -> Sample {
    let path = files::of_size(size);
    super::timed(runtime, ops, async move {
        for _ in 0..ops {
            assert_eq!(rt::fs::read(path).await.unwrap().len(), size);
        }
    })
}

fn read_4k(runtime: &Runtime, ops: u64) -> Sample {
    read(runtime, ops, 4096)
}

fn read_1m(runtime: &Runtime, ops: u64) -> Sample {
    read(runtime, ops, 1 << 20)
}

fn write_4k(runtime: &Runtime, ops: u64) -> Sample {
    let path = files::scratch();
    super::timed(runtime, ops, async move {
        let contents = [7u8; 4096];
        for _ in 0..ops {
            rt::fs::write(path, contents).await.unwrap();
        }
    })
}

/// One at a time.
fn spawn_blocking(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for i in 0..ops {
            assert_eq!(rt::task::spawn_blocking(move || i).await.unwrap(), i);
        }
    })
}

/// 64 at a time.
fn spawn_blocking_burst(runtime: &Runtime, ops: u64) -> Sample {
    super::timed(runtime, ops, async move {
        for _ in 0..ops / 64 {
            let jobs: Vec<_> = (0..64)
                .map(|i| rt::task::spawn_blocking(move || i))
                .collect();
            for job in jobs {
                std::hint::black_box(job.await.unwrap());
            }
        }
    })
}
