//! Tasks are asked where they wait, over the wire, and the functions are named.

#[path = "serving/client.rs"]
mod client;

use std::sync::{Arc, mpsc as std_mpsc};
use std::time::Duration;

use tonic::Code;
use zokio::net::{TcpListener, TcpStream};
use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Mutex, mpsc};
use zokio::task::JoinHandle;
use zokio_console_proto::v1;
use zokio_instrumentation::{Guard, builder};

use client::{console, run, runtime};

fn serve(runtime: &Runtime) -> Guard {
    builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server")
}

fn of(task: u64) -> v1::BacktracesRequest {
    v1::BacktracesRequest {
        task_id: task,
        ..Default::default()
    }
}

/// All answers, by a client with a runtime of its own.
fn ask(guard: &Guard, request: v1::BacktracesRequest) -> Vec<v1::TaskBacktrace> {
    run(&runtime("viewer"), async {
        let answers = console(guard.addr()).await.backtraces(request).await;
        let mut answers = answers.unwrap().into_inner();
        let mut all = Vec::new();
        while let Some(answer) = answers.message().await.unwrap() {
            all.push(answer);
        }
        all
    })
}

fn id<T>(task: &JoinHandle<T>) -> u64 {
    task.id().to_string().parse().unwrap()
}

/// Awaits the future three functions deep.
async fn outermost<F: Future>(future: F) -> F::Output {
    in_the_middle(future).await
}

async fn in_the_middle<F: Future>(future: F) -> F::Output {
    innermost(future).await
}

async fn innermost<F: Future>(future: F) -> F::Output {
    future.await
}

fn names(stack: &v1::BacktraceStack) -> Vec<&str> {
    stack.frames.iter().map(|f| &*f.function).collect()
}

/// Checks that a stack leads from the operation down to the three functions, and no further.
#[track_caller]
fn assert_leads_to(stack: &v1::BacktraceStack, operation: &str) {
    let names = names(stack);
    assert!(names[0].contains(operation), "{names:#?}");
    let mut rest = names.iter();
    for function in ["innermost", "in_the_middle", "outermost"] {
        assert!(rest.any(|n| n.contains(function)), "{function}: {names:#?}");
    }
    let foreign = |n: &&str| n.contains("task::raw") || n.contains("catch_unwind");
    assert!(!names.iter().any(foreign), "{names:#?}");
}

