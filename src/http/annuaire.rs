//! The directory's API over HTTP: what a path and a method ask for, and the answer.
//!
//! Its clients are those of the national directory, which ignores `Accept` and `_format`: so are they
//! here, and a client of that API is never told 406.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::admission::Admission;
use super::body::{self, Expected};
use super::media_type::fhir_json;
use super::observe::Observed;
use super::origin::Origin;
use super::{authorisation, negotiation, outcome, response};
use crate::access::right::Requirement;
use crate::annuaire::api::{Directory, PageCursor};
use crate::annuaire::search::query::{SearchQuery, parse_read_subset, too_large, unsupported};
use crate::audit::Trace;
use crate::error::{Error, Workload};
use crate::fhir::directory_type::DirectoryType;
use crate::fhir::identifier::is_blank;
use crate::interaction::capabilities::take_mode;
use crate::interaction::query::{Query, QueryError, retain_written};

/// What the exchanges with the directory share.
pub struct State {
    /// The directory.
    pub directory: Directory,
    /// Who may ask it what, and how much.
    pub admission: Arc<Admission>,
}

/// What is asked of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked<'a> {
    Capabilities,
    NextPage,
    Search(DirectoryType),
    SearchByPost(DirectoryType),
    Read(DirectoryType, &'a str),
}

impl Asked<'_> {
    /// The name in logs and metrics.
    fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "annuaire-capabilities",
            Self::NextPage => "annuaire-page",
            Self::Search(_) | Self::SearchByPost(_) => "annuaire-search",
            Self::Read(..) => "annuaire-read",
        }
    }

    fn needed(self) -> Requirement {
        match self {
            Self::Capabilities => Requirement::Metadata,
            Self::NextPage | Self::Search(_) | Self::SearchByPost(_) | Self::Read(..) => authorisation::DIRECTORY,
        }
    }

    fn resource_type(self) -> Option<DirectoryType> {
        match self {
            Self::Capabilities | Self::NextPage => None,
            Self::Search(asked) | Self::SearchByPost(asked) | Self::Read(asked, _) => Some(asked),
        }
    }
}

/// Answers a request whose path below the base is this one.
pub async fn exchange(state: &State, path: &str, request: Request) -> Response {
    let (parts, mut body) = request.into_parts();
    let asked = asked(&parts.method, path);
    let needed = asked.as_ref().map_or(Requirement::Authenticated, |asked| asked.needed());
    let authorised = state.admission.authorise(&parts.extensions, needed);
    let (answer, observed) = match asked {
        Ok(asked) => {
            let mut resource_type = asked.resource_type();
            trace(&parts, |trace| trace.asks(asked.as_str(), resource_type.map(DirectoryType::as_str)));
            let answer = match authorised {
                Ok(()) => answer(state, asked, &parts, &mut body, &mut resource_type).await,
                Err(error) => Err(error),
            };
            let answer = answer.map(|text| match asked {
                Asked::Capabilities => response::statement(text, &parts.headers),
                _ => fhir_json(StatusCode::OK, Body::from(text)),
            });
            let resource_type = resource_type.map(DirectoryType::as_str);
            trace(&parts, |trace| trace.asks(asked.as_str(), resource_type));
            (answer, Some(Observed { interaction: asked.as_str(), resource_type }))
        }
        Err(error) => (Err(authorised.err().unwrap_or(error)), None),
    };
    let mut response = match answer {
        Ok(response) => response,
        Err(error) => outcome::refused(&error, &parts, body, &state.admission.bounds).await,
    };
    if let Some(observed) = observed {
        response.extensions_mut().insert(observed);
    }
    response
}

/// Notes something for the record of this exchange.
fn trace(parts: &Parts, note: impl FnOnce(&Trace)) {
    if let Some(trace) = parts.extensions.get::<Trace>() {
        note(trace);
    }
}

