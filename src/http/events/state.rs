//! What requests for events share, and how they read and wait.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use super::query::FeedQuery;
use super::stream_limit::StreamLimit;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::feed::{Event, EventPage, Head, read_page};
use crate::http::admission::{Admission, Client};
use crate::http::http_error::HttpError;
use crate::http::listener::shutdown_requested;
use crate::storage::feed::Position;
use crate::storage::{Storage, StorageError};

/// Pages that are read at once for those who waited: a commit wakes all of them.
const MAX_WOKEN_READS: usize = 4;

/// The change feed as requests read it.
#[derive(Clone)]
pub struct EventFeed {
    storage: Storage,
    pub(crate) head: Head,
    /// The id of the log.
    pub log: Arc<str>,
    /// True once the server stops: those who wait are answered.
    pub stopping: watch::Receiver<bool>,
}

impl EventFeed {
    /// The feed of this database. `committed` is notified after each commit.
    pub async fn open(
        storage: Storage,
        committed: Arc<Notify>,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, StorageError> {
        let log = storage.open_log().await?.into();
        Ok(Self { head: Head::follow(storage.clone(), committed), storage, log, stopping })
    }
}

/// The state that requests share.
pub struct State {
    pub feed: EventFeed,
    pub admission: Arc<Admission>,
    pub streams: StreamLimit,
    woken: Semaphore,
}

/// The answer to a poll.
#[derive(Serialize)]
struct Answer<'a> {
    log: &'a str,
    events: &'a [Event],
    next: Position,
}

impl State {
    /// The state of requests that are admitted by this.
    pub fn new(feed: EventFeed, admission: Arc<Admission>) -> Arc<Self> {
        let streams = StreamLimit::new(admission.bounds.max_event_streams);
        Arc::new(Self { feed, admission, streams, woken: Semaphore::new(MAX_WOKEN_READS) })
    }

    /// A page for somebody who does not wait: it takes the permit of a read.
    pub async fn read(&self, query: &FeedQuery, base_url: &str) -> Result<EventPage, HttpError> {
        let deadline = self.admission.permit(Workload::Reads).await?;
        let page = self.read_until(&deadline, query, base_url).await?;
        let is_beyond = page.events.is_empty() && page.next > 0 && page.next == query.page.after;
        if is_beyond || query.log.is_some() {
            let head =
                deadline.limit(async { Ok::<_, Error>(self.feed.storage.until(&deadline).head().await?) }).await?;
            let is_other_log = query.log.as_deref().is_some_and(|log| *log != *self.feed.log);
            if is_other_log || query.page.after > head {
                return Err(HttpError::EventsGone { log: self.feed.log.to_string(), head });
            }
        }
        Ok(page)
    }

    /// A page for somebody who has waited. However many there are, they read one after the other.
    pub async fn read_woken(&self, query: &FeedQuery, base_url: &str) -> Result<EventPage, HttpError> {
        let _woken = self.woken.acquire().await.map_err(HttpError::internal)?;
        let deadline = Deadline::after(self.admission.bounds.timeouts.read);
        Ok(self.read_until(&deadline, query, base_url).await?)
    }

    async fn read_until(&self, deadline: &Deadline, query: &FeedQuery, base_url: &str) -> Result<EventPage, Error> {
        let storage = self.feed.storage.until(deadline);
        deadline.limit(async { Ok(read_page(&storage, &query.page, base_url).await?) }).await
    }

    /// Waits until there is more, or the server stops, or the time is over; whether there is more.
    pub async fn wait_beyond(&self, position: Position, until: Instant) -> bool {
        let mut stopping = self.feed.stopping.clone();
        tokio::select! {
            more = timeout_at(until, self.feed.head.wait_beyond(position)) => more.is_ok(),
            () = shutdown_requested(&mut stopping) => false,
        }
    }

    /// The events behind `after`, as soon as there is one, or an empty list after `wait`.
    pub async fn poll(&self, mut query: FeedQuery, client: Client, base_url: &str) -> Result<Vec<u8>, HttpError> {
        let until = Instant::now() + query.wait;
        let mut page = self.read(&query, base_url).await?;
        if page.events.is_empty() && query.wait > Duration::ZERO {
            let _stream = self.streams.acquire(client)?;
            // A page without events that is full is followed at once: the filter leaves out what is there.
            while page.events.is_empty()
                && (page.is_full && Instant::now() < until || self.wait_beyond(page.next, until).await)
            {
                query.page.after = page.next;
                page = self.read_woken(&query, base_url).await?;
            }
        }
        let answer = Answer { log: &self.feed.log, events: &page.events, next: page.next };
        serde_json::to_vec(&answer).map_err(HttpError::internal)
    }
}
