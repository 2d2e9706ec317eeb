//! A list that is sorted, selected in and scrolled at the console: what the user chose.
//!
//! What the user selected is a thing and not a row: when rows move, the selection goes with its
//! thing. Until something is selected, it stays in the first row, whatever is there.

use super::columns::{ColumnInfo, fit, neighbour};

/// `S` is what the list can be sorted by, `K` tells its things apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListView<S, K> {
    pub(crate) sort: S,
    pub(crate) ascending: bool,
    /// Row of the selected thing.
    pub(crate) selected: usize,
    selected_key: Option<K>,
    /// First row shown.
    pub(crate) top: usize,
}

impl<S: Copy + PartialEq, K: Clone + PartialEq> ListView<S, K> {
    /// Goes with the selected thing to its row among `keys`, of which `rows` fit on the screen.
    pub(super) fn follow(&mut self, keys: &[K], rows: usize) {
        self.top = self.top.min(keys.len().saturating_sub(rows));
        let Some(selected) = &self.selected_key else {
            return;
        };
        let row = keys.iter().position(|key| key == selected);
        let row = row.unwrap_or(self.selected.min(keys.len().saturating_sub(1)));
        self.select(row, keys, rows);
    }

    pub(super) fn select(&mut self, row: usize, keys: &[K], rows: usize) {
        self.selected = row;
        self.selected_key = keys.get(row).cloned();
        if row < self.top {
            self.top = row;
        } else if row >= self.top.saturating_add(rows) {
            self.top = row.saturating_sub(rows.saturating_sub(1));
        }
    }

    pub(super) fn go_to_top(&mut self) {
        self.selected = 0;
        self.selected_key = None;
        self.top = 0;
    }

    pub(super) fn sort_by_neighbour<C>(
        &mut self,
        columns: &'static [ColumnInfo<C, S>],
        width: u16,
        forward: bool,
    ) {
        let shown = fit(columns, width).into_iter().map(|(info, _)| info);
        if let Some(column) = neighbour(shown, self.sort, forward) {
            self.sort_by(column);
        }
    }

    /// Sorts by a column; inverts the order if it is sorted by already.
    pub(super) fn sort_by<C>(&mut self, column: &'static ColumnInfo<C, S>) {
        let Some(sort) = column.sort else { return };
        self.ascending = if self.sort == sort {
            !self.ascending
        } else {
            column.ascending_first
        };
        self.sort = sort;
        self.go_to_top();
    }

    pub(super) fn invert(&mut self) {
        self.ascending = !self.ascending;
        self.go_to_top();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selection_goes_with_its_thing() {
        let mut list = ListView::<(), char>::default();
        list.select(2, &['a', 'b', 'c', 'd'], 2);
        assert_eq!((list.selected, list.top), (2, 1));
        list.follow(&['c', 'a', 'b', 'd'], 2);
        assert_eq!((list.selected, list.top), (0, 0));
    }

    #[test]
    fn the_first_row_stays_selected_until_another_is() {
        let mut list = ListView::<(), char>::default();
        list.follow(&['a', 'b'], 5);
        list.follow(&['b', 'a'], 5);
        assert_eq!(list.selected, 0);
    }

    #[test]
    fn what_takes_the_place_of_a_thing_that_is_gone_is_selected() {
        let mut list = ListView::<(), char>::default();
        list.select(2, &['a', 'b', 'c'], 5);
        list.follow(&['a', 'b'], 5);
        assert_eq!(list.selected, 1);
        list.follow(&['b', 'a'], 5);
        assert_eq!(list.selected, 0);
        list.follow(&[], 5);
        assert_eq!((list.selected, list.top), (0, 0));
    }
}
