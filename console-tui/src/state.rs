//! Everything the console knows, and how it changes.
//!
//! [`update`] takes an [`Action`] and returns [`Effect`]s for the outside to carry out. Nothing
//! in here draws, reads a clock or touches a socket: time comes in with `Action::Tick`, keys and
//! updates as actions. The views are functions of [`State`].
//!
//! The screen decides what is asked of the server: after each action the visible rows, the order
//! and the filter are compared with the query of the running subscription, and if they are not
//! covered by it any more, an `Effect::Subscribe` follows.

pub(crate) mod backtrace;
mod clock;
pub(crate) mod columns;
pub(crate) mod connection;
pub(crate) mod filter_input;
pub(crate) mod findings;
#[cfg(test)]
pub(crate) mod fixtures;
pub(crate) mod history;
pub(crate) mod line_edit;
pub(crate) mod lints;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod menu;
pub(crate) mod model;
mod mouse;
pub(crate) mod playback;
pub(crate) mod resources;
mod rows;
pub(crate) mod settings;
pub(crate) mod sites;
pub(crate) mod tabs;
pub(crate) mod targets;
pub(crate) mod tasks;
#[cfg(test)]
mod tests;
pub(crate) mod timeline;
mod tree;
pub(crate) mod waits;
pub(crate) mod world;

use backtrace::{Backtrace, Strokes};
use zokio_instrumentation::filter;

use crate::action::{Action, Command, DetailsAnswer, Effect, Now, Switch};
use crate::keymap::{self, Context, Key, Resolution};
use crate::recording::{Ring, Tape};
use connection::{Connection, Link};
use findings::FindingsView;
use line_edit::LineEdit;
use log::{Log, Tone};
use menu::{Menu, MenuKind};
use model::{Histogram, Query, Task, TaskEvent};
use playback::Playback;
use resources::{OpenResource, ResourcesView};
use rows::{follow_lists, invert, open, open_resource, select, sort_by_neighbour};
use settings::Settings;
use sites::SitesView;
use tasks::TasksView;
use waits::WaitsView;
use world::{Runtime, World};

/// Which screen is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    #[default]
    Workers,
    Tasks,
    Detail,
    Sites,
    Resources,
    /// One resource and who waits for it.
    Resource,
    /// Who waits for whom.
    Waits,
    /// Pool, driver and timers.
    Pool,
    /// What telemetry costs.
    Cost,
    Findings,
    /// What the workers did lately.
    Timeline,
    /// What has become of the connection.
    Log,
}

/// The console's state.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) now: Now,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) screen: Screen,
    /// First line shown of the help screen, if it is open.
    pub(crate) help: Option<usize>,
    /// The list that stands over the task table.
    pub(crate) menu: Option<Menu>,
    pub(crate) settings: Settings,
    pub(crate) connection: Connection,
    pub(crate) log: Log,
    /// Kept up to date also while paused.
    live: World,
    /// What is shown instead: the moment of the pause, or one of a recording.
    frozen: Option<Box<World>>,
    /// Where on a recording, or in the last minutes, the screen is. None: it shows the present.
    pub(crate) playback: Option<Playback>,
    /// A recording is shown: there is no server.
    pub(crate) replay: bool,
    /// The last minutes, as they came over the wire.
    past: Tape<Ring>,
    /// The query whose rows of the past are shown.
    past_query: Query,
    /// Something to be told, and until when.
    notice: Option<(String, u64)>,
    /// Name of the runtime to be shown first.
    pub(crate) wanted_runtime: Option<String>,
    /// Other programs are watched, too.
    pub(crate) has_siblings: bool,
    /// Another program is on the screen.
    hidden: bool,
    /// Id of the runtime shown.
    pub(crate) runtime: Option<u64>,
    /// First worker shown.
    pub(crate) first_worker: usize,
    pub(crate) tasks: TasksView,
    pub(crate) findings: FindingsView,
    pub(crate) timeline: timeline::Timeline,
    pub(crate) detail: Option<Detail>,
    pub(crate) sites: SitesView,
    pub(crate) resources: ResourcesView,
    pub(crate) resource: Option<OpenResource>,
    pub(crate) waits: WaitsView,
    /// Whether the updates tell what tasks wait for.
    pub(crate) resources_known: bool,
    pending_key: Option<Key>,
    /// The query of the running subscription.
    query: Query,
    /// The next update comes from another process than those before.
    start_over: bool,
    /// Something on the screen may have changed since this was last cleared.
    pub(crate) dirty: bool,
}