/// What a method on a path asks for.
fn asked<'a>(method: &Method, path: &'a str) -> Result<Asked<'a>, Error> {
    // Nothing is served below the second.
    let segments: Vec<_> = path.split('/').take(3).collect();
    let known = |name: &str| {
        let unknown = || match name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            true => Error::UnknownDirectoryType { found: name.to_owned() },
            false => Error::UnknownPath,
        };
        DirectoryType::parse(name).ok_or_else(unknown)
    };
    let (get, post) = match segments[..] {
        ["metadata"] => (Some(Asked::Capabilities), None),
        ["_page"] => (Some(Asked::NextPage), None),
        [name] => {
            let resource_type = known(name)?;
            // The national directory takes forms here too.
            (Some(Asked::Search(resource_type)), Some(Asked::SearchByPost(resource_type)))
        }
        [name, "_search"] => (None, Some(Asked::SearchByPost(known(name)?))),
        [name, id] if !id.is_empty() && !id.starts_with(['_', '$']) => (Some(Asked::Read(known(name)?, id)), None),
        _ => return Err(Error::UnknownPath),
    };
    let allowed = match (get, post) {
        (Some(_), Some(_)) => "GET, HEAD, POST",
        (Some(_), None) => "GET, HEAD",
        _ => "POST",
    };
    let asked = match *method {
        Method::GET | Method::HEAD => get,
        Method::POST => post,
        _ => None,
    };
    asked.ok_or_else(|| Error::MethodNotAllowed { method: method.to_string(), allowed: allowed.to_owned() })
}

/// Carries it out. The type that a page is about is known only from its token.
async fn answer(
    state: &State,
    asked: Asked<'_>,
    parts: &Parts,
    body: &mut Body,
    about: &mut Option<DirectoryType>,
) -> Result<String, Error> {
    let directory = &match parts.extensions.get::<Origin>() {
        Some(origin) => state.directory.with_base_url(&origin.base_url),
        None => state.directory.clone(),
    };
    let language = negotiation::language(&parts.headers);
    let mut query = parsed(parts.uri.query().unwrap_or_default())?;
    match asked {
        Asked::Capabilities => {
            let mut issues = vec![];
            take_mode(&mut query, &mut issues);
            if !issues.is_empty() {
                return Err(Error::of(issues));
            }
            nothing_else(&query, "metadata", "mode, _format, _pretty")?;
            Ok(directory.capabilities(state.admission.authentication()))
        }
        Asked::NextPage => {
            let id = query.take("id").into_iter().next().unwrap_or_default();
            nothing_else(&query, "_page", "id, _format, _pretty")?;
            let cursor = directory.resume(&id)?;
            *about = Some(cursor.resource_type);
            next_page(state, directory, cursor, parts).await
        }
        Asked::Search(resource_type) => {
            trace(parts, |trace| trace.queried(query.iter()));
            let query = search_query(parts, resource_type, &query)?;
            let own_url = self_url(directory, resource_type, parts, &query);
            let deadline = state.admission.permit(Workload::Directory).await?;
            let directory = directory.until(&deadline);
            deadline.limit(directory.search(resource_type, query, &own_url, language)).await
        }
        Asked::SearchByPost(resource_type) => {
            let form = body::read(&parts.headers, body, Expected::Form, &state.admission.bounds).await?;
            let deadline = state.admission.permit(Workload::Directory).await?;
            let directory = directory.until(&deadline);
            let form = parsed(std::str::from_utf8(&form).unwrap_or("%"))?;
            let own_url = format!("{}/{resource_type}", directory.base_url());
            let query = within_bounds(query.and(form))?;
            trace(parts, |trace| trace.queried(query.iter()));
            let query = search_query(parts, resource_type, &query)?;
            deadline.limit(directory.search(resource_type, query, &own_url, language)).await
        }
        Asked::Read(resource_type, id) => {
            let subset = parse_read_subset(resource_type, query.iter())?;
            let deadline = state.admission.permit(Workload::Reads).await?;
            let directory = directory.for_lookups(&deadline);
            let id = percent_decode_str(id).decode_utf8_lossy();
            let found = deadline.limit(directory.read(resource_type, &id, &subset)).await?;
            trace(parts, |trace| trace.found(&id, None));
            Ok(found)
        }
    }
}

