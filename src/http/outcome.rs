//! The one place where a failure becomes a response with an OperationOutcome.
//!
//! <http://hl7.org/fhir/R4/http.html#2.21.0.4>

use std::any::Any;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::body::DrainLimits;
use super::bounds::Bounds;
use super::cited_rules::CitedRules;
use super::http_error::HttpError;
use super::log_limit::{self, Reason};
use super::media_type::fhir_json;
use super::observe;
use super::origin::Origin;
use super::{body, negotiation};
use crate::access::principal::{AuthFailure, Denied, Principal};
use crate::error::Error;
use crate::fhir::operation_outcome::operation_outcome;
use crate::issue::{Issue, Language};

/// Seconds until a client may retry after a temporary failure.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// Seconds until a client may retry while the directory mirror is empty.
const RETRY_AFTER_LOADING: HeaderValue = HeaderValue::from_static("60");

/// The methods of authentication. <https://www.rfc-editor.org/rfc/rfc6750#section-3>
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");
const INVALID_TOKEN: HeaderValue = HeaderValue::from_static("Bearer error=\"invalid_token\"");

/// The accepted encoding of bodies. <https://www.rfc-editor.org/rfc/rfc9110#name-415-unsupported-media-type>
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The answer to a request that failed. Faults of this program are logged with their causes.
pub fn response(error: &HttpError, language: Language) -> Response {
    let mut issues = error.issues();
    if let (HttpError::Interaction(Error::Internal(_)), Some(id)) = (error, observe::request_id()) {
        for issue in &mut issues {
            issue.diagnostics = Some(format!("{} (X-Request-Id: {id})", issue.text(language)));
        }
    }
    let mut response = of_issues(error.status(), &issues, language);
    if let Some((name, value)) = header(error) {
        response.headers_mut().insert(name, value);
    }
    if let HttpError::Interaction(error) = error {
        log_failure(error);
    }
    response
}

/// The header that tells the client what to do about a failure.
fn header(error: &HttpError) -> Option<(HeaderName, HeaderValue)> {
    match error {
        HttpError::MethodNotAllowed { allowed, .. } => Some((header::ALLOW, HeaderValue::from_str(allowed).ok()?)),
        HttpError::UnsupportedContentEncoding => Some((header::ACCEPT_ENCODING, IDENTITY)),
        HttpError::Denied(Denied::Unauthenticated(AuthFailure::NoCredentials | AuthFailure::Malformed)) => {
            Some((header::WWW_AUTHENTICATE, BEARER))
        }
        HttpError::Denied(Denied::Unauthenticated(AuthFailure::UnknownToken)) => {
            Some((header::WWW_AUTHENTICATE, INVALID_TOKEN))
        }
        HttpError::TooManyRequests { retry_after } => {
            let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
            Some((header::RETRY_AFTER, seconds.max(1).into()))
        }
        HttpError::ResponsesUnread
        | HttpError::TooManyEventStreams { .. }
        | HttpError::Interaction(
            Error::TooBusy(_) | Error::Undecided | Error::DeadlineExceeded | Error::Unavailable(_),
        ) => Some((header::RETRY_AFTER, RETRY_AFTER)),
        HttpError::Injected { retry_after: Some(seconds), .. } => Some((header::RETRY_AFTER, (*seconds).into())),
        HttpError::Interaction(Error::EmptyDirectory) => Some((header::RETRY_AFTER, RETRY_AFTER_LOADING)),
        _ => None,
    }
}

/// Counts and logs failures that concern the operator.
pub fn log_failure(error: &Error) {
    match error {
        Error::TooBusy(workload) => {
            metrics::counter!("sas_too_busy_total", "kind" => workload.as_str()).increment(1);
        }
        // The client has the id of the request, under which the cause is logged.
        Error::Internal(_) => tracing::error!(causes = error.causes(), "{error}"),
        Error::Unavailable(_) => {
            if let Some(left_out) = log_limit::next_line(Reason::Unavailable) {
                tracing::error!(causes = error.causes(), left_out, "{error}");
            }
        }
        _ => {}
    }
}

