//! No child stays in the system's table after its end, however it was left. One test, since it
//! counts all children of this process. Not for ThreadSanitizer, which hands SIGCHLD on late or never.

#![cfg(all(target_os = "linux", feature = "full", not(zokio_sanitize)))]

use std::process::Stdio;

use zokio::process::Command;
use zokio::runtime::Builder;

/// The children of this process, zombies included.
fn children() -> Vec<u32> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        // A process may end while it is looked at.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(1) == Some(&own)
    })
    .collect()
}

fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    command
}

#[test]
fn no_zombie_is_left_however_children_are_left() {
    assert_eq!(children(), []);
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        for _ in 0..10 {
            // Waited for, asked after, killed.
            cat().spawn().unwrap().wait().await.unwrap();
            cat().status().await.unwrap();
            cat().spawn().unwrap().kill().await.unwrap();
            // Dropped before and after its end, killed or not.
            drop(cat().spawn().unwrap());
            drop(cat().kill_on_drop(true).spawn().unwrap());
            drop(cat().status());
            drop(cat().output());
            let mut killed = cat().spawn().unwrap();
            killed.start_kill().unwrap();
            drop(killed);
            // In a task that is aborted.
            let mut child = Command::new("sleep")
                .arg("1000")
                .kill_on_drop(true)
                .spawn()
                .unwrap();
            let task = zokio::spawn(async move { child.wait().await });
            zokio::task::yield_now().await;
            task.abort();
            let _ = task.await;
        }
    });
    drop(runtime);
    // A child that outlives its runtime.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let left = runtime.block_on(async { cat().spawn().unwrap() });
    drop(runtime);
    drop(left);
    while !children().is_empty() {
        std::thread::yield_now();
    }
}
