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

/// Pages that are read at once for those who wait.
const MAX_WAITING_READS: usize = 4;

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
    waiting_reads: Semaphore,
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
        Arc::new(Self { feed, admission, streams, waiting_reads: Semaphore::new(MAX_WAITING_READS) })
    }

    /// The first page of a request. Who waits has a place among the waiting; others take the permit of a read.
    pub async fn read_first(&self, query: &FeedQuery, waits: bool, base_url: &str) -> Result<EventPage, HttpError> {
        let page = match waits {
            true => self.read_next(query, base_url).await?,
            false => {
                let deadline = self.admission.permit(Workload::Reads).await?;
                self.read_until(&deadline, query, base_url).await?
            }
        };
        let is_beyond = page.events.is_empty() && page.next > 0 && page.next == query.page.after;
        if is_beyond || query.log.is_some() {
            let deadline = Deadline::after(self.admission.bounds.timeouts.read);
            let storage = self.feed.storage.until(&deadline);
            let head = deadline.limit(Box::pin(async { Ok::<_, Error>(storage.head().await?) })).await?;
            let is_other_log = query.log.as_deref().is_some_and(|log| *log != *self.feed.log);
            if is_other_log || query.page.after > head {
                return Err(HttpError::EventsGone { log: self.feed.log.to_string(), head });
            }
        }
        Ok(page)
    }

    /// A page of somebody who waits. A commit wakes all of them: they read a few at a time, however many there are.
    pub async fn read_next(&self, query: &FeedQuery, base_url: &str) -> Result<EventPage, HttpError> {
        let _reading = self.waiting_reads.acquire().await.map_err(HttpError::internal)?;
        let deadline = Deadline::after(self.admission.bounds.timeouts.read);
        Ok(self.read_until(&deadline, query, base_url).await?)
    }

    async fn read_until(&self, deadline: &Deadline, query: &FeedQuery, base_url: &str) -> Result<EventPage, Error> {
        let storage = self.feed.storage.until(deadline);
        // Boxed: while it waits, a request has no room for what reads.
        let reading = Box::pin(async { Ok(read_page(&storage, &query.page, base_url).await?) });
        deadline.limit(reading).await
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
        let waits = query.wait > Duration::ZERO;
        let _stream = waits.then(|| self.streams.acquire(client)).transpose()?;
        let mut page = self.read_first(&query, waits, base_url).await?;
        // A page without events that is full is followed at once: the filter leaves out what is there.
        while page.events.is_empty()
            && waits
            && (page.is_full && Instant::now() < until || self.wait_beyond(page.next, until).await)
        {
            query.page.after = page.next;
            page = self.read_next(&query, base_url).await?;
        }
        let answer = Answer { log: &self.feed.log, events: &page.events, next: page.next };
        serde_json::to_vec(&answer).map_err(HttpError::internal)
    }
}
