//! What a program wants to know about a source.

use std::fmt;
use std::ops;

/// What is asked of an I/O source: never empty.
///
/// ```
/// use zokio::io::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// assert_eq!(both.remove(Interest::READABLE), Some(Interest::WRITABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(u8);

const READABLE: u8 = 1;
const WRITABLE: u8 = 1 << 1;
const ERROR: u8 = 1 << 2;
const PRIORITY: u8 = 1 << 3;

impl Interest {
    /// In reading, and in the end of reading.
    pub const READABLE: Interest = Interest(READABLE);
    /// In writing, and in the end of writing.
    pub const WRITABLE: Interest = Interest(WRITABLE);
    /// In errors.
    pub const ERROR: Interest = Interest(ERROR);
    /// In out-of-band data.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const PRIORITY: Interest = Interest(PRIORITY);

    /// Whether it includes reading.
    pub const fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// Whether it includes writing.
    pub const fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// Whether it includes errors.
    pub const fn is_error(self) -> bool {
        self.0 & ERROR != 0
    }

    /// Whether it includes out-of-band data.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const fn is_priority(self) -> bool {
        self.0 & PRIORITY != 0
    }

    /// Both interests.
    #[must_use = "this returns the result of the operation"]
    pub const fn add(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }

    /// What is left of it without `other`; `None` if that is nothing.
    #[must_use = "this returns the result of the operation"]
    pub fn remove(self, other: Interest) -> Option<Interest> {
        match self.0 & !other.0 {
            0 => None,
            left => Some(Interest(left)),
        }
    }

    /// What the operating system is asked for. Errors alone are reported by it in any case, so
    /// that the least conspicuous interest stands in for them.
    pub(crate) fn to_mio(self) -> mio::Interest {
        let mut all: Option<mio::Interest> = None;
        let mut add = |on: bool, interest: mio::Interest| {
            if on {
                all = Some(all.map_or(interest, |a| a | interest));
            }
        };
        add(self.is_readable(), mio::Interest::READABLE);
        add(self.is_writable(), mio::Interest::WRITABLE);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        add(
            self.is_priority() || self.0 == ERROR,
            mio::Interest::PRIORITY,
        );
        all.unwrap_or(mio::Interest::READABLE)
    }
}

impl ops::BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        self.add(other)
    }
}

impl ops::BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(u8, &str); 4] = [
            (READABLE, "READABLE"),
            (WRITABLE, "WRITABLE"),
            (PRIORITY, "PRIORITY"),
            (ERROR, "ERROR"),
        ];
        let mut first = true;
        for (_, name) in NAMES.iter().filter(|(bit, _)| self.0 & bit != 0) {
            if !first {
                f.write_str(" | ")?;
            }
            f.write_str(name)?;
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_names_the_parts() {
        assert_eq!(
            format!("{:?}", Interest::READABLE | Interest::ERROR),
            "READABLE | ERROR"
        );
    }

    #[test]
    fn removing_all_leaves_none() {
        assert_eq!(
            Interest::READABLE.remove(Interest::READABLE | Interest::WRITABLE),
            None
        );
    }

    #[test]
    fn errors_alone_still_register() {
        let asked = Interest::ERROR.to_mio();
        assert!(!asked.is_writable());
    }
}
