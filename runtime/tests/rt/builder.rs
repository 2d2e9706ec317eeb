//! `Builder`: what each setting does and what it refuses.

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use zokio::runtime::{Builder, RngSeed, RuntimeFlavor, UnhandledPanic};

use crate::support::{assert_panics_here, both_builders, panic_of};

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// A test that a setting refuses a value, in the caller's line.
macro_rules! refuses {
    ($name:ident, $text:expr, $set:expr) => {
        #[test]
        fn $name() {
            for mut builder in both_builders() {
                let set: fn(&mut Builder) = $set;
                let panic = panic_of(|| set(&mut builder));
                assert_eq!(panic.text, $text);
                assert_eq!(panic.file, file!());
            }
        }
    };
}

refuses!(
    worker_threads_refuses_zero,
    "Worker threads cannot be set to 0",
    |b| {
        b.worker_threads(0);
    }
);
refuses!(
    worker_threads_refuses_more_than_indices_can_name,
    "Worker threads cannot be set to more than 32768",
    |b| {
        b.worker_threads(32_769);
    }
);
refuses!(
    max_blocking_threads_refuses_zero,
    "Max blocking threads cannot be set to 0",
    |b| {
        b.max_blocking_threads(0);
    }
);
refuses!(
    event_interval_refuses_zero,
    "event_interval must be greater than 0",
    |b| {
        b.event_interval(0);
    }
);
refuses!(
    global_queue_interval_refuses_zero,
    "global_queue_interval must be greater than 0",
    |b| {
        b.global_queue_interval(0);
    }
);
refuses!(
    max_io_events_per_tick_refuses_zero,
    "max_io_events_per_tick must be non-zero",
    |b| {
        b.max_io_events_per_tick(0);
    }
);
refuses!(
    max_io_events_per_busy_tick_refuses_zero,
    "max_io_events_per_busy_tick must be non-zero",
    |b| {
        b.max_io_events_per_busy_tick(0);
    }
);
refuses!(
    name_refuses_an_empty_one,
    "runtime name shouldn't be empty",
    |b| {
        b.name("");
    }
);
refuses!(
    name_refuses_a_blank_one,
    "runtime name shouldn't be empty",
    |b| {
        b.name(" \t");
    }
);

#[test]
fn refused_setting_is_blamed_on_the_line_that_makes_it() {
    let mut builder = Builder::new_multi_thread();
    assert_panics_here!("Worker threads cannot be set to 0", || {
        let _ = builder.worker_threads(0);
    });
}

#[test]
fn refusals_read_as_tokio_s_do() {
    use tokio::runtime::Builder as Theirs;
    let ours_and_theirs = [
        (
            panic_of(|| Builder::new_multi_thread().worker_threads(0).build()),
            panic_of(|| Theirs::new_multi_thread().worker_threads(0).build()),
        ),
        (
            panic_of(|| Builder::new_multi_thread().max_blocking_threads(0).build()),
            panic_of(|| Theirs::new_multi_thread().max_blocking_threads(0).build()),
        ),
        (
            panic_of(|| Builder::new_multi_thread().event_interval(0).build()),
            panic_of(|| Theirs::new_multi_thread().event_interval(0).build()),
        ),
        (
            panic_of(|| Builder::new_multi_thread().global_queue_interval(0).build()),
            panic_of(|| Theirs::new_multi_thread().global_queue_interval(0).build()),
        ),
        (
            panic_of(|| {
                Builder::new_multi_thread()
                    .max_io_events_per_tick(0)
                    .build()
            }),
            panic_of(|| Theirs::new_multi_thread().max_io_events_per_tick(0).build()),
        ),
        (
            panic_of(|| Builder::new_multi_thread().name(" ").build()),
            panic_of(|| Theirs::new_multi_thread().name(" ").build()),
        ),
    ];
    for (ours, theirs) in ours_and_theirs {
        assert_eq!(ours.text, theirs.text);
    }
}

#[test]
fn unhandled_panic_cannot_shut_down_a_multi_thread_runtime() {
    let mut builder = Builder::new_multi_thread();
    builder.unhandled_panic(UnhandledPanic::Ignore);
    let panic = panic_of(|| {
        builder.unhandled_panic(UnhandledPanic::ShutdownRuntime);
    });
    let text = "UnhandledPanic::ShutdownRuntime is only supported in current thread runtime";
    assert_eq!((&*panic.text, &*panic.file), (text, file!()));
}

