//! What create and update share once the body is validated: the write is queued, and its commit awaited.

use jiff::Timestamp;
use scopeguard::guard;
use serde_json::Value;

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::{Outcome, Written};
use super::resource_write::{Applied, ResourceWrite};
use crate::audit::{AuditDraft, WriteReport};
use crate::error::Error;
use crate::fhir::content::Content;
use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::json::Received;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::EntityTags;
use crate::issue::Issue;
use crate::sas::identity::{self, Target, Write};

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
            return Err(Error::from_issues(issues));
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
            Err(Error::Refused(refusals)) => {
                return Err(Error::from_issues(refusals.into_iter().chain(issues).collect()));
            }
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
