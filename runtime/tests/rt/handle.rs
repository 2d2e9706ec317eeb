//! `Handle`, `EnterGuard`, `TryCurrentError`, `Id`.

#[cfg(target_os = "linux")]
use std::cell::RefCell;
use std::collections::HashSet;
#[cfg(target_os = "linux")]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use zokio::net::UdpSocket;
use zokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use zokio::task;

use crate::support::{assert_panics_here, both, current, multi, panic_of};

#[test]
fn current_is_the_runtime_of_block_on() {
    for runtime in both() {
        let id = runtime.block_on(async { Handle::current().id() });
        assert_eq!(id, runtime.handle().id());
    }
}

#[test]
fn current_is_the_runtime_of_the_task() {
    for runtime in both() {
        let id = runtime.block_on(runtime.spawn(async { Handle::current().id() }));
        assert_eq!(id.unwrap(), runtime.handle().id());
    }
}

#[test]
fn current_is_the_runtime_of_the_blocking_thread() {
    for runtime in both() {
        let id = runtime.block_on(runtime.spawn_blocking(|| Handle::current().id()));
        assert_eq!(id.unwrap(), runtime.handle().id());
    }
}

#[test]
fn current_outside_of_a_runtime_panics_in_the_caller_s_line() {
    assert_panics_here!("there is no reactor running", || drop(Handle::current()));
}

#[test]
fn spawn_outside_of_a_runtime_panics_in_the_caller_s_line() {
    assert_panics_here!("there is no reactor running", || drop(zokio::spawn(
        async {}
    )));
    assert_panics_here!("there is no reactor running", || drop(
        task::spawn_blocking(|| ())
    ));
}

#[test]
fn missing_runtime_is_described_as_tokio_does() {
    let ours = Handle::try_current().unwrap_err();
    let theirs = tokio::runtime::Handle::try_current().unwrap_err();
    let theirs_renamed = theirs.to_string().replace("Tokio 1.x", "zokio");
    assert_eq!(ours.to_string(), theirs_renamed);
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert!(ours.is_missing_context() && !ours.is_thread_local_destroyed());
}

/// Asks for the runtime, and enters one, when it is dropped with its thread's locals.
#[cfg(target_os = "linux")]
struct AsksOnDrop {
    tell: mpsc::Sender<(bool, String, String)>,
    handle: Handle,
}

#[cfg(target_os = "linux")]
impl Drop for AsksOnDrop {
    fn drop(&mut self) {
        let error = Handle::try_current().unwrap_err();
        let gone = error.is_thread_local_destroyed() && !error.is_missing_context();
        let entering = AssertUnwindSafe(|| drop(self.handle.enter()));
        let panic = catch_unwind(entering).unwrap_err();
        let panic = *panic.downcast::<String>().unwrap();
        self.tell.send((gone, error.to_string(), panic)).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn runtime_of_a_thread_whose_locals_are_gone_is_said_to_be_so() {
    thread_local! {
        static LOCAL: RefCell<Option<AsksOnDrop>> = const { RefCell::new(None) };
    }
    let runtime = current();
    let handle = runtime.handle().clone();
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Locals are dropped in the reverse order of their first use.
        LOCAL.set(Some(AsksOnDrop { tell, handle }));
        assert!(Handle::try_current().unwrap_err().is_missing_context());
    });
    let (gone, text, entering) = told.recv().unwrap();
    thread.join().unwrap();
    assert!(gone);
    assert_eq!(
        text,
        "The zokio context thread-local variable has been destroyed."
    );
    assert_eq!(entering, text);
}

#[test]
fn guards_nest_and_give_back_the_runtime_before() {
    let (first, second) = (current(), multi(1));
    let id = |runtime: &Runtime| runtime.handle().id();
    let outer = first.enter();
    {
        let _inner = second.enter();
        assert_eq!(Handle::current().id(), id(&second));
        {
            let _again = first.enter();
            assert_eq!(Handle::current().id(), id(&first));
        }
        assert_eq!(Handle::current().id(), id(&second));
    }
    assert_eq!(Handle::current().id(), id(&first));
    drop(outer);
    assert!(Handle::try_current().is_err());
}

#[test]
fn guard_within_block_on_gives_back_the_runtime_of_block_on() {
    let other = multi(1);
    for runtime in both() {
        runtime.block_on(async {
            let guard = other.enter();
            assert_eq!(Handle::current().id(), other.handle().id());
            drop(guard);
            assert_eq!(Handle::current().id(), runtime.handle().id());
        });
    }
}

#[test]
fn guards_dropped_out_of_order_panic() {
    let text = thread::spawn(|| {
        let (first, second) = (current(), current());
        let outer = first.enter();
        let inner = second.enter();
        let panic = panic_of(|| drop(outer));
        // In order again, as far as the thread knows.
        drop(inner);
        panic.text
    });
    let ours = text.join().unwrap();
    let theirs = thread::spawn(|| {
        let build = || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
        };
        let (first, second) = (build(), build());
        let outer = first.enter();
        let inner = second.enter();
        let panic = panic_of(|| drop(outer));
        drop(inner);
        panic.text
    });
    assert_eq!(ours, theirs.join().unwrap().replace("tokio", "zokio"));
}