/// Why a task has not answered.
const NO_CONNECTION: &str = "no connection to the program: it was not asked";
const RECORDED: &str = "this is a recording: there is no task to be asked";

/// What has become of a question where the task waits.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Waiting,
    Answered(Result<Vec<Backtrace>, String>),
}

impl Asked {
    /// What there is to read.
    pub(crate) fn lines(&self, strokes: Strokes) -> Vec<String> {
        match self {
            Asked::Waiting => vec!["asking it…".into()],
            Asked::Answered(Err(why)) => vec![why.clone()],
            Asked::Answered(Ok(parts)) => {
                let mut lines = Vec::new();
                for (at, part) in parts.iter().enumerate() {
                    if at > 0 {
                        lines.push(format!("task {} {}", part.task, part.title()));
                    }
                    lines.extend(part.lines(strokes));
                }
                lines
            }
        }
    }
}

/// The task of the detail screen.
#[derive(Debug, Clone)]
pub(crate) struct Detail {
    pub(crate) runtime_id: u64,
    pub(crate) task_id: u64,
    /// The last that is known of it.
    pub(crate) task: Option<Task>,
    pub(crate) poll_time: Option<Histogram>,
    /// What it told `tracing` lately, the oldest first.
    pub(crate) events: Vec<TaskEvent>,
    /// The telemetry clock when `task` was true.
    pub(crate) taken_at_ns: u64,
    /// It is over: what is shown is the last that was seen.
    pub(crate) gone: bool,
    asked: bool,
    /// Shown in place of what it waits for, once it was asked for.
    pub(crate) backtrace: Option<Asked>,
    /// All events, in place of what it waits for.
    pub(crate) shows_events: bool,
    pub(crate) scroll: usize,
    /// The screen that it was opened from.
    from: Screen,
}

impl State {
    /// A state that waits for the server at `target`, shown on a screen of this size.
    pub(crate) fn new(target: String, width: u16, height: u16, now: Now) -> State {
        let mut state = State {
            now,
            width,
            height,
            dirty: true,
            ..State::default()
        };
        state.connection.target = target;
        state.query = state.wanted_query();
        state
    }

    /// Keeps the last minutes, in so many bytes.
    pub(crate) fn with_history(mut self, max_bytes: usize) -> State {
        self.past = Tape::new(Ring::new(max_bytes), None);
        self
    }

    /// Shows a recording: what comes are moments of it.
    pub(crate) fn of_recording(mut self) -> State {
        self.replay = true;
        self
    }

    /// What to subscribe with when a connection is made.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// Whether another program is on the screen.
    fn hide(&mut self, hidden: bool) {
        self.hidden = hidden;
        self.dirty = true;
    }

    /// Asks for what is to be seen now, if that has not been asked for. While time stands still on
    /// the screen, the rows that were kept are asked instead.
    fn ask_for_rows(&mut self, effects: &mut Vec<Effect>) {
        let wanted = self.wanted_query();
        let is_past = self.frozen.is_some() && !self.replay;
        if is_past && !self.hidden && !self.query.slow {
            clock::look_again(self, &wanted);
        } else if wanted != self.query {
            self.query = wanted.clone();
            effects.push(Effect::Subscribe(wanted));
        }
    }

    /// Shows the first runtime, or the last one.
    fn choose_end(&mut self, last: bool) {
        let runtimes = &self.world().runtimes;
        let at = if last {
            runtimes.last()
        } else {
            runtimes.first()
        };
        if let Some(id) = at.map(|runtime| runtime.summary.id) {
            self.show_runtime(id);
        }
    }

