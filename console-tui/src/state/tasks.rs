//! The task table as the user has set it: order, filter, selection, scroll; and the query that
//! brings the rows for it.

use super::columns::{self, ColumnInfo};
use super::model::{Query, SortKey};
use super::world::TaskTable;

/// Lines of the screen that are not task rows: tabs, table frame (2), column titles, filter,
/// status.
const CHROME: u16 = 6;

/// Fewest rows asked for, so that small steps need no new subscription.
const MIN_WINDOW: usize = 60;

/// Most rows asked for.
const MAX_WINDOW: usize = 1_000;

/// Longest filter.
const MAX_FILTER: usize = 200;

/// Rows of tasks on a screen of this height.
pub(crate) fn visible_rows(height: u16) -> usize {
    usize::from(height.saturating_sub(CHROME)).max(1)
}

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub(crate) struct TasksView {
    pub(crate) sort: SortKey,
    pub(crate) ascending: bool,
    pub(crate) filter: String,
    /// The filter before typing began, while it is being typed.
    before_edit: Option<String>,
    /// Absolute row.
    pub(crate) selected: usize,
    selected_id: Option<u64>,
    /// First row shown.
    pub(crate) top: usize,
}

impl TasksView {
    pub(crate) fn editing(&self) -> bool {
        self.before_edit.is_some()
    }

    pub(crate) fn filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// The query that covers the visible rows: the running one if it does, else one with as many
    /// rows again before and after.
    pub(super) fn query(&self, rows: usize, resources: bool, running: &Query) -> Query {
        let same = running.resources == resources
            && running.sort == self.sort
            && running.ascending == self.ascending
            && running.filter == self.filter;
        let end = self.top.saturating_add(rows);
        let running_end = (running.offset as usize).saturating_add(running.limit as usize);
        if same && running.offset as usize <= self.top && end <= running_end {
            return running.clone();
        }
        let limit = rows.saturating_mul(3).clamp(MIN_WINDOW, MAX_WINDOW);
        let offset = self.top.saturating_sub(limit.saturating_sub(rows) / 2);
        Query {
            sort: self.sort,
            ascending: self.ascending,
            filter: self.filter.clone(),
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            resources,
        }
    }

    /// Keeps the selected task selected where its row moved within the window, and the selection
    /// within the rows there are.
    pub(super) fn follow(&mut self, table: &TaskTable, rows: usize) {
        if let Some(row) = self.selected_id.and_then(|id| table.row_of(id)) {
            self.selected = row;
        }
        self.selected = self.selected.min(table.matching.saturating_sub(1));
        self.selected_id = table.id_at(self.selected);
        self.top = self.top.min(table.matching.saturating_sub(rows));
        self.keep_selection_visible(rows);
    }

    pub(super) fn select(&mut self, row: usize, id: Option<u64>, rows: usize) {
        self.selected = row;
        self.selected_id = id;
        self.keep_selection_visible(rows);
    }

    pub(super) fn keep_selection_visible(&mut self, rows: usize) {
        if self.selected < self.top {
            self.top = self.selected;
        } else if self.selected >= self.top.saturating_add(rows) {
            self.top = self.selected.saturating_sub(rows.saturating_sub(1));
        }
    }

    pub(super) fn go_to_top(&mut self) {
        self.selected = 0;
        self.selected_id = None;
        self.top = 0;
    }

    pub(super) fn sort_by_neighbour(&mut self, forward: bool) {
        if let Some(column) = columns::neighbour(&columns::COLUMNS, self.sort, forward) {
            self.sort_by(column);
        }
    }

    /// Sorts by a column; inverts the order if it is sorted by already.
    pub(super) fn sort_by(&mut self, column: &ColumnInfo) {
        let Some(sort) = column.sort else { return };
        self.ascending = if self.sort == sort {
            !self.ascending
        } else {
            column.ascending_first
        };
        self.sort = sort;
        self.go_to_top();
    }

    /// Shows the tasks in which `text` is found.
    pub(super) fn set_filter(&mut self, text: &str) {
        let skipped = text.chars().count().saturating_sub(MAX_FILTER);
        self.filter = text.chars().skip(skipped).collect();
        self.before_edit = None;
        self.go_to_top();
    }

    pub(super) fn invert(&mut self) {
        self.ascending = !self.ascending;
        self.go_to_top();
    }

    pub(super) fn edit_filter(&mut self) {
        self.before_edit = Some(self.filter.clone());
    }

    pub(super) fn apply_filter(&mut self) {
        self.before_edit = None;
    }

    pub(super) fn cancel_filter(&mut self) {
        if let Some(before) = self.before_edit.take() {
            self.filter = before;
            self.go_to_top();
        }
    }

    pub(super) fn type_char(&mut self, c: char) {
        if self.editing() && !c.is_control() && self.filter.chars().count() < MAX_FILTER {
            self.filter.push(c);
            self.go_to_top();
        }
    }

    pub(super) fn delete_char(&mut self) {
        self.filter.pop();
        self.go_to_top();
    }

    pub(super) fn delete_word(&mut self) {
        let kept = self.filter.trim_end().rfind(' ').map_or(0, |at| at + 1);
        self.filter.truncate(kept);
        self.go_to_top();
    }

    pub(super) fn clear_filter(&mut self) {
        self.filter.clear();
        self.go_to_top();
    }
}
