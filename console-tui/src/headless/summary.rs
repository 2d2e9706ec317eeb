//! A snapshot in words and tables, plain text.

use std::fmt::Write;

use crate::format;
use crate::state::history::StateTimes;
use crate::state::lints::{self, Limits};
use crate::state::model::{Histogram, RuntimeUpdate, Server, Task, Update};

/// Spawn sites in a summary.
const SITES: usize = 8;

/// Functions of a stack in a summary.
const FRAMES: usize = 12;

/// The summary.
pub(crate) fn text(server: &Server, target: &str, update: &Update) -> String {
    let mut out = String::new();
    let name = format!("{}[{}]", server.process_name, server.process_id);
    push(
        &mut out,
        format_args!("{name} at {target}, zokio {}\n", server.runtime_version),
    );
    if !update.cost.enabled {
        push(
            &mut out,
            format_args!("telemetry is not compiled into this program\n"),
        );
    }
    for runtime in &update.runtimes {
        push(&mut out, format_args!("\n"));
        summary(&mut out, runtime);
        workers(&mut out, runtime);
        long_polls(&mut out, runtime);
        spawn_sites(&mut out, runtime);
        tasks(&mut out, runtime);
    }
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn summary(out: &mut String, runtime: &RuntimeUpdate) {
    let s = &runtime.summary;
    let up = format::duration(s.taken_at_ns.saturating_sub(s.started_at_ns));
    let ended = if s.ended { ", ended" } else { "" };
    push(
        out,
        format_args!(
            "runtime {} ({}, up {up}{ended})\n",
            s.name,
            s.flavor.as_str()
        ),
    );
    push(
        out,
        format_args!(
            "  tasks    {} alive, {} spawned, {} completed, {} panicked, {} cancelled; {} in the injector\n",
            s.alive_tasks,
            s.spawned_tasks,
            s.completed_tasks,
            s.panicked_tasks,
            s.cancelled_tasks,
            s.injector_depth
        ),
    );
    let (mut polls, mut wakes) = (Histogram::default(), Histogram::default());
    for worker in &runtime.workers {
        polls.merge(&worker.poll_time);
        wakes.merge(&worker.wake_to_poll);
    }
    push(out, format_args!("  polls    {}\n", quantiles(&polls)));
    push(
        out,
        format_args!("  wakes    {} to the poll\n", quantiles(&wakes)),
    );
    push(
        out,
        format_args!(
            "  pool     {} of {} threads, {} idle, {} queued, {} jobs done\n",
            s.blocking.threads,
            s.blocking.max_threads,
            s.blocking.idle_threads,
            s.blocking.queue_depth,
            s.blocking.completed
        ),
    );
    push(
        out,
        format_args!(
            "  driver   {} sources, {} events; {} timers armed, {} fired\n",
            s.driver.sources, s.driver.events, s.timers.armed, s.timers.fired
        ),
    );
}

fn quantiles(histogram: &Histogram) -> String {
    let at = |q| format::duration(histogram.quantile_ns(q));
    format!(
        "{}; p50 {}, p99 {}, max {}",
        histogram.count,
        at(0.5),
        at(0.99),
        format::duration(histogram.max_ns)
    )
}

fn workers(out: &mut String, runtime: &RuntimeUpdate) {
    let widths = [6, 9, 5, 5, 5, 7, 7, 7, 7, 6, 10];
    let titles = [
        "worker", "state", "busy", "srch", "park", "polls", "steals", "stolen", "parks", "queue",
        "current",
    ];
    row(out, &titles.map(str::to_owned), &widths);
    for worker in &runtime.workers {
        let times = StateTimes::of(worker);
        let share = |ns| format::percent(format::share(ns, times.total()));
        let cells = [
            worker.index.to_string(),
            worker.state.as_str().to_owned(),
            share(times.busy_ns),
            share(times.searching_ns),
            share(times.parked_ns),
            format::count(worker.polls),
            format::count(worker.steals),
            format::count(worker.stolen_tasks),
            format::count(worker.parks),
            format::count(worker.queue_depth),
            worker
                .current_task
                .map_or("-".into(), |(id, _)| format!("#{id}")),
        ];
        row(out, &cells, &widths);
    }
}

fn row(out: &mut String, cells: &[String], widths: &[usize]) {
    let line: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format::right(cell, *width))
        .collect();
    push(out, format_args!("  {}\n", line.join(" ")));
}

