//! Rows of whichever table is shown: how many, which is selected, what opening one leads to.

use super::backtrace::Strokes;
use super::resources::OpenResource;
use super::waits::{self, ChainLine};
use super::world::Runtime;
use super::{Detail, Effect, Screen, State, resources, show, sites, timeline};

impl State {
    /// Rows of the table shown, those that are not on the screen too.
    pub(super) fn rows_in_all(&self) -> usize {
        if self.screen == Screen::Log {
            return self.log.len();
        }
        let Some(runtime) = self.shown_runtime() else {
            return 0;
        };
        match self.screen {
            Screen::Tasks => runtime.tasks.matching,
            Screen::Sites => runtime.spawn_sites.len(),
            Screen::Resources => runtime.resources.len(),
            Screen::Waits => waits::lines(&self.waits, runtime).len(),
            Screen::Resource => self
                .resource
                .as_ref()
                .map_or(0, |open| open.resource.first_waiters.len()),
            Screen::Workers => runtime.workers.len(),
            Screen::Findings => runtime.findings.len(),
            Screen::Detail => self.detail.as_ref().map_or(0, |detail| {
                if detail.shows_events {
                    return detail.events.len();
                }
                let waits = detail.task.as_ref().map_or(0, |task| task.waits.len());
                let asked = detail.backtrace.as_ref();
                asked.map_or(waits, |asked| asked.lines(Strokes::ASCII).len())
            }),
            Screen::Pool | Screen::Cost | Screen::Timeline | Screen::Log => 0,
        }
    }
}

/// Keeps what is selected in the other tables selected.
pub(super) fn follow_lists(state: &mut State) {
    let rows = state.task_rows();
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    if let Some(runtime) = state.runtime.and_then(|id| world.runtime(id)) {
        let keys = sites::keys(&state.sites, runtime);
        state.sites.follow(&keys, rows);
        let keys = resources::keys(&state.resources, runtime);
        state.resources.follow(&keys, rows);
        let keys = waits::keys(&waits::lines(&state.waits, runtime));
        state.waits.follow(&keys, rows);
    }
    if let Some(open) = &mut state.resource
        && state.resources_known
        && let Some(runtime) = world.runtime(open.runtime_id)
    {
        open.refresh(runtime, rows);
    }
}

/// Sorts by the next column of those that have room on the screen.
pub(super) fn sort_by_neighbour(state: &mut State, forward: bool) {
    let width = state.width.saturating_sub(2);
    match state.screen {
        Screen::Sites => {
            let columns = &sites::COLUMNS;
            state.sites.sort_by_neighbour(columns, width, forward);
        }
        Screen::Resources => {
            let columns = &resources::COLUMNS;
            state.resources.sort_by_neighbour(columns, width, forward);
        }
        Screen::Waits => {
            let columns = &waits::COLUMNS;
            state.waits.sort_by_neighbour(columns, width, forward);
        }
        _ => {
            let columns = &state.settings.columns;
            state.tasks.sort_by_neighbour(columns, width, forward);
        }
    }
}

pub(super) fn invert(state: &mut State) {
    match state.screen {
        Screen::Sites => state.sites.invert(),
        Screen::Resources => state.resources.invert(),
        Screen::Waits => state.waits.invert(),
        _ => state.tasks.invert(),
    }
}

/// Selects a row of the table shown.
pub(super) fn select(state: &mut State, row: usize) {
    let page = state.list_rows();
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    let runtime = state.runtime.and_then(|id| world.runtime(id));
    match (state.screen, runtime) {
        (Screen::Tasks, runtime) => {
            let id = runtime.and_then(|runtime| runtime.tasks.id_at(row));
            state.tasks.select(row, id, page);
        }
        (Screen::Sites, Some(runtime)) => {
            let keys = sites::keys(&state.sites, runtime);
            state.sites.select(row, &keys, page);
        }
        (Screen::Resources, Some(runtime)) => {
            let keys = resources::keys(&state.resources, runtime);
            state.resources.select(row, &keys, page);
        }
        (Screen::Waits, Some(runtime)) => {
            let keys = waits::keys(&waits::lines(&state.waits, runtime));
            state.waits.select(row, &keys, page);
        }
        (Screen::Findings, _) => state.findings.selected = row,
        (Screen::Resource, _) => {
            if let Some(open) = &mut state.resource {
                let keys = open.tasks();
                open.waiters.select(row, &keys, page);
            }
        }
        _ => {}
    }
}

