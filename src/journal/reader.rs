//! What the journal knows, for pages: stored exchanges, and those that still wait.

use std::sync::Arc;
use std::time::Duration;

use super::content::decompress;
use super::exchange::Exchange;
use super::queue::JournalQueue;
use super::text_search::{self, TextSearch};
use super::writer::microseconds;
use crate::audit::LookupKey;
use crate::deadline::Deadline;
use crate::storage::StorageError;
use crate::storage::journal::{JournalDatabase, JournalFilter, JournalRow};

/// Maximum exchanges with the same request id that are listed: a client may repeat one.
const MAX_SAME_ID: usize = 20;

/// How long a page waits until several exchanges with its id are stored: they are, each fifth of a second.
const STORE_TIMEOUT: Duration = Duration::from_millis(500);

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
        let waiting = self.waiting(request_id, number).await.filter(|_| number.is_none());
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
            // It may just have been stored.
            let stored = rows.iter().position(|row| is_same(&exchange, row)).map(|position| rows.remove(position).id);
            return Ok(Some(Found { exchange, number: stored, others: rows }));
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
    /// The newest exchange with this request id that waits. Only what is stored can be linked to: where others wait too, `None` once
    /// all are stored.
    async fn waiting(&self, request_id: &str, number: Option<i64>) -> Option<Arc<Exchange>> {
        let waiting = self.queue.with_request_id(request_id);
        let newest = waiting.first()?;
        if waiting.len() > 1 || number.is_some() {
            let stored = tokio::time::timeout(STORE_TIMEOUT, self.queue.until_removed(newest)).await;
            return stored.is_err().then(|| newest.clone());
        }
        Some(newest.clone())
    }
}

/// Whether a row is the stored form of an exchange with the same request id.
fn is_same(exchange: &Exchange, row: &JournalRow) -> bool {
    let event = &exchange.event;
    row.at == event.at
        && row.duration_us == microseconds(event.duration_ms)
        && row.status == i64::from(event.status)
        && row.interaction == event.interaction
        && row.method == exchange.method
        && row.target == exchange.target
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::super::queue::JournalQueue;
    use super::super::writer::JournalWriter;
    use super::*;
    use crate::audit::AuditQueue;
    use crate::clock::Clock;
    use crate::journal::exchange::tests::exchange;

    fn push(queue: &JournalQueue, request_id: &str, duration_ms: f64) {
        let mut exchange = exchange(request_id, b"", b"");
        exchange.event.duration_ms = duration_ms;
        assert!(queue.push(exchange.size(), || exchange));
    }

    async fn found(reader: &JournalReader, number: Option<i64>) -> (Option<i64>, f64, Vec<i64>) {
        let found = reader.find("a", number, &Deadline::none()).await.expect("read").expect("an exchange");
        let others = found.others.iter().map(|row| row.id).collect();
        (found.number, found.exchange.event.duration_ms, others)
    }

    #[tokio::test]
    async fn exchanges_with_one_id_that_wait_are_linked_to_each_other_and_none_to_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let database = JournalDatabase::open(&url).await.expect("a journal");
        let queue = JournalQueue::default();
        let reader = JournalReader::new(Some(database.clone()), queue.clone(), true);
        push(&queue, "a", 1.0);
        assert_eq!(found(&reader, None).await, (None, 1.0, vec![]), "from the queue");
        push(&queue, "a", 2.0);
        push(&queue, "b", 2.0);
        push(&queue, "a", 3.0);
        let (audit, _events) = AuditQueue::without_task();
        let clock = Clock::new(|| "2026-11-26T08:00:00Z".parse().expect("a time"), || unreachable!("no ids"));
        let settings =
            crate::journal::Settings { journal: None, journal_keep: jiff::Span::new().days(7), journal_size: 1 << 30 };
        let writer = JournalWriter { database: database.clone(), queue: queue.clone(), settings, clock, audit };
        let (stop, stopping) = watch::channel(false);
        let task = writer.start(stopping);
        assert_eq!(found(&reader, None).await, (Some(4), 3.0, vec![2, 1]));
        push(&queue, "a", 4.0);
        assert_eq!(found(&reader, Some(2)).await, (Some(2), 2.0, vec![5, 4, 1]));
        // As between a commit and the end of the wait.
        push(&queue, "a", 4.0);
        let (number, duration, others) = found(&reader, None).await;
        assert_eq!((number, duration, others), (Some(5), 4.0, vec![4, 2, 1]));
        stop.send_replace(true);
        task.await.expect("it ends");
    }
}