    /// What to show: the present, or the moment of the pause.
    pub(crate) fn world(&self) -> &World {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// Whether time stands still on the screen.
    pub(crate) fn paused(&self) -> bool {
        self.playback.as_ref().is_some_and(|at| !at.playing)
    }

    /// What is to be told now.
    pub(crate) fn notice(&self) -> Option<&str> {
        let (text, until_ms) = self.notice.as_ref()?;
        (self.now.mono_ms < *until_ms).then_some(text)
    }

    /// The runtime shown.
    pub(crate) fn shown_runtime(&self) -> Option<&Runtime> {
        self.world().runtime(self.runtime?)
    }

    /// Where the keys are read now.
    pub(crate) fn context(&self) -> Context {
        if self.help.is_some() {
            return Context::Help;
        }
        if let Some(menu) = self.menu {
            return menu.context();
        }
        match self.screen {
            Screen::Workers => Context::Workers,
            Screen::Tasks if self.tasks.editing() => Context::FilterInput,
            Screen::Tasks => Context::Tasks,
            Screen::Detail => Context::Detail,
            Screen::Sites => Context::Sites,
            Screen::Resources => Context::Resources,
            Screen::Resource => Context::Resource,
            Screen::Waits => Context::Waits,
            Screen::Pool | Screen::Cost => Context::Panels,
            Screen::Findings => Context::Findings,
            Screen::Timeline => Context::Timeline,
            Screen::Log => Context::Log,
        }
    }

    /// Whether the server knows the language of filters, or looks for texts only.
    pub(crate) fn knows_filters(&self) -> bool {
        let server = self.connection.server.as_ref();
        server.is_none_or(model::Server::knows_filters)
    }

    /// Rows of a table that fit on the screen.
    pub(crate) fn task_rows(&self) -> usize {
        tasks::visible_rows(self.height)
    }

    /// Rows of the list that is shown.
    pub(crate) fn list_rows(&self) -> usize {
        let rows = self.task_rows();
        match (&self.resource, self.screen) {
            (Some(open), Screen::Resource) => rows - open.facts_height(rows),
            _ => rows,
        }
    }

    fn wanted_query(&self) -> Query {
        if self.hidden {
            return Query {
                slow: true,
                ..Query::default()
            };
        }
        let from = self.detail.as_ref().map(|detail| detail.from);
        let below_resource = from.is_some() && self.resource.is_some();
        let resources =
            below_resource || matches!(self.screen, Screen::Resources | Screen::Resource);
        let below_waits = |from: Option<Screen>| from == Some(Screen::Waits);
        let chains = self.screen == Screen::Waits
            || below_waits(from)
            || below_waits(self.resource.as_ref().map(|open| open.from));
        let rows = self.task_rows();
        self.tasks.query(rows, (resources, chains), &self.query)
    }
}

/// Applies an action.
pub(crate) fn update(state: &mut State, action: Action) -> Vec<Effect> {
    let mut effects = Vec::new();
    match action {
        Action::Tick(now) => {
            state.dirty |= state.connection.looks_different_at(state.now, now);
            state.now = now;
            return effects;
        }
        Action::Resize { width, height } => {
            (state.width, state.height) = (width, height);
            let rows = state.task_rows();
            state.tasks.keep_selection_visible(rows);
            follow_lists(state);
        }
        Action::Heard(frame) => {
            clock::keep(state, frame);
            return effects;
        }
        Action::Mouse(mouse) => mouse::act(state, mouse, &mut effects),
        Action::Key(key) => press(state, key, &mut effects),
        Action::Command(command) => perform(state, command, &mut effects),
        other => hear(state, other, &mut effects),
    }
    state.dirty = true;
    state.ask_for_rows(&mut effects);
    effects
}

fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    let pending = state.pending_key.take();
    // A recording of the workers stands still of its own: there the arrows are the cursor's.
    let on_timeline = state.context() == Context::Timeline;
    let clock = keymap::clock::command(state.context(), key);
    if let Some(command) = clock.filter(|_| pending.is_none() && state.paused() && !on_timeline) {
        return perform(state, command, effects);
    }
    match keymap::resolve(state.context(), pending, key) {
        Resolution::Command(command) => perform(state, command, effects),
        Resolution::Pending => state.pending_key = Some(key),
        Resolution::Text(c) => state.tasks.type_char(c),
        Resolution::Nothing => {
            if let Some(digit) = keymap::targets::digit(state.context(), key)
                && state.has_siblings
            {
                effects.push(Effect::SwitchTarget(Switch::Digit(digit)));
            }
        }
    }
}

