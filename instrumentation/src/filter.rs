//! The language that tasks are filtered with.
//!
//! ```text
//! state:idle since>5s (waits:mutex or waits:rwlock) -name:"health check"
//! ```
//!
//! - A word alone is looked for everywhere: in name, kind, state, spawn place, id, waits and fields of
//!   spans. A text with blanks, parentheses or an operator in it goes in quotes; `\"` is a quote in
//!   there.
//! - `FIELD:VALUE`: a text contains the value, a number equals it. `FIELD=VALUE`: equals it to the
//!   letter. `FIELD!=VALUE`: does not. `FIELD~VALUE`: a text contains it.
//! - `>`, `>=`, `<` and `<=` compare. Times have a unit (`ns`, `µs` or `us`, `ms`, `s`, `m`, `h`),
//!   or are shares of the task's life (`busy>=10%`). Counts may have `k`, `M` or `G`.
//! - What stands side by side must hold all together, `or` means either, a `-` or `not` in front
//!   the opposite, parentheses group.
//!
//! [`fields`] lists the fields. Case matters only to `=` and `!=`. A task without a parent, say, has
//! no `parent` that one could compare with: only `!=` and `parent:none` hold.
//!
//! The server evaluates filters, and whoever asks for one may be an adversary: a filter has at most
//! [`MAX_BYTES`], [`MAX_TERMS`] and [`MAX_DEPTH`]; there is nothing in the language that takes more
//! than time proportional to terms and texts; and what is cheap to tell is told first.
//!
//! Pure: neither the server nor a clock is asked.

mod complete;
mod field;
mod lexer;
mod matcher;
mod parser;
mod value;

use std::fmt;

pub use complete::{Completion, complete};
pub use field::{Field, fields};
pub(crate) use matcher::{Matcher, total_ns};

/// The longest filter, in bytes.
pub const MAX_BYTES: usize = 1_024;

/// The most words and comparisons of a filter.
pub const MAX_TERMS: usize = 32;

/// How deep parentheses and negations may be nested.
pub const MAX_DEPTH: usize = 16;

/// A filter that has been understood. The default one lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// None: everything passes.
    expr: Option<Expr>,
    /// Every text that is looked for; terms name them by their index.
    texts: Vec<Text>,
}

/// What is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Term(Term),
}

/// One word or comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    /// The text is found anywhere.
    Anywhere(TextIndex),
    /// The text is found in a field.
    In(field::TextField, TextIndex),
    State(&'static str),
    Kind(&'static str),
    Number(field::NumberField, Compare, u64),
    /// Nanoseconds.
    Time(field::TimeField, Compare, u64),
    /// Millionths of the task's life.
    Share(field::TimeField, Compare, u64),
    /// The task has no such thing.
    Absent(field::NumberField),
}

/// Index of a text of a filter. There are at most [`MAX_TERMS`]: which of them hold of a place fits
/// a `u32`.
type TextIndex = u8;

const _: () = assert!(MAX_TERMS <= 32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

/// A text to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Text {
    /// In lower case, unless it is to be equal.
    text: String,
    /// To the letter, and all of it.
    whole: bool,
}

impl Filter {
    /// Reads a filter. Blanks alone are the filter that lets everything through.
    ///
    /// # Errors
    ///
    /// What is not understood, and where.
    ///
    /// ```
    /// use zokio_instrumentation::filter::Filter;
    ///
    /// assert!(Filter::parse("state:idle waits:mutex idle>5s").is_ok());
    /// let mistake = Filter::parse("state:idle idle>5x").unwrap_err();
    /// assert_eq!(mistake.column(), 17);
    /// ```
    pub fn parse(text: &str) -> Result<Filter, Mistake> {
        parser::parse(text)
    }

    /// The filter that looks for a text everywhere, whatever characters it has: what a filter was
    /// before protocol version 1.2.
    ///
    /// # Errors
    ///
    /// It has more than [`MAX_BYTES`].
    pub fn plain(text: &str) -> Result<Filter, Mistake> {
        check_length(text)?;
        if text.is_empty() {
            return Ok(Filter::default());
        }
        Ok(Filter {
            expr: Some(Expr::Term(Term::Anywhere(0))),
            texts: vec![Text {
                text: text.to_lowercase(),
                whole: false,
            }],
        })
    }

    /// Whether a text means the same to a server that takes every filter for a text to look for, as
    /// those before protocol version 1.2 do.
    pub fn is_plain(text: &str) -> bool {
        match (Filter::parse(text), Filter::plain(text)) {
            (Ok(read), Ok(plain)) => read == plain,
            _ => false,
        }
    }

    /// Whether every task passes.
    pub fn is_empty(&self) -> bool {
        self.expr.is_none()
    }
}

/// A text as a filter has to have it: in quotes if it needs them.
///
/// ```
/// use zokio_instrumentation::filter::quote;
///
/// assert_eq!(quote("src/db.rs"), "src/db.rs");
/// assert_eq!(quote("health check"), "\"health check\"");
/// ```
pub fn quote(text: &str) -> String {
    if !text.is_empty() && Filter::is_plain(text) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The filter that leaves the tasks spawned in one place.
pub fn spawned_at(file: &str, line: u32, column: u32) -> String {
    let place = format!("{file}:{line}:{column}");
    format!(
        "loc=\"{}\"",
        place.replace('\\', "\\\\").replace('"', "\\\"")
    )
}

/// What of a filter is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    column: usize,
    what: String,
}

impl Mistake {
    /// Where, in characters, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What, in words, without the place.
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} of the filter: {}", self.column, self.what)
    }
}

impl std::error::Error for Mistake {}

fn check_length(text: &str) -> Result<(), Mistake> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(Mistake {
        column: text
            .char_indices()
            .take_while(|(at, _)| *at < MAX_BYTES)
            .count()
            + 1,
        what: format!(
            "it has {} bytes, at most {MAX_BYTES} are allowed: shorten it",
            text.len()
        ),
    })
}

/// Which of the candidates was meant by a misspelt word, if any is near.
///
/// ```
/// use zokio_instrumentation::filter::nearest;
///
/// assert_eq!(nearest("stat", ["name", "state"]), Some("state"));
/// assert_eq!(nearest("xyz", ["name", "state"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are nobody's typo of ours, and would take time.
    if word.len() > 64 {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= candidate.len().min(word.len()).div_ceil(3).min(2)
                || (word.len() >= 2 && candidate.starts_with(&word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to be added, taken away or changed, to get from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(before + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
