//! Chunks of a recording. They stay what they are on the wire: nothing but a file is made of them.

use zokio_console_proto::v1;

use super::{MAX_NAME, MAX_PATH, MAX_WORKERS, text};

/// A chunk whose texts can be shown, of workers that there may be.
pub(crate) fn chunk(mut chunk: v1::TraceChunk) -> v1::TraceChunk {
    if let Some(runtime) = &mut chunk.runtime {
        runtime.name = text(&runtime.name, MAX_NAME);
        runtime.workers.truncate(MAX_WORKERS);
    }
    for task in &mut chunk.tasks {
        task.name = text(&task.name, MAX_NAME);
        if let Some(location) = &mut task.location {
            location.file = text(&location.file, MAX_PATH);
        }
    }
    chunk
        .events
        .retain(|events| (events.worker as usize) < MAX_WORKERS);
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_neutralised_and_absurd_workers_left_out() {
        let events = |worker| v1::TraceEvents {
            worker,
            events: Vec::new(),
        };
        let chunk = chunk(v1::TraceChunk {
            tasks: vec![v1::TraceTask {
                name: "a\u{1b}[2Jb".into(),
                ..v1::TraceTask::default()
            }],
            events: vec![events(0), events(u32::MAX)],
            ..v1::TraceChunk::default()
        });
        assert_eq!(chunk.tasks[0].name, "a\u{fffd}[2Jb");
        assert_eq!(chunk.events.len(), 1);
    }
}
