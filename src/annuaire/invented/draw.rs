//! Chance that is the same on each machine: what is drawn follows from the seed alone.

#![expect(clippy::cast_possible_truncation, reason = "drawn below a bound that fits")]

use rand_pcg::Pcg32;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// What is drawn for. Each has its own chance, so that one can be drawn again without the others.
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
    Stretch,
}

/// A source of chance for one entity.
pub struct Draw(Pcg32);

impl Draw {
    /// The chance of the entity `index` for this topic.
    pub fn new(seed: u64, topic: Topic, kind: u64, index: u64) -> Self {
        let key = [topic as u64, kind, index].into_iter().fold(mix(seed), |key, part| mix(key ^ part));
        Self(Pcg32::seed_from_u64(key))
    }

    /// A number from 0 up to, and without, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        // The high half of a product: the bias is below 2⁻³² per value, and no float is involved,
        // whose functions differ between machines.
        scale(self.0.next_u32(), end)
    }

    /// The same, with the low numbers drawn more often than the high ones.
    pub fn low_below(&mut self, end: u64) -> u64 {
        let fraction = u64::from(self.0.next_u32());
        scale(((fraction * fraction) >> 32) as u32, end)
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }

    /// One of the list, each as often as the others.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }

    /// One of the list, the first ones more often.
    pub fn pick_low<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.low_below(list.len() as u64) as usize]
    }

    /// One of the list, each as often as its weight says.
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

/// Spreads neighbouring numbers over all others (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
