//! Every exchange leaves a log line, metrics and a record: who asked (request id), what, with which outcome.
//! Never a body, a name, an e-mail address or a whole identifier.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span};

use super::log_limit::{self, Reason};
use super::origin::Origin;
use crate::access::principal::Principal;
use crate::audit::{Caller, Recorder, Trace};
use crate::issue::catalogue::{FOREIGN_HOST, HTTP_HOST, HTTP_ORIGIN};
use crate::issue::{Issue, IssueType};
use crate::telemetry::{RequestSpan, SpanOutcome};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// Counted, and not recorded.
const TOO_MANY_REQUESTS: u16 = 429;

/// Of overload, where it cites a rule with the code `throttled`.
const SERVICE_UNAVAILABLE: u16 = 503;

/// What is told, as other servers do, of an exchange whose client did not wait for the answer.
const CLIENT_WENT_AWAY: u16 = 499;

/// Characters of a text of a certificate that are recorded: X.520 allows 64.
const MAX_CERTIFICATE_TEXT: usize = 64;

/// Organizational units of a certificate that are recorded.
const MAX_UNITS: usize = 8;

tokio::task_local! {
    static REQUEST_ID_NOW: String;
}

/// The id of the request that is being answered, as its client sent it.
pub fn request_id() -> Option<String> {
    REQUEST_ID_NOW.try_with(String::clone).ok()
}

/// What an exchange was, carried by its response.
#[derive(Clone, Copy)]
pub struct Observed {
    /// The name of the interaction.
    pub interaction: &'static str,
    /// The resource type that it was about.
    pub resource_type: Option<&'static str>,
}

/// The rules that were cited, carried by the response.
#[derive(Clone, Default)]
pub struct Issues(Vec<(&'static str, &'static str)>);

impl Issues {
    /// The ids and issue codes of these issues, each once.
    pub fn of(issues: &[Issue]) -> Self {
        let mut cited: Vec<_> = issues.iter().map(|issue| (issue.rule.id, issue.rule.code.code())).collect();
        cited.sort_unstable();
        cited.dedup();
        Self(cited)
    }

    fn rules(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|(rule, _)| *rule)
    }

    /// A page of another site sends the request: as often as it wants to, and in nobody's name.
    fn is_of_foreign_page(&self) -> bool {
        self.rules().any(|rule| [HTTP_ORIGIN.id, FOREIGN_HOST.id, HTTP_HOST.id].contains(&rule))
    }

    /// There was too much to do.
    fn is_overload(&self) -> bool {
        self.0.iter().any(|(_, code)| *code == IssueType::Throttled.code())
    }

    /// Both, of each, in one line.
    pub fn list(&self) -> String {
        self.0.iter().map(|(rule, code)| format!("{rule}:{code}")).collect::<Vec<_>>().join(" ")
    }
}

/// Takes over or makes the request id, echoes it, measures, logs and records.
pub async fn observe(State(recorder): State<Recorder>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let correlation_id = legible(request.headers(), &CORRELATION_ID);
    let request_id = legible(request.headers(), &REQUEST_ID).or_else(|| correlation_id.clone());
    let request_id = request_id.unwrap_or_else(|| crate::clock::new_uuid().hyphenated().to_string());
    // A client may have put a name there: only the client itself reads it again.
    let shown_id = recorder.request_id(&request_id);
    let exchange = traced(&request, &shown_id);
    let span =
        exchange.span().in_scope(|| tracing::error_span!("request", id = shown_id, trace_id = exchange.trace_id()));
    let origin = request.extensions().get::<Origin>();
    let is_stranger = origin.is_some_and(|origin| matches!(origin.principal, Principal::Unauthenticated(_)));
    let trace = recorder.begin(&shown_id, who_asks(origin));
    request.extensions_mut().insert(trace.clone());
    let going_on = GoingOn { start, recorder, trace, is_stranger, span: span.clone(), exchange: Some(exchange) };
    let answering = REQUEST_ID_NOW.scope(request_id.clone(), next.run(request));
    let mut response = answering.instrument(span).await;

    for (name, id) in [(REQUEST_ID, Some(&request_id)), (CORRELATION_ID, correlation_id.as_ref())] {
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            response.headers_mut().insert(name, id);
        }
    }
    let observed = response.extensions().get::<Observed>().copied();
    let issues = response.extensions_mut().remove::<Issues>().unwrap_or_default();
    going_on.answered(response.status().as_u16(), observed, &issues).await;
    response
}

/// An exchange that has yet to leave its log line, metrics and record. It leaves them too where its client goes
/// away before it is answered: what it asked for may have been done.
struct GoingOn {
    start: Instant,
    recorder: Recorder,
    trace: Trace,
    /// Callers are asked for, and this is none of them.
    is_stranger: bool,
    span: Span,
    /// Until it has ended.
    exchange: Option<RequestSpan>,
}

