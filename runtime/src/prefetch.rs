//! Telling the processor what will be touched soon, where it can be told.

/// Brings the cache line at `line` near, to be written.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
#[expect(unsafe_code, reason = "an instruction that takes an address")]
pub(crate) fn prefetch<T>(line: *const T) {
    use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
    // SAFETY: of no effect but on caches, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.cast()) }
}

/// Elsewhere the compiler has no such instruction.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn prefetch<T>(_: *const T) {}
