//! The times of a file.

use std::time::SystemTime;

/// The times to give a file with [`File::set_times`](super::File::set_times): those that are not
/// set here stay as they are.
#[derive(Clone, Debug, Default)]
#[must_use = "has an effect only when given to `File::set_times`"]
pub struct FileTimes(std::fs::FileTimes);

impl FileTimes {
    /// No time set.
    pub fn new() -> FileTimes {
        FileTimes::default()
    }

    /// When the file was last read.
    pub fn set_accessed(self, t: SystemTime) -> FileTimes {
        FileTimes(self.0.set_accessed(t))
    }

    /// When the file was last written.
    pub fn set_modified(self, t: SystemTime) -> FileTimes {
        FileTimes(self.0.set_modified(t))
    }

    /// When the file was created.
    #[cfg(any(windows, target_vendor = "apple"))]
    pub fn set_created(self, t: SystemTime) -> FileTimes {
        #[cfg(target_vendor = "apple")]
        use std::os::darwin::fs::FileTimesExt;
        #[cfg(windows)]
        use std::os::windows::fs::FileTimesExt;
        FileTimes(self.0.set_created(t))
    }

    pub(super) fn into_std(self) -> std::fs::FileTimes {
        self.0
    }
}
