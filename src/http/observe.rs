//! Each request leaves a log line, metrics and an audit event: who asked (request id), what, with which outcome.
//! Never a body, a name, an e-mail address or a whole identifier.

use std::ops::DerefMut;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

use super::cited_rules::CitedRules;
use super::counters::Counters;
use super::log_limit::{self, Reason};
use super::origin::Origin;
use super::recorder::{Extent, Recorder, RequestCopy};
use crate::access::principal::Principal;
use crate::audit::{AuditDraft, AuditEvent, AuditQueue, Caller};
use crate::error::Error;
use crate::telemetry::{RequestSpan, SpanOutcome};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Requests with this status are counted, and have no audit event.
const TOO_MANY_REQUESTS: u16 = 429;

/// The status of overload, if the response cites a rule with the code `throttled`.
const SERVICE_UNAVAILABLE: u16 = 503;

/// The status in the log of a request whose client closed the connection before the response, as in the log of nginx.
const CLIENT_WENT_AWAY: u16 = 499;

/// Maximum characters of a text of a certificate in an audit event: X.520 allows 64.
const MAX_CERTIFICATE_TEXT: usize = 64;

/// Maximum organizational units of a certificate in an audit event.
const MAX_UNITS: usize = 8;

tokio::task_local! {
    static REQUEST_ID_NOW: String;
}

/// The id of the request that is being answered, as its client sent it.
pub fn request_id() -> Option<String> {
    REQUEST_ID_NOW.try_with(String::clone).ok()
}

/// The audit draft of a request, on loan to its handler: an extension of the request.
///
/// The handler owns the draft while it works. When it drops the draft, at its end or because the client goes away, the
/// draft comes back to the middleware, which makes the audit event of it.
#[derive(Clone)]
pub struct AuditLoan {
    /// The draft before the handler takes it.
    draft: AuditDraft,
    returned: Arc<OnceLock<AuditDraft>>,
}

impl AuditLoan {
    /// Lends this draft.
    pub fn new(draft: AuditDraft) -> Self {
        Self { draft, returned: Arc::default() }
    }

    /// The draft of the request with these extensions. Only the first handler that returns it counts.
    ///
    /// # Errors
    /// [`Error::Internal`] where the request did not pass [`observe`].
    pub fn borrow(extensions: &Extensions) -> Result<impl DerefMut<Target = AuditDraft> + use<>, Error> {
        let loan = extensions.get::<Self>().ok_or_else(|| Error::internal("a request without an audit draft"))?;
        let returned = loan.returned.clone();
        Ok(scopeguard::guard(loan.draft.clone(), move |draft| {
            // A request has one handler.
            let _ = returned.set(draft);
        }))
    }

    /// The draft as the handler has returned it.
    pub fn draft(&self) -> &AuditDraft {
        self.returned.get().unwrap_or(&self.draft)
    }
}

/// Where exchanges leave their traces.
#[derive(Clone)]
pub struct Observer {
    pub audit: AuditQueue,
    /// Keeps exchanges in the journal, if there is one.
    pub recorder: Option<Recorder>,
    pub counters: Counters,
}

/// Takes over or makes the request id, echoes it, measures, logs, audits, and keeps the exchange in the journal.
pub async fn observe(
    State(Observer { audit: queue, recorder, counters }): State<Observer>,
    mut request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let correlation_id = legible(request.headers(), &CORRELATION_ID);
    let request_id = legible(request.headers(), &REQUEST_ID).or_else(|| correlation_id.clone());
    let request_id = request_id.unwrap_or_else(|| crate::clock::new_uuid().hyphenated().to_string());
    // A client may have put a name there: only the client itself reads it again.
    let shown_id = queue.request_id(&request_id);
    let request_span = begin_span(&request, &shown_id);
    let span = request_span
        .span()
        .in_scope(|| tracing::error_span!("request", id = shown_id, trace_id = request_span.trace_id()));
    let origin = request.extensions().get::<Origin>();
    let is_unauthenticated = origin.is_some_and(|origin| matches!(origin.principal, Principal::Unauthenticated(_)));
    let is_near = origin.is_some_and(|origin| origin.peer.is_loopback());
    let audit = AuditLoan::new(queue.draft(&shown_id, caller(origin)));
    request.extensions_mut().insert(audit.clone());
    let request_span = Some(request_span);
    let copy = request.extensions().get::<RequestCopy>().cloned();
    let journal = recorder.zip(copy).map(|(recorder, copy)| Journal { recorder, copy, is_near });
    let in_flight =
        InFlightGuard { start, queue, audit, is_unauthenticated, span: span.clone(), request_span, journal, counters };
    let answering = REQUEST_ID_NOW.scope(request_id.clone(), next.run(request));
    let mut response = answering.instrument(span).await;

    for (name, id) in [(REQUEST_ID, Some(&request_id)), (CORRELATION_ID, correlation_id.as_ref())] {
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            response.headers_mut().insert(name, id);
        }
    }
    let cited = response.extensions_mut().remove::<CitedRules>().unwrap_or_default();
    in_flight.answered(&mut response, &cited).await;
    response
}

