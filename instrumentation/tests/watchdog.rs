//! All workers are stuck, and the console is told where.

#[path = "serving/client.rs"]
mod client;

use std::sync::mpsc;
use std::time::Duration;

use zokio::runtime::{Builder, Runtime};
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::{Guard, builder};

use client::{console, run, runtime};

/// What the tasks are stuck in; its name is looked for on the stack.
#[inline(never)]
fn wait_for_the_end(ended: &mpsc::Receiver<()>) {
    let _ = ended.recv();
}

/// A runtime of two workers, both of which are kept until the senders are dropped.
fn stuck() -> (Runtime, Vec<mpsc::Sender<()>>) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .name("stuck")
        .build()
        .unwrap();
    let ends = [1, 2].map(|_| {
        let (end, ended) = mpsc::channel::<()>();
        let (say, runs) = mpsc::channel();
        runtime.spawn(async move {
            say.send(()).unwrap();
            wait_for_the_end(&ended);
        });
        runs.recv().unwrap();
        end
    });
    (runtime, ends.into())
}

fn serve(runtime: &Runtime, sample_stacks: bool) -> Guard {
    builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .long_poll_threshold(Duration::from_millis(20))
        .sample_stacks(sample_stacks)
        .start()
        .expect("a server")
}

/// The long polls that the server shows, once `enough` says so.
fn long_polls(guard: &Guard, enough: impl Fn(&[v1::LongPoll]) -> bool) -> Vec<v1::LongPoll> {
    // The watched runtime can run nothing, so the client has one of its own.
    let viewer = runtime("viewer");
    run(&viewer, async {
        let request = v1::SubscribeRequest {
            major: MAJOR,
            interval_ns: 1,
            ..Default::default()
        };
        let stream = console(guard.addr()).await.subscribe(request).await;
        let mut stream = stream.unwrap().into_inner();
        let mut state: Option<v1::RuntimeUpdate> = None;
        loop {
            let mut update = stream.message().await.unwrap().expect("the stream goes on");
            let next = update.runtimes.remove(0);
            match &mut state {
                Some(state) => state.apply(next),
                none => *none = Some(next),
            }
            let polls = &state.as_ref().unwrap().long_polls;
            if enough(polls) {
                return polls.clone();
            }
        }
    })
}

#[test]
fn stuck_workers_are_shown_with_the_function_that_they_are_stuck_in() {
    let (runtime, ends) = stuck();
    let guard = serve(&runtime, true);
    let named = |poll: &v1::LongPoll| !poll.error.contains("not been named yet");
    let polls = long_polls(&guard, |polls| polls.len() == 2 && polls.iter().all(named));
    for poll in &polls {
        assert_eq!(poll.ended_at_ns, 0);
        assert!(
            poll.location
                .as_ref()
                .unwrap()
                .file
                .ends_with("watchdog.rs")
        );
        if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            assert_eq!(poll.error, "");
            assert_eq!(poll.thread_state, "off-cpu");
            let is_culprit = |f: &&v1::Frame| f.function.contains("wait_for_the_end");
            let culprit = poll.frames.iter().find(is_culprit);
            let culprit = culprit.unwrap_or_else(|| panic!("{poll:#?}"));
            // Without debug information there are names but no lines.
            if let Some(at) = &culprit.location {
                assert!(at.file.ends_with("watchdog.rs"), "{at:?}");
            }
            let last = poll.frames.last().unwrap();
            assert!(!last.function.contains("zokio::"), "{last:?}");
        }
    }
    drop(ends);
    let polls = long_polls(&guard, |polls| polls.iter().all(|p| p.ended_at_ns != 0));
    assert_eq!(polls.len(), 2);
}

#[test]
fn stacks_can_be_switched_off() {
    let (runtime, ends) = stuck();
    let guard = serve(&runtime, false);
    let polls = long_polls(&guard, |polls| polls.len() == 2);
    for poll in polls {
        assert!(poll.frames.is_empty());
        assert_eq!(poll.error, "stacks are switched off");
    }
    drop(ends);
}