/// The page that this cursor stands before.
async fn next_page(state: &State, directory: &Directory, cursor: PageCursor, parts: &Parts) -> Result<String, Error> {
    trace(parts, |trace| trace.queried(cursor.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    let deadline = state.admission.permit(Workload::Directory).await?;
    let directory = directory.until(&deadline);
    let own_url = format!("{}/_page?{}", directory.base_url(), parts.uri.query().unwrap_or_default());
    deadline.limit(directory.next_page(cursor, &own_url, negotiation::language(&parts.headers))).await
}

/// The query without the parameters that only choose the format, of which there is one.
fn parsed(text: &str) -> Result<Query, Error> {
    let mut query = within_bounds(Query::parse(text))?;
    query.take("_format");
    query.take("_pretty");
    Ok(query)
}

fn within_bounds(query: Result<Query, QueryError>) -> Result<Query, Error> {
    query.map_err(|error| Error::of(vec![error.issue(too_large)]))
}

/// Refuses what is left of the query of something that is no search.
fn nothing_else(query: &Query, place: &str, expected: &str) -> Result<(), Error> {
    let issues: Vec<_> = query.iter().map(|(name, _)| unsupported(place, name, expected)).collect();
    if issues.is_empty() { Ok(()) } else { Err(Error::of(issues)) }
}

/// The search that a query asks for.
fn search_query(parts: &Parts, resource_type: DirectoryType, query: &Query) -> Result<SearchQuery, Error> {
    let parameters = query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    SearchQuery::new(resource_type, parameters, negotiation::is_lenient(&parts.headers))
}

/// The URL of a search, on our base, as received, without what is ignored.
fn self_url(directory: &Directory, resource_type: DirectoryType, parts: &Parts, query: &SearchQuery) -> String {
    let SearchQuery { parameters, .. } = query;
    let query = retain_written(parts.uri.query().unwrap_or_default(), |name, value| {
        let is_format = matches!(name, "_format" | "_pretty") && !is_blank(value);
        is_format
            || parameters.iter().any(|(known, known_value)| (known.as_str(), known_value.as_str()) == (name, value))
    });
    let url = format!("{}/{resource_type}", directory.base_url());
    if query.is_empty() { url } else { format!("{url}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annuaire_route_is_chosen_by_path_and_method() {
        for (method, path, expected) in [
            (Method::GET, "metadata", Asked::Capabilities),
            (Method::GET, "_page", Asked::NextPage),
            (Method::HEAD, "Device", Asked::Search(DirectoryType::Device)),
            (Method::POST, "Device", Asked::SearchByPost(DirectoryType::Device)),
            (Method::POST, "Organization/_search", Asked::SearchByPost(DirectoryType::Organization)),
            (Method::GET, "Practitioner/003-1", Asked::Read(DirectoryType::Practitioner, "003-1")),
        ] {
            assert_eq!(asked(&method, path).expect("served"), expected, "{method} {path}");
        }
        for (method, path, allowed) in [
            (Method::PUT, "Practitioner/1", "GET, HEAD"),
            (Method::DELETE, "Practitioner", "GET, HEAD, POST"),
            (Method::GET, "Practitioner/_search", "POST"),
            (Method::POST, "_page", "GET, HEAD"),
        ] {
            let error = asked(&method, path).expect_err("not served");
            assert!(matches!(error, Error::MethodNotAllowed { allowed: told, .. } if told == allowed), "{path}");
        }
        for path in ["Patient", "Patient/1", "practitioner", "Patient/_search", "Practitioners/1"] {
            let error = asked(&Method::GET, path).expect_err("unknown");
            assert!(matches!(error, Error::UnknownDirectoryType { .. }), "{path}");
        }
        for path in ["", "_history", "$export", "Practitioner/", "Practitioner/_history", "Practitioner/1/_history"] {
            assert!(matches!(asked(&Method::GET, path), Err(Error::UnknownPath)), "{path}");
        }
    }
}
