//! Turns of reads that no index bounds: texts in bodies, names of accounts, filters of lists. Writes need the processors more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Maximum scans that run or wait: of the requests in progress, the others are left for pages that read by an index.
const MAX_SCANS: usize = 4;

/// Maximum time that a scan waits for its turn.
const WAIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How many times as long as a scan took, none follows it: somebody who reads what was found hardly notices.
const REST: u32 = 3;

/// How many times more for each scan that waits: programs that scan without end are slowed down.
const REST_PER_WAITING: u32 = 6;

/// One scan runs at a time, and rests follow it.
pub struct Scans {
    room: Arc<Semaphore>,
    /// When the next one may begin.
    next: Arc<Mutex<Instant>>,
}

/// The turn of a scan, which ends when it is dropped: for a deadline to hold.
pub struct Turn {
    next: OwnedMutexGuard<Instant>,
    started: Instant,
    room: OwnedSemaphorePermit,
}

impl Default for Scans {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(MAX_SCANS)), next: Arc::new(Mutex::new(Instant::now())) }
    }
}

impl Scans {
    /// Waits for a turn; `None` where too many wait, or for too long.
    pub async fn turn(&self) -> Option<Turn> {
        let room = self.room.clone().try_acquire_owned().ok()?;
        let turn = async {
            let next = self.next.clone().lock_owned().await;
            tokio::time::sleep_until(*next).await;
            next
        };
        let next = tokio::time::timeout(WAIT_TIMEOUT, turn).await.ok()?;
        Some(Turn { next, started: Instant::now(), room })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // This one has room too.
        let waiting = (MAX_SCANS - 1).saturating_sub(self.room.semaphore().available_permits());
        let rest = REST + REST_PER_WAITING * u32::try_from(waiting).unwrap_or_default();
        *self.next = Instant::now() + rest * self.started.elapsed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn scan_waits_for_the_one_before_and_for_its_rest() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn().await.expect("a turn");
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(first);
        let second = scans.turn().await.expect("a turn");
        assert_eq!(start.elapsed(), Duration::from_millis(300) * (1 + REST));
        // Of nothing there is no rest.
        drop(second);
        drop(scans.turn().await.expect("a turn"));
        assert_eq!(start.elapsed(), Duration::from_millis(300) * (1 + REST));
    }

    #[tokio::test(start_paused = true)]
    async fn scan_rests_longer_while_others_wait() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn().await.expect("a turn");
        let work = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(first);
        };
        let ((), second) = tokio::join!(work, scans.turn());
        assert!(second.is_some());
        assert_eq!(start.elapsed(), Duration::from_millis(100) * (1 + REST + REST_PER_WAITING));
    }

    #[tokio::test(start_paused = true)]
    async fn scan_is_refused_where_too_many_wait_or_for_too_long() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn().await.expect("a turn");
        let waiting = futures_util::future::join_all((1..MAX_SCANS).map(|_| scans.turn()));
        let (waited, further) = tokio::join!(waiting, scans.turn());
        assert!(further.is_none() && waited.iter().all(Option::is_none));
        assert_eq!(start.elapsed(), WAIT_TIMEOUT);
        drop(first);
        tokio::time::sleep(REST * WAIT_TIMEOUT).await;
        assert!(scans.turn().await.is_some());
    }
}
