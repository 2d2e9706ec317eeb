//! Who waits for whom, from end to end: sick programs in this process, and what `snapshot --json` says
//! of them.

use std::future::{Future, pending};
use std::panic::Location;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Barrier, Mutex, Semaphore, mpsc};
use zokio_instrumentation::Guard;

/// A watched runtime that runs a program.
fn program<F: Future<Output = ()> + Send + 'static>(sick: F) -> (Guard, Runtime) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let guard = zokio_instrumentation::builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .diagnosis_interval(Duration::from_millis(100))
        .start()
        .expect("a server");
    drop(runtime.spawn(sick));
    (guard, runtime)
}

/// The runtime's part of `snapshot --json`.
fn snapshot(guard: &Guard) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_zokio-console"))
        .args(["snapshot", "--json"])
        .arg(guard.addr().to_string())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let mut object: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    object["runtimes"][0].take()
}

/// The first chain that `is_it` accepts, of the first snapshot that has one. The program needs a moment
/// to get sick.
fn chain<F: Future<Output = ()> + Send + 'static>(
    sick: F,
    is_it: impl Fn(&Value) -> bool,
) -> Value {
    let (guard, runtime) = program(sick);
    let found = loop {
        let snapshot = snapshot(&guard);
        let chains = snapshot["waits"].as_array().expect("an array");
        if let Some(chain) = chains.iter().find(|chain| is_it(chain)) {
            break chain.clone();
        }
    };
    drop(guard);
    runtime.shutdown_background();
    found
}

fn waits_for(chain: &Value, kind: &str) -> bool {
    chain["links"][0]["waits_for"]["kind"] == kind
}

/// `file:line` of this many lines below the caller's.
#[track_caller]
fn below(lines: u32) -> String {
    let here = Location::caller();
    format!("{}:{}:", here.file(), here.line() + lines)
}

#[track_caller]
fn assert_at(place: &Value, expected: &str) {
    let place = place.as_str().unwrap_or("null");
    assert!(place.starts_with(expected), "{place} is not at {expected}");
}

#[test]
fn two_locks_taken_in_opposite_order_are_a_circle_with_all_places() {
    let made = below(2);
    let sick = async {
        let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
        let both = Arc::new(Barrier::new(2));
        drop(zokio::spawn(lock_both(
            one.clone(),
            other.clone(),
            both.clone(),
        )));
        drop(zokio::spawn(lock_both(other, one, both)));
    };
    let chain = chain(sick, |chain| chain["circle"] == true);
    let links = chain["links"].as_array().expect("links");
    assert_eq!(links.len(), 2);
    for (at, link) in links.iter().enumerate() {
        let wait = &link["waits_for"];
        assert_at(&wait["created_at"], &made);
        assert_at(&wait["location"], &below_second_lock());
        let holder = &wait["holder"];
        assert_at(&holder["held_at"], &below_first_lock());
        assert_eq!(holder["task"], links[(at + 1) % 2]["task"]);
        assert_eq!(
            (&holder["role"], &holder["exact"]),
            (&"holds".into(), &true.into())
        );
    }
}

async fn lock_both(first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>) {
    let _first = first.lock().await;
    both.wait().await;
    let _second = second.lock().await;
}

const LOCK_BOTH: u32 = line!() - 6;

fn below_first_lock() -> String {
    format!("{}:{}:", file!(), LOCK_BOTH + 1)
}

fn below_second_lock() -> String {
    format!("{}:{}:", file!(), LOCK_BOTH + 3)
}

#[test]
fn a_lock_held_across_a_sleep_leads_to_the_sleep() {
    let (taken, awaited, slept) = (below(4), below(6), below(8));
    let sick = async {
        let lock = Arc::new(Mutex::new(()));
        let waiting = lock.clone();
        let _guard = lock.lock().await;
        drop(zokio::spawn(async move {
            drop(waiting.lock().await);
        }));
        zokio::time::sleep(Duration::from_secs(3_600)).await;
    };
    let chain = chain(sick, |chain| waits_for(chain, "mutex"));
    let (first, last) = (&chain["links"][0], &chain["links"][1]);
    assert_at(&first["waits_for"]["location"], &awaited);
    let holder = &first["waits_for"]["holder"];
    assert_eq!(holder["task"], last["task"]);
    assert_at(&holder["held_at"], &taken);
    assert_eq!(last["waits_for"]["kind"], "sleep");
    assert_at(&last["waits_for"]["location"], &slept);
    assert!(last["waits_for"]["holder"].is_null());
    assert_eq!(last["state"], "idle");
}

