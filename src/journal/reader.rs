//! What the journal knows, for pages: stored exchanges, and those that still wait.

use std::sync::Arc;

use super::content::decompress;
use super::exchange::Exchange;
use super::queue::JournalQueue;
use super::text_search::{self, TextSearch};
use crate::audit::LookupKey;
use crate::deadline::Deadline;
use crate::storage::StorageError;
use crate::storage::journal::{JournalDatabase, JournalFilter, JournalRow};

/// Maximum exchanges with the same request id that are listed: a client may repeat one.
const MAX_SAME_ID: usize = 20;

/// Reads the journal. Cheap to clone.
#[derive(Clone, Default)]
pub struct JournalReader {
    database: Option<JournalDatabase>,
    queue: JournalQueue,
    is_kept: bool,
    has_failed: bool,
}

/// The exchanges with a request id.
pub(crate) struct Found {
    pub exchange: Arc<Exchange>,
    /// Its number, once it is stored.
    pub number: Option<i64>,
    /// The others, newest first.
    pub others: Vec<JournalRow>,
}

impl JournalReader {
    pub(crate) fn new(database: Option<JournalDatabase>, queue: JournalQueue, is_kept: bool) -> Self {
        Self { database, queue, is_kept, has_failed: false }
    }

    /// A journal that cannot be opened.
    pub(crate) fn failed() -> Self {
        Self { has_failed: true, ..Self::default() }
    }

    /// Whether it cannot be opened.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Whether there is a journal to be read.
    pub(crate) fn exists(&self) -> bool {
        self.database.is_some()
    }

    /// Whether exchanges are kept now.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The newest exchanges that match, at most `limit`; those that still wait are not among them. `None` where there is no
    /// journal.
    pub(crate) async fn list(
        &self,
        filter: &JournalFilter,
        limit: usize,
        deadline: &Deadline,
    ) -> Result<Option<Vec<JournalRow>>, StorageError> {
        let Some(database) = &self.database else { return Ok(None) };
        deadline.limit(database.until(deadline).list(filter, limit)).await.map(Some)
    }

    /// The newest exchanges that match and whose bodies have this text, until the deadline. `None` where there is no journal.
    pub(crate) async fn search(
        &self,
        filter: JournalFilter,
        text: &str,
        deadline: &Deadline,
    ) -> Result<Option<TextSearch>, StorageError> {
        let Some(database) = &self.database else { return Ok(None) };
        text_search::search(database, filter, text, deadline).await.map(Some)
    }

    /// The exchanges under any of these keys before and behind one with this number; where it still waits, behind all others.
    pub(crate) async fn neighbours(
        &self,
        keys: &[LookupKey],
        number: Option<i64>,
        deadline: &Deadline,
    ) -> Result<[Option<JournalRow>; 2], StorageError> {
        let Some(database) = &self.database else { return Ok([None, None]) };
        deadline.limit(database.until(deadline).neighbours(keys, number.unwrap_or(i64::MAX))).await
    }

    /// The newest exchange with this request id, or the one with this number, with links to the others.
    pub(crate) async fn find(
        &self,
        request_id: &str,
        number: Option<i64>,
        deadline: &Deadline,
    ) -> Result<Option<Found>, StorageError> {
        // Before the database is asked: it may be stored in between.
        let waiting = self.queue.with_request_id(request_id).into_iter().next().filter(|_| number.is_none());
        let mut rows = match &self.database {
            Some(database) => deadline.limit(database.until(deadline).with_request_id(request_id, MAX_SAME_ID)).await?,
            None => vec![],
        };
        if let (Some(number), Some(database)) = (number, &self.database)
            && rows.iter().all(|row| row.id != number)
        {
            // One of many with the same id.
            let (before, after) = (Some(number.saturating_add(1)), Some(number.saturating_sub(1)));
            let one = JournalFilter { before, after, ..JournalFilter::default() };
            let found = deadline.limit(database.until(deadline).list(&one, 1)).await?;
            rows.extend(found.into_iter().filter(|row| row.request_id == request_id));
        }
        if let Some(exchange) = waiting {
            return Ok(Some(Found { exchange, number: None, others: rows }));
        }
        let chosen = match number {
            Some(number) => rows.iter().position(|row| row.id == number),
            None => Some(0).filter(|_| !rows.is_empty()),
        };
        let (Some(database), Some(chosen)) = (&self.database, chosen) else { return Ok(None) };
        let mut others = rows;
        let row = others.remove(chosen);
        let Some(content) = deadline.limit(database.until(deadline).content(row.id)).await? else { return Ok(None) };
        let exchange = tokio::task::spawn_blocking(move || decompress(&content)).await;
        let exchange = exchange.map_err(StorageError::internal)?.map_err(StorageError::internal)?;
        Ok(Some(Found { exchange: Arc::new(exchange), number: Some(row.id), others }))
    }
}
