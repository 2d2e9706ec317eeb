//! What could be meant by the word that is being typed.

use super::field::{self, fields};

/// What a word could become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// Byte of the text where the word begins.
    pub start: usize,
    /// What could stand there instead, in the order of the table of fields.
    pub candidates: Vec<String>,
}

/// What could be meant at the byte `cursor` of a filter: fields with their usual operator, or the
/// values of a field that has few.
///
/// ```
/// use zokio_instrumentation::filter::complete;
///
/// assert_eq!(complete("idle>5s sta", 11).candidates, ["state:"]);
/// assert_eq!(complete("state:s", 7).candidates, ["scheduled"]);
/// ```
pub fn complete(text: &str, cursor: usize) -> Completion {
    let Some(before) = text.get(..cursor) else {
        return Completion::default();
    };
    // In quotes everything is text.
    if before.matches('"').count() % 2 == 1 {
        return Completion::default();
    }
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
    let mut start = before.rfind(is_edge).map_or(0, |at| {
        at + before[at..].chars().next().map_or(0, char::len_utf8)
    });
    start += before[start..].len() - before[start..].trim_start_matches('-').len();
    let word = &before[start..];
    if let Some(at) = word.find([':', '=', '~', '<', '>', '!']) {
        let name = &word[..at];
        let sign = word[at..].len()
            - word[at..]
                .trim_start_matches([':', '=', '~', '<', '>', '!'])
                .len();
        let value = &word[at + sign..];
        let values = field::named(name).map_or(&[][..], |field| field.values());
        return Completion {
            start: start + at + sign,
            candidates: beginning_with(values.iter().copied(), value)
                .map(str::to_owned)
                .collect(),
        };
    }
    let candidates = fields()
        .iter()
        .filter(|field| begins(field.name, word) && !word.is_empty())
        .map(|field| format!("{}{}", field.name, field.operators()[0]))
        .collect();
    Completion { start, candidates }
}

fn beginning_with<'a>(
    words: impl Iterator<Item = &'a str>,
    prefix: &str,
) -> impl Iterator<Item = &'a str> {
    words.filter(move |word| begins(word, prefix))
}

fn begins(word: &str, prefix: &str) -> bool {
    word.get(..prefix.len())
        .is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}
