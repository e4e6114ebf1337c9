//! The one place where a failure becomes a status and an OperationOutcome.
//!
//! <http://hl7.org/fhir/R4/http.html#2.21.0.4>

use std::any::Any;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::admission::Admission;
use super::bounds::Bounds;
use super::media_type::fhir_json;
use super::observe::{self, Issues};
use super::{body, negotiation};
use crate::access::right::Needed;
use crate::error::Error;
use crate::fhir::operation_outcome::operation_outcome;
use crate::issue::{Issue, Language};

/// When a client may come back after a passing fault, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// When one may ask again for a directory that somebody has yet to load, in seconds.
const RETRY_AFTER_LOADING: HeaderValue = HeaderValue::from_static("60");

/// How one may say who one is. <https://www.rfc-editor.org/rfc/rfc6750#section-3>
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// The status of a failure.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::LoginRequired | Error::AuthorizationMalformed | Error::UnknownToken => StatusCode::UNAUTHORIZED,
        Error::UnknownCaller | Error::CertificateRefused { .. } | Error::Forbidden { .. } | Error::ForeignPage => {
            StatusCode::FORBIDDEN
        }
        Error::UrlTooLong { .. } => StatusCode::URI_TOO_LONG,
        Error::HeadersTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Error::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
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
        Error::Busy | Error::ResponsesUnread | Error::EmptyDirectory | Error::Throttled | Error::Unavailable(_) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a request that failed. Faults of ours are logged with their causes.
pub fn response(error: &Error, language: Language) -> Response {
    let mut issues = error.issues();
    if let (Error::Internal(_), Some(id)) = (error, observe::request_id()) {
        issues = issues.into_iter().map(|issue| issue.diagnostics(format!("X-Request-Id: {id}"))).collect();
    }
    let mut response = of_issues(status(error), &issues, language);
    match error {
        Error::MethodNotAllowed { allowed, .. } => {
            if let Ok(allowed) = HeaderValue::from_str(allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
        }
        Error::LoginRequired | Error::AuthorizationMalformed => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, BEARER);
        }
        Error::UnknownToken => {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, INVALID_TOKEN);
        }
        Error::TooFast { retry_after } => {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
        }
        Error::Busy | Error::ResponsesUnread | Error::Throttled | Error::Unavailable(_) => {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        Error::EmptyDirectory => {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_LOADING);
        }
        _ => {}
    }
    if let Error::Unavailable(_) | Error::Internal(_) = error {
        tracing::error!(causes = error.causes(), "{error}");
    }
    response
}

/// The answer to a request that is refused, once what is left of its body is taken in; where that is too
/// much, the connection ends with it.
pub async fn refused(error: &Error, headers: &HeaderMap, body: Body, bounds: &Bounds) -> Response {
    let all = body::drain(body, drained(error), bounds.body_timeout).await;
    let mut response = response(error, negotiation::language(headers));
    if !all {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// How much of the body of a refused request is still taken in, in bytes.
fn drained(error: &Error) -> usize {
    match error {
        // It would only take longer still.
        Error::TooSlow { .. } => 0,
        // Little of what strangers send, and of what is too much already.
        Error::LoginRequired
        | Error::AuthorizationMalformed
        | Error::UnknownToken
        | Error::UnknownCaller
        | Error::CertificateRefused { .. }
        | Error::ForeignPage
        | Error::UrlTooLong { .. }
        | Error::HeadersTooLarge { .. }
        | Error::TooFast { .. } => 64 << 10,
        _ => 8 << 20,
    }
}

/// The answer to a request that no interaction is served for.
pub async fn of_unserved(error: Error, request: Request, admission: &Admission) -> Response {
    let (parts, body) = request.into_parts();
    // What is not served is nobody's business but the callers'.
    let error = admission.authorise(&parts.extensions, Needed::Recognition).err().unwrap_or(error);
    refused(&error, &parts.headers, body, &admission.bounds).await
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
