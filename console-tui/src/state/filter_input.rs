//! The filter while it is being typed: what it means so far, what could follow, what was typed
//! before.

use zokio_instrumentation::filter::{Filter, Mistake, complete, fields};

use super::line_edit::LineEdit;

/// Longest filter that can be typed, in characters.
const MAX_FILTER: usize = 512;

/// Filters that are remembered.
const MAX_HISTORY: usize = 50;

/// The line in which a filter is typed.
#[derive(Debug, Clone)]
pub(crate) struct FilterInput {
    pub(crate) line: LineEdit,
    /// Why it cannot be used as it stands.
    pub(crate) mistake: Option<Mistake>,
    /// The filter before typing began.
    pub(super) before: String,
    /// Whether the server knows the language.
    is_language: bool,
    /// Index in the history; its length: what is typed is new.
    history_at: usize,
    /// What was typed before the history was looked at.
    draft: String,
    cycle: Option<Cycle>,
}

/// Completions that are gone through with one key.
#[derive(Debug, Clone)]
struct Cycle {
    start: usize,
    candidates: Vec<String>,
    chosen: usize,
}

/// What helps with what is being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    Nothing,
    /// What the word could become, and which of it stands there.
    Candidates(Vec<String>, Option<usize>),
    /// What the field is.
    Field {
        name: &'static str,
        help: &'static str,
    },
}

impl FilterInput {
    pub(super) fn new(filter: String, is_language: bool, history: &History) -> FilterInput {
        FilterInput {
            line: LineEdit::new(filter.clone()),
            mistake: None,
            before: filter,
            is_language,
            history_at: history.entries.len(),
            draft: String::new(),
            cycle: None,
        }
    }

    /// Changes the line; gives back what it says if that is a filter.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut LineEdit)) -> Option<String> {
        self.cycle = None;
        change(&mut self.line);
        self.read()
    }

    fn read(&mut self) -> Option<String> {
        let text = self.line.text();
        self.mistake = if self.is_language {
            Filter::parse(text).err()
        } else {
            Filter::plain(text).err()
        };
        self.mistake.is_none().then(|| text.to_owned())
    }

    pub(super) fn type_char(&mut self, c: char) -> Option<String> {
        if c.is_control() || self.line.text().chars().count() >= MAX_FILTER {
            return None;
        }
        self.change(|line| line.insert(c))
    }

    /// Completes the word at the cursor; called again, with what else it could be.
    pub(super) fn complete(&mut self) -> Option<String> {
        let mut cycle = match self.cycle.take() {
            Some(cycle) => Cycle {
                chosen: (cycle.chosen + 1) % cycle.candidates.len(),
                ..cycle
            },
            None => {
                let found = self.candidates()?;
                Cycle {
                    start: found.0,
                    candidates: found.1,
                    chosen: 0,
                }
            }
        };
        let chosen = cycle.candidates.get(cycle.chosen)?.clone();
        self.line.replace_before(cycle.start, &chosen);
        // With a single one there is nothing to go through: the next word can be completed.
        if cycle.candidates.len() > 1 {
            cycle.chosen = cycle.chosen.min(cycle.candidates.len() - 1);
            self.cycle = Some(cycle);
        }
        self.read()
    }

    fn candidates(&self) -> Option<(usize, Vec<String>)> {
        if !self.is_language {
            return None;
        }
        let found = complete(self.line.text(), self.line.cursor());
        (!found.candidates.is_empty()).then_some((found.start, found.candidates))
    }

    pub(crate) fn hint(&self) -> Hint {
        if let Some(cycle) = &self.cycle {
            return Hint::Candidates(cycle.candidates.clone(), Some(cycle.chosen));
        }
        if let Some((_, candidates)) = self.candidates() {
            // What is written out already needs no completion.
            let done = candidates
                .iter()
                .any(|one| self.line.text()[..self.line.cursor()].ends_with(one.as_str()));
            if !done {
                return Hint::Candidates(candidates, None);
            }
        }
        self.field().unwrap_or(Hint::Nothing)
    }

    /// The field whose value is being typed.
    fn field(&self) -> Option<Hint> {
        let before = &self.line.text()[..self.line.cursor()];
        let word = before.rsplit([' ', '(', '-']).next()?;
        let name = word.split([':', '=', '~', '<', '>', '!']).next()?;
        let field = fields()
            .iter()
            .find(|field| self.is_language && name.len() < word.len() && field.name() == name)?;
        Some(Hint::Field {
            name: field.name(),
            help: field.help(),
        })
    }

    /// Goes to the filter before, or back.
    pub(super) fn recall(&mut self, history: &History, older: bool) -> Option<String> {
        let entries = &history.entries;
        if self.history_at >= entries.len() {
            self.draft = self.line.text().to_owned();
        }
        self.history_at = if older {
            self.history_at.checked_sub(1)?
        } else {
            (self.history_at + 1).min(entries.len())
        };
        let text = entries.get(self.history_at).unwrap_or(&self.draft).clone();
        self.change(|line| *line = LineEdit::new(text))
    }
}

