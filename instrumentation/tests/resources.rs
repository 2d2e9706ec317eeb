//! What tasks wait for, asked for over a real socket.

#[path = "serving/client.rs"]
mod client;

use std::sync::Arc;

use zokio::sync::Mutex;
use zokio_console_proto::{MAJOR, v1};
use zokio_instrumentation::builder;

use client::{console, run, runtime};

fn subscribe(resources: bool) -> v1::SubscribeRequest {
    v1::SubscribeRequest {
        major: MAJOR,
        interval_ns: 1,
        resources,
        ..Default::default()
    }
}

fn mutex(state: &v1::RuntimeUpdate) -> Option<&v1::Resource> {
    state.resources.iter().find(|r| r.kind == "mutex")
}

#[test]
fn waiters_are_counted_without_any_row_and_a_free_lock_has_none() {
    let runtime = runtime("resources");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server");
    run(&runtime, async {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock().await;
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let lock = Arc::clone(&lock);
                zokio::spawn(async move { drop(lock.lock().await) })
            })
            .collect();
        let mut client = console(guard.addr()).await;
        let mut updates = client
            .subscribe(subscribe(true))
            .await
            .unwrap()
            .into_inner();
        let mut state = updates.message().await.unwrap().unwrap().runtimes.remove(0);
        while mutex(&state).is_none_or(|lock| lock.waiters < 3) {
            let mut next = updates.message().await.unwrap().unwrap();
            state.apply(next.runtimes.remove(0));
        }
        assert!(state.tasks.is_empty(), "no rows were asked for");
        let lock = mutex(&state).unwrap();
        assert_eq!(lock.first_waiters.len(), 3);
        assert!(lock.first_waiters.is_sorted_by_key(|w| w.since_ns));
        assert_eq!(lock.oldest_since_ns, lock.first_waiters[0].since_ns);
        assert!(state.waited_resources >= 1);
        let place = lock.location.as_ref().unwrap();
        assert!(place.file.ends_with("resources.rs"), "{}", place.file);
        drop(held);
        for waiter in waiters {
            waiter.await.unwrap();
        }
        while mutex(&state).is_some() {
            let mut next = updates.message().await.unwrap().unwrap();
            state.apply(next.runtimes.remove(0));
        }
    });
}

#[test]
fn who_does_not_ask_gets_none() {
    let runtime = runtime("no resources");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server");
    run(&runtime, async {
        zokio::spawn(std::future::pending::<()>());
        let mut client = console(guard.addr()).await;
        let request = v1::SubscribeRequest {
            tasks: Some(v1::TaskQuery {
                limit: 10,
                ..Default::default()
            }),
            ..subscribe(false)
        };
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        let update = updates.message().await.unwrap().unwrap();
        assert!(update.runtimes[0].resources.is_empty());
        assert_eq!(update.runtimes[0].waited_resources, 0);
    });
}
