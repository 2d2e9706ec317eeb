//! Random graphs of tasks.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use zokio::runtime::Runtime;

use crate::plan::Graph;
use crate::{alone, at_rest, books, capture, cases, current, multi, watcher, world};

/// Sizes that a failing graph is tried again with, and how often.
const SMALLER: [u64; 5] = [1, 2, 3, 4, 6];
const TRIES: usize = 30;
const SIZE: u64 = 8;

#[test]
#[expect(clippy::print_stdout, reason = "the long form tells what it has done")]
fn random_graphs_of_tasks_are_reported_as_they_are() {
    let _alone = alone();
    keep_quiet_about_planned_panics();
    if let Ok(seed) = std::env::var("ZOKIO_TRUTH_SEED") {
        let seed = seed.parse().expect("a seed is a number");
        return check(seed, SIZE).unwrap_or_else(|why| panic!("{why}"));
    }
    let begun = Instant::now();
    let first: u64 = rand_seed();
    let (mut looks, mut polls) = (0, 0);
    for seed in first..first + cases() {
        match check_counting(seed, SIZE) {
            Ok(counted) => (looks, polls) = (looks + counted.0, polls + counted.1),
            Err(why) => fail(seed, &why),
        }
    }
    println!(
        "{} graphs from seed {first} on: {polls} polls and {looks} snapshots agree, in {:.1} s",
        cases(),
        begun.elapsed().as_secs_f64()
    );
}

/// The same graphs each time in the short form, others each time in the long one.
fn rand_seed() -> u64 {
    if !crate::is_long_form() {
        return 1;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("it is later than 1970").as_secs() << 20
}

/// Looks for a smaller graph of the seed that fails too, and says how to get it back.
fn fail(seed: u64, why: &str) -> ! {
    for size in SMALLER {
        for _ in 0..TRIES {
            if let Err(why) = check(seed, size) {
                panic!(
                    "seed {seed}, smaller ({size} of {SIZE}): {why}\n{:#?}",
                    Graph::new(seed, size)
                );
            }
        }
    }
    panic!(
        "ZOKIO_TRUTH_SEED={seed}: {why}\n{:#?}",
        Graph::new(seed, SIZE)
    );
}

fn check(seed: u64, size: u64) -> Result<(), String> {
    check_counting(seed, size).map(drop)
}

/// Runs a graph, watched. Snapshots taken and polls made, or what was wrong.
fn check_counting(seed: u64, size: u64) -> Result<(u64, u64), String> {
    let graph = Graph::new(seed, size);
    let blocks = graph.blocks_in_place();
    let runtime = match graph.workers {
        0 => current(),
        n => multi(n),
    };
    let stop = AtomicBool::new(false);
    let polls = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watcher::watch(runtime.handle(), &stop, blocks));
        // Also if something panics here, or the watcher would go on for ever.
        let stops = Stop(&stop);
        let polls = live(&runtime, graph);
        drop(stops);
        let looks = watching.join().map_err(|_| "the watcher panicked")??;
        Ok::<_, String>((looks, polls?))
    })?;
    Ok(polls)
}

/// Stops the watcher.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs a graph to its end, with a look at the books before and after. Polls made.
fn live(runtime: &Runtime, graph: Graph) -> Result<u64, String> {
    let before = capture(runtime).overhead.unattributed_events;
    let (world, set) = world::run(runtime, graph);
    let check = |snapshot: &_, ledger: &_| -> Result<(), String> {
        let snapshot: &zokio::telemetry::Snapshot = snapshot;
        let unattributed = snapshot.overhead.unattributed_events - before;
        books::check(snapshot, ledger, unattributed)
    };
    let turn = || world::turn(runtime, &set);
    at_rest(runtime, turn, |snapshot| check(snapshot, &world.ledger))?;
    world::end(runtime, &world, &set);
    at_rest(runtime, turn, |snapshot| check(snapshot, &world.ledger))?;
    Ok(world.ledger.polls())
}

fn keep_quiet_about_planned_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.payload().downcast_ref::<&str>() != Some(&world::PLANNED) {
                report(panic);
            }
        }));
    });
}
