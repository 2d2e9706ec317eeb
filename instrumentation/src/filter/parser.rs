//! From text to [`Filter`], by recursive descent.
//!
//! ```text
//! or      = and { "or" and }
//! and     = unary { [ "and" ] unary }
//! unary   = ( "-" | "not" ) unary | primary
//! primary = "(" or ")" | FIELD OPERATOR VALUE | WORD
//! ```

use super::field::{self, Field, KINDS, NumberField, STATES, TextField, What};
use super::lexer::{Lexer, Operator, Piece, Token};
use super::value::{self, Time};
use super::{
    Compare, Expr, Filter, MAX_DEPTH, MAX_TERMS, Mistake, Term, Text, TextIndex, check_length,
    nearest,
};

pub(super) fn parse(text: &str) -> Result<Filter, Mistake> {
    check_length(text)?;
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    let mut parser = Parser {
        lexer,
        token,
        filter: Filter::default(),
        terms: 0,
    };
    if parser.token.is_none() {
        return Ok(parser.filter);
    }
    let expr = parser.or(0)?;
    if let Some(token) = &parser.token {
        return Err(parser.lexer.mistake(
            token.at,
            "there is no `(` that this `)` closes; to look for one, put it in quotes",
        ));
    }
    parser.filter.expr = Some(expr);
    Ok(parser.filter)
}

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The next piece.
    token: Option<Token<'t>>,
    filter: Filter,
    terms: usize,
}

