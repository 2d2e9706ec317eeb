//! The language by examples, and what it refuses.

use std::panic::Location;

use zokio::telemetry::{TaskKind, TaskSnapshot, TaskState, Wait};

use super::*;

const SECOND: u64 = 1_000_000_000;
/// The moment of all tasks.
const NOW: u64 = 100 * SECOND;

/// Idle, named, waits for a mutex that task 3 holds.
fn waiter() -> TaskSnapshot {
    let mut task = TaskSnapshot::empty(17, Location::caller());
    task.name = Some("Conn pool".into());
    task.state = TaskState::Idle;
    task.state_since_ns = NOW - 5 * SECOND;
    task.parent = Some(4);
    task.worker = Some(2);
    task.polls = 1_000;
    task.busy_ns = 2 * SECOND;
    task.scheduled_ns = SECOND;
    task.idle_ns = 17 * SECOND;
    task.longest_poll_ns = SECOND / 2;
    let mut wait = Wait::new("mutex", "lock", Some(Location::caller()));
    wait.since_ns = NOW - 4 * SECOND;
    wait.resource = 9;
    wait.holder = Some(3);
    task.waits = vec![wait];
    task
}

/// Busy blocking work without a name.
fn blocking() -> TaskSnapshot {
    let mut task = TaskSnapshot::empty(3, Location::caller());
    task.kind = TaskKind::Blocking;
    task.state = TaskState::Busy;
    task.state_since_ns = NOW;
    task.busy_ns = SECOND;
    task
}

fn passes(filter: &str, task: &TaskSnapshot) -> bool {
    let filter = Filter::parse(filter).unwrap_or_else(|mistake| panic!("{filter}: {mistake}"));
    Matcher::new(&filter, NOW).passes(task)
}

/// Those that let the waiter through, and not the blocking work.
#[track_caller]
fn tell_them_apart(filters: &[&str]) {
    for filter in filters {
        assert!(passes(filter, &waiter()), "{filter} stops the waiter");
        assert!(
            !passes(filter, &blocking()),
            "{filter} lets the other through"
        );
    }
}

#[test]
fn every_field_can_be_asked_for() {
    tell_them_apart(&[
        "state:idle",
        "STATE:Idle",
        "state=idle",
        "state!=busy",
        "kind:task",
        "name~conn",
        "name:\"conn pool\"",
        "name=\"Conn pool\"",
        "name!=\"\"",
        "waits:mutex",
        "waits:mutex.lock",
        "waits=mutex",
        "waits:tests.rs",
        "id:17",
        "parent:4",
        "parent!=none",
        "worker:2",
        "total>=20s",
        "age<20001ms total>19s",
        "busy>1s",
        "sched>0",
        "scheduled<=1000ms idle>=17s",
        "since>4s",
        "waiting>=4s",
        "longest<1s longest>400ms",
        "mean<=2ms",
        "polls>=1k",
        "holder:3",
        "resource:9",
        "idle > 5s",
        "idle>50%",
    ]);
    let here = waiter().location.to_string();
    assert!(passes("loc:filter/tests.rs", &waiter()));
    assert!(passes(&format!("loc=\"{here}\""), &waiter()));
    assert!(!passes("loc=tests.rs", &waiter()));
}

#[test]
fn what_is_not_there_is_neither_equal_nor_more_nor_less() {
    for filter in [
        "parent:4",
        "parent<9",
        "parent>=0",
        "waiting>0",
        "mean>0",
        "holder:3",
    ] {
        assert!(!passes(filter, &blocking()), "{filter}");
    }
    for filter in [
        "parent:none",
        "worker:none",
        "holder:none",
        "name=\"\"",
        "waits=\"\"",
        "parent!=4",
    ] {
        assert!(passes(filter, &blocking()), "{filter}");
    }
}

#[test]
fn words_negations_groups_and_alternatives_combine() {
    tell_them_apart(&[
        "conn",
        "conn pool",
        "\"conn pool\"",
        "-blocking",
        "not blocking",
        "not not conn",
        "conn or nothing",
        "nothing OR (conn and -kind:blocking)",
        "-(state:busy or kind:blocking)",
        "state:sched or state:idle -blocking",
        "(((conn)))",
    ]);
    assert!(passes("", &blocking()));
    assert!(passes("  ", &blocking()));
    // `and` binds closer than `or`.
    assert!(passes("blocking or conn nothing", &blocking()));
    assert!(!passes("(blocking or conn) nothing", &blocking()));
}

#[test]
fn places_and_paths_are_words_and_quotes_make_words_of_anything() {
    for (filter, word) in [
        ("tests.rs:31", "tests.rs:31"),
        ("conn::handler", "conn::handler"),
        ("C:\\src\\db.rs", "c:\\src\\db.rs"),
        ("a->b", "a->b"),
        ("\"or\"", "or"),
        ("\"say \\\"hi\\\"\"", "say \"hi\""),
    ] {
        let read = Filter::parse(filter).unwrap();
        assert_eq!(read.expr, Some(Expr::Term(Term::Anywhere(0))), "{filter}");
        assert_eq!(read.texts[0].text, word);
    }
    assert!(passes("tests.rs:", &waiter()));
}

