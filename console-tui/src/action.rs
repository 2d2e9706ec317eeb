//! What can happen ([`Action`]) and what the state asks for in return ([`Effect`]).

use crate::keymap::Key;
use crate::recording::{Frame, Moment, Play};
use crate::state::backtrace::Backtrace;
use crate::state::model::{Query, Server, TaskDetails, Update};
use crate::state::timeline::recording::Recording;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Action {
    /// Time passed.
    Tick(Now),
    /// The terminal has this size.
    Resize { width: u16, height: u16 },
    /// A key was pressed.
    Key(Key),
    /// The mouse was used.
    Mouse(Mouse),
    /// The user wants something.
    Command(Command),
    /// Looking for the server, for the `attempt`th time since it was lost.
    Connecting { attempt: u32 },
    /// The server answered.
    Connected(Box<Server>),
    /// The subscription sent something; `query` is what it was opened with.
    Update { update: Box<Update>, query: Query },
    /// The answer to [`Effect::FetchDetails`].
    Details {
        runtime_id: u64,
        task_id: u64,
        answer: DetailsAnswer,
    },
    /// The server does not take the query; the subscription before goes on.
    Refused { message: String, query: Query },
    /// The answer to [`Effect::FetchBacktrace`]: several parts if the workers are stuck; or why
    /// there is none.
    Backtrace {
        runtime_id: u64,
        task_id: u64,
        answer: Result<Vec<Backtrace>, String>,
    },
    /// The answer to [`Effect::FetchTimeline`], or why there is none.
    Timeline {
        runtime_id: u64,
        answer: Result<Box<Recording>, String>,
    },
    /// The connection is gone and will be tried again.
    Lost { reason: String, retry_in_ms: u64 },
    /// What has just come over the wire, to be kept for looking back.
    Heard(Frame),
    /// A moment of the recording that is being played.
    Moment(Box<Moment>),
    /// The answer to [`Effect::Save`], to be told.
    Saved(String),
}

/// What the server said of one task.
#[derive(Debug)]
pub(crate) enum DetailsAnswer {
    Found(Box<TaskDetails>),
    /// It does not know the task (any more).
    Gone,
    /// It could not be asked.
    Failed,
}

/// The time, passed in so that the state never looks at a clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Now {
    /// Milliseconds since the console was started.
    pub(crate) mono_ms: u64,
    /// Milliseconds of Unix time.
    pub(crate) unix_ms: u64,
}

/// What the mouse did in which cell of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mouse {
    pub(crate) kind: MouseKind,
    pub(crate) x: u16,
    pub(crate) y: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MouseKind {
    /// The left button was pressed.
    Press,
    ScrollUp,
    ScrollDown,
}

/// Something that a user can ask for with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    ShowWorkers,
    ShowTasks,
    ShowSites,
    ShowResources,
    ShowWaits,
    ShowPool,
    ShowCost,
    ShowFindings,
    ShowTimeline,
    ShowLog,
    ReadAgain,
    Earlier,
    Later,
    ZoomIn,
    ZoomOut,
    NextLongPoll,
    PreviousLongPoll,
    ToggleHelp,
    Back,
    NextRuntime,
    PreviousRuntime,
    TogglePause,
    Quit,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    SortLeft,
    SortRight,
    InvertSort,
    ToggleTree,
    Open,
    /// What the selected task waits for.
    OpenResource,
    ToggleBacktrace,
    /// What the task told `tracing`, in place of what it waits for.
    ToggleEvents,
    EditFilter,
    SavedFilters,
    ChooseColumns,
    ToggleColumn,
    ColumnEarlier,
    ColumnLater,
    ApplyFilter,
    CancelFilter,
    CompleteFilter,
    OlderFilter,
    NewerFilter,
    DeleteBefore,
    DeleteAt,
    DeleteWord,
    ClearLine,
    CursorLeft,
    CursorRight,
    CursorToStart,
    CursorToEnd,
    /// Go back or on in what was recorded.
    SeekBack,
    SeekForward,
    SeekBackFar,
    SeekForwardFar,
    SeekStart,
    SeekEnd,
    Faster,
    Slower,
    SaveHistory,
}

/// What the outside is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Subscribe with this query instead of the one before.
    Subscribe(Query),
    /// Ask for one task's details.
    FetchDetails { runtime_id: u64, task_id: u64 },
    /// Do this with the recording that is being played.
    Play(Play),
    /// Write these frames to a file.
    Save(Save),
    /// Ask a task where it waits.
    FetchBacktrace { runtime_id: u64, task_id: u64 },
    /// Read what the workers of a runtime did lately.
    FetchTimeline { runtime_id: u64 },
    /// Show another of the programs that are watched.
    SwitchTarget(Switch),
    /// End.
    Quit,
}

/// Which program to show next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// The one after this one.
    Next,
    /// The one before.
    Previous,
    /// The one whose number, counted from 1, this digit is or ends.
    Digit(usize),
}

/// A recording to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Save {
    /// Name of the file.
    pub(crate) name: String,
    pub(crate) began_unix_ns: u64,
    pub(crate) frames: Vec<Frame>,
}
