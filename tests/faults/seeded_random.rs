//! Random numbers that can be repeated.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The seed if `EKLAVYA_TEST_SEED` is not set.
const SEED: u64 = 42;

/// A source of numbers. The same seed gives the same numbers.
#[derive(Debug)]
pub struct SeededRandom {
    seed: u64,
    random: StdRng,
}

impl SeededRandom {
    /// Returns the dice of a test, and prints their seed.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment of the tests sets the seed"
    )]
    pub fn new(test: &str) -> Self {
        let named = std::env::var("EKLAVYA_TEST_SEED").ok();
        let seed = named.map_or(SEED, |seed| {
            seed.parse().expect("EKLAVYA_TEST_SEED: a number")
        });
        println!("{test}: EKLAVYA_TEST_SEED={seed}");
        Self::from_seed(seed)
    }

    /// Returns dice of their own for a part of the test.
    pub fn fork(&self, number: usize) -> Self {
        Self::from_seed(self.seed.wrapping_add(number as u64 + 1))
    }

    fn from_seed(seed: u64) -> Self {
        Self {
            seed,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Returns a number from 0 to 1.
    pub fn next_fraction(&mut self) -> f64 {
        self.random.random()
    }

    /// Returns a number of the range.
    pub fn next_below(&mut self, end: usize) -> usize {
        self.random.random_range(0..end)
    }
}
