//! The program and its libraries, with their unwind tables, as they are in memory.
//!
//! Memory rather than files: a program's file may have been replaced since it was started. The
//! tables are copied while the loader holds its list, since a library can be unloaded any time.

#![expect(unsafe_code, reason = "reads the loader's list and what it points to")]

use std::ffi::{c_int, c_void};
use std::ops::Range;

use framehop::{ExplicitModuleSectionInfo, Module};

/// `.eh_frame_hdr` (Linux Standard Base, "Exception Frames"): version, three encodings, then the
/// address of `.eh_frame`. This encoding is the one that linkers use: relative to the field,
/// signed, four bytes.
const HEADER_VERSION: u8 = 1;
const PC_RELATIVE_SIGNED_4: u8 = 0x1B;

/// All that is loaded now.
pub(super) fn loaded() -> Vec<Module<Vec<u8>>> {
    let mut modules: Vec<Module<Vec<u8>>> = Vec::new();
    // SAFETY: the callback has the signature asked for and gets the pointer to `modules`, which
    // outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn visit(
    info: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    modules: *mut c_void,
) -> c_int {
    // SAFETY: `loaded` passes a pointer to this type, and nobody else uses it meanwhile.
    let modules = unsafe { &mut *modules.cast::<Vec<Module<Vec<u8>>>>() };
    // SAFETY: the loader passes a valid entry.
    let info = unsafe { &*info };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: the entry's program headers, as many as it says, loaded for as long as it is.
    let headers =
        unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
    // SAFETY: the headers are those of a module that is loaded at this address.
    modules.extend(unsafe { module(info.dlpi_addr, headers) });
    0
}

/// # Safety
///
/// A module with these program headers is loaded at `base`, and stays so during the call.
unsafe fn module(base: u64, headers: &[libc::Elf64_Phdr]) -> Option<Module<Vec<u8>>> {
    let segment = |header: &libc::Elf64_Phdr| header.p_vaddr..header.p_vaddr + header.p_memsz;
    let of_type = |wanted: u32| headers.iter().filter(move |h| h.p_type == wanted);
    let code = of_type(libc::PT_LOAD)
        .filter(|h| h.p_flags & libc::PF_X != 0)
        .map(segment)
        .reduce(|a, b| a.start.min(b.start)..a.end.max(b.end))?;
    let hdr = of_type(libc::PT_GNU_EH_FRAME).map(segment).next()?;
    // SAFETY: a segment of a loaded module is readable, unless it says otherwise, and this one
    // holds what unwinding needs at run time.
    let eh_frame_hdr = unsafe { copy(base, &hdr) };
    let begin = eh_frame_begin(hdr.start, &eh_frame_hdr)?;
    let around = of_type(libc::PT_LOAD)
        .filter(|h| h.p_flags & libc::PF_R != 0)
        .map(|h| h.p_vaddr..h.p_vaddr + h.p_filesz)
        .find(|segment| segment.contains(&begin))?;
    let eh_frame = begin..around.end;
    let sections = ExplicitModuleSectionInfo {
        base_svma: 0,
        text_svma: Some(code.clone()),
        // SAFETY: within a readable segment of a loaded module.
        eh_frame: Some(unsafe { copy(base, &eh_frame) }),
        eh_frame_svma: Some(eh_frame),
        eh_frame_hdr: Some(eh_frame_hdr),
        eh_frame_hdr_svma: Some(hdr),
        ..Default::default()
    };
    // Modules that were linked for an address above theirs have a base below zero.
    let range = base.wrapping_add(code.start)..base.wrapping_add(code.end);
    Some(Module::new(String::new(), range, base, sections))
}

/// Where `.eh_frame` begins.
fn eh_frame_begin(hdr: u64, bytes: &[u8]) -> Option<u64> {
    let [version, encoding, _, _, relative @ ..] = bytes.first_chunk::<8>()?;
    if (*version, *encoding) != (HEADER_VERSION, PC_RELATIVE_SIGNED_4) {
        return None;
    }
    let relative = i32::from_ne_bytes(*relative.first_chunk()?);
    (hdr + 4).checked_add_signed(relative.into())
}

/// # Safety
///
/// `base + range` is readable memory that nobody writes to.
unsafe fn copy(base: u64, range: &Range<u64>) -> Vec<u8> {
    let length = (range.end - range.start) as usize;
    let begin = base.wrapping_add(range.start) as usize as *const u8;
    // SAFETY: by the contract.
    unsafe { std::slice::from_raw_parts(begin, length) }.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_of_the_tables_is_relative_to_its_field() {
        let mut bytes = vec![HEADER_VERSION, PC_RELATIVE_SIGNED_4, 3, 0x3B];
        bytes.extend(0x10_i32.to_ne_bytes());
        assert_eq!(eh_frame_begin(0x1000, &bytes), Some(0x1014));
        bytes[4..].copy_from_slice(&(-4_i32).to_ne_bytes());
        assert_eq!(eh_frame_begin(0x1000, &bytes), Some(0x1000));
    }

    #[test]
    fn unknown_headers_are_passed_over() {
        assert_eq!(
            eh_frame_begin(0, &[2, PC_RELATIVE_SIGNED_4, 3, 0, 0, 0, 0, 0]),
            None
        );
        assert_eq!(eh_frame_begin(0, &[1, 0xFF, 3, 0, 0, 0, 0, 0]), None);
        assert_eq!(eh_frame_begin(0, &[1]), None);
    }

    #[test]
    fn this_program_is_among_the_modules() {
        assert!(!loaded().is_empty());
    }
}
