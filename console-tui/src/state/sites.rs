//! The table of spawn sites: its columns and its order.
//!
//! The server sends all sites, the busiest one by one; they are sorted here.

use std::cmp::Ordering;

use zokio_instrumentation::filter;

use super::columns::{ColumnInfo, number, text};
use super::list::ListView;
use super::model::{Location, SpawnSite};
use super::world::Runtime;

/// One column of the table, and what to sort by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SiteColumn {
    Location,
    Alive,
    Spawned,
    Polls,
    #[default]
    Busy,
    Share,
    MeanPoll,
    Scheduled,
    Panicked,
    Cancelled,
    SlowPoll,
    LongestPoll,
    DelayedOthers,
    FutureBytes,
}

use SiteColumn as C;

/// All columns, in their order on the screen.
pub(crate) static COLUMNS: [ColumnInfo<C, C>; 14] = [
    text(
        C::Location,
        "Spawned at",
        Some(C::Location),
        24,
        1,
        10,
        "where the tasks were spawned",
    ),
    number(C::Alive, "Alive", C::Alive, 6, 8, "tasks that are not over"),
    number(
        C::Spawned,
        "Spawned",
        C::Spawned,
        7,
        2,
        "tasks so far, those that are over too",
    ),
    number(C::Polls, "Polls", C::Polls, 6, 6, "polls of all of them"),
    number(
        C::Busy,
        "Busy",
        C::Busy,
        7,
        9,
        "time they were being polled",
    ),
    number(
        C::Share,
        "Share",
        C::Share,
        6,
        4,
        "of the busy time of all spawn sites",
    ),
    number(
        C::MeanPoll,
        "Mean",
        C::MeanPoll,
        7,
        7,
        "time of a poll, on average",
    ),
    number(
        C::SlowPoll,
        "p99",
        C::SlowPoll,
        7,
        4,
        "99 of 100 polls take less, by a sample",
    ),
    number(
        C::LongestPoll,
        "Max",
        C::LongestPoll,
        7,
        3,
        "its longest poll",
    ),
    number(
        C::DelayedOthers,
        "Harm",
        C::DelayedOthers,
        7,
        4,
        "time others waited behind its polls of a millisecond or more",
    ),
    number(
        C::Scheduled,
        "Delay",
        C::Scheduled,
        7,
        5,
        "time between wakes and the polls they led to, summed up",
    ),
    number(
        C::Panicked,
        "Panic",
        C::Panicked,
        5,
        3,
        "tasks that ended in a panic",
    ),
    number(
        C::Cancelled,
        "Cancel",
        C::Cancelled,
        6,
        1,
        "tasks that were cancelled",
    ),
    number(
        C::FutureBytes,
        "Future",
        C::FutureBytes,
        8,
        0,
        "size of its largest future",
    ),
];

/// The table as the user has set it.
pub(crate) type SitesView = ListView<SiteColumn, Location>;

/// The sites in their order.
pub(crate) fn sorted<'a>(view: &SitesView, runtime: &'a Runtime) -> Vec<&'a SpawnSite> {
    let mut sites: Vec<_> = runtime.spawn_sites.iter().collect();
    sites.sort_by(|a, b| {
        let order = compare(view.sort, a, b);
        let order = if view.ascending {
            order
        } else {
            order.reverse()
        };
        order.then_with(|| a.location.cmp(&b.location))
    });
    sites
}

fn compare(column: SiteColumn, a: &SpawnSite, b: &SpawnSite) -> Ordering {
    match column {
        C::Location => a.location.cmp(&b.location),
        C::Alive => a.alive.cmp(&b.alive),
        C::Spawned => a.spawned.cmp(&b.spawned),
        C::Polls => a.polls.cmp(&b.polls),
        C::Busy | C::Share => a.busy_ns.cmp(&b.busy_ns),
        C::MeanPoll => a.mean_poll_ns().cmp(&b.mean_poll_ns()),
        C::Scheduled => a.scheduled_ns.cmp(&b.scheduled_ns),
        C::Panicked => a.panicked.cmp(&b.panicked),
        C::Cancelled => a.cancelled.cmp(&b.cancelled),
        C::SlowPoll => a.slow_poll_ns().cmp(&b.slow_poll_ns()),
        C::LongestPoll => a.longest_poll_ns.cmp(&b.longest_poll_ns),
        C::DelayedOthers => a.delayed_others_ns.cmp(&b.delayed_others_ns),
        C::FutureBytes => a.future_bytes.cmp(&b.future_bytes),
    }
}

/// The keys of the rows, in order.
pub(crate) fn keys(view: &SitesView, runtime: &Runtime) -> Vec<Location> {
    sorted(view, runtime)
        .into_iter()
        .map(|site| site.location.clone())
        .collect()
}

/// The filter of the task table that leaves a site's tasks; None for a site that stands for many.
/// `is_language`: the server knows more than texts.
pub(crate) fn filter_for(location: &Location, is_language: bool) -> Option<String> {
    if location.line == 0 {
        return None;
    }
    let whole = location.to_string();
    Some(match whole.strip_prefix('…') {
        // The server has cut a long path: its end is what is known.
        Some(end) if is_language => format!("loc:{}", filter::quote(end)),
        None if is_language => filter::spawned_at(&location.file, location.line, location.column),
        Some(end) => end.to_owned(),
        None => whole,
    })
}
