//! Spans sent to an OpenTelemetry collector, over HTTP with protobuf, as the variables of the
//! [exporter's specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/) say.
//!
//! Spans wait in a bounded queue that one thread of its own empties: what a collector that is slow or away does
//! not take in time is dropped, and no exchange waits for it.

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

use super::TARGET;

/// What the collector has not taken this long after the stop is lost.
const FLUSH: Duration = Duration::from_millis(900);

/// The name that spans are found under, unless `OTEL_SERVICE_NAME` gives another.
const SERVICE: &str = "sas-endpoint";

/// Spans on their way to the collector.
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Starts one where the environment names a collector, and nothing where it does not.
    ///
    /// # Errors
    /// Where a variable cannot be read, such as an endpoint that is no URL.
    pub fn start() -> Result<Option<Self>, ExporterBuildError> {
        if !is_wanted(|name| std::env::var(name).ok()) {
            return Ok(None);
        }
        // The one protocol that is built in, whatever OTEL_EXPORTER_OTLP_PROTOCOL says.
        let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        Ok(Some(Self(provider)))
    }

    /// Takes the spans of exchanges from `tracing`.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
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
            .with_filter(filter_fn(|metadata| metadata.is_span() && metadata.target() == TARGET))
    }

    /// Sends what waits, within a bounded time.
    pub async fn stop(self) {
        let stopping = tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(FLUSH));
        if let Ok(Err(error)) = stopping.await {
            tracing::warn!("the last traces were not taken by the collector: {error}");
        }
    }
}

/// Makes the span part of the trace that the client names, and tells which trace it is part of: a new one where the
/// client names none. `None` where spans are not sent.
pub fn join(span: &Span, headers: &HeaderMap) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let parent = TraceContextPropagator::new().extract(&Headers(headers));
    if parent.span().span_context().is_valid() {
        // Refused only to a span that was entered already.
        let _ = span.set_parent(parent);
    }
    let context = span.context();
    let trace = context.span().span_context().trace_id();
    (trace != opentelemetry::TraceId::INVALID).then(|| trace.to_string())
}

fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let said = |name: &str| variable(name).filter(|value| !value.is_empty());
    let off = said("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || said("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let collector = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"].into_iter().find_map(said);
    collector.is_some() && !off
}

fn resource() -> Resource {
    let builder = Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    // Without a name in the environment, the SDK has one that says nothing.
    let detected = SdkProvidedResourceDetector.detect().get(&"service.name".into());
    let is_named = detected.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    if is_named { builder.build() } else { builder.with_service_name(SERVICE).build() }
}

struct Headers<'a>(&'a HeaderMap);

/// `traceparent` only, which is made of numbers: `tracestate` is a text of the client's, and would go to the collector.
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
            assert_eq!(is_wanted(variable), wanted, "{variables:?}");
        }
    }
}
