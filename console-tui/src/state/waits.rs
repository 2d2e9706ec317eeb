//! Who waits for whom: the chains of the wait-for graph, one line a task.
//!
//! The server ranks the chains of the whole runtime and sends the first. Here their lines are put in the
//! user's order: circles stay first, and chains that only join tasks last, for those are in no
//! trouble.

use std::cmp::Ordering;

use super::columns::{ColumnInfo, number, text};
use super::list::ListView;
use super::model::{LinkHolder, LinkWait, Role, WaitChain, WaitLink};
use super::world::Runtime;

/// One column of the lines, and what chains are sorted by: what their first line has in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WaitColumn {
    #[default]
    Waited,
    Task,
    WaitsFor,
    AwaitsAt,
    TakenAt,
    MadeAt,
    Waiters,
}

use WaitColumn as C;

/// All columns, in their order on the screen.
pub(crate) static COLUMNS: [ColumnInfo<C, C>; 7] = [
    number(
        C::Waited,
        "Waited",
        C::Waited,
        7,
        9,
        "how long; of a task that runs: how long it has",
    ),
    text(
        C::Task,
        "Task",
        Some(C::Task),
        24,
        3,
        10,
        "who waits; below it who can end that, and so on",
    ),
    text(
        C::WaitsFor,
        "Waits for",
        Some(C::WaitsFor),
        15,
        2,
        8,
        "what it waits for, or does; 3/4: how much of it is taken",
    ),
    text(
        C::AwaitsAt,
        "Awaits at",
        Some(C::AwaitsAt),
        14,
        3,
        7,
        "where it waits",
    ),
    text(
        C::TakenAt,
        "Took it at",
        None,
        12,
        2,
        5,
        "where it took what the line above waits for",
    ),
    text(
        C::MadeAt,
        "Made at",
        Some(C::MadeAt),
        12,
        2,
        3,
        "where what it waits for was made",
    ),
    number(
        C::Waiters,
        "Waiters",
        C::Waiters,
        8,
        4,
        "tasks that wait for the same thing as the first of the chain",
    ),
];

/// Tells a line from others: the chain's first task, and how far down the line is.
pub(crate) type LineKey = (u64, usize);

/// The lines as the user has set them.
pub(crate) type WaitsView = ListView<WaitColumn, LineKey>;

/// A line of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChainLine<'a> {
    pub(crate) chain: &'a WaitChain,
    at: usize,
}

/// What a line says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part<'a> {
    /// A task, and what it has to do with the line above.
    Task {
        link: &'a WaitLink,
        holder: Option<&'a LinkHolder>,
    },
    /// The last one waits for the first.
    Circle { first: &'a WaitLink },
    /// The last one waits for a task that is not told of.
    Elsewhere { holder: &'a LinkHolder },
}

impl<'a> ChainLine<'a> {
    /// The holder in the line above.
    fn holder(self) -> Option<&'a LinkHolder> {
        let above = self.chain.links.get(self.at.checked_sub(1)?)?;
        above.wait.as_ref()?.holder.as_ref()
    }

    pub(crate) fn part(self) -> Option<Part<'a>> {
        let holder = self.holder();
        match (self.chain.links.get(self.at), self.chain.circle) {
            (Some(link), _) => Some(Part::Task { link, holder }),
            (None, true) => self.chain.links.first().map(|first| Part::Circle { first }),
            (None, false) => holder.map(|holder| Part::Elsewhere { holder }),
        }
    }

    pub(crate) fn is_first(self) -> bool {
        self.at == 0
    }

    /// The task that the line is about, if it can be looked at.
    pub(crate) fn task(self) -> Option<u64> {
        match self.part()? {
            Part::Task { link, .. } => Some(link.task),
            Part::Circle { first } => Some(first.task),
            Part::Elsewhere { holder } => (!holder.gone).then_some(holder.task),
        }
    }

    /// What the line's task waits for; at the end of a chain, what the line above does.
    pub(crate) fn wait(self) -> Option<&'a LinkWait> {
        let last = self.chain.links.len().checked_sub(1)?;
        self.chain.links[self.at.min(last)].wait.as_ref()
    }

    fn key(self) -> LineKey {
        let first = self.chain.links.first();
        (first.map_or(0, |link| link.task), self.at)
    }
}