#[test]
fn mistakes_are_told_with_their_column() {
    for (filter, column, part) in [
        ("stat:idle", 1, "did you mean `state`?"),
        ("conn nam:x", 6, "did you mean `name`?"),
        ("zzz:x", 1, "put it in quotes"),
        ("state:idl busy:x", 16, "no time"),
        ("state:asleep", 7, "busy, scheduled, idle, done"),
        ("state:", 7, "a value is missing after `state:`"),
        ("(state:) x", 8, "a value is missing"),
        ("idle>5", 6, "has no unit"),
        ("idle>5q", 6, "no unit `q`"),
        ("ähm idle>x", 10, "no time"),
        ("polls>many", 7, "no number"),
        ("polls>5%", 7, "no unit `%`"),
        ("name>5", 1, "does not go with `name`"),
        ("state<idle", 1, "does not go with `state`"),
        ("polls~5", 1, "does not go with `polls`"),
        ("parent>none", 8, "no number"),
        ("(a or b", 1, "not closed"),
        ("a)", 2, "no `(`"),
        ("a or", 5, "missing at the end"),
        ("or a", 1, "missing before `or`"),
        ("a or or b", 6, "missing before `or`"),
        ("()", 2, "missing before this `)`"),
        ("- a", 1, "nothing follows the `-`"),
        ("a \"b", 3, "quote is not closed"),
    ] {
        let mistake = Filter::parse(filter).expect_err(filter);
        assert_eq!(mistake.column(), column, "{filter}: {mistake}");
        assert!(mistake.what().contains(part), "{filter}: {mistake}");
    }
}

#[test]
fn a_filter_has_limits() {
    let many = "a ".repeat(MAX_TERMS);
    assert!(Filter::parse(&many).is_ok());
    let mistake = Filter::parse(&format!("{many}b")).unwrap_err();
    assert_eq!(mistake.column(), many.len() + 1);
    let numbers = "id:1 ".repeat(MAX_TERMS + 1);
    assert!(
        Filter::parse(&numbers)
            .unwrap_err()
            .what()
            .contains("at most 32")
    );

    let nested = |n| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&nested(MAX_DEPTH)).is_ok());
    assert!(
        Filter::parse(&nested(MAX_DEPTH + 1))
            .unwrap_err()
            .what()
            .contains("deeper")
    );
    let negated = format!("{}a", "-".repeat(1_000));
    assert!(
        Filter::parse(&negated)
            .unwrap_err()
            .what()
            .contains("deeper")
    );

    let long = "x".repeat(MAX_BYTES + 1);
    assert!(
        Filter::parse(&long)
            .unwrap_err()
            .what()
            .contains("at most 1024")
    );
    assert!(Filter::plain(&long).is_err());
}

#[test]
fn no_text_makes_the_parser_panic_or_point_outside_of_it() {
    let pieces = [
        "(", ")", "-", "\"", "\\", ":", "~", ">=", "or", "not", " ", "state", "idle", "5s", "é",
        "\u{3000}", "%", "name", "\u{0}",
    ];
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..2_000 {
        let mut text = String::new();
        for _ in 0..random % 9 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            text.push_str(pieces[(random >> 33) as usize % pieces.len()]);
        }
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        match Filter::parse(&text) {
            Ok(filter) => {
                Matcher::new(&filter, NOW).passes(&waiter());
            }
            Err(mistake) => {
                let columns = 1..=text.chars().count() + 1;
                assert!(columns.contains(&mistake.column()), "{text:?}: {mistake}");
            }
        }
        for cursor in 0..=text.len() {
            assert!(complete(&text, cursor).start <= text.len());
        }
    }
}

#[test]
fn what_is_cheap_to_tell_is_told_first() {
    let filter = Filter::parse("anything name:x waits:y busy>1s").unwrap();
    let Some(Expr::And(all)) = filter.expr else {
        panic!("{filter:?}")
    };
    assert!(matches!(all[0], Expr::Term(Term::Time(..))));
    assert!(matches!(all[3], Expr::Term(Term::Anywhere(_))));
}

#[test]
fn a_text_is_quoted_only_where_it_must_be() {
    for text in [
        "conn",
        "src/db.rs:3",
        "a b",
        "or",
        "state:x",
        "say \"hi\"",
        "\\",
        "",
        "-x",
        "(",
        "Ö",
    ] {
        let read = Filter::parse(&quote(text)).unwrap();
        if text.is_empty() {
            continue;
        }
        assert_eq!(read, Filter::plain(text).unwrap(), "{}", quote(text));
    }
    assert!(Filter::is_plain("db.rs:31"));
    assert!(!Filter::is_plain("two words"));
    assert!(!Filter::is_plain("state:idle"));
    let at = Filter::parse(&spawned_at("C:\\a b.rs", 3, 9)).unwrap();
    assert_eq!(at.texts[0].text, "C:\\a b.rs:3:9");
}

#[test]
fn completion_offers_fields_and_values() {
    let offered = |text: &str| complete(text, text.len()).candidates;
    assert_eq!(offered("sta"), ["state:"]);
    assert_eq!(
        offered("-(w"),
        ["waits:", "worker:", "waiting>", "wakes:", "wakers:"]
    );
    assert_eq!(offered("state:"), ["busy", "scheduled", "idle", "done"]);
    assert_eq!(offered("x kind!=bl"), ["blocking", "block_on"]);
    assert_eq!(offered(""), [] as [&str; 0]);
    assert_eq!(offered("name:\"sta"), [] as [&str; 0]);
    assert_eq!(complete("-sta", 4).start, 1);
}
