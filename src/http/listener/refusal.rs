//! What is answered below the routes: to heads that come too slowly, or that are not HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::super::bounds::Bounds;
use super::super::log_limit::{self, Reason};
use super::super::observe::Issues;
use crate::error::Error;
use crate::fhir::operation_outcome::operation_outcome;
use crate::issue::catalogue::HTTP_MALFORMED;
use crate::issue::{Issue, Language};

/// Why a request did not become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its head did not come in time.
    TooSlow,
    /// Its head is not HTTP/1.1.
    Malformed,
    /// Its URL is larger than anything that is read.
    UrlTooLong,
    /// Its headers are larger than anything that is read.
    HeadersTooLarge,
}

impl Refusal {
    /// What hyper's status says.
    pub fn of(status: StatusCode) -> Self {
        match status {
            StatusCode::URI_TOO_LONG => Self::UrlTooLong,
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Self::HeadersTooLarge,
            _ => Self::Malformed,
        }
    }

    fn status_and_issues(self, bounds: &Bounds) -> (StatusCode, Vec<Issue>) {
        let (status, error) = match self {
            Self::Malformed => return (StatusCode::BAD_REQUEST, vec![Issue::new(&HTTP_MALFORMED, "http")]),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, Error::TooSlow { allowed: bounds.header_timeout }),
            Self::UrlTooLong => (StatusCode::URI_TOO_LONG, Error::UrlTooLong { limit: bounds.max_url }),
            Self::HeadersTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                Error::HeadersTooLarge { size: bounds.max_headers, count: bounds.max_header_count },
            ),
        };
        (status, error.issues())
    }

    /// The whole answer, as it goes over the wire. It is counted like any other, and logged if not too many are.
    pub fn answer(self, bounds: &Bounds) -> Vec<u8> {
        let (status, issues) = self.status_and_issues(bounds);
        let language = Language::default();
        let body = operation_outcome(&issues, language).to_string();
        let request_id = uuid::Uuid::now_v7().hyphenated().to_string();
        let cited = Issues::of(&issues).list();
        let labels = [("type", "none".to_owned()), ("interaction", "none".to_owned())];
        let with_status = [labels[0].clone(), labels[1].clone(), ("status", status.as_u16().to_string())];
        metrics::counter!("sas_requests_total", &with_status).increment(1);
        if let Some(left_out) = log_limit::next_line(Reason::Malformed) {
            let status = status.as_u16();
            tracing::info!(id = request_id, status, issues = cited, left_out, "answered below the routes");
        }
        let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&Timestamp::now()).unwrap_or_default();
        format!(
            "HTTP/1.1 {} {}\r\ncontent-type: application/fhir+json; charset=utf-8\r\ncache-control: no-store\r\n\
             content-language: {}\r\nx-request-id: {request_id}\r\ncontent-length: {}\r\nconnection: close\r\n\
             date: {date}\r\n\r\n{body}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default(),
            language.tag(),
            body.len(),
        )
        .into_bytes()
    }
}

/// How long a client that was refused has to read why, before the connection goes.
pub const LINGER: Duration = Duration::from_secs(2);

/// The status of an answer that hyper makes by itself: to a head that it cannot read, without a body
/// and without the request id that each of ours has.
pub fn bare_answer(bytes: &[u8]) -> Option<StatusCode> {
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
    fn hyper_rejection_is_told_from_answers_of_the_service() {
        let bare = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: x\r\n\r\n";
        assert_eq!(bare_answer(bare.as_bytes()), Some(StatusCode::BAD_REQUEST));
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
            assert_eq!(bare_answer(other.as_bytes()), None, "{other}");
        }
        let ours = Refusal::Malformed.answer(&Bounds::default());
        assert_eq!(bare_answer(&ours), None);
    }
}
