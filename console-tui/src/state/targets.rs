//! Several programs at once: a state for each, one of them shown.
//!
//! The others stay connected and ask for little: no rows, once a second. With several, the last line
//! of the screen says which there are and how each stands.

use super::connection::Link;
use super::{State, update};
use crate::action::{Action, Effect, MouseKind, Switch};
use crate::format;

/// See the module.
#[derive(Debug)]
pub(crate) struct Targets {
    states: Vec<State>,
    shown: usize,
    /// The last number that was typed, and when.
    typed: (usize, u64),
    width: u16,
    height: u16,
    /// Something on the screen may have changed since this was last cleared.
    pub(crate) dirty: bool,
}

/// What the last line says of one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetTab {
    /// Which it is, from 0: its key is one more.
    pub(crate) at: usize,
    pub(crate) label: String,
    pub(crate) is_shown: bool,
    /// None: not connected yet.
    pub(crate) is_connected: Option<bool>,
    /// Something is wrong with the program.
    pub(crate) is_sick: bool,
    /// First cell.
    pub(crate) x: usize,
}

impl TargetTab {
    /// Its number.
    pub(crate) fn number(&self) -> String {
        (self.at + 1).to_string()
    }

    /// Cells that it takes: number, blank, mark, blank, label, `!`, two blanks.
    pub(crate) fn width(&self) -> usize {
        self.number().len() + format::width(&self.label) + usize::from(self.is_sick) + 5
    }
}

/// Longest label, in cells, and the shortest where many have to fit.
const MAX_LABEL: usize = 32;
const MIN_LABEL: usize = 9;

/// Cells of an entry beside its label.
const BESIDE_LABEL: usize = 7;

/// How soon the second digit of a number comes.
const SOON_MS: u64 = 1_000;

impl Targets {
    /// One state for each program, of which there is at least one; the first is shown. `runtime` is
    /// the name of the runtime to be shown first.
    pub(crate) fn new(
        mut states: Vec<State>,
        runtime: Option<&str>,
        (width, height): (u16, u16),
    ) -> Targets {
        let several = states.len() > 1;
        for (at, state) in states.iter_mut().enumerate() {
            state.height = height.saturating_sub(u16::from(several));
            state.wanted_runtime = runtime.map(str::to_owned);
            state.has_siblings = several;
            state.hide(at > 0);
            state.query = state.wanted_query();
        }
        Targets {
            states,
            shown: 0,
            typed: (0, 0),
            width,
            height,
            dirty: true,
        }
    }

    /// Of the terminal, in cells: width and height.
    pub(crate) fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    #[cfg(test)]
    pub(crate) fn replace(&mut self, at: usize, state: State) {
        self.states[at] = state;
    }

    pub(crate) fn states(&self) -> &[State] {
        &self.states
    }

    /// The one on the screen.
    pub(crate) fn shown(&self) -> &State {
        &self.states[self.shown]
    }

    pub(crate) fn is_several(&self) -> bool {
        self.states.len() > 1
    }

    /// Applies what has happened to the screen, or to one program.
    pub(crate) fn update(&mut self, of: Option<usize>, action: Action) -> Vec<(usize, Effect)> {
        let before = self.is_several().then(|| self.tabs());
        let mut effects = Vec::new();
        match (of, action) {
            (Some(at), action) if at < self.states.len() => self.apply(at, action, &mut effects),
            (_, Action::Tick(now)) => {
                for at in 0..self.states.len() {
                    self.apply(at, Action::Tick(now), &mut effects);
                }
            }
            (_, Action::Resize { width, height }) => {
                (self.width, self.height) = (width, height);
                let height = height.saturating_sub(u16::from(self.is_several()));
                for at in 0..self.states.len() {
                    self.apply(at, Action::Resize { width, height }, &mut effects);
                }
            }
            (_, Action::Mouse(mouse)) if self.is_several() && mouse.y + 1 >= self.height => {
                let x = usize::from(mouse.x);
                let hit = |tab: &TargetTab| (tab.x..tab.x + tab.width() - 2).contains(&x);
                let tabs = self.tabs();
                let tab = tabs.iter().find(|tab| hit(tab));
                if let (MouseKind::Press, Some(tab)) = (mouse.kind, tab) {
                    self.show(tab.at, &mut effects);
                }
            }
            (_, action) => self.apply(self.shown, action, &mut effects),
        }
        self.dirty |= std::mem::take(&mut self.states[self.shown].dirty);
        self.dirty |= before.is_some_and(|before| before != self.tabs());
        effects
    }

