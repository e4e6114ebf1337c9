//! Limits how often an address may try to log in.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::http::bounds::rate_limit_key;

/// Maximum tries per second and address.
const MAX_TRIES: NonZeroU32 = NonZeroU32::new(5).expect("it is not zero");

/// Tries between two removals of idle addresses.
const CLEANUP_INTERVAL: u32 = 1024;

/// The tries of all addresses.
pub struct LoginRate {
    limiter: DefaultKeyedRateLimiter<IpAddr>,
    counted: AtomicU32,
}

impl LoginRate {
    pub fn new() -> Self {
        Self { limiter: RateLimiter::keyed(Quota::per_second(MAX_TRIES)), counted: AtomicU32::new(0) }
    }

    /// Whether one more try of this address is allowed now.
    pub fn allows(&self, address: IpAddr) -> bool {
        if self.counted.fetch_add(1, Ordering::Relaxed) % CLEANUP_INTERVAL == CLEANUP_INTERVAL - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&rate_limit_key(address)).is_ok()
    }
}
