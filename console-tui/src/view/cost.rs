//! What telemetry and this console cost the program, and what got lost on the way.
//!
//! ```text
//! ╭ In the program ──────────────────────────────────────────────────────────────╮
//! │ a poll          21.4ns more, measured at the start                           │
//! │ in all          0.03% of the workers' time                                   │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ╭ On the wire ─────────────────────────────────────────────────────────────────╮
//! │ clients         1                                                            │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ╭ Here ────────────────────────────────────────────────────────────────────────╮
//! │ lag             0ms                                                          │
//! ╰──────────────────────────────────────────────────────────────────────────────╯
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Span;

use super::widgets::{pair, panel, placeholder, put};
use crate::format;
use crate::state::State;
use crate::state::world::World;
use crate::theme::{Role, Theme};

/// Cells of a label.
const LABEL: usize = 16;

type Entry = (&'static str, String, Role);

pub(super) fn render(state: &State, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let world = state.world();
    if world.runtimes.is_empty() {
        let inner = panel("What telemetry costs", theme, area, buffer);
        placeholder("waiting for the first update…", theme, inner, buffer);
        return;
    }
    let (program, wire, here) = (in_the_program(world), on_the_wire(world), at_home(state));
    let height = |entries: &[Entry]| u16::try_from(entries.len() + 2).unwrap_or(u16::MAX);
    let areas: [Rect; 3] = Layout::vertical([
        Constraint::Length(height(&program)),
        Constraint::Length(height(&wire)),
        Constraint::Fill(1),
    ])
    .areas(area);
    let panels = [
        ("In the program", program),
        ("On the wire", wire),
        ("Here", here),
    ];
    for ((title, entries), area) in panels.into_iter().zip(areas) {
        let inner = panel(title, theme, area, buffer);
        for (row, (label, value, role)) in entries.into_iter().enumerate() {
            let mut line = pair(label, LABEL, "", theme);
            line.push_span(Span::styled(value, theme.style(role)));
            put(row, line, inner, buffer);
        }
    }
}

fn in_the_program(world: &World) -> Vec<Entry> {
    let cost = &world.cost;
    if !cost.enabled {
        let text = "not compiled into this program: it costs nothing and knows little";
        return vec![("telemetry", text.into(), Role::Warn)];
    }
    let workers: usize = world.runtimes.iter().map(|r| r.workers.len()).sum();
    let polls: f64 = world.runtimes.iter().map(|r| r.rates.polls).sum();
    let lost = cost.unattributed_events;
    let lost_role = if lost == 0 { Role::Text } else { Role::Warn };
    vec![
        (
            "a poll",
            format!(
                "{:.1}ns more, as measured at the program's start",
                cost.poll_overhead_ns
            ),
            Role::Text,
        ),
        (
            "a clock read",
            format!("{:.1}ns", cost.clock_read_ns),
            Role::Text,
        ),
        (
            "all polls",
            format!(
                "{} of the time of {} worker{}, at {} polls a second",
                fine_percent(polls * cost.poll_overhead_ns / 1e9 / workers.max(1) as f64),
                format::count(workers as u64),
                if workers == 1 { "" } else { "s" },
                format::rate(polls)
            ),
            Role::Text,
        ),
        ("task records", format::bytes(cost.record_bytes), Role::Text),
        (
            "last snapshot",
            format!(
                "{} on a thread of its own",
                format::duration(cost.sample_ns)
            ),
            Role::Text,
        ),
        (
            "told to no task",
            format!("{} wakes and waker clones", format::count(lost)),
            lost_role,
        ),
    ]
}

/// A share so small that whole percents do not tell it from nothing.
fn fine_percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.3}%", share * 100.0)
    } else {
        "-".into()
    }
}

fn on_the_wire(world: &World) -> Vec<Entry> {
    let cost = &world.cost;
    let skipped_role = if world.skipped == 0 {
        Role::Text
    } else {
        Role::Warn
    };
    vec![
        (
            "clients",
            format::count(u64::from(cost.clients)),
            Role::Text,
        ),
        (
            "sent to all",
            format!(
                "{}, {} a second",
                format::bytes(cost.bytes_sent),
                format::bytes(world.bytes_per_second as u64)
            ),
            Role::Text,
        ),
        (
            "skipped for us",
            format!(
                "{} updates, because we were too slow for them",
                format::count(world.skipped)
            ),
            skipped_role,
        ),
    ]
}

fn at_home(state: &State) -> Vec<Entry> {
    let connection = &state.connection;
    let runtimes = &state.world().runtimes;
    let rows: usize = runtimes.iter().map(|r| r.tasks.rows.len()).sum();
    let mut entries = vec![
        (
            "lag",
            format!(
                "{}ms more than the quickest update so far took",
                format::count(connection.lag_ms)
            ),
            Role::Text,
        ),
        (
            "asked for",
            format!(
                "{} of {} tasks in {} runtime{}",
                format::count(rows as u64),
                format::count(
                    runtimes
                        .iter()
                        .fold(0u64, |sum, r| sum.saturating_add(r.tasks.matching as u64))
                ),
                runtimes.len(),
                if runtimes.len() == 1 { "" } else { "s" }
            ),
            Role::Text,
        ),
    ];
    if let Some(server) = &connection.server {
        let every = format::duration(server.publish_interval_ns);
        entries.push((
            "update every",
            format!("{every} by the server's own choice"),
            Role::Text,
        ));
        let world = state.world();
        // The server rests after a look for nineteen times as long as it took.
        let rest_ns = world.cost.sample_ns.saturating_mul(19);
        let late = world.gap_ns > server.publish_interval_ns.saturating_mul(2);
        if late && rest_ns > server.publish_interval_ns && state.playback.is_none() {
            let gap = format::duration(world.gap_ns);
            entries.push((
                "the last after",
                format!("{gap}: long looks come seldom, to take little of the program's time"),
                Role::Warn,
            ));
        }
        entries.push((
            "protocol",
            format!("version {}.{}", server.major, server.minor),
            Role::Text,
        ));
    }
    entries
}
