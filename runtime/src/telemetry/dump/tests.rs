use super::*;
use crate::telemetry::Ring;

/// What `ring` shows, with the times as ticks: such that conversions are seen to keep the order.
fn shown(ring: &Ring, under_way: Option<UnderWay>, now: u64) -> FlightLane {
    lane(&ring.read(), under_way, now, &mut BTreeMap::new())
}

fn kinds(lane: &FlightLane) -> Vec<FlightEventKind> {
    lane.events.iter().map(|event| event.kind).collect()
}

fn poll(task: u64, end: PollEnd) -> FlightEventKind {
    FlightEventKind::Poll {
        task,
        polls: 1,
        from_outside: false,
        end,
    }
}

fn wake(task: u64, by: WakeSource) -> FlightEventKind {
    FlightEventKind::Wake { task, by }
}

/// A stamp some µs after the first one, in ticks that count as time.
fn at(ticks: u64) -> u64 {
    static BASE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    // The clock's epoch comes first.
    BASE.get_or_init(|| {
        clock::now_ns();
        clock::raw()
    }) + ticks * 1_000
}

#[test]
fn what_happens_in_a_poll_is_shown_in_it_and_made_by_its_task() {
    let ring = Ring::new(1 << 12);
    ring.wake(9, at(5), true);
    ring.park(at(0), at(6), 3, 0);
    ring.wake(8, at(12), false);
    ring.poll(9, at(10), at(20), false);
    ring.wake(9, at(25), false);
    ring.poll(8, at(20), at(30), false);
    // A destructor's, after a look at the driver.
    ring.driver(at(40), at(50), 0, 2);
    ring.wake(7, at(60), false);
    ring.poll(7, at(70), at(80), true);
    let lane = shown(&ring, None, at(100));
    let park = FlightEventKind::Park {
        io_events: 3,
        timers: 0,
        under_way: false,
    };
    let driver = FlightEventKind::Driver {
        io_events: 0,
        timers: 2,
    };
    let outside = FlightEventKind::Poll {
        task: 7,
        polls: 1,
        from_outside: true,
        end: PollEnd::Ended,
    };
    assert_eq!(
        kinds(&lane),
        [
            park,
            wake(9, WakeSource::Driver),
            poll(9, PollEnd::Ended),
            wake(8, WakeSource::Task(9)),
            poll(8, PollEnd::Ended),
            wake(9, WakeSource::Task(8)),
            driver,
            wake(7, WakeSource::Other),
            outside,
        ]
    );
    assert_in_order(&lane);
    assert_eq!((lane.recorded, lane.overwritten), (9, 0));
}

fn assert_in_order(lane: &FlightLane) {
    let mut end = 0;
    let mut begin = 0;
    for event in &lane.events {
        assert!(event.at_ns >= begin, "time ran back: {event:?}");
        begin = event.at_ns;
        if event.kind.is_span() {
            assert!(event.at_ns >= end, "overlaps: {event:?}");
            end = event.end_ns();
        }
    }
}

#[test]
fn poll_under_way_is_shown_unless_it_is_there_as_ended() {
    let ring = Ring::new(1 << 12);
    ring.poll(9, at(10), at(20), false);
    ring.wake(8, at(25), false);
    let lane = shown(&ring, Some(UnderWay::Poll(7, at(20))), at(90));
    let expected = [
        poll(9, PollEnd::Ended),
        poll(7, PollEnd::UnderWay),
        wake(8, WakeSource::Task(7)),
    ];
    assert_eq!(kinds(&lane), expected);
    let under_way = lane.events[1];
    assert_eq!(under_way.end_ns(), clock::stamp_to_ns(at(90)));
    let lane = shown(&ring, Some(UnderWay::Poll(9, at(10))), at(90));
    assert_eq!(
        kinds(&lane),
        [poll(9, PollEnd::Ended), wake(8, WakeSource::Other)]
    );
}

#[test]
fn clocks_that_are_apart_make_no_overlap() {
    let ring = Ring::new(1 << 12);
    ring.poll(9, at(10), at(30), false);
    ring.poll(8, at(20), at(25), false);
    ring.poll(7, at(28), at(40), false);
    let lane = shown(&ring, Some(UnderWay::Park(at(35))), at(50));
    assert_in_order(&lane);
    assert_eq!(lane.events.len(), 3, "a sleep cannot have begun before");
}

#[test]
fn lane_says_since_when_it_is_complete() {
    let ring = Ring::new(24 * 8);
    for n in 0..100 {
        ring.poll(1 + n, at(10 * n), at(10 * n + 5), false);
    }
    let lane = shown(&ring, None, at(2_000));
    assert_eq!((lane.events.len(), lane.recorded), (6, 100));
    assert_eq!(lane.overwritten, 94);
    assert_eq!(lane.complete_since_ns, clock::stamp_to_ns(at(945)));
}