#[test]
fn guards_dropped_out_of_order_by_a_panic_do_not_panic_again() {
    let thread = thread::spawn(|| {
        let (first, second) = (current(), current());
        let outer = first.enter();
        let _inner = second.enter();
        let _dropped_first = outer;
        // An abort of the process would be the end of all tests.
        std::panic::resume_unwind(Box::new("unwound"));
    });
    let payload = thread.join().unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "unwound");
}

#[test]
fn entered_runtime_is_the_one_that_spawns() {
    for runtime in both() {
        let task = {
            let _guard = runtime.enter();
            zokio::spawn(async { Handle::current().id() })
        };
        let id = runtime.block_on(task).unwrap();
        assert_eq!(id, runtime.handle().id());
    }
}

#[test]
fn socket_made_while_entered_belongs_to_the_entered_runtime() {
    let (first, second) = (multi(1), multi(1));
    let std_socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    std_socket.set_nonblocking(true).unwrap();
    let socket = {
        let _guard = first.enter();
        UdpSocket::from_std(std_socket).unwrap()
    };
    let address = socket.local_addr().unwrap();
    let received = second.block_on(async {
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        sender.send_to(b"x", address).await.unwrap();
        socket.recv(&mut [0]).await
    });
    assert_eq!(received.unwrap(), 1);
    drop(first);
    let error = second.block_on(socket.recv(&mut [0])).unwrap_err();
    assert!(zokio::runtime::is_rt_shutdown_err(&error));
}

#[test]
fn handle_of_one_runtime_spawns_there_from_within_another() {
    let (inner, outer) = (multi(1), current());
    let handle = inner.handle().clone();
    let id = outer.block_on(async move {
        let task = handle.spawn(async { Handle::current().id() });
        task.await.unwrap()
    });
    assert_eq!(id, inner.handle().id());
}

#[test]
fn handle_of_one_runtime_runs_blocking_work_there_from_within_another() {
    let (inner, outer) = (current(), current());
    let handle = inner.handle().clone();
    let job = move || Handle::current().id();
    let id = outer.block_on(async move { handle.spawn_blocking(job).await.unwrap() });
    assert_eq!(id, inner.handle().id());
}

#[test]
fn handle_spawns_from_a_thread_of_no_runtime() {
    let runtime = multi(1);
    let handle = runtime.handle().clone();
    let task = thread::spawn(move || handle.spawn(async { 5 }))
        .join()
        .unwrap();
    assert_eq!(runtime.block_on(task).unwrap(), 5);
}

#[test]
fn handle_runs_a_task_whose_join_handle_is_dropped() {
    let runtime = multi(1);
    let (done, is_done) = mpsc::channel();
    drop(runtime.handle().spawn(async move { done.send(1).unwrap() }));
    assert_eq!(is_done.recv().unwrap(), 1);
}

#[test]
fn clones_of_a_handle_are_of_the_same_runtime() {
    let runtime = current();
    let handle = runtime.handle().clone();
    assert_eq!(handle.clone().id(), runtime.handle().id());
    assert_eq!(handle.runtime_flavor(), RuntimeFlavor::CurrentThread);
}

#[test]
fn ids_differ_between_runtimes_and_print_as_numbers() {
    let runtimes: Vec<_> = (0..10).map(|_| current()).collect();
    let ids: HashSet<_> = runtimes
        .iter()
        .map(|runtime| runtime.handle().id())
        .collect();
    assert_eq!(ids.len(), 10);
    for id in ids {
        assert_eq!(id.to_string().parse(), Ok(id.as_u64()));
        assert_eq!(format!("{id:?}"), format!("Id({id})"));
    }
}

#[test]
fn id_is_the_number_that_telemetry_shows() {
    let runtime = current();
    let snapshot = zokio::telemetry::Snapshot::capture(runtime.handle());
    assert_eq!(snapshot.runtime_id, runtime.handle().id().as_u64());
}

#[test]
fn name_is_what_was_given_and_nothing_without() {
    let named = Builder::new_current_thread().name("shop").build().unwrap();
    assert_eq!(named.handle().name(), Some("shop"));
    assert_eq!(
        named.block_on(async { Handle::current().name().map(str::len) }),
        Some(4)
    );
    assert_eq!(current().handle().name(), None);
}

#[test]
fn debug_of_runtime_and_handle_show_the_runtime() {
    let runtime = Builder::new_current_thread().name("shop").build().unwrap();
    for shown in [
        format!("{runtime:?}"),
        format!("{:?}", runtime.handle()),
        format!("{:?}", runtime.metrics()),
    ] {
        assert!(
            shown.contains("shop") && shown.contains("CurrentThread"),
            "{shown}"
        );
    }
    let guard = runtime.enter();
    assert!(format!("{guard:?}").starts_with("EnterGuard"));
}
