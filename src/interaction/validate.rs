//! `POST /{type}/$validate`: what is said of a resource; nothing is stored.
//!
//! <http://hl7.org/fhir/R4/resource-operation-validate.html>

use super::Endpoint;
use super::query::Query;
use crate::error::Error;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;

/// Judges the resource in the body: the resource itself, or a `Parameters` with one `resource`.
pub fn validate(
    endpoint: &Endpoint,
    resource_type: ResourceType,
    query: Query,
    body: &[u8],
) -> Result<Vec<Issue>, Error> {
    let issues = query.leftovers("_format, _pretty");
    if !issues.is_empty() {
        return Err(Error::of(issues));
    }
    Ok(endpoint.validator.judge_parameters(resource_type, body).issues)
}
