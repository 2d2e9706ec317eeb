//! Signals, as tokio documents them. Each test has signals of its own: they are the process's, and
//! tests run side by side.

#![cfg(all(unix, feature = "full"))]

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};

use zokio::runtime::{Builder, Runtime};
use zokio::signal::unix::{Signal, SignalKind, signal};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[expect(unsafe_code, reason = "sends a signal to this process")]
fn raise(kind: SignalKind) {
    // SAFETY: a call without memory; the signals of these tests have handlers.
    assert_eq!(unsafe { libc::raise(kind.as_raw_value()) }, 0);
}

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A real-time signal that no other test uses.
#[cfg(target_os = "linux")]
fn realtime(n: i32) -> SignalKind {
    SignalKind::from_raw(libc::SIGRTMIN() + n)
}

#[test]
fn signal_is_received() {
    runtime().block_on(async {
        let mut listener = signal(SignalKind::user_defined1()).unwrap();
        raise(SignalKind::user_defined1());
        assert_eq!(listener.recv().await, Some(()));
    });
}

#[test]
fn signal_that_comes_after_another_is_received_too() {
    runtime().block_on(async {
        let kind = SignalKind::user_defined2();
        let mut listener = signal(kind).unwrap();
        for _ in 0..3 {
            raise(kind);
            assert_eq!(listener.recv().await, Some(()));
        }
        assert!(poll_once(pin!(listener.recv())).is_pending());
    });
}

#[test]
fn signal_from_before_the_listener_is_not_received() {
    runtime().block_on(async {
        let kind = SignalKind::alarm();
        let mut first = signal(kind).unwrap();
        raise(kind);
        let mut late = signal(kind).unwrap();
        first.recv().await;
        assert!(poll_once(pin!(late.recv())).is_pending());
        raise(kind);
        late.recv().await;
    });
}

#[test]
fn signal_from_before_the_first_poll_is_received() {
    runtime().block_on(async {
        let kind = SignalKind::hangup();
        let mut listener = signal(kind).unwrap();
        raise(kind);
        zokio::task::yield_now().await;
        listener.recv().await;
    });
}

