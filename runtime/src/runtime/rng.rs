//! Seeds for the random numbers that a runtime uses: which branch `select!` polls first, at which
//! worker a search for work begins.

use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// A seed for [`Builder::rng_seed`](super::Builder::rng_seed).
#[derive(Debug, Clone)]
pub struct RngSeed(u64);

impl RngSeed {
    /// The seed that these bytes stand for. Equal bytes give equal seeds, with the same version of
    /// the standard library.
    ///
    /// ```
    /// use zokio::runtime::{Builder, RngSeed};
    ///
    /// let seed = RngSeed::from_bytes(b"the same order each time");
    /// let runtime = Builder::new_current_thread().rng_seed(seed).build()?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> RngSeed {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        RngSeed(hasher.finish())
    }
}

/// The seeds of a runtime's threads, one after the other (splitmix64; Steele, Lea, Flood, "Fast
/// splittable pseudorandom number generators", 2014).
#[derive(Debug)]
pub(crate) struct Seeds(AtomicU64);

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl Seeds {
    pub(super) fn new(seed: &RngSeed) -> Seeds {
        Seeds(AtomicU64::new(seed.0))
    }

    /// The next seed, never 0.
    pub(crate) fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(GOLDEN_GAMMA, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(bytes: &[u8]) -> Vec<u64> {
        let seeds = Seeds::new(&RngSeed::from_bytes(bytes));
        (0..16).map(|_| seeds.next()).collect()
    }

    #[test]
    fn equal_bytes_give_equal_sequences_and_others_give_others() {
        assert_eq!(draw(b"one"), draw(b"one"));
        assert_ne!(draw(b"one"), draw(b"two"));
        assert_ne!(draw(b""), draw(b"\0"));
    }

    #[test]
    fn no_seed_of_a_sequence_is_zero_or_comes_twice() {
        let mut all = draw(b"many");
        assert!(all.iter().all(|seed| *seed != 0));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 16);
    }
}
