//! The task that stores exchanges, and keeps the journal within its age and its size.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::content::compress;
use super::exchange::Exchange;
use super::person;
use super::queue::{Dropped, JournalQueue};
use super::settings::Settings;
use crate::audit::AuditQueue;
use crate::clock::Clock;
use crate::deadline::Deadline;
use crate::error::chain::join_causes;
use crate::fhir::date::instant;
use crate::storage::StorageError;
use crate::storage::journal::{JournalDatabase, NewExchange};

/// How long exchanges wait for others: each transaction has a cost of its own.
const INTERVAL: Duration = Duration::from_millis(200);
/// Maximum exchanges of a transaction, and their bytes.
const MAX_EXCHANGES: usize = 1024;
const MAX_BYTES: usize = 4 << 20;
/// A transaction that takes longer is given up, and its exchanges are dropped.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum transactions that remove exchanges before those that wait are stored.
const MAX_PURGES: usize = 8;
/// Interval at which old exchanges are looked for where nothing is written.
const PURGE_INTERVAL: Duration = Duration::from_mins(1);

/// What the writing task needs.
pub(crate) struct JournalWriter {
    pub database: JournalDatabase,
    pub queue: JournalQueue,
    pub settings: Settings,
    pub clock: Clock,
    /// Has the key of hashes.
    pub audit: AuditQueue,
}

impl JournalWriter {
    /// Stores what is queued until `stop`, and then what is left.
    pub fn start(self, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
        tokio::spawn(async move {
            // What has become too old while no server ran goes at once.
            let mut is_within_limits = false;
            loop {
                let is_stopping = tokio::select! {
                    () = self.next(is_within_limits) => false,
                    // An error means that the sender was dropped: stop as well.
                    _ = stop.wait_for(|stop| *stop) => true,
                };
                self.store_all().await;
                if is_stopping {
                    break;
                }
                is_within_limits = self.purge().await;
            }
            self.database.close().await;
        })
    }

    /// Completes when there is something to do.
    async fn next(&self, is_within_limits: bool) {
        if !is_within_limits {
            return tokio::time::sleep(INTERVAL).await;
        }
        let arrived = tokio::time::timeout(PURGE_INTERVAL, self.queue.arrived()).await;
        if arrived.is_ok() {
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn store_all(&self) {
        loop {
            let exchanges = self.queue.oldest(MAX_EXCHANGES, MAX_BYTES);
            if exchanges.is_empty() {
                return;
            }
            let number = exchanges.len();
            let deadline = Deadline::after(TIMEOUT);
            if let Err(error) = self.store(exchanges, &deadline).await {
                Dropped::Database.count(number);
                tracing::debug!("the journal did not take {number} exchanges: {}", join_causes(&error));
            }
            self.queue.remove(number);
        }
    }

    async fn store(&self, exchanges: Vec<Arc<Exchange>>, deadline: &Deadline) -> Result<(), StorageError> {
        let audit = self.audit.clone();
        let rows = move || exchanges.iter().map(|exchange| row(exchange, &audit)).collect::<Result<Vec<_>, _>>();
        let rows = tokio::task::spawn_blocking(rows).await.map_err(StorageError::internal)?;
        let rows = rows.map_err(StorageError::internal)?;
        deadline.limit(self.database.until(deadline).add(&rows)).await
    }

    /// Removes some of what is too old or too much; whether no more is. What comes in is stored meanwhile.
    async fn purge(&self) -> bool {
        let (before, size) = (instant(self.settings.kept_since(self.clock.now())), self.settings.journal_size);
        for _ in 0..MAX_PURGES {
            let deadline = Deadline::after(TIMEOUT);
            match deadline.limit(self.database.until(&deadline).purge(&before, size)).await {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!("old exchanges cannot be removed from the journal: {}", join_causes(&error));
                    return true;
                }
            }
        }
        false
    }
}

/// Removes what is older or larger than the settings allow. Returns how many exchanges it was.
pub(crate) async fn purge(
    database: &JournalDatabase,
    settings: &Settings,
    now: Timestamp,
) -> Result<usize, StorageError> {
    let (before, mut purged) = (instant(settings.kept_since(now)), 0);
    loop {
        match database.purge(&before, settings.journal_size).await? {
            0 => return Ok(purged),
            some => purged += some,
        }
    }
}

/// The rows of an exchange.
fn row(exchange: &Exchange, audit: &AuditQueue) -> std::io::Result<NewExchange> {
    let event = &exchange.event;
    let person = person::key(audit, exchange);
    Ok(NewExchange {
        request_id: event.request_id.clone(),
        at: event.at.clone(),
        method: exchange.method.clone(),
        target: exchange.target.clone(),
        status: event.status,
        interaction: event.interaction.clone(),
        resource_type: event.resource_type.clone(),
        resource_id: event.id.clone(),
        caller: event.caller.name.clone(),
        rules: event.rules.clone(),
        duration_us: microseconds(event.duration_ms),
        is_read: exchange.is_successful_read(),
        keys: event.lookup_keys().into_iter().chain(person).collect(),
        content: compress(exchange)?,
    })
}

/// A duration as it is stored.
pub(super) fn microseconds(milliseconds: f64) -> i64 {
    let duration = Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or_default();
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
