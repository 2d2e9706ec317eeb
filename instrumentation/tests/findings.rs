//! Sick programs, and healthy ones that look like them: what the server says of each.

#[path = "serving/client.rs"]
mod client;

#[path = "findings/healthy.rs"]
mod healthy;
#[path = "findings/sick.rs"]
mod sick;
#[path = "findings/variants.rs"]
mod variants;

use std::future::Future;
use std::time::Duration;

use zokio::runtime::{Builder, Runtime};
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::{Guard, Thresholds, builder};

use client::{console, http1, run, runtime};

/// Between two looks at a program.
const LOOKS: Duration = Duration::from_millis(200);

/// Updates, one a look, in which a healthy program must stay without findings.
const HEALTHY_LOOKS: usize = 12;

/// A runtime that runs a program on a worker, watched.
fn watch<F: Future<Output = ()> + Send + 'static>(program: F) -> (Guard, Runtime) {
    watch_with(program, Thresholds::default())
}

fn watch_with<F: Future<Output = ()> + Send + 'static>(
    program: F,
    thresholds: Thresholds,
) -> (Guard, Runtime) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .max_blocking_threads(4)
        .enable_all()
        .name("program")
        .build()
        .expect("a runtime");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .diagnosis_interval(LOOKS)
        .thresholds(thresholds)
        .start()
        .expect("a server");
    drop(runtime.spawn(program));
    (guard, runtime)
}

/// Updates as a viewer has them, until `look` has seen enough.
fn view<T>(guard: &Guard, mut look: impl FnMut(&[v1::Finding]) -> Option<T>) -> T {
    let viewer = runtime("viewer");
    run(&viewer, async {
        let request = v1::SubscribeRequest {
            major: MAJOR,
            interval_ns: LOOKS.as_nanos() as u64,
            ..Default::default()
        };
        let stream = console(guard.addr()).await.subscribe(request).await;
        let mut stream = stream.expect("a stream").into_inner();
        let mut state: Option<v1::RuntimeUpdate> = None;
        loop {
            let update = stream.message().await.expect("an update");
            let next = update.expect("it goes on").runtimes.remove(0);
            match &mut state {
                Some(state) => state.apply(next),
                none => *none = Some(next),
            }
            if let Some(seen) = look(&state.as_ref().expect("just set").findings) {
                return seen;
            }
        }
    })
}

/// The finding of that kind that a sick program leads to.
fn found<F: Future<Output = ()> + Send + 'static>(program: F, kind: &str) -> v1::Finding {
    let (guard, runtime) = watch(program);
    let finding = view(&guard, |findings| {
        findings.iter().find(|f| f.kind == kind).cloned()
    });
    drop(guard);
    runtime.shutdown_background();
    assert!(!finding.summary.is_empty() && !finding.hint.is_empty());
    assert!(!finding.evidence.is_empty() && finding.since_ns > 0);
    finding
}

/// A healthy program has no findings.
fn silent<F: Future<Output = ()> + Send + 'static>(program: F) {
    let (guard, runtime) = watch(program);
    let mut looks = 0;
    view(&guard, |findings| {
        assert_eq!(findings, []);
        looks += 1;
        (looks == HEALTHY_LOOKS).then_some(())
    });
    drop(guard);
    runtime.shutdown_background();
}

fn names_file(finding: &v1::Finding, file: &str) -> bool {
    finding.locations.iter().any(|at| at.file.ends_with(file))
}

#[test]
fn tasks_that_lock_in_opposite_order_are_a_deadlock() {
    let finding = found(sick::deadlock::sick(), "deadlock");
    assert_eq!(finding.severity(), v1::FindingSeverity::Critical);
    // Both awaits of a second lock: one line of the program.
    assert!(names_file(&finding, "sick/deadlock.rs"), "{finding:?}");
    assert_eq!(finding.resource.as_ref().expect("a lock").kind, "mutex");
    assert!(finding.task.is_some());
}

#[test]
fn joining_a_task_that_needs_our_lock_is_a_deadlock() {
    let finding = found(variants::join_under_a_lock(), "deadlock");
    assert!(
        finding.summary.contains("waits for the end of"),
        "{finding:?}"
    );
}

