//! The columns of tables, and those of the task table: the one list that the table, the sort keys
//! and the help read.

use super::model::SortKey;

/// One column of the task table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Warn,
    Id,
    State,
    Name,
    Total,
    Busy,
    Scheduled,
    Idle,
    Polls,
    Kind,
    Location,
    WaitsFor,
    Fields,
    Worker,
    Parent,
    Since,
    Longest,
    Wakes,
}

/// What is known of a column apart from its cells: `C` names it, `S` is what one sorts by.
#[derive(Debug)]
pub(crate) struct ColumnInfo<C = Column, S = SortKey> {
    pub(crate) column: C,
    pub(crate) title: &'static str,
    /// What it means, for the help screen.
    pub(crate) help: &'static str,
    pub(crate) sort: Option<S>,
    /// The order that one wants first: the largest numbers, the earliest letters.
    pub(crate) ascending_first: bool,
    /// Fewest cells that it is shown in.
    pub(crate) min_width: u16,
    /// Share of the spare cells that it gets; 0: fixed width.
    pub(crate) stretch: u16,
    /// The lowest goes first where the table is too narrow.
    pub(crate) priority: u8,
    pub(crate) right_aligned: bool,
}

/// The columns that are shown unless the user chooses others, in their order on the screen.
pub(crate) static COLUMNS: [ColumnInfo; 13] = [
    text(
        Column::Warn,
        "!",
        None,
        1,
        0,
        11,
        "number of warnings; the detail screen spells them out",
    ),
    number(
        Column::Id,
        "ID",
        SortKey::Id,
        6,
        12,
        "the task's id, never used again in the process",
    ),
    text(
        Column::State,
        "State",
        Some(SortKey::State),
        5,
        0,
        10,
        "busy: being polled, sched: woken, idle: waits for a wake",
    ),
    text(
        Column::Name,
        "Name",
        Some(SortKey::Name),
        11,
        2,
        9,
        "the name given with task::Builder",
    ),
    number(
        Column::Total,
        "Total",
        SortKey::Total,
        7,
        8,
        "time since it was spawned",
    ),
    number(
        Column::Busy,
        "Busy",
        SortKey::Busy,
        7,
        7,
        "time being polled",
    ),
    number(
        Column::Scheduled,
        "Sched",
        SortKey::Scheduled,
        7,
        2,
        "time between a wake and the poll it led to",
    ),
    number(
        Column::Idle,
        "Idle",
        SortKey::Idle,
        7,
        1,
        "time waiting for a wake",
    ),
    number(
        Column::Polls,
        "Polls",
        SortKey::Polls,
        5,
        5,
        "times it was polled",
    ),
    text(
        Column::Kind,
        "Kind",
        Some(SortKey::Kind),
        8,
        0,
        0,
        "task, local, blocking or block_on",
    ),
    text(
        Column::Location,
        "Location",
        Some(SortKey::Location),
        12,
        3,
        4,
        "where it was spawned",
    ),
    text(
        Column::WaitsFor,
        "Waits for",
        Some(SortKey::WaitsFor),
        16,
        3,
        6,
        "what its latest poll left it waiting for, and since when",
    ),
    text(
        Column::Fields,
        "Fields",
        None,
        14,
        5,
        3,
        "fields of the tracing spans it is in, if any task has some",
    ),
];

/// Columns that are shown if the user chooses them.
pub(crate) static MORE: [ColumnInfo; 5] = [
    number(
        Column::Worker,
        "Worker",
        SortKey::Worker,
        7,
        5,
        "the worker that polled it last",
    ),
    number(
        Column::Parent,
        "Parent",
        SortKey::Parent,
        7,
        5,
        "the id of the task that spawned it",
    ),
    number(
        Column::Since,
        "Since",
        SortKey::Since,
        7,
        5,
        "time in the state it is in now",
    ),
    number(
        Column::Longest,
        "Longest",
        SortKey::Longest,
        8,
        5,
        "its longest poll",
    ),
    number(
        Column::Wakes,
        "Wakes",
        SortKey::Wakes,
        5,
        5,
        "times it was woken",
    ),
];

/// Every column that can be shown.
pub(crate) fn all() -> impl Iterator<Item = &'static ColumnInfo> {
    COLUMNS.iter().chain(&MORE)
}

/// What is known of these columns, in their order.
pub(crate) fn chosen(columns: &[Column]) -> Vec<&'static ColumnInfo> {
    let info = |column: &Column| all().find(|info| info.column == *column);
    columns.iter().filter_map(info).collect()
}

impl Column {
    /// The name by which a configuration file calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Column::Warn => "warn",
            Column::Id => "id",
            Column::State => "state",
            Column::Name => "name",
            Column::Total => "total",
            Column::Busy => "busy",
            Column::Scheduled => "sched",
            Column::Idle => "idle",
            Column::Polls => "polls",
            Column::Kind => "kind",
            Column::Location => "location",
            Column::WaitsFor => "waits",
            Column::Fields => "fields",
            Column::Worker => "worker",
            Column::Parent => "parent",
            Column::Since => "since",
            Column::Longest => "longest",
            Column::Wakes => "wakes",
        }
    }
}

pub(super) const fn text<C: Copy, S: Copy>(
    column: C,
    title: &'static str,
    sort: Option<S>,
    min_width: u16,
    stretch: u16,
    priority: u8,
    help: &'static str,
) -> ColumnInfo<C, S> {
    ColumnInfo {
        column,
        title,
        help,
        sort,
        ascending_first: true,
        min_width,
        stretch,
        priority,
        right_aligned: false,
    }
}

