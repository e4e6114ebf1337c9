//! The FHIR API over HTTP: from a request to the interaction, and from its outcome to the response.

use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;

use super::body::{self, Expected};
use super::bounds::Bounds;
use super::http_error::HttpError;
use super::injection::Injection;
use super::media_type::fhir_json;
use super::negotiation::{self, preferred_return};
use super::observe::AuditLoan;
use super::origin::Origin;
use super::state::State;
use super::{authorisation, outcome, recorder, response};
use crate::audit::AuditDraft;
use crate::error::{Error, Workload};
use crate::fhir::bundle::Bundle;
use crate::fhir::query::{Query, QueryError};
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, MAX_ENTITY_TAGS};
use crate::interaction::create::Create;
use crate::interaction::history::{History, Scope};
use crate::interaction::read::{Read, Vread};
use crate::interaction::search::SearchRequest;
use crate::interaction::update::{ConditionalUpdate, Update};
use crate::interaction::validate::Validate;
use crate::interaction::{
    Interaction, Outcome, Preconditions, PreparedWrite, RequestContext, TypeInteraction, capabilities, query_too_large,
};
use crate::issue::Issue;
use crate::issue::catalogue::{HTTP_HEADER, HTTP_IF_NONE_EXIST};

/// Answers a request.
pub async fn handle_fhir(
    state: &State,
    interaction: Interaction,
    parameters: Option<RawPathParams>,
    request: Request,
) -> Response {
    let (parts, mut body) = request.into_parts();
    let bounds = &state.admission.bounds;
    let mut audit = match AuditLoan::borrow(&parts.extensions) {
        Ok(audit) => audit,
        Err(error) => return outcome::refused(&error.into(), &parts, body, bounds).await,
    };
    let injection = Injection::new(&state.admission.faults, &parts);
    let answered = async {
        audit.set_interaction(interaction.as_str(), interaction.resource_type().map(ResourceType::as_str));
        state.admission.authorise(&parts.extensions, authorisation::requirement(interaction))?;
        match interaction {
            Interaction::Capabilities => {
                let query = negotiated_query(&parts)?;
                injection.act(&mut audit, &query, None).await?;
                capability_statement(state, &parts, query)
            }
            Interaction::HistorySystem => {
                let query = negotiated_query(&parts)?;
                injection.act(&mut audit, &query, None).await?;
                history(state, &parts, Scope::System, query, &mut audit).await
            }
            Interaction::OnType(interaction, resource_type) => {
                // A path that cannot be decoded designates nothing.
                let parameters = &parameters.ok_or(Error::NotFound)?;
                let request = TypeRequest { state, resource_type, parameters, parts: &parts, injection: &injection };
                request.run(interaction, &mut body, &mut audit).await
            }
        }
    };
    let response = match answered.await {
        Ok(response) => response,
        Err(error) => outcome::refused(&error, &parts, body, bounds).await,
    };
    injection.finish(response, &mut audit).await
}

fn capability_statement(state: &State, parts: &Parts, query: Query) -> Result<Response, HttpError> {
    let base_url = &Origin::of(&parts.extensions)?.base_url;
    let statement = capabilities::capabilities(base_url, query, state.admission.authentication())?;
    Ok(response::statement(statement.to_string(), &parts.headers))
}

/// A request about resources of one type.
struct TypeRequest<'a> {
    state: &'a State,
    resource_type: ResourceType,
    parameters: &'a RawPathParams,
    parts: &'a Parts,
    injection: &'a Injection<'a>,
}

