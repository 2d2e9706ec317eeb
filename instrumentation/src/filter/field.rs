//! What can be asked of a task: the one table that parser, completion and help read.

/// One field.
#[derive(Debug)]
pub struct Field {
    pub(super) name: &'static str,
    /// Other names for it.
    pub(super) aliases: &'static [&'static str],
    pub(super) what: What,
    pub(super) help: &'static str,
}

impl Field {
    /// As it is written.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is, in a few words.
    pub fn help(&self) -> &'static str {
        self.help
    }

    /// Values that it can have, if there are few. Of waits, those that are met most.
    pub fn values(&self) -> &'static [&'static str] {
        match self.what {
            What::State => &STATES,
            What::Kind => &KINDS,
            What::Text(TextField::Waits) => &WAITS,
            _ => &[],
        }
    }

    /// The operators that go with it, the usual one first.
    pub fn operators(&self) -> &'static [&'static str] {
        match self.what {
            What::Text(_) | What::State | What::Kind => &[":", "=", "!="],
            What::Number(_) => &[":", "!=", ">", ">=", "<", "<="],
            What::Time(_) => &[">", ">=", "<", "<="],
        }
    }
}

/// What kind of thing a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Text(TextField),
    State,
    Kind,
    Number(NumberField),
    Time(TimeField),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextField {
    Name,
    Location,
    /// What it waits for: `kind`, `operation`, both with a dot, or where.
    Waits,
    /// Fields of the spans that it is in, each as `name=value`.
    Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberField {
    Id,
    Parent,
    Worker,
    Polls,
    Wakes,
    SelfWakes,
    Wakers,
    Size,
    Holder,
    Resource,
}

impl NumberField {
    /// Whether a task may have none.
    pub(super) fn may_be_absent(self) -> bool {
        use NumberField as N;
        matches!(
            self,
            N::Parent | N::Worker | N::Size | N::Holder | N::Resource
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeField {
    Total,
    Busy,
    Scheduled,
    Idle,
    Since,
    Waiting,
    LongestPoll,
    MeanPoll,
}

pub(super) const STATES: [&str; 4] = ["busy", "scheduled", "idle", "done"];
pub(super) const KINDS: [&str; 4] = ["task", "local", "blocking", "block_on"];
const WAITS: [&str; 9] = [
    "mutex",
    "rwlock",
    "mpsc",
    "oneshot",
    "sleep",
    "tcp",
    "join",
    "notify",
    "semaphore",
];

const fn field(
    name: &'static str,
    aliases: &'static [&'static str],
    what: What,
    help: &'static str,
) -> Field {
    Field {
        name,
        aliases,
        what,
        help,
    }
}

/// Every field that a filter can name.
pub fn fields() -> &'static [Field] {
    use What::{Number, Text, Time};
    static FIELDS: [Field; 24] = [
        field("state", &[], What::State, "busy, scheduled, idle or done"),
        field("name", &[], Text(TextField::Name), "the task's name"),
        field(
            "loc",
            &["location"],
            Text(TextField::Location),
            "where it was spawned: FILE:LINE:COLUMN",
        ),
        field(
            "waits",
            &["wait"],
            Text(TextField::Waits),
            "what it waits for, or where: mutex, mpsc.recv, db.rs:31",
        ),
        field(
            "field",
            &["fields"],
            Text(TextField::Fields),
            "a field of the tracing spans it is in: user=eve",
        ),
        field("kind", &[], What::Kind, "task, local, blocking or block_on"),
        field("id", &[], Number(NumberField::Id), "the task's id"),
        field(
            "parent",
            &[],
            Number(NumberField::Parent),
            "id of the task that spawned it, or none",
        ),
        field(
            "worker",
            &[],
            Number(NumberField::Worker),
            "the worker that polled it last, or none",
        ),
        field(
            "total",
            &["age"],
            Time(TimeField::Total),
            "time since it was spawned",
        ),
        field("busy", &[], Time(TimeField::Busy), "time being polled"),
        field(
            "sched",
            &["scheduled"],
            Time(TimeField::Scheduled),
            "time between wakes and the polls they led to",
        ),
        field(
            "idle",
            &[],
            Time(TimeField::Idle),
            "time waiting for a wake",
        ),
        field(
            "since",
            &[],
            Time(TimeField::Since),
            "time in the state it is in now",
        ),
        field(
            "waiting",
            &[],
            Time(TimeField::Waiting),
            "time since its oldest wait began",
        ),
        field(
            "longest",
            &[],
            Time(TimeField::LongestPoll),
            "its longest poll",
        ),
        field(
            "mean",
            &[],
            Time(TimeField::MeanPoll),
            "time of a poll, on average",
        ),
        field(
            "polls",
            &[],
            Number(NumberField::Polls),
            "times it was polled",
        ),
        field(
            "wakes",
            &[],
            Number(NumberField::Wakes),
            "times it was woken",
        ),
        field(
            "selfwakes",
            &["self_wakes"],
            Number(NumberField::SelfWakes),
            "times it woke itself",
        ),
        field(
            "wakers",
            &[],
            Number(NumberField::Wakers),
            "wakers of it that are alive",
        ),
        field(
            "size",
            &[],
            Number(NumberField::Size),
            "bytes of its future",
        ),
        field(
            "holder",
            &[],
            Number(NumberField::Holder),
            "id of the task that has what it waits for, or none",
        ),
        field(
            "resource",
            &[],
            Number(NumberField::Resource),
            "number of something it waits for, or none",
        ),
    ];
    &FIELDS
}

/// The field of this name, in any case.
pub(super) fn named(name: &str) -> Option<&'static Field> {
    fields().iter().find(|field| {
        field.name.eq_ignore_ascii_case(name)
            || field
                .aliases
                .iter()
                .any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

/// All names of all fields.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    fields().iter().flat_map(|field| {
        [field.name]
            .into_iter()
            .chain(field.aliases.iter().copied())
    })
}
