//! Loads of known shape: what must be reported is known beforehand.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll};

use zokio::task;
use zokio::telemetry::Snapshot;

use crate::world::burn;
use crate::{alone, at_rest, capture, current, is_long_form, multi, os};

/// Of a poll that nothing interrupts: what lies between two stamps beyond the task's own time. More
/// where a sanitizer watches each access.
const POLL_ERROR_NS: u64 = if cfg!(zokio_sanitize) {
    100_000
} else {
    20_000
};

/// Rounds in which a poll that nothing interrupted is looked for.
const ROUNDS: usize = 200;

async fn yields(n: u64) {
    for _ in 0..n {
        task::yield_now().await;
    }
}

#[test]
fn tasks_times_yields_times_work_is_what_is_reported() {
    let _alone = alone();
    const TASKS: u64 = 12;
    const YIELDS: u64 = 9;
    const WORK_US: u64 = 100;
    for (workers, runtime) in [(0, current()), (1, multi(1)), (2, multi(2)), (4, multi(4))] {
        runtime.block_on(async {
            let spawn = |_| {
                task::spawn(async {
                    for _ in 0..YIELDS {
                        burn(WORK_US);
                        task::yield_now().await;
                    }
                })
            };
            let tasks: Vec<_> = (0..TASKS).map(spawn).collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        let snapshot = capture(&runtime);
        let polls = TASKS * (YIELDS + 1);
        let [site] = &snapshot.spawn_sites[..] else {
            panic!(
                "{} sites with {workers} workers",
                snapshot.spawn_sites.len()
            );
        };
        assert_eq!((site.spawned, site.alive, site.polls), (TASKS, 0, polls));
        assert_eq!(sum(&snapshot, |w| w.polls), polls);
        assert_eq!(sum(&snapshot, |w| w.poll_time.count), polls);
        assert_eq!(sum(&snapshot, |w| w.wake_to_poll.count), polls);
        // All that was worked is busy time; on a machine with others it may have taken longer.
        let worked = TASKS * YIELDS * WORK_US * 1_000;
        assert!(site.busy_ns >= worked - worked / 1_000, "{}", site.busy_ns);
        let polled = sum(&snapshot, |w| w.poll_time.sum_ns);
        assert!(polled.abs_diff(site.busy_ns) <= polls + worked / 1_000);
        assert!(sum(&snapshot, |w| w.busy_ns) + 8 >= site.busy_ns);
    }
}

fn sum(snapshot: &Snapshot, of: fn(&zokio::telemetry::WorkerSnapshot) -> u64) -> u64 {
    snapshot.workers.iter().map(of).sum()
}

/// Notes the processor time of polls during which the thread kept its processor.
struct Timed<F> {
    future: Pin<Box<F>>,
    undisturbed: bool,
    cpu_ns: &'static AtomicU64,
}

impl<F: Future<Output = ()>> Future for Timed<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (switches, began) = (os::thread_switches(), os::thread_cpu_ns());
        let polled = self.future.as_mut().poll(cx);
        let cpu_ns = os::thread_cpu_ns() - began;
        self.undisturbed &= os::thread_switches() == switches;
        self.cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
        if polled.is_ready() && !self.undisturbed {
            self.cpu_ns.store(u64::MAX, Ordering::Relaxed);
        }
        polled
    }
}

#[test]
fn busy_time_is_processor_time_when_nothing_comes_between() {
    let _alone = alone();
    static CPU_NS: AtomicU64 = AtomicU64::new(0);
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        CPU_NS.store(0, Ordering::Relaxed);
        let runtime = current();
        let timed = Timed {
            future: Box::pin(async { burn(2_000) }),
            undisturbed: true,
            cpu_ns: &CPU_NS,
        };
        runtime.block_on(runtime.spawn(timed)).unwrap();
        let cpu_ns = CPU_NS.load(Ordering::Relaxed);
        let busy_ns = capture(&runtime).workers[0].poll_time.sum_ns;
        if cpu_ns == u64::MAX {
            // It lost its processor; that time is busy time, too.
            assert!(busy_ns >= 1_998_000, "busy for {busy_ns} ns");
            continue;
        }
        assert!(
            busy_ns + busy_ns / 1_000 >= cpu_ns,
            "busy for {busy_ns} of {cpu_ns} ns"
        );
        best = best.min(busy_ns.saturating_sub(cpu_ns));
        if best <= POLL_ERROR_NS {
            break;
        }
    }
    // A machine that is never quiet for two milliseconds proves nothing.
    if best != u64::MAX || is_long_form() {
        assert!(best <= POLL_ERROR_NS, "{best} ns of nobody");
    }
}

