//! Random numbers that depend on the seed only, so that they are the same on each machine.

#![expect(clippy::cast_possible_truncation, reason = "drawn below a bound that fits")]

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// The purpose of random numbers. Each topic has its own generator, so that one can be repeated without the others. The
/// discriminants are part of the seed: do not reorder them.
#[derive(Clone, Copy)]
pub enum Topic {
    Id,
    Version,
    Activity,
    Practitioner,
    Identity,
    Roles,
    Role,
    Organization,
    Commune,
    Service,
    Device,
    Change,
    Segment,
}

/// The random number generator of one entity and topic.
pub struct Draw(Pcg32);

impl Draw {
    /// The generator of the entity with this index, for this topic.
    pub fn new(seed: u64, topic: Topic, kind: u64, index: u64) -> Self {
        let key = [topic as u64, kind, index].into_iter().fold(mix(seed), |key, part| mix(key ^ part));
        Self(Pcg32::seed_from_u64(key))
    }

    /// A number from 0 to `end`, exclusive.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: the bias is below 2⁻³² per value. Floating-point functions differ between machines.
        scale(self.0.next_u32(), end)
    }

    /// A number from 0 to `end`, exclusive; low numbers are more frequent than high ones.
    pub fn low_below(&mut self, end: u64) -> u64 {
        let fraction = u64::from(self.0.next_u32());
        scale(((fraction * fraction) >> 32) as u32, end)
    }

    /// True with a probability of `times` in a thousand.
    pub fn per_mille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    /// An item of the list; all are equally frequent.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    /// An item of the list; the first ones are more frequent.
    pub fn pick_low<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.low_below(list.len() as u64) as usize]
    }

    /// An item of the list, as frequent as its weight.
    pub fn weighted<T>(&mut self, list: &'static [T], weight: impl Fn(&T) -> u64) -> &'static T {
        let mut left = self.below(list.iter().map(&weight).sum());
        let chosen = list.iter().find(|item| {
            let weight = weight(item);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        });
        chosen.unwrap_or(&list[0])
    }
}

fn scale(fraction: u32, end: u64) -> u64 {
    ((u128::from(fraction) * u128::from(end)) >> 32) as u64
}

/// Maps neighbouring numbers to distant ones (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