/// The way of a request into the journal.
struct Journal {
    recorder: Recorder,
    copy: RequestCopy,
    /// Whether the client is on this machine.
    is_near: bool,
}

/// How much of an exchange is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Everything,
    /// A few of those of unauthenticated clients, and never their bodies.
    AuditEvent,
    Nothing,
}

/// A request that has yet to leave its log line, metrics and audit event. It leaves them too if its client goes away
/// before it is answered: its write may have been committed.
struct InFlightGuard {
    start: Instant,
    queue: AuditQueue,
    audit: AuditLoan,
    /// Whether callers are configured, and the sender is none of them.
    is_unauthenticated: bool,
    span: Span,
    /// `None` once the span has ended.
    request_span: Option<RequestSpan>,
    journal: Option<Journal>,
    counters: Counters,
}

impl InFlightGuard {
    async fn answered(mut self, response: &mut Response, cited: &CitedRules) {
        let (elapsed, status) = (self.start.elapsed(), response.status().as_u16());
        let kept = self.kept(status, cited);
        let draft = self.audit.draft();
        let event = || draft.event(status, cited.rules());
        // An event of a change was committed with it.
        match kept {
            Kept::Everything if !draft.is_audited() => self.queue.send(event()).await,
            Kept::AuditEvent => self.queue.try_send(event()),
            Kept::Everything | Kept::Nothing => {}
        }
        self.keep(kept, event, cited, Some(response));
        self.end(elapsed, status, cited);
    }

    /// How much of the exchange is kept. To be asked once: those of unauthenticated clients are counted.
    fn kept(&self, status: u16, cited: &CitedRules) -> Kept {
        if status == TOO_MANY_REQUESTS && self.audit.draft().fault().is_none() {
            // A flood of requests would cause a flood of events.
            Kept::Nothing
        } else if self.audit.draft().is_audited() || (!self.is_unauthenticated && !cited.is_of_foreign_page()) {
            Kept::Everything
        } else if self.queue.allow_unauthenticated() {
            Kept::AuditEvent
        } else {
            Kept::Nothing
        }
    }

    /// Keeps the exchange in the journal.
    fn keep(
        &self,
        kept: Kept,
        event: impl FnOnce() -> AuditEvent,
        cited: &CitedRules,
        response: Option<&mut Response>,
    ) {
        let Some(Journal { recorder, copy, is_near }) = &self.journal else { return };
        let extent = Extent { with_content: kept == Kept::Everything, near: *is_near };
        if kept != Kept::Nothing {
            recorder.keep(copy, event(), cited, response, extent);
        }
    }

    /// Counts and logs the request.
    fn end(&mut self, elapsed: Duration, status: u16, cited: &CitedRules) {
        let Some(request_span) = self.request_span.take() else { return };
        let draft = self.audit.draft();
        let (interaction, resource_type) =
            (draft.interaction().unwrap_or("none"), draft.resource_type().unwrap_or("none"));
        let issues = cited.list();
        metrics::counter!(
            "sas_requests_total", "type" => resource_type, "interaction" => interaction, "status" => status.to_string()
        )
        .increment(1);
        metrics::histogram!("sas_request_duration_seconds", "type" => resource_type, "interaction" => interaction)
            .record(elapsed.as_secs_f64());
        if interaction != "events" {
            // They wait on purpose.
            self.counters.record(status, Some(elapsed), cited.rules());
        }
        let duration_ms = (elapsed.as_secs_f64() * 1e5).round() / 1e2;
        let caller = draft.caller().unwrap_or("none");
        let fault = draft.fault();
        let reason = limited(status, self.is_unauthenticated, cited).filter(|_| fault.is_none());
        let left_out = reason.map_or(Some(0), log_limit::next_line);
        if let Some(left_out) = left_out {
            let left_out = (left_out > 0).then_some(left_out);
            let _entered = self.span.enter();
            tracing::info!(
                interaction,
                resource_type,
                status,
                caller,
                duration_ms,
                issues,
                fault,
                left_out,
                "answered"
            );
        }
        request_span.end(&SpanOutcome { status, interaction, resource_type, caller, issues: &issues });
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        if self.request_span.is_none() {
            return;
        }
        let elapsed = self.start.elapsed();
        let (kept, cited) = (self.kept(CLIENT_WENT_AWAY, &CitedRules::default()), CitedRules::default());
        let draft = self.audit.draft();
        let event = || draft.event(CLIENT_WENT_AWAY, std::iter::empty());
        if kept != Kept::Nothing && !draft.is_audited() {
            self.queue.try_send(event());
        }
        self.keep(kept, event, &cited, None);
        self.end(elapsed, CLIENT_WENT_AWAY, &cited);
    }
}

