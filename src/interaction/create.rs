//! `POST /{type}`, with `If-None-Exist`. <http://hl7.org/fhir/R4/http.html#create>

use axum::body::Bytes;

use super::write::{Preconditions, Written};
use super::{Endpoint, Exchange, criterion, page};
use crate::error::Error;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::sas::identity::Target;

/// Creates a resource, unless `if_none_exist` already designates one.
pub async fn create(
    endpoint: &Endpoint,
    exchange: &Exchange,
    resource_type: ResourceType,
    query: Query,
    if_none_exist: Option<&str>,
    preconditions: Preconditions,
    body: Bytes,
) -> Result<Written, Error> {
    let mut issues = page::unknown_parameters(&query, "_format, _pretty");
    let criterion = match if_none_exist.map(|header| criterion::of_create(resource_type, header)).transpose() {
        Ok(criterion) => criterion,
        Err(issue) => {
            issues.push(issue);
            None
        }
    };
    if let Some(token) = &criterion {
        exchange.trace.names(token);
    }
    let body = endpoint.validate_body(exchange, resource_type, body).await?.accepted(issues)?;
    endpoint.write(exchange, resource_type, Target::New(criterion), body, preconditions).await
}
