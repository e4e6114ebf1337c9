//! `GET /{type}/{id}` and `GET /{type}/{id}/_history/{vid}`.
//!
//! <http://hl7.org/fhir/R4/http.html#read>, <http://hl7.org/fhir/R4/http.html#vread>

use super::{Endpoint, Exchange, page};
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::query::value::is_blank;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::subset::{Subset, Summary};
use crate::storage::StoredVersion;

/// The current version.
pub async fn read(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    id: &str,
    query: Query,
) -> Result<StoredVersion, Error> {
    let subset = parse_subset(query)?;
    // What has not the form of an id is the id of nothing.
    let id = Id::parse(id).ok_or(Error::NotFound)?;
    let current = endpoint.storage.until(&exchange.deadline).read(resource_type, &id).await?.ok_or(Error::NotFound)?;
    exchange.trace.found(id.as_str(), Some(current.version));
    Ok(apply_subset(&subset, resource_type, current))
}

/// One version.
pub async fn vread(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    id: &str,
    version: &str,
    query: Query,
) -> Result<StoredVersion, Error> {
    let subset = parse_subset(query)?;
    let id = Id::parse(id).ok_or(Error::NotFound)?;
    let version = version.parse().map_err(|_| Error::NotFound)?;
    let found = endpoint
        .storage
        .until(&exchange.deadline)
        .read_version(resource_type, &id, version)
        .await?
        .ok_or(Error::NotFound)?;
    exchange.trace.found(id.as_str(), Some(version));
    Ok(apply_subset(&subset, resource_type, found))
}

/// The part of the resource that is asked for. Any other parameter is refused.
fn parse_subset(mut query: Query) -> Result<Subset, Error> {
    query.retain(|name, value| !(is_blank(value) && matches!(name, "_elements" | "_summary")));
    let mut issues = vec![];
    let subset = page::parse_subset(&mut query, Summary::OF_READS, &mut issues);
    issues.extend(page::unknown_parameters(&query, "_elements, _summary, _format, _pretty"));
    if issues.is_empty() { Ok(subset) } else { Err(Error::of(issues)) }
}

/// The part of a version. It keeps its entity tag, which names the version, so that `If-Match` may follow.
fn apply_subset(subset: &Subset, resource_type: ResourceType, version: StoredVersion) -> StoredVersion {
    StoredVersion { content: subset.apply(resource_type.as_str(), version.content), ..version }
}
