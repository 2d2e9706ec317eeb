//! Memory of a pending task, in bytes: the slope of the resident set between one and two million
//! tasks, in a process of its own.

use std::io::BufRead;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::child::Conversation;
use crate::harness::{Bound, Sample};
use crate::{on_tokio, on_zokio};

/// Sizes of futures in bytes, with how many tasks (in the first step and in the second).
const SIZES: &[(&str, usize, u64)] = &[
    ("memory/0", 0, 1_000_000),
    ("memory/64", 64, 1_000_000),
    ("memory/256", 256, 500_000),
    ("memory/4096", 4096, 100_000),
];

/// The rows, with `program` (this one, or another build of it) as what is measured.
pub fn rows(runtime: &str, program: &Path) -> Vec<Bound> {
    SIZES
        .iter()
        .map(|&(name, size, tasks)| {
            let mut known: Option<f64> = None;
            let (runtime, program) = (runtime.to_owned(), program.to_owned());
            Bound {
                name,
                metrics: vec!["bytes"],
                ops: tasks,
                // Memory does not vary between runs: one process is enough.
                run: Box::new(move |ops| {
                    let bytes =
                        *known.get_or_insert_with(|| measure(&runtime, &program, size, ops));
                    Sample::values(vec![bytes])
                }),
            }
        })
        .collect()
}

fn measure(runtime: &str, program: &Path, size: usize, tasks: u64) -> f64 {
    let mut child = Conversation::start(program, &["memory", runtime, &size.to_string()]);
    let mut rss = |tasks: u64| -> f64 { child.ask(&tasks.to_string()).parse().unwrap() };
    let one = rss(tasks);
    let two = rss(tasks);
    (two - one) / tasks as f64
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1);
    pages.and_then(|p| p.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// Futures that have been polled.
static POLLED: AtomicU64 = AtomicU64::new(0);

/// A future of a size that never completes and wakes nobody.
struct Pending<const N: usize>([u8; N]);

impl<const N: usize> Future for Pending<N> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        std::hint::black_box(&self.0);
        POLLED.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

/// Something that runs futures for ever.
trait Spawn {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static);
}

struct OnZokio(zokio::runtime::Runtime);
struct OnTokio(tokio::runtime::Runtime);
struct OnSmol(Arc<smol::Executor<'static>>);

impl Spawn for OnZokio {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(future));
    }
}

impl Spawn for OnTokio {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(future));
    }
}

impl Spawn for OnSmol {
    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(future).detach();
    }
}

/// For every line with a number: spawns as many tasks more, and answers with the resident set when
/// all have been polled.
pub fn child(runtime: &str, size: usize) {
    match runtime {
        "zokio" => answer(&OnZokio(on_zokio::build(2)), size),
        "tokio" => answer(&OnTokio(on_tokio::build(2)), size),
        "smol" => {
            let executor = Arc::new(smol::Executor::new());
            for _ in 0..2 {
                let executor = executor.clone();
                std::thread::spawn(move || {
                    smol::block_on(executor.run(std::future::pending::<()>()));
                });
            }
            answer(&OnSmol(executor), size);
        }
        other => panic!("no runtime {other}"),
    }
}

fn answer(on: &impl Spawn, size: usize) {
    let mut target = 0;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let tasks: u64 = line.parse().expect("a number of tasks");
        target += tasks;
        for _ in 0..tasks {
            match size {
                0 => on.spawn(Pending([0; 0])),
                64 => on.spawn(Pending([0; 64])),
                256 => on.spawn(Pending([0; 256])),
                4096 => on.spawn(Pending([0; 4096])),
                other => panic!("no future of {other} bytes"),
            }
        }
        while POLLED.load(Ordering::Relaxed) < target {
            std::thread::yield_now();
        }
        println!("{}", resident());
    }
    // Dropping millions of tasks tells nothing.
    std::process::exit(0);
}
