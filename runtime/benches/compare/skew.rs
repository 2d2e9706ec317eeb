//! Uneven CPU work, the same for all runtimes.

use std::time::{Duration, Instant};

/// The longest slice between two yields.
const SLICE: Duration = Duration::from_micros(100);

/// Task `i` of a set: 10 µs to 2 ms of CPU, most of it in few tasks.
fn amount(i: u64) -> Duration {
    let x = i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57;
    let tenth = Duration::from_micros(10);
    match x {
        0..96 => tenth * (1 + x as u32 / 8),
        _ => tenth * (40 + 5 * (x as u32 - 96)),
    }
}

fn burn(duration: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < duration {
        std::hint::spin_loop();
    }
}

/// Uses up its share of CPU time, yielding between slices.
pub async fn task<F: Future<Output = ()>>(i: u64, yield_now: impl Fn() -> F) {
    let mut left = amount(i);
    while !left.is_zero() {
        let slice = left.min(SLICE);
        burn(slice);
        left -= slice;
        yield_now().await;
    }
}
