//! Where on a recording the screen is, for the status line and the keys.

/// Factors of the speed, in halves.
const SPEEDS: [u64; 6] = [1, 2, 4, 8, 16, 32];

/// How fast a recording is played: ½ to 16 times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed(usize);

impl Default for Speed {
    /// As fast as it was.
    fn default() -> Speed {
        Speed(1)
    }
}

impl Speed {
    pub(crate) fn faster(self) -> Speed {
        Speed((self.0 + 1).min(SPEEDS.len() - 1))
    }

    pub(crate) fn slower(self) -> Speed {
        Speed(self.0.saturating_sub(1))
    }

    /// Time of the recording that passes in `elapsed_ns`.
    pub(crate) fn of(self, elapsed_ns: u64) -> u64 {
        elapsed_ns.saturating_mul(SPEEDS[self.0]) / 2
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match SPEEDS[self.0] {
            1 => f.write_str("½×"),
            halves => write!(f, "{}×", halves / 2),
        }
    }
}

/// A place on a recording: of the whole session, or of the last minutes of a live one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Playback {
    /// On the recording's clock, as the other two.
    pub(crate) at_ns: u64,
    pub(crate) start_ns: u64,
    pub(crate) end_ns: u64,
    pub(crate) playing: bool,
    pub(crate) speed: Speed,
    /// Here the connection was lost, and why.
    pub(crate) lost: Option<String>,
    /// What is wrong with the recording.
    pub(crate) damage: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_go_from_a_half_to_sixteen_and_no_further() {
        let mut speed = Speed::default();
        assert_eq!((speed.of(1_000), speed.to_string().as_str()), (1_000, "1×"));
        for _ in 0..9 {
            speed = speed.faster();
        }
        assert_eq!(
            (speed.of(1_000), speed.to_string().as_str()),
            (16_000, "16×")
        );
        for _ in 0..9 {
            speed = speed.slower();
        }
        assert_eq!((speed.of(1_000), speed.to_string().as_str()), (500, "½×"));
        assert_eq!(speed.faster().faster().of(u64::MAX), u64::MAX / 2);
    }
}