impl TypeRequest<'_> {
    async fn run(
        &self,
        interaction: TypeInteraction,
        body: &mut Body,
        audit: &mut AuditDraft,
    ) -> Result<Response, HttpError> {
        let query = negotiated_query(self.parts)?;
        match interaction {
            TypeInteraction::Create => self.create(query, body, audit).await,
            TypeInteraction::ConditionalUpdate => self.conditional_update(query, body, audit).await,
            TypeInteraction::Update => self.update(query, body, audit).await,
            TypeInteraction::Read => self.read(query, audit).await,
            TypeInteraction::Vread => self.vread(query, audit).await,
            TypeInteraction::HistoryInstance => {
                self.injection.act(audit, &query, None).await?;
                let scope = Scope::Instance(self.resource_type, self.parameter("id"));
                history(self.state, self.parts, scope, query, audit).await
            }
            TypeInteraction::HistoryType => {
                self.injection.act(audit, &query, None).await?;
                history(self.state, self.parts, Scope::Type(self.resource_type), query, audit).await
            }
            TypeInteraction::Search => self.search(query, audit).await,
            TypeInteraction::SearchByPost => self.search_by_post(query, body, audit).await,
            TypeInteraction::Validate => self.validate(query, body, audit).await,
        }
    }

    async fn create(&self, query: Query, body: &mut Body, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        let (headers, resource_type) = (&self.parts.headers, self.resource_type);
        let (preconditions, if_none_exist) = (preconditions(headers)?, if_none_exist(headers)?);
        if if_none_exist.is_some() {
            // A conditional create is a search too: the response contains the resource that was found.
            let search = Interaction::OnType(TypeInteraction::Search, resource_type);
            self.state.admission.authorise(&self.parts.extensions, authorisation::requirement(search))?;
        }
        let body = self.read_resource(body, &query, audit).await?;
        let context = context(self.state, self.parts, Workload::Writes).await?;
        let create = Create { resource_type, query, if_none_exist, preconditions, body };
        let prepared = context.deadline.limit(create.prepare(&self.state.endpoint, &context, audit)).await?;
        self.write(prepared, context, audit).await
    }

    async fn conditional_update(
        &self,
        query: Query,
        body: &mut Body,
        audit: &mut AuditDraft,
    ) -> Result<Response, HttpError> {
        let preconditions = preconditions(&self.parts.headers)?;
        let body = self.read_resource(body, &query, audit).await?;
        let context = context(self.state, self.parts, Workload::Writes).await?;
        let update = ConditionalUpdate { resource_type: self.resource_type, query, preconditions, body };
        let prepared = context.deadline.limit(update.prepare(&self.state.endpoint, &context, audit)).await?;
        self.write(prepared, context, audit).await
    }

    async fn update(&self, query: Query, body: &mut Body, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        let preconditions = preconditions(&self.parts.headers)?;
        let body = self.read_resource(body, &query, audit).await?;
        let context = context(self.state, self.parts, Workload::Writes).await?;
        let id = self.parameter("id");
        let update = Update { resource_type: self.resource_type, id, query, preconditions, body };
        let prepared = context.deadline.limit(update.prepare(&self.state.endpoint, &context, audit)).await?;
        self.write(prepared, context, audit).await
    }

    /// Commits a write, if the vendor's software accepts it. While that is asked, the request holds no permit.
    async fn write(
        &self,
        mut prepared: PreparedWrite,
        mut context: RequestContext,
        audit: &mut AuditDraft,
    ) -> Result<Response, HttpError> {
        let endpoint = &self.state.endpoint;
        let proposal = context.deadline.limit(prepared.proposal(endpoint, &context.deadline)).await?;
        if let (Some(decision), Some(proposal)) = (&endpoint.decision, proposal) {
            context.deadline = context.deadline.without_permit();
            let asked = decision.ask(&context.deadline, &proposal, endpoint.clock.now()).await;
            asked.map_err(|error| prepared.locate_refusal(error))?;
            context.deadline = self.state.admission.permit_until(Workload::Writes, context.deadline).await?;
            prepared = prepared.accepted();
        } else if endpoint.decision.as_ref().is_some_and(|decision| !decision.refuses_undecided()) {
            // What another write meanwhile makes of a repetition is accepted, as where there is no answer.
            prepared = prepared.accepted();
        }
        let committed = context.deadline.limit(prepared.commit(endpoint, &context, audit)).await?;
        respond(self.state, self.parts, committed)
    }

    async fn read(&self, query: Query, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        self.injection.act(audit, &query, None).await?;
        let context = context(self.state, self.parts, Workload::Reads).await?;
        let read = Read { resource_type: self.resource_type, id: self.parameter("id"), query };
        respond(self.state, self.parts, context.deadline.limit(read.run(&self.state.endpoint, &context, audit)).await?)
    }

    async fn vread(&self, query: Query, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        self.injection.act(audit, &query, None).await?;
        let context = context(self.state, self.parts, Workload::Reads).await?;
        let (id, version) = (self.parameter("id"), self.parameter("vid"));
        let vread = Vread { resource_type: self.resource_type, id, version, query };
        respond(self.state, self.parts, context.deadline.limit(vread.run(&self.state.endpoint, &context, audit)).await?)
    }

    async fn search(&self, query: Query, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        self.injection.act(audit, &query, None).await?;
        let context = context(self.state, self.parts, Workload::Searches).await?;
        let is_lenient = negotiation::is_lenient(&self.parts.headers);
        let search = SearchRequest { resource_type: self.resource_type, query, is_lenient };
        respond(
            self.state,
            self.parts,
            context.deadline.limit(search.run(&self.state.endpoint, &context, audit)).await?,
        )
    }

    async fn search_by_post(
        &self,
        query: Query,
        body: &mut Body,
        audit: &mut AuditDraft,
    ) -> Result<Response, HttpError> {
        let headers = &self.parts.headers;
        let form = body::read(headers, body, Expected::Form, &self.state.admission.bounds).await?;
        recorder::note_form(&self.parts.extensions, &form);
        let mut form = parsed_query(std::str::from_utf8(&form).unwrap_or("%"))?;
        negotiation::format(headers, &mut form)?;
        self.search(within_bounds(query.append(form))?, audit).await
    }

    async fn validate(&self, query: Query, body: &mut Body, audit: &mut AuditDraft) -> Result<Response, HttpError> {
        let body = self.read_resource(body, &query, audit).await?;
        let context = context(self.state, self.parts, Workload::Validations).await?;
        let validate = Validate { resource_type: self.resource_type, query, body };
        respond(
            self.state,
            self.parts,
            context.deadline.limit(validate.run(&self.state.endpoint, &context, audit)).await?,
        )
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The body of a request, before which no permit is held and behind which it is judged: an armed fault acts here.
    async fn read_resource(&self, body: &mut Body, query: &Query, audit: &mut AuditDraft) -> Result<Bytes, HttpError> {
        let resource = body::read(&self.parts.headers, body, Expected::Resource, &self.state.admission.bounds).await?;
        recorder::note_body(&self.parts.extensions, &resource);
        self.injection.act(audit, query, Some(&resource)).await?;
        Ok(resource)
    }
}

