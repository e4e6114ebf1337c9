//! Traces: which trace a request belongs to, the span that its exchange leaves there, and where spans are sent.
//!
//! The trace is told in the log whether or not spans are sent anywhere.

#[cfg(feature = "otlp")]
mod otlp;
mod trace_parent;

use std::borrow::Cow;

use axum::http::{HeaderMap, Method};
use tracing::Span;
use tracing_subscriber::{Layer, Registry};

use trace_parent::trace_id_of;

/// The target of the spans that are sent; nothing else is, no event and no span of a library.
const TARGET: &str = "sas_endpoint::exchange";

/// Where spans are sent, if anywhere.
pub struct Traces {
    #[cfg(feature = "otlp")]
    exporter: Option<otlp::Exporter>,
}

#[cfg(feature = "otlp")]
impl Traces {
    /// Starts what the environment asks for: nothing, where it names no collector.
    ///
    /// # Errors
    /// Where a variable cannot be read, such as an endpoint that is no URL.
    pub fn start() -> Result<Self, opentelemetry_otlp::ExporterBuildError> {
        Ok(Self { exporter: otlp::Exporter::start()? })
    }

    /// Takes the spans of exchanges from `tracing`.
    pub fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        self.exporter.as_ref().map(otlp::Exporter::layer)
    }

    /// Sends what waits, within a bounded time.
    pub async fn stop(self) {
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
    }
}

/// In a build that cannot send any.
#[cfg(not(feature = "otlp"))]
impl Traces {
    /// Starts nothing.
    pub fn start() -> Result<Self, std::convert::Infallible> {
        Ok(Self {})
    }

    /// Takes nothing.
    pub fn layer(&self) -> Option<impl Layer<Registry> + use<>> {
        None::<tracing_subscriber::layer::Identity>
    }

    /// Nothing waits.
    pub async fn stop(self) {}
}

/// One exchange, as a span of a trace.
///
/// Its attributes are those that [OpenTelemetry names for HTTP servers][semantics], without `url.path` and
/// `url.query`: ids and identifiers stand there.
///
/// [semantics]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
pub struct Exchange {
    span: Span,
    trace_id: Option<String>,
}

/// How an exchange ended.
pub struct Ended<'a> {
    /// The status of the answer.
    pub status: u16,
    /// The name of the interaction.
    pub interaction: &'a str,
    /// The resource type, where it was about one.
    pub resource_type: &'a str,
    /// The name of the caller, where it was recognised.
    pub caller: &'a str,
    /// The rules that were cited, `id:code`, with spaces between.
    pub issues: &'a str,
}

impl Exchange {
    /// Begins one. `route` is the pattern that the path matched, never the path.
    pub fn begin(headers: &HeaderMap, method: &Method, route: Option<&str>, scheme: &str, request_id: &str) -> Self {
        let method = standard(method);
        let name = route.map_or(Cow::Borrowed(method), |route| Cow::Owned(format!("{method} {route}")));
        // Of a level that is seldom logged: the log has a line of its own.
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
        let trace_id = otlp::join(&span, headers).or_else(|| trace_id_of(headers));
        #[cfg(not(feature = "otlp"))]
        let trace_id = trace_id_of(headers);
        Self { span, trace_id }
    }

    /// The trace that it belongs to: 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// The span, for what happens within.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Says how it ended; the span is sent once the last copy of it is let go of.
    pub fn end(self, ended: &Ended) {
        let Self { span, .. } = self;
        span.record("http.response.status_code", ended.status);
        span.record("sas.interaction", ended.interaction);
        span.record("sas.resource_type", ended.resource_type);
        span.record("sas.caller", ended.caller);
        span.record("sas.issues", ended.issues);
        // A refusal is the client's error, not the server's.
        if ended.status >= 500 {
            span.record("otel.status_code", "error");
            span.record("error.type", ended.status.to_string());
        }
    }
}

/// The method, where it is one that everybody knows: a client may invent others.
fn standard(method: &Method) -> &'static str {
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
