//! The cost of a runtime itself.

use std::time::Instant;

use super::rt::{self, Runtime};
use crate::harness::{Row, Sample};

pub const ROWS: &[Row<Runtime>] = &[Row::new("runtime/build-drop", 20, build_drop)];

/// Build a runtime of two workers, run one task, drop it.
fn build_drop(_: &Runtime, ops: u64) -> Sample {
    let begin = Instant::now();
    for _ in 0..ops {
        let runtime = super::build(2);
        runtime.block_on(async { drop(rt::spawn(async {}).await) });
        drop(runtime);
    }
    Sample::per_op(begin.elapsed(), ops)
}
