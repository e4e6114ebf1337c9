//! Lets an armed fault act on a request, before its body is judged and on its answer.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

use super::http_error::HttpError;
use super::negotiation::{Return, preferred_return};
use super::origin::ResentOf;
use crate::audit::AuditDraft;
use crate::fault::{Acting, Effect, FaultKind, Faults, MatchOn};
use crate::fhir::identifier::{Identifier, Token};
use crate::fhir::query::Query;
use crate::fhir::query::value::split_unescaped;
use crate::fhir::top_identifiers::top_identifiers;

/// The kind of the fault, on each answer that leaves.
const FAULT: HeaderName = HeaderName::from_static("x-sas-fault");

/// The status in the log and in the audit log of a request whose connection is closed without an answer, as in the log of nginx.
const NO_RESPONSE: u16 = 444;

/// Maximum identifiers of a query that are matched.
const MAX_IDENTIFIERS: usize = 64;

/// Time for the kernel to take the half of an answer before the connection is closed.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

/// How a connection is closed instead of being answered: an extension of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Without a byte of the answer.
    BeforeHead,
    /// After the first half of its body.
    InBody,
}

impl Cut {
    /// How the connection of this response is to be closed.
    pub fn of(response: &Response) -> Option<Self> {
        response.extensions().get().copied()
    }
}

/// The fault that acts on one request, if one does.
pub(super) struct Injection<'a> {
    /// `None` for a request that the console sends again: faults are for clients.
    faults: Option<&'a Faults>,
    has_no_body: bool,
    acting: OnceLock<Acting>,
}

impl<'a> Injection<'a> {
    pub fn new(faults: &'a Faults, request: &Parts) -> Self {
        let is_resent = request.extensions.get::<ResentOf>().is_some();
        let has_no_body = request.method == Method::HEAD
            || (request.method != Method::GET && preferred_return(&request.headers) == Some(Return::Minimal));
        Self { faults: Some(faults).filter(|_| !is_resent), has_no_body, acting: OnceLock::new() }
    }

    /// Lets the first fault act that matches. To be called once: after authorisation and once the body has been read, before it
    /// is judged and before a permit is acquired.
    ///
    /// # Errors
    /// [`HttpError::Injected`], where the fault is what is answered.
    pub async fn act(&self, audit: &mut AuditDraft, query: &Query, body: Option<&Bytes>) -> Result<(), HttpError> {
        let Some(faults) = self.faults.filter(|faults| faults.is_armed()) else { return Ok(()) };
        // Boxed, so that a request without a fault has no room for it.
        Box::pin(self.act_armed(faults, audit, query, body)).await
    }

    async fn act_armed(
        &self,
        faults: &Faults,
        audit: &mut AuditDraft,
        query: &Query,
        body: Option<&Bytes>,
    ) -> Result<(), HttpError> {
        let identifiers = match faults.matches_identifiers() {
            true => identifiers(query, body),
            false => vec![],
        };
        let request = MatchOn {
            interaction: audit.interaction().unwrap_or_default(),
            resource_type: audit.resource_type(),
            caller: audit.caller(),
            identifiers: &identifiers,
            has_no_body: self.has_no_body,
        };
        let Some(acting) = faults.take(&request) else { return Ok(()) };
        let (effect, kind) = (acting.effect, acting.kind());
        audit.set_fault(Some(kind.as_str()));
        // A request has one fault.
        let _ = self.acting.set(acting);
        if kind.is_early() {
            count(kind);
        }
        match effect {
            Effect::Status { status, retry_after } => Err(HttpError::Injected { kind, status, retry_after }),
            Effect::CutBefore => Err(HttpError::Injected { kind, status: NO_RESPONSE, retry_after: None }),
            Effect::Delay(delay) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Effect::CutAfterCommit | Effect::CutInAnswer | Effect::InvalidJson => Ok(()),
        }
    }

    /// Lets the fault act on the answer, and marks it. A fault that cannot act on it is given back.
    pub async fn finish(mut self, response: Response, audit: &mut AuditDraft) -> Response {
        let Some(acting) = self.acting.take() else { return response };
        let kind = acting.kind();
        let length = response.body().size_hint().exact();
        let is_acting = match kind {
            FaultKind::Status | FaultKind::Delay | FaultKind::CutBefore => true,
            // The event of a write that may have been committed after its deadline has the fault.
            FaultKind::CutAfterCommit => response.status().is_success() || audit.may_be_committed(),
            // A stream has no end to cut, and of nothing there is no half.
            FaultKind::CutInAnswer | FaultKind::InvalidJson => length.is_some_and(|length| length > 1),
        };
        if !is_acting {
            self.give_back(&acting);
            audit.set_fault(None);
            return response;
        }
        if !kind.is_early() {
            count(kind);
        }
        let mut response = match kind {
            FaultKind::InvalidJson => Box::pin(halve(response)).await,
            _ => response,
        };
        response.headers_mut().insert(FAULT, HeaderValue::from_static(kind.as_str()));
        let cut = match kind {
            FaultKind::CutBefore | FaultKind::CutAfterCommit => Some(Cut::BeforeHead),
            FaultKind::CutInAnswer => Some(Cut::InBody),
            FaultKind::Status | FaultKind::Delay | FaultKind::InvalidJson => None,
        };
        if let Some(cut) = cut {
            response.extensions_mut().insert(cut);
        }
        response
    }
}

