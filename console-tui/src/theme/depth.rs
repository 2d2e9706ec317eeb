//! How many colours the terminal has, and the nearest of them.

use ratatui::style::Color;

/// A colour as it is meant, and the one of the first sixteen that stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shade {
    pub(super) rgb: (u8, u8, u8),
    /// 0 to 15, in the terminals' own order.
    pub(super) ansi: u8,
}

/// Colours that a terminal has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    None,
    Eight,
    Sixteen,
    /// 256: a cube and a ramp of greys, alike in all terminals.
    #[default]
    Indexed,
    True,
}

/// Levels of red, green and blue in the cube of the 256 colours.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Depth {
    #[cfg(test)]
    pub(crate) const ALL: [Depth; 5] = [
        Depth::None,
        Depth::Eight,
        Depth::Sixteen,
        Depth::Indexed,
        Depth::True,
    ];

    /// What the environment says of the terminal. `NO_COLOR` with any value means none.
    pub(crate) fn detect(variable: impl Fn(&str) -> Option<String>) -> Depth {
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        if variable("NO_COLOR").is_some() {
            return Depth::None;
        }
        let term = variable("TERM").unwrap_or_default();
        let colors = variable("COLORTERM").unwrap_or_default();
        match term.as_str() {
            "dumb" => return Depth::None,
            // The kernel's console says what it has; COLORTERM is left over from elsewhere.
            "linux" => return Depth::Eight,
            _ => {}
        }
        if matches!(colors.as_str(), "truecolor" | "24bit") || term.contains("direct") {
            Depth::True
        } else if term.contains("256color") {
            Depth::Indexed
        } else if term.is_empty() && cfg!(windows) {
            // Windows' consoles do not set TERM.
            Depth::True
        } else if term.is_empty() || matches!(term.as_str(), "ansi" | "cygwin" | "cons25") {
            Depth::Eight
        } else {
            Depth::Sixteen
        }
    }

    /// The nearest colour that the terminal has.
    pub(super) fn color(self, shade: Shade) -> Option<Color> {
        match self {
            Depth::None => None,
            Depth::Eight => Some(ansi(shade.ansi % 8)),
            Depth::Sixteen => Some(ansi(shade.ansi)),
            Depth::Indexed => Some(Color::Indexed(indexed(shade.rgb))),
            Depth::True => {
                let (r, g, b) = shade.rgb;
                Some(Color::Rgb(r, g, b))
            }
        }
    }
}

/// By name, so that the terminal draws it in the user's own colours.
fn ansi(color: u8) -> Color {
    match color {
        0 => Color::Black,
        1 => Color::Red,
        2 => Color::Green,
        3 => Color::Yellow,
        4 => Color::Blue,
        5 => Color::Magenta,
        6 => Color::Cyan,
        7 => Color::Gray,
        8 => Color::DarkGray,
        9 => Color::LightRed,
        10 => Color::LightGreen,
        11 => Color::LightYellow,
        12 => Color::LightBlue,
        13 => Color::LightMagenta,
        14 => Color::LightCyan,
        _ => Color::White,
    }
}

/// The nearest of the 240 colours that are alike everywhere.
fn indexed((r, g, b): (u8, u8, u8)) -> u8 {
    let level = |value: u8| {
        (0u8..6)
            .min_by_key(|&at| CUBE[usize::from(at)].abs_diff(value))
            .unwrap_or(0)
    };
    let distance = |to: (u8, u8, u8)| {
        let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        square(r, to.0) + square(g, to.1) + square(b, to.2)
    };
    let (x, y, z) = (level(r), level(g), level(b));
    let in_cube = [x, y, z].map(|at| CUBE[usize::from(at)]);
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    // Greys are 8, 18, … 238.
    let step = u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(23);
    let grey = 8 + 10 * step;
    if distance((grey, grey, grey)) < distance((in_cube[0], in_cube[1], in_cube[2])) {
        232 + step
    } else {
        16 + 36 * x + 6 * y + z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(variables: &[(&str, &str)]) -> Depth {
        Depth::detect(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_terminal_says_how_many_colours_it_has() {
        assert_eq!(depth(&[("TERM", "dumb")]), Depth::None);
        assert_eq!(depth(&[("TERM", "linux")]), Depth::Eight);
        assert_eq!(depth(&[("TERM", "xterm")]), Depth::Sixteen);
        assert_eq!(depth(&[("TERM", "tmux-256color")]), Depth::Indexed);
        let direct = [("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(depth(&direct), Depth::True);
    }

    #[test]
    fn no_color_wins_unless_it_is_empty() {
        let direct = ("COLORTERM", "truecolor");
        assert_eq!(depth(&[("NO_COLOR", "1"), direct]), Depth::None);
        assert_eq!(depth(&[("NO_COLOR", ""), direct]), Depth::True);
    }

    #[test]
    fn a_colour_of_the_cube_or_the_ramp_is_itself() {
        assert_eq!(indexed((0x87, 0xd7, 0xff)), 117);
        assert_eq!(indexed((0x5f, 0xd7, 0x87)), 78);
        assert_eq!(indexed((0x8a, 0x8a, 0x8a)), 245);
        assert_eq!(indexed((0x44, 0x44, 0x44)), 238);
        assert_eq!(indexed((0, 0, 0)), 16);
        assert_eq!(indexed((255, 255, 255)), 231);
    }

    #[test]
    fn eight_colours_are_the_dark_half_of_sixteen() {
        let shade = Shade {
            rgb: (0, 0, 0),
            ansi: 10,
        };
        assert_eq!(Depth::Sixteen.color(shade), Some(Color::LightGreen));
        assert_eq!(Depth::Eight.color(shade), Some(Color::Green));
        assert_eq!(Depth::None.color(shade), None);
    }
}