#[test]
fn functions_are_named_in_order_whatever_is_awaited() {
    let runtime = runtime("asked");
    let guard = serve(&runtime);
    let mutex = Arc::new(Mutex::new(()));
    let _guard = mutex.clone().try_lock_owned().unwrap();
    let (_sender, mut receiver) = mpsc::channel::<()>(1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let other = runtime.block_on(TcpStream::connect(address)).unwrap();
    let kept = runtime.spawn(std::future::pending::<()>());
    let tasks = [
        (
            "sync::mutex",
            runtime.spawn(async move {
                drop(outermost(mutex.lock()).await);
            }),
        ),
        (
            "sync::mpsc",
            runtime.spawn(async move {
                outermost(receiver.recv()).await;
            }),
        ),
        (
            "time::sleep",
            runtime.spawn(async {
                outermost(zokio::time::sleep(Duration::from_secs(3_600))).await;
            }),
        ),
        (
            "zokio::",
            runtime.spawn(async move {
                outermost(other.readable()).await.unwrap();
            }),
        ),
        (
            "join_handle",
            runtime.spawn(async {
                outermost(kept).await.unwrap();
            }),
        ),
    ];
    for (operation, task) in tasks {
        let answers = ask(&guard, of(id(&task)));
        assert_eq!(answers.len(), 1, "{operation}");
        let answer = &answers[0];
        assert_eq!((answer.task_id, &*answer.error), (id(&task), ""));
        assert_eq!(answer.stacks.len(), 1, "{operation}");
        assert_leads_to(&answer.stacks[0], operation);
        assert_eq!(answer.state(), v1::TaskState::Idle);
        assert!(
            answer
                .location
                .as_ref()
                .unwrap()
                .file
                .ends_with("backtraces.rs")
        );
        task.abort();
    }
}

#[test]
fn both_branches_of_a_select_have_a_stack() {
    let runtime = runtime("asked");
    let guard = serve(&runtime);
    let (_sender, mut receiver) = mpsc::channel::<()>(1);
    let task = runtime.spawn(async move {
        zokio::select! {
            _ = outermost(receiver.recv()) => {}
            () = outermost(zokio::time::sleep(Duration::from_secs(3_600))) => {}
        }
    });
    let answers = ask(&guard, of(id(&task)));
    let mut stacks = answers[0].stacks.clone();
    assert_eq!(stacks.len(), 2);
    stacks.sort_by_key(|stack| names(stack)[0].contains("time::"));
    assert_leads_to(&stacks[0], "sync::mpsc");
    assert_leads_to(&stacks[1], "time::sleep");
}

#[test]
fn all_tasks_are_asked_up_to_the_limit() {
    let runtime = runtime("asked");
    let guard = serve(&runtime);
    for _ in 0..150 {
        runtime.spawn(async {
            outermost(zokio::time::sleep(Duration::from_secs(3_600))).await;
        });
    }
    let mut all = ask(&guard, v1::BacktracesRequest::default());
    // The `block_on` of the test's own client is none of this runtime's.
    assert_eq!(all.len(), 150);
    assert!(all.iter().all(|answer| answer.stacks.len() == 1));
    assert_eq!(all.last().unwrap().remaining, 0);
    all.sort_by_key(|answer| answer.task_id);
    all.dedup_by_key(|answer| answer.task_id);
    assert_eq!(all.len(), 150);
    let request = v1::BacktracesRequest {
        limit: 7,
        ..Default::default()
    };
    assert_eq!(ask(&guard, request).len(), 7);
}

#[test]
fn the_limit_holds_for_all_runtimes_together() {
    let [first, second] = ["first", "second"].map(runtime);
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(first.handle())
        .attach(second.handle())
        .start()
        .expect("a server");
    // They are none that are asked: they are answered for.
    let (end, ended) = std_mpsc::channel::<()>();
    let ended = Arc::new(std::sync::Mutex::new(ended));
    let (say, runs) = std_mpsc::channel();
    for _ in 0..2 {
        let (say, ended) = (say.clone(), Arc::clone(&ended));
        first.spawn_blocking(move || {
            say.send(()).unwrap();
            wait_for_the_end(&ended.lock().unwrap());
        });
    }
    for _ in 0..2 {
        runs.recv().unwrap();
    }
    for _ in 0..3 {
        second.spawn(std::future::pending::<()>());
    }
    let request = v1::BacktracesRequest {
        limit: 3,
        ..Default::default()
    };
    let of: Vec<u64> = ask(&guard, request).iter().map(|a| a.runtime_id).collect();
    let [first, second] = [&first, &second].map(|r| r.handle().id().as_u64());
    assert_eq!(of, [first, first, second]);
    drop(end);
}

#[test]
fn task_that_is_not_there_is_an_error_in_words() {
    let runtime = runtime("asked");
    let guard = serve(&runtime);
    let status = run(&runtime, async {
        console(guard.addr()).await.backtraces(of(1 << 50)).await
    });
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert!(status.message().contains("has finished, or never was"));
}

#[test]
fn accepting_socket_is_named_by_its_operation() {
    let runtime = runtime("asked");
    let guard = serve(&runtime);
    let task = runtime.spawn(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        outermost(async { listener.accept().await.map(drop) }).await
    });
    let answers = ask(&guard, of(id(&task)));
    assert!(
        names(&answers[0].stacks[0])
            .iter()
            .any(|n| n.contains("outermost"))
    );
}

/// What the tasks are stuck in; its name is looked for on the stack.
#[inline(never)]
fn wait_for_the_end(ended: &std_mpsc::Receiver<()>) {
    let _ = ended.recv();
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#[test]
fn stuck_workers_say_what_they_execute_in_place_of_the_tasks() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_never, receiver) = zokio::sync::oneshot::channel::<()>();
    let waiting = runtime.spawn(receiver);
    let (end, ended) = std_mpsc::channel::<()>();
    let (say, runs) = std_mpsc::channel();
    let stuck = runtime.spawn(async move {
        say.send(()).unwrap();
        wait_for_the_end(&ended);
    });
    runs.recv().unwrap();
    let guard = serve(&runtime);
    let answers = ask(&guard, of(id(&waiting)));
    assert_eq!(answers.len(), 2);
    assert_eq!(
        (answers[0].task_id, answers[0].stacks.len()),
        (id(&waiting), 0)
    );
    assert!(
        answers[0].error.contains("its turn has not come"),
        "{}",
        answers[0].error
    );
    assert_eq!(
        (answers[1].task_id, answers[1].worker_plus_one),
        (id(&stuck), 1)
    );
    let stack = names(&answers[1].stacks[0]);
    assert!(
        stack.iter().any(|n| n.contains("wait_for_the_end")),
        "{stack:#?}"
    );

    let answers = ask(&guard, of(id(&stuck)));
    assert_eq!(
        (answers[0].task_id, answers[0].worker_plus_one),
        (id(&stuck), 1)
    );
    assert_eq!(answers.len(), 1);
    drop(end);
}
