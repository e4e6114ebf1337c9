//! What happens while somebody looks: new exchanges and new versions, found by one poll a second for all streams together.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::time::MissedTickBehavior;

use crate::deadline::Deadline;
use crate::journal::JournalReader;
use crate::storage::feed::Position;
use crate::storage::journal::{JournalFilter, JournalRow};
use crate::storage::{CONSOLE_TIMEOUT, Storage};

/// Maximum streams.
const MAX_STREAMS: usize = 32;

const INTERVAL: Duration = Duration::from_secs(1);

/// Maximum exchanges of a poll, of all filters together.
pub const MAX_ROWS: usize = 500;

/// Polls that a stream may be behind.
const MAX_BEHIND: usize = 16;

/// What a poll has found.
#[derive(Clone, Debug)]
pub enum LiveEvent {
    /// New exchanges, newest first; the first poll has the newest of all.
    Exchanges(Arc<[JournalRow]>),
    /// The position of the last version, in the first poll and where it is another.
    Head(Position),
    /// There were more exchanges than a poll has.
    Missed,
}

/// The poll, and who waits for what it finds. Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Shared>);

struct Shared {
    events: broadcast::Sender<LiveEvent>,
    is_polling: Mutex<bool>,
    permits: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

/// One who waits, until it is dropped.
pub struct Subscription {
    pub events: broadcast::Receiver<LiveEvent>,
    /// True once the server stops.
    pub stopping: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Live {
    /// Ends with the server.
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_STREAMS));
        let events = broadcast::Sender::new(MAX_BEHIND);
        Self(Arc::new(Shared { events, is_polling: Mutex::default(), permits, stopping }))
    }

    /// Waits for what happens from now on, and begins to poll if nobody did. `None` where there are too many streams.
    pub(super) fn subscribe(&self, storage: &Storage, journal: &JournalReader) -> Option<Subscription> {
        let permit = self.0.permits.clone().try_acquire_owned().ok()?;
        let events = self.0.events.subscribe();
        let mut is_polling = self.0.is_polling.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *is_polling, true) {
            tokio::spawn(self.clone().poll(storage.clone(), journal.clone()));
        }
        Some(Subscription { events, stopping: self.0.stopping.clone(), _permit: permit })
    }

    /// Polls while there is somebody, and until the server stops.
    async fn poll(self, storage: Storage, journal: JournalReader) {
        let (mut seen, mut head) = (None, None);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if self.ends() {
                return;
            }
            let deadline = Deadline::after(CONSOLE_TIMEOUT);
            let filter = JournalFilter { after: seen, ..JournalFilter::default() };
            // What cannot be read now is read a second later.
            if let Ok(Some(rows)) = journal.list(&filter, MAX_ROWS, &deadline).await
                && let Some(newest) = rows.first()
            {
                let is_beyond = seen.replace(newest.id).is_some() && rows.len() == MAX_ROWS;
                self.send(LiveEvent::Exchanges(rows.into()));
                if is_beyond {
                    self.send(LiveEvent::Missed);
                }
            }
            if let Ok(last) = deadline.limit(storage.for_console(&deadline).head()).await
                && head.replace(last) != Some(last)
            {
                self.send(LiveEvent::Head(last));
            }
        }
    }

    /// Whether nobody waits any more. Who comes now begins another poll.
    fn ends(&self) -> bool {
        let mut is_polling = self.0.is_polling.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = self.0.events.receiver_count() == 0 || *self.0.stopping.borrow();
        *is_polling = !ends;
        ends
    }

    fn send(&self, event: LiveEvent) {
        // An error means that the last one has just gone.
        let _ = self.0.events.send(event);
    }
}
