use std::time::Duration;

use prost::Message;
use zokio::runtime::Builder;
use zokio::telemetry::dump;
use zokio_console_proto::MAX_MESSAGE_BYTES;

use super::*;

#[test]
fn one_recording_is_sent_at_a_time() {
    let tracing = Tracing::default();
    let permit = tracing.begin();
    assert!(permit.is_some() && tracing.begin().is_none());
    drop(permit);
    assert!(tracing.begin().is_some());
}

#[cfg(feature = "telemetry")]
#[test]
fn chunks_hold_every_task_and_event_once_and_are_small() {
    let runtime = Builder::new_current_thread()
        .flight_recorder(8 << 20)
        .build()
        .unwrap();
    runtime.block_on(async {
        let yields = async || {
            for _ in 0..8 {
                zokio::task::yield_now().await;
            }
        };
        let tasks: Vec<_> = (0..=2 * CHUNK_TASKS)
            .map(|_| zokio::spawn(yields()))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let recording = dump(runtime.handle(), Duration::MAX);
    let (tasks, events) = (recording.tasks.len(), recording.lanes[0].events.len());
    assert!(tasks > 2 * CHUNK_TASKS && events > CHUNK_EVENTS);
    let chunks: Vec<_> = Chunks::new(vec![recording.clone(), recording]).collect();
    let sum = |of: &dyn Fn(&v1::TraceChunk) -> usize| chunks.iter().map(of).sum::<usize>();
    assert_eq!(sum(&|chunk| chunk.tasks.len()), 2 * tasks);
    let in_chunk = |chunk: &v1::TraceChunk| chunk.events.iter().map(|e| e.events.len()).sum();
    assert_eq!(sum(&in_chunk), 2 * events);
    assert_eq!(sum(&|chunk| usize::from(chunk.runtime.is_some())), 2);
    for chunk in &chunks {
        assert!(chunk.encoded_len() < MAX_MESSAGE_BYTES / 2);
    }
    let head = chunks[0].runtime.as_ref().expect("the first has it");
    assert_eq!(head.events, events as u64);
}