/// What the connection reports.
fn hear(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match action {
        Action::Connecting { attempt } => state.connection.link = Link::Connecting { attempt },
        Action::Connected(server) => {
            let known = state.connection.server.as_ref();
            state.start_over = !known.is_some_and(|known| known.is_same_process(&server));
            state.log.connected(state.now.unix_ms, &server, known);
            state.connection.link = Link::Connected;
            state.connection.forget_lag();
            state.connection.server = Some(*server);
            if let Some(detail) = &mut state.detail {
                detail.asked = false;
            }
        }
        Action::Update { update, query } => {
            if std::mem::take(&mut state.start_over) {
                state.live = World::default();
            }
            state.connection.note_update(update.taken_at_ns, state.now);
            state.log.updated(state.now.unix_ms, &update);
            if query.slow {
                state.live.apply_without_rows(*update);
            } else {
                state.live.apply(*update, query.offset as usize);
            }
            if state.tasks.tree {
                state.live.arrange_tasks(true);
            }
            if state.frozen.is_none() {
                if !query.slow {
                    state.resources_known = query.resources;
                }
                follow_world(state, effects);
            }
        }
        Action::Moment(moment) => clock::show(state, *moment, effects),
        Action::Saved(text) => clock::tell(state, text),
        Action::Details {
            runtime_id,
            task_id,
            answer,
        } => take_details(state, runtime_id, task_id, answer),
        Action::Refused { message, query } => {
            let text = format!("the filter was refused: {message}");
            state.log.add(state.now.unix_ms, Tone::Warn, text);
            if query.filter == state.tasks.filter {
                state.tasks.refused = Some(message);
            }
        }
        Action::Backtrace {
            runtime_id,
            task_id,
            answer,
        } => {
            if let Some(detail) = &mut state.detail
                && (detail.runtime_id, detail.task_id) == (runtime_id, task_id)
                && detail.backtrace.is_some()
            {
                detail.backtrace = Some(Asked::Answered(answer));
            }
        }
        Action::Timeline { runtime_id, answer } => timeline::answer(state, runtime_id, answer),
        Action::Lost {
            reason,
            retry_in_ms,
        } => {
            timeline::lost(state);
            let detail = state.detail.as_mut();
            if let Some(asked @ Asked::Waiting) = detail.and_then(|d| d.backtrace.as_mut()) {
                *asked = Asked::Answered(Err(NO_CONNECTION.into()));
            }
            state.log.add(state.now.unix_ms, Tone::Bad, reason.clone());
            let retry_at_ms = state.now.mono_ms.saturating_add(retry_in_ms);
            state.connection.link = Link::Lost {
                reason,
                retry_at_ms,
            };
        }
        Action::Tick(_)
        | Action::Resize { .. }
        | Action::Key(_)
        | Action::Mouse(_)
        | Action::Heard(_)
        | Action::Command(_) => {}
    }
}

/// Follows a change of the world that is shown.
fn follow_world(state: &mut State, effects: &mut Vec<Effect>) {
    choose_runtime(state);
    follow_selection(state);
    follow_lists(state);
    refresh_detail(state, effects);
}

