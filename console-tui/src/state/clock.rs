//! The clock of the screen: the present, the moment of a pause, the last minutes, a recording.
//!
//! Live, what comes over the wire is kept as it came; only looking back decodes it. A recording is
//! played outside: keys become [`Effect::Play`], and moments come back as `Action::Moment`.

use super::model::Query;
use super::{Effect, State, follow_world};
use crate::action::{Command, Save};
use crate::recording::{Frame, Kind, Moment, Play, Source as _};
use crate::state::playback::Playback;

/// Seconds of a large step.
const FAR: i64 = 10;

/// How long something is told.
const NOTICE_MS: u64 = 6_000;

const NS_PER_MS: u64 = 1_000_000;

/// Keeps what has just come over the wire.
pub(super) fn keep(state: &mut State, mut frame: Frame) {
    if state.past.source.keeps() {
        frame.at_ns = now_ns(state);
        state.past.source.push(frame);
    }
}

fn now_ns(state: &State) -> u64 {
    state.now.mono_ms.saturating_mul(NS_PER_MS)
}

/// What a key of the clock does.
pub(super) fn perform(state: &mut State, command: Command, effects: &mut Vec<Effect>) {
    let play = match command {
        Command::SeekBack => Play::Step { seconds: -1 },
        Command::SeekForward => Play::Step { seconds: 1 },
        Command::SeekBackFar => Play::Step { seconds: -FAR },
        Command::SeekForwardFar => Play::Step { seconds: FAR },
        Command::SeekStart => Play::Start,
        Command::SeekEnd => Play::End,
        Command::Faster => Play::Faster,
        Command::Slower => Play::Slower,
        Command::SaveHistory => return save(state, effects),
        _ => Play::Toggle,
    };
    match (state.replay, play) {
        (true, play) => effects.push(Effect::Play(play)),
        (false, Play::Toggle) => toggle(state, effects),
        (false, Play::Faster | Play::Slower) => {}
        (false, play) => look_back(state, play, effects),
    }
}

/// Between the present and the moment of the pause.
fn toggle(state: &mut State, effects: &mut Vec<Effect>) {
    if state.frozen.take().is_some() {
        state.playback = None;
        state.past.rest();
        state.resources_known = state.query.resources;
        if let Some(detail) = &mut state.detail {
            // What the past does not know, the present may.
            detail.gone = false;
        }
        return follow_world(state, effects);
    }
    let at_ns = now_ns(state);
    state.frozen = Some(Box::new(state.live.clone()));
    state.past_query = state.query.clone();
    state.past.seek(at_ns);
    state.playback = Some(Playback {
        at_ns,
        end_ns: at_ns,
        ..Playback::default()
    });
}

/// To another moment of the last minutes.
fn look_back(state: &mut State, play: Play, effects: &mut Vec<Effect>) {
    if !state.past.source.keeps() {
        return tell(
            state,
            "no history is kept: start without --history 0".into(),
        );
    }
    if state.past.source.frames().is_empty() {
        return;
    }
    if state.frozen.is_none() {
        toggle(state, effects);
    }
    state.past.perform(play);
    let query = state.wanted_query();
    let moment = state.past.moment(&query);
    state.past_query = query;
    show(state, moment, effects);
}

/// Order and filter of what is shown of the past have changed: they are applied here, to the rows
/// that were kept.
pub(super) fn look_again(state: &mut State, wanted: &Query) {
    let key = |query: &Query| (query.sort, query.ascending, query.filter.clone());
    if key(wanted) == key(&state.past_query) || state.past.source.frames().is_empty() {
        return;
    }
    state.past_query = wanted.clone();
    let moment = state.past.moment(wanted);
    show(state, moment, &mut Vec::new());
}

/// Shows a moment of the past.
pub(super) fn show(state: &mut State, mut moment: Moment, effects: &mut Vec<Effect>) {
    if state.replay {
        state.connection.server = moment.server;
    }
    if state.tasks.tree {
        moment.world.arrange_tasks(true);
    }
    state.frozen = Some(Box::new(moment.world));
    state.playback = Some(moment.playback);
    state.resources_known = moment.resources;
    follow_world(state, effects);
}

/// Writes the last minutes to a file.
fn save(state: &mut State, effects: &mut Vec<Effect>) {
    if state.replay {
        return tell(state, "this is a recording already".into());
    }
    let frames = state.past.source.recording();
    let Some(first) = frames.iter().position(|frame| frame.kind == Kind::Update) else {
        return tell(state, "there is no history to save".into());
    };
    let span_ns = frames.last().map_or(0, |last| last.at_ns) - frames[first].at_ns;
    let unix_ns = state.now.unix_ms.saturating_mul(NS_PER_MS);
    let program = state.connection.server.as_ref();
    let program: String = program
        .map_or("", |server| &server.process_name)
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        .take(32)
        .collect();
    effects.push(Effect::Save(Save {
        name: format!("{program}-{}.zrec", state.now.unix_ms / 1_000),
        began_unix_ns: unix_ns.saturating_sub(span_ns),
        frames,
    }));
}

/// Tells something in the status line, for a while.
pub(super) fn tell(state: &mut State, text: String) {
    state.notice = Some((text, state.now.mono_ms.saturating_add(NOTICE_MS)));
}
