//! The ops listener: health checks and metrics. Not FHIR, and not for other networks.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use super::bounds::Bounds;
use crate::deadline::Deadline;
use crate::fault::Faults;
use crate::interaction::Endpoint;
use crate::tls::Tls;
use crate::webhook::Statuses;

/// Maximum open connections of the operator's listener.
pub const MAX_OPS_CONNECTIONS: usize = 64;

/// A database that does not respond within this time is not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The parts of the program on which the handlers report.
#[derive(Clone)]
struct OpsState {
    endpoint: Endpoint,
    tls: Tls,
    webhooks: Statuses,
    faults: Faults,
}

/// `/health/live`, `/health/ready` and `/metrics`.
pub fn router(endpoint: Endpoint, tls: Tls, webhooks: Statuses, faults: Faults) -> Router {
    Router::new()
        .route("/health/live", get(async || (StatusCode::OK, "alive\n")))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(OpsState { endpoint, tls, webhooks, faults })
}

/// The bounds of the ops listener. Its connections do not count against those of clients, and are not limited per
/// address: if all are taken, the one idle longest is evicted, so that health checks are always answered.
pub fn bounds(of_clients: Bounds) -> Bounds {
    let (max_connections, max_connections_per_address) = (MAX_OPS_CONNECTIONS, Some(usize::MAX));
    Bounds { max_connections, max_connections_per_address, ..of_clients }
}

/// Whether this instance can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// The database responds and is migrated.
    pub database: bool,
    /// The last batch of writes was committed.
    pub writing: bool,
}

impl Readiness {
    /// Asks the database, at most for [`READY_TIMEOUT`].
    pub async fn check(endpoint: &Endpoint) -> Self {
        let deadline = Deadline::after(READY_TIMEOUT);
        let asked = deadline.limit(endpoint.storage.until(&deadline).is_ready()).await;
        Self { database: matches!(asked, Ok(true)), writing: endpoint.writer.is_ready() }
    }

    pub fn is_ready(self) -> bool {
        self.database && self.writing
    }
}

/// Ready: the database responds and is migrated, and the last batch of writes was committed.
///
/// An expired revocation list or certificate is reported, but does not make the instance unready: after a restart, or on
/// another instance, the files would be the same. So is a webhook whose receiver fails.
async fn ready(State(OpsState { endpoint, tls, webhooks, faults }): State<OpsState>) -> impl IntoResponse {
    let readiness = Readiness::check(&endpoint).await;
    let Readiness { database, writing } = readiness;
    let now = crate::clock::system_time();
    let lists = tls.lists().into_iter().map(|list| {
        let out_of_date = list.is_out_of_date(now);
        json!({ "issuer": list.issuer, "nextUpdate": list.next_update, "outOfDate": out_of_date })
    });
    let details = json!({
        "ready": readiness.is_ready(),
        "database": if database { "available" } else { "not available" },
        "writing": writing,
        "serverCertificateUntil": tls.server.as_ref().map(crate::tls::server::Server::not_after),
        "certificateFilesRefused": &**tls.refused.load(),
        "revocationLists": lists.collect::<Vec<_>>(),
        "webhooks": &**webhooks.load(),
        "faults": faults.mode().warning(),
    });
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{details}\n"))
}

async fn metrics(State(OpsState { endpoint, .. }): State<OpsState>) -> impl IntoResponse {
    let (open, idle) = endpoint.storage.connections();
    metrics::gauge!("sas_database_connections", "state" => "open").set(open);
    metrics::gauge!("sas_database_connections", "state" => "idle").set(idle as f64);
    let text = prometheus_handle().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

/// The metrics of this process; installs their recorder at the first call. `None` if another recorder is installed.
pub fn prometheus_handle() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let install = || {
        let seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
        let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
        let duration = Matcher::Full("sas_request_duration_seconds".to_owned());
        let batch = Matcher::Full("sas_write_batch_size".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(duration, &seconds).ok()?;
        let handle = builder.set_buckets_for_metric(batch, &sizes).ok()?.install_recorder().ok()?;
        metrics::describe_counter!("sas_requests_total", "Requests answered, by type, interaction and status");
        metrics::describe_histogram!("sas_request_duration_seconds", "Time from request to answer, in seconds");
        metrics::describe_histogram!("sas_write_batch_size", "Writes that shared one commit");
        metrics::describe_counter!("sas_exchanges_unrecorded_total", "Exchanges without an audit event");
        metrics::describe_gauge!("sas_requests_in_progress", "Requests in progress, by kind");
        metrics::describe_counter!("sas_too_busy_total", "Requests refused because no permit was free, by kind");
        metrics::describe_counter!("sas_log_lines_left_out_total", "Log lines suppressed by rate limits, by reason");
        metrics::describe_gauge!("sas_database_connections", "Database connections, open and idle");
        metrics::describe_gauge!("sas_connections", "Open connections");
        metrics::describe_gauge!("sas_event_streams", "Requests that wait for events");
        metrics::describe_counter!(
            "sas_connections_refused_total",
            "Connections closed because their address reached its limit"
        );
        metrics::describe_counter!("sas_connections_evicted_total", "Idle connections closed to accept new ones");
        metrics::describe_gauge!("sas_listeners_full", "Listeners that have reached their connection limit");
        metrics::describe_gauge!("sas_response_bytes_outstanding", "Bytes of responses that clients have not read");
        metrics::describe_counter!(
            "sas_responses_refused_total",
            "Requests refused because unread responses reached their limit"
        );
        metrics::describe_counter!("sas_faults_total", "Requests that an armed fault acted on, by kind");
        metrics::describe_gauge!("sas_webhook_lag", "Versions that a webhook has not delivered yet, by webhook");
        metrics::describe_gauge!("sas_webhook_failing_seconds", "Time since deliveries of a webhook fail, in seconds");
        metrics::describe_gauge!("sas_webhook_paused", "Whether a webhook is paused");
        metrics::describe_counter!("sas_webhook_deliveries_total", "Deliveries, by webhook and outcome");
        metrics::describe_counter!("sas_accept_errors_total", "Errors of accept(2)");
        metrics::describe_counter!("sas_tls_handshakes_total", "TLS handshakes, by outcome");
        Some(handle)
    };
    RECORDER.get_or_init(install).as_ref()
}