/// Keeps the runtime shown, or takes the first one that lives.
fn choose_runtime(state: &mut State) {
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    if let Some(name) = &state.wanted_runtime
        && let Some(named) = world.runtimes.iter().find(|it| it.summary.name == *name)
    {
        state.runtime = Some(named.summary.id);
        // From here on the user chooses.
        state.wanted_runtime = None;
    }
    if state.runtime.is_none_or(|id| world.runtime(id).is_none()) {
        let alive = world.runtimes.iter().find(|runtime| !runtime.summary.ended);
        let chosen = alive.or(world.runtimes.first());
        state.runtime = chosen.map(|runtime| runtime.summary.id);
    }
}

fn follow_selection(state: &mut State) {
    let rows = state.task_rows();
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    if let Some(runtime) = state.runtime.and_then(|id| world.runtime(id)) {
        state.tasks.follow(&runtime.tasks, rows);
    }
}

fn refresh_detail(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(detail) = state.detail.as_mut() else {
        return;
    };
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    if let Some(runtime) = world.runtime(detail.runtime_id)
        && let Some(task) = runtime.tasks.get(detail.task_id)
        && runtime.rows_age_ns() == Some(0)
    {
        detail.task = Some(task.clone());
        detail.taken_at_ns = runtime.summary.taken_at_ns;
        detail.gone = false;
    } else if state.frozen.is_some() {
        // The past is not asked: what is not recorded is not known.
        detail.gone = true;
    }
    if state.frozen.is_none() && !state.hidden && !detail.asked && !detail.gone {
        detail.asked = true;
        effects.push(Effect::FetchDetails {
            runtime_id: detail.runtime_id,
            task_id: detail.task_id,
        });
    }
}

fn take_details(state: &mut State, runtime_id: u64, task_id: u64, answer: DetailsAnswer) {
    let paused = state.paused();
    let Some(detail) = &mut state.detail else {
        return;
    };
    if (detail.runtime_id, detail.task_id) != (runtime_id, task_id) {
        return;
    }
    detail.asked = false;
    match answer {
        DetailsAnswer::Found(found) if !paused => {
            detail.taken_at_ns = found.taken_at_ns;
            detail.task = Some(found.task);
            detail.events = found.events;
            detail.poll_time = found.poll_time.or(detail.poll_time.take());
            detail.gone = false;
        }
        DetailsAnswer::Gone if !paused => detail.gone = true,
        DetailsAnswer::Found(_) | DetailsAnswer::Gone | DetailsAnswer::Failed => {}
    }
}

/// Asks the task shown where it waits; if it was asked, shows again what it waits for.
fn toggle_backtrace(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(detail) = &mut state.detail else {
        return;
    };
    (detail.scroll, detail.shows_events) = (0, false);
    if detail.backtrace.take().is_some() {
        return;
    }
    if state.playback.is_some() {
        detail.backtrace = Some(Asked::Answered(Err(RECORDED.into())));
    } else if matches!(state.connection.link, Link::Lost { .. }) {
        detail.backtrace = Some(Asked::Answered(Err(NO_CONNECTION.into())));
    } else {
        detail.backtrace = Some(Asked::Waiting);
        effects.push(Effect::FetchBacktrace {
            runtime_id: detail.runtime_id,
            task_id: detail.task_id,
        });
    }
}

fn toggle_events(state: &mut State) {
    if let Some(detail) = &mut state.detail {
        (detail.scroll, detail.backtrace) = (0, None);
        detail.shows_events = !detail.shows_events;
    }
}