impl GoingOn {
    async fn answered(mut self, status: u16, observed: Option<Observed>, issues: &Issues) {
        let elapsed = self.start.elapsed();
        let record = || self.trace.record(status, issues.rules(), None);
        if self.trace.is_recorded() || status == TOO_MANY_REQUESTS {
            // With its change; or it was refused lest it be too much.
        } else if !self.is_stranger && !issues.is_of_foreign_page() {
            self.recorder.record(record()).await;
        } else if self.recorder.allow_unauthenticated() {
            self.recorder.record_at_once(record());
        }
        self.end(elapsed, status, observed, issues);
    }

    /// Counts and logs it.
    fn end(&mut self, elapsed: Duration, status: u16, observed: Option<Observed>, cited: &Issues) {
        let Some(exchange) = self.exchange.take() else { return };
        let interaction = observed.map_or("none", |observed| observed.interaction);
        let resource_type = observed.and_then(|observed| observed.resource_type).unwrap_or("none");
        let issues = cited.list();
        metrics::counter!(
            "sas_requests_total", "type" => resource_type, "interaction" => interaction, "status" => status.to_string()
        )
        .increment(1);
        metrics::histogram!("sas_request_duration_seconds", "type" => resource_type, "interaction" => interaction)
            .record(elapsed.as_secs_f64());
        let duration_ms = (elapsed.as_secs_f64() * 1e5).round() / 1e2;
        let caller = self.trace.caller().unwrap_or("none");
        let reason = limited(status, self.is_stranger, cited);
        let left_out = reason.map_or(Some(0), log_limit::next_line);
        if let Some(left_out) = left_out {
            let left_out = (left_out > 0).then_some(left_out);
            let _entered = self.span.enter();
            tracing::info!(interaction, resource_type, status, caller, duration_ms, issues, left_out, "answered");
        }
        exchange.end(&SpanOutcome { status, interaction, resource_type, caller, issues: &issues });
    }
}

impl Drop for GoingOn {
    fn drop(&mut self) {
        if self.exchange.is_none() {
            return;
        }
        let elapsed = self.start.elapsed();
        if !self.trace.is_recorded() && (!self.is_stranger || self.recorder.allow_unauthenticated()) {
            self.recorder.record_at_once(self.trace.record(CLIENT_WENT_AWAY, std::iter::empty(), None));
        }
        let observed = self.trace.asked().map(|(interaction, resource_type)| Observed { interaction, resource_type });
        self.end(elapsed, CLIENT_WENT_AWAY, observed, &Issues::default());
    }
}

/// Why the line of an exchange is written only within a limit: such exchanges cost their client nothing, and there may
/// be any number of them.
fn limited(status: u16, is_stranger: bool, issues: &Issues) -> Option<Reason> {
    match status {
        TOO_MANY_REQUESTS => Some(Reason::RateLimited),
        _ if is_stranger || issues.is_of_foreign_page() => Some(Reason::Unauthenticated),
        SERVICE_UNAVAILABLE if issues.is_overload() => Some(Reason::Overloaded),
        _ => None,
    }
}

/// The exchange as a span, of the trace that the client names.
fn traced(request: &Request, request_id: &str) -> RequestSpan {
    let base_url = request.extensions().get::<Origin>().map(|origin| origin.base_url.clone());
    let scheme = if base_url.is_some_and(|url| url.starts_with("https:")) { "https" } else { "http" };
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    RequestSpan::begin(request.headers(), request.method(), route, scheme, request_id)
}

