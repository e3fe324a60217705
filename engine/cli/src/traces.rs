//! Traces of the work over OTLP/HTTP, where the environment names a collector by OpenTelemetry's own variables.
//!
//! `runtime::TRACES` says which spans these are. They are sent from a thread of their own, in batches; a collector that is
//! away or slow costs spans, never rows or time of a task.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::environment;

/// What the resource is called where the environment does not say.
const SERVICE: &str = "spotlight";

/// Sends traces until it is dropped, and then what is left.
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// `None` if nobody wants traces. An error if what the environment says of the collector cannot be used.
    pub(crate) fn wanted() -> Option<Result<Self, ExporterBuildError>> {
        environment::wants_traces().then(|| {
            let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
            let mut resource = Resource::builder();
            if !environment::names_the_service() {
                resource = resource.with_service_name(SERVICE);
            }
            let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build());
            Ok(Self(provider.build()))
        })
    }

    /// What takes the spans.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let tracer = self.0.tracer(SERVICE);
        let layer = tracing_opentelemetry::layer().with_tracer(tracer).with_location(false).with_threads(false);
        layer.with_filter(Targets::new().with_target(runtime::TRACES, tracing::Level::INFO))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // It has said itself what it could not send.
        let _ = self.0.shutdown();
    }
}
