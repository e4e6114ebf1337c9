//! One batch of writes: decided in order over one state, committed in one transaction.

use std::time::Duration;

use jiff::Timestamp;

use super::queued_write::{Answer, Queued, QueuedWrite, WriteError};
use crate::audit::{AuditEvent, ResourceRef, WriteOutcome, WriteReport};
use crate::clock::Clock;
use crate::storage::Storage;
use crate::storage::error::StorageError;
use crate::storage::registry::Registry;
use crate::storage::write_set::{StateKeys, WriteSet};

/// A batch that takes longer is given up; whether it was committed is then unknown. Longer than any lock is waited for.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);

/// Decides these writes in order and commits them together, with the audit events of other requests.
pub(super) async fn commit_together<W: QueuedWrite>(
    storage: &Storage,
    clock: &Clock,
    batch: &[Queued<W>],
    others: &[AuditEvent],
) -> Result<Vec<Answer<W>>, StorageError> {
    let mut attempts = Vec::with_capacity(batch.len());
    let decide_all = |registry: &mut Registry| {
        let mut set = WriteSet::default();
        attempts.extend(batch.iter().map(|queued| decide_one(registry, queued, clock.now(), &mut set)));
        set
    };
    let mut keys = StateKeys::default();
    for queued in batch {
        queued.write.add_state_keys(&mut keys);
    }
    keys.sort();
    let deadlines = batch.iter().map(|queued| queued.write.deadline().clone());
    let last = deadlines.reduce(|last, next| last.later(&next)).unwrap_or_default();
    let written = with_commit_timeout(storage.until(&last).write(&keys, others, decide_all)).await;
    if let Err(error) = written {
        let outcome = if error.is_rolled_back() { WriteOutcome::Failed } else { WriteOutcome::Unknown };
        for queued in batch {
            queued.report.send_modify(|report| report.outcome = Some(outcome));
        }
        return Err(error);
    }
    let answers = batch.iter().zip(attempts).map(|(queued, attempt)| {
        queued.report.send_replace(attempt.report);
        attempt.answer
    });
    Ok(answers.collect())
}

/// What a write learns once its batch is committed.
struct Attempt<A> {
    answer: A,
    /// Its report once the batch is committed. Until then the report says what the database holds, as the decision may
    /// never be stored.
    report: WriteReport,
}

fn decide_one<W: QueuedWrite>(
    registry: &mut Registry,
    queued: &Queued<W>,
    now: Timestamp,
    set: &mut WriteSet,
) -> Attempt<Answer<W>> {
    let write = &queued.write;
    let resource_type = write.resource_type();
    // The client was told to retry while this transaction waited for its turn: the write, committed now, might undo a
    // later one of the same client.
    let is_late = write.deadline().has_passed();
    let events = set.events.len();
    let decided = match is_late {
        true => Err(WriteError::DeadlineExceeded),
        false => write.decide(registry, now, set).map_err(WriteError::Refused),
    };
    let target = match &decided {
        Ok(decided) => Some(decided.id.clone()),
        Err(_) => write.target(registry).map(|entry| entry.id.clone()),
    };
    let before_batch = target.as_ref().and_then(|id| {
        let version = registry.stored_version(resource_type, id)?;
        Some(ResourceRef { id: Some(id.to_string()), before: Some(version), ..ResourceRef::default() })
    });
    let before_batch = before_batch.unwrap_or_default();
    queued.report.send_modify(|report| report.resource = before_batch.clone());
    let (resource, outcome) = match &decided {
        Ok(decided) => (decided.resource(), None),
        Err(_) if is_late => (before_batch, Some(WriteOutcome::Failed)),
        // The resource stays as it is.
        Err(_) => {
            let version = target.as_ref().and_then(|id| Some(registry.entry(resource_type, id)?.version));
            let id = target.map(|id| id.to_string());
            (ResourceRef { id, before: version, after: version, matched_by: None }, None)
        }
    };
    let report = WriteReport { resource, outcome, is_audited: set.events.len() > events };
    Attempt { answer: decided.map(|decided| decided.answer), report }
}

/// Fails a commit that exceeds [`COMMIT_TIMEOUT`]: a server that does not answer must not block the writes that follow.
pub(super) async fn with_commit_timeout(
    written: impl Future<Output = Result<(), StorageError>>,
) -> Result<(), StorageError> {
    let timed_out = |_| Err(StorageError::from(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())));
    tokio::time::timeout(COMMIT_TIMEOUT, written).await.unwrap_or_else(timed_out)
}
