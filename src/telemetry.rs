//! Traces: one span per request, exported to an OpenTelemetry collector if the environment names one.
//!
//! The log has the trace id of each request, whether or not spans are exported.

#[cfg(feature = "otlp")]
mod otlp;
mod trace_parent;

use std::borrow::Cow;

use axum::http::{HeaderMap, Method};
use tracing::Span;
use tracing_subscriber::{Layer, Registry};

use trace_parent::parse_trace_id;

/// The target of exported spans; events and spans of libraries are not exported.
const TARGET: &str = "sas_endpoint::exchange";

/// The exporter of spans, if there is one.
pub struct Traces {
    #[cfg(feature = "otlp")]
    exporter: Option<otlp::Exporter>,
}

#[cfg(feature = "otlp")]
impl Traces {
    /// Starts the exporter, if the environment names a collector.
    ///
    /// # Errors
    /// If a variable is invalid, such as an endpoint that is not a URL.
    pub fn start() -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        Ok(Self { exporter: otlp::Exporter::start()? })
    }

    /// The layer that exports the spans of requests.
    pub fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        self.exporter.as_ref().map(|exporter| exporter.layer(TARGET))
    }

    /// Exports the queued spans, within a second.
    pub async fn stop(self) {
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
    }
}

/// Without the feature `otlp`, nothing is exported.
#[cfg(not(feature = "otlp"))]
impl Traces {
    pub fn start() -> Result<Self, std::convert::Infallible> {
        Ok(Self {})
    }

    pub fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        None::<tracing_subscriber::layer::Identity>
    }

    pub async fn stop(self) {}
}

/// The span of one request.
///
/// Its attributes are those of the [OpenTelemetry conventions for HTTP servers][semantics], without `url.path` and
/// `url.query`, which contain ids and identifiers.
///
/// [semantics]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
pub struct RequestSpan {
    span: Span,
    trace_id: Option<String>,
}

/// The attributes that are known once a request is answered.
pub struct SpanOutcome<'a> {
    pub status: u16,
    /// The name of the interaction.
    pub interaction: &'a str,
    /// The resource type, if any.
    pub resource_type: &'a str,
    /// The name of the caller, if it is authenticated.
    pub caller: &'a str,
    /// The issues, as `id:code` separated by spaces.
    pub issues: &'a str,
}

impl RequestSpan {
    /// Begins the span. `route` is the pattern that the path matched, never the path itself.
    pub fn begin(headers: &HeaderMap, method: &Method, route: Option<&str>, scheme: &str, request_id: &str) -> Self {
        let method = standard_method(method);
        let name = route.map_or(Cow::Borrowed(method), |route| Cow::Owned(format!("{method} {route}")));
        // At debug level, as the log has its own line for each request.
        let span = tracing::debug_span!(
            target: TARGET,
            "exchange",
            otel.name = &*name,
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = tracing::field::Empty,
            url.scheme = scheme,
            "error.type" = tracing::field::Empty,
            sas.request_id = request_id,
            sas.interaction = tracing::field::Empty,
            sas.resource_type = tracing::field::Empty,
            sas.caller = tracing::field::Empty,
            sas.issues = tracing::field::Empty,
        );
        #[cfg(feature = "otlp")]
        let trace_id = otlp::join_trace(&span, headers).or_else(|| parse_trace_id(headers));
        #[cfg(not(feature = "otlp"))]
        let trace_id = parse_trace_id(headers);
        Self { span, trace_id }
    }

    /// The trace id: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Records the outcome. The span is exported once its last clone is dropped.
    pub fn end(self, outcome: &SpanOutcome) {
        let Self { span, .. } = self;
        span.record("http.response.status_code", outcome.status);
        span.record("sas.interaction", outcome.interaction);
        span.record("sas.resource_type", outcome.resource_type);
        span.record("sas.caller", outcome.caller);
        span.record("sas.issues", outcome.issues);
        // By the conventions, a 4xx status is not an error of the server.
        if outcome.status >= 500 {
            span.record("otel.status_code", "error");
            span.record("error.type", outcome.status.to_string());
        }
    }
}

/// The method, or `_OTHER`: arbitrary methods of clients must not become names of spans.
fn standard_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}