#[test]
fn a_full_channel_leads_to_the_task_that_does_not_receive() {
    let made = below(2);
    let sick = async {
        let (tx, mut rx) = mpsc::channel(2);
        drop(zokio::spawn(async move {
            rx.recv().await;
            pending::<()>().await;
            drop(rx);
        }));
        drop(zokio::spawn(
            async move { while tx.send(7).await.is_ok() {} },
        ));
    };
    let chain = chain(sick, |chain| waits_for(chain, "mpsc"));
    let (first, last) = (&chain["links"][0], &chain["links"][1]);
    let wait = &first["waits_for"];
    assert_at(&wait["created_at"], &made);
    assert_eq!((&wait["capacity"], &wait["used"]), (&2.into(), &2.into()));
    let holder = &wait["holder"];
    assert_eq!(
        (&holder["role"], &holder["exact"]),
        (&"receives".into(), &false.into())
    );
    assert_eq!(holder["task"], last["task"]);
}

#[test]
fn a_leaked_permit_leads_to_a_task_that_is_gone() {
    let made = below(4);
    let taken = below(6);
    let awaited = below(10);
    let sick = async {
        let permits = Arc::new(Semaphore::new(1));
        let leaking = permits.clone();
        let leak = zokio::spawn(async move {
            let permit = leaking.acquire().await.expect("open");
            std::mem::forget(permit);
        });
        drop(leak.await);
        drop(zokio::spawn(async move {
            drop(permits.acquire().await);
        }));
    };
    let chain = chain(sick, |chain| waits_for(chain, "semaphore"));
    let wait = &chain["links"][0]["waits_for"];
    assert_at(&wait["created_at"], &made);
    assert_at(&wait["location"], &awaited);
    assert_eq!(wait["permits"], 1);
    let holder = &wait["holder"];
    assert_at(&holder["held_at"], &taken);
    assert_eq!(
        (&holder["role"], &holder["gone"]),
        (&"acquired".into(), &true.into())
    );
    assert_eq!(chain["links"].as_array().map(Vec::len), Some(1));
}

#[test]
fn findings_are_part_of_the_snapshot() {
    let sick = async {
        let lock = Arc::new(Mutex::new(()));
        let _first = lock.lock().await;
        drop(lock.lock().await);
    };
    let (guard, runtime) = program(sick);
    let finding = loop {
        let snapshot = snapshot(&guard);
        if let Some(finding) = snapshot["findings"].get(0) {
            break finding.clone();
        }
    };
    assert_eq!(finding["kind"], "deadlock");
    drop(guard);
    runtime.shutdown_background();
}

#[test]
fn what_is_waited_for_is_told_with_who_has_it() {
    let (made, taken) = (below(2), below(5));
    let sick = async {
        let permits = Arc::new(Semaphore::new(3));
        let waiting = permits.clone();
        drop(zokio::spawn(async move { drop(waiting.acquire().await) }));
        let _all = permits.acquire_many(3).await;
        pending::<()>().await;
    };
    let (guard, runtime) = program(sick);
    let found = loop {
        let snapshot = snapshot(&guard);
        let resources = snapshot["resources"].as_array().expect("an array");
        let found = resources.iter().find(|r| r["kind"] == "semaphore");
        if let Some(found) = found {
            break found.clone();
        }
    };
    assert_at(&found["created_at"], &made);
    assert_eq!((&found["capacity"], &found["used"]), (&3.into(), &3.into()));
    assert_eq!(found["waiters"], 1);
    assert_at(&found["acquired_by"][0]["location"], &taken);
    assert_eq!(found["latest_holds"], true);
    drop(guard);
    runtime.shutdown_background();
}