    fn apply(&mut self, at: usize, action: Action, effects: &mut Vec<(usize, Effect)>) {
        for effect in update(&mut self.states[at], action) {
            if let Effect::SwitchTarget(switch) = effect {
                self.switch(at, switch, effects);
            } else {
                effects.push((at, effect));
            }
        }
    }

    fn switch(&mut self, from: usize, switch: Switch, effects: &mut Vec<(usize, Effect)>) {
        let count = self.states.len();
        let to = match switch {
            Switch::Next => (from + 1) % count,
            Switch::Previous => (from + count - 1) % count,
            Switch::Digit(digit) => return self.type_digit(digit, effects),
        };
        self.states[to].choose_end(switch == Switch::Previous);
        self.show(to, effects);
    }

    /// A digit that follows another soon is the next of one number, if there is a program of that
    /// number.
    fn type_digit(&mut self, digit: usize, effects: &mut Vec<(usize, Effect)>) {
        let now_ms = self.shown().now.mono_ms;
        let (before, typed_at_ms) = self.typed;
        let longer = before * 10 + digit;
        let goes_on = now_ms.saturating_sub(typed_at_ms) < SOON_MS && longer <= self.states.len();
        let number = if goes_on { longer } else { digit };
        if (1..=self.states.len()).contains(&number) {
            self.typed = (number, now_ms);
            self.show(number - 1, effects);
        }
    }

    fn show(&mut self, at: usize, effects: &mut Vec<(usize, Effect)>) {
        if at == self.shown || at >= self.states.len() {
            return;
        }
        let from = std::mem::replace(&mut self.shown, at);
        for (at, hidden) in [(from, true), (self.shown, false)] {
            let state = &mut self.states[at];
            state.hide(hidden);
            let mut asked = Vec::new();
            state.ask_for_rows(&mut asked);
            effects.extend(asked.into_iter().map(|effect| (at, effect)));
        }
        self.dirty = true;
    }

    /// What the last line says: of as many as there is room for, the one that is shown among them.
    pub(crate) fn tabs(&self) -> Vec<TargetTab> {
        let room = usize::from(self.width).saturating_sub(1);
        let share = (room / self.states.len()).saturating_sub(BESIDE_LABEL);
        let label = share.clamp(MIN_LABEL, MAX_LABEL);
        let mut tabs: Vec<_> = (0..self.states.len())
            .map(|at| self.tab(at, label))
            .collect();
        let mut before: usize = tabs[..=self.shown].iter().map(TargetTab::width).sum();
        let mut left_out = 0;
        while before > room && left_out < self.shown {
            before -= tabs[left_out].width();
            left_out += 1;
        }
        tabs.drain(..left_out);
        let mut x = 1;
        for tab in &mut tabs {
            tab.x = x;
            x += tab.width();
        }
        tabs
    }

