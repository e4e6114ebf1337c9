//! Every exchange leaves a log line, metrics and a record: who asked (request id), what, with which outcome.
//! Never a body, a name, an e-mail address or a whole identifier.

use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::origin::Origin;
use crate::interaction::recorder::Recorder;
use crate::issue::Issue;
use crate::record::Caller;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

tokio::task_local! {
    static REQUEST_ID_NOW: String;
}

/// The id of the request that is being answered.
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
    let request_id = request_id.unwrap_or_else(|| uuid::Uuid::now_v7().hyphenated().to_string());
    let trace = recorder.begin(&request_id, who_asks(request.extensions().get()));
    request.extensions_mut().insert(trace.clone());
    let span = tracing::error_span!("request", id = request_id);
    let caller = request.extensions().get::<Origin>().and_then(Origin::caller).unwrap_or("none").to_owned();
    let answering = REQUEST_ID_NOW.scope(request_id.clone(), next.run(request));
    let mut response = tracing::Instrument::instrument(answering, span.clone()).await;
    let elapsed = start.elapsed();

    for (name, id) in [(REQUEST_ID, Some(&request_id)), (CORRELATION_ID, correlation_id.as_ref())] {
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id).ok()) {
            response.headers_mut().insert(name, id);
        }
    }
    let observed = response.extensions().get::<Observed>();
    let interaction = observed.map_or("none", |observed| observed.interaction);
    let resource_type = observed.and_then(|observed| observed.resource_type).unwrap_or("none");
    let status = response.status().as_u16();
    let issues = response.extensions().get::<Issues>().cloned().unwrap_or_default();
    if !trace.is_recorded() {
        recorder.record(trace.record(status, issues.rules(), None)).await;
    }
    let issues = issues.list();
    let labels = [("type", resource_type.to_owned()), ("interaction", interaction.to_owned())];
    let with_status = [labels[0].clone(), labels[1].clone(), ("status", status.to_string())];
    metrics::counter!("sas_requests_total", &with_status).increment(1);
    metrics::histogram!("sas_request_duration_seconds", &labels).record(elapsed.as_secs_f64());
    let duration_ms = (elapsed.as_secs_f64() * 1e5).round() / 1e2;
    let _entered = span.entered();
    tracing::info!(interaction, resource_type, status, caller, duration_ms, issues, "answered");
    response
}

/// Who asks, as it is recorded.
fn who_asks(origin: Option<&Origin>) -> Caller {
    let Some(origin) = origin else { return Caller::default() };
    let certificate = origin.certificate.as_deref();
    Caller {
        name: origin.caller().map(str::to_owned),
        common_name: certificate.map(|certificate| certificate.common_name.clone()),
        organizational_units: certificate
            .map(|certificate| certificate.organizational_units.clone())
            .unwrap_or_default(),
        serial: certificate.map(|certificate| certificate.serial.clone()),
        peer: origin.peer.to_string(),
    }
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

    use super::*;
    use crate::access::who::Who;
    use crate::tls::certificate::ClientCertificate;

    #[test]
    fn who_asks_is_told_by_the_certificate_and_the_address() {
        let certificate = ClientCertificate {
            common_name: "sas.example.org".to_owned(),
            organizational_units: vec!["318700000000000".to_owned()],
            serial: "0a1b".to_owned(),
        };
        let peer = "192.0.2.1".parse().expect("an address");
        let certificate = Some(Arc::new(certificate));
        let origin = Origin { peer, certificate, who: Who::Anybody, base_url: "http://h/fhir".into() };
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
