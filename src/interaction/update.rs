//! `PUT /{type}?identifier=…` and `PUT /{type}/{id}`. An unknown resource is created.
//!
//! <http://hl7.org/fhir/R4/http.html#cond-update>, <http://hl7.org/fhir/R4/http.html#update>

use axum::body::Bytes;
use serde_json::Value;

use super::write::{Preconditions, Written};
use super::{Endpoint, Exchange, criterion, page};
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::issue::catalogue::{BODY_ID_MISMATCH, BODY_ID_MISSING};
use crate::profile::primitive;
use crate::sas::identity::Target;

/// Updates, or creates, the resource that the criterion designates.
pub async fn update_by_identifier(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    query: Query,
    preconditions: Preconditions,
    body: Bytes,
) -> Result<Written, Error> {
    exchange.trace.queried(query.iter());
    let criterion = criterion::of_update(resource_type, query, endpoint.validator.validation());
    let body = endpoint.validate_body(exchange, resource_type, body).await?.accepted(criterion.issues)?;
    // Without a token there was an error among the issues.
    let token = criterion.token.ok_or_else(|| Error::internal("a criterion without identifier went unnoticed"))?;
    endpoint.write(exchange, resource_type, Target::Identifier(token), body, preconditions).await
}

/// Updates, or creates, the resource with this id.
pub async fn update(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    id: &str,
    query: Query,
    preconditions: Preconditions,
    body: Bytes,
) -> Result<Written, Error> {
    let mut issues = page::unknown_parameters(&query, "_format, _pretty");
    let parsed = Id::parse(id);
    if parsed.is_none() {
        issues.push(primitive("id", "http.path"));
    }
    let body = endpoint.validate_body(exchange, resource_type, body).await?;
    let expression = format!("{resource_type}.id");
    match body.judged.received.as_ref().map(|received| received.value.get("id")) {
        Some(None) => issues.push(Issue::new(&BODY_ID_MISSING, expression)),
        Some(Some(Value::String(own))) if own != id => issues.push(Issue::new(&BODY_ID_MISMATCH, expression)),
        // Equal; or no JSON, or no text, which was told already.
        _ => {}
    }
    let body = body.accepted(issues)?;
    // Without an id there was an error among the issues.
    let id = parsed.ok_or_else(|| Error::internal("a malformed id went unnoticed"))?;
    endpoint.write(exchange, resource_type, Target::Id(id), body, preconditions).await
}
