//! Bearer tokens: what grants what, and comparing without telling how much of a guess was right.

use std::fmt;
use std::hint::black_box;
use std::path::Path;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tonic::{Request, Status};

use crate::error::{Error, Kind};

/// A token shorter than this could be guessed.
const MIN_LENGTH: usize = 16;

/// A longer one might not fit into the headers that are read.
const MAX_LENGTH: usize = 1024;

/// A secret that a request shows as `Authorization: Bearer …`. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(Vec<u8>);

impl Token {
    /// Reads a token: 16 to 1,024 visible ASCII characters, white space around them left out.
    /// `name` is what the error calls it; the text, which may be a secret mistyped, is not shown.
    pub(crate) fn new(name: &str, text: &str) -> Result<Token, Error> {
        let text = text.trim();
        let problem = match text.len() {
            0 => Some("is empty"),
            1..MIN_LENGTH => Some("is shorter than 16 characters, which could be guessed"),
            n if n > MAX_LENGTH => Some("is longer than 1,024 characters"),
            _ if !text.bytes().all(|b| b.is_ascii_graphic()) => {
                Some("has characters other than visible ASCII")
            }
            _ => None,
        };
        match problem {
            None => Ok(Token(text.as_bytes().to_owned())),
            Some(problem) => Err(Kind::Token {
                name: name.to_owned(),
                problem,
            }
            .into()),
        }
    }

    /// Reads a token from a file that holds nothing else.
    pub(crate) fn from_file(name: &str, path: &Path) -> Result<Token, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Kind::File {
            what: name.to_owned(),
            path: path.to_owned(),
            source: e,
        })?;
        Token::new(&format!("the token in {}", path.display()), &text)
    }

    /// The secret itself.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.0).unwrap_or_default()
    }

    /// Whether `guess` is this token.
    ///
    /// The time it takes depends on the length of the token, and on nothing else of it:
    ///
    /// 1. The loop runs once for each byte of the token. It has no way out, and `black_box` keeps
    ///    the compiler from finding one: it must assume that `difference` is anything after each
    ///    round, so no round can be skipped because of an earlier one.
    /// 2. Which byte of the guess is looked at, or zero beyond its end, depends on the round and the
    ///    length of the guess, which the guesser knows.
    /// 3. A round is an exclusive or and an or, whose time does not depend on what they are given.
    ///
    /// It is right: `difference` stays zero exactly if the lengths are equal and so is each byte.
    fn is(&self, guess: &[u8]) -> bool {
        let mut difference = self.0.len() ^ guess.len();
        for (i, byte) in self.0.iter().enumerate() {
            let guessed = guess.get(i).copied().unwrap_or(0);
            difference = black_box(difference | usize::from(byte ^ guessed));
        }
        difference == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant {
    /// Look.
    Read,
    /// Look, and change what other viewers see.
    Control,
}

/// Refuses a request that may only look; `what` it asks for goes into the words. What it may do was
/// noted by the router.
pub(crate) fn check_control<T>(request: &Request<T>, what: &str) -> Result<(), Status> {
    if request.extensions().get() == Some(&Grant::Control) {
        return Ok(());
    }
    Err(Status::permission_denied(format!(
        "the token shown lets one look only: to {what}, show the control token"
    )))
}

/// What the token of a request was worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Right(Grant),
    Wrong,
    Nothing,
}

/// The tokens of a server. Without any, everything is allowed; with one, nothing is without.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    pub(crate) read: Option<Token>,
    pub(crate) control: Option<Token>,
}

impl Tokens {
    pub(crate) fn are_set(&self) -> bool {
        self.read.is_some() || self.control.is_some()
    }

    /// Looks at the token of a request. Both are compared always, so that the time does not tell
    /// which was nearer.
    pub(crate) fn judge(&self, headers: &HeaderMap) -> Shown {
        if !self.are_set() {
            return Shown::Right(Grant::Control);
        }
        let mut shown = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = shown.next() else {
            return Shown::Nothing;
        };
        // Of two it would be unclear which one is meant.
        let (Some(guess), None) = (bearer(value.as_bytes()), shown.next()) else {
            return Shown::Wrong;
        };
        let is = |token: &Option<Token>| token.as_ref().is_some_and(|t| t.is(guess));
        match (is(&self.control), is(&self.read)) {
            (true, _) => Shown::Right(Grant::Control),
            (false, true) => Shown::Right(Grant::Read),
            (false, false) => Shown::Wrong,
        }
    }
}

