//! `GET /{type}/{id}` and `GET /{type}/{id}/_history/{vid}`.
//!
//! <http://hl7.org/fhir/R4/http.html#read>, <http://hl7.org/fhir/R4/http.html#vread>

use super::endpoint::{Endpoint, RequestContext};
use super::outcome::Outcome;
use super::page;
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::query::value::is_blank;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::subset::{Subset, Summary};
use crate::storage::StoredVersion;

/// A request for the current version of a resource.
pub struct Read<'a> {
    pub resource_type: ResourceType,
    /// As in the path.
    pub id: &'a str,
    pub query: Query,
}

impl Read<'_> {
    /// Reads it.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let subset = parse_subset(self.query)?;
        // No resource has an id of another form.
        let id = Id::parse(self.id).ok_or(Error::NotFound)?;
        let storage = endpoint.storage.until(&context.deadline);
        let found = storage.read(self.resource_type, &id).await?.ok_or(Error::NotFound)?;
        audit.set_found(id.as_str(), Some(found.version));
        Ok(Outcome::Version(apply_subset(&subset, self.resource_type, found)))
    }
}

/// A request for one version of a resource.
pub struct Vread<'a> {
    pub resource_type: ResourceType,
    /// As in the path.
    pub id: &'a str,
    /// As in the path.
    pub version: &'a str,
    pub query: Query,
}

impl Vread<'_> {
    /// Reads it.
    pub async fn run(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Outcome, Error> {
        let subset = parse_subset(self.query)?;
        let id = Id::parse(self.id).ok_or(Error::NotFound)?;
        let version = self.version.parse().map_err(|_| Error::NotFound)?;
        let storage = endpoint.storage.until(&context.deadline);
        let found = storage.read_version(self.resource_type, &id, version).await?.ok_or(Error::NotFound)?;
        audit.set_found(id.as_str(), Some(version));
        Ok(Outcome::Version(apply_subset(&subset, self.resource_type, found)))
    }
}

/// The part of the resource to return. Any other parameter is refused.
fn parse_subset(mut query: Query) -> Result<Subset, Error> {
    query.retain(|name, value| !(is_blank(value) && matches!(name, "_elements" | "_summary")));
    let mut issues = vec![];
    let subset = page::parse_subset(&mut query, Summary::OF_READS, &mut issues);
    issues.extend(page::unknown_parameters(&query, "_elements, _summary, _format, _pretty"));
    if issues.is_empty() { Ok(subset) } else { Err(Error::from_issues(issues)) }
}

/// The part of a version. It keeps its entity tag, which names the version, so that `If-Match` may follow.
fn apply_subset(subset: &Subset, resource_type: ResourceType, version: StoredVersion) -> StoredVersion {
    StoredVersion { content: subset.apply(resource_type.as_str(), version.content), ..version }
}
