//! What create and update share once the body is validated: the vendor's software may be asked, the write is queued, and its
//! commit awaited.

use axum::body::Bytes;
use jiff::Timestamp;
use scopeguard::guard;
use serde_json::Value;

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::{Outcome, Written};
use super::resource_write::{Applied, ResourceWrite};
use super::validated_body::{AcceptedBody, locate_if_small, refusal};
use crate::audit::{AuditDraft, WriteReport};
use crate::deadline::Deadline;
use crate::decision::{Proposal, ProposedEffect};
use crate::error::Error;
use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::json::locate;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, Version};
use crate::issue::Issue;
use crate::sas::identity::{self, Effect, Target, Write};
use crate::storage::StateKeys;

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

/// A validated write, ready to be queued.
pub(crate) struct PreparedWrite {
    write: ResourceWrite,
    /// The resource as received.
    resource: Value,
    /// The body as sent.
    body: Bytes,
    /// Warnings and information.
    issues: Vec<Issue>,
}

impl Endpoint {
    /// The resource that a request with this body would write, and its version, as the state stands. Nothing is validated. For
    /// pages of the console, by its connections.
    pub(crate) async fn designated(
        &self,
        resource_type: ResourceType,
        target: Target,
        resource: &Value,
        deadline: &Deadline,
    ) -> Result<Option<(Id, Version)>, Error> {
        let write = Write::new(resource_type, target, resource, self.clock.new_id(), self.validator.validation());
        let mut keys = StateKeys::default();
        write.add_state_keys(&mut keys);
        let registry = deadline.limit(self.storage.for_console(deadline).read_state(&keys)).await?;
        let found = identity::designated(&registry, &write)?;
        Ok(found.map(|(entry, _)| (entry.id.clone(), entry.version)))
    }

    /// Makes a write of a validated body.
    pub(super) async fn prepare_write(
        &self,
        context: &RequestContext,
        audit: &mut AuditDraft,
        resource_type: ResourceType,
        target: Target,
        AcceptedBody { bytes: body, received, content, mut issues }: AcceptedBody,
        preconditions: Preconditions,
    ) -> Result<PreparedWrite, Error> {
        let resource = received.value;
        self.check_directory(context, resource_type, &resource, &mut issues).await;
        if issues.iter().any(Issue::is_error) {
            return Err(refusal(context, &body, issues).await);
        }
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        let (new_id, validation) = (self.clock.new_id(), self.validator.validation());
        let write = Write {
            content_hash: content.hash().to_owned(),
            if_match: preconditions.if_match,
            if_none_match: preconditions.if_none_match,
            if_unmodified_since: preconditions.if_unmodified_since,
            ..Write::new(resource_type, target, &resource, new_id, validation)
        };
        let write = ResourceWrite {
            status: text("status").map(str::to_owned),
            start: text("start").and_then(parse_instant),
            write,
            content,
            audit: audit.clone(),
            // It gets the permit when it is queued.
            deadline: context.deadline.without_permit(),
            is_unasked: self.decision.is_some() && resource_type == ResourceType::Practitioner,
            rules: issues.iter().map(|issue| issue.rule.id).collect(),
        };
        Ok(PreparedWrite { write, resource, body, issues })
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

impl PreparedWrite {
    /// What is to be asked about the write before it is queued, as the state stands: nothing unless it would change an
    /// account. What identity refuses is left to the queue.
    pub async fn proposal(&self, endpoint: &Endpoint, deadline: &Deadline) -> Result<Option<Proposal<'_>>, Error> {
        if !self.write.is_unasked {
            return Ok(None);
        }
        let write = &self.write.write;
        let mut keys = StateKeys::default();
        write.add_state_keys(&mut keys);
        let registry = endpoint.storage.until(deadline).read_state(&keys).await?;
        let Ok(decided) = identity::decide(&registry, write) else { return Ok(None) };
        let current = registry.entry(write.resource_type, &decided.id);
        let effect = match decided.effect {
            Effect::Create => ProposedEffect::Create,
            Effect::Update => ProposedEffect::Update,
            // A repetition may take a national id back.
            Effect::Keep if current.is_some_and(|current| current.identifiers != decided.identifiers) => {
                ProposedEffect::Update
            }
            Effect::Keep => return Ok(None),
        };
        Ok(Some(Proposal {
            effect,
            resource_type: write.resource_type.as_str(),
            id: current.map(|current| current.id.to_string()),
            version: current.map(|current| current.version),
            resource: &self.resource,
        }))
    }

    /// The same, accepted by the vendor's software.
    #[must_use]
    pub fn accepted(self) -> Self {
        Self { write: ResourceWrite { is_unasked: false, ..self.write }, ..self }
    }

    /// The failure of the question about this write. A refusal is about the resource as a whole, which is found without reading
    /// the body.
    pub fn locate_refusal(&self, error: Error) -> Error {
        match error {
            Error::Refused(mut issues) => {
                locate(&self.body, "", &mut issues);
                Error::Refused(issues)
            }
            other => other,
        }
    }

    /// Decides and stores; answers once it is on disk.
    pub async fn commit(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let Self { write, body, mut issues, .. } = self;
        let resource_type = write.write.resource_type;
        let write = ResourceWrite { deadline: context.deadline.clone(), ..write };
        let applied = match endpoint.commit(write, context, audit).await {
            Err(Error::NotFhir(refusals)) => return Err(refusal(context, &body, refusals).await),
            Err(Error::Refused(refusals)) => {
                return Err(refusal(context, &body, refusals.into_iter().chain(issues).collect()).await);
            }
            applied => applied?,
        };
        let Applied { effect, content, last_updated, issues: more, id, version } = applied;
        issues.extend(more);
        locate_if_small(&body, &mut issues);
        let content = match content {
            Some(content) => content,
            // Nothing was written: the stored content may differ from the received one in its layout.
            None => {
                let storage = endpoint.storage.until(&context.deadline);
                let stored = storage.read_unchanged(resource_type, &id, version).await?;
                stored.ok_or_else(|| Error::internal("a version that was just seen is missing"))?.content
            }
        };
        Ok(Outcome::Written(Written { resource_type, effect, id, version, last_updated, content, issues }))
    }
}
