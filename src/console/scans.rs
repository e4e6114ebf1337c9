//! Turns of reads that no index bounds: texts in bodies, names of accounts, filters of lists. Writes need the processors more.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Maximum scans that run or wait: of the requests in progress, the others are left for pages that read by an index.
const MAX_SCANS: usize = 4;

/// Maximum time that a scan of a second keeps the next one waiting, with its rest.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(4);

/// How many times as long as a scan took, none follows it: somebody who reads what was found hardly notices.
const REST: u32 = 3;

/// The same while more than one waits, for programs that scan without end: so little of the time that one write of a hundred meets
/// a scan.
const CROWDED_REST: u32 = 100;

/// Maximum rest.
const MAX_REST: Duration = Duration::from_secs(20);

/// One scan runs at a time, and a rest follows it.
pub struct Scans {
    /// For those that run or wait.
    places: Arc<Semaphore>,
    /// When the next one may begin.
    next: Arc<Mutex<Instant>>,
}

/// The turn of a scan, which ends when it is dropped: for a deadline to hold.
pub struct Turn {
    next: OwnedMutexGuard<Instant>,
    started: Instant,
    place: OwnedSemaphorePermit,
}

impl Default for Scans {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_SCANS)), next: Arc::new(Mutex::new(Instant::now())) }
    }
}

impl Scans {
    /// Waits for a turn, at most so long; `None` where too many wait, or none comes in that time.
    pub async fn turn(&self, timeout: Duration) -> Option<Turn> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let end = Instant::now() + timeout;
        let next = tokio::time::timeout_at(end, self.next.clone().lock_owned()).await.ok()?;
        if *next > end {
            return None;
        }
        tokio::time::sleep_until(*next).await;
        Some(Turn { next, started: Instant::now(), place })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // This one has a place too.
        let waiting = (MAX_SCANS - 1).saturating_sub(self.place.semaphore().available_permits());
        let rest = if waiting > 1 { CROWDED_REST } else { REST };
        *self.next = Instant::now() + (rest * self.started.elapsed()).min(MAX_REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scan that takes so long.
    async fn work(turn: Turn, duration: Duration) {
        tokio::time::sleep(duration).await;
        drop(turn);
    }

    #[tokio::test(start_paused = true)]
    async fn scan_waits_for_the_one_before_and_for_its_rest() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn(WAIT_TIMEOUT).await.expect("a turn");
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(first);
        let second = scans.turn(WAIT_TIMEOUT).await.expect("a turn");
        assert_eq!(start.elapsed(), Duration::from_millis(300) * (1 + REST));
        // Of nothing there is no rest.
        drop(second);
        drop(scans.turn(WAIT_TIMEOUT).await.expect("a turn"));
        assert_eq!(start.elapsed(), Duration::from_millis(300) * (1 + REST));
    }

    #[tokio::test(start_paused = true)]
    async fn scan_of_a_second_lets_one_that_waits_follow_in_time() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn(WAIT_TIMEOUT).await.expect("a turn");
        let work = work(first, Duration::from_millis(990));
        let ((), second) = tokio::join!(work, scans.turn(WAIT_TIMEOUT));
        assert!(second.is_some());
        assert_eq!(start.elapsed(), Duration::from_millis(990) * (1 + REST));
    }

    #[tokio::test(start_paused = true)]
    async fn scan_rests_longer_while_others_wait() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn(WAIT_TIMEOUT).await.expect("a turn");
        let work = work(first, Duration::from_millis(30));
        let next = async { scans.turn(WAIT_TIMEOUT).await.map(|_| start.elapsed()) };
        let ((), next, _) = tokio::join!(work, next, scans.turn(WAIT_TIMEOUT));
        assert_eq!(next, Some(Duration::from_millis(30) * (1 + CROWDED_REST)));
    }

    #[tokio::test(start_paused = true)]
    async fn scan_is_refused_at_once_where_the_rest_is_longer_than_it_waits() {
        let (scans, start) = (Scans::default(), Instant::now());
        let work = work(scans.turn(WAIT_TIMEOUT).await.expect("a turn"), Duration::from_secs(1));
        let ((), one, other) = tokio::join!(work, scans.turn(WAIT_TIMEOUT), scans.turn(WAIT_TIMEOUT));
        assert!(one.is_none() && other.is_none());
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        tokio::time::sleep(MAX_REST).await;
        assert!(scans.turn(Duration::ZERO).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn scan_is_refused_where_too_many_wait_or_for_too_long() {
        let (scans, start) = (Scans::default(), Instant::now());
        let first = scans.turn(WAIT_TIMEOUT).await.expect("a turn");
        assert!(scans.turn(Duration::ZERO).await.is_none());
        assert_eq!(start.elapsed(), Duration::ZERO);
        let waiting = futures_util::future::join_all((1..MAX_SCANS).map(|_| scans.turn(WAIT_TIMEOUT)));
        let (waited, further) = tokio::join!(waiting, scans.turn(WAIT_TIMEOUT));
        assert!(further.is_none() && waited.iter().all(Option::is_none));
        assert_eq!(start.elapsed(), WAIT_TIMEOUT);
        drop(first);
        tokio::time::sleep(REST * WAIT_TIMEOUT).await;
        assert!(scans.turn(Duration::ZERO).await.is_some());
    }
}
