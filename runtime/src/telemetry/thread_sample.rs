//! A look at one thread of this process by a signal: registers and the top of its stack.
//!
//! # Protocol
//!
//! One look at a time ([`Sampler`] is under a mutex). The looker raises a request, which names the
//! thread; the handler, on that thread, claims it, stores the registers, has the *kernel* copy the
//! stack into a pipe, and says that it is done:
//!
//! | request | set by | means |
//! |---|---|---|
//! | `IDLE` | looker | nobody asks; a signal is none of ours |
//! | `ASKED` and the thread | looker | that thread is asked |
//! | `COPYING` and the thread | handler, from `ASKED` | the handler runs |
//! | `DONE` | handler | registers and the pipe hold the answer |
//!
//! A looker that has waited in vain takes the request back (`ASKED` to `IDLE`). If that fails, the
//! handler has claimed it and will be done soon. A signal that comes late finds no request, or
//! another one for the same thread, which it may as well answer. Thread and phase are one word, so
//! that a handler which is late by its own look at it cannot claim what another thread is asked.
//!
//! # Why the handler is safe
//!
//! It makes two kinds of system calls (`gettid`, `write`), touches atomics, and puts `errno` back. It
//! never reads the stack itself: `write` fails at the first page that cannot be read, so no bounds of
//! the stack need be known, whatever stack the thread runs on. (It is asked for no more than a page at
//! a time, since of what it cannot copy whole it may copy nothing.) A number of a thread that has ended and
//! been given to a new one samples that new one: wrong, and harmless.

#![expect(
    unsafe_code,
    reason = "installs a signal handler and reads its context"
)]

use std::ffi::c_void;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::running::{SampleError, ThreadSample, ThreadState};

/// Ignored by default and used by next to no program, so that one which comes late does no harm.
const SIGNAL: libc::c_int = libc::SIGURG;

/// Bytes of stack that are asked for: what a pipe holds.
const STACK_BYTES: usize = 64 * 1024;

/// The smallest unit of memory that can be read or not.
const PAGE: usize = 4096;

/// How long the looker waits for the thread.
const PATIENCE: Duration = Duration::from_millis(100);

const IDLE: u64 = 0;
const ASKED: u64 = 1;
const COPYING: u64 = 2;
const DONE: u64 = 3;

/// The number of a thread that a phase is about.
const fn of_thread(thread: u32, phase: u64) -> u64 {
    (thread as u64) << 2 | phase
}

static REQUEST: AtomicU64 = AtomicU64::new(IDLE);
/// The pipe's writing end; it is never closed.
static WRITER: AtomicI32 = AtomicI32::new(-1);
/// Program counter, stack pointer, frame pointer, link register.
static REGISTERS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// What handled the signal before; a leaked box, or null.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// What only one looker at a time may use. `None`: not set up yet.
static SAMPLER: Mutex<Option<Sampler>> = Mutex::new(None);

struct Sampler {
    stack: io::PipeReader,
}

/// The number of the calling thread.
pub(crate) fn current_thread() -> u32 {
    thread_local! {
        // SAFETY: `gettid` has no preconditions.
        static NUMBER: u32 = (unsafe { libc::syscall(libc::SYS_gettid) }) as u32;
    }
    NUMBER.with(|number| *number)
}

/// Looks at a thread of this process.
pub(super) fn sample(thread: u32) -> Result<ThreadSample, SampleError> {
    let mut guard = SAMPLER.lock();
    let sampler = match &mut *guard {
        Some(sampler) => sampler,
        none => none.insert(Sampler::new().map_err(|_| SampleError::Refused)?),
    };
    // Before the signal, which may wake the thread.
    let state = thread_state(thread);
    sampler.drain();
    ask(thread)?;
    let [pc, sp, fp, lr] = [0, 1, 2, 3].map(|i: usize| REGISTERS[i].load(Ordering::Relaxed));
    let stack = sampler.drain();
    REQUEST.store(IDLE, Ordering::Relaxed);
    Ok(ThreadSample {
        pc,
        sp,
        fp,
        lr,
        stack,
        thread_id: u64::from(thread),
        state,
    })
}

