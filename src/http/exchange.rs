//! One exchange: what the client wants is negotiated, the body read, the interaction carried out.

use axum::body::Body;
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
use super::{State, authorisation, outcome, response};
use crate::audit::Trace;
use crate::deadline::Deadline;
use crate::error::{Error, Workload};
use crate::fhir::bundle::Bundle;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::{EntityTags, MAX_ENTITY_TAGS};
use crate::interaction::query::{self, Query, QueryError};
use crate::interaction::search::Handling;
use crate::interaction::{
    Exchange, Interaction, Preconditions, capabilities, create, history, read, search, update, validate,
};
use crate::issue::Issue;
use crate::issue::catalogue::{HTTP_HEADER, HTTP_IF_NONE_EXIST};

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
    let endpoint = &state.endpoint;
    let headers = &parts.headers;
    // A path that cannot be decoded is the path of nothing.
    let parameters = parameters.ok_or(Error::NotFound)?;
    let parameter = |name: &str| parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    let query = negotiated_query(parts)?;
    let admission = &state.admission;
    let permitted = async |workload| of(parts, admission.permit(workload).await?);
    let resource = async |body, workload| {
        let body = body::read(headers, body, Expected::Resource, &admission.bounds).await?;
        Ok::<_, Error>((body, permitted(workload).await?))
    };
    let written = |exchange: &Exchange, written| {
        let language = negotiation::language(headers);
        response::written(&exchange.base_url, resource_type, written, preferred_return(headers), language)
    };
    let handling = Handling { is_lenient: negotiation::is_lenient(headers), language: negotiation::language(headers) };
    match interaction {
        Interaction::Capabilities => about_the_endpoint(state, parts),
        Interaction::Create => {
            let (preconditions, if_none_exist) = (preconditions(headers)?, if_none_exist(headers)?);
            if if_none_exist.is_some() {
                // It is a search as well: the resource that is found is what is answered.
                let needed = authorisation::needed(Interaction::Search, Some(resource_type));
                admission.authorise(&parts.extensions, needed)?;
            }
            let (body, exchange) = resource(body, Workload::Writes).await?;
            let created = create::create(endpoint, &exchange, resource_type, query, if_none_exist, preconditions, body);
            exchange.deadline.limit(created).await.map(|created| written(&exchange, created))
        }
        Interaction::ConditionalUpdate => {
            let preconditions = preconditions(headers)?;
            let (body, exchange) = resource(body, Workload::Writes).await?;
            let updated = update::update_by_identifier(endpoint, &exchange, resource_type, query, preconditions, body);
            exchange.deadline.limit(updated).await.map(|updated| written(&exchange, updated))
        }
        Interaction::Update => {
            let preconditions = preconditions(headers)?;
            let (body, exchange) = resource(body, Workload::Writes).await?;
            let id = parameter("id");
            let updated = update::update(endpoint, &exchange, resource_type, id, query, preconditions, body);
            exchange.deadline.limit(updated).await.map(|updated| written(&exchange, updated))
        }
        Interaction::Read => {
            let exchange = permitted(Workload::Reads).await?;
            let read = read::read(endpoint, &exchange, resource_type, parameter("id"), query);
            let version = exchange.deadline.limit(read).await?;
            // A tag that is malformed is none that the client can have: fhirpy sends the bare number.
            Ok(response::version(version, entity_tags(headers, &header::IF_NONE_MATCH).unwrap_or_default()))
        }
        Interaction::Vread => {
            let exchange = permitted(Workload::Reads).await?;
            let read = read::vread(endpoint, &exchange, resource_type, parameter("id"), parameter("vid"), query);
            let version = exchange.deadline.limit(read).await?;
            Ok(response::version(version, entity_tags(headers, &header::IF_NONE_MATCH).unwrap_or_default()))
        }
        Interaction::History => {
            let exchange = permitted(Workload::Reads).await?;
            let read = history::history(endpoint, &exchange, resource_type, parameter("id"), query);
            bundle(exchange.deadline.limit(read).await?, &admission.bounds)
        }
        Interaction::Search => {
            let exchange = permitted(Workload::Searches).await?;
            let found =
                exchange.deadline.limit(search::search(endpoint, &exchange, resource_type, query, handling)).await?;
            bundle(found, &admission.bounds)
        }
        Interaction::SearchByPost => {
            let form = body::read(headers, body, Expected::Form, &admission.bounds).await?;
            let exchange = permitted(Workload::Searches).await?;
            let mut form = parsed_query(std::str::from_utf8(&form).unwrap_or("%"))?;
            negotiation::format(headers, &mut form)?;
            let query = within_bounds(query.and(form))?;
            let found =
                exchange.deadline.limit(search::search(endpoint, &exchange, resource_type, query, handling)).await?;
            bundle(found, &admission.bounds)
        }
        Interaction::Validate => {
            let (body, exchange) = resource(body, Workload::Validations).await?;
            let validated = validate::validate(endpoint, &exchange, resource_type, query, body);
            let issues = exchange.deadline.limit(validated).await?;
            Ok(outcome::of_issues(StatusCode::OK, &issues, negotiation::language(headers)))
        }
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

fn bundle(mut bundle: Bundle, bounds: &Bounds) -> Result<Response, Error> {
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
