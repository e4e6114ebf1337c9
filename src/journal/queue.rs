//! The exchanges that wait for the writer: bounded in bytes, and found by request id until they are stored.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::exchange::Exchange;

/// Maximum bytes of the exchanges that wait.
const MAX_BYTES: usize = 16 << 20;

/// The sending side of the journal. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct JournalQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
    removed: Notify,
}

#[derive(Default)]
struct Waiting {
    exchanges: VecDeque<Arc<Exchange>>,
    bytes: usize,
}

/// Why an exchange is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The queue is full.
    QueueFull,
    /// The database did not take it.
    Database,
}

impl Dropped {
    /// Counts exchanges that are not kept.
    pub fn count(self, exchanges: usize) {
        let reason = match self {
            Self::QueueFull => "queue-full",
            Self::Database => "database",
        };
        metrics::counter!("sas_journal_dropped_total", "reason" => reason).increment(exchanges as u64);
    }
}

impl JournalQueue {
    /// Queues an exchange, which `complete` finishes once there is room for it. Returns whether there is; where not, it is
    /// counted.
    pub fn push(&self, size: usize, complete: impl FnOnce() -> Exchange) -> bool {
        let mut waiting = self.waiting();
        if waiting.bytes + size > MAX_BYTES {
            drop(waiting);
            Dropped::QueueFull.count(1);
            return false;
        }
        waiting.bytes += size;
        drop(waiting);
        let exchange = complete();
        let mut waiting = self.waiting();
        waiting.bytes = waiting.bytes + exchange.size() - size;
        waiting.exchanges.push_back(Arc::new(exchange));
        drop(waiting);
        self.0.arrived.notify_one();
        true
    }

    /// The exchanges with this request id that wait, newest first.
    pub fn with_request_id(&self, request_id: &str) -> Vec<Arc<Exchange>> {
        let waiting = self.waiting();
        let found = waiting.exchanges.iter().rev().filter(|exchange| exchange.event.request_id == request_id);
        found.cloned().collect()
    }

    /// Completes when exchanges have arrived.
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    /// The oldest exchanges, of these bytes or one, which stay in the queue until they are [removed](Self::remove).
    pub(super) fn oldest(&self, max_number: usize, max_bytes: usize) -> Vec<Arc<Exchange>> {
        let waiting = self.waiting();
        let mut bytes = 0;
        let fits = |exchange: &&Arc<Exchange>| {
            bytes += exchange.size();
            bytes <= max_bytes
        };
        let first = waiting.exchanges.iter().take(1);
        let more = waiting.exchanges.iter().take(max_number).take_while(fits).skip(1);
        first.chain(more).cloned().collect()
    }

    /// Removes the oldest exchanges, which are stored, or never will be.
    pub(super) fn remove(&self, number: usize) {
        let mut waiting = self.waiting();
        let number = number.min(waiting.exchanges.len());
        let removed: usize = waiting.exchanges.drain(..number).map(|exchange| exchange.size()).sum();
        waiting.bytes -= removed;
        drop(waiting);
        self.0.removed.notify_waiters();
    }

    /// Completes when this exchange no longer waits, nor any before it.
    pub async fn until_removed(&self, exchange: &Arc<Exchange>) {
        loop {
            let removed = self.0.removed.notified();
            // What is removed from now on is noticed.
            if !self.waiting().exchanges.iter().any(|waiting| Arc::ptr_eq(waiting, exchange)) {
                return;
            }
            removed.await;
        }
    }

    /// A panic elsewhere does not leave the queue half changed.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::exchange::tests::exchange;

    fn push(queue: &JournalQueue, exchange: Exchange) -> bool {
        queue.push(exchange.size(), || exchange)
    }

    #[test]
    fn queue_full_drops_what_comes_and_has_room_again() {
        let queue = JournalQueue::default();
        let large: &'static [u8] = vec![b'x'; 5 << 20].leak();
        let taken: Vec<_> = (0..5).map(|_| push(&queue, exchange("a", large, b""))).collect();
        assert_eq!(taken, [true, true, true, false, false]);
        queue.remove(queue.oldest(1, 1).len());
        assert!(push(&queue, exchange("b", large, b"")));
        assert!(!push(&queue, exchange("b", large, b"")));
        queue.remove(usize::MAX);
        assert_eq!(queue.waiting().bytes, 0);
    }

    #[test]
    fn queue_oldest_are_first_and_within_number_and_bytes() {
        let queue = JournalQueue::default();
        for name in ["a", "b", "c", "a"] {
            assert!(push(&queue, exchange(name, b"x", b"y")));
        }
        let size = exchange("a", b"x", b"y").size();
        let names = |number, bytes| -> String {
            queue.oldest(number, bytes).iter().map(|exchange| exchange.event.request_id.clone()).collect()
        };
        assert_eq!(names(10, usize::MAX), "abca");
        assert_eq!(names(2, usize::MAX), "ab");
        assert_eq!(names(10, 3 * size), "abc");
        assert_eq!(names(10, 1), "a", "one at least");
        assert_eq!(queue.with_request_id("a").len(), 2);
        queue.remove(1);
        assert_eq!(names(10, usize::MAX), "bca");
        assert_eq!(queue.with_request_id("x"), []);
    }
}