/// The filters that were used, the latest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    entries: Vec<String>,
}

impl History {
    pub(super) fn add(&mut self, filter: &str) {
        if filter.trim().is_empty() {
            return;
        }
        self.entries.retain(|known| known != filter);
        self.entries.push(filter.to_owned());
        if self.entries.len() > MAX_HISTORY {
            self.entries.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, is_language: bool) -> FilterInput {
        let mut input = FilterInput::new(String::new(), is_language, &History::default());
        for c in text.chars() {
            input.type_char(c);
        }
        input
    }

    #[test]
    fn a_word_is_completed_and_completions_are_gone_through() {
        let mut input = typed("-sta", true);
        assert_eq!(input.hint(), Hint::Candidates(vec!["state:".into()], None));
        input.complete();
        assert_eq!(input.line.text(), "-state:");
        let states = ["busy", "scheduled", "idle", "done", "busy"];
        for state in states {
            assert_eq!(input.complete(), Some(format!("-state:{state}")));
        }
        input.type_char(' ');
        assert_eq!(input.complete(), None, "nothing has begun");
    }

    #[test]
    fn a_server_that_knows_no_language_gets_any_text() {
        let mut input = typed("state:(", false);
        assert_eq!(input.mistake, None);
        assert_eq!((input.hint(), input.complete()), (Hint::Nothing, None));
        assert!(typed("state:(", true).mistake.is_some());
    }

    #[test]
    fn a_field_is_explained_while_its_value_is_typed() {
        let input = typed("conn -idle>5", true);
        assert!(matches!(input.hint(), Hint::Field { name: "idle", .. }));
        assert_eq!(input.mistake.map(|m| m.column()), Some(12));
    }

    #[test]
    fn the_history_is_walked_and_left_again() {
        let mut history = History::default();
        for filter in ["one", "two", "one", " "] {
            history.add(filter);
        }
        let mut input = FilterInput::new(String::new(), true, &history);
        input.type_char('x');
        assert_eq!(input.recall(&history, true).as_deref(), Some("one"));
        assert_eq!(input.recall(&history, true).as_deref(), Some("two"));
        assert_eq!(input.recall(&history, true), None);
        assert_eq!(input.recall(&history, false).as_deref(), Some("one"));
        assert_eq!(input.recall(&history, false).as_deref(), Some("x"));
        assert_eq!(input.recall(&history, false).as_deref(), Some("x"));
    }

    #[test]
    fn a_history_and_a_line_have_an_end() {
        let mut history = History::default();
        for n in 0..MAX_HISTORY + 5 {
            history.add(&n.to_string());
        }
        assert_eq!(history.entries.len(), MAX_HISTORY);
        let long = typed(&"ü".repeat(MAX_FILTER + 5), true);
        assert_eq!(long.line.text().chars().count(), MAX_FILTER);
        assert_eq!(long.mistake, None);
    }
}
