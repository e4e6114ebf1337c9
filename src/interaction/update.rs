//! `PUT /{type}?identifier=…` and `PUT /{type}/{id}`. An unknown resource is created.
//!
//! <http://hl7.org/fhir/R4/http.html#cond-update>, <http://hl7.org/fhir/R4/http.html#update>

use axum::body::Bytes;
use serde_json::Value;

use super::endpoint::{Endpoint, RequestContext};
use super::write::{Preconditions, PreparedWrite};
use super::{criterion, page};
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::id::Id;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::issue::Issue;
use crate::issue::catalogue::{BODY_ID_MISMATCH, BODY_ID_MISSING};
use crate::profile::primitive;
use crate::sas::identity::Target;

/// A request to update the resource that the criterion in the query designates.
pub struct ConditionalUpdate {
    pub resource_type: ResourceType,
    pub query: Query,
    pub preconditions: Preconditions,
    pub body: Bytes,
}

impl ConditionalUpdate {
    /// Validates the request. The write updates, or creates, the resource.
    pub async fn prepare(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<PreparedWrite, Error> {
        let Self { resource_type, query, preconditions, body } = self;
        audit.add_query(query.iter());
        let criterion = criterion::parse_update_criterion(resource_type, query, endpoint.validator.validation());
        let body = endpoint.validate_body(context, audit, resource_type, body).await?;
        let body = body.accepted(context, criterion.issues).await?;
        // Without a token there was an error among the issues.
        let token = criterion.token.ok_or_else(|| Error::internal("a criterion without identifier went unnoticed"))?;
        endpoint.prepare_write(context, audit, resource_type, Target::Identifier(token), body, preconditions).await
    }
}

/// A request to update the resource with an id.
pub struct Update<'a> {
    pub resource_type: ResourceType,
    /// As in the path.
    pub id: &'a str,
    pub query: Query,
    pub preconditions: Preconditions,
    pub body: Bytes,
}

impl Update<'_> {
    /// Validates the request. The write updates, or creates, the resource.
    pub async fn prepare(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<PreparedWrite, Error> {
        let Self { resource_type, id, query, preconditions, body } = self;
        let mut issues = page::unknown_parameters(&query, "_format, _pretty");
        let parsed = Id::parse(id);
        if parsed.is_none() {
            issues.push(primitive("id", "http.path"));
        }
        let body = endpoint.validate_body(context, audit, resource_type, body).await?;
        let expression = format!("{resource_type}.id");
        match body.result.received.as_ref().map(|received| received.value.get("id")) {
            Some(None) => issues.push(Issue::new(&BODY_ID_MISSING, expression)),
            Some(Some(Value::String(own))) if own != id => issues.push(Issue::new(&BODY_ID_MISMATCH, expression)),
            // Equal; or the body is no JSON, or its id no text: there is an issue already.
            _ => {}
        }
        let body = body.accepted(context, issues).await?;
        // Without an id there was an error among the issues.
        let id = parsed.ok_or_else(|| Error::internal("a malformed id went unnoticed"))?;
        endpoint.prepare_write(context, audit, resource_type, Target::Id(id), body, preconditions).await
    }
}