#[test]
fn clock_of_a_multi_thread_runtime_cannot_start_paused() {
    let mut builder = Builder::new_multi_thread();
    builder.enable_time().start_paused(true);
    let panic = panic_of(|| builder.build());
    let expected = "`time::pause()` requires the `current_thread`";
    assert!(panic.text.starts_with(expected), "{panic:?}");
    assert_eq!(panic.file, file!());
}

#[test]
fn paused_clock_stands_still_and_jumps_to_the_next_timer() {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let begin = zokio::time::Instant::now();
        zokio::task::yield_now().await;
        assert_eq!(begin.elapsed(), Duration::ZERO);
        zokio::time::sleep(Duration::from_secs(3600)).await;
        let slept = begin.elapsed().as_secs();
        assert_eq!(slept, 3600);
    });
}

#[test]
fn worker_threads_is_the_number_of_workers() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    assert_eq!(runtime.metrics().num_workers(), 3);
}

#[test]
fn worker_threads_means_nothing_to_a_current_thread_runtime() {
    let runtime = Builder::new_current_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    assert_eq!(runtime.metrics().num_workers(), 1);
    assert_eq!(
        runtime.handle().runtime_flavor(),
        RuntimeFlavor::CurrentThread
    );
}

#[test]
fn one_builder_builds_several_runtimes() {
    for mut builder in both_builders() {
        builder.thread_name("several");
        let (first, second) = (builder.build().unwrap(), builder.build().unwrap());
        assert_ne!(first.handle().id(), second.handle().id());
        drop(first);
        assert_eq!(
            second.block_on(second.spawn_blocking(thread_name)).unwrap(),
            "several"
        );
    }
}

#[test]
fn thread_name_is_that_of_workers_and_blocking_threads() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("shop")
        .build()
        .unwrap();
    let names = runtime.block_on(async {
        let worker = zokio::spawn(async { thread_name() });
        let blocking = zokio::task::spawn_blocking(thread_name);
        [worker.await.unwrap(), blocking.await.unwrap()]
    });
    assert_eq!(names, ["shop", "shop"]);
}

#[test]
fn thread_name_has_a_default() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let name = runtime.block_on(runtime.spawn_blocking(thread_name));
    assert_eq!(name.unwrap(), "zokio-rt-worker");
}

#[test]
fn thread_name_fn_is_asked_for_each_thread() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name_fn(move || format!("clerk-{}", count.fetch_add(1, Ordering::Relaxed)))
        .build()
        .unwrap();
    let name = runtime.block_on(runtime.spawn_blocking(thread_name));
    let name = name.unwrap();
    assert!(name.starts_with("clerk-"), "{name}");
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn panic_of_the_function_that_names_threads_is_an_error_and_hangs_nothing() {
    for names in [0, 1] {
        let asked = AtomicUsize::new(0);
        let error = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name_fn(move || {
                assert!(asked.fetch_add(1, Ordering::Relaxed) < names, "no name");
                "named".to_owned()
            })
            .build()
            .unwrap_err();
        assert!(error.to_string().contains("names threads"), "{error}");
    }
}

#[test]
fn thread_name_set_last_counts() {
    let runtime = Builder::new_current_thread()
        .thread_name_fn(|| "first".to_owned())
        .thread_name("second")
        .build()
        .unwrap();
    let name = runtime.block_on(runtime.spawn_blocking(thread_name));
    assert_eq!(name.unwrap(), "second");
}

/// Uses a megabyte of stack a level.
fn dig(levels: u32) -> usize {
    let room = [levels as u8; 1 << 20];
    let below = if levels == 0 { 0 } else { dig(levels - 1) };
    black_box(&room).len() + below
}

#[test]
fn thread_stack_size_holds_for_workers_and_blocking_threads() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_stack_size(32 << 20)
        .build()
        .unwrap();
    let used = runtime.block_on(async {
        let worker = zokio::spawn(async { dig(7) });
        let blocking = zokio::task::spawn_blocking(|| dig(7));
        worker.await.unwrap() + blocking.await.unwrap()
    });
    assert_eq!(used, 16 << 20);
}