/// A page of a history.
async fn history(
    state: &State,
    parts: &Parts,
    scope: Scope<'_>,
    query: Query,
    audit: &mut AuditDraft,
) -> Result<Response, HttpError> {
    // Those of several resources may read many versions for a page, as a search does.
    let workload = match scope {
        Scope::Instance(..) => Workload::Reads,
        Scope::System | Scope::Type(_) => Workload::Searches,
    };
    let context = context(state, parts, workload).await?;
    let history = History { scope, query };
    respond(state, parts, context.deadline.limit(history.run(&state.endpoint, &context, audit)).await?)
}

/// Waits for a permit for this kind of work. To be called when the body has been read, so that a slow client
/// holds none.
async fn context(state: &State, parts: &Parts, workload: Workload) -> Result<RequestContext, HttpError> {
    let origin = Origin::of(&parts.extensions)?;
    Ok(RequestContext {
        base_url: origin.base_url.clone(),
        language: negotiation::language(&parts.headers),
        deadline: state.admission.permit(workload).await?,
    })
}

/// The response of an outcome. The request holds its permit until it is made: a page may have some MiB.
fn respond(state: &State, parts: &Parts, outcome: Outcome) -> Result<Response, HttpError> {
    let headers = &parts.headers;
    let language = negotiation::language(headers);
    match outcome {
        Outcome::Written(written) => {
            let base_url = &Origin::of(&parts.extensions)?.base_url;
            Ok(response::written(base_url, written, preferred_return(headers), language))
        }
        // A malformed entity tag matches no version, and is ignored: fhirpy sends the bare number.
        Outcome::Version(version) => {
            Ok(response::version(version, entity_tags(headers, &header::IF_NONE_MATCH).unwrap_or_default()))
        }
        Outcome::Bundle(bundle) => bundle_response(bundle, &state.admission.bounds),
        Outcome::Issues(issues) => Ok(outcome::of_issues(StatusCode::OK, &issues, language)),
    }
}

