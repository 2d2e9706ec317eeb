//! From [`Config`] to TOML, with a comment at each thing.

use std::fmt::Write as _;

use clap::ValueEnum as _;

use super::Config;
use crate::state::columns;
use crate::state::lints;

pub(super) fn text(config: &Config) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = screens(config, &mut out);
    let _ = tables(config, &mut out);
    out
}

fn screens(config: &Config, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "# zokio-console: what the screens are like. Flags go before what stands here."
    )?;
    writeln!(out, "\n# What is watched if no target is given.")?;
    let targets = config.targets.iter();
    let targets: Vec<_> = targets.map(|target| quoted(&target.to_string())).collect();
    writeln!(out, "targets = [{}]", targets.join(", "))?;
    writeln!(
        out,
        "\n# Time between two updates; without it: what the program suggests."
    )?;
    match config.interval {
        Some(time) => writeln!(out, "interval = \"{}ms\"", time.as_secs_f64() * 1e3)?,
        None => writeln!(out, "# interval = \"100ms\"")?,
    }
    writeln!(out, "\n[screen]")?;
    let theme = config.theme.to_possible_value();
    let theme = theme.as_ref().map_or("dark", |value| value.get_name());
    writeln!(out, "# dark, light or high-contrast")?;
    writeln!(out, "theme = {}", quoted(theme))?;
    writeln!(out, "colors = {}", config.colors)?;
    writeln!(out, "ascii-only = {}", config.ascii_only)?;
    writeln!(out, "mouse = {}", config.mouse)
}

fn tables(config: &Config, out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n[tasks]")?;
    let all: Vec<_> = columns::all().map(|info| info.column.name()).collect();
    writeln!(out, "# In their order; there are {}.", all.join(" "))?;
    let shown = config.settings.columns.iter();
    let shown: Vec<_> = shown.map(|column| quoted(column.name())).collect();
    writeln!(out, "columns = [{}]", shown.join(", "))?;

    writeln!(
        out,
        "\n# Filters of the task table, to be chosen from a list by their names."
    )?;
    writeln!(out, "[filters]")?;
    for saved in &config.settings.filters {
        writeln!(out, "{} = {}", quoted(&saved.name), quoted(&saved.filter))?;
    }

    writeln!(
        out,
        "\n# From where on a task is warned about; false: never."
    )?;
    writeln!(out, "[warnings]")?;
    let mut limits = config.settings.limits;
    for name in lints::NAMES {
        match (name, limits.named(name).and_then(|limit| *limit)) {
            (_, None) => writeln!(out, "{name} = false")?,
            ("self-wakes", Some(percent)) => writeln!(out, "{name} = \"{percent}%\"")?,
            (_, Some(ns)) => writeln!(out, "{name} = \"{}ms\"", ns as f64 / 1e6)?,
        }
    }

    writeln!(
        out,
        "\n# x, ctrl-x, page-up and so on, or two with a blank between them."
    )?;
    writeln!(out, "# ctrl-c always quits.")?;
    writeln!(out, "[keys]")?;
    for (name, keys) in config.keymap.by_name() {
        let keys: Vec<_> = keys.iter().map(|key| quoted(key)).collect();
        writeln!(out, "{name} = [{}]", keys.join(", "))?;
    }
    Ok(())
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
