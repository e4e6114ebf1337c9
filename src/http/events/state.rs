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
use crate::feed::{Event, EventPage, Head};
use crate::http::admission::{Admission, Client};
use crate::http::http_error::HttpError;
use crate::http::listener::shutdown_requested;
use crate::storage::feed::Position;
use crate::storage::{Storage, StorageError};

/// Pages that are read at once.
const MAX_READS: usize = 4;

/// Maximum requests that do not wait and have yet to be answered.
const MAX_POLLS: usize = 256;

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
    reads: Semaphore,
    polls: Semaphore,
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
        let (reads, polls) = (Semaphore::new(MAX_READS), Semaphore::new(MAX_POLLS));
        Arc::new(Self { feed, admission, streams, reads, polls })
    }

    /// The page of a request that does not wait: at most [`MAX_POLLS`] at once, each within the time of a search.
    async fn read_at_once(&self, query: &FeedQuery, base_url: &str) -> Result<EventPage, HttpError> {
        let _poll = self.polls.try_acquire().map_err(|_| Error::TooBusy(Workload::Reads))?;
        let deadline = Deadline::after(self.admission.bounds.timeouts.search);
        deadline.limit(self.read(query, base_url)).await.map_err(HttpError::from)
    }

    /// A page. A commit wakes all who wait: they read a few at a time, however many there are.
    pub async fn read(&self, query: &FeedQuery, base_url: &str) -> Result<EventPage, Error> {
        let _reading = self.reads.acquire().await.map_err(Error::internal)?;
        let deadline = Deadline::after(self.admission.bounds.timeouts.read);
        self.read_until(&deadline, query, base_url).await
    }

    /// Refuses positions that no version has had, and those of another log.
    pub async fn check_position(&self, query: &FeedQuery, page: &EventPage) -> Result<(), HttpError> {
        let is_beyond = page.events.is_empty() && page.next > 0 && page.next == query.page.after;
        let is_other_log = query.log.as_deref().is_some_and(|log| *log != *self.feed.log);
        if !is_beyond && !is_other_log {
            return Ok(());
        }
        let deadline = Deadline::after(self.admission.bounds.timeouts.read);
        let storage = self.feed.storage.until(&deadline);
        let last = Box::pin(async { Ok::<_, Error>((storage.last_position().await?, storage.head().await?)) });
        let (last, head) = deadline.limit(last).await?;
        match is_other_log || query.page.after > last {
            true => Err(HttpError::EventsGone { log: self.feed.log.to_string(), head }),
            false => Ok(()),
        }
    }

    async fn read_until(&self, deadline: &Deadline, query: &FeedQuery, base_url: &str) -> Result<EventPage, Error> {
        let storage = self.feed.storage.until(deadline);
        // Boxed: while it waits, a request has no room for what reads.
        let reading = Box::pin(async { Ok(self.feed.head.read_page(&storage, &query.page, base_url).await?) });
        deadline.limit(reading).await
    }

    /// Waits until there may be more, as [`Head::wait_beyond`], or the server stops, or the time is over; whether there may be
    /// more.
    pub async fn wait_beyond(&self, position: Position, rewinds: u64, until: Instant) -> bool {
        let more = timeout_at(until, self.feed.head.wait_beyond(position, rewinds));
        self.unless_stopped(more).await.is_some_and(|more| more.is_ok())
    }

    /// The outcome of the work; `None` as soon as the server stops.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut stopping = self.feed.stopping.clone();
        tokio::select! {
            biased;
            () = shutdown_requested(&mut stopping) => None,
            outcome = work => Some(outcome),
        }
    }

    /// The events behind `after`, as soon as there is one, or an empty list after `wait`, or when the server stops.
    pub async fn poll(&self, mut query: FeedQuery, client: Client, base_url: &str) -> Result<Vec<u8>, HttpError> {
        let until = Instant::now() + query.wait;
        let waits = query.wait > Duration::ZERO;
        let _stream = waits.then(|| self.streams.acquire(client)).transpose()?;
        let mut page = match waits {
            true => self.read(&query, base_url).await?,
            false => self.read_at_once(&query, base_url).await?,
        };
        self.check_position(&query, &page).await?;
        // A page without events that is full is followed at once: the filter leaves out what is there.
        while page.events.is_empty()
            && Instant::now() < until
            && (page.is_full || self.wait_beyond(page.next, page.rewinds, until).await)
        {
            query.page.after = page.next;
            let Some(next) = self.unless_stopped(timeout_at(until, self.read(&query, base_url))).await else { break };
            let Ok(next) = next else { break };
            page = next?;
            self.check_position(&query, &page).await?;
        }
        let answer = Answer { log: &self.feed.log, events: &page.events, next: page.next };
        serde_json::to_vec(&answer).map_err(HttpError::internal)
    }
}
