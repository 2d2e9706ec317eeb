//! The colours of the palettes. Where none is given, text has the terminal's own.

use super::depth::Shade;
use super::{Palette, Role};

/// Grounds of the selected row.
pub(super) const DARK_SELECTED: Shade = shade(0x44, 0x44, 0x44, 8);
pub(super) const LIGHT_SELECTED: Shade = shade(0xd0, 0xd0, 0xd0, 7);

const fn shade(r: u8, g: u8, b: u8, ansi: u8) -> Shade {
    Shade {
        rgb: (r, g, b),
        ansi,
    }
}

pub(super) fn color(palette: Palette, role: Role) -> Option<Shade> {
    match palette {
        Palette::Dark => dark(role),
        Palette::Light => light(role),
        Palette::HighContrast => high_contrast(role),
    }
}

fn dark(role: Role) -> Option<Shade> {
    Some(match role {
        Role::Text | Role::Selected => return None,
        Role::Dim => shade(0x8a, 0x8a, 0x8a, 7),
        Role::Frame => shade(0x58, 0x58, 0x58, 8),
        Role::Title => shade(0x87, 0xd7, 0xff, 14),
        Role::Label => shade(0x87, 0xaf, 0xaf, 6),
        Role::Active => shade(0xff, 0xd7, 0x87, 11),
        Role::Key => shade(0xff, 0xd7, 0x87, 11),
        Role::Busy => shade(0x5f, 0xd7, 0x87, 10),
        Role::Searching => shade(0xff, 0xd7, 0x5f, 11),
        Role::Parked => shade(0x5f, 0x5f, 0xaf, 4),
        Role::Scheduled => shade(0xff, 0xd7, 0x5f, 11),
        Role::Idle => shade(0x87, 0xaf, 0xd7, 12),
        Role::Done => shade(0x76, 0x76, 0x76, 8),
        Role::Good => shade(0x5f, 0xd7, 0x87, 10),
        Role::Warn => shade(0xff, 0xaf, 0x5f, 3),
        Role::Bad => shade(0xff, 0x5f, 0x5f, 9),
        Role::Wait => shade(0xd7, 0xaf, 0x87, 3),
        Role::Location => shade(0xaf, 0xaf, 0xd7, 7),
    })
}

fn light(role: Role) -> Option<Shade> {
    Some(match role {
        Role::Text | Role::Selected => return None,
        Role::Dim => shade(0x6c, 0x6c, 0x6c, 8),
        Role::Frame => shade(0x9e, 0x9e, 0x9e, 8),
        Role::Title => shade(0x00, 0x5f, 0x87, 4),
        Role::Label => shade(0x00, 0x5f, 0x5f, 6),
        Role::Active => shade(0x87, 0x5f, 0x00, 5),
        Role::Key => shade(0x87, 0x5f, 0x00, 5),
        Role::Busy => shade(0x00, 0x87, 0x00, 2),
        Role::Searching => shade(0xaf, 0x87, 0x00, 3),
        Role::Parked => shade(0x5f, 0x5f, 0xaf, 4),
        Role::Scheduled => shade(0xaf, 0x5f, 0x00, 3),
        Role::Idle => shade(0x00, 0x5f, 0xaf, 4),
        Role::Done => shade(0x80, 0x80, 0x80, 8),
        Role::Good => shade(0x00, 0x87, 0x00, 2),
        Role::Warn => shade(0xaf, 0x5f, 0x00, 3),
        Role::Bad => shade(0xd7, 0x00, 0x00, 1),
        Role::Wait => shade(0x87, 0x5f, 0x5f, 5),
        Role::Location => shade(0x5f, 0x5f, 0x87, 8),
    })
}

/// Nothing is dim.
fn high_contrast(role: Role) -> Option<Shade> {
    Some(match role {
        Role::Title => shade(0x00, 0xff, 0xff, 14),
        Role::Active => shade(0xff, 0xff, 0x00, 11),
        Role::Key => shade(0xff, 0xff, 0x00, 11),
        Role::Busy => shade(0x00, 0xff, 0x00, 10),
        Role::Searching => shade(0xff, 0xff, 0x00, 11),
        Role::Scheduled => shade(0xff, 0xff, 0x00, 11),
        Role::Idle => shade(0x00, 0xff, 0xff, 14),
        Role::Good => shade(0x00, 0xff, 0x00, 10),
        Role::Warn => shade(0xff, 0xff, 0x00, 11),
        Role::Bad => shade(0xff, 0x60, 0x60, 9),
        Role::Wait => shade(0x00, 0xff, 0xff, 14),
        Role::Text
        | Role::Selected
        | Role::Dim
        | Role::Frame
        | Role::Label
        | Role::Parked
        | Role::Done
        | Role::Location => return None,
    })
}
