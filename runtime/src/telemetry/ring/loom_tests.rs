//! A reader against the writer that laps it, under loom: what is kept is whole, in order, and as
//! much as there is room for.

use super::*;
use loom::sync::Arc;
use loom::thread;

const LEN: usize = 4;

/// Of event `n` each word says `n`.
fn push(ring: &Ring, n: u64) {
    ring.push(n, n, n);
}

fn check(recorded: &Recorded) {
    for event in &recorded.events {
        assert_eq!((event.id, event.word), (event.stamp, event.stamp));
    }
    let numbers: Vec<u64> = recorded.events.iter().map(|event| event.stamp).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn loom_reader_keeps_whole_events_only() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(LEN * size_of::<Slot>()));
        // Full, so that each further event is written over another.
        (0..4).for_each(|n| push(&ring, n));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || (4..7).for_each(|n| push(&ring, n)))
        };
        check(&ring.read());
        writer.join().unwrap();
        let recorded = ring.read();
        check(&recorded);
        assert_eq!(recorded.events.last().map(|event| event.stamp), Some(6));
        assert_eq!((recorded.events.len(), recorded.ever), (LEN - 2, 7));
    });
}

#[test]
fn loom_poll_that_is_added_to_is_read_before_or_after() {
    loom::model(|| {
        let ring = Arc::new(Ring::new(4 * size_of::<Slot>()));
        ring.poll(7, 10, 11, false);
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || {
                ring.poll(7, 11, 13, false);
                ring.wake(8, 14, false);
            })
        };
        let recorded = ring.read();
        let poll = recorded.events[0];
        assert_eq!((poll.stamp, poll.id), (10, 7));
        assert!(matches!((poll.polls(), poll.value()), (1, 1) | (2, 3)));
        writer.join().unwrap();
        let recorded = ring.read();
        assert_eq!((recorded.events[0].polls(), recorded.events.len()), (2, 2));
    });
}
