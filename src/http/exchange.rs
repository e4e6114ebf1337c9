//! One exchange: what the client wants is negotiated, the body read, the interaction carried out.

use axum::body::{Body, Bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;

use super::body::{self, Expected};
use super::bounds::Bounds;
use super::media_type::fhir_json;
use super::negotiation::{self, preferred_return};
use super::observe::Observed;
use super::origin::Origin;
use super::state::State;
use super::{authorisation, outcome, response};
use crate::audit::Trace;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::bundle::Bundle;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, MAX_ENTITY_TAGS};
use crate::interaction::query::{self, Query, QueryError};
use crate::interaction::search::Handling;
use crate::interaction::{
    Exchange, Interaction, Preconditions, Written, capabilities, create, history, read, search, update, validate,
};
use crate::issue::Issue;
use crate::issue::catalogue::{HTTP_HEADER, HTTP_IF_NONE_EXIST};
use crate::storage::StoredVersion;

/// Answers a request, whatever becomes of it.
pub async fn exchange(
    state: &State,
    interaction: Interaction,
    resource_type: Option<ResourceType>,
    parameters: Option<RawPathParams>,
    request: Request,
) -> Response {
    let (parts, mut body) = request.into_parts();
    if let Some(trace) = parts.extensions.get::<Trace>() {
        trace.asks(interaction.as_str(), resource_type.map(ResourceType::as_str));
    }
    let needed = authorisation::needed(interaction, resource_type);
    let answer = match (state.admission.authorise(&parts.extensions, needed), resource_type) {
        (Err(error), _) => Err(error),
        (Ok(()), None) => about_the_endpoint(state, &parts),
        (Ok(()), Some(resource_type)) => {
            about_resources(state, interaction, resource_type, parameters, &parts, &mut body).await
        }
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => outcome::refused(&error, &parts, body, &state.admission.bounds).await,
    };
    let resource_type = resource_type.map(ResourceType::as_str);
    response.extensions_mut().insert(Observed { interaction: interaction.as_str(), resource_type });
    response
}

/// What the interaction needs to know of the request that is not about the resource.
fn of(parts: &Parts, deadline: Deadline) -> Result<Exchange, Error> {
    let origin = parts.extensions.get::<Origin>();
    let origin = origin.ok_or_else(|| Error::internal("a request of unknown origin"))?;
    let trace = parts.extensions.get::<Trace>();
    let trace = trace.ok_or_else(|| Error::internal("a request without a trace"))?;
    Ok(Exchange { base_url: origin.base_url.clone(), trace: trace.clone(), deadline })
}

fn about_the_endpoint(state: &State, parts: &Parts) -> Result<Response, Error> {
    let query = negotiated_query(parts)?;
    let statement = capabilities::capabilities(&of(parts, Deadline::none())?, query, state.admission.authentication())?;
    Ok(response::statement(statement.to_string(), &parts.headers))
}

async fn about_resources(
    state: &State,
    interaction: Interaction,
    resource_type: ResourceType,
    parameters: Option<RawPathParams>,
    parts: &Parts,
    body: &mut Body,
) -> Result<Response, Error> {
    // A path that cannot be decoded is the path of nothing.
    let parameters = &parameters.ok_or(Error::NotFound)?;
    let query = negotiated_query(parts)?;
    let request = TypeRequest { state, resource_type, parameters, parts };
    match interaction {
        Interaction::Capabilities => about_the_endpoint(state, parts),
        Interaction::Create => request.create(query, body).await,
        Interaction::ConditionalUpdate => request.update_by_identifier(query, body).await,
        Interaction::Update => request.update(query, body).await,
        Interaction::Read => request.read(query).await,
        Interaction::Vread => request.vread(query).await,
        Interaction::History => request.history(query).await,
        Interaction::Search => request.search(query).await,
        Interaction::SearchByPost => request.search_by_post(query, body).await,
        Interaction::Validate => request.validate(query, body).await,
    }
}

/// A request about resources of one type.
struct TypeRequest<'a> {
    state: &'a State,
    resource_type: ResourceType,
    parameters: &'a RawPathParams,
    parts: &'a Parts,
}

