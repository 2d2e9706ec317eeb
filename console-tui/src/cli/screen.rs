//! How screens are drawn: what the configuration says, and the arguments over it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{parse_bytes, parse_lint};
use crate::config::Config;
use crate::error::ConsoleError;
use crate::state::lints::{self, Limits};
use crate::theme::{Depth, Palette, Theme};

/// How screens are drawn.
#[derive(Debug, Clone, Args)]
pub(super) struct ScreenArgs {
    /// Draw without colours. Also by setting NO_COLOR.
    #[arg(long, alias = "no-color", global = true)]
    no_colors: bool,

    /// Draw with ASCII characters only.
    #[arg(long, alias = "ascii", global = true)]
    pub(super) ascii_only: bool,

    /// Colours to draw with; how many there are, the terminal says.
    /// [default: dark]
    #[arg(long, value_enum, value_name = "THEME", global = true)]
    theme: Option<Palette>,

    /// How many colours to draw with, whatever the terminal says.
    #[arg(long, value_enum, value_name = "COLORS", global = true)]
    palette: Option<Colors>,

    /// The terminal's locale: without UTF-8 in it, ASCII characters only.
    #[arg(long, value_name = "LOCALE", global = true)]
    lang: Option<String>,

    /// Leave the mouse to the terminal.
    #[arg(long, global = true)]
    no_mouse: bool,

    /// Do not show this warning at tasks (`all`: none of them).
    #[arg(short = 'A', long = "allow", value_name = "WARNING", value_parser = parse_lint, global = true)]
    allow: Vec<String>,

    /// Show this warning at tasks even if the configuration does not want it.
    #[arg(short = 'W', long = "warn", value_name = "WARNING", value_parser = parse_lint, global = true)]
    warn: Vec<String>,

    /// The configuration file. Else: the one that `zokio-console config path` tells.
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) config: Option<PathBuf>,

    /// Memory for looking back at the last minutes, such as 32MiB, divided among the
    /// programs watched; 0: none is kept.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes, default_value = "32MiB", global = true)]
    pub(super) history: usize,
}

/// Colours that a terminal can have, as tokio-console names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colors {
    #[value(name = "8")]
    Eight,
    #[value(name = "16")]
    Sixteen,
    #[value(name = "256")]
    Indexed,
    #[value(name = "all")]
    True,
    #[value(name = "off")]
    None,
}

impl ScreenArgs {
    /// What the configuration file says, and these arguments over it.
    pub(super) fn load(&self) -> Result<Config, ConsoleError> {
        let mut config = Config::load(self.config.as_deref())?;
        let is_ascii = |lang: &String| {
            let lang = lang.to_ascii_lowercase();
            !lang.contains("utf-8") && !lang.contains("utf8")
        };
        config.theme = self.theme.unwrap_or(config.theme);
        config.colors &= !self.no_colors;
        config.ascii_only |= self.ascii_only || self.lang.as_ref().is_some_and(is_ascii);
        config.mouse &= !self.no_mouse;
        let limits = &mut config.settings.limits;
        for name in &self.warn {
            restore(limits, name);
        }
        for name in &self.allow {
            for known in lints::NAMES {
                if (name == known || name == ALL)
                    && let Some(limit) = limits.named(known)
                {
                    *limit = None;
                }
            }
        }
        Ok(config)
    }

    pub(super) fn theme(&self, config: &Config) -> Theme {
        let depth = match self.palette {
            _ if !config.colors => Depth::None,
            Some(Colors::None) => Depth::None,
            Some(Colors::Eight) => Depth::Eight,
            Some(Colors::Sixteen) => Depth::Sixteen,
            Some(Colors::Indexed) => Depth::Indexed,
            Some(Colors::True) => Depth::True,
            None => Depth::detect(|name| std::env::var(name).ok()),
        };
        Theme {
            palette: config.theme,
            depth,
            ascii: config.ascii_only,
        }
    }
}

/// The name that stands for all warnings.
pub(super) const ALL: &str = "all";

/// Gives warnings that are off their usual limits.
fn restore(limits: &mut Limits, name: &str) {
    let mut usual = Limits::default();
    for known in lints::NAMES {
        if (name == known || name == ALL)
            && let (Some(limit), Some(usual)) = (limits.named(known), usual.named(known))
        {
            *limit = limit.or(*usual);
        }
    }
}
