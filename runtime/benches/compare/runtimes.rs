//! The contenders, each with the workloads compiled on it.

use crate::harness::Bound;
use crate::{on_smol, on_tokio, on_zokio};

/// Binds groups of workloads, modules beside the invocation, to the runtime in its module `rt`.
macro_rules! bind_groups {
    ($($group:ident),*) => {
        use std::future::Future;
        use std::time::Instant;

        use self::rt::Runtime;
        use $crate::harness::{Bound, Sample};

        /// Times a task that does `ops` operations.
        pub fn timed(
            runtime: &Runtime,
            ops: u64,
            work: impl Future<Output = ()> + Send + 'static,
        ) -> Sample {
            runtime.block_on(async move {
                rt::spawn(async move {
                    let begin = Instant::now();
                    work.await;
                    Sample::per_op(begin.elapsed(), ops)
                })
                .await
                .unwrap()
            })
        }

        /// Times `tasks` tasks that share `ops` operations.
        #[allow(dead_code, reason = "not every contender has such rows")]
        pub fn timed_tasks<F: Future<Output = ()> + Send + 'static>(
            runtime: &Runtime,
            ops: u64,
            tasks: u64,
            work: impl Fn(u64, u64) -> F + Send + 'static,
        ) -> Sample {
            let share = (ops / tasks).max(1);
            timed(runtime, share * tasks, async move {
                let tasks: Vec<_> = (0..tasks).map(|i| rt::spawn(work(share, i))).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            })
        }

        /// All rows on one runtime of so many workers.
        pub fn rows(workers: usize) -> Vec<Bound> {
            let runtime = std::rc::Rc::new(build(workers));
            let mut all = Vec::new();
            $(all.extend($group::ROWS.iter().map(|row| Bound::new(row, runtime.clone())));)*
            all
        }
    };
}

pub(crate) use bind_groups;

/// Binds all rows to a runtime of so many workers.
pub type Bind = fn(usize) -> Vec<Bound>;

/// The contenders; zokio is the first.
pub const ALL: &[(&str, Bind)] = &[
    ("zokio", on_zokio::rows),
    ("tokio", on_tokio::rows),
    ("smol", on_smol::rows),
];

/// The rows of one contender by name.
pub fn bind(runtime: &str, workers: usize) -> Vec<Bound> {
    let found = ALL.iter().find(|(name, _)| *name == runtime);
    found.map_or_else(Vec::new, |(_, bind)| bind(workers))
}
