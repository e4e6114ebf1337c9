//! Waits for another process or task.

use std::time::{Duration, Instant};

/// Reached only where something is broken: no machine is so busy.
const MAX_WAIT: Duration = Duration::from_secs(120);

/// Between two looks: the other side needs the processor, too.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again until the condition holds.
pub async fn poll_until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !condition().await {
        assert!(began.elapsed() < MAX_WAIT, "waited in vain: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same on a thread that may block.
pub fn poll_until_blocking(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < MAX_WAIT, "waited in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}
