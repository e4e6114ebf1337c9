//! Lines of the log that strangers cause.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// So many a second, whatever strangers do: a log that they fill hides what matters, and fills the disk.
/// Metrics count everything.
pub struct Lines {
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

impl Lines {
    /// At most `number` a second; one, if that is none.
    pub fn a_second(number: u32) -> Self {
        let quota = Quota::per_second(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN));
        Self { limiter: RateLimiter::direct(quota), left_out: AtomicU64::new(0) }
    }

    /// How many were left out before the one that may be written now; `None` where this one is left out.
    pub fn next(&self) -> Option<u64> {
        if self.limiter.check().is_ok() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_left_out_and_counted() {
        let lines = Lines::a_second(2);
        let written: Vec<_> = std::iter::repeat_with(|| lines.next()).take(100).flatten().collect();
        let left_out = written.iter().sum::<u64>() + lines.left_out.load(Ordering::Relaxed);
        assert_eq!(written.len() as u64 + left_out, 100);
        assert!(left_out > 0, "each was written");
    }
}
