//! Numbers that look random, and can be had again from their seed.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// A generator of numbers (`SplitMix64`).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that nobody has chosen, short enough to be typed.
    pub(crate) fn seed() -> u64 {
        RandomState::new().hash_one(std::process::id()) % 1_000_000
    }

    /// One of the choices.
    pub(crate) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).expect("fewer than that");
        let at = usize::try_from(self.next() % count).expect("it was a length");
        choices[at]
    }

    /// A time from nothing to `longest`.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let fraction = f64::from(u32::try_from(self.next() >> 32).expect("32 bits")) / f64::from(u32::MAX);
        longest.mul_f64(fraction)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_again() {
        let times = |seed| {
            let mut random = Random::new(seed);
            [(); 8].map(|()| random.up_to(Duration::from_secs(1)))
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }

    #[test]
    fn every_choice_is_made() {
        let mut random = Random::new(0);
        let made: std::collections::BTreeSet<_> = (0..100).map(|_| random.choose(&[1, 2, 3])).collect();
        assert_eq!(made.len(), 3);
    }
}
