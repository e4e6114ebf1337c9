//! One exchange: what the client wants is negotiated, the body read, the interaction carried out.

use axum::body::Body;
use axum::extract::{RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;

use super::body::{self, Expected};
use super::media_type::fhir_json;
use super::negotiation::{self, preferred_return};
use super::observe::Observed;
use super::origin::Origin;
use super::{State, authorisation, outcome, response};
use crate::error::Error;
use crate::fhir::bundle::Bundle;
use crate::fhir::resource_type::ResourceType;
use crate::fhir::version::EntityTags;
use crate::interaction::query::Query;
use crate::interaction::{
    Exchange, Interaction, Preconditions, capabilities, create, history, read, search, update, validate,
};
use crate::issue::Issue;
use crate::issue::catalogue::{HTTP_HEADER, HTTP_IF_NONE_EXIST};
use crate::record::Trace;

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
        (Ok(()), None) => about_the_endpoint(&parts),
        (Ok(()), Some(resource_type)) => {
            about_resources(state, interaction, resource_type, parameters, &parts, &mut body).await
        }
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => outcome::refused(&error, &parts.headers, body, &state.admission.bounds).await,
    };
    let resource_type = resource_type.map(ResourceType::as_str);
    response.extensions_mut().insert(Observed { interaction: interaction.as_str(), resource_type });
    response
}

/// What the interaction needs to know of the request that is not about the resource.
fn of(parts: &Parts) -> Result<Exchange, Error> {
    let origin = parts.extensions.get::<Origin>();
    let origin = origin.ok_or_else(|| Error::internal("a request of unknown origin"))?;
    let trace = parts.extensions.get::<Trace>();
    let trace = trace.ok_or_else(|| Error::internal("a request without a trace"))?;
    Ok(Exchange { base_url: origin.base_url.clone(), trace: trace.clone() })
}

fn about_the_endpoint(parts: &Parts) -> Result<Response, Error> {
    let query = negotiated_query(parts)?;
    let statement = capabilities::capabilities(&of(parts)?, &query)?;
    Ok(fhir_json(StatusCode::OK, Body::from(statement.to_string())))
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
    let exchange = of(parts)?;
    let headers = &parts.headers;
    // A path that cannot be decoded is the path of nothing.
    let parameters = parameters.ok_or(Error::NotFound)?;
    let parameter = |name: &str| parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    let query = negotiated_query(parts)?;
    let admission = &state.admission;
    let resource = async |body| {
        let body = body::read(headers, body, Expected::Resource, &admission.bounds).await?;
        Ok::<_, Error>((body, admission.place()?))
    };
    let written = |written| {
        let language = negotiation::language(headers);
        response::written(&exchange.base_url, resource_type, written, preferred_return(headers), language)
    };
    match interaction {
        Interaction::Capabilities => about_the_endpoint(parts),
        Interaction::Create => {
            let (preconditions, if_none_exist) = (preconditions(headers)?, if_none_exist(headers)?);
            if if_none_exist.is_some() {
                // It is a search as well: the resource that is found is what is answered.
                let needed = authorisation::needed(Interaction::Search, Some(resource_type));
                admission.authorise(&parts.extensions, needed)?;
            }
            let (body, _place) = resource(body).await?;
            create::create(endpoint, &exchange, resource_type, query, if_none_exist, preconditions, &body)
                .await
                .map(written)
        }
        Interaction::ConditionalUpdate => {
            let preconditions = preconditions(headers)?;
            let (body, _place) = resource(body).await?;
            update::update_by_identifier(endpoint, &exchange, resource_type, query, preconditions, &body)
                .await
                .map(written)
        }
        Interaction::Update => {
            let preconditions = preconditions(headers)?;
            let (body, _place) = resource(body).await?;
            update::update(endpoint, &exchange, resource_type, parameter("id"), query, preconditions, &body)
                .await
                .map(written)
        }
        Interaction::Read => {
            let _place = admission.place()?;
            let version = read::read(endpoint, &exchange, resource_type, parameter("id"), query).await?;
            Ok(response::version(version, entity_tags(headers, &header::IF_NONE_MATCH)?))
        }
        Interaction::Vread => {
            let _place = admission.place()?;
            let version =
                read::vread(endpoint, &exchange, resource_type, parameter("id"), parameter("vid"), query).await?;
            Ok(response::version(version, entity_tags(headers, &header::IF_NONE_MATCH)?))
        }
        Interaction::History => {
            let _place = admission.place()?;
            bundle(history::history(endpoint, &exchange, resource_type, parameter("id"), query).await?)
        }
        Interaction::Search => {
            let _place = admission.place()?;
            bundle(search::search(endpoint, &exchange, resource_type, query).await?)
        }
        Interaction::SearchByPost => {
            let form = body::read(headers, body, Expected::Form, &admission.bounds).await?;
            let _place = admission.place()?;
            let mut form = parsed_query(std::str::from_utf8(&form).unwrap_or("%"))?;
            negotiation::format(headers, &mut form)?;
            bundle(search::search(endpoint, &exchange, resource_type, query.and(form)).await?)
        }
        Interaction::Validate => {
            let (body, _place) = resource(body).await?;
            let issues = validate::validate(endpoint, &exchange, resource_type, query, &body).await?;
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
    Query::parse(text).map_err(|issue| Error::of(vec![issue]))
}

fn bundle(bundle: Bundle) -> Result<Response, Error> {
    let text = bundle.into_text().map_err(Error::internal)?;
    Ok(fhir_json(StatusCode::OK, Body::from(text)))
}

fn preconditions(headers: &HeaderMap) -> Result<Preconditions, Error> {
    Ok(Preconditions {
        if_match: entity_tags(headers, &header::IF_MATCH)?,
        if_none_match: entity_tags(headers, &header::IF_NONE_MATCH)?,
    })
}

fn entity_tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<EntityTags>, Error> {
    let malformed = || {
        let issue = Issue::new(&HTTP_HEADER, format!("http.{}", title(name)));
        Error::of(vec![issue.with("found", title(name)).with("expected", "W/\"1\"")])
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