#[test]
fn reading_what_one_writes_is_a_deadlock() {
    let finding = found(variants::lock_twice(), "deadlock");
    assert!(
        finding.summary.contains("which it holds itself"),
        "{finding:?}"
    );
    assert_eq!(finding.resource.expect("a lock").kind, "rwlock");
}

#[test]
fn reading_twice_with_a_writer_in_between_is_a_deadlock() {
    let finding = found(variants::read_twice(), "deadlock");
    assert!(finding.summary.contains("lock behind task"), "{finding:?}");
    assert!(finding.summary.contains("lock held by task"), "{finding:?}");
    assert_eq!(finding.resource.expect("a lock").kind, "rwlock");
}

#[test]
fn tasks_that_wait_for_each_others_end_are_a_join_cycle() {
    let finding = found(sick::join_cycle::sick(), "join-cycle");
    assert_eq!(finding.severity(), v1::FindingSeverity::Critical);
    assert!(names_file(&finding, "sick/join_cycle.rs"), "{finding:?}");
}

#[test]
fn a_task_that_waits_for_its_own_end_is_a_self_join() {
    let finding = found(sick::self_join::sick(), "self-join");
    assert!(finding.summary.ends_with("waits for its own end"));
    assert!(names_file(&finding, "sick/self_join.rs"), "{finding:?}");
}

#[test]
fn a_lock_held_across_a_slow_query_is_a_convoy() {
    let finding = found(sick::lock_convoy::sick(), "lock-convoy");
    assert!(names_file(&finding, "sick/lock_convoy.rs"), "{finding:?}");
    assert_eq!(finding.resource.as_ref().expect("a lock").kind, "mutex");
}

#[test]
fn thread_sleep_in_a_task_blocks_its_worker() {
    let finding = found(sick::blocked_worker::sick(), "blocked-worker");
    assert!(
        names_file(&finding, "sick/blocked_worker.rs"),
        "{finding:?}"
    );
    assert!(finding.worker_plus_one > 0 && finding.task.is_some());
}

#[test]
fn a_lock_handed_to_a_future_that_nobody_polls_is_found() {
    let finding = found(sick::guard_not_polled::sick(), "guard-not-polled");
    assert_eq!(finding.severity(), v1::FindingSeverity::Critical);
    assert!(
        names_file(&finding, "sick/guard_not_polled.rs"),
        "{finding:?}"
    );
    assert!(
        finding.summary.contains("it waits for again"),
        "{finding:?}"
    );
}

#[test]
fn another_executor_in_a_task_is_a_runtime_in_a_runtime() {
    let finding = found(sick::runtime_in_runtime::sick(), "runtime-in-runtime");
    assert!(
        names_file(&finding, "sick/runtime_in_runtime.rs"),
        "{finding:?}"
    );
    assert!(finding.summary.ends_with("::convert"), "{finding:?}");
    assert!(finding.worker_plus_one > 0 && finding.task.is_some());
}

#[test]
fn computing_without_a_pause_hogs_the_cpu() {
    let finding = found(sick::cpu_hog::sick(), "cpu-hog");
    assert!(names_file(&finding, "sick/cpu_hog.rs"), "{finding:?}");
}

#[test]
fn a_task_that_wakes_itself_is_a_storm() {
    let finding = found(sick::self_wake_storm::sick(), "self-wake-storm");
    assert!(
        names_file(&finding, "sick/self_wake_storm.rs"),
        "{finding:?}"
    );
}

#[test]
fn tasks_whose_polls_take_long_have_slow_polls() {
    let finding = found(sick::slow_polls::sick(), "slow-polls");
    assert!(names_file(&finding, "sick/slow_polls.rs"), "{finding:?}");
}

#[test]
fn a_task_that_is_started_anew_and_panics_is_a_panic_loop() {
    let finding = found(sick::panic_loop::sick(), "panic-loop");
    assert!(names_file(&finding, "sick/panic_loop.rs"), "{finding:?}");
}

