//! The panels under the workers' table: load, latencies, pool and drivers, spawn sites, steals.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};

use super::super::widgets::{bar, pair, panel, put, sparkline};
use crate::format;
use crate::state::model::{Histogram, Lag, Lags};
use crate::state::world::{Runtime, World};
use crate::theme::{Role, Theme};

/// Rows of the first row of panels, frame included.
const CARDS: u16 = 12;
/// From this width on there are three panels side by side.
const THREE: u16 = 120;
/// Fewest rows in which spawn sites are worth a panel.
const SITES: u16 = 5;

pub(super) fn render(
    runtime: &Runtime,
    world: &World,
    theme: Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    if area.height < 3 {
        return;
    }
    let room_for_sites = area.height >= CARDS + SITES;
    let cards_height = if room_for_sites { CARDS } else { area.height };
    let [cards, sites] =
        Layout::vertical([Constraint::Length(cards_height), Constraint::Fill(1)]).areas(area);
    if area.width >= THREE {
        let [left, middle, right] = Layout::horizontal([Constraint::Fill(1); 3]).areas(cards);
        load(runtime, world, theme, left, buffer);
        latency(runtime, theme, middle, buffer);
        pool(runtime, theme, right, buffer);
    } else {
        let [left, right] =
            Layout::horizontal([Constraint::Percentage(45), Constraint::Fill(1)]).areas(cards);
        let [top, bottom] =
            Layout::vertical([Constraint::Max(8), Constraint::Fill(1)]).areas(right);
        load(runtime, world, theme, left, buffer);
        latency(runtime, theme, top, buffer);
        pool(runtime, theme, bottom, buffer);
    }
    if room_for_sites {
        let thieves = u16::try_from(runtime.workers.len())
            .unwrap_or(u16::MAX)
            .saturating_mul(7)
            .saturating_add(10);
        let steals_width = if runtime.workers.len() > 1 && area.width >= THREE {
            thieves.clamp(28, area.width / 3)
        } else {
            0
        };
        let [left, right] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(steals_width)])
                .areas(sites);
        spawn_sites(runtime, theme, left, buffer);
        if steals_width > 0 {
            steals(runtime, theme, right, buffer);
        }
    }
}

fn load(runtime: &Runtime, world: &World, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let summary = &runtime.summary;
    let rates = &runtime.rates;
    let inner = panel("Runtime", theme, area, buffer);
    let with_rate =
        |total: u64, rate: f64| format!("{} (+{}/s)", format::count(total), format::rate(rate));
    let up = format::duration(summary.taken_at_ns.saturating_sub(summary.started_at_ns));
    let mut cost = match world.cost.enabled {
        true => format!(
            "{:.0}ns a poll, {}",
            world.cost.poll_overhead_ns,
            format::bytes(world.cost.record_bytes)
        ),
        false => "not compiled in".into(),
    };
    if world.cost.enabled && inner.width >= 40 {
        cost += " records";
    }
    let bar_cells = usize::from(inner.width).saturating_sub(17).min(20);
    put(
        0,
        pair(
            "flavor",
            10,
            format!("{}, up {up}", summary.flavor.as_str()),
            theme,
        ),
        inner,
        buffer,
    );
    let mut busy = pair(
        "busy",
        10,
        format::right(&format::percent(rates.busy), 4) + " ",
        theme,
    );
    busy.spans
        .extend(bar(rates.busy, bar_cells, theme.style(Role::Busy), theme));
    put(1, busy, inner, buffer);
    let imbalance = rates.imbalance.unwrap_or(0.0);
    let shown = rates.imbalance.map_or("-".into(), format::percent);
    let role = if imbalance >= 0.4 {
        Role::Warn
    } else {
        Role::Idle
    };
    let mut line = pair("imbalance", 10, format::right(&shown, 4) + " ", theme);
    line.spans
        .extend(bar(imbalance, bar_cells, theme.style(role), theme));
    put(2, line, inner, buffer);
    let rows = [
        ("alive", format::count(summary.alive_tasks)),
        ("spawned", with_rate(summary.spawned_tasks, rates.spawned)),
        (
            "completed",
            with_rate(summary.completed_tasks, rates.completed),
        ),
        ("injector", format::count(summary.injector_depth)),
    ];
    for (row, (label, value)) in rows.into_iter().enumerate() {
        put(3 + row, pair(label, 10, value, theme), inner, buffer);
    }
    let mut panicked = pair("panicked", 10, format::count(summary.panicked_tasks), theme);
    if summary.panicked_tasks > 0 {
        panicked.spans[2].style = theme.style(Role::Bad);
    }
    panicked.push_span(Span::styled(
        format!(", cancelled {}", format::count(summary.cancelled_tasks)),
        theme.style(Role::Dim),
    ));
    put(7, panicked, inner, buffer);
    put(8, pair("telemetry", 10, cost, theme), inner, buffer);
    let sent = format!(
        "{} to {} viewer{}",
        format::bytes(world.cost.bytes_sent),
        world.cost.clients,
        format::plural(world.cost.clients.into())
    );
    put(9, pair("sent", 10, sent, theme), inner, buffer);
}