/// The answer to a request that is refused, after the rest of its body has been read. If the rest is too large, the
/// connection is closed.
pub async fn refused(error: &HttpError, parts: &Parts, body: Body, bounds: &Bounds) -> Response {
    let is_read = body::drain(body, drain_limits(error, parts, bounds)).await;
    let mut response = response(error, negotiation::language(&parts.headers));
    if !is_read {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The limits for unauthenticated clients and for requests that exceed another limit: enough for an ordinary PUT.
const UNAUTHENTICATED: DrainLimits = DrainLimits { max_bytes: 64 << 10, timeout: Duration::from_secs(1) };

/// The limits of the rest of a refused request's body.
fn drain_limits(error: &HttpError, parts: &Parts, bounds: &Bounds) -> DrainLimits {
    let is_too_much = matches!(
        error,
        HttpError::ForeignPage
            | HttpError::ForeignHost
            | HttpError::InvalidHost
            | HttpError::UnsupportedTransferCoding
            | HttpError::UrlTooLong { .. }
            | HttpError::HeadersTooLarge { .. }
            | HttpError::TooManyRequests { .. }
            | HttpError::BodyTooFragmented { .. }
    );
    let (max_bytes, timeout) = match error {
        // The client has exceeded the timeout already.
        HttpError::TooSlow { .. } => (0, Duration::ZERO),
        _ if body::is_withheld(&parts.headers, error) => (0, Duration::ZERO),
        _ if is_too_much || is_unauthenticated(parts) => {
            (UNAUTHENTICATED.max_bytes, UNAUTHENTICATED.timeout.min(bounds.body_timeout))
        }
        _ => (8 << 20, bounds.body_timeout),
    };
    DrainLimits { max_bytes, timeout }
}

/// Whether authentication is required, and failed.
fn is_unauthenticated(parts: &Parts) -> bool {
    parts.extensions.get::<Origin>().is_some_and(|origin| matches!(origin.principal, Principal::Unauthenticated(_)))
}

/// An answer with these issues.
pub fn of_issues(status: StatusCode, issues: &[Issue], language: Language) -> Response {
    let outcome = operation_outcome(issues, language).to_string();
    let mut response = fhir_json(status, Body::from(outcome));
    response.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    response.extensions_mut().insert(CitedRules::new(issues));
    response
}

/// The answer to a request whose handler panicked.
pub fn respond_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    response(&HttpError::internal("a handler panicked; its place stands above"), Language::default())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::extract::Request;

    use super::*;
    use crate::error::Workload;
    use crate::tls::rejection::CertificateRejection;

    fn limits(principal: Principal, headers: &[(&str, &str)], error: &HttpError) -> (usize, u64) {
        let base_url = Arc::from("http://h/fhir");
        let origin = Origin { peer: [192, 0, 2, 1].into(), certificate: None, principal, base_url };
        let mut request = Request::put("/").extension(origin);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let DrainLimits { max_bytes, timeout } = drain_limits(error, &parts, &Bounds::default());
        (max_bytes, timeout.as_secs())
    }

    #[test]
    fn drain_limits_are_small_for_unauthenticated_clients_and_exceeded_limits() {
        let (small, callers) = ((64 << 10, 1), (8 << 20, 20));
        let too_fast = HttpError::TooManyRequests { retry_after: Duration::ZERO };
        for failure in [
            AuthFailure::NoCredentials,
            AuthFailure::UnknownToken,
            AuthFailure::UntrustedCertificate(CertificateRejection::Expired),
        ] {
            // Unauthenticated clients may read the CapabilityStatement: their request may fail for another reason.
            for error in [
                &HttpError::Denied(Denied::Unauthenticated(AuthFailure::NoCredentials)),
                &HttpError::from_issues(vec![]),
                &HttpError::UnknownPath,
                &too_fast,
            ] {
                assert_eq!(limits(Principal::Unauthenticated(failure), &[], error), small, "{failure:?}: {error}");
            }
        }
        let too_large = HttpError::HeadersTooLarge { size: 1, count: 1 };
        let fragmented = HttpError::BodyTooFragmented { limit: 1 };
        let (page, host, long) = (HttpError::ForeignPage, HttpError::ForeignHost, HttpError::UrlTooLong { limit: 1 });
        for error in [&page, &host, &too_fast, &long, &too_large, &fragmented] {
            assert_eq!(limits(Principal::Anyone, &[], error), small, "{error}");
        }
        for error in [
            &HttpError::from_issues(vec![]),
            &HttpError::Interaction(Error::TooBusy(Workload::Writes)),
            &HttpError::BodyTooLarge { limit: 1 },
        ] {
            assert_eq!(limits(Principal::Anyone, &[], error), callers, "{error}");
        }
        assert_eq!(limits(Principal::Anyone, &[], &HttpError::TooSlow { allowed: Duration::ZERO }), (0, 0));
        for principal in [Principal::Anyone, Principal::Unauthenticated(AuthFailure::NoCredentials)] {
            assert_eq!(limits(principal, &[("expect", "100-continue")], &HttpError::UnknownPath), (0, 0));
        }
    }
}
