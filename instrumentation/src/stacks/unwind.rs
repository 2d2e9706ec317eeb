//! The addresses on a sampled stack.

use framehop::{CacheNative, MayAllocateDuringUnwind, UnwindRegsNative, Unwinder, UnwinderNative};
use zokio::telemetry::ThreadSample;

use super::modules;

/// The addresses of the instructions that the stack's functions are at, the innermost first: the
/// one that was interrupted, then calls.
pub(super) fn addresses(sample: &ThreadSample, most: usize) -> Vec<u64> {
    let mut unwinder = UnwinderNative::<Vec<u8>, MayAllocateDuringUnwind>::new();
    for module in modules::loaded() {
        unwinder.add_module(module);
    }
    let mut cache = CacheNative::<MayAllocateDuringUnwind>::new();
    let mut read_stack = |address: u64| word(sample, address).ok_or(());
    let mut iter = unwinder.iter_frames(sample.pc, registers(sample), &mut cache, &mut read_stack);
    let mut addresses = Vec::new();
    // An error is the end of what is known: the frames up to there are right.
    while let Ok(Some(frame)) = iter.next() {
        addresses.push(frame.address_for_lookup());
        if addresses.len() >= most {
            break;
        }
    }
    addresses
}

fn word(sample: &ThreadSample, address: u64) -> Option<u64> {
    let offset = usize::try_from(address.checked_sub(sample.sp)?).ok()?;
    let bytes = sample.stack.get(offset..)?.first_chunk()?;
    Some(u64::from_ne_bytes(*bytes))
}

#[cfg(target_arch = "x86_64")]
fn registers(sample: &ThreadSample) -> UnwindRegsNative {
    UnwindRegsNative::new(sample.pc, sample.sp, sample.fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(sample: &ThreadSample) -> UnwindRegsNative {
    UnwindRegsNative::new(sample.lr, sample.sp, sample.fp)
}
