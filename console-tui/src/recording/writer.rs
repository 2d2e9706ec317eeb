//! Writes a recording.

use std::io::{self, Write};

use super::format::{self, Frame, Head, Kind};

/// Writes frames one after the other and knows how much of what it wrote is whole.
#[derive(Debug)]
pub(crate) struct Writer<W> {
    out: W,
    whole_bytes: u64,
    last_kind: Option<Kind>,
}

impl<W: Write> Writer<W> {
    /// Begins a recording.
    pub(crate) fn begin(mut out: W, began_unix_ns: u64) -> io::Result<Writer<W>> {
        let header = format::header(began_unix_ns);
        out.write_all(&header)?;
        out.flush()?;
        Ok(Writer {
            out,
            whole_bytes: header.len() as u64,
            last_kind: None,
        })
    }

    /// Writes a frame through to `out`: what came before is not lost with it.
    pub(crate) fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(format::HEAD_BYTES + frame.payload.len());
        bytes.extend_from_slice(&Head::of(frame));
        bytes.extend_from_slice(&frame.payload);
        self.out.write_all(&bytes)?;
        self.out.flush()?;
        self.whole_bytes += bytes.len() as u64;
        self.last_kind = Some(frame.kind);
        Ok(())
    }

    /// Bytes up to the end of the last frame that was written whole.
    pub(crate) fn whole_bytes(&self) -> u64 {
        self.whole_bytes
    }

    /// What the last frame holds.
    pub(crate) fn last_kind(&self) -> Option<Kind> {
        self.last_kind
    }

    pub(crate) fn get_ref(&self) -> &W {
        &self.out
    }
}