/// Sends the signal and waits until the handler is done.
fn ask(thread: u32) -> Result<(), SampleError> {
    // Ordering: pairs with the Acquire in `claim`: the handler writes over the registers of the
    // answer before after they were read.
    REQUEST.store(of_thread(thread, ASKED), Ordering::Release);
    // SAFETY: `tgkill` has no preconditions; it reaches threads of this process only.
    let sent = unsafe {
        libc::syscall(
            libc::SYS_tgkill,
            libc::getpid(),
            thread as libc::pid_t,
            SIGNAL,
        )
    };
    if sent != 0 {
        REQUEST.store(IDLE, Ordering::Relaxed);
        let ended = io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        return Err(if ended {
            SampleError::NotRunning
        } else {
            SampleError::Refused
        });
    }
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(20);
    // Ordering: pairs with the Release in `answer`: registers and stack are there.
    while REQUEST.load(Ordering::Acquire) != DONE {
        let late = Instant::now() > deadline;
        let asked = of_thread(thread, ASKED);
        if late
            && REQUEST
                .compare_exchange(asked, IDLE, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            return Err(SampleError::TimedOut);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(1));
    }
    Ok(())
}

impl Sampler {
    fn new() -> io::Result<Sampler> {
        let (reader, writer) = io::pipe()?;
        for fd in [reader.as_raw_fd(), writer.as_raw_fd()] {
            // SAFETY: an open descriptor of ours.
            if unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        WRITER.store(writer.as_raw_fd(), Ordering::Relaxed);
        install()?;
        // The handler may use it for as long as the process lives.
        std::mem::forget(writer);
        Ok(Sampler { stack: reader })
    }

    /// What the pipe holds.
    fn drain(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; STACK_BYTES];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.stack.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // `WouldBlock`: empty.
                Err(_) => break,
            }
        }
        bytes.truncate(filled);
        bytes
    }
}

/// Puts the handler in place of the one that is there, which is kept.
fn install() -> io::Result<()> {
    let mut previous = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all-zero is a valid `sigaction`: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: both point to live values; the handler has the signature that SA_SIGINFO asks for.
    if unsafe { libc::sigaction(SIGNAL, &action, previous.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: filled by the call, and valid before it.
    let previous = Box::new(unsafe { previous.assume_init() });
    // Ordering: pairs with the Acquire in `pass_on`.
    PREVIOUS.store(Box::into_raw(previous), Ordering::Release);
    Ok(())
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: `gettid` has no preconditions, and no error.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) } as u32;
    if claim(thread) {
        // SAFETY: the kernel passes a `ucontext_t` to handlers with SA_SIGINFO.
        answer(unsafe { &*context.cast::<libc::ucontext_t>() });
    } else {
        pass_on(signal, info, context);
    }
}

/// Whether that thread is asked. If so the caller has to answer.
fn claim(thread: u32) -> bool {
    let (asked, copying) = (of_thread(thread, ASKED), of_thread(thread, COPYING));
    REQUEST
        // Ordering: pairs with the Release in `ask`.
        .compare_exchange(asked, copying, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
}

fn answer(context: &libc::ucontext_t) {
    let registers = registers(context);
    for (to, value) in REGISTERS.iter().zip(registers) {
        to.store(value, Ordering::Relaxed);
    }
    // SAFETY: the pointer to this thread's `errno` is valid on this thread.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let saved = unsafe { *errno };
    copy_stack(registers[1] as usize);
    // SAFETY: as above.
    unsafe { *errno = saved };
    // Ordering: pairs with the Acquire in `ask`.
    REQUEST.store(DONE, Ordering::Release);
}

/// Has the kernel copy the stack from `sp` upwards, as far as there is any and the pipe has room.
fn copy_stack(sp: usize) {
    let writer = WRITER.load(Ordering::Relaxed);
    let (mut at, end) = (sp, sp.saturating_add(STACK_BYTES));
    while at < end {
        let piece = PAGE - at % PAGE;
        // SAFETY: the kernel checks the range and copies what of it can be read. The raw call,
        // since a tool may have put something in front of the library's that looks at the bytes.
        let written = unsafe { libc::syscall(libc::SYS_write, writer, at, piece) };
        if written != piece as libc::c_long {
            break;
        }
        at += piece;
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> [u64; 4] {
    let of = |register: libc::c_int| context.uc_mcontext.gregs[register as usize] as u64;
    [of(libc::REG_RIP), of(libc::REG_RSP), of(libc::REG_RBP), 0]
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> [u64; 4] {
    let machine = &context.uc_mcontext;
    [machine.pc, machine.sp, machine.regs[29], machine.regs[30]]
}

/// Calls what handled the signal before us.
fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // Ordering: pairs with the Release in `install`.
    let previous = PREVIOUS.load(Ordering::Acquire);
    // SAFETY: null, or a box that is never freed.
    let Some(previous) = (unsafe { previous.as_ref() }) else {
        return;
    };
    let handler = previous.sa_sigaction;
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        return;
    }
    if previous.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: installed with SA_SIGINFO, so it has this signature.
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(handler) };
        handler(signal, info, context);
    } else {
        // SAFETY: installed without SA_SIGINFO, so it has this signature.
        let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
        handler(signal);
    }
}

