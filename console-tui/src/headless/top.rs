//! One line a runtime in each interval, for logs and for terminals that are none.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use zokio::time::Instant;

use crate::connection::Session;
use crate::error::ConsoleError;
use crate::format;
use crate::state::model::Query;
use crate::state::world::{Runtime, World};

/// Writes lines until the time is over, if there is one, or until the server ends.
pub(crate) async fn print(
    session: &mut Session,
    interval: Duration,
    time: Option<Duration>,
    filter: Option<&str>,
    out: &mut impl Write,
) -> Result<(), ConsoleError> {
    session.check_filter(filter.unwrap_or(""))?;
    let query = Query {
        filter: filter.unwrap_or("").to_owned(),
        // The number of tasks is told with the rows: one is the fewest.
        limit: u32::from(filter.is_some()),
        ..Query::default()
    };
    let end = time.map(|time| Instant::now() + time);
    let mut updates = session.updates(&query, interval).await?;
    let mut world = World::default();
    // Rates need two updates: the first one makes no lines.
    let mut first = true;
    loop {
        let next = updates.next();
        let update = match end {
            Some(end) => match zokio::time::timeout_at(end, next).await {
                Ok(update) => update?,
                Err(_) => return Ok(()),
            },
            None => next.await?,
        };
        let unix_ms = session.server.unix_ns(update.taken_at_ns) / 1_000_000;
        world.apply(update, 0);
        if std::mem::take(&mut first) {
            continue;
        }
        let text: String = world
            .runtimes
            .iter()
            .map(|runtime| line(runtime, unix_ms, filter.is_some()))
            .collect();
        out.write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .map_err(ConsoleError::Output)?;
    }
}

/// One runtime: time, name, then `key=value`, always the same keys in the same order.
/// `is_filtered`: tasks were filtered, and those left are counted.
fn line(runtime: &Runtime, unix_ms: u64, is_filtered: bool) -> String {
    let summary = &runtime.summary;
    let rates = &runtime.rates;
    let queued = runtime
        .workers
        .iter()
        .fold(0u64, |sum, row| sum.saturating_add(row.worker.queue_depth));
    let pool = &summary.blocking;
    // A blank would break the line into other fields.
    let name = summary.name.replace(char::is_whitespace, "_");
    let mut line = format!(
        "{} {name} busy={} polls/s={} steals/s={} tasks={} spawned/s={} completed/s={} queued={queued} injector={} pool={}/{} pool_queue={} events/s={} timers={} panicked={} cancelled={}",
        format::time_of_day(unix_ms),
        format::percent(rates.busy),
        format::rate(rates.polls),
        format::rate(rates.steals),
        summary.alive_tasks,
        format::rate(rates.spawned),
        format::rate(rates.completed),
        summary.injector_depth,
        pool.threads.saturating_sub(pool.idle_threads),
        pool.threads,
        pool.queue_depth,
        format::rate(rates.driver_events),
        summary.timers.armed,
        summary.panicked_tasks,
        summary.cancelled_tasks,
    );
    if is_filtered {
        // Writing to a String cannot fail.
        let _ = write!(line, " filtered={}", runtime.tasks.matching);
    }
    let stuck = runtime
        .long_polls
        .iter()
        .filter(|poll| poll.ended_at_ns.is_none());
    for poll in stuck {
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            " stuck=worker{}:task{}:{}",
            poll.worker,
            poll.task,
            format::duration(poll.duration_ns(summary.taken_at_ns))
        );
    }
    if summary.ended {
        line.push_str(" ended");
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sanitize;
    use crate::state::fixtures::{long_poll, snapshot};

    #[test]
    fn a_line_has_what_a_log_is_searched_for() {
        let mut world = World::default();
        let query = Query::default();
        for step in 0..9 {
            world.apply(sanitize::update(snapshot(step, &query)), 0);
        }
        let mut raw = snapshot(9, &query);
        raw.runtimes[0].name = "http server".into();
        raw.runtimes[0].long_polls = vec![long_poll(12, 68_000_000_000, 0)];
        world.apply(sanitize::update(raw), 0);
        let line = line(&world.runtimes[0], 1_767_268_800_000, true);
        assert_eq!(
            line,
            "12:00:00Z http_server busy=44% polls/s=2100 steals/s=24 tasks=34 spawned/s=120 \
             completed/s=120 queued=5 injector=2 pool=1/3 pool_queue=0 events/s=2100 timers=12 \
             panicked=1 cancelled=12 filtered=34 stuck=worker0:task12:1.00s\n"
        );
    }
}
