//! Whether a task passes a filter.
//!
//! Places, kinds and operations are few and shared by many tasks: which texts of the filter hold of
//! one is found out once, and kept as one bit a text. Names and fields are looked at each time.

use std::collections::HashMap;

use super::field::{NumberField, TextField, TimeField};
use crate::row::{PlaceKey, SourcePlace, TaskRow, WaitRow};

use super::{Compare, Expr, Filter, Term, Text, TextIndex};

/// Bit `i`: text `i` of the filter holds.
type Texts = u32;

/// Evaluates one filter over many tasks of one moment.
#[derive(Debug)]
pub(crate) struct Matcher<'f> {
    filter: &'f Filter,
    /// The moment, on telemetry's clock.
    now_ns: u64,
    places: HashMap<PlaceKey, Texts>,
    operations: HashMap<(*const str, *const str), Texts>,
}

impl<'f> Matcher<'f> {
    pub(crate) fn new(filter: &'f Filter, now_ns: u64) -> Matcher<'f> {
        Matcher {
            filter,
            now_ns,
            places: HashMap::new(),
            operations: HashMap::new(),
        }
    }

    pub(crate) fn passes(&mut self, task: &impl TaskRow) -> bool {
        let filter = self.filter;
        filter
            .expr
            .as_ref()
            .is_none_or(|expr| self.holds(expr, task))
    }

    fn holds(&mut self, expr: &Expr, task: &impl TaskRow) -> bool {
        match expr {
            Expr::And(all) => all.iter().all(|expr| self.holds(expr, task)),
            Expr::Or(any) => any.iter().any(|expr| self.holds(expr, task)),
            Expr::Not(inner) => !self.holds(inner, task),
            Expr::Term(term) => self.term(term, task),
        }
    }

    fn term(&mut self, term: &Term, task: &impl TaskRow) -> bool {
        match *term {
            Term::Anywhere(text) => self.anywhere(text, task),
            Term::In(TextField::Name, text) => self.text(text).holds(task.name()),
            Term::In(TextField::Location, text) => bit(self.place(task.place()), text),
            Term::In(TextField::Waits, text) => self.waits(text, task),
            Term::In(TextField::Fields, text) => self.fields(text, task),
            Term::State(state) => task.state() == state,
            Term::Kind(kind) => task.kind() == kind,
            Term::Number(field, compare, with) => {
                number(field, task, |value| compare.holds(value, with))
            }
            Term::Absent(field) => !number(field, task, |_| true),
            Term::Time(field, compare, with) => self
                .time(field, task)
                .is_some_and(|ns| compare.holds(ns, with)),
            Term::Share(field, compare, millionths) => {
                let Some(ns) = self.time(field, task) else {
                    return false;
                };
                compare.holds(
                    u128::from(ns) * 1_000_000,
                    u128::from(total_ns(task)) * u128::from(millionths),
                )
            }
        }
    }

    fn text(&self, index: TextIndex) -> &'f Text {
        &self.filter.texts[usize::from(index)]
    }

    fn anywhere(&mut self, index: TextIndex, task: &impl TaskRow) -> bool {
        let text = self.text(index);
        text.holds(task.state())
            || text.holds(task.kind())
            || text.in_id(task.id())
            || bit(self.place(task.place()), index)
            || self.waits(index, task)
            || (!task.name().is_empty() && text.holds(task.name()))
            || task.any_field(|name, value| text.holds_of_field(name, value))
    }

    /// Any of its fields; an empty text that is to be equal: no fields.
    fn fields(&self, index: TextIndex, task: &impl TaskRow) -> bool {
        let text = self.text(index);
        let mut has_some = false;
        task.any_field(|name, value| {
            has_some = true;
            text.holds_of_field(name, value)
        }) || (!has_some && text.holds(""))
    }

    /// Any of its waits; an empty text that is to be equal: no waits.
    fn waits(&mut self, index: TextIndex, task: &impl TaskRow) -> bool {
        let mut waits = task.waits().peekable();
        if waits.peek().is_none() {
            return self.text(index).holds("");
        }
        waits.any(|wait| {
            bit(self.operation(&wait), index)
                || wait
                    .place
                    .is_some_and(|place| bit(self.place(place), index))
        })
    }

