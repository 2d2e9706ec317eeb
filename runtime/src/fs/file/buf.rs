//! The buffer between a file's caller and the pool.

use std::io::{self, IoSlice, Read};

use tokio::io::ReadBuf;

/// Bytes read and not consumed, or to be written: those at `start..end`.
///
/// What lies beyond was initialised once and keeps its old contents, so that a buffer in use is
/// not filled with zeros again.
#[derive(Debug, Default)]
pub(super) struct Buf {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Moves as many bytes as fit.
    pub(super) fn copy_to(&mut self, dst: &mut ReadBuf<'_>) {
        let n = dst.remaining().min(self.end - self.start);
        dst.put_slice(&self.bytes[self.start..self.start + n]);
        self.start += n;
    }

    /// Throws the bytes away; how far to seek for that, 0 or less.
    pub(super) fn discard(&mut self) -> i64 {
        // A length of a `Vec` fits.
        let unread = (self.end - self.start) as i64;
        (self.start, self.end) = (0, 0);
        -unread
    }

    /// Replaces the contents by up to `max` bytes of `slices`; how many.
    pub(super) fn put(&mut self, slices: &[IoSlice<'_>], max: usize) -> usize {
        self.bytes.clear();
        for slice in slices {
            let n = slice.len().min(max - self.bytes.len());
            self.bytes.extend_from_slice(&slice[..n]);
        }
        (self.start, self.end) = (0, self.bytes.len());
        self.end
    }

    /// The bytes, which count as consumed.
    pub(super) fn take(&mut self) -> &[u8] {
        let range = self.start..self.end;
        (self.start, self.end) = (0, 0);
        &self.bytes[range]
    }

    /// Replaces the contents by bytes that were read before the rest of them could be.
    pub(super) fn hold(&mut self, begun: &[u8]) {
        if self.bytes.len() < begun.len() {
            self.bytes.resize(begun.len(), 0);
        }
        self.bytes[..begun.len()].copy_from_slice(begun);
        (self.start, self.end) = (0, begun.len());
    }

    /// Adds to what is [held](Buf::hold) what one read gives, up to `max` bytes together. An
    /// error is one only if nothing is held: it will be met again after that.
    pub(super) fn fill(&mut self, source: &mut impl Read, max: usize) -> io::Result<()> {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        if self.bytes.len() < max {
            self.bytes.resize(max, 0);
        }
        loop {
            match source.read(&mut self.bytes[self.end..max]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if !self.is_empty() => return Ok(()),
                result => {
                    self.end += result?;
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn put_stops_at_the_maximum_over_several_slices() {
        let mut buf = Buf::default();
        let slices = [
            IoSlice::new(b"abc"),
            IoSlice::new(b""),
            IoSlice::new(b"defg"),
        ];
        assert_eq!(buf.put(&slices, 5), 5);
        assert_eq!(buf.take(), b"abcde");
        assert!(buf.is_empty());
    }

    #[test]
    fn discard_counts_what_was_not_consumed() {
        let mut buf = Buf::default();
        buf.fill(&mut &b"0123456789"[..], 8).unwrap();
        let mut space = [0; 3];
        let mut dst = ReadBuf::new(&mut space);
        buf.copy_to(&mut dst);
        assert_eq!(dst.filled(), b"012");
        assert_eq!(buf.discard(), -5);
        assert_eq!(buf.discard(), 0);
    }

    #[test]
    fn fill_adds_to_what_is_held_and_keeps_it_over_an_error() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::NotFound.into())
            }
        }
        let mut buf = Buf::default();
        buf.hold(b"ab");
        buf.fill(&mut &b"cdefg"[..], 5).unwrap();
        assert_eq!(buf.take(), b"abcde");
        buf.hold(b"ab");
        buf.fill(&mut Fails, 5).unwrap();
        assert_eq!(buf.take(), b"ab");
    }

    #[test]
    fn fill_retries_when_interrupted_and_reports_other_errors() {
        struct Scripted(Vec<io::Result<usize>>);
        impl Read for Scripted {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0.remove(0)
            }
        }
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let mut buf = Buf::default();
        buf.fill(&mut Scripted(vec![interrupted(), Ok(2)]), 4)
            .unwrap();
        assert_eq!(buf.take().len(), 2);
        let failed = buf.fill(&mut Scripted(vec![Err(io::ErrorKind::NotFound.into())]), 4);
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(buf.is_empty());
    }
}
