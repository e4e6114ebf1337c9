//! What create and update share once the body is validated: the write is queued, decided over the stored state and
//! committed with its audit event.

use jiff::Timestamp;
use scopeguard::guard;
use serde_json::Value;

use super::{Endpoint, Outcome, RequestContext};
use crate::audit::{AuditDraft, ResourceRef, WriteReport};
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::content::Content;
use crate::fhir::date::{instant, parse_instant};
use crate::fhir::id::Id;
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::json::Received;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, Version};
use crate::issue::Issue;
use crate::sas::identity::{self, Decision, Effect, Target, Write, decide};
use crate::storage::registry::{Entry, Registry};
use crate::storage::write_queue::{Decided, QueuedWrite, WriteError};
use crate::storage::{NewVersion, StateKeys, WriteSet};

/// `If-Match`, `If-None-Match` and `If-Unmodified-Since` of a write.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    /// The write is meant for one of these versions.
    pub if_match: Option<EntityTags>,
    /// The write is not meant for one of these; `*` allows a creation only.
    pub if_none_match: Option<EntityTags>,
    /// The write is meant for a version that is not newer, to the second.
    pub if_unmodified_since: Option<Timestamp>,
}

/// A write that is on disk.
#[derive(Clone, Debug)]
pub struct Written {
    pub resource_type: ResourceType,
    pub effect: Effect,
    pub id: Id,
    /// The current version.
    pub version: Version,
    /// When that version was written.
    pub last_updated: Timestamp,
    /// The content as stored.
    pub content: String,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}

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
    /// The rules that were cited before it was queued.
    pub rules: Vec<&'static str>,
}

/// A decision as it is applied to the state.
#[derive(Debug)]
pub struct Applied {
    pub effect: Effect,
    /// The content as stored, unless nothing had to be written.
    content: Option<String>,
    last_updated: Timestamp,
    issues: Vec<Issue>,
    id: Id,
    version: Version,
}

impl Endpoint {
    /// Decides and stores; answers once it is on disk.
    pub(super) async fn write(
        &self,
        context: &RequestContext,
        audit: &mut AuditDraft,
        resource_type: ResourceType,
        target: Target,
        (received, content, mut issues): (Received, Content, Vec<Issue>),
        preconditions: Preconditions,
    ) -> Result<Outcome, Error> {
        let resource = &received.value;
        self.check_directory(context, resource_type, resource, &mut issues).await;
        if issues.iter().any(Issue::is_error) {
            return Err(Error::of(issues));
        }
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let write = Write {
            resource_type,
            target,
            identifiers: identity::identifiers(resource),
            active: resource_type != ResourceType::Practitioner || resource.get("active") == Some(&Value::Bool(true)),
            operator: identity::operator(resource),
            content_hash: content.hash().to_owned(),
            body_id: text("id").and_then(Id::parse),
            new_id: self.clock.new_id(),
            if_match: preconditions.if_match,
            if_none_match: preconditions.if_none_match,
            if_unmodified_since: preconditions.if_unmodified_since,
            validation: self.validator.validation(),
        };
        let write = ResourceWrite {
            status: text("status").map(str::to_owned),
            start: text("start").and_then(parse_instant),
            write,
            content,
            audit: audit.clone(),
            deadline: context.deadline.clone(),
            rules: issues.iter().map(|issue| issue.rule.id).collect(),
        };
        let applied = match self.commit(write, context, audit).await {
            Err(Error::Refused(refusals)) => return Err(Error::of(refusals.into_iter().chain(issues).collect())),
            applied => applied?,
        };
        let Applied { effect, content, last_updated, issues: more, id, version } = applied;
        issues.extend(more);
        let content = match content {
            Some(content) => content,
            // Nothing was written: the stored content may differ from the received one in its layout.
            None => {
                let storage = self.storage.until(&context.deadline);
                let stored = storage.read_unchanged(resource_type, &id, version).await?;
                stored.ok_or_else(|| Error::internal("a version that was just seen is missing"))?.content
            }
        };
        Ok(Outcome::Written(Written { resource_type, effect, id, version, last_updated, content, issues }))
    }

    /// Queues a write and waits for its commit. However this ends, even where the client goes away, the draft of the
    /// audit event has what is known of the write.
    async fn commit(
        &self,
        write: ResourceWrite,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Applied, Error> {
        audit.set_write(WriteReport::failed());
        let pending = self.writer.submit(write)?;
        let mut pending = guard((pending, audit), |(mut pending, audit)| audit.set_write(pending.close()));
        context.deadline.limit(async { Ok(pending.0.answer().await?) }).await
    }
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

    fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    fn add_state_keys(&self, keys: &mut StateKeys) {
        let write = &self.write;
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

    fn decide(&self, registry: &mut Registry, now: Timestamp, set: &mut WriteSet) -> Result<Decided<Applied>, Error> {
        let decision = decide(registry, &self.write)?;
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
        let Decision { effect, id, identifiers, issues } = decision;
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
        set.versions.extend(content.clone().map(|content| NewVersion {
            resource_type,
            id: entry.id.clone(),
            version: entry.version,
            last_updated: instant(entry.last_updated),
            interaction: if effect == Effect::Create { "create" } else { "update" },
            content,
        }));
        if is_change {
            let rules = self.rules.iter().copied().chain(issues.iter().map(|issue| issue.rule.id));
            let resource = ResourceRef { id: Some(entry.id.to_string()), before, after: Some(entry.version) };
            set.events.push(self.audit.event_of_change(&resource, effect.status(), rules));
        }
        let (id, version, last_updated) = (entry.id.clone(), entry.version, entry.last_updated);
        registry.record(entry);
        let answer = Applied { effect, content, last_updated, issues, id: id.clone(), version };
        Decided { answer, id, before, after: version }
    }
}
