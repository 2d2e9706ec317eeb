use super::*;

fn ring(events: usize) -> Ring {
    Ring::new(events * size_of::<Slot>())
}

fn kinds(ring: &Ring) -> Vec<(Kind, u64)> {
    let events = ring.read().events;
    let of = |event: &Event| (event.kind().unwrap(), event.id);
    events.iter().map(of).collect()
}

#[test]
fn events_say_what_was_recorded() {
    let here = Location::caller();
    let ring = ring(16);
    ring.spawn(7, 10, here);
    ring.wake(8, 11, true);
    ring.poll(9, 5, 12, true);
    ring.complete(9, 12, here, Outcome::Panicked);
    ring.steal(13, 3, 2);
    ring.park(14, 20, 4, 1);
    let events = ring.read().events;
    assert_eq!(
        kinds(&ring),
        [
            (Kind::Spawn, 7),
            (Kind::WakeByDriver, 8),
            (Kind::PollFromOutside, 9),
            (Kind::Complete, 9),
            (Kind::Steal, 2),
            (Kind::Park, 1 << 32 | 4),
        ]
    );
    assert!(std::ptr::eq(events[0].location().unwrap(), here));
    assert!(std::ptr::eq(events[3].location().unwrap(), here));
    assert_eq!(events[2].location(), None);
    assert_eq!((events[2].stamp, events[2].value()), (5, 7));
    assert_eq!(events[3].outcome(), Outcome::Panicked);
    assert_eq!(events[4].value(), 3);
    assert_eq!((events[5].turn(), events[5].value()), ((4, 1), 6));
}

#[test]
fn polls_of_a_task_that_follow_each_other_are_one_event() {
    let ring = ring(16);
    ring.poll(7, 10, 20, true);
    ring.poll(7, 20, 25, false);
    ring.poll(7, 25, 30, false);
    // After something that took time.
    ring.poll(7, 31, 40, false);
    ring.poll(8, 40, 50, false);
    ring.wake(9, 45, false);
    ring.poll(8, 50, 60, false);
    // Woken by another thread: that is told.
    ring.poll(8, 60, 61, true);
    let events = ring.read().events;
    let polls = |event: &Event| (event.id, event.stamp, event.value(), event.polls());
    let polls: Vec<_> = events.iter().map(polls).collect();
    assert_eq!(
        polls,
        [
            (7, 10, 20, 3),
            (7, 31, 9, 1),
            (8, 40, 10, 1),
            (9, 45, 0, 1),
            (8, 50, 10, 1),
            (8, 60, 1, 1),
        ]
    );
}

#[test]
fn polls_are_added_up_for_a_short_time_only() {
    let ring = ring(64);
    let long = FOLD_TICKS / 2;
    for n in 0..4 {
        ring.poll(7, n * long, (n + 1) * long, false);
    }
    assert_eq!(ring.read().events.len(), 4);
    let ring = self::ring(64);
    for n in 0..COUNT_MAX + 10 {
        ring.poll(7, n, n + 1, false);
    }
    let polls = ring.read().events.iter().map(Event::polls).sum::<u32>();
    assert_eq!(u64::from(polls), COUNT_MAX + 10);
}

#[test]
fn absurd_durations_stay_within_their_bits() {
    let ring = ring(8);
    ring.poll(7, 0, u64::MAX, false);
    ring.poll(8, 10, 5, false);
    let events = ring.read().events;
    assert_eq!((events[0].kind(), events[0].polls()), (Some(Kind::Poll), 1));
    assert_eq!((events[0].value(), events[1].value()), (VALUE_MAX, 0));
}

#[test]
fn the_oldest_are_overwritten_and_counted() {
    let ring = ring(10);
    (1..=25).for_each(|task| ring.wake(task, task, false));
    let recorded = ring.read();
    let ids: Vec<u64> = recorded.events.iter().map(|event| event.id).collect();
    assert_eq!(ids, (18..=25).collect::<Vec<u64>>());
    assert_eq!(recorded.ever, 25);
}

#[test]
fn ring_without_room_records_nothing() {
    for bytes in [0, 1, 48] {
        let ring = Ring::new(bytes);
        ring.poll(7, 1, 2, false);
        ring.poll(7, 2, 3, false);
        assert_eq!((ring.read().ever, ring.bytes()), (0, 0), "{bytes}");
    }
}

#[test]
fn readers_against_a_writer_that_laps_them_see_whole_events() {
    let ring = ring(32);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            (1..300_000).for_each(|n| ring.push(n, n, n));
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let recorded = ring.read();
            for event in &recorded.events {
                assert_eq!((event.id, event.word), (event.stamp, event.stamp));
            }
            // Event `n` was the `n`th.
            if let Some(last) = recorded.events.last() {
                assert!(last.stamp <= recorded.ever);
            }
        }
        // ThreadSanitizer sees this, and not what the scope's end waits for.
        writing.join().unwrap();
    });
}

#[test]
fn a_ring_that_is_made_ready_piece_by_piece_keeps_the_latest_events_in_order() {
    let len = 2 * SLOTS_AT_ONCE + 44;
    let ring = ring(len);
    for n in 1..=1000 {
        ring.wake(n, n, false);
        let recorded = ring.read();
        let ids: Vec<u64> = recorded.events.iter().map(|event| event.id).collect();
        let first = (n + 2).saturating_sub(len as u64).max(1);
        let expected: Vec<u64> = (first..=n).collect();
        assert!(ids.ends_with(&expected[1.min(expected.len() - 1)..]), "{n}");
        assert_eq!(recorded.ever, n);
        assert_eq!(ids.last(), Some(&n));
    }
}
