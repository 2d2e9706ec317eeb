//! What the terminal shows, and how it comes to show something else.
//!
//! A frame is drawn into a buffer and compared with the one before: cells that have changed are written,
//! all in one piece. This is a good part of what a console that nobody touches does. It is done here and
//! not by ratatui's terminal, which remembers more than twice as many bytes a cell: with this, idle takes
//! 8 % less.
//!
//! Terminals differ in how wide some signs are, and in what is left of a wide one that is written over.
//! So a row with a sign that is not surely one cell wide, now or before, is written whole if anything in
//! it changes, with the place of each cell behind such a sign.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::mem;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthChar as _;

use crate::format;

/// See the module.
#[derive(Debug)]
pub(crate) struct Screen<W> {
    out: W,
    frame: Buffer,
    shown: Vec<Shown>,
    /// By row, whether there is a sign in it that is not surely one cell wide.
    is_uneven: Vec<bool>,
    /// Nothing is known of what the terminal shows.
    is_unknown: bool,
    changed: Vec<u16>,
    pen: Pen,
}

/// What a cell of the terminal shows. Small, since each frame goes through all of them, and nothing of
/// them is in the processor's caches any more when the next update comes.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    sign: Sign,
    look: Look,
}

impl Shown {
    const BLANK: Shown = Shown {
        sign: Sign(b' ' as u32),
        look: PLAIN,
    };

    fn of(cell: &Cell) -> Shown {
        Shown {
            sign: Sign::of(cell.symbol()),
            look: look_of(cell),
        }
    }
}

/// A sign of at most four bytes, one after the other, or that it is a longer one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sign(u32);

impl Sign {
    const LONG: Sign = Sign(u32::MAX);

    fn of(symbol: &str) -> Sign {
        match symbol.as_bytes() {
            [] => Shown::BLANK.sign,
            &[a] => Sign(a.into()),
            &[a, b] => Sign(u32::from_le_bytes([a, b, 0, 0])),
            &[a, b, c] => Sign(u32::from_le_bytes([a, b, c, 0])),
            &[a, b, c, d] => Sign(u32::from_le_bytes([a, b, c, d])),
            _ => Sign::LONG,
        }
    }

    fn is_ascii(self) -> bool {
        self.0 < 0x80
    }
}

impl<W: Write> Screen<W> {
    /// Of that size, on a terminal that may show anything.
    pub(crate) fn new(out: W, area: Rect) -> Screen<W> {
        let mut screen = Screen {
            out,
            frame: Buffer::default(),
            shown: Vec::new(),
            is_uneven: Vec::new(),
            is_unknown: true,
            changed: Vec::new(),
            pen: Pen::default(),
        };
        screen.resize(area);
        screen
    }

    /// The terminal has another size now.
    pub(crate) fn resize(&mut self, area: Rect) {
        self.frame = Buffer::empty(area);
        self.shown = vec![Shown::BLANK; self.frame.content.len()];
        self.is_uneven = vec![false; area.height.into()];
        self.is_unknown = true;
    }

    /// Shows what `render` draws into an empty buffer.
    ///
    /// # Errors
    ///
    /// Those of the terminal.
    pub(crate) fn draw(&mut self, render: impl FnOnce(Rect, &mut Buffer)) -> io::Result<()> {
        let area = self.frame.area;
        self.frame.reset();
        render(area, &mut self.frame);
        self.pen.begin();
        if mem::take(&mut self.is_unknown) {
            self.pen.clear();
        }
        let width = usize::from(area.width).max(1);
        let shown = self.shown.chunks_mut(width).zip(&mut self.is_uneven);
        for ((y, cells), (shown, was_uneven)) in
            (0..).zip(self.frame.content.chunks(width)).zip(shown)
        {
            let mut is_uneven = false;
            self.changed.clear();
            for ((x, cell), shown) in (0..).zip(cells).zip(shown) {
                let now = Shown::of(cell);
                is_uneven |= !now.sign.is_ascii() && !is_surely_narrow(cell.symbol());
                if now != *shown || now.sign == Sign::LONG {
                    *shown = now;
                    self.changed.push(x);
                }
            }
            if self.changed.is_empty() {
                continue;
            }
            if mem::replace(was_uneven, is_uneven) || is_uneven {
                self.pen.row(y, cells);
            } else {
                for &x in &self.changed {
                    self.pen.put(x, y, &cells[usize::from(x)]);
                }
            }
        }
        self.pen.finish();
        if self.pen.text.is_empty() {
            return Ok(());
        }
        self.out.write_all(self.pen.text.as_bytes())?;
        self.out.flush()
    }
}