    fn tab(&self, at: usize, label: usize) -> TargetTab {
        let state = &self.states[at];
        let connection = &state.connection;
        // Also of one that is paused.
        let present = if state.replay {
            state.world()
        } else {
            &state.live
        };
        let label = match &connection.server {
            Some(server) if !server.process_name.is_empty() => {
                let id = format!("[{}]", server.process_id);
                let room = label.saturating_sub(id.len()).max(1);
                format::truncate_end(&server.process_name, room) + &id
            }
            _ => {
                let target = &connection.target;
                let short = target.strip_prefix("http://").unwrap_or(target);
                format::truncate_middle(short, label)
            }
        };
        TargetTab {
            at,
            label,
            is_shown: at == self.shown,
            is_connected: match connection.link {
                Link::Connected => Some(true),
                Link::Lost { .. } => Some(false),
                Link::Starting | Link::Connecting { .. } => None,
            },
            is_sick: present
                .runtimes
                .iter()
                .any(|runtime| !runtime.findings.is_empty()),
            x: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{at, describe, snapshot};
    use super::*;
    use crate::action::{Command, Mouse, Now};
    use crate::keymap::Key;
    use crate::sanitize;

    fn of(names: &[&str], runtime: Option<&str>) -> Targets {
        let state = |name: &&str| State::new((*name).into(), 80, 24, at(0));
        Targets::new(names.iter().map(state).collect(), runtime, (80, 24))
    }

    fn two() -> Targets {
        let mut targets = of(&["http://a:1", "http://b:2"], None);
        for of in 0..2 {
            let server = Box::new(sanitize::server(&describe()));
            targets.update(Some(of), Action::Connected(server));
            feed(&mut targets, of);
        }
        targets
    }

    fn feed(targets: &mut Targets, of: usize) {
        let query = targets.states[of].query().clone();
        let update = Box::new(sanitize::update(snapshot(30, &query)));
        targets.update(Some(of), Action::Update { update, query });
    }

    fn asked(effects: &[(usize, Effect)]) -> Vec<(usize, bool)> {
        let is_asked = |(of, effect): &(usize, Effect)| match effect {
            Effect::Subscribe(query) => Some((*of, query.slow && query.limit == 0)),
            _ => None,
        };
        effects.iter().filter_map(is_asked).collect()
    }

    fn rows(targets: &Targets) -> (usize, Option<u64>) {
        let runtime = targets.shown().shown_runtime().unwrap();
        (runtime.tasks.rows.len(), runtime.rows_age_ns())
    }

    #[test]
    fn only_the_one_shown_asks_for_rows() {
        let mut targets = two();
        assert!(targets.states[1].query().slow);
        let effects = targets.update(None, Action::Command(Command::NextRuntime));
        assert_eq!(asked(&effects), [(0, true), (1, false)]);
        assert_eq!(rows(&targets), (0, None), "none are not no tasks");
        feed(&mut targets, 1);
        assert_eq!(targets.shown, 1);
        assert!(rows(&targets).0 > 0 && rows(&targets).1 == Some(0));
        targets.update(None, Action::Command(Command::PreviousRuntime));
        assert_eq!(targets.shown, 0);
        assert!(targets.states[0].query().limit > 0 && !targets.states[0].query().slow);
    }

    #[test]
    fn the_rows_of_one_not_shown_stay_until_there_are_new_ones() {
        let mut targets = two();
        let rows_at_ns = |targets: &Targets| targets.states[0].live.runtimes[0].rows_at_ns();
        let true_at_ns = rows_at_ns(&targets);
        let (before, age) = rows(&targets);
        assert_eq!((before > 0, age), (true, Some(0)));
        targets.update(None, Action::Command(Command::NextRuntime));
        let query = targets.states[0].query().clone();
        assert!(query.slow);
        let mut raw = snapshot(31, &query);
        for runtime in &mut raw.runtimes {
            (runtime.full, runtime.matching_tasks) = (true, 0);
            runtime.tasks.clear();
            runtime.rows.clear();
        }
        let update = Box::new(sanitize::update(raw));
        targets.update(Some(0), Action::Update { update, query });
        let lost = Action::Lost {
            reason: "gone".into(),
            retry_in_ms: 100,
        };
        targets.update(Some(0), lost);
        targets.update(None, Action::Command(Command::PreviousRuntime));
        let (after, age) = rows(&targets);
        assert_eq!(after, before);
        assert!(age > Some(0), "and their age is known: {age:?}");
        assert_eq!(rows_at_ns(&targets), true_at_ns);
    }

    #[test]
    fn one_that_is_paused_asks_for_no_rows_either_while_it_is_not_shown() {
        let mut targets = two();
        targets.update(None, Action::Command(Command::TogglePause));
        let effects = targets.update(None, Action::Command(Command::NextRuntime));
        assert_eq!(asked(&effects), [(0, true), (1, false)]);
        let effects = targets.update(None, Action::Command(Command::PreviousRuntime));
        assert_eq!(asked(&effects), [(1, true), (0, false)]);
        assert!(targets.shown().paused(), "it still shows its moment");
        assert!(!targets.states[1].paused());
    }

    #[test]
    fn a_number_shows_the_program_in_that_place() {
        let mut targets = two();
        let key = |text| Action::Key(Key::parse(text).unwrap());
        targets.update(None, key("2"));
        assert_eq!(targets.shown, 1);
        targets.update(None, key("3"));
        assert_eq!(targets.shown, 1, "there is no third");
        targets.update(None, key("1"));
        assert_eq!(targets.shown, 0);
        assert_eq!(of(&["http://a:1"], None).update(None, key("1")), []);
    }

    #[test]
    fn two_digits_in_quick_succession_are_one_number_if_there_is_such_a_program() {
        let names: Vec<String> = (1..=12).map(|n| format!("http://a:{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut targets = of(&names, None);
        let mut type_at = |mono_ms, text: &str| {
            let tick = Action::Tick(Now { mono_ms, ..at(0) });
            targets.update(None, tick);
            targets.update(None, Action::Key(Key::parse(text).unwrap()));
            targets.shown + 1
        };
        assert_eq!(type_at(5_000, "1"), 1);
        assert_eq!(type_at(5_300, "2"), 12);
        assert_eq!(type_at(5_500, "3"), 3, "there is no program 123");
        assert_eq!(type_at(9_000, "1"), 1);
        assert_eq!(type_at(9_200, "0"), 10);
        assert_eq!(type_at(12_000, "1"), 1);
        assert_eq!(type_at(14_000, "2"), 2, "not soon enough");
        assert_eq!(type_at(16_000, "0"), 2, "there is no program 0");
    }

    #[test]
    fn a_task_s_details_are_not_asked_for_while_another_program_is_shown() {
        let mut targets = two();
        for key in ["t", "enter"] {
            targets.update(None, Action::Key(Key::parse(key).unwrap()));
        }
        let detail = targets.states[0].detail.as_mut().unwrap();
        detail.asked = false;
        targets.update(None, Action::Key(Key::parse("2").unwrap()));
        let query = targets.states[0].query().clone();
        let update = Box::new(sanitize::update(snapshot(31, &query)));
        let effects = targets.update(Some(0), Action::Update { update, query });
        assert_eq!(effects, []);
    }

    #[test]
    fn a_lost_one_shows_in_its_tab_and_leaves_the_others_alone() {
        let mut targets = two();
        targets.dirty = false;
        let lost = Action::Lost {
            reason: "gone".into(),
            retry_in_ms: 100,
        };
        targets.update(Some(1), lost);
        assert!(targets.dirty);
        let connected: Vec<_> = targets.tabs().iter().map(|t| t.is_connected).collect();
        assert_eq!(connected, [Some(true), Some(false)]);
        assert_eq!(targets.shown().connection.link, Link::Connected);
    }

    #[test]
    fn of_more_than_fit_the_one_shown_is_among_those_told() {
        let names: Vec<_> = (0..12).map(|n| format!("http://10.0.0.{n}:6669")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let mut targets = of(&names, None);
        for shown in (0..12).chain([3]) {
            targets.show(shown, &mut Vec::new());
            let tabs = targets.tabs();
            let tab = tabs.iter().find(|tab| tab.is_shown).unwrap();
            assert_eq!(tab.at, shown);
            assert!(tab.x + tab.width() <= 80, "{shown}: {tab:?}");
        }
    }

    #[test]
    fn a_click_in_the_last_line_shows_the_program_there() {
        let mut targets = two();
        let x = u16::try_from(targets.tabs()[1].x).unwrap();
        let press = |x, y| {
            let kind = MouseKind::Press;
            Action::Mouse(Mouse { kind, x, y })
        };
        targets.update(None, press(x, 23));
        assert_eq!(targets.shown, 1);
        targets.update(None, press(79, 23));
        assert_eq!(targets.shown, 1, "nothing is there");
        assert_eq!(
            targets.shown().height,
            23,
            "the line is taken from the screens"
        );
    }

    #[test]
    fn what_does_not_change_the_screen_does_not_redraw_it() {
        let mut targets = two();
        targets.dirty = false;
        feed(&mut targets, 1);
        assert!(!targets.dirty, "it is not shown");
        feed(&mut targets, 0);
        assert!(targets.dirty);
    }

    #[test]
    fn a_runtime_that_is_named_is_shown_first() {
        let mut targets = of(&["http://a:1"], Some("side"));
        let query = targets.shown().query().clone();
        let mut raw = snapshot(31, &query);
        raw.runtimes.push(zokio_console_proto::v1::RuntimeUpdate {
            id: 2,
            name: "side".into(),
            ..Default::default()
        });
        let update = Box::new(sanitize::update(raw));
        targets.update(Some(0), Action::Update { update, query });
        assert_eq!(targets.shown().runtime, Some(2));
    }
}