#[test]
fn blocking_thread_ends_after_its_keep_alive() {
    let (ended, has_ended) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .thread_keep_alive(Duration::from_millis(1))
        .on_thread_stop(move || ended.send(thread::current().id()).unwrap())
        .build()
        .unwrap();
    let ran = runtime.block_on(runtime.spawn_blocking(|| thread::current().id()));
    assert_eq!(has_ended.recv().unwrap(), ran.unwrap());
}

#[test]
fn blocking_thread_is_used_again_within_its_keep_alive() {
    let runtime = Builder::new_current_thread()
        .thread_keep_alive(Duration::from_secs(3600))
        .build()
        .unwrap();
    let threads: HashSet<_> = (0..20)
        .map(|_| {
            let thread = runtime.block_on(runtime.spawn_blocking(|| thread::current().id()));
            while runtime.metrics().num_idle_blocking_threads() == 0 {
                thread::yield_now();
            }
            thread.unwrap()
        })
        .collect();
    assert_eq!(threads.len(), 1);
}

#[test]
fn without_timers_a_sleep_says_how_to_enable_them() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let panic = panic_of(|| runtime.block_on(async { zokio::time::sleep(Duration::ZERO).await }));
    assert!(
        panic
            .text
            .contains("timers are disabled. Call `enable_time`"),
        "{panic:?}"
    );
}

#[test]
fn without_io_a_socket_says_how_to_enable_it() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let panic = panic_of(|| {
        runtime.block_on(async { zokio::net::UdpSocket::bind("127.0.0.1:0").await.is_ok() })
    });
    assert!(
        panic.text.contains("IO is disabled. Call `enable_io`"),
        "{panic:?}"
    );
}

#[test]
fn enable_alt_timer_enables_timers() {
    for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
        let runtime = builder.enable_alt_timer().build().unwrap();
        runtime.block_on(async { zokio::time::sleep(Duration::from_millis(1)).await });
    }
}

/// The order in which a single worker runs two tasks that a third one spawns.
fn order_of_spawned(builder: &mut Builder) -> Vec<u32> {
    let runtime = builder.worker_threads(1).build().unwrap();
    let (ran, order) = mpsc::channel();
    runtime.spawn(async move {
        for number in [1, 2] {
            let ran = ran.clone();
            zokio::spawn(async move { ran.send(number).unwrap() });
        }
    });
    order.iter().collect()
}

#[test]
fn worker_runs_what_it_woke_last_first() {
    let order = order_of_spawned(&mut Builder::new_multi_thread());
    assert_eq!(order, [2, 1]);
}

#[test]
fn disable_lifo_slot_keeps_the_order_of_wakes() {
    let order = order_of_spawned(Builder::new_multi_thread().disable_lifo_slot());
    assert_eq!(order, [1, 2]);
}

#[test]
fn without_lifo_slot_a_full_queue_still_spills_to_the_injector() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .disable_lifo_slot()
        .build()
        .unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let count = done.clone();
    runtime.block_on(async {
        let spawner = zokio::spawn(async move {
            let spawn = |_| {
                let count = count.clone();
                zokio::spawn(async move { count.fetch_add(1, Ordering::Relaxed) })
            };
            let tasks: Vec<_> = (0..1000).map(spawn).collect();
            let spilled = zokio::runtime::Handle::current()
                .metrics()
                .global_queue_depth();
            for task in tasks {
                task.await.unwrap();
            }
            spilled
        });
        assert!(spawner.await.unwrap() > 0);
    });
    assert_eq!(done.load(Ordering::Relaxed), 1000);
}

#[test]
fn smallest_intervals_let_everything_have_its_turn() {
    for mut builder in both_builders() {
        let runtime = builder
            .event_interval(1)
            .global_queue_interval(1)
            .max_io_events_per_tick(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let sleeping = zokio::spawn(zokio::time::sleep(Duration::from_millis(1)));
            let spinning = zokio::spawn(async move {
                while !sleeping.is_finished() {
                    zokio::task::yield_now().await;
                }
            });
            spinning.await.unwrap();
        });
    }
}

