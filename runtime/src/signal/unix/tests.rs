use super::*;
#[cfg(feature = "telemetry")]
use crate::sync::test_util::{assert_notes, awaiting, fresh_task, notes_of, polling};
use crate::sync::test_util::{block_on, spawned};

/// Tests need no runtime but to be allowed to listen.
fn signal(kind: SignalKind) -> io::Result<Signal> {
    listen(kind)
}

fn raise(kind: SignalKind) {
    send_to_self(kind.as_raw_value());
}

#[expect(unsafe_code, reason = "sends a signal to this process")]
fn send_to_self(signum: libc::c_int) {
    // SAFETY: a call without memory; the signals of these tests have handlers.
    assert_eq!(unsafe { libc::raise(signum) }, 0);
}

// Each test has signals of its own: they are the process's, and tests run side by side.

#[test]
fn every_listener_gets_the_signal_and_deliveries_coalesce() {
    let kind = SignalKind::user_defined1();
    let (mut a, mut b) = (signal(kind).unwrap(), signal(kind).unwrap());
    raise(kind);
    raise(kind);
    assert_eq!(block_on(a.recv()), Some(()));
    assert_eq!(block_on(b.recv()), Some(()));
    spawned(a.recv()).assert_pending();
    let mut late = signal(kind).unwrap();
    spawned(late.recv()).assert_pending();
    raise(kind);
    for listener in [&mut a, &mut b, &mut late] {
        assert_eq!(block_on(listener.recv()), Some(()));
    }
}

#[test]
fn parked_thread_is_woken_again_and_again() {
    let kind = SignalKind::user_defined2();
    let mut listener = signal(kind).unwrap();
    let (turn, turns) = std::sync::mpsc::channel();
    std::thread::scope(|s| {
        s.spawn(move || {
            for () in turns {
                raise(kind);
            }
        });
        for _ in 0..100 {
            turn.send(()).unwrap();
            assert_eq!(block_on(listener.recv()), Some(()));
        }
        drop(turn);
    });
}

#[test]
fn cancelled_recv_loses_no_signal() {
    let kind = SignalKind::alarm();
    let mut listener = signal(kind).unwrap();
    let mut cancelled = spawned(listener.recv());
    cancelled.assert_pending();
    raise(kind);
    drop(cancelled);
    assert_eq!(block_on(listener.recv()), Some(()));
}

#[test]
fn ctrl_c_waits_for_the_interrupt() {
    let runtime = crate::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    let mut first = spawned(ctrl_c());
    first.assert_pending();
    raise(SignalKind::interrupt());
    first.assert_ready().unwrap();
    let mut second = Box::pin(ctrl_c());
    spawned(second.as_mut()).assert_pending();
    raise(SignalKind::interrupt());
    block_on(second).unwrap();
}

#[test]
fn forbidden_and_impossible_signals_are_refused() {
    for signum in [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGSEGV,
        -1,
        0,
    ] {
        let error = signal(SignalKind::from_raw(signum)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Refusing to register signal {signum}")
        );
    }
    for signum in [1_000, 127] {
        let error = signal(SignalKind::from_raw(signum)).unwrap_err();
        assert_eq!(error.to_string(), "signal too large");
        assert_eq!(error.kind(), io::ErrorKind::Other);
    }
}

#[cfg(feature = "telemetry")]
#[test]
fn pending_recv_notes_the_await_and_forgets_it() {
    let mut listener = signal(SignalKind::window_change()).unwrap();
    let (future, line) = awaiting!(listener.recv());
    assert_notes(future, line, "signal", "recv");
    let task = fresh_task();
    let _polling = polling(task);
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let (polled, line) = (listener.poll_recv(&mut cx), line!());
    assert!(polled.is_pending());
    assert_eq!(notes_of(task)[0].location.map(Location::line), Some(line));
    drop(listener);
    assert!(notes_of(task).is_empty());
}

#[test]
fn kinds_are_the_system_s_numbers() {
    assert_eq!(SignalKind::terminate().as_raw_value(), libc::SIGTERM);
    assert_eq!(libc::c_int::from(SignalKind::from(7)), 7);
    assert_ne!(SignalKind::hangup(), SignalKind::quit());
}