/// Why the log line of a request is rate limited: such requests cost their client nothing, and there may be any number
/// of them.
fn limited(status: u16, is_unauthenticated: bool, issues: &CitedRules) -> Option<Reason> {
    match status {
        TOO_MANY_REQUESTS => Some(Reason::RateLimited),
        _ if is_unauthenticated || issues.is_of_foreign_page() => Some(Reason::Unauthenticated),
        SERVICE_UNAVAILABLE if issues.is_overload() => Some(Reason::Overloaded),
        _ => None,
    }
}

/// The span of a request, in the trace that the client names.
fn begin_span(request: &Request, request_id: &str) -> RequestSpan {
    let base_url = request.extensions().get::<Origin>().map(|origin| origin.base_url.clone());
    let scheme = if base_url.is_some_and(|url| url.starts_with("https:")) { "https" } else { "http" };
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    RequestSpan::begin(request.headers(), request.method(), route, scheme, request_id)
}

/// The sender of a request, as it is audited.
fn caller(origin: Option<&Origin>) -> Caller {
    let Some(origin) = origin else { return Caller::default() };
    let certificate = origin.certificate.as_deref();
    Caller {
        name: origin.caller().map(str::to_owned),
        common_name: certificate.map(|certificate| legible_text(&certificate.common_name)),
        organizational_units: certificate
            .map(|certificate| {
                certificate.organizational_units.iter().take(MAX_UNITS).map(|unit| legible_text(unit)).collect()
            })
            .unwrap_or_default(),
        serial: certificate.map(|certificate| legible_text(&certificate.serial)),
        peer: origin.peer.to_string(),
    }
}

/// A text of a certificate without control characters: Postgres accepts no NUL. Bounded:
/// the client chooses it.
fn legible_text(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_CERTIFICATE_TEXT).collect()
}