#[test]
fn tasks_that_nobody_ends_are_a_leak() {
    let finding = found(sick::task_leak::sick(), "task-leak");
    assert!(names_file(&finding, "sick/task_leak.rs"), "{finding:?}");
    assert!(
        finding.summary.contains("waiting for oneshot"),
        "{finding:?}"
    );
}

#[test]
fn timers_are_late_when_long_polls_keep_all_workers() {
    let finding = found(sick::timer_late::sick(), "timer-late");
    assert!(names_file(&finding, "sick/timer_late.rs"), "{finding:?}");
}

#[test]
fn a_future_with_a_large_buffer_is_oversized() {
    let finding = found(sick::oversized_future::sick(), "oversized-future");
    assert_eq!(finding.severity(), v1::FindingSeverity::Info);
    assert!(
        names_file(&finding, "sick/oversized_future.rs"),
        "{finding:?}"
    );
}

#[test]
fn a_woken_task_behind_the_one_that_woke_it_is_a_captive() {
    let finding = found(sick::lifo_captive::sick(), "lifo-captive");
    assert!(names_file(&finding, "sick/lifo_captive.rs"), "{finding:?}");
}

#[test]
fn more_tasks_than_the_workers_get_through_with_let_the_queue_grow() {
    let finding = found(sick::queue_growth::sick(), "queue-growth");
    assert!(names_file(&finding, "sick/queue_growth.rs"), "{finding:?}");
}

#[test]
fn messages_sent_faster_than_they_are_received_let_an_unbounded_channel_grow() {
    let finding = found(sick::unbounded_channel::sick(), "queue-growth");
    let file = "sick/unbounded_channel.rs";
    assert!(names_file(&finding, file), "{finding:?}");
    assert!(finding.summary.contains("receives from it"), "{finding:?}");
}

#[test]
fn polls_that_only_the_budget_ends_never_yield() {
    let finding = found(sick::never_yields::sick(), "never-yields");
    assert!(names_file(&finding, "sick/never_yields.rs"), "{finding:?}");
}

#[test]
fn a_task_that_is_woken_for_each_item_is_in_a_wake_storm() {
    let finding = found(sick::wake_storm::sick(), "wake-storm");
    assert!(names_file(&finding, "sick/wake_storm.rs"), "{finding:?}");
}

#[test]
fn a_dropped_waker_is_lost() {
    let finding = found(sick::lost_waker::sick(), "lost-waker");
    assert_eq!(finding.severity(), v1::FindingSeverity::Warning);
    assert!(names_file(&finding, "sick/lost_waker.rs"), "{finding:?}");
}

#[test]
fn a_woken_task_behind_a_computing_one_is_an_imbalance() {
    found(sick::imbalance::sick(), "imbalance");
}

#[test]
fn jobs_that_never_end_exhaust_the_pool() {
    let finding = found(sick::pool_exhausted::sick(), "pool-exhausted");
    assert!(
        names_file(&finding, "sick/pool_exhausted.rs"),
        "{finding:?}"
    );
}

#[test]
fn a_kind_that_is_off_is_not_told() {
    let mut thresholds = Thresholds::default();
    thresholds.set("deadlock", "off").expect("a kind");
    let (guard, runtime) = watch_with(sick::deadlock::sick(), thresholds);
    let mut looks = 0;
    view(&guard, |findings| {
        assert_eq!(findings, []);
        looks += 1;
        (looks == HEALTHY_LOOKS).then_some(())
    });
    drop(guard);
    runtime.shutdown_background();
}

#[test]
fn a_receiver_that_waits_elsewhere_fills_its_channel() {
    let finding = found(sick::full_channel::sick(), "channel-full");
    assert!(names_file(&finding, "sick/full_channel.rs"), "{finding:?}");
    assert_eq!(finding.resource.expect("a channel").kind, "mpsc");
}

#[test]
fn a_permit_of_a_finished_task_is_leaked() {
    let finding = found(sick::leaked_permit::sick(), "permits-leaked");
    assert!(names_file(&finding, "sick/leaked_permit.rs"), "{finding:?}");
    assert_eq!(finding.resource.expect("a semaphore").kind, "semaphore");
}

#[test]
fn permits_that_go_from_task_to_task_are_healthy() {
    silent(healthy::passed_on_permits());
}

