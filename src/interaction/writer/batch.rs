//! One batch of writes: decided in order over one state, committed in one transaction.

use std::time::Duration;

use jiff::Timestamp;

use super::{Answer, Job, Stored};
use crate::audit::{AuditEvent, ResourceRef, WriteOutcome};
use crate::clock::Clock;
use crate::error::Error;
use crate::fhir::date::instant;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::resource_type::ResourceType;
use crate::sas::identity::{Decision, Effect, Target, Write, decide};
use crate::storage::registry::{Entry, Registry};
use crate::storage::{Additions, NewVersion, Storage, Wanted};

/// A batch that takes longer is given up; whether it was committed is then unknown. Longer than any lock is waited for.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(20);

/// Decides these writes in order and commits them together, with the audit events of other requests.
pub(super) async fn commit_together(
    storage: &Storage,
    clock: &Clock,
    jobs: &[Job],
    others: &[AuditEvent],
) -> Result<Vec<Answer>, sqlx::Error> {
    let mut decided = Vec::with_capacity(jobs.len());
    let decide_all = |registry: &mut Registry| {
        let mut additions = Additions::default();
        decided.extend(jobs.iter().map(|job| decide_one(registry, job, clock.now(), &mut additions)));
        additions
    };
    let keys = state_keys(jobs.iter().map(|job| &job.write));
    let last = jobs.iter().map(|job| job.deadline.clone()).reduce(|last, next| last.later(&next)).unwrap_or_default();
    let written = with_commit_timeout(storage.until(&last).write(&keys, others, decide_all)).await;
    if let Err(error) = written {
        let outcome = if is_rolled_back(&error) { WriteOutcome::Failed } else { WriteOutcome::Unknown };
        jobs.iter().for_each(|job| job.trace.write_fails(outcome));
        return Err(error);
    }
    for (job, decided) in jobs.iter().zip(&decided) {
        if decided.is_recorded {
            job.trace.set_recorded();
        }
        match &decided.outcome {
            Ok(resource) => job.trace.write_ends(resource.clone()),
            Err(outcome) => job.trace.write_fails(*outcome),
        }
    }
    Ok(decided.into_iter().map(|decided| decided.answer).collect())
}

/// A decision that was applied to the registry, and is not yet committed.
struct Decided {
    answer: Answer,
    /// What the audit event says once the batch is committed. Until then it says what the database holds: the decision
    /// may never be stored.
    outcome: Result<ResourceRef, WriteOutcome>,
    /// Whether the audit event is committed with the batch.
    is_recorded: bool,
}

fn decide_one(registry: &mut Registry, job: &Job, now: Timestamp, additions: &mut Additions) -> Decided {
    // The client was told to retry while this transaction waited for its turn: the write, carried out now, might undo a
    // later one of the same client.
    let is_late = job.deadline.has_passed();
    let decision = if is_late { Err(Error::DeadlineExceeded) } else { decide(registry, &job.write) };
    let resource_type = job.write.resource_type;
    let target = match &decision {
        Ok(decision) => registry.entry(resource_type, &decision.id),
        Err(_) => find_target(registry, job),
    };
    let target = target.map(|entry| (entry.id.clone(), entry.version));
    let stored = target
        .as_ref()
        .and_then(|(id, _)| registry.stored_version(resource_type, id).map(|version| (id.as_str(), version)));
    job.trace.write_is_for(stored);
    let events = additions.events.len();
    let answer = decision.map(|decision| apply_decision(registry, job, decision, now, additions));
    let outcome = match (&answer, target) {
        (Ok(stored), _) => Ok(stored.decided()),
        (Err(_), _) if is_late => Err(WriteOutcome::Failed),
        // Refused: the resource stays as it is.
        (Err(_), Some((id, version))) => {
            Ok(ResourceRef { id: Some(id.to_string()), before: Some(version), after: Some(version) })
        }
        (Err(_), None) => Ok(ResourceRef::default()),
    };
    Decided { answer, outcome, is_recorded: additions.events.len() > events }
}

/// Fails a commit that exceeds [`COMMIT_TIMEOUT`]: a server that does not answer must not block the writes that follow.
pub(super) async fn with_commit_timeout(
    written: impl Future<Output = Result<(), sqlx::Error>>,
) -> Result<(), sqlx::Error> {
    let timed_out = |_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(COMMIT_TIMEOUT, written).await.unwrap_or_else(timed_out)
}

