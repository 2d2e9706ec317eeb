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
fn chains_are_sent_without_resources_to_who_asks_for_them_alone() {
    let runtime = runtime("chains");
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .start()
        .expect("a server");
    run(&runtime, async {
        let lock = Arc::new(Mutex::new(()));
        let (taken, is_taken) = zokio::sync::oneshot::channel();
        let taking = Arc::clone(&lock);
        // A task of its own has the lock: this one is woken by each update, which changes its link.
        let holder = zokio::spawn(async move {
            let _held = taking.lock().await;
            let _ = taken.send(());
            std::future::pending::<()>().await;
        });
        is_taken.await.unwrap();
        let waiting = Arc::clone(&lock);
        let waiter = zokio::spawn(async move { drop(waiting.lock().await) });
        let mut client = console(guard.addr()).await;
        let request = v1::SubscribeRequest {
            wait_chains: Some(true),
            ..subscribe(false)
        };
        let mut updates = client.subscribe(request).await.unwrap().into_inner();
        let mut state = updates.message().await.unwrap().unwrap().runtimes.remove(0);
        let is_told = |state: &v1::RuntimeUpdate| {
            let mut first = state.wait_chains.iter().map(|chain| &chain.links[0]);
            first.any(|link| link.kind == "mutex")
        };
        let next = async |state: &mut v1::RuntimeUpdate, updates: &mut tonic::Streaming<_>| {
            let mut update: v1::Update = updates.message().await.unwrap().unwrap();
            let delta = update.runtimes.remove(0);
            let sent = (delta.wait_chains.len(), delta.known_chains.len());
            state.apply(delta);
            sent
        };
        while !is_told(&state) {
            next(&mut state, &mut updates).await;
        }
        // The program has come to rest: what is known is not sent again.
        while next(&mut state, &mut updates).await.0 > 0 {}
        assert!(is_told(&state), "and is not lost");
        assert_eq!(
            state.wait_chains_in_all,
            Some(state.wait_chains.len() as u64)
        );
        assert_eq!((state.resources.len(), state.waited_resources), (0, 0));
        holder.abort();
        waiter.await.unwrap();
        while is_told(&state) {
            next(&mut state, &mut updates).await;
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
        assert!(update.runtimes[0].wait_chains.is_empty());
        assert_eq!(update.runtimes[0].wait_chains_in_all, None);
    });
}
