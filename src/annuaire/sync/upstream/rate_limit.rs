//! A limit on requests a second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Lets requests begin at regular intervals. Nothing is saved up: the national API counts per second,
/// and a walk asks for one page after the other anyway.
pub(super) struct RateLimit {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// So many a second; 0 for no limit.
    pub(super) fn new(rate: u32) -> Self {
        let interval = (rate > 0).then(|| Duration::from_secs(1) / rate);
        Self { interval, next: Mutex::new(None) }
    }

    /// Returns when the next request may begin.
    pub(super) async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        // Held while waiting, so that whoever came first goes first.
        let mut next = self.next.lock().await;
        if let Some(next) = *next {
            tokio::time::sleep_until(next).await;
        }
        *next = Some(Instant::now() + interval);
    }
}
