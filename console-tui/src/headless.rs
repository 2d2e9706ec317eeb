//! Without a terminal: one snapshot as a summary for people or as JSON for programs, or a line in
//! each interval for logs.

pub(crate) mod check;
pub(crate) mod dump;
pub(crate) mod json;
pub(crate) mod record;
pub(crate) mod summary;
pub(crate) mod top;
pub(crate) mod trace;

use std::io::Write;
use std::time::Duration;

use crate::connection::Session;
use crate::error::ConsoleError;
use crate::nanos::nanos;
use crate::recording::{Source, Tape};
use crate::state::model::{Query, RuntimeUpdate, Server, SortKey, Update};

/// Rows of a page: well under the 4 MiB of a message. A server may send fewer.
const PAGE: u32 = 1_000;

/// Most tasks collected for JSON.
const MAX_TASKS: usize = 200_000;

/// Tasks in a summary.
const TOP: u32 = 20;

/// Takes a snapshot and writes it.
pub(crate) async fn print(
    session: &mut Session,
    filter: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), ConsoleError> {
    session.check_filter(filter)?;
    let text = if json {
        let update = all_tasks(session, filter).await?;
        json_text(&session.server, &update)?
    } else {
        let query = Query {
            sort: SortKey::Busy,
            filter: filter.into(),
            limit: TOP,
            ..Query::default()
        };
        let update = session.update(&query).await?;
        summary::text(&session.server, &session.target(), &update)
    };
    write(&text, out)
}

/// Writes a snapshot of a recording: of the moment so long after its beginning, or of its end.
pub(crate) fn print_recorded(
    tape: &mut Tape<impl Source>,
    name: &str,
    at: Option<Duration>,
    filter: &str,
    json: bool,
    out: &mut impl Write,
) -> Result<(), ConsoleError> {
    let (start_ns, end_ns) = tape.span_ns();
    tape.seek(at.map_or(end_ns, |at| start_ns.saturating_add(nanos(at))));
    let moment = tape.moment(&Query {
        sort: if json { SortKey::Id } else { SortKey::Busy },
        ascending: json,
        filter: filter.into(),
        ..Query::default()
    });
    let server = moment.server.unwrap_or_default();
    let mut update = moment.world.as_update();
    let text = if json {
        json_text(&server, &update)?
    } else {
        for runtime in &mut update.runtimes {
            runtime.tasks.truncate(TOP as usize);
        }
        summary::text(&server, name, &update)
    };
    write(&text, out)
}

fn json_text(server: &Server, update: &Update) -> Result<String, ConsoleError> {
    let text = serde_json::to_string(&json::Snapshot::new(server, update));
    Ok(text.map_err(|error| ConsoleError::Output(error.into()))? + "\n")
}

fn write(text: &str, out: &mut impl Write) -> Result<(), ConsoleError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(ConsoleError::Output)
}

/// The newest numbers, with all tasks of all runtimes: asked for page by page, ordered by id, so
/// that tasks that come and go between pages are neither doubled nor hide others for long.
async fn all_tasks(session: &mut Session, filter: &str) -> Result<Update, ConsoleError> {
    let mut query = Query {
        sort: SortKey::Id,
        ascending: true,
        filter: filter.into(),
        offset: 0,
        limit: PAGE,
        resources: true,
        chains: true,
        ..Query::default()
    };
    let mut all = session.update(&query).await?;
    // What tasks wait for comes with the first page.
    (query.resources, query.chains) = (false, false);
    while let Some(offset) = next_offset(&all, query.offset) {
        query.offset = offset;
        let page = session.update(&query).await?;
        if page.runtimes.iter().all(|runtime| runtime.tasks.is_empty()) {
            break;
        }
        for runtime in page.runtimes {
            add_page(&mut all, runtime);
        }
    }
    Ok(all)
}

/// Where the next page begins: after the tasks of the runtime that has fewest, of those that have
/// more. None: everything is there. A server may send fewer rows than asked for.
fn next_offset(all: &Update, offset: u32) -> Option<u32> {
    let received = all
        .runtimes
        .iter()
        .filter(|runtime| runtime.matching_tasks > runtime.tasks.len() as u64)
        .map(|runtime| runtime.tasks.len())
        .min()?;
    let next = u32::try_from(received).ok()?;
    (next > offset && received < MAX_TASKS).then_some(next)
}

/// Adds the tasks of a page that are not there yet: those with a larger id than all before.
fn add_page(all: &mut Update, page: RuntimeUpdate) {
    let known = all
        .runtimes
        .iter_mut()
        .find(|known| known.summary.id == page.summary.id);
    let Some(known) = known else { return };
    let last = known.tasks.iter().map(|task| task.id).max().unwrap_or(0);
    known
        .tasks
        .extend(page.tasks.into_iter().filter(|task| task.id > last));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::model::{Summary, Task};

    fn page(ids: std::ops::Range<u64>, matching_tasks: u64) -> RuntimeUpdate {
        RuntimeUpdate {
            summary: Summary {
                id: 1,
                ..Summary::default()
            },
            tasks: ids
                .map(|id| Task {
                    id,
                    ..Task::default()
                })
                .collect(),
            matching_tasks,
            ..RuntimeUpdate::default()
        }
    }

    #[test]
    fn pages_join_without_doubles_and_end() {
        let mut all = Update {
            runtimes: vec![page(1..4, 6)],
            ..Update::default()
        };
        assert_eq!(next_offset(&all, 0), Some(3));
        add_page(&mut all, page(3..7, 6));
        let ids: Vec<u64> = all.runtimes[0].tasks.iter().map(|task| task.id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
        assert_eq!(next_offset(&all, 3), None);
    }

    #[test]
    fn a_server_that_promises_more_than_it_sends_is_not_asked_for_ever() {
        let all = Update {
            runtimes: vec![page(1..4, u64::MAX)],
            ..Update::default()
        };
        assert_eq!(next_offset(&all, 3), None);
    }
}