/// The query without the parameters that only choose the format.
fn negotiated_query(parts: &Parts) -> Result<Query, HttpError> {
    let mut query = parsed_query(parts.uri.query().unwrap_or_default())?;
    negotiation::format(&parts.headers, &mut query)?;
    Ok(query)
}

pub(super) fn parsed_query(text: &str) -> Result<Query, HttpError> {
    within_bounds(Query::parse(text))
}

fn within_bounds(query: Result<Query, QueryError>) -> Result<Query, HttpError> {
    query.map_err(|error| HttpError::from_issues(vec![error.issue(query_too_large)]))
}

fn bundle_response(mut bundle: Bundle, bounds: &Bounds) -> Result<Response, HttpError> {
    // Links are escaped, and may be longer than the URL of the request; those of a `_search` contain its form.
    if !bundle.keep_links_within(bounds.max_url) {
        return Err(HttpError::UrlTooLong { limit: bounds.max_url });
    }
    let text = bundle.into_text().map_err(HttpError::internal)?;
    Ok(fhir_json(StatusCode::OK, Body::from(text)))
}

fn preconditions(headers: &HeaderMap) -> Result<Preconditions, HttpError> {
    Ok(Preconditions {
        if_match: entity_tags(headers, &header::IF_MATCH)?,
        if_none_match: entity_tags(headers, &header::IF_NONE_MATCH)?,
        if_unmodified_since: date(headers, &header::IF_UNMODIFIED_SINCE),
    })
}

/// The date in a header. A value that is not a date is ignored, as RFC 9110 requires of conditions.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(value.to_str().ok()?).ok()?.try_into().ok()
}

fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EntityTags>, HttpError> {
    let malformed = || {
        let issue = Issue::new(&HTTP_HEADER, format!("http.{}", title(name)));
        HttpError::from_issues(vec![
            issue.with("found", title(name)).with("expected", format!("W/\"1\" (≤ {MAX_ENTITY_TAGS})")),
        ])
    };
    let values = headers.get_all(name).iter().map(|value| value.to_str());
    let values = values.collect::<Result<Vec<_>, _>>().map_err(|_| malformed())?;
    if values.is_empty() {
        return Ok(None);
    }
    EntityTags::parse(&values.join(",")).map(Some).ok_or_else(malformed)
}

/// The usual form of a header name: `If-Match` for `if-match`.
fn title(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    words.collect::<Vec<_>>().join("-")
}

fn if_none_exist(headers: &HeaderMap) -> Result<Option<&str>, HttpError> {
    let mut values = headers.get_all("if-none-exist").iter();
    let malformed = || HttpError::from_issues(vec![Issue::new(&HTTP_IF_NONE_EXIST, "http.If-None-Exist")]);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| malformed()),
        (Some(_), Some(_)) => Err(malformed()),
    }
}