pub(super) const fn number<C: Copy, S: Copy>(
    column: C,
    title: &'static str,
    sort: S,
    min_width: u16,
    priority: u8,
    help: &'static str,
) -> ColumnInfo<C, S> {
    ColumnInfo {
        column,
        title,
        help,
        sort: Some(sort),
        ascending_first: false,
        min_width,
        stretch: 0,
        priority,
        right_aligned: true,
    }
}

/// A column and how many cells wide it is.
pub(crate) type Fitted<C, S> = (&'static ColumnInfo<C, S>, u16);

/// The columns that fit into `width` cells with one cell between them, and how wide each is.
/// Columns are dropped by priority; the last one is cut if even it does not fit.
pub(crate) fn fit<C, S>(
    columns: impl IntoIterator<Item = &'static ColumnInfo<C, S>>,
    width: u16,
) -> Vec<Fitted<C, S>> {
    let mut shown: Vec<&'static ColumnInfo<C, S>> = columns.into_iter().collect();
    while shown.len() > 1 && least_width(&shown) > width {
        if let Some(at) = (0..shown.len()).min_by_key(|&at| shown[at].priority) {
            shown.remove(at);
        }
    }
    let spare = width.saturating_sub(least_width(&shown));
    let stretch: u16 = shown.iter().map(|info| info.stretch).sum();
    let mut left = spare;
    let last_stretching = shown.iter().rposition(|info| info.stretch > 0);
    shown
        .iter()
        .enumerate()
        .map(|(at, &info)| {
            let extra = if Some(at) == last_stretching {
                left
            } else {
                // u32: the product of two screen sizes may not fit u16.
                (u32::from(spare) * u32::from(info.stretch))
                    .checked_div(u32::from(stretch))
                    .and_then(|extra| u16::try_from(extra).ok())
                    .unwrap_or(0)
            };
            left = left.saturating_sub(extra);
            (info, info.min_width.saturating_add(extra).min(width))
        })
        .collect()
}

fn least_width<C, S>(shown: &[&ColumnInfo<C, S>]) -> u16 {
    let gaps = u16::try_from(shown.len().saturating_sub(1)).unwrap_or(u16::MAX);
    shown
        .iter()
        .map(|info| info.min_width)
        .sum::<u16>()
        .saturating_add(gaps)
}

/// The column shown at cell `x` of a table of `width` cells, or the one before the gap there.
pub(crate) fn column_at<C, S>(
    columns: impl IntoIterator<Item = &'static ColumnInfo<C, S>>,
    width: u16,
    x: u16,
) -> Option<&'static ColumnInfo<C, S>> {
    let mut end = 0u16;
    fit(columns, width).into_iter().find_map(|(info, cells)| {
        end = end.saturating_add(cells).saturating_add(1);
        (x < end).then_some(info)
    })
}

/// The next (or previous) sortable column after the one of `key`, going round.
pub(crate) fn neighbour<C, S: PartialEq>(
    columns: impl IntoIterator<Item = &'static ColumnInfo<C, S>>,
    key: S,
    forward: bool,
) -> Option<&'static ColumnInfo<C, S>> {
    let key = Some(key);
    let sortable: Vec<_> = columns
        .into_iter()
        .filter(|info| info.sort.is_some())
        .collect();
    let at = sortable.iter().position(|info| info.sort == key);
    let step = if forward {
        1
    } else {
        sortable.len().max(1) - 1
    };
    let next = (at.unwrap_or(0) + step).checked_rem(sortable.len())?;
    sortable.get(next).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fill_the_width_and_never_exceed_it() {
        for width in 1..400u16 {
            let columns = fit(&COLUMNS, width);
            let gaps = u16::try_from(columns.len() - 1).unwrap();
            let used: u16 = columns.iter().map(|(_, w)| w).sum::<u16>() + gaps;
            assert!(used <= width, "{used} > {width}");
            if width >= 60 {
                assert_eq!(used, width);
            }
        }
    }

    #[test]
    fn a_narrow_screen_keeps_what_answers_where_and_why() {
        let shown: Vec<Column> = fit(&COLUMNS, 78)
            .iter()
            .map(|(info, _)| info.column)
            .collect();
        for column in [
            Column::Id,
            Column::State,
            Column::Name,
            Column::Busy,
            Column::Location,
            Column::WaitsFor,
        ] {
            assert!(
                shown.contains(&column),
                "{column:?} is missing in {shown:?}"
            );
        }
        assert!(!shown.contains(&Column::Kind));
        assert_eq!(fit(&COLUMNS, 158).len(), COLUMNS.len());
    }

    #[test]
    fn stepping_through_the_sort_columns_comes_round() {
        let step = |key, forward| neighbour(&COLUMNS, key, forward).unwrap().sort.unwrap();
        let mut key = SortKey::Total;
        let sorted_by = COLUMNS.iter().filter(|info| info.sort.is_some());
        for _ in 0..sorted_by.count() {
            key = step(key, true);
        }
        assert_eq!(key, SortKey::Total);
        assert_eq!(step(step(key, true), false), key);
    }

    #[test]
    fn every_cell_of_a_header_belongs_to_the_column_above_it() {
        let mut seen = Vec::new();
        for x in 0..158 {
            let column = column_at(&COLUMNS, 158, x).unwrap().column;
            if seen.last() != Some(&column) {
                seen.push(column);
            }
        }
        let all: Vec<Column> = COLUMNS.iter().map(|info| info.column).collect();
        assert_eq!(seen, all);
        assert!(column_at(&COLUMNS, 158, 500).is_none());
    }
}