fn latency(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Latency since start", theme, area, buffer);
    let mut polls = Histogram::default();
    let mut wakes = Histogram::default();
    let mut unparks = Histogram::default();
    let mut lags = Lags::default();
    for row in &runtime.workers {
        unparks.merge(&row.worker.unpark_latency);
        lags.merge(&row.worker.lags);
        polls.merge(&row.worker.poll_time);
        wakes.merge(&row.worker.wake_to_poll);
    }
    let label = theme.style(Role::Label);
    let titles = ["p50", "p90", "p99", "max"]
        .map(|title| format::right(title, 8))
        .concat();
    put(
        0,
        Span::styled(format!("{}{titles}", format::left("", 9)), label),
        inner,
        buffer,
    );
    let histograms = [
        ("poll", &polls),
        ("wake-poll", &wakes),
        ("late", &runtime.summary.timers.lateness),
        ("unpark", &unparks),
    ];
    for (row, (name, histogram)) in histograms.into_iter().enumerate() {
        let value = |ns: u64| {
            if histogram.count == 0 {
                "-".into()
            } else {
                format::duration(ns)
            }
        };
        let values: String = [0.5, 0.9, 0.99]
            .map(|q| value(histogram.quantile_ns(q)))
            .into_iter()
            .chain([value(histogram.max_ns)])
            .map(|text| format::right(&text, 8))
            .collect();
        put(
            1 + row,
            Line::from(vec![
                Span::styled(format::left(name, 9), label),
                Span::raw(values),
            ]),
            inner,
            buffer,
        );
    }
    // Time that tasks waited although a worker slept.
    let lag = |lag: Lag| format::duration(lag.total_ns);
    let slept = Line::from(vec![
        Span::styled(format::left("stranded", 9), label),
        Span::raw(format!(
            "lifo {}  queue {}  inj {}",
            lag(lags.lifo),
            lag(lags.queue),
            lag(lags.injector)
        )),
    ]);
    put(5, slept, inner, buffer);
    if inner.height >= 10 {
        let cells = usize::from(inner.width).min(60);
        put(
            6,
            Span::styled("poll times, shortest to longest", label),
            inner,
            buffer,
        );
        put(
            7,
            sparkline(&polls.bars(cells), theme.style(Role::Busy)),
            inner,
            buffer,
        );
        put(8, Span::styled("wake to poll", label), inner, buffer);
        put(
            9,
            sparkline(&wakes.bars(cells), theme.style(Role::Scheduled)),
            inner,
            buffer,
        );
    }
}

fn pool(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Blocking pool, driver, timers", theme, area, buffer);
    if inner.height < 4 {
        return pool_in_short(runtime, theme, inner, buffer);
    }
    let summary = &runtime.summary;
    let rates = &runtime.rates;
    let blocking = &summary.blocking;
    let threads = format!(
        "{} of {}, {} idle",
        format::count(blocking.threads),
        format::count(blocking.max_threads),
        format::count(blocking.idle_threads)
    );
    let jobs = format!(
        "{} done (+{}/s), {} queued",
        format::count(blocking.completed),
        format::rate(rates.blocking_completed),
        format::count(blocking.queue_depth)
    );
    let driver = format!(
        "{} sources, {} events/s",
        format::count(summary.driver.sources),
        format::rate(rates.driver_events)
    );
    let timers = format!(
        "{} armed, {} fired/s",
        format::count(summary.timers.armed),
        format::rate(rates.timers_fired)
    );
    let run_time = format!("{} in jobs", format::duration(blocking.busy_ns));
    let polls = format!("{} polls/s", format::rate(rates.driver_polls));
    let fired = format!(
        "{} fired, {} cancelled",
        format::count(summary.timers.fired),
        format::count(summary.timers.cancelled)
    );
    let all = [
        ("threads", threads),
        ("jobs", jobs),
        ("driver", driver),
        ("timers", timers),
        ("run time", run_time),
        ("driver", polls),
        ("timers", fired),
    ];
    for (row, (label, value)) in all.into_iter().enumerate() {
        put(row, pair(label, 8, value, theme), inner, buffer);
    }
}