impl Injection<'_> {
    fn give_back(&self, acting: &Acting) {
        if let Some(faults) = self.faults {
            faults.give_back(acting);
        }
    }
}

impl Drop for Injection<'_> {
    /// Gives the fault back where the client went away before the answer on which it would have acted.
    fn drop(&mut self) {
        if let Some(acting) = self.acting.take().filter(|acting| !acting.kind().is_early()) {
            self.give_back(&acting);
        }
    }
}

fn count(kind: FaultKind) {
    metrics::counter!("sas_faults_total", "kind" => kind.as_str()).increment(1);
}

/// The identifiers in the criteria of a query, and at the top of a body.
fn identifiers(query: &Query, body: Option<&Bytes>) -> Vec<Identifier> {
    let values = query.iter().filter(|(name, _)| name.eq_ignore_ascii_case("identifier")).map(|(_, value)| value);
    let tokens = values.flat_map(|value| split_unescaped(value, ',')).take(MAX_IDENTIFIERS).filter_map(Token::parse);
    let of_query = tokens.filter_map(|token| match token {
        Token::Exact(identifier) => Some(identifier),
        _ => None,
    });
    of_query.chain(body.map(|body| top_identifiers(body)).into_iter().flatten()).collect()
}

/// The response with the first half of its body, as if that were all.
async fn halve(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    match body.collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            Response::from_parts(parts, Body::from(first_half(&body)))
        }
        // A body in memory does not fail.
        Err(_) => Response::from_parts(parts, Body::empty()),
    }
}

/// What a connection sends of a body that is cut.
pub(super) fn first_half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// A body that fails after its first half, once that is sent. It announces the whole.
pub(super) struct HalfBody {
    body: Body,
    announced: SizeHint,
    /// Bytes of the first half that are yet to be handed over.
    left: u64,
    closing: Option<Pin<Box<Sleep>>>,
}

impl HalfBody {
    pub fn new(body: Body) -> Self {
        let announced = body.size_hint();
        let left = announced.exact().unwrap_or_default() / 2;
        Self { body, announced, left, closing: None }
    }
}

impl HttpBody for HalfBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.left > 0 {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if let Some(Ok(Ok(mut data))) = frame.map(|frame| frame.map(Frame::into_data)) {
                let kept = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
                data.truncate(kept);
                self.left -= kept as u64;
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            self.left = 0;
        }
        // hyper sends what it has before it asks again.
        let closing = self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(FLUSH_TIMEOUT)));
        ready!(closing.as_mut().poll(cx));
        Poll::Ready(Some(Err(axum::Error::new(CutByFault))))
    }

    fn size_hint(&self) -> SizeHint {
        self.announced
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("an armed fault closes the connection")]
pub(super) struct CutByFault;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_identifiers_are_those_of_the_query_and_of_the_top_of_the_body() {
        let query =
            Query::parse("identifier=s%7C1,t|2&practitioner.identifier=s|9&name=s|8&Identifier=s|3&identifier=4");
        let body = Bytes::from(r#"{"identifier": [{"system": "u", "value": "5"}], "x": {"identifier": []}}"#);
        let found = identifiers(&query.expect("a query"), Some(&body));
        let expected = [("s", "1"), ("t", "2"), ("s", "3"), ("u", "5")];
        assert_eq!(found, expected.map(|(system, value)| Identifier::new(system, value)));
    }

    #[tokio::test(start_paused = true)]
    async fn fault_half_body_announces_all_and_fails_after_the_half() {
        let mut body = HalfBody::new(Body::from("0123456789"));
        assert_eq!(body.size_hint().exact(), Some(10));
        let first = body.frame().await.expect("a frame").expect("data").into_data().expect("data");
        assert_eq!(&*first, b"01234");
        assert_eq!(body.size_hint().exact(), Some(10));
        assert!(body.frame().await.expect("an end").is_err());
    }
}