/// What `/proc` says of a thread.
fn thread_state(thread: u32) -> ThreadState {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{thread}/stat"));
    let stat = stat.unwrap_or_default();
    // The name, in brackets, may hold anything; the state is what follows it.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    match state.and_then(|rest| rest.chars().next()) {
        Some('R') => ThreadState::Running,
        Some('S') => ThreadState::Sleeping,
        Some('D') => ThreadState::Disk,
        Some('T' | 't') => ThreadState::Stopped,
        _ => ThreadState::Unknown,
    }
}

// ThreadSanitizer hands signals on late, and AddressSanitizer keeps locals elsewhere.
#[cfg(all(test, not(zokio_sanitize)))]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// A thread that waits for the test's end, and its number.
    fn waiting_thread() -> (u32, mpsc::Sender<()>, std::thread::JoinHandle<()>) {
        let (say, number) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            say.send(current_thread()).unwrap();
            let _ = ended.recv();
        });
        (number.recv().unwrap(), end, thread)
    }

    #[test]
    fn sample_of_a_waiting_thread_holds_its_registers_and_stack() {
        let (number, end, thread) = waiting_thread();
        let sample = sample(number).unwrap();
        assert_eq!(sample.thread_id, u64::from(number));
        assert_ne!(sample.pc, 0);
        assert_ne!(sample.sp, 0);
        assert!(sample.stack.len() >= 256, "{sample:?}");
        drop(end);
        thread.join().unwrap();
    }

    /// Where memory that can be read ends, from an address on.
    fn end_of_memory(from: u64) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let mut end = from;
        for line in maps.lines() {
            let (range, rest) = line.split_once(' ').unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let hex = |digits| u64::from_str_radix(digits, 16).unwrap();
            if rest.starts_with('r') && (hex(first)..hex(last)).contains(&end) {
                end = hex(last);
            }
        }
        end
    }

    #[test]
    fn sample_goes_on_to_the_end_of_a_short_stack() {
        let (number, end, thread) = waiting_thread();
        // Other tests' memory may come and go behind it.
        let before = end_of_memory(sample(number).unwrap().sp);
        let sample = sample(number).unwrap();
        let there = before.min(end_of_memory(sample.sp)) - sample.sp;
        assert!(there > 0, "{sample:?}");
        let wanted = there.min((STACK_BYTES - PAGE) as u64);
        assert!(sample.stack.len() as u64 >= wanted, "{sample:?}, {there}");
        drop(end);
        thread.join().unwrap();
    }

    #[test]
    fn sampling_again_and_again_disturbs_nobody() {
        let (number, end, thread) = waiting_thread();
        for _ in 0..100 {
            assert_eq!(sample(number).unwrap().thread_id, u64::from(number));
        }
        drop(end);
        thread.join().unwrap();
    }

    #[test]
    fn only_the_thread_that_is_asked_claims_a_request_and_once() {
        let _nobody_else_asks = SAMPLER.lock();
        REQUEST.store(of_thread(7, ASKED), Ordering::Relaxed);
        assert!(!claim(8));
        assert!(claim(7));
        assert!(!claim(7));
        REQUEST.store(IDLE, Ordering::Relaxed);
        assert!(!claim(7));
    }

    #[test]
    fn thread_that_has_ended_is_said_not_to_run() {
        let (number, end, thread) = waiting_thread();
        drop(end);
        thread.join().unwrap();
        // The kernel gives the number up a moment after the join.
        let gone = || match sample(number) {
            Err(SampleError::NotRunning) => true,
            Ok(_) | Err(SampleError::TimedOut) => false,
            Err(other) => panic!("{other}"),
        };
        while !gone() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn stack_of_the_calling_thread_holds_what_it_has_on_it() {
        let mark = std::hint::black_box([0x5A_u8; 64]);
        let sample = sample(current_thread()).unwrap();
        let found = sample.stack.windows(64).any(|bytes| bytes == mark);
        assert!(found, "{sample:?}");
        assert!(sample.sp <= (&raw const mark) as u64);
    }
}
