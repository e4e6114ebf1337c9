//! `GET /{type}/{id}` and `GET /{type}/{id}/_history/{vid}`.
//!
//! <http://hl7.org/fhir/R4/http.html#read>, <http://hl7.org/fhir/R4/http.html#vread>

use super::query::Query;
use super::{Endpoint, Exchange};
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::resource_type::ResourceType;
use crate::storage::StoredVersion;

/// The current version.
pub async fn read(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    id: &str,
    query: Query,
) -> Result<StoredVersion, Error> {
    no_parameters(&query)?;
    // What has not the form of an id is the id of nothing.
    let id = Id::parse(id).ok_or(Error::NotFound)?;
    let current = endpoint.storage.until(&exchange.deadline).read(resource_type, &id).await?.ok_or(Error::NotFound)?;
    exchange.trace.found(id.as_str(), Some(current.version));
    Ok(current)
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
    no_parameters(&query)?;
    let id = Id::parse(id).ok_or(Error::NotFound)?;
    let version = version.parse().map_err(|_| Error::NotFound)?;
    let found = endpoint
        .storage
        .until(&exchange.deadline)
        .read_version(resource_type, &id, version)
        .await?
        .ok_or(Error::NotFound)?;
    exchange.trace.found(id.as_str(), Some(version));
    Ok(found)
}

fn no_parameters(query: &Query) -> Result<(), Error> {
    let issues = query.leftovers("_format, _pretty");
    if issues.is_empty() { Ok(()) } else { Err(Error::of(issues)) }
}
