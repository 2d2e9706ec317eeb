//! What a source is ready for.

use std::fmt;
use std::ops;

use super::Interest;

/// What an I/O source is ready for: a set of bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const EMPTY: Ready = Ready(0);
    /// A read would not block.
    pub const READABLE: Ready = Ready(1);
    /// A write would not block.
    pub const WRITABLE: Ready = Ready(1 << 1);
    /// The other side will send no more.
    pub const READ_CLOSED: Ready = Ready(1 << 2);
    /// Nothing can be written any more.
    pub const WRITE_CLOSED: Ready = Ready(1 << 3);
    /// Out-of-band data (Linux and Android only).
    pub const PRIORITY: Ready = Ready(1 << 4);
    /// The source has an error pending.
    pub const ERROR: Ready = Ready(1 << 5);
    /// Everything.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub const ALL: Ready = Ready(0x3f);
    /// Everything.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub const ALL: Ready = Ready(0x2f);

    pub(crate) const CLOSED: Ready = Ready(Ready::READ_CLOSED.0 | Ready::WRITE_CLOSED.0);

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// Bits that mean nothing are dropped.
    pub(crate) const fn from_bits(bits: u8) -> Ready {
        Ready(bits & Ready::ALL.0)
    }

    pub(crate) fn from_event(event: &mio::event::Event) -> Ready {
        let mut ready = Ready::EMPTY;
        let mut add = |on: bool, bits: Ready| {
            if on {
                ready |= bits;
            }
        };
        add(event.is_readable(), Ready::READABLE);
        add(event.is_writable(), Ready::WRITABLE);
        add(event.is_read_closed(), Ready::READ_CLOSED);
        add(event.is_write_closed(), Ready::WRITE_CLOSED);
        add(event.is_error(), Ready::ERROR);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        add(event.is_priority(), Ready::PRIORITY);
        ready
    }

    /// The bits that end a wait of `interest`.
    pub(crate) fn from_interest(interest: Interest) -> Ready {
        let mut ready = Ready::EMPTY;
        if interest.is_readable() {
            ready |= Ready::READABLE | Ready::READ_CLOSED;
        }
        if interest.is_writable() {
            ready |= Ready::WRITABLE | Ready::WRITE_CLOSED;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if interest.is_priority() {
            ready |= Ready::PRIORITY | Ready::READ_CLOSED;
        }
        if interest.is_error() {
            ready |= Ready::ERROR;
        }
        ready
    }

    pub(crate) fn intersects(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is nothing in the set.
    ///
    /// ```
    /// use zokio::io::Ready;
    /// assert!(Ready::EMPTY.is_empty());
    /// assert!(!Ready::READABLE.is_empty());
    /// ```
    pub fn is_empty(self) -> bool {
        self == Ready::EMPTY
    }

    /// Whether a read would not block: there is data, or the stream has ended.
    pub fn is_readable(self) -> bool {
        self.intersects(Ready::READABLE) || self.is_read_closed()
    }

    /// Whether a write would not block: there is room, or the stream has ended.
    pub fn is_writable(self) -> bool {
        self.intersects(Ready::WRITABLE) || self.is_write_closed()
    }

    /// Whether the other side will send no more.
    pub fn is_read_closed(self) -> bool {
        self.intersects(Ready::READ_CLOSED)
    }

    /// Whether nothing can be written any more.
    pub fn is_write_closed(self) -> bool {
        self.intersects(Ready::WRITE_CLOSED)
    }

    /// Whether there is out-of-band data.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn is_priority(self) -> bool {
        self.intersects(Ready::PRIORITY)
    }

    /// Whether the source has an error pending.
    pub fn is_error(self) -> bool {
        self.intersects(Ready::ERROR)
    }
}

impl ops::BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for Ready {
    type Output = Ready;

    fn bitand(self, other: Ready) -> Ready {
        Ready(self.0 & other.0)
    }
}

impl ops::Sub for Ready {
    type Output = Ready;

    fn sub(self, other: Ready) -> Ready {
        Ready(self.0 & !other.0)
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Ready");
        all.field("is_readable", &self.is_readable())
            .field("is_writable", &self.is_writable())
            .field("is_read_closed", &self.is_read_closed())
            .field("is_write_closed", &self.is_write_closed())
            .field("is_error", &self.is_error());
        #[cfg(any(target_os = "linux", target_os = "android"))]
        all.field("is_priority", &self.is_priority());
        all.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_counts_as_readable_and_writable() {
        assert!(Ready::READ_CLOSED.is_readable() && !Ready::READ_CLOSED.is_writable());
        assert!(Ready::WRITE_CLOSED.is_writable() && !Ready::WRITE_CLOSED.is_readable());
    }

    #[test]
    fn set_operations() {
        let both = Ready::READABLE | Ready::WRITABLE;
        assert_eq!(both - Ready::READABLE, Ready::WRITABLE);
        assert_eq!(both & Ready::READABLE, Ready::READABLE);
        assert_eq!(Ready::from_bits(0xff), Ready::ALL);
    }

    #[test]
    fn an_interest_ends_with_the_closing_of_its_direction() {
        let ready = Ready::from_interest(Interest::READABLE);
        assert_eq!(ready, Ready::READABLE | Ready::READ_CLOSED);
        let ready = Ready::from_interest(Interest::WRITABLE | Interest::ERROR);
        assert_eq!(ready, Ready::WRITABLE | Ready::WRITE_CLOSED | Ready::ERROR);
    }
}
