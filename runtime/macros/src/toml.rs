//! A scanner for the part of TOML that Cargo manifests use to name dependencies.
//!
//! Purpose: list the string and boolean values of a document with their full key paths, inline
//! tables flattened: `tokio = { package = "zokio" }` under `[dependencies]` gives
//! `dependencies.tokio.package = "zokio"`.
//!
//! Non-goals: validation (Cargo has read the manifest before any macro runs), numbers, dates and
//! the contents of arrays: they are skipped. What the scanner cannot read ends the scan; everything
//! found before that is kept.

/// A value that the scanner keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string, of any of TOML's four kinds.
    Str(String),
    /// `true` or `false`.
    Bool(bool),
    /// Anything else.
    Other,
}

/// A value and the keys that lead to it from the document's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
}

/// The entries of a document, in its order.
pub(crate) fn scan(document: &str) -> Vec<Entry> {
    let mut scanner = Scanner {
        rest: document,
        entries: Vec::new(),
    };
    let _ = scanner.document();
    scanner.entries
}

struct Scanner<'a> {
    rest: &'a str,
    entries: Vec<Entry>,
}

/// `None` from here on means: not TOML that this scanner understands, stop.
impl Scanner<'_> {
    fn document(&mut self) -> Option<()> {
        let mut table: Vec<String> = Vec::new();
        loop {
            self.skip_blank(true);
            match self.peek() {
                None => return Some(()),
                Some('[') => {
                    self.advance(1);
                    let array = self.eat('[');
                    table = self.key_path()?;
                    self.expect(']')?;
                    if array {
                        self.expect(']')?;
                    }
                }
                Some(_) => self.key_value(&table)?,
            }
        }
    }

    fn key_value(&mut self, table: &[String]) -> Option<()> {
        let mut path = table.to_vec();
        path.extend(self.key_path()?);
        self.expect('=')?;
        self.skip_blank(false);
        self.value(path)
    }

    fn value(&mut self, path: Vec<String>) -> Option<()> {
        let value = match self.peek()? {
            '{' => return self.inline_table(&path),
            '[' => {
                self.skip_array()?;
                Value::Other
            }
            '"' | '\'' => Value::Str(self.string()?),
            _ => match self
                .bare(|c| !matches!(c, ',' | '}' | ']' | '#' | '\n' | '\r'))?
                .trim()
            {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => Value::Other,
            },
        };
        self.entries.push(Entry { path, value });
        Some(())
    }

    fn inline_table(&mut self, path: &[String]) -> Option<()> {
        self.expect('{')?;
        loop {
            self.skip_blank(true);
            if self.eat('}') {
                return Some(());
            }
            self.key_value(path)?;
            self.skip_blank(true);
            if !self.eat(',') {
                return self.expect('}');
            }
        }
    }

    /// Skips an array with everything in it; strings may hold brackets, so they are read as strings.
    fn skip_array(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            self.skip_blank(true);
            match self.peek()? {
                '"' | '\'' => {
                    self.string()?;
                }
                c => {
                    self.advance(c.len_utf8());
                    match c {
                        '[' | '{' => depth += 1,
                        ']' | '}' => depth -= 1,
                        _ => {}
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn key_path(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.skip_blank(false);
            path.push(match self.peek()? {
                '"' | '\'' => self.string()?,
                _ => self
                    .bare(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))?
                    .to_owned(),
            });
            self.skip_blank(false);
            if !self.eat('.') {
                return Some(path);
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        for quote in ["\"\"\"", "'''"] {
            if let Some(rest) = self.rest.strip_prefix(quote) {
                let end = rest.find(quote)?;
                let text = rest[..end].to_owned();
                self.rest = &rest[end + quote.len()..];
                // Up to two more quotes may belong to the text; names never end so.
                self.rest = self.rest.trim_start_matches(&quote[..1]);
                return Some(text);
            }
        }
        let quote = self.peek()?;
        self.advance(1);
        let mut text = String::new();
        loop {
            let c = self.peek()?;
            self.advance(c.len_utf8());
            match c {
                c if c == quote => return Some(text),
                '\n' => return None,
                // The escapes of names and paths; the others do not matter to a dependency's name.
                '\\' if quote == '"' => {
                    let escaped = self.peek()?;
                    self.advance(escaped.len_utf8());
                    text.push(escaped);
                }
                c => text.push(c),
            }
        }
    }

    fn bare(&mut self, accept: impl Fn(char) -> bool) -> Option<&str> {
        let end = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!text.is_empty()).then_some(text)
    }

    fn skip_blank(&mut self, newlines: bool) {
        loop {
            self.rest = self.rest.trim_start_matches(|c| {
                matches!(c, ' ' | '\t') || newlines && matches!(c, '\n' | '\r')
            });
            if !newlines || !self.rest.starts_with('#') {
                return;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.advance(c.len_utf8());
        }
        found
    }

    fn expect(&mut self, c: char) -> Option<()> {
        self.skip_blank(false);
        self.eat(c).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(document: &str) -> Vec<String> {
        scan(document)
            .into_iter()
            .map(|e| {
                let value = match e.value {
                    Value::Str(s) => format!("{s:?}"),
                    Value::Bool(b) => b.to_string(),
                    Value::Other => "?".to_owned(),
                };
                format!("{} = {value}", e.path.join("."))
            })
            .collect()
    }

    #[test]
    fn tables_and_plain_values() {
        let doc = "top = 1\n[package]\nname = 'a' # a comment\nedition.workspace = true\n";
        assert_eq!(
            lines(doc),
            [
                "top = ?",
                "package.name = \"a\"",
                "package.edition.workspace = true"
            ]
        );
    }

    #[test]
    fn inline_tables_are_flattened() {
        let doc = "[dependencies]\ntokio = { package = \"zokio\", features = [\"a]\", \"b\"], optional = true }\nserde = \"1\"";
        assert_eq!(
            lines(doc),
            [
                "dependencies.tokio.package = \"zokio\"",
                "dependencies.tokio.features = ?",
                "dependencies.tokio.optional = true",
                "dependencies.serde = \"1\"",
            ]
        );
    }

    #[test]
    fn quoted_keys_and_target_tables() {
        let doc = "[target.'cfg(unix)'.dependencies.\"to-kio\"]\npackage = \"zokio\"";
        assert_eq!(
            lines(doc),
            ["target.cfg(unix).dependencies.to-kio.package = \"zokio\""]
        );
    }

    #[test]
    fn multi_line_arrays_strings_and_comments_are_passed_over() {
        let doc = "a = [\n  1, # one ]\n  [2, \"]\"],\n  { x = 1 },\n]\nb = \"\"\"x = [\n\"\"\"\nc = '''y'''\nd = false";
        assert_eq!(
            lines(doc),
            ["a = ?", "b = \"x = [\\n\"", "c = \"y\"", "d = false"]
        );
    }

    #[test]
    fn windows_line_ends_and_arrays_of_tables() {
        let doc = "[[bin]]\r\nname = \"x\"\r\n\r\n[dependencies]\r\nzokio = \"0.1\"\r\n";
        assert_eq!(
            lines(doc),
            ["bin.name = \"x\"", "dependencies.zokio = \"0.1\""]
        );
    }

    #[test]
    fn broken_text_keeps_what_came_before() {
        assert_eq!(
            lines("a = true\nb = \"never closed\nc = true"),
            ["a = true"]
        );
        assert_eq!(lines("= = ="), Vec::<String>::new());
        assert_eq!(lines("a = ]"), Vec::<String>::new());
    }
}
