//! Successful answers: statuses, headers and bodies. <http://hl7.org/fhir/R4/http.html>

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::cited_rules::CitedRules;
use super::media_type::fhir_json;
use super::negotiation::Return;
use super::outcome;
use crate::fhir::content::hash;
use crate::fhir::date::parse_instant;
use crate::fhir::version::{EntityTags, MAX_ENTITY_TAGS, Version, entity_tag};
use crate::interaction::Written;
use crate::issue::Language;
use crate::storage::StoredVersion;

/// The answer to a write: 201 for a creation, 200 otherwise. `Location` has the plain form that the
/// SAS pages show, `[base]/{type}/{id}`, on an update too; the version is in `ETag`.
pub fn written(base_url: &str, written: Written, preferred: Option<Return>, language: Language) -> Response {
    let status = StatusCode::from_u16(written.effect.status()).unwrap_or_default();
    let location = format!("{base_url}/{}/{}", written.resource_type, written.id);
    let (mut response, applied) = match preferred.unwrap_or_default() {
        Return::Representation => (fhir_json(status, Body::from(written.content)), "return=representation"),
        Return::Minimal => {
            let mut response = fhir_json(status, Body::empty());
            response.headers_mut().remove(header::CONTENT_TYPE);
            (response, "return=minimal")
        }
        Return::OperationOutcome => (outcome::of_issues(status, &written.issues, language), "return=OperationOutcome"),
    };
    let headers = response.headers_mut();
    version_headers(headers, written.version, written.last_updated);
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    if preferred.is_some() {
        headers.insert(HeaderName::from_static("preference-applied"), HeaderValue::from_static(applied));
    }
    response.extensions_mut().insert(CitedRules::new(&written.issues));
    response
}

/// The answer to a read: the version, or 304 where the client has it already.
pub fn version(stored: StoredVersion, if_none_match: Option<EntityTags>) -> Response {
    let unchanged = if_none_match.is_some_and(|tags| tags.names(Some(stored.version)));
    let mut response = if unchanged { not_modified() } else { fhir_json(StatusCode::OK, Body::from(stored.content)) };
    let last_updated = parse_instant(&stored.last_updated).unwrap_or_default();
    version_headers(response.headers_mut(), stored.version, last_updated);
    response
}

/// The answer to `metadata`: the statement, or 304 where the client has it already. Its entity tag is made of its text.
pub fn statement(text: String, headers: &HeaderMap) -> Response {
    let tag = format!("W/\"{}\"", &hash(&text)[..16]);
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut known = values.flat_map(|value| value.split(',')).take(MAX_ENTITY_TAGS);
    let is_known = known.any(|known| known.trim() == "*" || opaque(known) == opaque(&tag));
    let mut response = match is_known {
        true => not_modified(),
        false => fhir_json(StatusCode::OK, Body::from(text)),
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn not_modified() -> Response {
    let mut response = fhir_json(StatusCode::NOT_MODIFIED, Body::empty());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

fn version_headers(headers: &mut HeaderMap, version: Version, last_updated: Timestamp) {
    if let Ok(tag) = HeaderValue::from_str(&entity_tag(version)) {
        headers.insert(header::ETAG, tag);
    }
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&last_updated).ok();
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(header::LAST_MODIFIED, date);
    }
}
