//! The parameters of `GET /events`.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::feed::{Content, EventFilter, EventQuery};
use crate::fhir::query::Query;
use crate::fhir::query::value::is_blank;
use crate::http::fhir::parsed_query;
use crate::http::http_error::HttpError;
use crate::interaction::{malformed, parsed, unknown_parameters};
use crate::storage::feed::Position;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
const MAX_WAIT: u64 = 25;

/// A page ends with the event with which its contents reach this, in bytes.
const MAX_POLL_BYTES: usize = 8 << 20;
/// The same of a chunk of a stream, of which each client may have one unread.
const MAX_STREAM_BYTES: usize = 64 << 10;

/// What a client asks for.
pub struct FeedQuery {
    pub page: EventQuery,
    /// How long to wait for the first event.
    pub wait: Duration,
    /// The log that `after` is a position of.
    pub log: Option<String>,
}

impl FeedQuery {
    /// Parses the query. A stream has small pages, and resumes behind its last id.
    pub fn parse(parts: &Parts, is_stream: bool) -> Result<Self, HttpError> {
        let mut query = parsed_query(parts.uri.query().unwrap_or_default())?;
        query.retain(|_, value| !is_blank(value));
        let mut issues = vec![];
        let after = parsed(&mut query, "after", "0, 1, 2…", &mut issues, parse_position);
        let limit = parsed(&mut query, "limit", "1…1000", &mut issues, |text| {
            text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit))
        });
        let wait = parsed(&mut query, "wait", "0…25", &mut issues, |text| {
            text.parse().ok().filter(|seconds| *seconds <= MAX_WAIT)
        });
        let content = parsed(&mut query, "content", "reference, full", &mut issues, Content::parse);
        let log = parsed(&mut query, "log", "X-SAS-Log", &mut issues, |text| Some(text.to_owned()));
        let filter = filter(&mut query).map_err(|found| issues.push(found));
        issues.extend(unknown_parameters(&query, "after, limit, wait, types, content, log"));
        let resumed = if is_stream { last_event_id(&parts.headers) } else { None };
        let Ok(filter) = filter else { return Err(HttpError::from_issues(issues)) };
        if !issues.is_empty() {
            return Err(HttpError::from_issues(issues));
        }
        let page = EventQuery {
            after: resumed.or(after).unwrap_or_default(),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            max_bytes: if is_stream { MAX_STREAM_BYTES } else { MAX_POLL_BYTES },
            filter,
            content: content.unwrap_or_default(),
        };
        Ok(Self { page, wait: Duration::from_secs(wait.unwrap_or_default()), log })
    }
}

/// `types`: a list of names, in one parameter or several.
fn filter(query: &mut Query) -> Result<EventFilter, crate::issue::Issue> {
    let lists = query.take("types");
    if lists.is_empty() {
        return Ok(EventFilter::all());
    }
    let names = lists.iter().flat_map(|list| list.split(','));
    EventFilter::parse(names).map_err(|_| malformed("http.types", "types", "practitioner.*, appointment.cancelled…"))
}

fn parse_position(text: &str) -> Option<Position> {
    text.parse().ok().filter(|position| *position >= 0)
}

/// `Last-Event-ID`, which a browser sends when it connects again. A value that is no position was not an id of ours.
fn last_event_id(headers: &HeaderMap) -> Option<Position> {
    parse_position(headers.get("last-event-id")?.to_str().ok()?)
}
