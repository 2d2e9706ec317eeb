//! What this process has used so far, as Linux tells it (`/proc/self`). Elsewhere all figures are 0.

use std::fs;

/// CPU time of the threads of that name, in nanoseconds.
#[must_use]
pub fn cpu_ns(thread_name: &str) -> u64 {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let of_thread = |thread: fs::DirEntry| {
        let path = thread.path();
        let its_name = fs::read_to_string(path.join("comm")).ok()?;
        let times = fs::read_to_string(path.join("schedstat")).ok()?;
        let spent = times.split_whitespace().next()?.parse::<u64>().ok()?;
        (its_name.trim_end() == thread_name).then_some(spent)
    };
    threads.flatten().filter_map(of_thread).sum()
}

/// Memory that is in use, in KiB.
#[must_use]
pub fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let figure = line.and_then(|line| line.split_whitespace().next());
    figure.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0)
}
