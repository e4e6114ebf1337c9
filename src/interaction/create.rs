//! `POST /{type}`, with `If-None-Exist`. <http://hl7.org/fhir/R4/http.html#create>

use axum::body::Bytes;

use super::endpoint::{Endpoint, RequestContext};
use super::write::{Preconditions, PreparedWrite};
use super::{criterion, page};
use crate::audit::AuditDraft;
use crate::error::Error;
use crate::fhir::query::Query;
use crate::fhir::resource_type::ResourceType;
use crate::sas::identity::Target;

/// A request to create a resource.
pub struct Create<'a> {
    pub resource_type: ResourceType,
    pub query: Query,
    /// The header `If-None-Exist`.
    pub if_none_exist: Option<&'a str>,
    pub preconditions: Preconditions,
    pub body: Bytes,
}

impl Create<'_> {
    /// Validates the request. The write creates the resource, unless `If-None-Exist` designates an existing one.
    pub async fn prepare(
        self,
        endpoint: &Endpoint,
        context: &RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<PreparedWrite, Error> {
        let Self { resource_type, query, if_none_exist, preconditions, body } = self;
        let mut issues = page::unknown_parameters(&query, "_format, _pretty");
        let criterion = match if_none_exist.map(|header| criterion::parse_if_none_exist(resource_type, header)) {
            Some(Ok(criterion)) => Some(criterion),
            Some(Err(issue)) => {
                issues.push(issue);
                None
            }
            None => None,
        };
        if let Some(token) = &criterion {
            audit.add_token(token);
        }
        let body = endpoint.validate_body(context, audit, resource_type, body).await?.accepted(context, issues).await?;
        endpoint.prepare_write(context, audit, resource_type, Target::New(criterion), body, preconditions).await
    }
}
