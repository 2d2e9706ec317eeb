//! What a configuration file says, and what is said about its mistakes.

use super::*;
use crate::action::Command;
use crate::state::columns::Column;

fn problems(text: &str) -> Vec<String> {
    Config::parse(text).expect_err(text)
}

#[test]
fn what_is_written_is_read_again() {
    let config = Config::default();
    let text = config.text();
    let read = Config::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
    assert_eq!(read.text(), text);
    assert_eq!(read.settings, config.settings);
    assert_eq!(Config::parse("").unwrap().text(), text);
    insta::assert_snapshot!(text);
}

#[test]
fn one_target_needs_no_list() {
    for text in ["target = 'localhost:7000'", "targets = 'localhost:7000'"] {
        let targets = Config::parse(text).unwrap().targets;
        let targets: Vec<_> = targets.iter().map(ToString::to_string).collect();
        assert_eq!(targets, ["http://localhost:7000"]);
    }
    assert_eq!(problems("targets = []").len(), 1);
}

#[test]
fn everything_can_be_set() {
    let text = r#"
        targets = ["unix:/run/app.sock", "localhost"]
        interval = "1.5s"
        [screen]
        theme = "high-contrast"
        colors = false
        ascii-only = true
        mouse = false
        [tasks]
        columns = ["name", "longest", "id"]
        [filters]
        zeta = "conn"
        alpha = 'name:"say \"hi\"" busy>=10%'
        busy = "busy>90%"
        [warnings]
        never-yields = "20ms"
        starved = false
        self-wakes = "80%"
        [keys]
        show-tasks = "X"
        first = ["ctrl-t", "x x"]
    "#;
    let config = Config::parse(text).unwrap();
    assert_eq!(config.targets.len(), 2);
    assert_eq!(config.targets[0].to_string(), "unix:/run/app.sock");
    assert_eq!(config.interval, Some(Duration::from_millis(1_500)));
    assert_eq!(config.theme, Palette::HighContrast);
    assert!(!config.colors && config.ascii_only && !config.mouse);
    let settings = &config.settings;
    assert_eq!(
        settings.columns,
        [Column::Name, Column::Longest, Column::Id]
    );
    let names: Vec<_> = settings.filters.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names[..3], ["zeta", "alpha", "busy"], "in the file's order");
    assert_eq!(names.iter().filter(|name| **name == "busy").count(), 1);
    assert_eq!(settings.limits.never_yields_ns, Some(20_000_000));
    assert_eq!(settings.limits.starved_ns, None);
    assert_eq!(settings.limits.self_wakes_percent, Some(80));
    let keys = |command| {
        let mut bindings = config.keymap.bindings().iter();
        let of = bindings.find(|b| b.command == command);
        of.map(|binding| binding.shown_keys()).unwrap()
    };
    assert_eq!(keys(Command::ShowTasks), "X");
    assert_eq!(keys(Command::First), "Ctrl-t xx");
    assert_eq!(Config::parse(&config.text()).unwrap().text(), config.text());
}

#[test]
fn mistakes_are_told_with_line_and_suggestion() {
    for (text, told) in [
        (
            "\n[scren]\n",
            "line 2: there is no `scren`: did you mean `screen`?",
        ),
        (
            "[screen]\nthme = 1",
            "line 2: there is no `thme` in [screen]: did you mean `theme`?",
        ),
        (
            "[screen]\ncolors = 1",
            "line 2: true or false is wanted, not this integer",
        ),
        (
            "[screen]\ntheme = 'plaid'",
            "line 2: `plaid` is none of dark, light, high-contrast",
        ),
        (
            "targets = 'ftp://x'",
            "line 1: ftp://x: it has an unknown scheme",
        ),
        ("interval = '5'", "line 1: a time is a number and"),
        (
            "tasks = 3",
            "line 1: a table [tasks] is wanted, not this integer",
        ),
        (
            "[tasks]\ncolumns = ['id',\n'nam']",
            "line 3: there is no `nam` among the columns: did you mean `name`?",
        ),
        (
            "[tasks]\ncolumns = ['id', 'id']",
            "line 2: the column `id` is named twice",
        ),
        ("[tasks]\ncolumns = []", "line 2: at least one column"),
        (
            "[filters]\nx = 'stat:idle'",
            "line 2: column 1 of the filter: there is no field `stat`",
        ),
        (
            "[warnings]\nstarvd = false",
            "line 2: there is no `starvd` in [warnings]: did you mean `starved`?",
        ),
        (
            "[warnings]\nstarved = true",
            "line 2: `starved` wants a time",
        ),
        (
            "[warnings]\nself-wakes = '101%'",
            "line 2: `self-wakes` wants a share",
        ),
        (
            "[keys]\nquitt = 'x'",
            "line 2: there is no command `quitt`: did you mean `quit`?",
        ),
        ("[keys]\nquit = 'xyz'", "line 2: `xyz` is no key"),
        (
            "[keys]\nquit = 't'",
            "line 1: the key `t` means show-tasks and quit",
        ),
        ("a = [1,", "line 1: "),
    ] {
        let problems = problems(text);
        assert!(problems[0].starts_with(told), "{text:?}: {problems:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_but_not_without_end() {
    assert_eq!(problems("a = 1\nb = 2\nc = 3").len(), 3);
    let many: String = (0..50).map(|n| format!("k{n} = 1\n")).collect();
    assert_eq!(problems(&many).len(), 5);
    let hostile = problems("\"\\u001b[31m\" = 1");
    assert!(!hostile[0].contains('\u{1b}'), "{hostile:?}");
}

#[test]
fn a_file_that_is_named_must_be_there_and_one_that_is_there_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/config.toml");
    assert!(matches!(
        Config::load(Some(&path)),
        Err(ConsoleError::File { .. })
    ));
    init(&path).unwrap();
    assert!(Config::load(Some(&path)).is_ok());
    fs::write(&path, "bogus = 1").unwrap();
    assert!(init(&path).is_err());
    let error = Config::load(Some(&path)).unwrap_err().to_string();
    assert!(
        error.contains("config.toml") && error.contains("line 1"),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
}
