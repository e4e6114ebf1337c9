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
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use self::query::FeedQuery;
use super::admission::Client;
use super::http_error::HttpError;
use super::observe::AuditLoan;
use super::origin::Origin;
use super::{authorisation, negotiation, outcome};

pub use state::EventFeed;
pub(super) use state::State;

/// The id of the log, on every answer: its positions mean nothing in another log.
const LOG: HeaderName = HeaderName::from_static("x-sas-log");

/// Answers `GET /events`.
pub(super) async fn handle_events(state: &Arc<State>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match answer(state, &parts).await {
        Ok(mut response) => {
            let headers = response.headers_mut();
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            headers.extend(HeaderValue::from_str(&state.feed.log).ok().map(|log| (LOG, log)));
            response
        }
        Err(error) => outcome::refused(&error, &parts, body, &state.admission.bounds).await,
    }
}

async fn answer(state: &Arc<State>, parts: &Parts) -> Result<Response, HttpError> {
    AuditLoan::borrow(&parts.extensions)?.set_interaction("events", None);
    state.admission.authorise(&parts.extensions, authorisation::EVENTS)?;
    let origin = Origin::of(&parts.extensions)?;
    let (client, base_url) = (Client::from_origin(origin), origin.base_url.clone());
    let is_stream = negotiation::accepts_event_stream(&parts.headers);
    let query = FeedQuery::parse(parts, is_stream)?;
    if is_stream {
        return stream::respond(state.clone(), query, client, base_url).await;
    }
    let text = state.poll(query, client, &base_url).await?;
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
