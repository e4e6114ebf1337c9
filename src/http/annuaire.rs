//! The directory's API over HTTP: from a request to the search, and from its result to the response.
//!
//! `Accept` and `_format` are ignored, as by the national directory: a client of that API never gets 406.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::admission::Admission;
use super::body::{self, Expected};
use super::http_error::HttpError;
use super::injection::Injection;
use super::media_type::fhir_json;
use super::observe::AuditLoan;
use super::origin::Origin;
use super::{authorisation, negotiation, outcome, recorder, response};
use crate::access::right::Requirement;
use crate::annuaire::api::{Directory, Interaction, PageCursor, ROUTES};
use crate::annuaire::search::query::{SearchQuery, parse_read_subset, too_large, unsupported};
use crate::audit::AuditDraft;
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::query::value::is_blank;
use crate::fhir::query::{Query, QueryError, retain_encoded};
use crate::fhir::route::Route;
use crate::interaction::capabilities::take_mode;

/// The state that requests share.
pub struct State {
    pub directory: Directory,
    pub admission: Arc<Admission>,
}

/// A request for the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DirectoryRequest<'a> {
    Capabilities,
    NextPage,
    Search(DirectoryType),
    SearchByPost(DirectoryType),
    Read(DirectoryType, &'a str),
}

impl DirectoryRequest<'_> {
    fn resource_type(self) -> Option<DirectoryType> {
        match self {
            Self::Capabilities | Self::NextPage => None,
            Self::Search(resource_type) | Self::SearchByPost(resource_type) | Self::Read(resource_type, _) => {
                Some(resource_type)
            }
        }
    }
}

/// Answers a request whose path below the base is this one.
pub async fn handle_annuaire(state: &State, path: &str, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let bounds = &state.admission.bounds;
    let mut audit = match AuditLoan::borrow(&parts.extensions) {
        Ok(audit) => audit,
        Err(error) => return outcome::refused(&error.into(), &parts, body, bounds).await,
    };
    let injection = Injection::new(&state.admission.faults, &parts);
    let answered = async {
        let request = parse_request(&parts.method, path);
        let required = match request {
            Ok((Interaction::Capabilities, _)) => Requirement::Metadata,
            Ok(_) => authorisation::DIRECTORY,
            Err(_) => Requirement::Authenticated,
        };
        if let Ok((interaction, request)) = &request {
            audit.set_interaction(interaction.as_str(), request.resource_type().map(DirectoryType::as_str));
        }
        state.admission.authorise(&parts.extensions, required)?;
        let (_, request) = request?;
        let answer = answer(state, request, &parts, &mut body, &injection, &mut audit).await?;
        Ok(match request {
            DirectoryRequest::Capabilities => response::statement(answer, &parts.headers),
            _ => fhir_json(StatusCode::OK, Body::from(answer)),
        })
    };
    let response = match answered.await {
        Ok(response) => response,
        Err(error) => outcome::refused(&error, &parts, body, bounds).await,
    };
    injection.finish(response, &mut audit).await
}

/// The request of a method on a path, and its interaction: that of the first path of [`ROUTES`] that matches.
fn parse_request<'a>(method: &Method, path: &'a str) -> Result<(Interaction, DirectoryRequest<'a>), HttpError> {
    // No path has more than two segments.
    let segments: Vec<_> = path.split('/').take(3).collect();
    let pattern = ROUTES.iter().map(|route| route.path).find(|pattern| matches_pattern(pattern, &segments));
    let pattern = pattern.ok_or(HttpError::UnknownPath)?;
    // An unknown type takes precedence over a method that is not allowed.
    let resource_type = if pattern.starts_with("/{type}") { Some(parse_type(segments[0])?) } else { None };
    let routes = ROUTES.iter().filter(|route| route.path == pattern);
    let name = if method == Method::HEAD { "GET" } else { method.as_str() };
    let Some(route) = routes.clone().find(|route| route.method == name) else {
        let allowed = routes.map(Route::allowed_methods).collect::<Vec<_>>().join(", ");
        return Err(HttpError::MethodNotAllowed { method: method.to_string(), allowed });
    };
    let request = match (route.interaction, resource_type) {
        (Interaction::Capabilities, _) => DirectoryRequest::Capabilities,
        (Interaction::NextPage, _) => DirectoryRequest::NextPage,
        (Interaction::Search, Some(resource_type)) => DirectoryRequest::Search(resource_type),
        (Interaction::SearchByPost, Some(resource_type)) => DirectoryRequest::SearchByPost(resource_type),
        (Interaction::Read, Some(resource_type)) => DirectoryRequest::Read(resource_type, segments[1]),
        (Interaction::Search | Interaction::SearchByPost | Interaction::Read, None) => {
            return Err(HttpError::UnknownPath);
        }
    };
    Ok((route.interaction, request))
}

