//! What the user has settled before the console was started: a configuration file's part in the
//! state.

use super::columns::{self, Column};
use super::lints::Limits;

/// A filter with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedFilter {
    pub(crate) name: String,
    pub(crate) filter: String,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) filters: Vec<SavedFilter>,
    /// Columns of the task table, in their order. Never empty.
    pub(crate) columns: Vec<Column>,
    pub(crate) limits: Limits,
}

/// Filters that are there without a configuration file.
const FILTERS: [(&str, &str); 5] = [
    ("waits for a lock", "waits:mutex or waits:rwlock"),
    ("stuck", "state:idle since>10s -waits:sleep -waits:accept"),
    ("busy", "busy>=50% or longest>100ms"),
    ("starved", "state:scheduled since>100ms"),
    ("blocking pool", "kind:blocking"),
];

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            filters: FILTERS
                .iter()
                .map(|(name, filter)| SavedFilter {
                    name: (*name).into(),
                    filter: (*filter).into(),
                })
                .collect(),
            columns: columns::COLUMNS.iter().map(|info| info.column).collect(),
            limits: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zokio_instrumentation::filter::Filter;

    #[test]
    fn the_filters_that_are_there_can_be_read() {
        for saved in Settings::default().filters {
            assert!(Filter::parse(&saved.filter).is_ok(), "{}", saved.filter);
        }
    }
}