fn perform(state: &mut State, command: Command, effects: &mut Vec<Effect>) {
    match command {
        Command::ToggleBacktrace => toggle_backtrace(state, effects),
        Command::ToggleEvents => toggle_events(state),
        Command::ShowWorkers => show(state, Screen::Workers),
        Command::ShowTasks => show(state, Screen::Tasks),
        Command::ShowSites => show(state, Screen::Sites),
        Command::ShowResources => show(state, Screen::Resources),
        Command::ShowWaits => show(state, Screen::Waits),
        Command::OpenResource => open_resource(state),
        Command::ShowPool => show(state, Screen::Pool),
        Command::ShowCost => show(state, Screen::Cost),
        Command::ShowLog => show(state, Screen::Log),
        Command::ShowFindings => show(state, Screen::Findings),
        Command::ToggleHelp => state.help = if state.help.is_some() { None } else { Some(0) },
        Command::Back => back(state),
        Command::NextRuntime => step_runtime(state, true, effects),
        Command::PreviousRuntime => step_runtime(state, false, effects),
        Command::Quit => effects.push(Effect::Quit),
        Command::Up
        | Command::Down
        | Command::PageUp
        | Command::PageDown
        | Command::First
        | Command::Last => step(state, command),
        Command::SortLeft => sort_by_neighbour(state, false),
        Command::SortRight => sort_by_neighbour(state, true),
        Command::InvertSort => invert(state),
        Command::ToggleTree => toggle_tree(state),
        Command::Open => match state.menu {
            Some(menu) => menu::choose(state, menu),
            None => open(state, effects),
        },
        Command::SavedFilters => state.menu = Some(Menu::new(MenuKind::Filters)),
        Command::ChooseColumns => state.menu = Some(Menu::new(MenuKind::Columns)),
        Command::ToggleColumn => menu::toggle(state),
        Command::ColumnEarlier => menu::shift(state, false),
        Command::ColumnLater => menu::shift(state, true),
        Command::EditFilter => {
            let is_language = state.knows_filters();
            state.tasks.edit_filter(is_language);
        }
        Command::ApplyFilter => state.tasks.apply_filter(),
        Command::CancelFilter => state.tasks.cancel_filter(),
        Command::CompleteFilter => state.tasks.complete_filter(),
        Command::OlderFilter => state.tasks.recall_filter(true),
        Command::NewerFilter => state.tasks.recall_filter(false),
        Command::DeleteBefore => state.tasks.edit(LineEdit::backspace),
        Command::DeleteAt => state.tasks.edit(LineEdit::delete),
        Command::DeleteWord => state.tasks.edit(LineEdit::delete_word),
        Command::ClearLine => state.tasks.edit(LineEdit::clear),
        Command::CursorLeft => state.tasks.edit(LineEdit::left),
        Command::CursorRight => state.tasks.edit(LineEdit::right),
        Command::CursorToStart => state.tasks.edit(LineEdit::home),
        Command::CursorToEnd => state.tasks.edit(LineEdit::end),
        Command::ShowTimeline
        | Command::ReadAgain
        | Command::Earlier
        | Command::Later
        | Command::ZoomIn
        | Command::ZoomOut
        | Command::NextLongPoll
        | Command::PreviousLongPoll => timeline::perform(state, command, effects),
        Command::TogglePause
        | Command::SeekBack
        | Command::SeekForward
        | Command::SeekBackFar
        | Command::SeekForwardFar
        | Command::SeekStart
        | Command::SeekEnd
        | Command::Faster
        | Command::Slower
        | Command::SaveHistory => clock::perform(state, command, effects),
    }
}

fn show(state: &mut State, screen: Screen) {
    state.screen = screen;
    state.help = None;
    state.menu = None;
    state.detail = None;
    if screen != Screen::Resource {
        state.resource = None;
    }
}

fn back(state: &mut State) {
    if state.help.take().is_some() || state.menu.take().is_some() {
        return;
    }
    match state.screen {
        Screen::Detail => {
            let from = state.detail.as_ref().map(|detail| detail.from);
            show(state, from.unwrap_or(Screen::Tasks));
        }
        Screen::Resource => {
            let from = state.resource.as_ref().map(|open| open.from);
            show(state, from.unwrap_or(Screen::Resources));
        }
        Screen::Tasks if state.tasks.filtered() => state.tasks.clear_filter(),
        _ => show(state, Screen::Workers),
    }
}

