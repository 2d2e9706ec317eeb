//! From TOML to [`Config`]: every key by hand, so that each mistake has its line and its words.

use std::ops::Range;

use clap::ValueEnum as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zokio_instrumentation::filter::{Filter, nearest};

use super::Config;
use crate::cli::parse_duration;
use crate::state::columns::{self, Column};
use crate::state::lints;
use crate::state::settings::SavedFilter;
use crate::theme::Palette;

/// Problems that are told; further ones are repetitions, mostly.
const MAX_PROBLEMS: usize = 5;

const TOP: [&str; 8] = [
    "target", "targets", "interval", "screen", "tasks", "filters", "warnings", "keys",
];
const SCREEN: [&str; 4] = ["theme", "colors", "ascii-only", "mouse"];
const TASKS: [&str; 1] = ["columns"];

pub(super) fn parse(text: &str) -> Result<Config, Vec<String>> {
    let mut reader = Reader {
        text,
        problems: Vec::new(),
        config: Config::default(),
    };
    match DeTable::parse(text) {
        Ok(table) => reader.top(table.get_ref()),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            reader.problem(&span, error.message().replace('\n', ", "));
        }
    }
    if reader.problems.is_empty() {
        return Ok(reader.config);
    }
    Err(reader.problems)
}

struct Reader<'t> {
    text: &'t str,
    problems: Vec<String>,
    config: Config,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn problem(&mut self, at: &Range<usize>, what: impl AsRef<str>) {
        if self.problems.len() >= MAX_PROBLEMS {
            return;
        }
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let what = crate::sanitize::message(what.as_ref());
        self.problems.push(format!("line {line}: {what}"));
    }

    fn unknown(&mut self, at: &Range<usize>, key: &str, known: &[&'static str], place: &str) {
        let hint = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", known.join(", ")),
        };
        self.problem(at, format!("there is no `{key}`{place}: {hint}"));
    }

    fn wrong(&mut self, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.problem(
            &value.span(),
            format!("{wanted} is wanted, not this {found}"),
        );
    }

    fn string(&mut self, value: &Value<'_>, wanted: &str) -> Option<String> {
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(value, wanted);
        }
        text
    }

    fn flag(&mut self, value: &Value<'_>) -> Option<bool> {
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(value, "true or false");
        }
        flag
    }

    /// A text or a list of texts, each with its place.
    fn strings(&mut self, value: &Value<'_>, wanted: &str) -> Option<Vec<(String, Range<usize>)>> {
        let Some(list) = value.get_ref().as_array() else {
            return Some(vec![(self.string(value, wanted)?, value.span())]);
        };
        list.iter()
            .map(|one| Some((self.string(one, wanted)?, one.span())))
            .collect()
    }

    /// The entries of a table.
    fn table<'v, 't>(&mut self, value: &'v Value<'t>, name: &str) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, &format!("a table [{name}]"));
        }
        table
    }

    fn top(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "target" | "targets" => self.targets(value),
                "interval" => self.interval(value),
                "screen" => self.screen(value),
                "tasks" => self.tasks(value),
                "filters" => self.filters(value),
                "warnings" => self.warnings(value),
                "keys" => self.keys(value),
                other => self.unknown(&key.span(), other, &TOP, ""),
            }
        }
    }

    fn targets(&mut self, value: &Value<'_>) {
        let Some(texts) = self.strings(value, "an address, or a list of them,") else {
            return;
        };
        if texts.is_empty() {
            self.problem(&value.span(), "at least one target is to be named");
        }
        let mut targets = Vec::new();
        for (text, span) in texts {
            match text.parse() {
                Ok(target) => targets.push(target),
                Err(error) => self.problem(&span, format!("{text}: {error}")),
            }
        }
        if !targets.is_empty() {
            self.config.targets = targets;
        }
    }

    fn interval(&mut self, value: &Value<'_>) {
        let Some(text) = self.string(value, "a time such as \"100ms\"") else {
            return;
        };
        match parse_duration(&text) {
            Ok(time) => self.config.interval = Some(time),
            Err(what) => self.problem(&value.span(), what),
        }
    }

    fn screen(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "screen") else {
            return;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "theme" => self.theme(value),
                "colors" => {
                    if let Some(colors) = self.flag(value) {
                        self.config.colors = colors;
                    }
                }
                "ascii-only" => {
                    if let Some(ascii) = self.flag(value) {
                        self.config.ascii_only = ascii;
                    }
                }
                "mouse" => {
                    if let Some(mouse) = self.flag(value) {
                        self.config.mouse = mouse;
                    }
                }
                other => self.unknown(&key.span(), other, &SCREEN, " in [screen]"),
            }
        }
    }

    fn theme(&mut self, value: &Value<'_>) {
        let Some(text) = self.string(value, "the name of a theme") else {
            return;
        };
        match Palette::from_str(&text, false) {
            Ok(theme) => self.config.theme = theme,
            Err(_) => self.problem(
                &value.span(),
                format!("`{text}` is none of dark, light, high-contrast"),
            ),
        }
    }

    fn tasks(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "tasks") else {
            return;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "columns" => self.columns(value),
                other => self.unknown(&key.span(), other, &TASKS, " in [tasks]"),
            }
        }
    }

    fn columns(&mut self, value: &Value<'_>) {
        let Some(names) = self.strings(value, "the name of a column") else {
            return;
        };
        let known: Vec<&'static str> = columns::all().map(|info| info.column.name()).collect();
        let mut chosen: Vec<Column> = Vec::new();
        for (name, span) in names {
            let column = columns::all().find(|info| info.column.name() == name);
            match column.map(|info| info.column) {
                Some(column) if chosen.contains(&column) => {
                    self.problem(&span, format!("the column `{name}` is named twice"));
                }
                Some(column) => chosen.push(column),
                None => self.unknown(&span, &name, &known, " among the columns"),
            }
        }
        if chosen.is_empty() {
            self.problem(&value.span(), "at least one column is to be shown");
        } else {
            self.config.settings.columns = chosen;
        }
    }

    /// In the order of the file, before those that are there anyway; one of the same name is
    /// replaced.
    fn filters(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "filters") else {
            return;
        };
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut own: Vec<SavedFilter> = Vec::new();
        for (key, value) in entries {
            let Some(filter) = self.string(value, "a filter in quotes") else {
                continue;
            };
            if let Err(mistake) = Filter::parse(&filter) {
                self.problem(&value.span(), mistake.to_string());
            }
            let name = crate::sanitize::message(key.get_ref());
            own.push(SavedFilter { name, filter });
        }
        let there = &mut self.config.settings.filters;
        there.retain(|saved| own.iter().all(|other| other.name != saved.name));
        there.splice(..0, own);
    }

    fn warnings(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "warnings") else {
            return;
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let is_share = name == "self-wakes";
            let wanted = if is_share {
                "a share such as \"50%\" or false"
            } else {
                "a time such as \"500ms\" or false"
            };
            if !lints::NAMES.contains(&name) {
                self.unknown(&key.span(), name, &lints::NAMES, " in [warnings]");
                continue;
            }
            let limit = match value.get_ref() {
                DeValue::Boolean(false) => Some(None),
                DeValue::String(text) => limit(text, is_share).map(Some),
                _ => None,
            };
            match (limit, self.config.settings.limits.named(name)) {
                (Some(limit), Some(known)) => *known = limit,
                _ => self.problem(&value.span(), format!("`{name}` wants {wanted}")),
            }
        }
    }

    fn keys(&mut self, value: &Value<'_>) {
        let Some(table) = self.table(value, "keys") else {
            return;
        };
        for (key, value) in table {
            let Some(keys) = self.strings(value, "a key in quotes, or a list of keys,") else {
                continue;
            };
            let keys: Vec<String> = keys.into_iter().map(|(key, _)| key).collect();
            if let Err(what) = self.config.keymap.rebind(key.get_ref(), &keys) {
                self.problem(&key.span(), what);
            }
        }
        for conflict in self.config.keymap.conflicts() {
            self.problem(&value.span(), conflict);
        }
    }
}

fn limit(text: &str, is_share: bool) -> Option<u64> {
    if is_share {
        let percent = text.strip_suffix('%')?.parse().ok()?;
        return (percent <= 100).then_some(percent);
    }
    u64::try_from(parse_duration(text).ok()?.as_nanos()).ok()
}
