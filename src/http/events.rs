//! `GET /events`: the change feed, as JSON or as Server-Sent Events, at once or when there is something.
//!
//! Who waits holds no permit, no deadline and no connection to the database. <https://html.spec.whatwg.org/multipage/server-sent-events.html>

mod query;
mod state;
mod stream;
mod stream_limit;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::Response;

use self::query::FeedQuery;
use super::admission::Client;
use super::http_error::HttpError;
use super::injection::Injection;
use super::observe::AuditLoan;
use super::origin::Origin;
use super::{authorisation, negotiation, outcome};
use crate::audit::AuditDraft;
use crate::fhir::query::Query;

pub use state::EventFeed;
pub(super) use state::State;

/// The id of the log, on every answer: its positions mean nothing in another log.
const LOG: HeaderName = HeaderName::from_static("x-sas-log");

/// Headers that a refusal depends on.
const KEPT_HEADERS: [HeaderName; 3] = [header::ACCEPT_LANGUAGE, header::EXPECT, header::CONTENT_LENGTH];

/// What a client asks for.
struct FeedRequest {
    query: FeedQuery,
    is_stream: bool,
    client: Client,
    base_url: Arc<str>,
}

/// Answers `GET /events`.
pub(super) async fn handle_events(state: &Arc<State>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut audit = match AuditLoan::borrow(&parts.extensions) {
        Ok(audit) => audit,
        Err(error) => return outcome::refused(&error.into(), &parts, body, &state.admission.bounds).await,
    };
    let injection = Injection::new(&state.admission.faults, &parts);
    let answered = match parse(state, &parts, &mut audit) {
        Ok(request) => {
            release_head(&mut parts);
            match injection.act(&mut audit, &Query::default(), None).await {
                Ok(()) => answer(state, request).await,
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    let response = match answered {
        Ok(mut response) => {
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.extend(HeaderValue::from_str(&state.feed.log).ok().map(|log| (LOG, log)));
            response
        }
        Err(error) => outcome::refused(&error, &parts, body, &state.admission.bounds).await,
    };
    injection.finish(response, &mut audit).await
}

fn parse(state: &State, parts: &Parts, audit: &mut AuditDraft) -> Result<FeedRequest, HttpError> {
    audit.set_interaction("events", None);
    state.admission.authorise(&parts.extensions, authorisation::EVENTS)?;
    let origin = Origin::of(&parts.extensions)?;
    let (client, base_url) = (Client::from_origin(origin), origin.base_url.clone());
    let is_stream = negotiation::prefers_event_stream(&parts.headers);
    Ok(FeedRequest { query: FeedQuery::parse(parts, is_stream)?, is_stream, client, base_url })
}

/// Drops URL and headers: they are slices of the buffer that they were read into, which a request that waits would keep.
fn release_head(parts: &mut Parts) {
    parts.uri = Uri::default();
    let headers = std::mem::take(&mut parts.headers);
    for name in KEPT_HEADERS {
        let copies = headers.get_all(&name).iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
        parts.headers.extend(copies.map(|value| (Some(name.clone()), value)));
    }
}

async fn answer(state: &Arc<State>, request: FeedRequest) -> Result<Response, HttpError> {
    let FeedRequest { query, is_stream, client, base_url } = request;
    if is_stream {
        return stream::respond(state.clone(), query, client, base_url).await;
    }
    let text = state.poll(query, client, &base_url).await?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
