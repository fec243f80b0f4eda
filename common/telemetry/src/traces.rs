//! Traces for whoever collects them by OTLP: spans with times and numbers that were told before, sent in batches.
//!
//! Owns the protocol, by the variables that all of its senders share (`OTEL_EXPORTER_OTLP_ENDPOINT` and others); where
//! that one is not set nothing is sent. Refuses to make up spans: what a span is the caller knows.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// Variables of which one turns traces on.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Spans of one message: some hundred KiB.
const SPANS_MAX: usize = 512;

/// One span. Its trace is named where it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its number in the trace; not 0.
    pub id: u64,
    /// That of the span which it is part of; nothing for the trace's first.
    pub parent: Option<u64>,
    /// What it is, of a list that is fixed in the program.
    pub name: &'static str,
    /// When it began, in milliseconds of Unix time.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// What went wrong, where something did.
    pub error: Option<String>,
}

/// What an attribute says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A number.
    Number(u64),
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The variables make no sense.
    #[error("the settings for traces (OTEL_EXPORTER_OTLP_…) cannot be used: {0}")]
    Settings(#[from] ExporterBuildError),
    /// The collector did not take them.
    #[error("the collector of traces did not take them: {0}")]
    Refused(#[from] OTelSdkError),
}

/// The way to a collector.
#[derive(Debug)]
pub struct Traces {
    exporter: SpanExporter,
    scope: InstrumentationScope,
}

impl Traces {
    /// The way to the collector that the environment names; nothing where it names none.
    ///
    /// # Errors
    /// [`TraceError::Settings`].
    pub fn from_environment(version: &'static str) -> Result<Option<Self>, TraceError> {
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if !ENDPOINTS.iter().any(is_set) {
            return Ok(None);
        }
        let mut exporter = SpanExporter::builder().with_http().build()?;
        // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` go over it.
        let service = [KeyValue::new("service.version", version)];
        let named = std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
        let name = named.unwrap_or_else(|| "cleanplate-coordinator".to_owned());
        let resource = Resource::builder().with_attributes(service).with_service_name(name);
        exporter.set_resource(&resource.build());
        let scope = InstrumentationScope::builder("cleanplate").with_version(version).build();
        Ok(Some(Self { exporter, scope }))
    }

    /// Sends the spans of the trace of this number.
    ///
    /// # Errors
    /// [`TraceError::Refused`] where the collector does not answer or does not want them.
    pub async fn send(&self, trace: u128, spans: Vec<Span>) -> Result<(), TraceError> {
        let mut spans = spans.into_iter();
        loop {
            let batch: Vec<SpanData> =
                spans.by_ref().take(SPANS_MAX).map(|span| self.data(trace, span)).collect();
            if batch.is_empty() {
                return Ok(());
            }
            self.exporter.export(batch).await?;
        }
    }

    fn data(&self, trace: u128, span: Span) -> SpanData {
        let Span { id, parent, name, start_ms, end_ms, attributes, error } = span;
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let span_id = |id: u64| SpanId::from_bytes(id.to_be_bytes());
        let trace_id = TraceId::from_bytes(trace.to_be_bytes());
        let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
        let attribute = |(key, value)| match value {
            Value::Text(text) => KeyValue::new(key, text),
            Value::Number(number) => KeyValue::new(key, i64::try_from(number).unwrap_or(i64::MAX)),
        };
        SpanData {
            span_context: SpanContext::new(trace_id, span_id(id), flags, false, state),
            parent_span_id: parent.map_or(SpanId::INVALID, span_id),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: Cow::Borrowed(name),
            start_time: at(start_ms),
            end_time: at(end_ms.max(start_ms)),
            attributes: attributes.into_iter().map(attribute).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: error.map_or(Status::Ok, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}
