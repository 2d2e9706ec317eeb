//! Plays a recording for the interactive console, in the place of a connection.
//!
//! Reports as [`Action`]s and takes [`Request`]s, as [`connection::run`](crate::connection::run)
//! does: a subscription is evaluated here, over what was recorded. Ends when the requests end.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use zokio::sync::mpsc;
use zokio::time::Instant;

use crate::action::Action;
use crate::connection::Request;
use crate::error::ConsoleError;
use crate::nanos::nanos;
use crate::recording::{FileSource, Play, Tape};
use crate::state::model::Query;

/// Between two moments while it plays.
const TICK: Duration = Duration::from_millis(100);

/// Opens a recording and puts it at its beginning.
pub(crate) fn open(path: &Path) -> Result<Tape<FileSource<File>>, ConsoleError> {
    let source = File::open(path)
        .map_err(Into::into)
        .and_then(FileSource::open)
        .map_err(|source| ConsoleError::Recording {
            path: path.to_owned(),
            source,
        })?;
    let damage = source.condition().in_words();
    Ok(Tape::new(source, damage))
}

/// See the module.
pub(crate) async fn run(
    mut tape: Tape<FileSource<File>>,
    mut query: Query,
    mut requests: mpsc::UnboundedReceiver<Request>,
    out: mpsc::Sender<Action>,
) {
    tape.perform(Play::Toggle);
    let mut last = Instant::now();
    loop {
        // Reading a file and folding in what it holds may keep a thread for a while.
        let asked = query.clone();
        let read = zokio::task::spawn_blocking(move || (tape.moment(&asked), tape));
        let moment;
        (moment, tape) = match read.await {
            Ok(read) => read,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The console ends.
                Err(_) => return,
            },
        };
        if out.send(Action::Moment(Box::new(moment))).await.is_err() {
            return;
        }
        let request = if tape.playing() {
            zokio::time::timeout(TICK, requests.recv()).await.ok()
        } else {
            Some(requests.recv().await)
        };
        let now = Instant::now();
        tape.pass(nanos(now - last));
        last = now;
        match request {
            None => {}
            Some(None) => return,
            Some(Some(first)) => {
                take(first, &mut tape, &mut query);
                while let Ok(next) = requests.try_recv() {
                    take(next, &mut tape, &mut query);
                }
            }
        }
    }
}

fn take(request: Request, tape: &mut Tape<FileSource<File>>, query: &mut Query) {
    match request {
        Request::Subscribe(asked) => *query = asked,
        Request::Play(play) => tape.perform(play),
        // What a task's details have beyond its row is not recorded; a backtrace is not asked for.
        Request::FetchDetails { .. }
        | Request::FetchBacktrace { .. }
        | Request::FetchTimeline { .. } => {}
    }
}
