use super::*;
use crate::telemetry::{self, waits::WaitPoint};
use readiness::Direction;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use testing::CountingWaker;

static READ: WaitPoint = WaitPoint::new("test", "read");
static WRITE: WaitPoint = WaitPoint::new("test", "write");

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);
const LOOK: Option<Duration> = Some(Duration::ZERO);
const MS: Duration = Duration::from_millis(1);

fn driver(start_paused: bool) -> (Driver, DriverHandle) {
    let config = Config {
        busy_events_capacity: None,
        enable_io: true,
        enable_time: true,
        events_capacity: 16,
        timer_shards: 2,
        start_paused,
    };
    Driver::new(&config).unwrap()
}

fn listener() -> std::net::TcpListener {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn pair() -> (mio::net::TcpStream, std::net::TcpStream) {
    let listener = listener();
    let address: SocketAddr = listener.local_addr().unwrap();
    let ours = std::net::TcpStream::connect(address).unwrap();
    ours.set_nonblocking(true).unwrap();
    (
        mio::net::TcpStream::from_std(ours),
        listener.accept().unwrap().0,
    )
}

/// Turns until `done`: events may take the kernel a moment.
fn turn_until(driver: &mut Driver, handle: &DriverHandle, done: impl Fn() -> bool) {
    while !done() {
        driver.park(handle, None);
    }
}

#[test]
fn arriving_data_ends_the_wait_and_wakes_the_reader() {
    let (mut driver, handle) = driver(false);
    let (mut ours, mut theirs) = pair();
    let (io, place) = handle.register(&mut ours, BOTH, None).unwrap();
    let counter = CountingWaker::new();
    turn_until(&mut driver, &handle, || io.seen().ready().is_writable());
    assert!(!io.seen().ready().is_readable());
    let wait = io.wait(Direction::Read, &counter.waker(), &READ, None);
    assert_eq!(wait, scheduled_io::Wait::Pending);
    theirs.write_all(b"x").unwrap();
    turn_until(&mut driver, &handle, || counter.count() == 1);
    assert!(io.seen().ready().is_readable());
    handle.deregister(&mut ours, place).unwrap();
    let (snapshot, _) = handle.snapshot();
    assert_eq!(snapshot.sources, 0);
    if telemetry::is_enabled() {
        assert!(snapshot.polls >= 2 && snapshot.events >= 2);
    }
}

#[test]
fn unpark_from_another_thread_ends_an_unbounded_wait() {
    let (mut driver, handle) = driver(false);
    std::thread::scope(|s| {
        s.spawn(|| handle.unpark());
        assert_eq!(driver.park(&handle, None), Turn::default());
    });
}

#[test]
fn unpark_before_the_wait_is_kept_by_looks_and_ends_one_wait() {
    let (mut driver, handle) = driver(false);
    handle.unpark();
    driver.park(&handle, LOOK);
    driver.park(&handle, None);
    assert!(!handle.parking.is_notified());
}

#[test]
fn a_look_does_not_wait() {
    let (mut driver, handle) = driver(false);
    assert_eq!(driver.park(&handle, LOOK), Turn::default());
}

#[test]
fn the_wait_ends_when_a_timer_is_due_and_not_before() {
    let (mut driver, handle) = driver(false);
    let counter = CountingWaker::new();
    let deadline = Instant::now() + MS * 5;
    let key = handle.arm(0, deadline, &counter.waker()).unwrap().unwrap();
    turn_until(&mut driver, &handle, || counter.count() == 1);
    assert!(Instant::now() >= deadline);
    assert!(handle.timers().has_fired(0, &key));
    handle.timers().cancel(0, key);
    let (_, timers) = handle.snapshot();
    let fired = u64::from(telemetry::is_enabled());
    assert_eq!((timers.armed, timers.fired), (0, fired));
}

#[test]
fn timer_armed_while_the_driver_waits_shortens_the_wait() {
    let (mut driver, handle) = driver(false);
    let counter = CountingWaker::new();
    std::thread::scope(|s| {
        s.spawn(|| {
            handle
                .arm(1, Instant::now() + MS, &counter.waker())
                .unwrap();
        });
        turn_until(&mut driver, &handle, || counter.count() == 1);
    });
}

#[test]
fn frozen_clock_moves_to_the_next_timer_when_there_is_nothing_else() {
    let (mut driver, handle) = driver(true);
    let counter = CountingWaker::new();
    let start = handle.timers().clock().now();
    let hour = Duration::from_secs(3600);
    handle.arm(0, start + hour, &counter.waker()).unwrap();
    assert_eq!(
        driver.park(&handle, None),
        Turn {
            events: 0,
            timers: 1
        }
    );
    assert_eq!(handle.timers().clock().now(), start + hour);
}

#[test]
fn frozen_clock_stands_while_somebody_has_work() {
    let (mut driver, handle) = driver(true);
    let counter = CountingWaker::new();
    let start = handle.timers().clock().now();
    handle.arm(0, start + MS, &counter.waker()).unwrap();
    handle.unpark();
    driver.park(&handle, None);
    handle.inhibit_auto_advance();
    driver.park(&handle, Some(MS));
    assert_eq!((handle.timers().clock().now(), counter.count()), (start, 0));
    handle.allow_auto_advance();
    turn_until(&mut driver, &handle, || counter.count() == 1);
}

#[test]
fn source_dropped_between_event_and_turn_is_still_alive_for_the_turn() {
    let (mut driver, handle) = driver(false);
    for _ in 0..100 {
        let (mut ours, mut theirs) = pair();
        let (io, place) = handle.register(&mut ours, BOTH, None).unwrap();
        theirs.write_all(b"x").unwrap();
        // Taken from the kernel, not yet followed.
        driver.poll.poll(&mut driver.events, None).unwrap();
        handle.deregister(&mut ours, place).unwrap();
        drop(ours);
        assert_eq!(Arc::strong_count(&io), 2);
        driver.dispatch(&handle);
        driver.park(&handle, LOOK);
        assert_eq!(Arc::strong_count(&io), 1);
    }
}

#[test]
fn shutdown_ends_waits_and_refuses_sources_and_timers() {
    let (mut driver, handle) = driver(false);
    let (mut ours, _theirs) = pair();
    let (io, place) = handle.register(&mut ours, BOTH, None).unwrap();
    turn_until(&mut driver, &handle, || io.seen().ready().is_writable());
    let counter = CountingWaker::new();
    io.clear(io.seen(), Direction::Write.mask());
    let _ = io.wait(Direction::Read, &counter.waker(), &READ, None);
    let _ = io.wait(Direction::Write, &counter.waker(), &WRITE, None);
    handle
        .arm(0, Instant::now() + MS * 1000, &counter.waker())
        .unwrap();
    driver.shutdown(&handle);
    assert_eq!(counter.count(), 3);
    assert!(io.seen().is_shutdown());
    let (mut other, _theirs) = pair();
    assert!(handle.register(&mut other, BOTH, None).is_err());
    assert_eq!(
        handle.arm(0, Instant::now() + MS, &counter.waker()),
        Err(Ended)
    );
    driver.park(&handle, LOOK);
    handle.deregister(&mut ours, place).unwrap();
}

#[test]
fn registering_twice_fails_and_leaves_no_trace() {
    let (_driver, handle) = driver(false);
    let (mut ours, _theirs) = pair();
    let (_io, place) = handle.register(&mut ours, BOTH, None).unwrap();
    assert!(handle.register(&mut ours, BOTH, None).is_err());
    assert_eq!(handle.snapshot().0.sources, 1);
    handle.deregister(&mut ours, place).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn dropped_drivers_give_their_descriptors_back() {
    // Other tests run beside this one: the same numbers coming back is what shows it.
    let highest = || {
        let probe = std::fs::File::open("/dev/null").unwrap();
        std::os::fd::AsRawFd::as_raw_fd(&probe)
    };
    let before = highest();
    (0..1_000).for_each(|_| drop(driver(false)));
    assert!(highest() < before + 500);
}