/// Whether the segments of a path are those of a pattern of [`ROUTES`]. An id begins with neither `_` nor `$`.
fn matches_pattern(pattern: &str, segments: &[&str]) -> bool {
    let parts = pattern.split('/').skip(1);
    parts.clone().count() == segments.len()
        && parts.zip(segments).all(|(part, segment)| match part {
            "{type}" => true,
            "{id}" => !segment.is_empty() && !segment.starts_with(['_', '$']),
            _ => part == *segment,
        })
}

fn parse_type(name: &str) -> Result<DirectoryType, HttpError> {
    DirectoryType::parse(name).ok_or_else(|| match name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => HttpError::UnknownDirectoryType { found: name.to_owned() },
        false => HttpError::UnknownPath,
    })
}

/// Answers the request. The type of a page is known only from its token.
async fn answer(
    state: &State,
    request: DirectoryRequest<'_>,
    parts: &Parts,
    body: &mut Body,
    injection: &Injection<'_>,
    audit: &mut AuditDraft,
) -> Result<String, HttpError> {
    let directory = &state.directory.with_base_url(&Origin::of(&parts.extensions)?.base_url);
    let language = negotiation::language(&parts.headers);
    let mut query = parsed(parts.uri.query().unwrap_or_default())?;
    if !matches!(request, DirectoryRequest::SearchByPost(_)) {
        injection.act(audit, &query, None).await?;
    }
    match request {
        DirectoryRequest::Capabilities => {
            let mut issues = vec![];
            take_mode(&mut query, &mut issues);
            if !issues.is_empty() {
                return Err(HttpError::from_issues(issues));
            }
            nothing_else(&query, "metadata", "mode, _format, _pretty")?;
            Ok(directory.capabilities(state.admission.authentication()))
        }
        DirectoryRequest::NextPage => {
            let id = query.take("id").into_iter().next().unwrap_or_default();
            nothing_else(&query, "_page", "id, _format, _pretty")?;
            let cursor = directory.resume(&id)?;
            audit.set_interaction(Interaction::NextPage.as_str(), Some(cursor.resource_type.as_str()));
            next_page(state, directory, cursor, parts, audit).await
        }
        DirectoryRequest::Search(resource_type) => {
            audit.add_query(query.iter());
            let query = search_query(parts, resource_type, query)?;
            let own_url = self_url(directory, resource_type, parts, &query);
            let deadline = state.admission.permit(Workload::Directory).await?;
            let directory = directory.until(&deadline);
            Ok(deadline.limit(directory.search(resource_type, query, &own_url, language)).await?)
        }
        DirectoryRequest::SearchByPost(resource_type) => {
            let query = within_bounds(query.append(form(state, parts, body).await?))?;
            injection.act(audit, &query, None).await?;
            let deadline = state.admission.permit(Workload::Directory).await?;
            let directory = directory.until(&deadline);
            let own_url = format!("{}/{resource_type}", directory.base_url());
            audit.add_query(query.iter());
            let query = search_query(parts, resource_type, query)?;
            Ok(deadline.limit(directory.search(resource_type, query, &own_url, language)).await?)
        }
        DirectoryRequest::Read(resource_type, id) => {
            let subset = parse_read_subset(resource_type, &query)?;
            let deadline = state.admission.permit(Workload::Reads).await?;
            let directory = directory.for_lookups(&deadline);
            let id = percent_decode_str(id).decode_utf8_lossy();
            let found = deadline.limit(directory.read(resource_type, &id, &subset)).await?;
            audit.set_found(&id, None);
            Ok(found)
        }
    }
}

