//! The stack of this thread, as addresses of instructions.
//!
//! By the unwinder that the standard library brings for panics, so it works wherever those unwind;
//! elsewhere a stack is empty.

#![expect(unsafe_code, reason = "calls the system's unwinder")]

/// Frames of a stack that are kept, the innermost ones.
const MAX_FRAMES: usize = 256;

/// The addresses to which the functions of this thread's stack return, the innermost first.
#[inline(never)]
pub(super) fn stack() -> Vec<usize> {
    let mut frames = Vec::with_capacity(64);
    system::walk(&mut frames);
    frames
}

#[cfg(unix)]
mod system {
    use std::ffi::{c_int, c_void};

    use super::MAX_FRAMES;

    /// Codes of the unwinder's interface (Itanium C++ ABI, "Exception Handling", 1.2).
    const GO_ON: c_int = 0;
    const STOP: c_int = 4;

    type Visit = extern "C" fn(context: *mut c_void, argument: *mut c_void) -> c_int;

    unsafe extern "C" {
        fn _Unwind_Backtrace(visit: Visit, argument: *mut c_void) -> c_int;
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
    }

    pub(super) fn walk(frames: &mut Vec<usize>) {
        let argument = std::ptr::from_mut(frames).cast();
        // SAFETY: `visit` takes the argument as what it is here, and does not unwind; the frames
        // outlive the call.
        unsafe { _Unwind_Backtrace(visit, argument) };
    }

    extern "C" fn visit(context: *mut c_void, argument: *mut c_void) -> c_int {
        // SAFETY: `walk` passes a pointer to these, and nobody else uses them meanwhile.
        let frames = unsafe { &mut *argument.cast::<Vec<usize>>() };
        // SAFETY: the unwinder's own context, which is valid during the call.
        let ip = unsafe { _Unwind_GetIP(context) };
        if ip == 0 || frames.len() == MAX_FRAMES {
            return STOP;
        }
        frames.push(ip);
        GO_ON
    }
}

#[cfg(windows)]
mod system {
    use std::ffi::c_void;
    use std::ptr;

    use super::MAX_FRAMES;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn RtlCaptureStackBackTrace(
            skip: u32,
            count: u32,
            addresses: *mut *mut c_void,
            hash: *mut u32,
        ) -> u16;
    }

    pub(super) fn walk(frames: &mut Vec<usize>) {
        let mut addresses = [ptr::null_mut(); MAX_FRAMES];
        let room = addresses.len() as u32;
        // SAFETY: there is room for as many addresses, and no hash is asked for.
        let found =
            unsafe { RtlCaptureStackBackTrace(0, room, addresses.as_mut_ptr(), ptr::null_mut()) };
        frames.extend(addresses.iter().take(found.into()).map(|a| a.addr()));
    }
}

#[cfg(not(any(unix, windows)))]
mod system {
    pub(super) fn walk(_: &mut Vec<usize>) {}
}
