//! Exports spans to an OpenTelemetry collector, over HTTP with protobuf, configured by the variables of the
//! [specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
//!
//! Spans wait in a bounded queue for a dedicated thread. If the collector is slow or not available, spans are dropped, and no
//! request waits.

use std::time::Duration;

use axum::http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::resource::{ResourceDetector, SdkProvidedResourceDetector};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// At shutdown, spans not exported within this time are lost.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(900);

/// The service name, unless `OTEL_SERVICE_NAME` is set.
const SERVICE: &str = "sas-endpoint";

/// The exporter, with its queue.
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Starts the exporter; `None` if the environment does not name a collector.
    ///
    /// # Errors
    /// If a variable is invalid, such as an endpoint that is not a URL.
    pub fn start() -> Result<Option<Self>, ExporterBuildError> {
        if !is_enabled(|name| std::env::var(name).ok()) {
            return Ok(None);
        }
        // The only protocol of this build: OTEL_EXPORTER_OTLP_PROTOCOL is ignored.
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        Ok(Some(Self(provider)))
    }

    /// The layer that exports the spans of this target.
    pub fn layer<S>(&self, target: &'static str) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SERVICE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
            .with_level(false)
            .with_filter(filter_fn(move |metadata| metadata.is_span() && metadata.target() == target))
    }

    /// Exports the queued spans, within [`FLUSH_TIMEOUT`].
    pub async fn stop(self) {
        let stopping = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH_TIMEOUT));
        if let Ok(Err(error)) = stopping.await {
            tracing::warn!("spans could not be exported before the stop: {error}");
        }
    }
}

/// Adds the span to the client's trace, or to a new one, and returns the trace id. `None` if spans are not exported.
pub fn join_trace(span: &Span, headers: &HeaderMap) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    if parent.span().span_context().is_valid() {
        // Fails only if the span was entered before.
        let _ = span.set_parent(parent);
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string())
}

fn is_enabled(variable: impl Fn(&str) -> Option<String>) -> bool {
    let value = |name: &str| variable(name).filter(|value| !value.is_empty());
    let off = value("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || value("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let collector = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].into_iter().find_map(value);
    collector.is_some() && !off
}

fn resource() -> Resource {
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    // Without a name in the environment, the SDK sets `unknown_service`.
    let detected = SdkProvidedResourceDetector.detect().get(&"service.name".into());
    let is_named = detected.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { builder.build() } else { builder.with_service_name(SERVICE).build() }
}

struct Headers<'a>(&'a HeaderMap);

/// Passes on `traceparent` only, which consists of hexadecimal digits: `tracestate` is text of the client, and would reach
/// the collector.
impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).filter(|_| key == "traceparent")?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_exported_only_if_a_collector_is_configured() {
        let collector = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        for (variables, wanted) in [
            (&[][..], false),
            (&[collector], true),
            (&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4318/v1/traces")], true),
            (&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")], false),
            (&[collector, ("OTEL_SDK_DISABLED", "true")], false),
            (&[collector, ("OTEL_TRACES_EXPORTER", "none")], false),
            (&[collector, ("OTEL_TRACES_EXPORTER", "otlp")], true),
        ] {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(is_enabled(variable), wanted, "{variables:?}");
        }
    }
}
