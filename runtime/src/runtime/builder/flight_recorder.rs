//! How much of the past workers remember.

use std::ffi::OsStr;
use std::io;

use super::Builder;

/// What a worker's flight recorder takes by default: 21,845 events.
pub(super) const DEFAULT_BYTES: usize = 512 * 1024;

/// Overrides [`Builder::flight_recorder`] when it is set.
pub(super) const VARIABLE: &str = "ZOKIO_FLIGHT_RECORDER";

impl Builder {
    /// How many bytes each worker's flight recorder may take, up to 1 GiB; 0: it records nothing.
    /// Default: 512 KiB. The environment variable `ZOKIO_FLIGHT_RECORDER`, a number of bytes or
    /// `off`, overrides what is set here.
    ///
    /// A worker records there what it does, over the oldest when it is full: an event of 24 bytes for
    /// each poll, and one for each wake, spawn, end of a task, steal and sleep. The memory is taken
    /// when it is first written to. [`dump`](crate::telemetry::dump) reads it.
    pub fn flight_recorder(&mut self, bytes: usize) -> &mut Self {
        self.flight_recorder_bytes = bytes;
        self
    }
}

/// `own`, unless the environment variable's value says otherwise.
///
/// # Errors
///
/// If the value is neither a number nor `off`.
pub(super) fn bytes(own: usize, value: Option<&OsStr>) -> io::Result<usize> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(own);
    };
    match value.to_str() {
        Some("off") => Ok(0),
        text => text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let text = format!("{VARIABLE} must be off or a number of bytes, not {value:?}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_overrides_the_builder_s_size() {
        let read = |value: Option<&str>| bytes(7, value.map(OsStr::new));
        assert_eq!(read(None).unwrap(), 7);
        assert_eq!(read(Some("")).unwrap(), 7);
        assert_eq!(read(Some("off")).unwrap(), 0);
        assert_eq!(read(Some("65536")).unwrap(), 65_536);
        for wrong in ["on", "64K", "-1"] {
            let error = read(Some(wrong)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                format!("ZOKIO_FLIGHT_RECORDER must be off or a number of bytes, not {wrong:?}")
            );
        }
    }
}
