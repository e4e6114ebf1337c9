//! Limits the requests per second.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Lets requests begin at regular intervals, without bursts: the national API counts per second, and a walk requests one
/// page after the other anyway.
pub(super) struct RateLimit(Option<DefaultDirectRateLimiter>);

impl RateLimit {
    /// Limits to `rate` requests per second; 0 for no limit.
    pub(super) fn new(rate: u32) -> Self {
        let quota = |rate| Quota::per_second(rate).allow_burst(NonZeroU32::MIN);
        Self(NonZeroU32::new(rate).map(|rate| RateLimiter::direct(quota(rate))))
    }

    /// Returns when the next request may begin.
    pub(super) async fn wait(&self) {
        if let Some(limiter) = &self.0 {
            limiter.until_ready().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn rate_limit_spaces_requests_and_allows_no_burst_after_a_pause() {
        let limit = RateLimit::new(50);
        limit.wait().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let began = Instant::now();
        for _ in 0..4 {
            limit.wait().await;
        }
        assert!(began.elapsed() >= Duration::from_millis(59), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn rate_limit_of_zero_never_waits() {
        let limit = RateLimit::new(0);
        for _ in 0..10_000 {
            limit.wait().await;
        }
    }
}
