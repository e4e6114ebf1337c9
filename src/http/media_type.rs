//! The media types of FHIR's JSON: all are accepted, one is sent.
//!
//! <http://hl7.org/fhir/R4/http.html#mime-type>

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use mediatype::{MediaTypeBuf, Name, ReadParams};

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");

/// Maximum length of a media type with its parameters, in bytes; none that is supported is longer.
pub const MAX_MEDIA_TYPE: usize = 256;

/// A response in FHIR's JSON. It contains personal data, so intermediaries must not store it.
pub fn fhir_json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, FHIR_JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether this is FHIR's JSON: its media type, the former one that SAS uses, or plain JSON.
pub fn is_fhir_json(media_type: &MediaTypeBuf) -> bool {
    let essence = media_type.essence().to_string().to_ascii_lowercase();
    ["application/fhir+json", "application/json+fhir", "application/json", "text/json"].contains(&essence.as_str())
}

/// Whether the parameter `fhirVersion` is missing, or R4.
pub fn version_is_r4(media_type: &MediaTypeBuf) -> bool {
    let version = Name::new("fhirVersion").and_then(|name| media_type.get_param(name));
    version.is_none_or(|version| matches!(&*version.unquoted_str(), "4.0" | "4.0.1"))
}
