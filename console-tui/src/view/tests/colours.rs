//! The colours of every screen, in two themes.
//!
//! A snapshot has each cell's style as a letter. A letter is a pair of styles, one of each theme, told
//! in the legend at the end: so a piece that is told from its neighbours in one theme and not in the
//! other is seen.

use std::fmt::Write as _;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};

use super::{SIZES, UNICODE};
use crate::state::State;
use crate::state::fixtures::{detail, press, recorded, resources, waits, watching};
use crate::theme::{Palette, Theme};

const LETTERS: &str = ".abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

fn buffer(state: &State, palette: Palette) -> Buffer {
    let theme = Theme { palette, ..UNICODE };
    let backend = TestBackend::new(state.width, state.height);
    let mut terminal = Terminal::new(backend).expect("a test backend never fails");
    let drawn = terminal.draw(|frame| {
        let area = frame.area();
        super::super::render(state, theme, area, frame.buffer_mut());
    });
    drawn.expect("a test backend never fails").buffer.clone()
}

fn style(cell: &Cell) -> String {
    format!("fg {} bg {} {:?}", cell.fg, cell.bg, cell.modifier)
}

fn told(state: &State) -> String {
    let (dark, light) = (buffer(state, Palette::Dark), buffer(state, Palette::Light));
    let mut styles: Vec<(String, String)> = Vec::new();
    let mut told = String::new();
    for y in 0..state.height {
        for x in 0..state.width {
            let (dark, light) = (&dark[(x, y)], &light[(x, y)]);
            assert_eq!(dark.symbol(), light.symbol(), "the text at {x}, {y}");
            let pair = (style(dark), style(light));
            let at = styles.iter().position(|known| *known == pair);
            let at = at.unwrap_or_else(|| {
                styles.push(pair);
                styles.len() - 1
            });
            told.push(LETTERS.chars().nth(at).expect("not that many styles"));
        }
        told.push('\n');
    }
    for (letter, (dark, light)) in LETTERS.chars().zip(styles) {
        let _ = writeln!(told, "{letter}  dark: {dark}\n   light: {light}");
    }
    told
}

fn check(name: &str, prepare: impl Fn(&mut State)) {
    for (width, height) in SIZES {
        let mut state = watching(width, height);
        prepare(&mut state);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), told(&state));
    }
}

#[test]
fn every_screen_has_its_colours_in_both_themes() {
    for (name, keys) in [
        ("workers", "w"),
        ("tasks", "t j"),
        ("tasks_tree", "t e"),
        ("filter", "t /"),
        ("columns", "t c"),
        ("sites", "s j"),
        ("pool", "p"),
        ("cost", "S"),
        ("diagnosis", "d"),
        ("log", "L"),
        ("help", "?"),
        ("past", "space left"),
    ] {
        check(name, |state| press(state, keys));
    }
    check("detail", detail);
    check("resources", resources);
    check("resource", |state| {
        resources(state);
        press(state, "j enter");
    });
    check("waits", waits);
    for (width, height) in SIZES {
        let mut state = recorded(width, height);
        press(&mut state, "N");
        insta::assert_snapshot!(format!("timeline_{width}x{height}"), told(&state));
    }
}