fn long_polls(out: &mut String, runtime: &RuntimeUpdate) {
    let now_ns = runtime.summary.taken_at_ns;
    for poll in &runtime.long_polls {
        let (verb, mark) = match poll.ended_at_ns {
            None => ("has taken", "!"),
            Some(_) => ("took", " "),
        };
        push(
            out,
            format_args!(
                "  {mark} worker {}: a poll of #{} {} {verb} {}, {}, spawned at {}\n",
                poll.worker,
                poll.task,
                poll.task_name,
                format::duration(poll.duration_ns(now_ns)),
                poll.thread_state,
                poll.location.short()
            ),
        );
        for frame in poll.frames.iter().take(FRAMES) {
            push(out, format_args!("        {}\n", frame.what()));
        }
        if !poll.error.is_empty() {
            push(out, format_args!("        {}\n", poll.error));
        }
    }
}

fn spawn_sites(out: &mut String, runtime: &RuntimeUpdate) {
    let mut sites: Vec<_> = runtime.spawn_sites.iter().collect();
    sites.sort_by(|a, b| {
        b.busy_ns
            .cmp(&a.busy_ns)
            .then_with(|| a.location.cmp(&b.location))
    });
    if sites.is_empty() {
        return;
    }
    push(
        out,
        format_args!(
            "  spawn sites, by busy time ({} of {})\n",
            sites.len().min(SITES),
            sites.len()
        ),
    );
    for site in sites.into_iter().take(SITES) {
        push(
            out,
            format_args!(
                "    {} busy, {} polls, {} alive of {} at {}\n",
                format::right(&format::duration(site.busy_ns), 7),
                format::right(&format::count(site.polls), 6),
                format::right(&format::count(site.alive), 5),
                format::right(&format::count(site.spawned), 5),
                site.location.short()
            ),
        );
    }
}

fn tasks(out: &mut String, runtime: &RuntimeUpdate) {
    let shown = runtime.tasks.len();
    let matching = runtime.matching_tasks.max(shown as u64);
    push(
        out,
        format_args!("  tasks, by busy time ({shown} of {matching})\n"),
    );
    for task in &runtime.tasks {
        let name = if task.name.is_empty() {
            "-"
        } else {
            &task.name
        };
        push(
            out,
            format_args!(
                "    {} {} {} busy {} polls {} {}{}\n",
                format::right(&format!("#{}", task.id), 8),
                format::left(task.state.as_str(), 9),
                format::left(name, 20),
                format::right(&format::duration(task.busy_ns), 7),
                format::right(&format::count(task.polls), 6),
                task.location.short(),
                waits_for(task, runtime.summary.taken_at_ns),
            ),
        );
        for warning in lints::warnings(task, runtime.summary.taken_at_ns, &Limits::default()) {
            push(out, format_args!("             ! {warning}\n"));
        }
    }
}

fn waits_for(task: &Task, now_ns: u64) -> String {
    let Some(wait) = task.waits_for() else {
        return String::new();
    };
    let place = wait
        .location
        .as_ref()
        .map(|location| format!(" at {}", location.short()));
    let age = format::duration(now_ns.saturating_sub(wait.since_ns));
    format!(
        ", waits {age} for {}{}",
        wait.what(),
        place.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize;
    use crate::state::fixtures::{describe, snapshot};
    use crate::state::model::Query;

    #[test]
    fn a_summary_reads_well() {
        let server = sanitize::server(&describe());
        let query = Query {
            limit: 8,
            ..Query::default()
        };
        let update = sanitize::update(snapshot(30, &query));
        insta::assert_snapshot!(text(&server, "http://127.0.0.1:6669", &update));
    }

    #[test]
    fn a_server_without_anything_still_has_a_summary() {
        let text = text(&Server::default(), "unix:/x", &Update::default());
        assert!(
            text.contains("telemetry is not compiled into this program"),
            "{text}"
        );
    }
}
