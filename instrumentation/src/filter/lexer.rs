//! The pieces of a filter: brackets, words, quoted texts, fields with their operators.

use super::{Mistake, field};

/// A piece and the byte it begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) at: usize,
    pub(super) piece: Piece<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    Open,
    Close,
    /// A `-` in front of something.
    Minus,
    /// A word as it stands.
    Bare(&'t str),
    Quoted(String),
    /// A name in front of an operator, and the operator.
    Field(&'t str, Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Has,
    Contains,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

/// The longer ones first.
const OPERATORS: [(&str, Operator); 8] = [
    (">=", Operator::MoreOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    (":", Operator::Has),
    ("~", Operator::Contains),
    ("=", Operator::Equal),
    (">", Operator::More),
    ("<", Operator::Less),
];

impl Operator {
    pub(super) fn as_str(self) -> &'static str {
        OPERATORS
            .iter()
            .find(|(_, operator)| *operator == self)
            .map_or("", |(text, _)| text)
    }
}

/// Reads a filter piece by piece.
#[derive(Debug)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: 0 }
    }

    /// A mistake at a byte of the text.
    pub(super) fn mistake(&self, at: usize, what: impl Into<String>) -> Mistake {
        Mistake {
            column: self.text.get(..at).unwrap_or(self.text).chars().count() + 1,
            what: what.into(),
        }
    }

    /// The end of the text, without trailing blanks: where something is missing.
    pub(super) fn end(&self) -> usize {
        self.text.trim_end().len()
    }

    /// Where the next piece is looked for.
    pub(super) fn here(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next piece. None: there are no more.
    pub(super) fn next(&mut self) -> Result<Option<Token<'t>>, Mistake> {
        self.skip_blanks();
        let at = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let piece = match first {
            '(' | ')' => {
                self.at += 1;
                if first == '(' {
                    Piece::Open
                } else {
                    Piece::Close
                }
            }
            '"' => Piece::Quoted(self.quoted()?),
            '-' if rest[1..].starts_with(|c: char| !c.is_whitespace() && c != ')') => {
                self.at += 1;
                Piece::Minus
            }
            '-' => {
                return Err(self.mistake(
                    at,
                    "nothing follows the `-`: write what is not to hold next to it",
                ));
            }
            _ => match self.field() {
                Some((name, operator)) => Piece::Field(name, operator),
                None => Piece::Bare(self.bare()),
            },
        };
        Ok(Some(Token { at, piece }))
    }

    /// The value after an operator: a quoted text or whatever stands up to a blank or bracket.
    pub(super) fn value(&mut self) -> Result<Option<Token<'t>>, Mistake> {
        self.skip_blanks();
        let at = self.at;
        let piece = match self.rest().chars().next() {
            None | Some('(' | ')') => return Ok(None),
            Some('"') => Piece::Quoted(self.quoted()?),
            Some(_) => Piece::Bare(self.bare()),
        };
        Ok(Some(Token { at, piece }))
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn bare(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
        let end = rest.find(ends).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self) -> Result<String, Mistake> {
        let begin = self.at;
        let mut out = String::new();
        let mut chars = self.rest()[1..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = begin + 1 + at + 1;
                    return Ok(out);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => out.push(c),
                    Some((_, c)) => out.extend(['\\', c]),
                    None => break,
                },
                c => out.push(c),
            }
        }
        Err(self.mistake(begin, "the quote is not closed"))
    }

    /// A name in front of an operator. Blanks may stand between a known name and an operator other
    /// than `:`. Places and paths (`db.rs:31`, `a::b`, `C:\x`) are none.
    fn field(&mut self) -> Option<(&'t str, Operator)> {
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_alphabetic() && c != '_')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(length);
        if name.is_empty() {
            return None;
        }
        let known = field::named(name).is_some();
        let spaced = after.trim_start();
        let is_spaced = spaced.len() < after.len();
        if is_spaced && (!known || spaced.starts_with(':')) {
            return None;
        }
        let found = OPERATORS.iter().find(|(text, _)| spaced.starts_with(text));
        let (text, operator) = found?;
        let beyond = &spaced[text.len()..];
        let is_path = *text == ":" && beyond.starts_with([':', '\\', '/']) && !known;
        if is_path || (*text == ":" && beyond.starts_with(':')) {
            return None;
        }
        self.at = self.text.len() - beyond.len();
        Some((name, *operator))
    }
}
