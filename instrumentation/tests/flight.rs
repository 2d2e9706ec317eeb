//! Flight recordings are written when something happens, from end to end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zokio::runtime::{Builder, Runtime};
use zokio::sync::{Barrier, Mutex};
use zokio_instrumentation::{Guard, builder};

fn program(dir: &Path) -> (Guard, Runtime) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .diagnosis_interval(Duration::from_millis(100))
        .flight_dir(dir, 4, 1 << 30)
        .start()
        .unwrap();
    (guard, runtime)
}

/// The recordings made for a reason.
fn recordings(dir: &Path, reason: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let end = format!("-{reason}.json");
    entries
        .map(name)
        .filter(|name| name.ends_with(&end))
        .collect()
}

#[test]
fn what_happens_leaves_a_recording_behind() {
    // One after another: a panic is told to all that watch.
    let dir = tempfile::tempdir().unwrap();
    let (guard, runtime) = program(dir.path());
    let panicking = runtime.spawn(async { panic!("of this test") });
    assert!(runtime.block_on(panicking).unwrap_err().is_panic());
    drop(guard);
    assert_eq!(recordings(dir.path(), "panic").len(), 1);

    let dir = tempfile::tempdir().unwrap();
    let (_guard, runtime) = program(dir.path());
    deadlock(&runtime);
    while recordings(dir.path(), "finding-deadlock").is_empty() {
        std::thread::yield_now();
    }

    let dir = tempfile::tempdir().unwrap();
    let (guard, _runtime) = program(dir.path());
    let path = guard.dump_now().unwrap();
    assert_eq!(recordings(dir.path(), "asked").len(), 1);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with("{\"displayTimeUnit\"") && text.ends_with("\n]}\n"));
}

fn deadlock(runtime: &Runtime) {
    async fn lock_both(first: Arc<Mutex<()>>, second: Arc<Mutex<()>>, both: Arc<Barrier>) {
        let _first = first.lock().await;
        both.wait().await;
        let _second = second.lock().await;
    }
    let (one, other) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    let both = Arc::new(Barrier::new(2));
    drop(runtime.spawn(lock_both(one.clone(), other.clone(), both.clone())));
    drop(runtime.spawn(lock_both(other, one, both)));
}

#[test]
fn without_a_directory_a_dump_is_an_error_that_says_what_to_do() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let server = || builder().bind("127.0.0.1:0").attach(runtime.handle());
    let error = server().start().unwrap().dump_now().unwrap_err();
    assert!(error.to_string().contains("ZOKIO_CONSOLE_FLIGHT_DIR"));
    let error = server().flight_on_sigusr1(true).start().unwrap_err();
    assert!(error.to_string().contains("ZOKIO_CONSOLE_FLIGHT_DIR"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = server().flight_dir(file.path(), 1, 1).start().unwrap_err();
    assert!(error.to_string().contains(file.path().to_str().unwrap()));
}

#[cfg(target_os = "linux")]
#[test]
fn sigusr1_writes_a_recording_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let _guard = builder()
        .bind("127.0.0.1:0")
        .attach(runtime.handle())
        .flight_dir(dir.path(), 4, 1 << 30)
        .flight_on_sigusr1(true)
        .start()
        .unwrap();
    // The server listens before it takes the signal, which would end this process: so it is
    // first taken here.
    let signals = Builder::new_current_thread().enable_all().build().unwrap();
    let _taken = signals.block_on(async {
        let kind = zokio::signal::unix::SignalKind::user_defined1();
        zokio::signal::unix::signal(kind).unwrap()
    });
    while recordings(dir.path(), "sigusr1").is_empty() {
        let kill = std::process::Command::new("kill")
            .args(["-USR1", &std::process::id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }
}