/// A word with a meaning of its own, unless it stands in quotes.
fn keyword(token: Option<&Token<'_>>) -> Option<&'static str> {
    let Piece::Bare(word) = token?.piece else {
        return None;
    };
    ["or", "and", "not"]
        .into_iter()
        .find(|keyword| word.eq_ignore_ascii_case(keyword))
}

impl<'t> Parser<'t> {
    fn advance(&mut self) -> Result<Option<Token<'t>>, Mistake> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn at(&self) -> usize {
        self.token
            .as_ref()
            .map_or(self.lexer.end(), |token| token.at)
    }

    fn or(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut any = vec![self.and(depth)?];
        while keyword(self.token.as_ref()) == Some("or") {
            self.advance()?;
            any.push(self.and(depth)?);
        }
        Ok(one_or(any, Expr::Or))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let mut all = vec![self.unary(depth)?];
        loop {
            match (&self.token, keyword(self.token.as_ref())) {
                (None, _) | (_, Some("or")) => break,
                (Some(token), _) if token.piece == Piece::Close => break,
                (_, Some("and")) => {
                    self.advance()?;
                    all.push(self.unary(depth)?);
                }
                _ => all.push(self.unary(depth)?),
            }
        }
        Ok(one_or(all, Expr::And))
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let at = self.at();
        if depth > MAX_DEPTH {
            return Err(self.lexer.mistake(
                at,
                format!("this is nested deeper than {MAX_DEPTH}: make it simpler"),
            ));
        }
        let negated = keyword(self.token.as_ref()) == Some("not")
            || matches!(&self.token, Some(token) if token.piece == Piece::Minus);
        if negated {
            self.advance()?;
            return Ok(Expr::Not(Box::new(self.unary(depth + 1)?)));
        }
        self.primary(depth)
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, Mistake> {
        let at = self.at();
        if let Some(word) = keyword(self.token.as_ref()) {
            return Err(self.lexer.mistake(
                at,
                format!(
                    "something is missing before `{word}`; to look for the word, put it in quotes"
                ),
            ));
        }
        // A field takes its value from the text itself: its characters are not pieces.
        if let Some(Token {
            piece: Piece::Field(name, operator),
            ..
        }) = self.token
        {
            let term = self.comparison(at, name, operator)?;
            self.advance_past_value()?;
            return Ok(term);
        }
        let Some(token) = self.advance()? else {
            return Err(self
                .lexer
                .mistake(at, "something is missing at the end of the filter"));
        };
        match token.piece {
            Piece::Open => {
                let inner = self.or(depth + 1)?;
                match self.advance()? {
                    Some(token) if token.piece == Piece::Close => Ok(inner),
                    _ => Err(self.lexer.mistake(at, "this `(` is not closed")),
                }
            }
            Piece::Close => Err(self.lexer.mistake(
                at,
                "something is missing before this `)`; to look for one, put it in quotes",
            )),
            Piece::Bare(word) => self.word(at, word.to_owned()),
            Piece::Quoted(text) => self.word(at, text),
            Piece::Minus | Piece::Field(..) => {
                Err(self.lexer.mistake(at, "this is not understood"))
            }
        }
    }

    fn advance_past_value(&mut self) -> Result<(), Mistake> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn word(&mut self, at: usize, text: String) -> Result<Expr, Mistake> {
        let index = self.text(at, &text, false)?;
        Ok(Expr::Term(Term::Anywhere(index)))
    }

    /// Makes room for one more term.
    fn count_term(&mut self, at: usize) -> Result<(), Mistake> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.lexer.mistake(
                at,
                format!("a filter has at most {MAX_TERMS} words and comparisons: shorten it"),
            ));
        }
        Ok(())
    }

    /// Keeps a text that is looked for.
    fn text(&mut self, at: usize, text: &str, whole: bool) -> Result<TextIndex, Mistake> {
        self.count_term(at)?;
        let text = if whole {
            text.to_owned()
        } else {
            text.to_lowercase()
        };
        let index = self.filter.texts.len();
        self.filter.texts.push(Text { text, whole });
        // As many texts as terms: they fit.
        TextIndex::try_from(index).map_err(|_| self.lexer.mistake(at, "there are too many texts"))
    }

    fn comparison(
        &mut self,
        at: usize,
        name: &'t str,
        operator: Operator,
    ) -> Result<Expr, Mistake> {
        let Some(field) = field::named(name) else {
            return Err(self.unknown_field(at, name));
        };
        let end = self.lexer.here();
        let Some(value) = self.lexer.value()? else {
            let sign = operator.as_str();
            return Err(self
                .lexer
                .mistake(end, format!("a value is missing after `{name}{sign}`")));
        };
        let value_at = value.at;
        let value = match value.piece {
            Piece::Bare(word) => word.to_owned(),
            Piece::Quoted(text) => text,
            _ => String::new(),
        };
        let term = match field.what {
            What::Text(text) => {
                let whole = match operator {
                    Operator::Has | Operator::Contains => false,
                    Operator::Equal | Operator::NotEqual => true,
                    _ => return Err(self.wrong_operator(at, field, operator)),
                };
                self.text_term(at, text, &value, whole)?
            }
            What::State => Term::State(self.one_of(value_at, &value, &STATES)?),
            What::Kind => Term::Kind(self.one_of(value_at, &value, &KINDS)?),
            What::Number(number) => {
                let compare = self.compare(at, field, operator)?;
                self.number_term(value_at, number, compare, &value)?
            }
            What::Time(time) => {
                let compare = self.compare(at, field, operator)?;
                match value::time(&value).map_err(|what| self.lexer.mistake(value_at, what))? {
                    Time::Ns(ns) => Term::Time(time, compare, ns),
                    Time::Share(share) => Term::Share(time, compare, share),
                }
            }
        };
        if matches!(field.what, What::State | What::Kind) {
            match operator {
                Operator::Has | Operator::Contains | Operator::Equal | Operator::NotEqual => {}
                _ => return Err(self.wrong_operator(at, field, operator)),
            }
        }
        if !matches!(term, Term::In(..)) {
            self.count_term(at)?;
        }
        let term = Expr::Term(term);
        Ok(match operator {
            Operator::NotEqual => Expr::Not(Box::new(term)),
            _ => term,
        })
    }

    fn text_term(
        &mut self,
        at: usize,
        field: TextField,
        value: &str,
        whole: bool,
    ) -> Result<Term, Mistake> {
        Ok(Term::In(field, self.text(at, value, whole)?))
    }

    fn number_term(
        &self,
        at: usize,
        field: NumberField,
        compare: Compare,
        value: &str,
    ) -> Result<Term, Mistake> {
        if compare == Compare::Equal && field.may_be_absent() && value.eq_ignore_ascii_case("none")
        {
            return Ok(Term::Absent(field));
        }
        let count = value::count(value).map_err(|what| self.lexer.mistake(at, what))?;
        Ok(Term::Number(field, compare, count))
    }

    /// One of few values, or the beginning of just one of them.
    fn one_of(
        &self,
        at: usize,
        value: &str,
        known: &'static [&'static str],
    ) -> Result<&'static str, Mistake> {
        let value = value.to_ascii_lowercase();
        if let Some(exact) = known.iter().find(|known| **known == value) {
            return Ok(exact);
        }
        let mut begun = known.iter().filter(|known| known.starts_with(&value));
        match (begun.next(), begun.next()) {
            (Some(only), None) if !value.is_empty() => Ok(only),
            _ => Err(self
                .lexer
                .mistake(at, format!("`{value}` is none of {}", known.join(", ")))),
        }
    }

    fn compare(&self, at: usize, field: &Field, operator: Operator) -> Result<Compare, Mistake> {
        Ok(match operator {
            Operator::Has | Operator::Equal | Operator::NotEqual => Compare::Equal,
            Operator::Less => Compare::Less,
            Operator::LessOrEqual => Compare::LessOrEqual,
            Operator::More => Compare::More,
            Operator::MoreOrEqual => Compare::MoreOrEqual,
            Operator::Contains => return Err(self.wrong_operator(at, field, operator)),
        })
    }

    fn wrong_operator(&self, at: usize, field: &Field, operator: Operator) -> Mistake {
        self.lexer.mistake(
            at,
            format!(
                "`{}` does not go with `{}`: write one of {}",
                operator.as_str(),
                field.name,
                field.operators().join(" ")
            ),
        )
    }

    fn unknown_field(&self, at: usize, name: &str) -> Mistake {
        let short: String = name.chars().take(32).collect();
        let what = match nearest(name, field::names()) {
            Some(near) => format!("there is no field `{short}`: did you mean `{near}`?"),
            None => format!(
                "there is no field `{short}`; if it is a text to look for, put it in quotes"
            ),
        };
        self.lexer.mistake(at, what)
    }
}

/// What is cheap to tell stands first: it may spare the rest.
fn one_or(mut list: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    if list.len() == 1 {
        return list.remove(0);
    }
    list.sort_by_key(cost);
    join(list)
}

fn cost(expr: &Expr) -> u8 {
    match expr {
        Expr::Term(term) => match term {
            Term::Anywhere(_) => 4,
            Term::In(TextField::Fields, _) => 3,
            Term::In(TextField::Name, _) => 2,
            Term::In(TextField::Location | TextField::Waits, _) => 1,
            _ => 0,
        },
        Expr::Not(inner) => cost(inner),
        Expr::And(list) | Expr::Or(list) => list.iter().map(cost).max().unwrap_or(0),
    }
}