/// How cells look.
type Look = (Color, Color, Modifier);

const PLAIN: Look = (Color::Reset, Color::Reset, Modifier::empty());

fn look_of(cell: &Cell) -> Look {
    (cell.fg, cell.bg, cell.modifier)
}

/// What is to be written, and where it leaves the terminal.
#[derive(Debug)]
struct Pen {
    text: String,
    /// Column and row, if that is sure.
    at: Option<(u16, u16)>,
    look: Look,
}

impl Default for Pen {
    fn default() -> Pen {
        Pen {
            text: String::new(),
            at: None,
            look: PLAIN,
        }
    }
}

impl Pen {
    fn begin(&mut self) {
        self.text.clear();
        self.at = None;
        self.look = PLAIN;
    }

    fn clear(&mut self) {
        self.text.push_str("\x1b[0m\x1b[2J");
    }

    /// What is written next looks plain again.
    fn finish(&mut self) {
        if self.look != PLAIN {
            self.text.push_str("\x1b[0m");
        }
    }

    /// The whole row.
    fn row(&mut self, y: u16, cells: &[Cell]) {
        let mut cells = (0_u16..).zip(cells);
        while let Some((x, cell)) = cells.next() {
            self.put(x, y, cell);
            if !is_surely_narrow(cell.symbol()) {
                self.at = None;
                // What is behind a wide sign is part of it.
                for _ in 1..format::width(cell.symbol()) {
                    cells.next();
                }
            }
        }
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        if self.at != Some((x, y)) {
            self.text.push_str("\x1b[");
            self.number(y + 1);
            self.text.push(';');
            self.number(x + 1);
            self.text.push('H');
        }
        let look = look_of(cell);
        if self.look != look {
            self.look = look;
            self.dress();
        }
        match cell.symbol() {
            "" => self.text.push(' '),
            symbol => self.text.push_str(symbol),
        }
        self.at = Some((x + 1, y));
    }

    /// ECMA-48, 8.3.117: from plain, whatever it was before.
    fn dress(&mut self) {
        const MODIFIERS: [(Modifier, &str); 9] = [
            (Modifier::BOLD, ";1"),
            (Modifier::DIM, ";2"),
            (Modifier::ITALIC, ";3"),
            (Modifier::UNDERLINED, ";4"),
            (Modifier::SLOW_BLINK, ";5"),
            (Modifier::RAPID_BLINK, ";6"),
            (Modifier::REVERSED, ";7"),
            (Modifier::HIDDEN, ";8"),
            (Modifier::CROSSED_OUT, ";9"),
        ];
        let (fg, bg, modifier) = self.look;
        self.text.push_str("\x1b[0");
        if !modifier.is_empty() {
            for (which, code) in MODIFIERS {
                if modifier.contains(which) {
                    self.text.push_str(code);
                }
            }
        }
        self.color(fg, 0);
        self.color(bg, 10);
        self.text.push('m');
    }

    /// `ground`: 0 before, 10 behind.
    fn color(&mut self, color: Color, ground: u16) {
        let basic = match color {
            Color::Reset => return,
            Color::Indexed(n) => {
                self.code(38 + ground);
                self.code(5);
                return self.code(n.into());
            }
            Color::Rgb(r, g, b) => {
                self.code(38 + ground);
                self.code(2);
                return [r, g, b]
                    .into_iter()
                    .for_each(|part| self.code(part.into()));
            }
            Color::Black => 30,
            Color::Red => 31,
            Color::Green => 32,
            Color::Yellow => 33,
            Color::Blue => 34,
            Color::Magenta => 35,
            Color::Cyan => 36,
            Color::Gray => 37,
            Color::DarkGray => 90,
            Color::LightRed => 91,
            Color::LightGreen => 92,
            Color::LightYellow => 93,
            Color::LightBlue => 94,
            Color::LightMagenta => 95,
            Color::LightCyan => 96,
            Color::White => 97,
        };
        self.code(basic + ground);
    }

    fn code(&mut self, n: u16) {
        self.text.push(';');
        self.number(n);
    }

