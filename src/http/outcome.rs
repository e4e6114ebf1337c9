//! The one place where a failure becomes a status and an OperationOutcome.
//!
//! <http://hl7.org/fhir/R4/http.html#2.21.0.4>

use std::any::Any;
use std::error::Error as _;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::media_type::fhir_json;
use super::observe::Issues;
use super::{body, negotiation};
use crate::error::Error;
use crate::fhir::operation_outcome::operation_outcome;
use crate::issue::{Issue, Language};

/// When a client may come back after a passing fault, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// When one may ask again for a directory that somebody has yet to load, in seconds.
const RETRY_AFTER_LOADING: HeaderValue = HeaderValue::from_static("60");

/// The status of a failure.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::NotFhir(_) => StatusCode::BAD_REQUEST,
        Error::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::UnknownPath | Error::NotFound | Error::UnknownDirectoryType { .. } | Error::NotInDirectory { .. } => {
            StatusCode::NOT_FOUND
        }
        Error::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Error::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Error::UnsupportedMediaType { .. } | Error::UnsupportedContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::TooSlow { .. } => StatusCode::REQUEST_TIMEOUT,
        Error::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::PreconditionFailed { .. } | Error::MultipleMatches { .. } => StatusCode::PRECONDITION_FAILED,
        Error::IdTaken { .. } => StatusCode::CONFLICT,
        Error::Gone => StatusCode::GONE,
        Error::EmptyDirectory | Error::Throttled | Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a request that failed. Faults of ours are logged with their causes.
pub fn response(error: &Error, language: Language) -> Response {
    let issues = error.issues();
    let mut response = of_issues(status(error), &issues, language);
    match error {
        Error::MethodNotAllowed { allowed, .. } => {
            if let Ok(allowed) = HeaderValue::from_str(allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
        }
        Error::Throttled | Error::Unavailable(_) => {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        Error::EmptyDirectory => {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_LOADING);
        }
        _ => {}
    }
    if let Error::Unavailable(_) | Error::Internal(_) = error {
        // Only what the causes say of themselves: their debug form may hold values of a person.
        let causes = std::iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
        tracing::error!(causes = causes.collect::<Vec<_>>().join(": "), "{error}");
    }
    response
}

/// The answer to a request that no interaction is served for.
pub async fn of_unserved(error: Error, request: Request) -> Response {
    let language = negotiation::language(request.headers());
    body::drain(request.into_body()).await;
    response(&error, language)
}

/// An answer that consists of issues.
pub fn of_issues(status: StatusCode, issues: &[Issue], language: Language) -> Response {
    let outcome = operation_outcome(issues, language).to_string();
    let mut response = fhir_json(status, Body::from(outcome));
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response.extensions_mut().insert(Issues::of(issues));
    response
}

/// The answer to a request whose handler panicked.
pub fn of_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    response(&Error::internal("a handler panicked; its place stands above"), Language::default())
}
