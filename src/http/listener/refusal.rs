//! Responses to heads that never become a request: malformed, too large, or not received in time.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::fhir::operation_outcome::operation_outcome;
use crate::http::bounds::Bounds;
use crate::http::cited_rules::CitedRules;
use crate::http::http_error::HttpError;
use crate::http::log_limit::{self, Reason};
use crate::http::refused_heads::RefusedHead;
use crate::issue::catalogue::HTTP_MALFORMED;
use crate::issue::{Issue, Language};

/// Why a head is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was not received within `header_timeout`.
    TooSlow,
    /// It is not HTTP/1.1.
    Malformed,
    /// The URL exceeds hyper's buffer.
    UrlTooLong,
    /// The headers exceed hyper's buffer.
    HeadersTooLarge,
}

impl Refusal {
    /// From the status of hyper's own response.
    pub fn from_hyper_status(status: StatusCode) -> Self {
        match status {
            StatusCode::URI_TOO_LONG => Self::UrlTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            _ => Self::Malformed,
        }
    }

    fn status_and_issues(self, bounds: &Bounds) -> (StatusCode, Vec<Issue>) {
        let (status, error) = match self {
            Self::Malformed => return (StatusCode::BAD_REQUEST, vec![Issue::new(&HTTP_MALFORMED, "http")]),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, HttpError::TooSlow { allowed: bounds.header_timeout }),
            Self::UrlTooLong => (StatusCode::URI_TOO_LONG, HttpError::UrlTooLong { limit: bounds.max_url }),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                HttpError::HeadersTooLarge { size: bounds.max_headers, count: bounds.max_header_count },
            ),
        };
        (status, error.issues())
    }

    /// Formats the response, head and body, as bytes. Counts it in the metrics, and logs it within the log's limit. `record` returns
    /// the value of its `Link`.
    pub fn to_response(self, bounds: &Bounds, record: impl FnOnce(&RefusedHead) -> Option<HeaderValue>) -> Vec<u8> {
        let (status, issues) = self.status_and_issues(bounds);
        let language = Language::default();
        let body = operation_outcome(&issues, language).to_string();
        let request_id = crate::clock::new_uuid().hyphenated().to_string();
        let cited = CitedRules::new(&issues);
        let labels = [("type", "none".to_owned()), ("interaction", "none".to_owned())];
        let with_status = [labels[0].clone(), labels[1].clone(), ("status", status.as_u16().to_string())];
        metrics::counter!("sas_requests_total", &with_status).increment(1);
        if let Some(left_out) = log_limit::next_line(Reason::Malformed) {
            let (status, issues) = (status.as_u16(), cited.list());
            tracing::info!(id = request_id, status, issues, left_out, "request refused while parsing");
        }
        let refused = RefusedHead { request_id, status: status.as_u16(), cited, body: body.into() };
        let link = record(&refused);
        let link = link.as_ref().and_then(|link| link.to_str().ok());
        let link = link.map_or_else(String::new, |link| format!("link: {link}\r\n"));
        let RefusedHead { request_id, body, .. } = refused;
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&crate::clock::system_time()).unwrap_or_default();
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/fhir+json; charset=utf-8\r\ncache-control: no-store\r\n\
             content-language: {}\r\nx-request-id: {request_id}\r\ncontent-length: {}\r\nconnection: close\r\n\
             date: {date}\r\n{link}\r\n{}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            language.tag(),
            body.len(),
            String::from_utf8_lossy(&body),
        )
        .into_bytes()
    }
}

/// How long a refused connection stays open for its client to read the response.
pub const LINGERING_CLOSE: Duration = Duration::from_secs(2);

/// Parses a response that hyper itself makes to a malformed head, and returns its status. Such a response has neither a
/// body nor the header `X-Request-Id`, which every response of the service has.
pub fn parse_hyper_rejection(bytes: &[u8]) -> Option<StatusCode> {
    let head = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status_line = lines.next()?.strip_prefix("HTTP/1.")?;
    let status = StatusCode::from_bytes(status_line.get(2..5)?.as_bytes()).ok()?;
    let is_bare = lines.all(|line| {
        let name = line.split_once(':').map_or("", |(name, _)| name).to_ascii_lowercase();
        matches!(name.as_str(), "content-length" | "connection" | "date")
    });
    let is_of_hyper = [StatusCode::BAD_REQUEST, StatusCode::URI_TOO_LONG, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE]
        .contains(&status);
    (is_bare && is_of_hyper).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hyper_rejection_is_distinguished_from_responses_of_the_service() {
        let bare = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";
        assert_eq!(parse_hyper_rejection(bare.as_bytes()), Some(StatusCode::BAD_REQUEST));
        for other in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 400",
            "{\"text\":\"HTTP/1.1 400 Bad Request\"}",
            "",
        ] {
            assert_eq!(parse_hyper_rejection(other.as_bytes()), None, "{other}");
        }
        let ours = Refusal::Malformed.to_response(&Bounds::default(), |_| None);
        assert_eq!(parse_hyper_rejection(&ours), None);
    }
}
