//! The task table as the user has set it: order, filter, selection, scroll; and the query that
//! brings the rows for it.

use super::State;
use super::columns::{self, Column, ColumnInfo};
use super::filter_input::{FilterInput, History};
use super::line_edit::LineEdit;
use super::model::{Query, SortKey};
use super::world::TaskTable;

/// Lines of the screen that are not task rows: tabs, table frame (2), column titles, filter,
/// status.
const CHROME: u16 = 6;

/// Fewest rows asked for, so that small steps need no new subscription.
const MIN_WINDOW: usize = 60;

/// Most rows asked for.
const MAX_WINDOW: usize = 1_000;

/// Rows of tasks on a screen of this height.
pub(crate) fn visible_rows(height: u16) -> usize {
    usize::from(height.saturating_sub(CHROME)).max(1)
}

impl State {
    /// The columns that the table has: those that the user chose, without one for fields while no
    /// task has any.
    pub(crate) fn task_columns(&self) -> Vec<&'static ColumnInfo> {
        let has_fields = self
            .shown_runtime()
            .is_some_and(|runtime| runtime.tasks.have_fields());
        let mut shown = columns::chosen(&self.settings.columns);
        if shown.len() > 1 && !has_fields {
            shown.retain(|info| info.column != Column::Fields);
        }
        shown
    }
}

/// What the user chose.
#[derive(Debug, Clone, Default)]
pub(crate) struct TasksView {
    pub(crate) sort: SortKey,
    pub(crate) ascending: bool,
    /// Each task below the one that spawned it, as far as both are in the window.
    pub(crate) tree: bool,
    /// What the rows shown were asked for with: the last that could be read, while another is typed.
    pub(crate) filter: String,
    /// The line in which it is typed, while it is.
    pub(crate) input: Option<FilterInput>,
    history: History,
    /// Why the server does not take the filter.
    pub(crate) refused: Option<String>,
    /// Absolute row.
    pub(crate) selected: usize,
    selected_id: Option<u64>,
    /// First row shown.
    pub(crate) top: usize,
}

impl TasksView {
    pub(crate) fn editing(&self) -> bool {
        self.input.is_some()
    }

    pub(crate) fn filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    /// The query that covers the visible rows: the running one if it does, else one with as many
    /// rows again before and after. `waits`: whether to ask for resources, and for chains.
    pub(super) fn query(&self, rows: usize, waits: (bool, bool), running: &Query) -> Query {
        let same = !running.slow
            && (running.resources, running.chains) == waits
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
            resources: waits.0,
            chains: waits.1,
            slow: false,
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

    pub(super) fn sort_by_neighbour(&mut self, chosen: &[Column], width: u16, forward: bool) {
        let shown = columns::fit(columns::chosen(chosen), width);
        let shown = shown.into_iter().map(|(info, _)| info);
        if let Some(column) = columns::neighbour(shown, self.sort, forward) {
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

    /// Shows the tasks that a filter leaves.
    pub(super) fn set_filter(&mut self, filter: String) {
        self.input = None;
        self.history.add(&filter);
        self.use_filter(filter);
    }

    fn use_filter(&mut self, filter: String) {
        if self.filter != filter {
            self.filter = filter;
            self.refused = None;
        }
        self.go_to_top();
    }

    pub(super) fn invert(&mut self) {
        self.ascending = !self.ascending;
        self.go_to_top();
    }

    /// Begins to type a filter. `is_language`: the server knows more than texts.
    pub(super) fn edit_filter(&mut self, is_language: bool) {
        let filter = self.filter.clone();
        self.input = Some(FilterInput::new(filter, is_language, &self.history));
    }

    /// Ends typing, unless what was typed cannot be read.
    pub(super) fn apply_filter(&mut self) {
        if self.input.as_ref().is_some_and(|i| i.mistake.is_none()) {
            self.input = None;
            self.history.add(&self.filter);
        }
    }

    pub(super) fn cancel_filter(&mut self) {
        if let Some(input) = self.input.take() {
            self.use_filter(input.before);
        }
    }

    pub(super) fn type_char(&mut self, c: char) {
        self.typed(|input, _| input.type_char(c));
    }

    pub(super) fn edit(&mut self, change: fn(&mut LineEdit)) {
        self.typed(|input, _| input.change(change));
    }

    pub(super) fn complete_filter(&mut self) {
        self.typed(|input, _| input.complete());
    }

    pub(super) fn recall_filter(&mut self, older: bool) {
        self.typed(|input, history| input.recall(history, older));
    }

    fn typed(&mut self, change: impl FnOnce(&mut FilterInput, &History) -> Option<String>) {
        let Some(input) = &mut self.input else { return };
        if let Some(filter) = change(input, &self.history)
            && filter != self.filter
        {
            self.use_filter(filter);
        }
    }

    pub(super) fn clear_filter(&mut self) {
        self.use_filter(String::new());
    }
}