/// The next runtime; after the last one the next program, if there are several.
fn step_runtime(state: &mut State, forward: bool, effects: &mut Vec<Effect>) {
    let runtimes = &state.world().runtimes;
    let at = runtimes
        .iter()
        .position(|runtime| Some(runtime.summary.id) == state.runtime)
        .unwrap_or(0);
    let end = if forward {
        runtimes.len().max(1) - 1
    } else {
        0
    };
    if state.has_siblings && at == end {
        effects.push(Effect::SwitchTarget(if forward {
            Switch::Next
        } else {
            Switch::Previous
        }));
        return;
    }
    let step = if forward {
        1
    } else {
        runtimes.len().max(1) - 1
    };
    let next = (at + step).checked_rem(runtimes.len());
    if let Some(id) = next.map(|next| runtimes[next].summary.id) {
        state.show_runtime(id);
        if state.screen == Screen::Timeline {
            timeline::ask(state, effects);
        }
    }
}

impl State {
    fn show_runtime(&mut self, id: u64) {
        if self.runtime == Some(id) {
            return;
        }
        self.runtime = Some(id);
        self.tasks.go_to_top();
        self.first_worker = 0;
        self.sites.go_to_top();
        self.resources.go_to_top();
        self.waits.go_to_top();
        self.findings = FindingsView::default();
        match self.screen {
            Screen::Detail => show(self, Screen::Tasks),
            Screen::Resource => show(self, Screen::Resources),
            _ => {}
        }
    }
}

/// Shows the tasks below those that spawned them, or in the server's order again.
fn toggle_tree(state: &mut State) {
    state.tasks.tree = !state.tasks.tree;
    state.live.arrange_tasks(state.tasks.tree);
    if let Some(frozen) = &mut state.frozen {
        frozen.arrange_tasks(state.tasks.tree);
    }
    let rows = state.task_rows();
    let world = state.frozen.as_deref().unwrap_or(&state.live);
    if let Some(runtime) = state.runtime.and_then(|id| world.runtime(id)) {
        state.tasks.follow(&runtime.tasks, rows);
    }
}

/// Moves the selection or scrolls, whichever the place shown has.
fn step(state: &mut State, command: Command) {
    let page = state.list_rows();
    if let Some(top) = &mut state.help {
        *top = stepped(*top, command, page, help_lines());
        return;
    }
    if let Some(menu) = state.menu {
        menu::step(state, menu, command);
        return;
    }
    let rows = state.rows_in_all();
    let to = |at| stepped(at, command, page, rows);
    match state.screen {
        Screen::Workers => state.first_worker = to(state.first_worker),
        Screen::Tasks => select(state, to(state.tasks.selected)),
        Screen::Sites => select(state, to(state.sites.selected)),
        Screen::Resources => select(state, to(state.resources.selected)),
        Screen::Waits => select(state, to(state.waits.selected)),
        Screen::Resource => {
            if let Some(open) = &state.resource {
                select(state, to(open.waiters.selected));
            }
        }
        Screen::Findings => {
            let row = to(state.findings.row(rows));
            select(state, row);
        }
        Screen::Detail => {
            if let Some(detail) = &mut state.detail {
                detail.scroll = to(detail.scroll);
            }
        }
        Screen::Timeline => timeline::step(&mut state.timeline, command),
        Screen::Log => state.log.scroll = to(state.log.scroll),
        Screen::Pool | Screen::Cost => {}
    }
}

/// Lines of the help's text: the end of its scrolling.
pub(crate) fn help_lines() -> usize {
    keymap::BINDINGS.len()
        + keymap::clock::bindings().count()
        + keymap::targets::LINES
        + columns::all().count()
        + filter::fields().len()
        + sites::COLUMNS.len()
        + resources::COLUMNS.len()
        + waits::COLUMNS.len()
}

fn stepped(at: usize, command: Command, page: usize, len: usize) -> usize {
    let last = len.saturating_sub(1);
    let to = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(page),
        Command::PageDown => at.saturating_add(page),
        Command::First => 0,
        Command::Last => last,
        _ => at,
    };
    to.min(last)
}
