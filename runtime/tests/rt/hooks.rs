//! Hooks on threads and tasks: when they are called, with what, and from where.

use std::future::pending;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use zokio::runtime::{Builder, Handle, Runtime, TaskMeta};
use zokio::sync::{Notify, oneshot};
use zokio::task::{self, Id};

use crate::support::both_builders;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Spawn,
    Before,
    Polled,
    After,
    Terminate,
}

/// What happened, in order, to which task.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Event, Id)>>>);

impl Log {
    fn note(&self, event: Event, id: Id) {
        self.0.lock().unwrap().push((event, id));
    }

    fn hook(&self, event: Event) -> impl Fn(&TaskMeta<'_>) + Send + Sync + 'static {
        let log = self.clone();
        move |meta| log.note(event, meta.id())
    }

    /// A runtime that notes all that happens to tasks.
    fn runtime(&self, builder: &mut Builder) -> Runtime {
        builder
            .on_task_spawn(self.hook(Event::Spawn))
            .on_before_task_poll(self.hook(Event::Before))
            .on_after_task_poll(self.hook(Event::After))
            .on_task_terminate(self.hook(Event::Terminate))
            .build()
            .unwrap()
    }

    fn of(&self, id: Id) -> Vec<Event> {
        let events = self.0.lock().unwrap();
        let own = events.iter().filter(|(_, of)| *of == id);
        own.map(|(event, _)| *event).collect()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[test]
fn task_is_spawned_then_polled_each_time_then_terminated() {
    use Event::*;
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let own = log.clone();
        let task = runtime.spawn(async move {
            own.note(Polled, task::id());
            task::yield_now().await;
            own.note(Polled, task::id());
        });
        let id = task.id();
        runtime.block_on(task).unwrap();
        // What comes after the end of the task does so before that of the runtime.
        drop(runtime);
        let expected = [
            Spawn, Before, Polled, After, Before, Polled, Terminate, After,
        ];
        assert_eq!(log.of(id), expected);
    }
}

#[test]
fn hooks_know_the_place_of_the_spawn() {
    for mut builder in both_builders() {
        let (tell, told) = mpsc::channel::<&'static Location<'static>>();
        let send = move || {
            let tell = tell.clone();
            move |meta: &TaskMeta<'_>| tell.send(meta.spawned_at()).unwrap()
        };
        let runtime = builder
            .on_task_spawn(send())
            .on_before_task_poll(send())
            .on_after_task_poll(send())
            .on_task_terminate(send())
            .build()
            .unwrap();
        drop(send);
        let (line, task) = (line!(), runtime.spawn(async {}));
        runtime.block_on(task).unwrap();
        drop((runtime, builder));
        let places: Vec<_> = told
            .iter()
            .map(|place| (place.file(), place.line()))
            .collect();
        assert_eq!(places, [(file!(), line); 4]);
    }
}

#[test]
fn meta_shows_id_and_place() {
    let (tell, told) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .on_task_spawn(move |meta| tell.send(format!("{meta:?}")).unwrap())
        .build()
        .unwrap();
    let id = runtime.spawn(async {}).id();
    let shown = told.recv().unwrap();
    assert!(
        shown.contains(&format!("{id:?}")) && shown.contains("hooks.rs"),
        "{shown}"
    );
}

#[test]
fn cancelled_task_is_terminated() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let task = runtime.spawn(pending::<()>());
        let id = task.id();
        task.abort();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        drop(runtime);
        let events = log.of(id);
        assert_eq!(
            events
                .iter()
                .filter(|event| **event == Event::Terminate)
                .count(),
            1
        );
        assert_eq!(events[0], Event::Spawn);
    }
}

#[test]
fn panicked_task_is_terminated() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let task = runtime.spawn(async { panic!("boom") });
        let id = task.id();
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        drop(runtime);
        use Event::*;
        assert_eq!(log.of(id), [Spawn, Before, Terminate, After]);
    }
}

#[test]
fn tasks_alive_at_the_runtime_s_end_are_terminated() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let ids: Vec<_> = (0..10)
            .map(|_| runtime.spawn(pending::<()>()).id())
            .collect();
        runtime.block_on(async { task::yield_now().await });
        drop(runtime);
        for id in ids {
            let events = log.of(id);
            assert_eq!(events[0], Event::Spawn);
            assert!(events.contains(&Event::Terminate));
        }
    }
}