impl TypeRequest<'_> {
    async fn create(&self, query: Query, body: &mut Body) -> Result<Response, Error> {
        let headers = &self.parts.headers;
        let (preconditions, if_none_exist) = (preconditions(headers)?, if_none_exist(headers)?);
        if if_none_exist.is_some() {
            // It is a search as well: the resource that is found is what is answered.
            let needed = authorisation::needed(Interaction::Search, Some(self.resource_type));
            self.state.admission.authorise(&self.parts.extensions, needed)?;
        }
        let (body, exchange) = self.read_body(body, Workload::Writes).await?;
        let (endpoint, resource_type) = (&self.state.endpoint, self.resource_type);
        let created = create::create(endpoint, &exchange, resource_type, query, if_none_exist, preconditions, body);
        exchange.deadline.limit(created).await.map(|created| self.written(&exchange, created))
    }

    async fn update_by_identifier(&self, query: Query, body: &mut Body) -> Result<Response, Error> {
        let preconditions = preconditions(&self.parts.headers)?;
        let (body, exchange) = self.read_body(body, Workload::Writes).await?;
        let (endpoint, resource_type) = (&self.state.endpoint, self.resource_type);
        let updated = update::update_by_identifier(endpoint, &exchange, resource_type, query, preconditions, body);
        exchange.deadline.limit(updated).await.map(|updated| self.written(&exchange, updated))
    }

    async fn update(&self, query: Query, body: &mut Body) -> Result<Response, Error> {
        let preconditions = preconditions(&self.parts.headers)?;
        let (body, exchange) = self.read_body(body, Workload::Writes).await?;
        let (endpoint, resource_type, id) = (&self.state.endpoint, self.resource_type, self.parameter("id"));
        let updated = update::update(endpoint, &exchange, resource_type, id, query, preconditions, body);
        exchange.deadline.limit(updated).await.map(|updated| self.written(&exchange, updated))
    }

    async fn read(&self, query: Query) -> Result<Response, Error> {
        let exchange = self.permitted(Workload::Reads).await?;
        let (endpoint, resource_type, id) = (&self.state.endpoint, self.resource_type, self.parameter("id"));
        let read = read::read(endpoint, &exchange, resource_type, id, query);
        Ok(self.version(exchange.deadline.limit(read).await?))
    }

    async fn vread(&self, query: Query) -> Result<Response, Error> {
        let exchange = self.permitted(Workload::Reads).await?;
        let (endpoint, resource_type) = (&self.state.endpoint, self.resource_type);
        let (id, version) = (self.parameter("id"), self.parameter("vid"));
        let read = read::vread(endpoint, &exchange, resource_type, id, version, query);
        Ok(self.version(exchange.deadline.limit(read).await?))
    }

    async fn history(&self, query: Query) -> Result<Response, Error> {
        let exchange = self.permitted(Workload::Reads).await?;
        let (endpoint, resource_type, id) = (&self.state.endpoint, self.resource_type, self.parameter("id"));
        let read = history::history(endpoint, &exchange, resource_type, id, query);
        self.bundle(exchange.deadline.limit(read).await?)
    }

    async fn search(&self, query: Query) -> Result<Response, Error> {
        let headers = &self.parts.headers;
        let handling =
            Handling { is_lenient: negotiation::is_lenient(headers), language: negotiation::language(headers) };
        let exchange = self.permitted(Workload::Searches).await?;
        let found = search::search(&self.state.endpoint, &exchange, self.resource_type, query, handling);
        self.bundle(exchange.deadline.limit(found).await?)
    }

    async fn search_by_post(&self, query: Query, body: &mut Body) -> Result<Response, Error> {
        let headers = &self.parts.headers;
        let form = body::read(headers, body, Expected::Form, &self.state.admission.bounds).await?;
        let mut form = parsed_query(std::str::from_utf8(&form).unwrap_or("%"))?;
        negotiation::format(headers, &mut form)?;
        self.search(within_bounds(query.and(form))?).await
    }

    async fn validate(&self, query: Query, body: &mut Body) -> Result<Response, Error> {
        let (body, exchange) = self.read_body(body, Workload::Validations).await?;
        let validated = validate::validate(&self.state.endpoint, &exchange, self.resource_type, query, body);
        let issues = exchange.deadline.limit(validated).await?;
        Ok(outcome::of_issues(StatusCode::OK, &issues, negotiation::language(&self.parts.headers)))
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// Waits for a permit of this kind.
    async fn permitted(&self, workload: Workload) -> Result<Exchange, Error> {
        of(self.parts, self.state.admission.permit(workload).await?)
    }

    /// Reads the body, and then waits for a permit of this kind.
    async fn read_body(&self, body: &mut Body, workload: Workload) -> Result<(Bytes, Exchange), Error> {
        let bounds = &self.state.admission.bounds;
        let body = body::read(&self.parts.headers, body, Expected::Resource, bounds).await?;
        Ok((body, self.permitted(workload).await?))
    }

    fn written(&self, exchange: &Exchange, written: Written) -> Response {
        let headers = &self.parts.headers;
        let (prefer, language) = (preferred_return(headers), negotiation::language(headers));
        response::written(&exchange.base_url, self.resource_type, written, prefer, language)
    }

    fn version(&self, version: StoredVersion) -> Response {
        // A tag that is malformed is none that the client can have: fhirpy sends the bare number.
        response::version(version, entity_tags(&self.parts.headers, &header::IF_NONE_MATCH).unwrap_or_default())
    }

    fn bundle(&self, bundle: Bundle) -> Result<Response, Error> {
        bundle_response(bundle, &self.state.admission.bounds)
    }
}