#[test]
fn dropped_listener_takes_nothing_from_others_and_the_handler_stays() {
    runtime().block_on(async {
        let kind = SignalKind::pipe();
        let first = signal(kind).unwrap();
        let mut second = signal(kind).unwrap();
        drop(first);
        raise(kind);
        second.recv().await;
        drop(second);
        // Nobody listens, and the process goes on.
        raise(kind);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn deliveries_that_nobody_has_seen_count_as_one() {
    runtime().block_on(async {
        let kind = realtime(1);
        let mut listener = signal(kind).unwrap();
        for _ in 0..5 {
            raise(kind);
        }
        listener.recv().await;
        assert!(poll_once(pin!(listener.recv())).is_pending());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn different_signals_are_told_apart() {
    runtime().block_on(async {
        let (mut one, mut two) = (signal(realtime(2)).unwrap(), signal(realtime(3)).unwrap());
        raise(realtime(3));
        two.recv().await;
        assert!(poll_once(pin!(one.recv())).is_pending());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn real_time_signals_up_to_the_last_are_listened_to() {
    runtime().block_on(async {
        let last = SignalKind::from_raw(libc::SIGRTMAX());
        let mut listener = signal(last).unwrap();
        raise(last);
        listener.recv().await;
        let error = signal(SignalKind::from_raw(libc::SIGRTMAX() + 1)).unwrap_err();
        assert_eq!(error.to_string(), "signal too large");
        assert_eq!(error.kind(), io::ErrorKind::Other);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn all_runtimes_get_the_signal() {
    let kind = realtime(4);
    let runtimes: Vec<Runtime> = (0..4).map(|_| runtime()).collect();
    let mut listeners: Vec<Signal> = runtimes
        .iter()
        .map(|runtime| runtime.block_on(async { signal(kind).unwrap() }))
        .collect();
    for _ in 0..3 {
        raise(kind);
        for (runtime, listener) in runtimes.iter().zip(&mut listeners) {
            assert_eq!(runtime.block_on(listener.recv()), Some(()));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn signals_come_although_the_first_runtime_is_gone() {
    let kind = realtime(5);
    runtime().block_on(async {
        let mut listener = signal(kind).unwrap();
        raise(kind);
        listener.recv().await;
    });
    runtime().block_on(async {
        let mut listener = signal(kind).unwrap();
        raise(kind);
        listener.recv().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn listener_outlives_its_runtime() {
    let kind = realtime(6);
    let mut listener = {
        let runtime = runtime();
        runtime.block_on(async { signal(kind).unwrap() })
    };
    raise(kind);
    assert_eq!(runtime().block_on(listener.recv()), Some(()));
}

#[cfg(target_os = "linux")]
#[test]
fn waiting_task_is_woken_on_another_thread() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let kind = realtime(7);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let mut listener = signal(kind).unwrap();
                zokio::spawn(async move { listener.recv().await })
            })
            .collect();
        raise(kind);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Some(()));
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn cancelled_recv_loses_no_signal() {
    runtime().block_on(async {
        let kind = realtime(8);
        let mut listener = signal(kind).unwrap();
        {
            let mut cancelled = pin!(listener.recv());
            assert!(poll_once(cancelled.as_mut()).is_pending());
            raise(kind);
        }
        listener.recv().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn hand_written_future_polls_the_listener() {
    runtime().block_on(async {
        let kind = realtime(9);
        let mut listener = signal(kind).unwrap();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(listener.poll_recv(&mut cx).is_pending());
        raise(kind);
        let received = std::future::poll_fn(|cx| listener.poll_recv(cx)).await;
        assert_eq!(received, Some(()));
    });
}

#[test]
fn interrupt_is_waited_for_by_all_who_ask() {
    runtime().block_on(async {
        let mut first = Box::pin(zokio::signal::ctrl_c());
        let mut second = Box::pin(zokio::signal::ctrl_c());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(poll_once(second.as_mut()).is_pending());
        let mut late = Box::pin(zokio::signal::ctrl_c());
        raise(SignalKind::interrupt());
        first.await.unwrap();
        second.await.unwrap();
        // It listens from its first poll on.
        assert!(poll_once(late.as_mut()).is_pending());
        raise(SignalKind::interrupt());
        late.await.unwrap();
    });
}

#[test]
fn child_s_end_is_a_signal() {
    runtime().block_on(async {
        let mut listener = signal(SignalKind::child()).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        listener.recv().await;
        child.wait().unwrap();
    });
}

#[test]
fn signals_that_cannot_be_handled_are_refused() {
    runtime().block_on(async {
        let refused = [
            libc::SIGKILL,
            libc::SIGSTOP,
            libc::SIGILL,
            libc::SIGFPE,
            libc::SIGSEGV,
            0,
            -1,
        ];
        for signum in refused {
            let error = signal(SignalKind::from_raw(signum)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Other);
            let text = format!("Refusing to register signal {signum}");
            assert_eq!(error.to_string(), text);
        }
    });
}

#[test]
fn kinds_have_the_numbers_of_the_system() {
    let kinds = [
        (SignalKind::alarm(), libc::SIGALRM),
        (SignalKind::child(), libc::SIGCHLD),
        (SignalKind::hangup(), libc::SIGHUP),
        (SignalKind::interrupt(), libc::SIGINT),
        (SignalKind::io(), libc::SIGIO),
        (SignalKind::pipe(), libc::SIGPIPE),
        (SignalKind::quit(), libc::SIGQUIT),
        (SignalKind::terminate(), libc::SIGTERM),
        (SignalKind::user_defined1(), libc::SIGUSR1),
        (SignalKind::user_defined2(), libc::SIGUSR2),
        (SignalKind::window_change(), libc::SIGWINCH),
    ];
    for (kind, number) in kinds {
        assert_eq!(kind.as_raw_value(), number);
        assert_eq!(SignalKind::from_raw(number), kind);
        assert_eq!(SignalKind::from(number), kind);
        assert_eq!(libc::c_int::from(kind), number);
    }
    const { assert!(SignalKind::interrupt().as_raw_value() == libc::SIGINT) };
    assert_eq!(format!("{:?}", SignalKind::from_raw(7)), "SignalKind(7)");
}

static LAST_PANIC: Mutex<Option<(String, u32)>> = Mutex::new(None);

/// The line that the panic of `f` is blamed on, if it is of this file.
fn panic_line(f: impl FnOnce()) -> Option<u32> {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let at = info.location().unwrap();
        *LAST_PANIC.lock().unwrap() = Some((at.file().to_owned(), at.line()));
    }));
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
    std::panic::set_hook(before);
    let (file, line) = LAST_PANIC.lock().unwrap().take().unwrap();
    (file == file!()).then_some(line)
}

#[test]
fn listening_outside_of_a_runtime_or_without_io_panics_in_the_caller_s_line() {
    let mut expected = 0;
    let line = panic_line(|| {
        expected = line!() + 1;
        drop(signal(SignalKind::quit()));
    });
    assert_eq!(line, Some(expected));
    let runtime = Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let line = panic_line(|| {
        expected = line!() + 1;
        drop(signal(SignalKind::from_raw(-1)));
    });
    assert_eq!(line, Some(expected));
}

#[cfg(target_os = "linux")]
#[test]
fn waker_that_panics_keeps_no_signal_from_others() {
    struct Panicking;

    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }

    struct Telling(mpsc::Sender<()>);

    impl Wake for Telling {
        fn wake(self: Arc<Self>) {
            self.0.send(()).unwrap();
        }
    }

    let runtime = runtime();
    let _entered = runtime.enter();
    let mut bad = signal(realtime(10)).unwrap();
    let waker = Waker::from(Arc::new(Panicking));
    let polled = bad.poll_recv(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    raise(realtime(10));
    let (tell, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Telling(tell)));
    let mut good = signal(realtime(11)).unwrap();
    // The first may be delivered together with that of the other, the second is not.
    for _ in 0..2 {
        let mut cx = Context::from_waker(&waker);
        assert!(good.poll_recv(&mut cx).is_pending());
        raise(realtime(11));
        told.recv().unwrap();
        assert_eq!(good.poll_recv(&mut cx), Poll::Ready(Some(())));
    }
}