/// An id that may be echoed and logged: short, and of visible ASCII.
fn legible(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let id = headers.get(name)?.to_str().ok()?;
    let legible = (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    legible.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tower::Service;

    use super::*;
    use crate::access::principal::{AuthFailure, Denied};
    use crate::clock::Clock;
    use crate::error::Workload;
    use crate::http::http_error::HttpError;
    use crate::tls::certificate::ClientCertificate;

    /// The audit events of so many requests of this principal that are answered with this status; `None`: never.
    async fn audit_events(requests: usize, principal: Principal, status: Option<StatusCode>) -> Vec<AuditEvent> {
        let (queue, mut events) = AuditQueue::without_task();
        let answer = async move |request: Request| {
            let mut audit = AuditLoan::borrow(request.extensions()).expect("an audit draft");
            audit.set_interaction("read", Some("Practitioner"));
            match status {
                Some(status) => status,
                None => std::future::pending().await,
            }
        };
        let mut router = Router::new().route("/", any(answer)).layer(from_fn_with_state(
            Observer { audit: queue, recorder: None, counters: Counters::new(Clock::system()) },
            observe,
        ));
        let peer = "192.0.2.1".parse().expect("an address");
        let origin = Origin { peer, certificate: None, principal, base_url: "http://h/fhir".into() };
        for _ in 0..requests {
            let request = Request::get("/").extension(origin.clone()).body(Body::empty()).expect("a request");
            // A client that goes away at once has sent its request all the same.
            let answered = tokio::time::timeout(Duration::ZERO, router.call(request)).await;
            assert_eq!(answered.is_ok(), status.is_some());
        }
        std::iter::from_fn(|| events.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn audit_client_gone_leaves_an_event() {
        let events = audit_events(1, Principal::Anyone, None).await;
        let logged: Vec<_> = events.iter().map(|event| (event.status, event.interaction.as_str())).collect();
        assert_eq!(logged, [(499, "read")]);
        assert_eq!(events[0].resource_type.as_deref(), Some("Practitioner"));
    }

    #[tokio::test]
    async fn audit_too_many_requests_leave_no_event() {
        assert_eq!(audit_events(3, Principal::Anyone, Some(StatusCode::TOO_MANY_REQUESTS)).await, []);
        assert_eq!(audit_events(3, Principal::Anyone, Some(StatusCode::OK)).await.len(), 3);
    }

    #[tokio::test]
    async fn audit_unauthenticated_requests_leave_few_events() {
        for status in [Some(StatusCode::UNAUTHORIZED), None] {
            let events = audit_events(1000, Principal::Unauthenticated(AuthFailure::NoCredentials), status).await.len();
            assert!((10..900).contains(&events), "{events}");
        }
    }

    #[test]
    fn log_limit_applies_to_floods_and_to_nothing_else() {
        let cited = |error: &HttpError| CitedRules::new(&error.issues());
        let too_fast = HttpError::TooManyRequests { retry_after: Duration::ZERO };
        let unavailable: HttpError =
            Error::Unavailable(Arc::new(std::io::Error::from(std::io::ErrorKind::TimedOut))).into();
        for (status, is_unauthenticated, error, expected) in [
            (
                401,
                true,
                &HttpError::Denied(Denied::Unauthenticated(AuthFailure::NoCredentials)),
                Some(Reason::Unauthenticated),
            ),
            (499, true, &Error::NotFound.into(), Some(Reason::Unauthenticated)),
            (403, false, &HttpError::ForeignPage, Some(Reason::Unauthenticated)),
            (421, false, &HttpError::ForeignHost, Some(Reason::Unauthenticated)),
            (429, false, &too_fast, Some(Reason::RateLimited)),
            (429, true, &too_fast, Some(Reason::RateLimited)),
            (503, false, &Error::TooBusy(Workload::Searches).into(), Some(Reason::Overloaded)),
            (503, true, &Error::TooBusy(Workload::Writes).into(), Some(Reason::Unauthenticated)),
            (503, false, &Error::DeadlineExceeded.into(), None),
            (503, false, &Error::EmptyDirectory.into(), None),
            (503, false, &unavailable, None),
            (500, false, &HttpError::internal("x"), None),
            (403, false, &Denied::Forbidden { missing: String::new() }.into(), None),
            (404, false, &Error::NotFound.into(), None),
            (200, false, &Error::Refused(vec![]).into(), None),
        ] {
            assert_eq!(
                limited(status, is_unauthenticated, &cited(error)),
                expected,
                "{status} {is_unauthenticated} {error}"
            );
        }
    }

    #[tokio::test]
    async fn request_id_of_a_client_is_echoed_and_audited_as_a_hash_unless_random() {
        let random = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (name, id, is_kept) in [
            ("x-request-id", "nadia.aubert@example.org", false),
            ("x-correlation-id", "nadia.aubert@example.org", false),
            ("x-request-id", "810002909371", false),
            ("x-request-id", random, true),
            ("x-correlation-id", random, true),
        ] {
            let (queue, mut events) = AuditQueue::without_task();
            let quoted = async || request_id().unwrap_or_default();
            let mut router = Router::new().route("/", any(quoted)).layer(from_fn_with_state(
                Observer { audit: queue, recorder: None, counters: Counters::new(Clock::system()) },
                observe,
            ));
            let request = Request::get("/").header(name, id).body(Body::empty()).expect("a request");
            let response = router.call(request).await.expect("a response");
            assert_eq!(response.headers()[name], id);
            assert_eq!(response.headers()["x-request-id"], id);
            let body = axum::body::to_bytes(response.into_body(), 1000).await.expect("a body");
            assert_eq!(body, id, "the client reads in an answer what it sent");
            let audited = events.try_recv().expect("an audit event").request_id;
            assert_eq!((audited.len(), audited == id), (32, is_kept), "{audited}");
        }
    }

    #[test]
    fn audit_caller_certificate_texts_are_bounded() {
        let certificate = ClientCertificate {
            common_name: "x".repeat(10_000),
            organizational_units: vec!["y".repeat(10_000); 1000],
            serial: "0".repeat(10_000),
        };
        let peer = "192.0.2.1".parse().expect("an address");
        let certificate = Some(Arc::new(certificate));
        let origin = Origin { peer, certificate, principal: Principal::Anyone, base_url: "http://h/fhir".into() };
        let size = serde_json::to_string(&caller(Some(&origin))).expect("JSON").len();
        assert!(size < 1000, "{size} bytes");
    }

    #[test]
    fn audit_caller_has_certificate_and_address() {
        let certificate = ClientCertificate {
            common_name: "sas.\0example.org\u{1b}".to_owned(),
            organizational_units: vec!["318700000000000\0".to_owned()],
            serial: "0a1b".to_owned(),
        };
        let peer = "192.0.2.1".parse().expect("an address");
        let certificate = Some(Arc::new(certificate));
        let origin = Origin { peer, certificate, principal: Principal::Anyone, base_url: "http://h/fhir".into() };
        let expected = Caller {
            name: None,
            common_name: Some("sas.example.org".to_owned()),
            organizational_units: vec!["318700000000000".to_owned()],
            serial: Some("0a1b".to_owned()),
            peer: "192.0.2.1".to_owned(),
        };
        assert_eq!(caller(Some(&origin)), expected);
    }
}
