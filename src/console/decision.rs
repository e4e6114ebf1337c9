//! What became of a write, in words: how its resource was found, what the version before was, what changed, which rules spoke.

use super::state::Console;
use super::text::{Text, fill};
use crate::audit::{AuditEvent, MatchedBy, WriteOutcome};
use crate::deadline::Deadline;
use crate::feed::changed_elements;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::Version;

/// The sentences about a write; none about other requests.
pub async fn decision(console: &Console, event: &AuditEvent, text: &Text, deadline: &Deadline) -> Vec<String> {
    if !["create", "update", "conditional-update"].contains(&event.interaction.as_str()) {
        return vec![];
    }
    let mut sentences: Vec<_> = matched(event, text).into_iter().chain([outcome(event, text)]).collect();
    if let Some(changed) = changed(console, event, deadline).await {
        let elements = if changed.is_empty() { text.decision_nothing_else } else { &*changed.join(", ") };
        sentences.push(fill(text.decision_changed, &[("elements", elements)]));
    }
    if !event.rules.is_empty() {
        sentences.push(fill(text.decision_rules, &[("rules", &event.rules.join(", "))]));
    }
    sentences
}

/// The resource of an event, as a relative reference; `None` where its id is not kept.
pub fn reference(event: &AuditEvent) -> Option<String> {
    let (resource_type, id) = event.resource_type.as_ref().zip(event.id.as_ref())?;
    Some(format!("{resource_type}/{id}"))
}

/// How the resource was found.
fn matched(event: &AuditEvent, text: &Text) -> Option<String> {
    let sentence = match event.matched_by {
        Some(MatchedBy::Id) => text.decision_by_id,
        Some(MatchedBy::Criterion) => text.decision_by_criterion,
        Some(MatchedBy::BodyIntrn) => text.decision_by_body_intrn,
        Some(MatchedBy::BodyAfterRelease) => text.decision_by_body_after_release,
        None if event.before.is_some() && event.status >= 400 => text.decision_about,
        None => return None,
    };
    let resource = reference(event).unwrap_or_else(|| text.decision_a_resource.to_owned());
    Some(fill(sentence, &[("resource", &resource)]))
}

/// What was written.
fn outcome(event: &AuditEvent, text: &Text) -> String {
    let version = |version: Version| version.to_string();
    match (event.before, event.after) {
        (None, Some(after)) if event.interaction == "conditional-update" => {
            fill(text.decision_created, &[("after", &version(after))])
        }
        (None, Some(after)) => fill(text.decision_created_new, &[("after", &version(after))]),
        (Some(before), Some(after)) if before == after && event.status < 400 => {
            fill(text.decision_kept, &[("after", &version(after))])
        }
        (Some(before), Some(after)) if before == after => {
            fill(text.decision_refused_as_is, &[("after", &version(after))])
        }
        (Some(before), Some(after)) => {
            fill(text.decision_updated, &[("before", &version(before)), ("after", &version(after))])
        }
        _ if event.write_outcome == Some(WriteOutcome::Unknown) => text.decision_unknown.to_owned(),
        _ => text.decision_refused.to_owned(),
    }
}

/// The top-level elements that an update changed; `None` of other writes, and where the database does not tell in time.
async fn changed(console: &Console, event: &AuditEvent, deadline: &Deadline) -> Option<Vec<String>> {
    let (before, after) = event.before.zip(event.after).filter(|(before, after)| before < after)?;
    let resource_type = ResourceType::parse(event.resource_type.as_deref()?)?;
    let id = Id::parse(event.id.as_deref()?)?;
    let storage = console.parts.endpoint.storage.for_console(deadline);
    let read = async |version| {
        let read = deadline.limit(storage.read_version(resource_type, &id, version)).await;
        Some(read.ok()??.content)
    };
    changed_elements(Some(&read(before).await?), &read(after).await?).ok()
}
