//! The diagnosis: what is wrong, the worst first, and the proof of the one that is selected.
//!
//! ```text
//! ╭ Diagnosis  2 findings ───────────────────────────────────────╮
//! │ critical deadlock        9.00s  2 tasks wait for each other… │
//! │ warning  blocked-worker  1.20s  task 14 kept worker 0 …      │
//! ╰──────────────────────────────────────────────────────────────╯
//! ╭ deadlock ────────────────────────────────────────────────────╮
//! │ the whole sentence, wrapped                                  │
//! │ at       src/orders.rs:31:9                                  │
//! │ proof    tasks 2, circle 3 -> 8 -> 3                         │
//! │ try      take locks in the same order …                      │
//! ╰──────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::widgets::{panel, placeholder, put};
use crate::action::Command;
use crate::format;
use crate::keymap::key_of;
use crate::state::State;
use crate::state::findings::{Finding, Severity};
use crate::state::world::Runtime;
use crate::theme::{Role, Theme};

/// Cells of the labels in the lower panel.
const LABEL: usize = 8;

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(runtime) = state.shown_runtime() else {
        let inner = panel("Diagnosis", theme, area, buffer);
        placeholder("waiting for the first update…", theme, inner, buffer);
        return;
    };
    if runtime.findings.is_empty() {
        let inner = panel("Diagnosis", theme, area, buffer);
        placeholder(
            "nothing wrong that the server knows of",
            theme,
            inner,
            buffer,
        );
        return;
    }
    let rows = u16::try_from(runtime.findings.len()).unwrap_or(u16::MAX);
    let list_height = rows.saturating_add(2).min(area.height / 2).max(3);
    let [list_area, proof_area] =
        Layout::vertical([Constraint::Length(list_height), Constraint::Fill(1)]).areas(area);
    let selected = state.findings.row(runtime.findings.len());
    list(runtime, selected, theme, list_area, buffer);
    proof(runtime, selected, theme, proof_area, buffer);
}

fn list(runtime: &Runtime, selected: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let count = runtime.findings.len();
    let title = match count {
        1 => "Diagnosis  1 finding".to_owned(),
        n => format!("Diagnosis  {n} findings"),
    };
    let inner = panel(&title, theme, area, buffer);
    let height = usize::from(inner.height).max(1);
    // As far down as the selected row needs.
    let top = selected.saturating_sub(height - 1);
    let shown = runtime.findings.iter().enumerate().skip(top).take(height);
    for (row, (at, finding)) in shown.enumerate() {
        let line = row_of(finding, runtime, usize::from(inner.width), theme);
        let line = if at == selected {
            line.style(theme.style(Role::Selected))
        } else {
            line
        };
        put(row, line, inner, buffer);
    }
}

fn row_of(finding: &Finding, runtime: &Runtime, room: usize, theme: Theme) -> Line<'static> {
    let age = format::duration(runtime.age_ns(finding.since_ns));
    let head = [
        (
            format::left(finding.severity.as_str(), 8),
            severity_role(finding.severity),
        ),
        (format::left(&finding.kind, 15), Role::Active),
        (format::right(&age, 7), Role::Dim),
    ];
    let mut spans = Vec::new();
    let mut used = 0;
    for (text, role) in head {
        used += format::width(&text) + 1;
        spans.push(Span::styled(text, theme.style(role)));
        spans.push(Span::raw(" "));
    }
    let summary = format::left(&finding.summary, room.saturating_sub(used));
    spans.push(Span::styled(summary, theme.style(Role::Text)));
    Line::from(spans)
}

fn severity_role(severity: Severity) -> Role {
    match severity {
        Severity::Critical => Role::Bad,
        Severity::Warning => Role::Warn,
        Severity::Info | Severity::Unknown => Role::Dim,
    }
}

fn proof(runtime: &Runtime, selected: usize, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(finding) = runtime.findings.get(selected) else {
        return;
    };
    let title = format::truncate_end(&finding.kind, usize::from(area.width.saturating_sub(4)));
    let inner = panel(&title, theme, area, buffer);
    let cells = usize::from(inner.width);
    let mut lines: Vec<Line<'static>> = wrap(&finding.summary, cells)
        .into_iter()
        .map(|text| Line::from(Span::styled(text, theme.style(Role::Text))))
        .collect();
    let mut section = |label: &str, texts: Vec<String>, role: Role| {
        for (at, text) in texts.into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            lines.push(Line::from(vec![
                Span::styled(format::left(label, LABEL), theme.style(Role::Label)),
                Span::raw(" "),
                Span::styled(text, theme.style(role)),
            ]));
        }
    };
    let room = cells.saturating_sub(LABEL + 1);
    let places = finding.locations.iter().map(|at| at.fitted(room)).collect();
    section("at", places, Role::Location);
    if let Some(task) = &finding.task {
        let spawned = task
            .location
            .as_ref()
            .map_or_else(String::new, |at| format!(", spawned at {}", at.short()));
        let text = format!("{} {}{spawned}", task.id, task.name);
        section("task", wrap(text.trim_end(), room), Role::Text);
    }
    let pieces = finding.evidence_in_words();
    section("proof", wrap(&pieces.join(", "), room), Role::Text);
    section("try", wrap(&finding.hint, room), Role::Good);
    if finding.task.is_some() {
        let text = format!("{} goes to the task", key_of(Command::Open));
        section("", vec![text], Role::Dim);
    }
    for (row, line) in lines.into_iter().enumerate() {
        put(row, line, inner, buffer);
    }
}

/// A text in lines of at most `cells` cells, broken between words where that is possible.
fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = format::truncate_end(word, cells);
        match lines.last_mut() {
            Some(line) if format::width(line) + 1 + format::width(&word) <= cells => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words_and_never_too_wide() {
        assert_eq!(wrap("a bc def g", 5), ["a bc", "def g"]);
        assert_eq!(wrap("abcdefgh i", 4), ["abc…", "i"]);
        assert!(wrap("", 5).is_empty());
        for cells in 0..20 {
            for line in wrap("tasks wait for 日本語 each other", cells) {
                assert!(format::width(&line) <= cells.max(1));
            }
        }
    }
}