/// The query without the parameters that only choose the format.
fn negotiated_query(parts: &Parts) -> Result<Query, Error> {
    let mut query = parsed_query(parts.uri.query().unwrap_or_default())?;
    negotiation::format(&parts.headers, &mut query)?;
    Ok(query)
}

fn parsed_query(text: &str) -> Result<Query, Error> {
    within_bounds(Query::parse(text))
}

fn within_bounds(query: Result<Query, QueryError>) -> Result<Query, Error> {
    query.map_err(|error| Error::of(vec![error.issue(query::too_large)]))
}

fn bundle_response(mut bundle: Bundle, bounds: &Bounds) -> Result<Response, Error> {
    // Links are escaped, and may be longer than the request was; those of a form stand for its body.
    if !bundle.keep_links_within(bounds.max_url) {
        return Err(Error::UrlTooLong { limit: bounds.max_url });
    }
    let text = bundle.into_text().map_err(Error::internal)?;
    Ok(fhir_json(StatusCode::OK, Body::from(text)))
}

fn preconditions(headers: &HeaderMap) -> Result<Preconditions, Error> {
    Ok(Preconditions {
        if_match: entity_tags(headers, &header::IF_MATCH)?,
        if_none_match: entity_tags(headers, &header::IF_NONE_MATCH)?,
        if_unmodified_since: date(headers, &header::IF_UNMODIFIED_SINCE),
    })
}

/// The date in a header; what is no date is ignored, as RFC 9110 asks of conditions.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(value.to_str().ok()?).ok()?.try_into().ok()
}

fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EntityTags>, Error> {
    let malformed = || {
        let issue = Issue::new(&HTTP_HEADER, format!("http.{}", title(name)));
        Error::of(vec![issue.with("found", title(name)).with("expected", format!("W/\"1\" (≤ {MAX_ENTITY_TAGS})"))])
    };
    let values = headers.get_all(name).iter().map(|value| value.to_str());
    let values = values.collect::<Result<Vec<_>, _>>().map_err(|_| malformed())?;
    if values.is_empty() {
        return Ok(None);
    }
    EntityTags::parse(&values.join(",")).map(Some).ok_or_else(malformed)
}

/// `if-match` as people write it: `If-Match`.
fn title(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| word[..1].to_ascii_uppercase() + &word[1..]);
    words.collect::<Vec<_>>().join("-")
}

fn if_none_exist(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all("if-none-exist").iter();
    let malformed = || Error::of(vec![Issue::new(&HTTP_IF_NONE_EXIST, "http.If-None-Exist")]);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| malformed()),
        (Some(_), Some(_)) => Err(malformed()),
    }
}