/// Who asks, as it is recorded.
fn who_asks(origin: Option<&Origin>) -> Caller {
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

/// A text of a certificate without control characters: Postgres takes no NUL, nor anything recorded with one. Bounded:
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
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::any;
    use tower::Service;

    use super::*;
    use crate::access::principal::AuthFailure;
    use crate::audit::AuditEvent;
    use crate::error::{Error, Workload};
    use crate::tls::certificate::ClientCertificate;

    /// The records of so many exchanges that one of these sends, and that are answered so; `None`: never.
    async fn records(exchanges: usize, principal: Principal, status: Option<StatusCode>) -> Vec<AuditEvent> {
        let (recorder, mut records) = Recorder::alone();
        let answer = async move |request: Request| {
            request.extensions().get::<Trace>().expect("a trace").asks("read", Some("Practitioner"));
            match status {
                Some(status) => status,
                None => std::future::pending().await,
            }
        };
        let mut router = Router::new().route("/", any(answer)).layer(from_fn_with_state(recorder, observe));
        let peer = "192.0.2.1".parse().expect("an address");
        let origin = Origin { peer, certificate: None, principal, base_url: "http://h/fhir".into() };
        for _ in 0..exchanges {
            let request = Request::get("/").extension(origin.clone()).body(Body::empty()).expect("a request");
            // Whoever gives up at once has asked all the same.
            let answered = tokio::time::timeout(Duration::ZERO, router.call(request)).await;
            assert_eq!(answered.is_ok(), status.is_some());
        }
        std::iter::from_fn(|| records.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn an_exchange_whose_client_goes_away_leaves_its_record() {
        let records = records(1, Principal::Anyone, None).await;
        let told: Vec<_> = records.iter().map(|record| (record.status, record.interaction.as_str())).collect();
        assert_eq!(told, [(499, "read")]);
        assert_eq!(records[0].resource_type.as_deref(), Some("Practitioner"));
    }

    #[tokio::test]
    async fn what_comes_too_fast_leaves_no_record() {
        assert_eq!(records(3, Principal::Anyone, Some(StatusCode::TOO_MANY_REQUESTS)).await, []);
        assert_eq!(records(3, Principal::Anyone, Some(StatusCode::OK)).await.len(), 3);
    }

    #[tokio::test]
    async fn of_strangers_a_few_exchanges_are_recorded() {
        for status in [Some(StatusCode::UNAUTHORIZED), None] {
            let recorded = records(1000, Principal::Unauthenticated(AuthFailure::NoCredentials), status).await.len();
            assert!((10..900).contains(&recorded), "{recorded}");
        }
    }

    #[test]
    fn log_limit_applies_to_floods_and_to_nothing_else() {
        let cited = |error: &Error| Issues::of(&error.issues());
        let too_fast = Error::TooFast { retry_after: Duration::ZERO };
        let unavailable = Error::Unavailable(Arc::new(sqlx::Error::PoolTimedOut));
        for (status, is_stranger, error, expected) in [
            (401, true, &Error::LoginRequired, Some(Reason::Unauthenticated)),
            (499, true, &Error::NotFound, Some(Reason::Unauthenticated)),
            (403, false, &Error::ForeignPage, Some(Reason::Unauthenticated)),
            (421, false, &Error::ForeignHost, Some(Reason::Unauthenticated)),
            (429, false, &too_fast, Some(Reason::RateLimited)),
            (429, true, &too_fast, Some(Reason::RateLimited)),
            (503, false, &Error::TooBusy(Workload::Searches), Some(Reason::Overloaded)),
            (503, true, &Error::TooBusy(Workload::Writes), Some(Reason::Unauthenticated)),
            (503, false, &Error::DeadlineExceeded, None),
            (503, false, &Error::EmptyDirectory, None),
            (503, false, &unavailable, None),
            (500, false, &Error::internal("x"), None),
            (403, false, &Error::Forbidden { missing: String::new() }, None),
            (404, false, &Error::NotFound, None),
            (200, false, &Error::Refused(vec![]), None),
        ] {
            assert_eq!(limited(status, is_stranger, &cited(error)), expected, "{status} {is_stranger} {error}");
        }
    }

    #[tokio::test]
    async fn request_id_of_a_client_is_echoed_as_sent_and_recorded_as_a_hash_unless_random() {
        let random = "4bf92f3577b34da6a3ce929d0e0e4736";
        for (name, id, is_kept) in [
            ("x-request-id", "nadia.aubert@example.org", false),
            ("x-correlation-id", "nadia.aubert@example.org", false),
            ("x-request-id", "810002909371", false),
            ("x-request-id", random, true),
            ("x-correlation-id", random, true),
        ] {
            let (recorder, mut records) = Recorder::alone();
            let quoted = async || request_id().unwrap_or_default();
            let mut router = Router::new().route("/", any(quoted)).layer(from_fn_with_state(recorder, observe));
            let request = Request::get("/").header(name, id).body(Body::empty()).expect("a request");
            let response = router.call(request).await.expect("a response");
            assert_eq!(response.headers()[name], id);
            assert_eq!(response.headers()["x-request-id"], id);
            let body = axum::body::to_bytes(response.into_body(), 1000).await.expect("a body");
            assert_eq!(body, id, "the client reads in an answer what it sent");
            let recorded = records.try_recv().expect("a record").request_id;
            assert_eq!((recorded.len(), recorded == id), (32, is_kept), "{recorded}");
        }
    }

    #[test]
    fn what_is_recorded_of_a_certificate_is_bounded() {
        let certificate = ClientCertificate {
            common_name: "x".repeat(10_000),
            organizational_units: vec!["y".repeat(10_000); 1000],
            serial: "0".repeat(10_000),
        };
        let peer = "192.0.2.1".parse().expect("an address");
        let certificate = Some(Arc::new(certificate));
        let origin = Origin { peer, certificate, principal: Principal::Anyone, base_url: "http://h/fhir".into() };
        let size = serde_json::to_string(&who_asks(Some(&origin))).expect("JSON").len();
        assert!(size < 1000, "{size} bytes");
    }

    #[test]
    fn who_asks_is_told_by_the_certificate_and_the_address() {
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
        assert_eq!(who_asks(Some(&origin)), expected);
    }
}
