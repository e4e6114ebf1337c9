//! The end of the log, for those who wait for what comes next.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::deadline::Deadline;
use crate::storage::Storage;
use crate::storage::feed::Position;

/// How often the database is asked for versions that another instance has written, while somebody waits.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A database that does not answer in this time is asked again.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// The last known position, of which any number of readers may wait for a higher one without a connection to the database.
#[derive(Clone)]
pub struct Head(Arc<watch::Sender<Position>>);

impl Head {
    /// The end of the log of this database, kept up to date until the last copy of it is dropped. `committed` is notified after
    /// each commit of this instance.
    pub fn follow(storage: Storage, committed: Arc<Notify>) -> Self {
        let head = Arc::new(watch::Sender::new(0));
        tokio::spawn(follow(Arc::downgrade(&head), storage, committed));
        Self(head)
    }

    /// Waits until there is a higher position than this.
    pub async fn wait_beyond(&self, position: Position) {
        // The sender is never dropped: `self` has it.
        let _ = self.0.subscribe().wait_for(|head| *head > position).await;
    }
}

/// While nobody waits, the database is not asked.
async fn follow(head: Weak<watch::Sender<Position>>, storage: Storage, committed: Arc<Notify>) {
    loop {
        let _ = tokio::time::timeout(POLL_INTERVAL, committed.notified()).await;
        let Some(head) = head.upgrade() else { return };
        if head.receiver_count() == 0 {
            continue;
        }
        // Readers that wait have a deadline of their own, or go on waiting.
        let deadline = Deadline::after(POLL_TIMEOUT);
        let Ok(position) = deadline.limit(storage.until(&deadline).head()).await else { continue };
        head.send_if_modified(|head| {
            let has_grown = position > *head;
            *head = position.max(*head);
            has_grown
        });
    }
}