/// All lines, chain after chain.
pub(crate) fn lines<'a>(view: &WaitsView, runtime: &'a Runtime) -> Vec<ChainLine<'a>> {
    let mut chains: Vec<&WaitChain> = runtime.wait_chains.iter().collect();
    chains.sort_by(|a, b| {
        let group = |chain: &WaitChain| (!chain.circle, chain.joins_only());
        let order = compare(view.sort, a, b);
        let order = if view.ascending {
            order
        } else {
            order.reverse()
        };
        group(a).cmp(&group(b)).then(order)
    });
    let mut lines = Vec::new();
    for chain in chains {
        let in_all = (0..=chain.links.len()).map(|at| ChainLine { chain, at });
        lines.extend(in_all.filter(|line| line.part().is_some()));
    }
    lines
}

fn compare(column: WaitColumn, a: &WaitChain, b: &WaitChain) -> Ordering {
    let wait = |chain: &'_ WaitChain| chain.links.first().and_then(|link| link.wait.clone());
    let of = |chain: &WaitChain| wait(chain).unwrap_or_default();
    match column {
        // The oldest wait is the one that began first.
        C::Waited => of(b).since_ns.cmp(&of(a).since_ns),
        C::Task | C::TakenAt => first_task(a).cmp(&first_task(b)),
        C::WaitsFor => of(a).what().cmp(&of(b).what()),
        C::AwaitsAt => of(a).location.cmp(&of(b).location),
        C::MadeAt => of(a).created_at.cmp(&of(b).created_at),
        C::Waiters => a.waiters.cmp(&b.waiters),
    }
}

fn first_task(chain: &WaitChain) -> u64 {
    chain.links.first().map_or(0, |link| link.task)
}

impl WaitChain {
    /// Nobody in it waits for more than the end of another task.
    fn joins_only(&self) -> bool {
        let waits = self.links.iter().filter_map(|link| link.wait.as_ref());
        let mut holders = waits.filter_map(|wait| wait.holder.as_ref());
        holders.all(|holder| holder.role == Role::Joined)
    }
}

/// The keys of the lines, in order.
pub(crate) fn keys(lines: &[ChainLine<'_>]) -> Vec<LineKey> {
    lines.iter().map(|line| line.key()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::fixtures::{press, waits, watching};

    fn lines_of(keys: &str) -> Vec<LineKey> {
        let mut state = watching(160, 50);
        waits(&mut state);
        press(&mut state, keys);
        let runtime = state.shown_runtime().expect("a runtime");
        super::keys(&lines(&state.waits, runtime))
    }

    #[test]
    fn circles_come_first_whatever_the_order_and_joins_last() {
        let chains = |keys| -> Vec<u64> {
            let first = lines_of(keys).into_iter().filter(|key| key.1 == 0);
            first.map(|key| key.0).collect()
        };
        let longest_first = chains("");
        assert_eq!(longest_first, [2, 12, 17, 21, 1]);
        assert_eq!(chains("i"), [2, 21, 17, 12, 1]);
        assert_eq!(chains("l"), [2, 12, 17, 21, 1], "by task");
        assert_eq!(chains("l i"), [2, 21, 17, 12, 1]);
    }

    #[test]
    fn a_circle_and_a_holder_that_is_gone_have_a_last_line() {
        let lines = lines_of("");
        let of = |first| lines.iter().filter(|key| key.0 == first).count();
        assert_eq!(of(2), 3, "two tasks, and back to the first");
        assert_eq!(of(21), 2, "a task, and one that has finished");
        assert_eq!(of(17), 2, "a task, and the one that receives");
    }
}