fn pool_in_short(runtime: &Runtime, theme: Theme, inner: Rect, buffer: &mut Buffer) {
    let rates = &runtime.rates;
    let blocking = &runtime.summary.blocking;
    let pool = format!(
        "{} thread{}, {} jobs/s, {} queued",
        format::count(blocking.threads),
        format::plural(blocking.threads),
        format::rate(rates.blocking_completed),
        format::count(blocking.queue_depth)
    );
    let driver = format!(
        "{} events/s, {} timers/s",
        format::rate(rates.driver_events),
        format::rate(rates.timers_fired)
    );
    put(0, pair("pool", 8, pool, theme), inner, buffer);
    put(1, pair("driver", 8, driver, theme), inner, buffer);
}

fn spawn_sites(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Spawn sites, by busy time", theme, area, buffer);
    let columns = [
        ("Alive", 7),
        ("Spawned", 8),
        ("Polls", 7),
        ("Busy", 8),
        ("Share", 6),
    ];
    let numbers: usize = columns.iter().map(|(_, width)| width).sum();
    let place = usize::from(inner.width).saturating_sub(numbers);
    let titles: String = columns
        .iter()
        .map(|(title, width)| format::right(title, *width))
        .collect();
    put(
        0,
        Span::styled(
            format::left("Location", place) + &titles,
            theme.style(Role::Label),
        ),
        inner,
        buffer,
    );
    let total = runtime
        .spawn_sites
        .iter()
        .fold(0u64, |sum, site| sum.saturating_add(site.busy_ns));
    let rows = usize::from(inner.height.saturating_sub(1));
    for (row, site) in runtime.spawn_sites.iter().take(rows).enumerate() {
        let values = [
            format::count(site.alive),
            format::count(site.spawned),
            format::count(site.polls),
            format::duration(site.busy_ns),
            format::percent(format::share(site.busy_ns, total)),
        ];
        let values: String = values
            .iter()
            .zip(columns)
            .map(|(value, (_, width))| format::right(value, width))
            .collect();
        let line = Line::from(vec![
            Span::styled(
                format::left(&site.location.fitted(place), place),
                theme.style(Role::Location),
            ),
            Span::raw(values),
        ]);
        put(row + 1, line, inner, buffer);
    }
}

fn steals(runtime: &Runtime, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let inner = panel("Stolen: thief by victim", theme, area, buffer);
    let victims = runtime
        .workers
        .len()
        .min(usize::from(inner.width.saturating_sub(6)) / 7);
    let titles: String = (0..victims)
        .map(|victim| format::right(&format!("of {victim}"), 7))
        .collect();
    put(
        0,
        Span::styled(format::left("thief", 6) + &titles, theme.style(Role::Label)),
        inner,
        buffer,
    );
    let rows = usize::from(inner.height.saturating_sub(1));
    for (row, thief) in runtime.workers.iter().take(rows).enumerate() {
        let mut spans = vec![Span::styled(
            format::left(&format!("{:>5}", thief.worker.index), 6),
            theme.style(Role::Label),
        )];
        for victim in 0..victims {
            let taken = thief.worker.stolen_from.get(victim).copied().unwrap_or(0);
            let (text, role) = match taken {
                0 => ("·".into(), Role::Frame),
                n => (format::count(n), Role::Text),
            };
            spans.push(Span::styled(format::right(&text, 7), theme.style(role)));
        }
        put(row + 1, Line::from(spans), inner, buffer);
    }
}