    /// The places looked at live as long as the tasks: those of one key are one.
    fn place(&mut self, place: SourcePlace<'_>) -> Texts {
        let filter = self.filter;
        *self.places.entry(place.key()).or_insert_with(|| {
            let whole = place.to_string();
            // FILE:LINE is enough to be equal.
            let line = whole.rfind(':').map_or("", |at| &whole[..at]);
            texts(filter, |text| {
                text.holds(&whole) || (text.whole && text.text == line)
            })
        })
    }

    fn operation(&mut self, wait: &WaitRow<'_>) -> Texts {
        let filter = self.filter;
        let key = (wait.kind as *const str, wait.operation as *const str);
        *self.operations.entry(key).or_insert_with(|| {
            let both = format!("{}.{}", wait.kind, wait.operation);
            texts(filter, |text| {
                text.holds(&both) || (text.whole && text.text == wait.kind)
            })
        })
    }

    /// None: there is nothing to be measured.
    fn time(&self, field: TimeField, task: &impl TaskRow) -> Option<u64> {
        Some(match field {
            TimeField::Total => total_ns(task),
            TimeField::Busy => task.busy_ns(),
            TimeField::Scheduled => task.scheduled_ns(),
            TimeField::Idle => task.idle_ns(),
            TimeField::Since => self.now_ns.saturating_sub(task.state_since_ns()),
            TimeField::Waiting => {
                let oldest = task.waits().map(|wait| wait.since_ns).min()?;
                self.now_ns.saturating_sub(oldest)
            }
            TimeField::LongestPoll => task.longest_poll_ns(),
            TimeField::MeanPoll => task.busy_ns().checked_div(task.polls())?,
        })
    }
}

fn texts(filter: &Filter, holds: impl Fn(&Text) -> bool) -> Texts {
    let mut bits = 0;
    for (at, text) in filter.texts.iter().enumerate() {
        bits |= Texts::from(holds(text)) << at;
    }
    bits
}

fn bit(texts: Texts, index: TextIndex) -> bool {
    texts >> index & 1 == 1
}

/// Whether a number of the task, or one of its numbers, is as wanted.
fn number(field: NumberField, task: &impl TaskRow, is: impl Fn(u64) -> bool) -> bool {
    match field {
        NumberField::Id => is(task.id()),
        NumberField::Parent => task.parent().is_some_and(is),
        NumberField::Worker => task.worker().is_some_and(is),
        NumberField::Polls => is(task.polls()),
        NumberField::Wakes => is(task.wakes()),
        NumberField::SelfWakes => is(task.self_wakes()),
        NumberField::Wakers => is(task.live_wakers()),
        NumberField::Size => task.future_bytes().is_some_and(is),
        NumberField::Holder => task.waits().filter_map(|wait| wait.holder).any(is),
        NumberField::Resource => task
            .waits()
            .map(|wait| wait.resource)
            .filter(|resource| *resource != 0)
            .any(is),
    }
}

pub(crate) fn total_ns(task: &impl TaskRow) -> u64 {
    task.busy_ns()
        .saturating_add(task.scheduled_ns())
        .saturating_add(task.idle_ns())
}

impl Compare {
    fn holds<T: Ord>(self, value: T, with: T) -> bool {
        match self {
            Compare::Equal => value == with,
            Compare::Less => value < with,
            Compare::LessOrEqual => value <= with,
            Compare::More => value > with,
            Compare::MoreOrEqual => value >= with,
        }
    }
}

impl Text {
    fn holds(&self, of: &str) -> bool {
        if self.whole {
            of == self.text
        } else {
            contains(of, &self.text)
        }
    }

    /// To be equal, the value is enough.
    fn holds_of_field(&self, name: &str, value: &str) -> bool {
        self.holds(&format!("{name}={value}")) || (self.whole && self.text == value)
    }

    fn in_id(&self, id: u64) -> bool {
        !self.text.is_empty()
            && self.text.bytes().all(|b| b.is_ascii_digit())
            && id.to_string().contains(&self.text)
    }
}

/// Whether `text` contains `needle`, which is in lower case, whatever the case of `text`.
fn contains(text: &str, needle: &str) -> bool {
    let Some(&first) = needle.as_bytes().first() else {
        return true;
    };
    if !text.is_ascii() {
        return text.to_lowercase().contains(needle);
    }
    text.len() >= needle.len()
        && text.as_bytes().windows(needle.len()).any(|window| {
            window[0].eq_ignore_ascii_case(&first) && window.eq_ignore_ascii_case(needle.as_bytes())
        })
}
