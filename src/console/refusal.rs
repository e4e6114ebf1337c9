//! Why a request of the console is refused, and the page or the JSON that says so.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::page;
use super::refusal_text::RefusalText;
use super::text::fill;
use super::visit::Visit;
use crate::http::http_error::HttpError;

/// The seconds after which a busy console is asked again, at least and at most.
const RETRY_AFTER: RangeInclusive<u64> = 5..=12;

/// Those who are refused together come again one after the other, not together: writes would wait for them.
fn retry_after() -> u64 {
    static REFUSED: AtomicU64 = AtomicU64::new(0);
    let (least, most) = RETRY_AFTER.into_inner();
    least + REFUSED.fetch_add(1, Ordering::Relaxed) % (most - least + 1)
}

/// Why a request gets no answer from a page.
#[derive(Debug)]
pub enum Refusal {
    /// `Host` names no loopback name, no address and not the console.
    ForeignHost,
    /// A page of another site sends it.
    ForeignPage,
    /// No caller has the right `console`.
    Nobody,
    TooManyLogins,
    /// It has no session; the login returns to this path.
    NoSession(String),
    /// It has no token of a caller with the right `console`.
    NoToken,
    WrongFormToken,
    Busy,
    /// The database does not answer.
    NoDatabase,
    NotFound,
    /// An exchange that was not kept whole is to be sent again.
    NotWhole,
    MethodNotAllowed,
    /// Faults are off.
    FaultsOff,
    /// What it posts is no fault, as this sentence says.
    NoFault(String),
    /// As many faults are armed as may be.
    TooManyFaults,
    /// There is no such fault, or no longer.
    NoSuchFault,
    /// It could not be read.
    Body(HttpError),
    Internal,
}

impl Refusal {
    /// The answer: JSON below `/console/api`, a page elsewhere.
    pub fn respond(&self, visit: &Visit, is_api: bool) -> Response {
        if let Self::NoSession(login) = self {
            return Redirect::to(login).into_response();
        }
        let text = RefusalText::of(visit.language);
        let (status, title, todo) = (self.status(), self.title(text), self.todo(text));
        let mut response = match is_api {
            true => {
                let body = format!("{}\n", json!({ "error": title, "detail": todo }));
                (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
            }
            false => page::refusal(visit, status, title, &todo, matches!(self, Self::Nobody)),
        };
        if let Some((name, value)) = self.header() {
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignPage | Self::Nobody | Self::WrongFormToken | Self::FaultsOff => StatusCode::FORBIDDEN,
            Self::NoFault(_) => StatusCode::BAD_REQUEST,
            Self::TooManyLogins => StatusCode::TOO_MANY_REQUESTS,
            Self::NoSession(_) => StatusCode::SEE_OTHER,
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::Busy | Self::NoDatabase => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotFound | Self::NoSuchFault => StatusCode::NOT_FOUND,
            Self::NotWhole | Self::TooManyFaults => StatusCode::CONFLICT,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(error) => error.status(),
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn title(&self, text: &'static RefusalText) -> &'static str {
        match self {
            Self::ForeignHost => text.host,
            Self::ForeignPage => text.origin,
            Self::Nobody => text.nobody,
            Self::TooManyLogins => text.too_many_logins,
            Self::NoSession(_) | Self::NoToken => text.api_token,
            Self::WrongFormToken => text.csrf,
            Self::Busy => text.busy,
            Self::NoDatabase => text.no_database,
            Self::NotFound => text.not_found,
            Self::NotWhole => text.not_whole,
            Self::FaultsOff => text.faults_off,
            Self::NoFault(_) => text.no_fault,
            Self::TooManyFaults => text.too_many_faults,
            Self::NoSuchFault => text.no_such_fault,
            Self::MethodNotAllowed => text.method,
            Self::Body(HttpError::BodyTooLarge { .. }) => text.body_size,
            Self::Body(HttpError::TooSlow { .. }) => text.body_time,
            Self::Body(_) => text.body,
            Self::Internal => text.internal,
        }
    }

    /// What to do about it.
    fn todo(&self, text: &'static RefusalText) -> String {
        let sentence = match self {
            Self::ForeignHost => text.host_todo,
            Self::ForeignPage => text.origin_todo,
            Self::Nobody => text.nobody_todo,
            Self::TooManyLogins => text.too_many_logins_todo,
            Self::NoSession(_) | Self::NoToken => text.api_token_todo,
            Self::WrongFormToken => text.csrf_todo,
            Self::Busy => text.busy_todo,
            Self::NoDatabase => text.no_database_todo,
            Self::NotFound => text.not_found_todo,
            Self::NotWhole => text.not_whole_todo,
            Self::FaultsOff => text.faults_off_todo,
            // Of the program, in English.
            Self::NoFault(sentence) => return sentence.clone(),
            Self::TooManyFaults => text.too_many_faults_todo,
            Self::NoSuchFault => text.no_such_fault_todo,
            Self::MethodNotAllowed => text.method_todo,
            Self::Body(HttpError::BodyTooLarge { limit }) => {
                return fill(text.body_size_todo, &[("limit", &limit.to_string())]);
            }
            Self::Body(HttpError::TooSlow { .. }) => text.body_time_todo,
            Self::Body(_) => text.body_todo,
            Self::Internal => text.internal_todo,
        };
        sentence.to_owned()
    }

    fn header(&self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Self::NoToken => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::TooManyLogins => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            Self::Busy | Self::NoDatabase => Some((header::RETRY_AFTER, retry_after().into())),
            Self::MethodNotAllowed => Some((header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_a_busy_console_are_retried_at_different_times() {
        let seconds: std::collections::BTreeSet<_> = (0..64).map(|_| retry_after()).collect();
        assert_eq!(seconds, RETRY_AFTER.collect());
    }
}
