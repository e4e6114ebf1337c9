//! A write of a resource as it is queued: decided over the stored state, and committed with its audit event.

use jiff::Timestamp;

use crate::audit::AuditDraft;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::feed::Change;
use crate::fhir::content::Content;
use crate::fhir::date::instant;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;
use crate::issue::Issue;
use crate::sas::identity::{Decision, Effect, Target, Write, decide};
use crate::storage::registry::{Entry, Registry};
use crate::storage::write_queue::{Decided, QueuedWrite, WriteError};
use crate::storage::{NewVersion, StateKeys, WriteSet};

/// A write as it is queued.
#[derive(Debug)]
pub struct ResourceWrite {
    /// What identity depends on.
    pub write: Write,
    pub content: Content,
    /// `Appointment.status`
    pub status: Option<String>,
    /// `Appointment.start`
    pub start: Option<Timestamp>,
    /// The draft of the audit event that is committed with the change.
    pub audit: AuditDraft,
    pub deadline: Deadline,
    /// Whether the vendor's software is to be asked about a change, and was not: there was none as the state stood.
    pub is_unasked: bool,
    /// The rules that were cited before it was queued.
    pub rules: Vec<&'static str>,
}

/// A decision as it is applied to the state.
#[derive(Debug)]
pub struct Applied {
    pub effect: Effect,
    /// The content as stored, unless nothing had to be written.
    pub content: Option<String>,
    pub last_updated: Timestamp,
    /// Warnings and information.
    pub issues: Vec<Issue>,
    pub id: Id,
    pub version: Version,
}

impl From<WriteError<Error>> for Error {
    fn from(error: WriteError<Error>) -> Self {
        match error {
            WriteError::Refused(error) => error,
            WriteError::DeadlineExceeded => Self::DeadlineExceeded,
            WriteError::QueueFull => Self::TooBusy(Workload::Writes),
            WriteError::QueueClosed => Self::internal("the writing task has ended"),
            WriteError::Storage(error) => error.into(),
        }
    }
}

impl QueuedWrite for ResourceWrite {
    type Answer = Applied;
    type Refusal = Error;

    fn resource_type(&self) -> ResourceType {
        self.write.resource_type
    }

    fn size(&self) -> usize {
        self.content.size()
    }

    fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    fn add_state_keys(&self, keys: &mut StateKeys) {
        self.write.add_state_keys(keys);
    }

    fn decide(&self, registry: &mut Registry, now: Timestamp, set: &mut WriteSet) -> Result<Decided<Applied>, Error> {
        let decision = decide(registry, &self.write)?;
        if self.is_unasked && decision.effect != Effect::Keep {
            // Another request was faster. Sent again, this one is asked about.
            return Err(Error::Undecided);
        }
        Ok(self.apply_decision(registry, decision, now, set))
    }

    fn target<'a>(&self, registry: &'a Registry) -> Option<&'a Entry> {
        let resource_type = self.write.resource_type;
        match &self.write.target {
            Target::New(_) => None,
            Target::Id(id) => registry.entry(resource_type, id),
            Target::Identifier(token) => registry.matching(resource_type, token).next(),
        }
    }
}

impl ResourceWrite {
    /// Applies a decision to the registry, and adds the version and the audit event to the batch.
    fn apply_decision(
        &self,
        registry: &mut Registry,
        decision: Decision,
        now: Timestamp,
        set: &mut WriteSet,
    ) -> Decided<Applied> {
        let resource_type = self.write.resource_type;
        let Decision { effect, id, matched_by, identifiers, issues } = decision;
        let stored = registry.entry(resource_type, &id);
        let before = stored.map(|stored| stored.version);
        // A replay that changes nothing needs no commit, and neither does its audit event.
        let is_change = effect != Effect::Keep || stored.is_none_or(|stored| stored.identifiers != identifiers);
        let entry = match (effect, stored) {
            (Effect::Keep, Some(stored)) => Entry { identifiers, ..stored.clone() },
            (_, stored) => Entry {
                resource_type,
                id,
                version: stored.map_or(1, |stored| stored.version + 1),
                // A clock that was set back does not make a version older than the one before it.
                last_updated: stored.map_or(now, |stored| stored.last_updated.max(now)),
                content_hash: self.write.content_hash.clone(),
                active: self.write.active,
                status: self.status.clone(),
                start: self.start,
                identifiers,
            },
        };
        let content =
            (effect != Effect::Keep).then(|| self.content.stamp(&entry.id, entry.version, entry.last_updated));
        let change = || serde_json::to_string(&Change::of_write(registry, stored, &entry)).unwrap_or_default();
        set.versions.extend(content.clone().map(|content| NewVersion {
            resource_type,
            id: entry.id.clone(),
            version: entry.version,
            last_updated: instant(entry.last_updated),
            interaction: if effect == Effect::Create { "create" } else { "update" },
            content,
            change: change(),
        }));
        let (id, version, last_updated) = (entry.id.clone(), entry.version, entry.last_updated);
        registry.record(entry);
        let answer = Applied { effect, content, last_updated, issues, id: id.clone(), version };
        let decided = Decided { answer, id, before, after: version, matched_by };
        if is_change {
            let rules = self.rules.iter().copied().chain(decided.answer.issues.iter().map(|issue| issue.rule.id));
            set.events.push(self.audit.event_of_change(&decided.resource(), effect.status(), rules));
        }
        decided
    }
}
