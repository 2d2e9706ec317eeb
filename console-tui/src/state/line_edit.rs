//! A line of text that is being typed, with a cursor.

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LineEdit {
    text: String,
    /// Byte that the cursor stands before: always between two characters.
    cursor: usize,
}

impl LineEdit {
    /// The cursor stands at the end.
    pub(crate) fn new(text: String) -> LineEdit {
        let cursor = text.len();
        LineEdit { text, cursor }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Puts a text in place of what stands from byte `start` up to the cursor.
    pub(crate) fn replace_before(&mut self, start: usize, with: &str) {
        if start <= self.cursor && self.text.is_char_boundary(start) {
            self.text.replace_range(start..self.cursor, with);
            self.cursor = start + with.len();
        }
    }

    pub(crate) fn insert(&mut self, c: char) {
        self.text.insert(self.cursor, c);
        self.cursor += c.len_utf8();
    }

    /// Deletes the character before the cursor.
    pub(crate) fn backspace(&mut self) {
        if let Some(c) = self.text[..self.cursor].chars().next_back() {
            self.cursor -= c.len_utf8();
            self.text.remove(self.cursor);
        }
    }

    /// Deletes the character at the cursor.
    pub(crate) fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    /// Deletes the word before the cursor and the blanks after it.
    pub(crate) fn delete_word(&mut self) {
        let kept = self.text[..self.cursor].trim_end();
        let start = kept
            .char_indices()
            .rfind(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8());
        self.replace_before(start, "");
    }

    pub(crate) fn clear(&mut self) {
        *self = LineEdit::default();
    }

    pub(crate) fn left(&mut self) {
        let before = self.text[..self.cursor].chars().next_back();
        self.cursor -= before.map_or(0, char::len_utf8);
    }

    pub(crate) fn right(&mut self) {
        let after = self.text[self.cursor..].chars().next();
        self.cursor += after.map_or(0, char::len_utf8);
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &LineEdit) -> String {
        let (before, after) = line.text().split_at(line.cursor());
        format!("{before}|{after}")
    }

    #[test]
    fn characters_are_typed_and_deleted_at_the_cursor() {
        let mut line = LineEdit::new("aé".into());
        line.left();
        line.insert('ß');
        assert_eq!(shown(&line), "aß|é");
        line.backspace();
        line.delete();
        line.delete();
        assert_eq!(shown(&line), "a|");
        line.home();
        line.left();
        line.backspace();
        line.insert('x');
        assert_eq!(shown(&line), "x|a");
        line.end();
        line.right();
        assert_eq!(shown(&line), "xa|");
    }

    #[test]
    fn a_word_is_deleted_with_what_follows_it() {
        let mut line = LineEdit::new("state:idle é\u{3000}busy>5s  ".into());
        line.delete_word();
        assert_eq!(shown(&line), "state:idle é\u{3000}|");
        line.delete_word();
        assert_eq!(shown(&line), "state:idle |");
        line.delete_word();
        line.delete_word();
        assert_eq!(shown(&line), "|");
    }

    #[test]
    fn what_stands_before_the_cursor_is_replaced() {
        let mut line = LineEdit::new("x sta y".into());
        line.left();
        line.left();
        line.replace_before(2, "state:");
        assert_eq!(shown(&line), "x state:| y");
        line.replace_before(99, "z");
        assert_eq!(shown(&line), "x state:| y");
    }
}