/// The parameters in the body of a search.
async fn form(state: &State, parts: &Parts, body: &mut Body) -> Result<Query, HttpError> {
    let form = body::read(&parts.headers, body, Expected::Form, &state.admission.bounds).await?;
    recorder::note_form(&parts.extensions, &form);
    parsed(std::str::from_utf8(&form).unwrap_or("%"))
}

/// The page after this cursor.
async fn next_page(
    state: &State,
    directory: &Directory,
    cursor: PageCursor,
    parts: &Parts,
    audit: &mut AuditDraft,
) -> Result<String, HttpError> {
    audit.add_query(cursor.parameters.iter());
    let deadline = state.admission.permit(Workload::Directory).await?;
    let directory = directory.until(&deadline);
    let own_url = format!("{}/_page?{}", directory.base_url(), parts.uri.query().unwrap_or_default());
    Ok(deadline.limit(directory.next_page(cursor, &own_url, negotiation::language(&parts.headers))).await?)
}

/// The query without the parameters that choose the format.
fn parsed(text: &str) -> Result<Query, HttpError> {
    let mut query = within_bounds(Query::parse(text))?;
    query.take("_format");
    query.take("_pretty");
    Ok(query)
}

fn within_bounds(query: Result<Query, QueryError>) -> Result<Query, HttpError> {
    query.map_err(|error| HttpError::from_issues(vec![error.issue(too_large)]))
}

/// Refuses unknown parameters of a request that is no search.
fn nothing_else(query: &Query, place: &str, expected: &str) -> Result<(), HttpError> {
    let issues: Vec<_> = query.iter().map(|(name, _)| unsupported(place, name, expected)).collect();
    if issues.is_empty() { Ok(()) } else { Err(HttpError::from_issues(issues)) }
}

/// The search of a query.
fn search_query(parts: &Parts, resource_type: DirectoryType, query: Query) -> Result<SearchQuery, Error> {
    SearchQuery::new(resource_type, query, negotiation::is_lenient(&parts.headers))
}

/// The URL of a search as received, with our base and without ignored parameters.
fn self_url(directory: &Directory, resource_type: DirectoryType, parts: &Parts, query: &SearchQuery) -> String {
    let SearchQuery { parameters, .. } = query;
    let query = retain_encoded(parts.uri.query().unwrap_or_default(), |name, value| {
        let is_format = matches!(name, "_format" | "_pretty") && !is_blank(value);
        is_format || parameters.iter().any(|parameter| parameter == (name, value))
    });
    let url = format!("{}/{resource_type}", directory.base_url());
    if query.is_empty() { url } else { format!("{url}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_route_method_and_path_ask_for_one_thing() {
        for (method, path, expected) in [
            (Method::GET, "metadata", DirectoryRequest::Capabilities),
            (Method::GET, "_page", DirectoryRequest::NextPage),
            (Method::HEAD, "Device", DirectoryRequest::Search(DirectoryType::Device)),
            (Method::POST, "Device", DirectoryRequest::SearchByPost(DirectoryType::Device)),
            (Method::POST, "Organization/_search", DirectoryRequest::SearchByPost(DirectoryType::Organization)),
            (Method::GET, "Practitioner/003-1", DirectoryRequest::Read(DirectoryType::Practitioner, "003-1")),
        ] {
            assert_eq!(parse_request(&method, path).expect("served").1, expected, "{method} {path}");
        }
        for (method, path, allowed) in [
            (Method::PUT, "Practitioner/1", "GET, HEAD"),
            (Method::DELETE, "Practitioner", "GET, HEAD, POST"),
            (Method::GET, "Practitioner/_search", "POST"),
            (Method::POST, "_page", "GET, HEAD"),
        ] {
            let error = parse_request(&method, path).expect_err("not served");
            assert!(matches!(error, HttpError::MethodNotAllowed { allowed: told, .. } if told == allowed), "{path}");
        }
        for path in ["Patient", "Patient/1", "practitioner", "Patient/_search", "Practitioners/1"] {
            let error = parse_request(&Method::GET, path).expect_err("unknown");
            assert!(matches!(error, HttpError::UnknownDirectoryType { .. }), "{path}");
        }
        for path in ["", "_history", "$export", "Practitioner/", "Practitioner/_history", "Practitioner/1/_history"] {
            assert!(matches!(parse_request(&Method::GET, path), Err(HttpError::UnknownPath)), "{path}");
        }
    }
}