    fn number(&mut self, n: u16) {
        // Writing to a String does not fail.
        let _ = write!(self.text, "{n}");
    }
}

fn is_surely_narrow(symbol: &str) -> bool {
    if symbol.len() <= 1 {
        return true;
    }
    let mut chars = symbol.chars();
    let first = chars.next();
    chars.next().is_none() && first.and_then(|c| c.width()) == Some(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::style::Style;

    const AREA: Rect = Rect::new(0, 0, 12, 4);

    /// Texts with their places and looks.
    type Frame = Vec<(u16, u16, &'static str, Style)>;

    fn paint(frame: &Frame, buffer: &mut Buffer) {
        for (x, y, text, style) in frame {
            buffer.set_string(*x, *y, text, *style);
        }
    }

    fn style() -> impl Strategy<Value = Style> {
        let color = prop_oneof![
            Just(Color::Reset),
            Just(Color::LightRed),
            Just(Color::Indexed(200)),
            Just(Color::Rgb(1, 2, 3)),
        ];
        let modifier = prop_oneof![Just(Modifier::empty()), Just(Modifier::BOLD)];
        (color.clone(), color, modifier)
            .prop_map(|(fg, bg, add)| Style::new().fg(fg).bg(bg).add_modifier(add))
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let text = prop::sample::select(vec![
            "ab c",
            "x",
            "漢字",
            "é",
            "e\u{301}",
            "─│▁",
            "日",
            "🦀",
            "long enough",
        ]);
        let piece = (0..AREA.width, 0..AREA.height, text, style());
        prop::collection::vec(prop::collection::vec(piece, 0..6), 1..5)
    }

    fn color_of(color: Color) -> vt100::Color {
        match color {
            Color::LightRed => vt100::Color::Idx(9),
            Color::Indexed(n) => vt100::Color::Idx(n),
            Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
            _ => vt100::Color::Default,
        }
    }

    fn assert_shows(terminal: &vt100::Screen, buffer: &Buffer) {
        for y in 0..AREA.height {
            let mut x = 0;
            while x < AREA.width {
                let (wanted, shown) = (&buffer[(x, y)], terminal.cell(y, x).unwrap());
                let text = match shown.contents() {
                    "" => " ",
                    text => text,
                };
                assert_eq!(text, wanted.symbol(), "at {x}, {y}");
                assert_eq!(shown.fgcolor(), color_of(wanted.fg), "at {x}, {y}");
                assert_eq!(shown.bgcolor(), color_of(wanted.bg), "at {x}, {y}");
                assert_eq!(shown.bold(), wanted.modifier == Modifier::BOLD);
                x += format::width(wanted.symbol()).max(1) as u16;
            }
        }
    }

    proptest! {
        #[test]
        fn the_terminal_shows_each_frame_whatever_was_before(frames in frames()) {
            let [rows, columns] = [AREA.height, AREA.width].map(|n| n.try_into().unwrap());
            let mut terminal = vt100::Parser::new(rows, columns, 0);
            terminal.process(b"\x1b[31mleft over");
            let mut screen = Screen::new(Vec::new(), AREA);
            for frame in frames {
                screen.draw(|_, buffer| paint(&frame, buffer)).unwrap();
                terminal.process(&mem::take(&mut screen.out));
                let mut wanted = Buffer::empty(AREA);
                paint(&frame, &mut wanted);
                assert_shows(terminal.screen(), &wanted);
            }
        }
    }

    fn written(screen: &mut Screen<Vec<u8>>, text: &str) -> String {
        let frame: Frame = vec![(1, 1, "x", Style::new())];
        screen
            .draw(|_, buffer| {
                paint(&frame, buffer);
                buffer.set_string(3, 2, text, Style::new().fg(Color::Green));
            })
            .unwrap();
        String::from_utf8(mem::take(&mut screen.out)).unwrap()
    }

    #[test]
    fn only_what_has_changed_is_written_and_nothing_if_nothing_has() {
        let mut screen = Screen::new(Vec::new(), AREA);
        written(&mut screen, "abc");
        assert_eq!(written(&mut screen, "abc"), "");
        assert_eq!(written(&mut screen, "aXY"), "\x1b[3;5H\x1b[0;32mXY\x1b[0m");
        screen.resize(AREA);
        assert!(written(&mut screen, "aXY").starts_with("\x1b[0m\x1b[2J\x1b[2;2Hx"));
    }
}
