//! What create and update share once the body is judged: the writer decides and stores.

use jiff::Timestamp;
use serde_json::Value;

use super::writer::Job;
use super::{Endpoint, Exchange};
use crate::error::Error;
use crate::fhir::content::Content;
use crate::fhir::date::parse_instant;
use crate::fhir::id::Id;
use crate::fhir::json::Received;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, Version};
use crate::issue::Issue;
use crate::sas::identity::{self, Effect, Target, Write};

/// `If-Match`, `If-None-Match` and `If-Unmodified-Since` of a write.
#[derive(Clone, Debug, Default)]
pub struct Preconditions {
    /// The write is meant for one of these versions.
    pub if_match: Option<EntityTags>,
    /// The write is not meant for one of these; `*` allows a creation only.
    pub if_none_match: Option<EntityTags>,
    /// The write is meant for what has not changed since, to the second.
    pub if_unmodified_since: Option<Timestamp>,
}

/// A write that was carried out, and is on disk.
#[derive(Clone, Debug)]
pub struct Written {
    /// What it did.
    pub effect: Effect,
    /// The resource.
    pub id: Id,
    /// Its current version.
    pub version: Version,
    /// When that came to be.
    pub last_updated: Timestamp,
    /// Its content as stored.
    pub content: String,
    /// Warnings and information.
    pub issues: Vec<Issue>,
}

impl Endpoint {
    /// Decides and stores; answers once it is on disk.
    pub(super) async fn write(
        &self,
        exchange: &Exchange,
        resource_type: ResourceType,
        target: Target,
        (received, content, mut issues): (Received, Content, Vec<Issue>),
        preconditions: Preconditions,
    ) -> Result<Written, Error> {
        let resource = &received.value;
        self.check_directory(exchange, resource_type, resource, &mut issues).await;
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
        let job = Job {
            status: text("status").map(str::to_owned),
            start: text("start").and_then(parse_instant),
            write,
            content,
            trace: exchange.trace.clone(),
            deadline: exchange.deadline.clone(),
            rules: issues.iter().map(|issue| issue.rule.id).collect(),
        };
        let stored = match self.writer.write(job).await {
            Err(Error::Refused(refusals)) => return Err(Error::of(refusals.into_iter().chain(issues).collect())),
            stored => stored?,
        };
        issues.extend(stored.issues);
        let content = match stored.content {
            Some(content) => content,
            // Nothing was written: what is stored may differ from what was sent in its layout.
            None => {
                let storage = self.storage.until(&exchange.deadline);
                let version = storage.read_unchanged(resource_type, &stored.id, stored.version).await?;
                version.ok_or_else(|| Error::internal("a version that was just seen is missing"))?.content
            }
        };
        Ok(Written {
            effect: stored.effect,
            id: stored.id,
            version: stored.version,
            last_updated: stored.last_updated,
            content,
            issues,
        })
    }
}