#[test]
fn blocking_work_is_terminated_and_nothing_else() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let task = runtime.spawn_blocking(|| ());
        let id = task.id();
        runtime.block_on(task).unwrap();
        drop(runtime);
        assert_eq!(log.of(id), [Event::Terminate]);
    }
}

#[test]
fn future_of_block_on_is_no_task_to_the_hooks() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        runtime.block_on(async { task::yield_now().await });
        runtime.handle().block_on(async { task::yield_now().await });
        drop(runtime);
        assert_eq!(log.len(), 0);
    }
}

#[test]
fn what_is_spawned_after_the_end_is_not_announced() {
    for mut builder in both_builders() {
        let log = Log::default();
        let runtime = log.runtime(&mut builder);
        let handle = runtime.handle().clone();
        drop(runtime);
        let id = handle.spawn(async {}).id();
        assert_eq!(log.of(id), [Event::Terminate]);
    }
}

#[test]
fn terminated_task_s_join_handle_is_ready_in_the_hook() {
    let finished = Arc::new(Mutex::new(None::<task::AbortHandle>));
    let (tell, told) = mpsc::channel();
    let seen = finished.clone();
    let runtime = Builder::new_current_thread()
        .on_task_terminate(move |_| {
            let abort = seen.lock().unwrap();
            tell.send(abort.as_ref().unwrap().is_finished()).unwrap();
        })
        .build()
        .unwrap();
    let task = runtime.spawn(async {});
    *finished.lock().unwrap() = Some(task.abort_handle());
    runtime.block_on(task).unwrap();
    assert!(told.recv().unwrap());
    // The hook, which is the runtime's, has the handle, which keeps the runtime.
    drop(finished.lock().unwrap().take());
}

/// Asserts that a hook is called within the runtime and outside of any task.
fn assert_context(set: impl Fn(&mut Builder, Arc<dyn Fn() + Send + Sync>)) {
    for mut builder in both_builders() {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        set(
            &mut builder,
            Arc::new(move || {
                let runtime = Handle::try_current().ok().map(|handle| handle.id());
                tell.lock()
                    .unwrap()
                    .send((runtime, task::try_id()))
                    .unwrap();
            }),
        );
        let runtime = builder.build().unwrap();
        runtime.block_on(runtime.spawn(task::yield_now())).unwrap();
        runtime.block_on(runtime.spawn_blocking(|| ())).unwrap();
        let id = runtime.handle().id();
        drop((runtime, builder));
        let calls: Vec<_> = told.iter().collect();
        assert!(!calls.is_empty());
        assert!(
            calls.iter().all(|call| *call == (Some(id), None)),
            "{calls:?}"
        );
    }
}

#[test]
fn spawn_hook_is_called_within_the_runtime() {
    assert_context(|builder, f| {
        builder.on_task_spawn(move |_| f());
    });
}

#[test]
fn poll_hooks_are_called_within_the_runtime() {
    assert_context(|builder, f| {
        let after = f.clone();
        builder.on_before_task_poll(move |_| f());
        builder.on_after_task_poll(move |_| after());
    });
}

#[test]
fn terminate_hook_is_called_within_the_runtime() {
    assert_context(|builder, f| {
        builder.on_task_terminate(move |_| f());
    });
}

#[test]
fn thread_hooks_are_called_within_the_runtime() {
    assert_context(|builder, f| {
        let all = [f.clone(), f.clone(), f.clone(), f];
        let [start, stop, park, unpark] = all.map(|f| move || f());
        builder.on_thread_start(start).on_thread_stop(stop);
        builder.on_thread_park(park).on_thread_unpark(unpark);
    });
}

/// Asserts that a hook may spawn a task, which runs.
fn assert_may_spawn(set: impl Fn(&mut Builder, Arc<dyn Fn() + Send + Sync>)) {
    for mut builder in both_builders() {
        let (tell, told) = oneshot::channel();
        let tell = Mutex::new(Some(tell));
        set(
            &mut builder,
            Arc::new(move || {
                let tell = tell.lock().unwrap().take();
                if let Some(tell) = tell {
                    zokio::spawn(async move { tell.send(7).unwrap() });
                }
            }),
        );
        let runtime = builder.build().unwrap();
        let told = runtime.block_on(async {
            let mut told = told;
            loop {
                zokio::spawn(async {}).await.unwrap();
                // Until a worker has been woken for one of these.
                zokio::select! {
                    told = &mut told => break told.unwrap(),
                    () = zokio::time::sleep(Duration::from_millis(1)) => {}
                }
            }
        });
        assert_eq!(told, 7);
    }
}