#[test]
fn one_event_at_a_busy_look_serves_all_sockets_in_the_end() {
    for mut builder in both_builders() {
        let runtime = builder
            .max_io_events_per_busy_tick(1)
            .event_interval(1)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut receivers = Vec::new();
            for byte in 0..20u8 {
                let receiver = zokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                let address = receiver.local_addr().unwrap();
                receivers.push(zokio::spawn(async move {
                    let mut buffer = [0];
                    receiver.recv(&mut buffer).await.unwrap();
                    buffer[0]
                }));
                let sender = zokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
                sender.send_to(&[byte], address).await.unwrap();
            }
            // Keeps its worker busy, so that it looks without waiting.
            while !receivers.iter().all(|task| task.is_finished()) {
                zokio::task::yield_now().await;
            }
            for (byte, task) in receivers.into_iter().enumerate() {
                assert_eq!(usize::from(task.await.unwrap()), byte);
            }
        });
    }
}

/// Which of three ready branches `select!` takes, forty times.
fn choices(seed: &[u8]) -> Vec<u32> {
    let runtime = Builder::new_current_thread()
        .rng_seed(RngSeed::from_bytes(seed))
        .build()
        .unwrap();
    let choose = async {
        let mut chosen = Vec::new();
        for _ in 0..40 {
            chosen.push(zokio::select! {
                () = async {} => 0,
                () = async {} => 1,
                () = async {} => 2,
            });
        }
        chosen
    };
    runtime.block_on(choose)
}

#[test]
fn equal_seeds_make_select_choose_alike() {
    let first = choices(b"a seed");
    assert_eq!(first, choices(b"a seed"));
    assert!([0, 1, 2].iter().all(|branch| first.contains(branch)));
}

#[test]
fn other_seeds_make_select_choose_otherwise() {
    assert_ne!(choices(b"a seed"), choices(b"another seed"));
}

#[test]
fn each_block_on_continues_the_seed_s_sequence() {
    let draw = || {
        let runtime = Builder::new_current_thread()
            .rng_seed(RngSeed::from_bytes(b"sequence"))
            .build()
            .unwrap();
        let number = || zokio::macros::support::thread_rng_n(u32::MAX);
        [(); 3].map(|()| runtime.block_on(async { number() }))
    };
    let numbers = draw();
    assert_eq!(numbers, draw());
    assert_ne!(numbers[0], numbers[1]);
    assert_ne!(numbers[1], numbers[2]);
}

#[test]
fn thread_that_waits_in_place_of_a_busy_worker_fires_its_timers() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .enable_eager_driver_handoff()
        .build()
        .unwrap();
    // Many times, so that the first sleeper is often the worker that waits for timers.
    for _ in 0..20 {
        let (fired, has_fired) = mpsc::channel();
        let second = runtime.spawn(async move {
            zokio::time::sleep(Duration::from_millis(2)).await;
            fired.send(()).unwrap();
        });
        let first = runtime.spawn(async move {
            zokio::time::sleep(Duration::from_millis(1)).await;
            has_fired.recv().unwrap();
        });
        runtime.block_on(async {
            first.await.unwrap();
            second.await.unwrap();
        });
    }
}

#[test]
fn builder_shows_what_it_was_given() {
    let mut builder = Builder::new_multi_thread();
    let shown = format!("{:?}", builder.worker_threads(3).name("shop"));
    assert!(
        shown.starts_with("Builder {") && shown.contains("shop"),
        "{shown}"
    );
}

/// A task from outside comes behind a few long polls, and behind no more short ones than a look costs.
#[test]
#[cfg(feature = "telemetry")]
fn task_from_outside_does_not_wait_behind_many_long_polls() {
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    const ROUNDS: usize = 20;
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (polls, end) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let tasks = [(); 4].map(|()| {
        let (polls, end) = (polls.clone(), end.clone());
        runtime.spawn(async move {
            while !end.load(Ordering::Relaxed) {
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_millis(1) {
                    std::hint::spin_loop();
                }
                polls.fetch_add(1, Ordering::Relaxed);
                zokio::task::yield_now().await;
            }
        })
    });
    let polls_before_it = || {
        let (before, seen) = (polls.load(Ordering::Relaxed), polls.clone());
        let task = runtime.spawn(async move { seen.load(Ordering::Relaxed) });
        runtime.block_on(task).unwrap() - before
    };
    // Until it is known how long a turn takes.
    while polls_before_it() > 4 {}
    let most = (0..ROUNDS).map(|_| polls_before_it()).max().unwrap();
    end.store(true, Ordering::Relaxed);
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    assert!(most <= 8, "{most}");
}