pub(super) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    if state.screen == Screen::Timeline {
        if let Some((runtime_id, task_id)) = timeline::task(state) {
            open_task(state, runtime_id, task_id, effects);
        }
        return;
    }
    let Some(runtime) = state.shown_runtime() else {
        return;
    };
    match state.screen {
        Screen::Tasks => {
            if let Some(task_id) = runtime.tasks.id_at(state.tasks.selected) {
                let runtime_id = runtime.summary.id;
                open_task(state, runtime_id, task_id, effects);
            }
        }
        Screen::Findings => {
            let row = state.findings.row(runtime.findings.len());
            let task = runtime.findings.get(row).and_then(|f| f.task.as_ref());
            if let Some(task_id) = task.map(|task| task.id) {
                let runtime_id = runtime.summary.id;
                open_task(state, runtime_id, task_id, effects);
            }
        }
        Screen::Sites => {
            let keys = sites::keys(&state.sites, runtime);
            let chosen = keys.get(state.sites.selected);
            let is_language = state.knows_filters();
            if let Some(filter) = chosen.and_then(|at| sites::filter_for(at, is_language)) {
                show(state, Screen::Tasks);
                state.tasks.set_filter(filter);
            }
        }
        Screen::Resources => {
            let shown = resources::sorted(&state.resources, runtime);
            if let Some(resource) = shown.get(state.resources.selected) {
                state.resource = Some(OpenResource::new(runtime, resource, Screen::Resources));
                state.screen = Screen::Resource;
            }
        }
        Screen::Resource => {
            let chosen = state.resource.as_ref().and_then(|open| {
                let task = *open.tasks().get(open.waiters.selected)?;
                Some((open.runtime_id, task))
            });
            if let Some((runtime_id, task_id)) = chosen {
                open_task(state, runtime_id, task_id, effects);
            }
        }
        Screen::Waits => {
            let line = selected_line(state, runtime);
            match line.and_then(ChainLine::task) {
                Some(task_id) => {
                    let runtime_id = runtime.summary.id;
                    open_task(state, runtime_id, task_id, effects);
                }
                // A task that is gone cannot be looked at, what it had can.
                None => open_resource(state),
            }
        }
        Screen::Workers
        | Screen::Detail
        | Screen::Pool
        | Screen::Cost
        | Screen::Timeline
        | Screen::Log => {}
    }
}

fn selected_line<'a>(state: &State, runtime: &'a Runtime) -> Option<ChainLine<'a>> {
    let lines = waits::lines(&state.waits, runtime);
    lines.get(state.waits.selected).copied()
}

/// Shows what the task in the selected line of the chains waits for.
pub(super) fn open_resource(state: &mut State) {
    let Some(runtime) = state.shown_runtime() else {
        return;
    };
    let line = selected_line(state, runtime);
    let Some(wait) = line.and_then(ChainLine::wait) else {
        return;
    };
    state.resource = Some(OpenResource::of_wait(runtime, wait));
    state.screen = Screen::Resource;
}

/// Shows a task, also one that the window of the task table does not hold.
fn open_task(state: &mut State, runtime_id: u64, task_id: u64, effects: &mut Vec<Effect>) {
    let runtime = state.world().runtime(runtime_id);
    state.detail = Some(Detail {
        runtime_id,
        task_id,
        task: runtime.and_then(|runtime| runtime.tasks.get(task_id).cloned()),
        poll_time: None,
        events: Vec::new(),
        taken_at_ns: runtime.map_or(0, Runtime::rows_at_ns),
        gone: false,
        asked: true,
        backtrace: None,
        shows_events: false,
        scroll: 0,
        from: state.screen,
    });
    state.screen = Screen::Detail;
    effects.push(Effect::FetchDetails {
        runtime_id,
        task_id,
    });
}