#[test]
fn tasks_stolen_are_the_tasks_that_moved() {
    let _alone = alone();
    const TASKS: u64 = 100;
    let runtime = multi(2);
    let moved = runtime.spawn(async {
        let here = zokio::runtime::worker_index();
        let (ran_to, ran) = mpsc::channel();
        for _ in 0..TASKS {
            let ran_to = ran_to.clone();
            drop(task::spawn(async move {
                let _ = ran_to.send(zokio::runtime::worker_index());
            }));
        }
        drop(ran_to);
        // This worker does nothing else until all of them have run, so the other one took them.
        ran.iter().filter(|worker| *worker != here).count() as u64
    });
    assert_eq!(runtime.block_on(moved).unwrap(), TASKS);
    let snapshot = at_rest(&runtime, std::thread::yield_now, |s| match s.alive_tasks {
        0 => Ok(()),
        n => Err(format!("{n} tasks alive")),
    });
    let snapshot = snapshot.unwrap();
    assert_eq!(sum(&snapshot, |w| w.remote_wakes), 0);
    let taken = sum(&snapshot, |w| w.injector_takes);
    // The first task came from the injector, and may have been stolen there from nobody.
    assert_eq!(
        sum(&snapshot, |w| w.stolen_tasks),
        TASKS,
        "{taken} injected"
    );
    for worker in &snapshot.workers {
        assert_eq!(worker.stolen_from.iter().sum::<u64>(), worker.stolen_tasks);
    }
}

#[test]
fn wakers_that_are_kept_are_live_and_those_dropped_are_not() {
    let _alone = alone();
    for keep in [0, 1, 7, 300] {
        let runtime = current();
        let mut kept = Vec::new();
        let mut polled = false;
        let (to, from) = mpsc::channel();
        let task = runtime.spawn(std::future::poll_fn(move |cx| {
            if !polled {
                polled = true;
                for _ in 0..keep {
                    kept.push(cx.waker().clone());
                    drop(cx.waker().clone());
                }
                to.send(()).unwrap();
            }
            Poll::<()>::Pending
        }));
        runtime.block_on(yields(3));
        from.recv().unwrap();
        let snapshot = capture(&runtime);
        let seen = &snapshot.tasks[0];
        assert_eq!((seen.waker_clones, seen.waker_drops), (2 * keep, keep));
        // Without its handle there is a reference less, and not a waker more or less.
        drop(task);
        let snapshot = capture(&runtime);
        let seen = &snapshot.tasks[0];
        assert_eq!((seen.waker_clones, seen.waker_drops), (2 * keep, keep));
    }
}

#[test]
fn a_poll_in_progress_is_reported_with_its_wait_and_its_time() {
    let _alone = alone();
    let runtime = multi(1);
    let (entered_to, entered) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let task = runtime.spawn(async move {
        task::yield_now().await;
        entered_to.send(()).unwrap();
        let _ = wait.recv();
    });
    entered.recv().unwrap();
    let first = capture(&runtime);
    burn(500);
    let second = capture(&runtime);
    drop(go);
    runtime.block_on(pin!(task)).unwrap();
    let (first, second) = (&first.tasks[0], &second.tasks[0]);
    assert_eq!((first.polls, first.wakes, first.self_wakes), (2, 1, 1));
    assert_eq!(first.scheduled_ns, second.scheduled_ns);
    assert_eq!(first.idle_ns, second.idle_ns);
    assert!(second.busy_ns >= first.busy_ns + 499_000);
}
