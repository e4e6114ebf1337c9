//! The end of the log, for those who wait for what comes next.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::page::{EventPage, EventQuery, read_page};
use crate::deadline::Deadline;
use crate::storage::feed::Position;
use crate::storage::{Storage, StorageError};

/// How often the database is asked for versions that another instance has written, while somebody waits.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A database that does not answer in this time is asked again.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

/// The last known position, of which any number of readers may wait for a higher one without a connection to the database.
#[derive(Clone)]
pub struct Head(Arc<watch::Sender<End>>);

/// The end of the log, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct End {
    position: Position,
    /// How often it went back, as when the database is restored under a running server.
    rewinds: u64,
}

impl Head {
    /// The end of the log of this database, kept up to date until the last copy of it is dropped. `committed` is notified after
    /// each commit of this instance.
    pub fn follow(storage: Storage, committed: Arc<Notify>) -> Self {
        let head = Self(Arc::default());
        tokio::spawn(follow(Arc::downgrade(&head.0), storage, committed));
        head
    }

    /// Reads a page of events, whose URLs begin with `base_url`.
    pub async fn read_page(
        &self,
        storage: &Storage,
        query: &EventQuery,
        base_url: &str,
    ) -> Result<EventPage, StorageError> {
        let known = *self.0.borrow();
        let page = read_page(storage, query, base_url).await?;
        if page.next > known.position {
            self.0.send_if_modified(|end| page.next > query.after && end.advance_to(page.next));
        } else if page.next == query.after && page.next < known.position {
            // Nothing is where the end was said to be. Without this, a reader that waits would be told at once to look again.
            self.0.send_if_modified(|end| *end == known && end.set(page.next));
        }
        Ok(EventPage { rewinds: known.rewinds, ..page })
    }

    /// Waits until there is a higher position than this, or the end of the log goes back: then the position may be beyond it.
    /// `rewinds` is that of the last page, so that no rewind since is missed.
    pub async fn wait_beyond(&self, position: Position, rewinds: u64) {
        // The sender is never dropped: `self` has it.
        let _ = self.0.subscribe().wait_for(|end| end.position > position || end.rewinds != rewinds).await;
    }
}

impl End {
    /// Whether this is a higher position, which it then is.
    fn advance_to(&mut self, position: Position) -> bool {
        let has_grown = position > self.position;
        self.position = position.max(self.position);
        has_grown
    }

    /// Whether this is another position, which it then is.
    fn set(&mut self, position: Position) -> bool {
        if position < self.position {
            let (before, now) = (self.position, position);
            tracing::warn!(
                before,
                now,
                "the change feed ends earlier than before: restart, if its database was restored"
            );
            *self = Self { position, rewinds: self.rewinds + 1 };
            return true;
        }
        self.advance_to(position)
    }
}

/// While nobody waits, the database is not asked.
async fn follow(head: Weak<watch::Sender<End>>, storage: Storage, committed: Arc<Notify>) {
    loop {
        let _ = tokio::time::timeout(POLL_INTERVAL, committed.notified()).await;
        let Some(head) = head.upgrade() else { return };
        if head.receiver_count() == 0 {
            continue;
        }
        // Readers that wait have a deadline of their own, or go on waiting.
        let deadline = Deadline::after(POLL_TIMEOUT);
        let Ok(position) = deadline.limit(storage.until(&deadline).head()).await else { continue };
        head.send_if_modified(|end| end.set(position));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, poll};

    use super::*;
    use crate::feed::{Content, EventFilter};

    impl Head {
        /// A head that nothing follows, at this position.
        fn at(position: Position) -> Self {
            Self(Arc::new(watch::Sender::new(End { position, rewinds: 0 })))
        }

        fn position(&self) -> Position {
            self.0.borrow().position
        }
    }

    /// An empty database.
    async fn database() -> (tempfile::TempDir, Storage) {
        let folder = tempfile::tempdir().expect("a folder");
        let storage =
            Storage::open(&format!("sqlite://{}/head.db", folder.path().display())).await.expect("a database");
        (folder, storage)
    }

    fn behind(after: Position) -> EventQuery {
        EventQuery { after, limit: 1, max_bytes: 1, filter: EventFilter::all(), content: Content::Reference }
    }

    #[tokio::test]
    async fn head_too_high_is_set_back_by_the_page_that_finds_nothing() {
        let (_folder, storage) = database().await;
        let head = Head::at(100);
        let mut beyond = Box::pin(head.wait_beyond(100, 0));
        assert!(poll!(&mut beyond).is_pending());
        assert!(head.wait_beyond(50, 0).now_or_never().is_some(), "there seems to be more");
        let page = head.read_page(&storage, &behind(50), "").await.expect("a page");
        assert_eq!((page.next, page.rewinds, head.position()), (50, 0, 50));
        assert!(head.wait_beyond(50, 1).now_or_never().is_none(), "it waits, rather than to read again and again");
        assert!(poll!(&mut beyond).is_ready(), "its position may be gone");
        assert!(head.wait_beyond(50, page.rewinds).now_or_never().is_some(), "so may this, since it was read");
        // A page from the end does not change it.
        let page = head.read_page(&storage, &behind(50), "").await.expect("a page");
        assert_eq!((page.rewinds, head.position()), (1, 50));
    }

    #[tokio::test]
    async fn head_follows_the_database_down() {
        let (_folder, storage) = database().await;
        let (head, committed) = (Head::at(100), Arc::new(Notify::new()));
        let mut end = head.0.subscribe();
        tokio::spawn(follow(Arc::downgrade(&head.0), storage, committed.clone()));
        committed.notify_one();
        let end = *end.wait_for(|end| end.position < 100).await.expect("it is followed");
        assert_eq!(end, End { position: 0, rewinds: 1 });
    }
}