#[test]
fn spawn_hook_may_spawn() {
    assert_may_spawn(|builder, f| {
        builder.on_task_spawn(move |_| f());
    });
}

#[test]
fn before_poll_hook_may_spawn() {
    assert_may_spawn(|builder, f| {
        builder.on_before_task_poll(move |_| f());
    });
}

#[test]
fn after_poll_hook_may_spawn() {
    assert_may_spawn(|builder, f| {
        builder.on_after_task_poll(move |_| f());
    });
}

#[test]
fn terminate_hook_may_spawn() {
    assert_may_spawn(|builder, f| {
        builder.on_task_terminate(move |_| f());
    });
}

#[test]
fn park_and_unpark_hooks_may_spawn() {
    assert_may_spawn(|builder, f| {
        builder.on_thread_park(move || f());
    });
    assert_may_spawn(|builder, f| {
        builder.on_thread_unpark(move || f());
    });
}

#[test]
fn spawn_hook_may_enter_another_runtime() {
    let other = crate::support::current();
    let handle = other.handle().clone();
    let id = handle.id();
    let (tell, told) = mpsc::channel();
    let runtime = Builder::new_current_thread()
        .on_task_spawn(move |_| {
            let _guard = handle.enter();
            tell.send(Handle::current().id()).unwrap();
        })
        .build()
        .unwrap();
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    assert_eq!(told.recv().unwrap(), id);
}

#[test]
fn panics_in_task_hooks_are_ignored() {
    for mut builder in both_builders() {
        let calls = Arc::new(AtomicUsize::new(0));
        let fail = || {
            let calls = calls.clone();
            move |_: &TaskMeta<'_>| {
                calls.fetch_add(1, Ordering::SeqCst);
                panic!("in a hook");
            }
        };
        let runtime = builder
            .on_task_spawn(fail())
            .on_before_task_poll(fail())
            .on_after_task_poll(fail())
            .on_task_terminate(fail())
            .build()
            .unwrap();
        assert_eq!(runtime.block_on(runtime.spawn(async { 5 })).unwrap(), 5);
        drop(runtime);
        assert_eq!(calls.load(Ordering::SeqCst), 4);
    }
}

