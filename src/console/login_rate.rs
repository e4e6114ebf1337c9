//! Limits how often an address may try to log in.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::http::bounds::rate_limit_key;

/// Maximum tries of an address within any second.
const MAX_TRIES: NonZeroU32 = NonZeroU32::new(5).expect("it is not zero");
/// The time after which a try is given back: with a shorter one, a second would have more than the maximum.
const PERIOD: Duration = Duration::from_secs(1);

/// Tries between two removals of idle addresses.
const CLEANUP_INTERVAL: u32 = 1024;

/// The tries of all addresses.
pub struct LoginRate {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    counted: AtomicU32,
}

impl LoginRate {
    pub fn new() -> Self {
        Self { limiter: RateLimiter::keyed(quota()), counted: AtomicU32::new(0) }
    }

    /// Whether one more try of this address is allowed now.
    pub fn allows(&self, address: IpAddr) -> bool {
        if self.counted.fetch_add(1, Ordering::Relaxed) % CLEANUP_INTERVAL == CLEANUP_INTERVAL - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&rate_limit_key(address)).is_ok()
    }
}

/// All tries at once, then one each second.
fn quota() -> Quota {
    Quota::with_period(PERIOD).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(MAX_TRIES)
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn login_tries_of_an_address_are_five_at_once_and_five_in_any_second() {
        let clock = FakeRelativeClock::default();
        let limiter = RateLimiter::direct_with_clock(quota(), clock.clone());
        let step = Duration::from_millis(10);
        // At rest for a while, then as fast as can be; and in the middle of what is given back.
        let mut allowed = vec![];
        for at in 0..1_000_u32 {
            let is_idle = (200..250).contains(&at) || (300..700).contains(&at);
            allowed.extend((0..10).filter(|_| !is_idle && limiter.check().is_ok()).map(|_| at));
            clock.advance(step);
        }
        assert_eq!(allowed.iter().filter(|at| **at == 0).count(), 5, "a person may mistype");
        for start in 0..900 {
            let in_a_second = allowed.iter().filter(|at| (start..start + 100).contains(*at)).count();
            assert!(in_a_second <= 5, "{in_a_second} from {start}");
        }
        assert!(allowed.iter().any(|at| *at >= 700));
    }
}