/// Whether nothing was written: the database answered that a statement or the commit failed, or no transaction began.
/// Where the connection broke or fell silent, the commit may have been carried out.
pub(super) fn is_rolled_back(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Encode(_) => true,
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            // SQLite: SQLITE_IOERR, SQLITE_IOERR_FSYNC and SQLITE_IOERR_DIR_FSYNC; the commit may be in the file.
            let is_sync_error = ["10", "1034", "1290"].contains(&&*code);
            // PostgreSQL: 08 is a broken connection, 57P an administrator's shutdown, 58 the system, XX a fault.
            let is_break = code.len() == 5 && ["08", "57P", "58", "XX"].iter().any(|class| code.starts_with(class));
            !(code.is_empty() || is_sync_error || is_break)
        }
        _ => false,
    }
}

/// The stored resource that a refused write was meant for.
fn find_target<'a>(registry: &'a Registry, job: &'a Job) -> Option<&'a Entry> {
    let resource_type = job.write.resource_type;
    match &job.write.target {
        Target::New(_) => None,
        Target::Id(id) => registry.entry(resource_type, id),
        Target::Identifier(token) => registry.matching(resource_type, token).next(),
    }
}

/// The keys of the state that the decisions of a batch depend on.
pub(super) fn state_keys<'a>(writes: impl Iterator<Item = &'a Write>) -> Wanted {
    let mut keys = Wanted::default();
    for write in writes {
        let resource_type = write.resource_type;
        let is_account_key = |own: &Identifier| resource_type != ResourceType::Practitioner || own.is_account_key();
        // What an account merely mentions has no holder.
        let own = write.identifiers.iter().filter(|own| is_account_key(own));
        keys.identifiers.extend(own.map(|own| (resource_type, own.clone())));
        match &write.target {
            Target::New(Some(token)) | Target::Identifier(token) => match token {
                Token::Exact(identifier) if is_account_key(identifier) => {
                    keys.identifiers.push((resource_type, identifier.clone()));
                }
                Token::Exact(Identifier { value, .. }) => keys.values.push((resource_type, value.clone())),
                Token::Value(value) => {
                    // The comparable form of an INTRN is lower case.
                    keys.values.extend([value.clone(), value.to_ascii_lowercase()].map(|value| (resource_type, value)));
                }
                Token::NoSystem(_) | Token::System(_) => {}
            },
            Target::New(None) => {}
            Target::Id(id) => keys.ids.push((resource_type, id.clone())),
        }
        if let Some((operator, _)) = &write.operator {
            keys.identifiers.push((ResourceType::Practitioner, operator.clone()));
        }
        keys.ids.extend(write.body_id.clone().map(|id| (resource_type, id)));
    }
    keys.ids.sort_unstable();
    keys.ids.dedup();
    keys.identifiers.sort_unstable();
    keys.identifiers.dedup();
    keys.values.sort_unstable();
    keys.values.dedup();
    keys
}

/// Applies a decision to the registry and to the list of versions to be added.
pub(super) fn apply_decision(
    registry: &mut Registry,
    job: &Job,
    decision: Decision,
    now: Timestamp,
    additions: &mut Additions,
) -> Stored {
    let resource_type = job.write.resource_type;
    let Decision { effect, id, identifiers, issues } = decision;
    let before = registry.entry(resource_type, &id);
    let version_before = before.map(|before| before.version);
    // A replay that changes nothing needs no commit, and its record does not either.
    let changes = effect != Effect::Keep || before.is_none_or(|before| before.identifiers != identifiers);
    let entry = match (effect, before) {
        (Effect::Keep, Some(before)) => Entry { identifiers, ..before.clone() },
        (_, before) => Entry {
            resource_type,
            id,
            version: before.map_or(1, |before| before.version + 1),
            // A clock that was set back does not make a version older than the one before it.
            last_updated: before.map_or(now, |before| before.last_updated.max(now)),
            content_hash: job.write.content_hash.clone(),
            active: job.write.active,
            status: job.status.clone(),
            start: job.start,
            identifiers,
        },
    };
    let content = (effect != Effect::Keep).then(|| job.content.stamp(&entry.id, entry.version, entry.last_updated));
    additions.versions.extend(content.clone().map(|content| NewVersion {
        resource_type,
        id: entry.id.clone(),
        version: entry.version,
        last_updated: instant(entry.last_updated),
        interaction: if effect == Effect::Create { "create" } else { "update" },
        content,
    }));
    let stored = Stored {
        effect,
        id: entry.id.clone(),
        before: version_before,
        version: entry.version,
        last_updated: entry.last_updated,
        content,
        issues,
    };
    if changes {
        let rules = job.rules.iter().copied().chain(stored.issues.iter().map(|issue| issue.rule.id));
        // As it will be answered.
        let status = if effect == Effect::Create { 201 } else { 200 };
        additions.events.push(job.trace.record(status, rules, Some(stored.decided())));
    }
    registry.record(entry);
    stored
}