#[test]
fn hook_set_last_replaces_the_one_before() {
    let (tell, told) = mpsc::channel();
    let (first, second) = (tell.clone(), tell);
    let runtime = Builder::new_current_thread()
        .on_task_spawn(move |_| first.send(1).unwrap())
        .on_task_spawn(move |_| second.send(2).unwrap())
        .build()
        .unwrap();
    runtime.spawn(async {});
    drop(runtime);
    assert_eq!(told.iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn thread_start_hook_comes_before_the_thread_s_work_and_stop_hook_after() {
    for mut builder in both_builders() {
        let (tell, told) = mpsc::channel();
        let (start, stop, work) = (tell.clone(), tell.clone(), tell);
        let id = || thread::current().id();
        let runtime = builder
            .worker_threads(1)
            .on_thread_start(move || start.send((id(), "start")).unwrap())
            .on_thread_stop(move || stop.send((id(), "stop")).unwrap())
            .build()
            .unwrap();
        let job = runtime.spawn_blocking(move || {
            work.send((id(), "work")).unwrap();
            id()
        });
        let thread = runtime.block_on(job).unwrap();
        drop((runtime, builder));
        let own = told
            .iter()
            .filter(|(id, _)| *id == thread)
            .map(|(_, what)| what);
        assert_eq!(own.collect::<Vec<_>>(), ["start", "work", "stop"]);
    }
}

#[test]
fn thread_hooks_are_not_called_for_the_thread_of_block_on() {
    let called = Arc::new(AtomicUsize::new(0));
    let (start, stop) = (called.clone(), called.clone());
    let runtime = Builder::new_current_thread()
        .on_thread_start(move || {
            start.fetch_add(1, Ordering::SeqCst);
        })
        .on_thread_stop(move || {
            stop.fetch_add(1, Ordering::SeqCst);
        })
        .build()
        .unwrap();
    runtime.block_on(async { zokio::spawn(async {}).await.unwrap() });
    drop(runtime);
    assert_eq!(called.load(Ordering::SeqCst), 0);
}

#[test]
fn each_park_is_followed_by_an_unpark() {
    let (tell, told) = mpsc::channel();
    let (park, unpark) = (tell.clone(), tell);
    let runtime = Builder::new_current_thread()
        .on_thread_park(move || park.send("park").unwrap())
        .on_thread_unpark(move || unpark.send("unpark").unwrap())
        .build()
        .unwrap();
    let (tx, rx) = oneshot::channel();
    let thread = thread::spawn(move || {
        assert_eq!(told.recv().unwrap(), "park");
        tx.send(()).unwrap();
        told
    });
    runtime.block_on(rx).unwrap();
    drop(runtime);
    let told = thread.join().unwrap();
    let mut rest: Vec<_> = told.try_iter().collect();
    assert_eq!(rest.remove(0), "unpark");
    assert!(
        rest.chunks(2).all(|pair| pair == ["park", "unpark"]),
        "{rest:?}"
    );
}

#[test]
fn function_that_names_a_thread_of_the_pool_may_enter_a_runtime() {
    let handle: Arc<Mutex<Option<Handle>>> = Arc::default();
    let theirs = handle.clone();
    let runtime = Builder::new_current_thread()
        .thread_name_fn(move || {
            let handle = theirs.lock().unwrap();
            let _entered = handle.as_ref().map(Handle::enter);
            "named".to_owned()
        })
        .build()
        .unwrap();
    *handle.lock().unwrap() = Some(runtime.handle().clone());
    let name = || thread::current().name().map(str::to_owned);
    let name = runtime.block_on(async { task::spawn_blocking(name).await.unwrap() });
    assert_eq!(name.as_deref(), Some("named"));
    handle.lock().unwrap().take();
}

/// Blocks on a future that the hook wakes each time the thread is about to sleep.
fn blocks_with_a_restless_hook(hook: impl Fn(&Notify) + Send + Sync + 'static) {
    let notify = Arc::new(Notify::new());
    let hooked = notify.clone();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || hook(&hooked))
        .build()
        .unwrap();
    let mut timer = runtime.spawn(async { zokio::time::sleep(Duration::from_millis(1)).await });
    let mut ended = false;
    while !ended {
        ended = runtime.block_on(async {
            zokio::select! {
                biased;
                _ = &mut timer => true,
                _ = notify.notified() => false,
            }
        });
    }
}

#[test]
fn park_hook_that_wakes_the_root_does_not_keep_the_driver_from_its_turn() {
    blocks_with_a_restless_hook(Notify::notify_waiters);
}

#[test]
fn park_hook_that_spawns_does_not_keep_the_driver_from_its_turn() {
    blocks_with_a_restless_hook(|_| drop(zokio::spawn(async {})));
}

#[test]
fn blocking_in_a_hook_keeps_the_worker_where_it_is() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let block = || task::block_in_place(|| ());
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .on_thread_park(block)
        .on_thread_unpark(block)
        .on_before_task_poll(move |_| block())
        .on_after_task_poll(move |_| block())
        .build()
        .unwrap();
    for _ in 0..20 {
        runtime.block_on(runtime.spawn(task::yield_now())).unwrap();
    }
    drop(runtime);
    assert_eq!(started.load(Ordering::SeqCst), 1);
}

#[test]
fn worker_taken_back_while_its_next_thread_starts_is_this_thread_s() {
    // The worker's thread; a second, which runs a task that blocks; a third, which does not come.
    let (third_starts, third_waits) = mpsc::channel();
    let (let_third, third) = mpsc::channel::<()>();
    let third = Mutex::new(third);
    let starts = AtomicUsize::new(0);
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .on_thread_start(move || {
            if starts.fetch_add(1, Ordering::SeqCst) == 2 {
                third_starts.send(()).unwrap();
                let _ = third.lock().unwrap().recv();
            }
        })
        .build()
        .unwrap();
    let (end_second, second_ends) = mpsc::channel::<()>();
    let seen = runtime.spawn(async move {
        task::block_in_place(|| {
            zokio::spawn(async move { task::block_in_place(|| second_ends.recv().unwrap_err()) });
            third_waits.recv().unwrap();
        });
        let metrics = Handle::current().metrics();
        (metrics.worker_thread_id(0), thread::current().id())
    });
    let (told, own) = runtime.block_on(seen).unwrap();
    assert_eq!(told, Some(own));
    drop((let_third, end_second));
}
