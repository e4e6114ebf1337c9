//! FHIR's JSON: recognised under each of its names, answered under one.
//!
//! <http://hl7.org/fhir/R4/http.html#mime-type>

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use mediatype::{MediaTypeBuf, Name, ReadParams};

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json; charset=utf-8");

/// The length of a media type with its parameters, in bytes; a longer one is none that is served or read here.
pub const MAX_MEDIA_TYPE: usize = 256;

/// An answer in FHIR's JSON. It holds personal data: nobody on the way is to keep it.
pub fn fhir_json(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, FHIR_JSON);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// FHIR's JSON, by its name, by the former one that SAS uses, or as JSON at large.
pub fn is_fhir_json(media_type: &MediaTypeBuf) -> bool {
    let essence = media_type.essence().to_string().to_ascii_lowercase();
    ["application/fhir+json", "application/json+fhir", "application/json", "text/json"].contains(&essence.as_str())
}

/// Whether the parameter `fhirVersion`, if there is one, says R4.
pub fn version_is_r4(media_type: &MediaTypeBuf) -> bool {
    let version = Name::new("fhirVersion").and_then(|name| media_type.get_param(name));
    version.is_none_or(|version| matches!(&*version.unquoted_str(), "4.0" | "4.0.1"))
}