#[test]
fn a_channel_that_is_always_full_behind_a_slow_receiver_is_healthy() {
    silent(healthy::slow_receiver());
}

#[test]
fn findings_are_counted_for_prometheus() {
    let (guard, runtime) = watch(sick::deadlock::sick());
    view(&guard, |findings| (!findings.is_empty()).then_some(()));
    let viewer = self::runtime("scraper");
    let page = run(&viewer, async {
        let request = http::Request::get("/metrics")
            .header("host", guard.addr().socket_addr().expect("TCP").to_string())
            .header("accept", "text/plain");
        http1(guard.addr(), request).await.2
    });
    let series = |kind: &str, n: u64| {
        page.contains(&format!(
            "zokio_findings{{runtime=\"program\",kind=\"{kind}\"}} {n}\n"
        ))
    };
    assert!(series("deadlock", 1) && series("lost-waker", 0), "{page}");
    drop(guard);
    runtime.shutdown_background();
}

#[test]
fn an_unbounded_channel_that_is_worked_off_is_healthy() {
    silent(healthy::bursts_into_a_channel());
}

#[test]
fn an_unbounded_channel_that_is_emptied_now_and_then_is_healthy() {
    silent(healthy::drained_now_and_then());
}

#[test]
fn many_short_turns_of_a_lock_and_tasks_that_wait_to_lead_are_healthy() {
    silent(healthy::busy_lock());
}

#[test]
fn a_lock_that_was_not_handed_over_yet_may_be_asked_for_and_left_alone() {
    silent(healthy::asks_and_turns_away());
}

#[test]
fn a_block_on_where_it_is_allowed_is_healthy() {
    silent(healthy::runtime_in_its_place());
}

#[test]
fn joins_with_a_way_out_are_healthy() {
    silent(healthy::joins_that_end());
}

#[test]
fn a_task_that_joins_others_and_stays_is_healthy() {
    silent(healthy::joins_and_stays());
}

#[test]
fn locks_taken_in_one_order_are_healthy() {
    silent(healthy::contended_locks());
}

#[test]
fn a_guard_that_was_handed_to_another_task_is_healthy() {
    silent(healthy::guard_handed_over());
}

#[test]
fn a_circle_that_a_timeout_breaks_is_healthy() {
    silent(healthy::circle_with_a_way_out());
}

#[test]
fn blocking_in_its_place_is_healthy() {
    silent(healthy::blocking_in_its_place());
}

#[test]
fn work_cut_into_pieces_is_healthy() {
    silent(healthy::work_in_pieces());
}

#[test]
fn a_channel_that_never_runs_dry_is_healthy() {
    silent(healthy::busy_channel());
}

#[test]
fn tasks_that_wait_for_ever_on_purpose_are_healthy() {
    silent(healthy::pending());
}

#[test]
fn a_pool_that_works_a_burst_off_is_healthy() {
    silent(healthy::burst_on_the_pool());
}

#[test]
fn polls_of_some_milliseconds_and_a_slow_one_now_and_then_are_healthy() {
    silent(healthy::rarely_slow());
}

#[test]
fn many_tasks_that_fail_at_once_are_healthy() {
    silent(healthy::fails_once());
}

#[test]
fn tasks_that_come_and_go_are_healthy() {
    silent(healthy::rising_load());
}

#[test]
fn timers_beside_long_polls_of_one_worker_are_healthy() {
    silent(healthy::timers_beside_a_busy_worker());
}

#[test]
fn a_boxed_buffer_is_healthy() {
    silent(healthy::boxed_buffer());
}

#[test]
fn who_computes_first_and_wakes_then_is_healthy() {
    silent(healthy::computes_before_it_wakes());
}

#[test]
fn a_burst_of_tasks_that_is_worked_off_is_healthy() {
    silent(healthy::burst_of_tasks());
}

#[test]
fn blocking_in_its_place_again_and_again_is_healthy() {
    silent(healthy::blocking_often_in_its_place());
}

#[test]
fn many_senders_to_a_slow_receiver_are_healthy() {
    silent(healthy::many_senders());
}
