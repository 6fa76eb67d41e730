//! `rand` and `srand`: SplitMix64, which starts with the same seed in every run.

use std::hash::{BuildHasher, Hasher, RandomState};

pub(super) struct Random {
    state: u64,
    /// What `srand` returns.
    seed: f64,
}

impl Default for Random {
    fn default() -> Self {
        let mut random = Self {
            state: 0,
            seed: 0.0,
        };
        random.seed(Some(1.0));
        random
    }
}

impl Random {
    /// Starts again from a seed, or from one that nobody knows; returns the seed before.
    pub fn seed(&mut self, seed: Option<f64>) -> f64 {
        let seed = seed.unwrap_or_else(|| {
            let unknown = RandomState::new().build_hasher().finish();
            (unknown >> 32) as f64
        });
        self.state = seed.to_bits();
        std::mem::replace(&mut self.seed, seed)
    }

    /// A number from 0 up to but without 1.
    pub fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}