/// The token in `Bearer TOKEN` (RFC 6750; the scheme in any case).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: &str = "read-0123456789abcdef";
    const CONTROL: &str = "control-0123456789abcdef";

    fn token(text: &str) -> Token {
        Token::new("the token", text).unwrap()
    }

    fn judge(tokens: &Tokens, values: &[&str]) -> Shown {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        tokens.judge(&headers)
    }

    fn both() -> Tokens {
        Tokens {
            read: Some(token(READ)),
            control: Some(token(CONTROL)),
        }
    }

    #[test]
    fn without_tokens_everything_is_allowed() {
        assert_eq!(judge(&Tokens::default(), &[]), Shown::Right(Grant::Control));
    }

    #[test]
    fn each_token_grants_what_it_is_for() {
        let bearer = |t: &str| format!("Bearer {t}");
        assert_eq!(judge(&both(), &[&bearer(READ)]), Shown::Right(Grant::Read));
        assert_eq!(
            judge(&both(), &[&bearer(CONTROL)]),
            Shown::Right(Grant::Control)
        );
        assert_eq!(
            judge(&both(), &[&format!("bEARER  {READ} ")]),
            Shown::Right(Grant::Read)
        );
        assert_eq!(judge(&both(), &[]), Shown::Nothing);
    }

    #[test]
    fn everything_else_is_wrong() {
        for value in [
            "",
            "Bearer",
            "Bearer ",
            "Basic cmVhZDo=",
            READ,
            "Bearer read-0123456789abcdeF",
            "Bearer read-0123456789abcde",
            "Bearer read-0123456789abcdef0",
        ] {
            assert_eq!(judge(&both(), &[value]), Shown::Wrong, "{value}");
        }
        let right = format!("Bearer {READ}");
        assert_eq!(judge(&both(), &[&right, &right]), Shown::Wrong);
    }

    #[test]
    fn with_a_control_token_alone_looking_needs_it_too() {
        let tokens = Tokens {
            read: None,
            control: Some(token(CONTROL)),
        };
        assert_eq!(judge(&tokens, &[]), Shown::Nothing);
        assert_eq!(
            judge(&tokens, &[&format!("Bearer {CONTROL}")]),
            Shown::Right(Grant::Control)
        );
    }

    #[test]
    fn every_single_byte_counts() {
        let secret = token(READ);
        assert!(secret.is(READ.as_bytes()));
        for i in 0..READ.len() {
            let mut guess = READ.as_bytes().to_owned();
            guess[i] ^= 1;
            assert!(!secret.is(&guess), "{i}");
            assert!(!secret.is(&READ.as_bytes()[..i]), "{i}");
        }
        // Zeros beyond the end of a guess are no part of it.
        assert!(!secret.is(&[]));
    }

    #[test]
    fn poor_tokens_are_refused_without_being_shown() {
        let complaint = |text: &str| Token::new("X", text).unwrap_err();
        assert!(complaint(" \n").to_string().starts_with("X is empty"));
        for text in [
            "hunter2hunter2",
            "with a space in its middle",
            &"x".repeat(1_025),
        ] {
            let error = complaint(text);
            assert!(error.is_setting());
            assert!(!error.to_string().contains(text), "{error}");
            assert!(!format!("{error:?}").contains(text), "{error:?}");
        }
        assert_eq!(token(&format!(" {READ}\n")), token(READ));
    }

    #[test]
    fn debug_does_not_show_it() {
        assert!(!format!("{:?}", both()).contains("0123"));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let error = Token::from_file("the token's file", Path::new("/nonexistent/token"));
        let text = error.unwrap_err().to_string();
        assert!(text.contains("/nonexistent/token"), "{text}");
    }
}
