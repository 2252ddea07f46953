//! Spans as OpenTelemetry has them, exported by OTLP over HTTP.

mod client;

use std::{
    collections::BTreeMap,
    env, fmt, mem,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use misc_core::{TraceContext, Tracer, schema};
use misc_macros::Describe;
use opentelemetry::{
    Context, Key, KeyValue, TraceFlags,
    trace::{SpanContext, TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor},
};
use serde::{Deserialize, Serialize};
use tracing::Span as TracingSpan;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry};
use ureq::http::Uri;

use self::client::Client;
use crate::{
    error::{Error, Kind},
    filter::Filter,
    span::Ids,
    sync::{Instant, lock},
    writer::Writer,
};

/// How long failures are summed up before they are logged again.
const QUIET: Duration = Duration::from_secs(60);

/// Where spans are exported to; what is not set here is read from the `OTEL_*` variables of the OpenTelemetry SDK.
///
/// Spans are sent in batches, from a thread of the SDK (`OTEL_BSP_*` for its queue, which drops what it cannot hold). A
/// collector that is away costs a warning a minute, and nothing else.
///
/// # Examples
/// ```
/// use misc_log::{Config, Otel};
///
/// let mut otel = Otel::default();
/// otel.endpoint = Some("http://collector:4318/v1/traces".to_owned());
/// otel.resource.insert("service.name".to_owned(), "shop".to_owned());
/// let mut config = Config::default();
/// config.otel = Some(otel);
/// ```
#[derive(Clone, Serialize, Deserialize, Describe)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Otel {
    /// The whole address (`OTEL_EXPORTER_OTLP_*ENDPOINT`, else `http://localhost:4318/v1/traces`).
    pub endpoint: Option<String>,
    /// Headers of each request, such as an access token; neither printed nor serialised.
    #[serde(skip_serializing)]
    #[describe(secret)]
    pub headers: BTreeMap<String, String>,
    /// How long one batch may take, with retries (`OTEL_EXPORTER_OTLP_*TIMEOUT`, else 10 s).
    #[serde(with = "schema::period::optional")]
    #[describe(duration)]
    pub timeout: Option<Duration>,
    /// Which part of the traces that begin here is exported, from 0 to 1 (`OTEL_TRACES_SAMPLER`, else all).
    pub sample_ratio: Option<f64>,
    /// What all spans have in common (`OTEL_RESOURCE_ATTRIBUTES`); `service.name` is the name of the program unless it
    /// is set here or in `OTEL_SERVICE_NAME`.
    pub resource: BTreeMap<String, String>,
    /// Which spans, and events in them, are exported, as [`LevelHandle::set`](crate::LevelHandle::set) has it (`info`).
    /// The filter of the log does not matter for them.
    pub filter: String,
}

impl Default for Otel {
    fn default() -> Self {
        Self {
            endpoint: None,
            headers: BTreeMap::new(),
            timeout: None,
            sample_ratio: None,
            resource: BTreeMap::new(),
            filter: "info".to_owned(),
        }
    }
}

impl fmt::Debug for Otel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otel")
            .field("endpoint", &self.endpoint)
            .field("headers", &self.headers.keys())
            .field("timeout", &self.timeout)
            .field("sample_ratio", &self.sample_ratio)
            .field("resource", &self.resource)
            .field("filter", &self.filter)
            .finish()
    }
}

impl Otel {
    fn exporter(&self, endpoint: &Uri, client: Client) -> Result<opentelemetry_otlp::SpanExporter, Error> {
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint.to_string())
            .with_headers(self.headers.clone().into_iter().collect());
        if let Some(timeout) = self.timeout {
            exporter = exporter.with_timeout(timeout);
        }
        exporter.build().map_err(|error| Kind::Export(error.to_string()).into())
    }

    /// The address that spans go to, which a client can make something of.
    fn endpoint(&self) -> Result<Uri, Error> {
        let variable = |name: &str| env::var(name).ok().filter(|address| !address.is_empty());
        let of_traces = || variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
        let of_all = || {
            let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
            let base = base.as_deref().unwrap_or("http://localhost:4318");
            format!("{}/v1/traces", base.strip_suffix('/').unwrap_or(base))
        };
        let endpoint = self.endpoint.clone().or_else(of_traces).unwrap_or_else(of_all);
        let is_whole = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host() != Some("");
        endpoint.parse().ok().filter(is_whole).ok_or_else(|| {
            let example = "write a whole address such as `http://localhost:4318/v1/traces`";
            Kind::Export(format!("`{endpoint}` is no endpoint; {example}")).into()
        })
    }

    fn resource(&self) -> Resource {
        const NAME: &str = "service.name";
        let attributes = self.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let builder = Resource::builder().with_attributes(attributes);
        let is_named = self.resource.contains_key(NAME) || env::var_os("OTEL_SERVICE_NAME").is_some();
        let found = builder.build();
        // What the SDK makes up begins so.
        let name = found.get_ref(&Key::new(NAME)).map(ToString::to_string);
        if is_named || name.is_some_and(|name| !name.starts_with("unknown_service")) {
            return found;
        }
        let attributes = found.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        Resource::builder_empty().with_attributes(attributes).with_service_name(program()).build()
    }

    fn sampler(&self) -> Result<Option<Sampler>, Error> {
        match self.sample_ratio {
            Some(ratio) if !(0.0..=1.0).contains(&ratio) => {
                Err(Kind::Export(format!("`sample_ratio` is {ratio}, which is not from 0 to 1")).into())
            }
            ratio => Ok(ratio.map(|ratio| Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))),
        }
    }
}

/// The export of spans, while it lasts.
#[derive(Debug)]
pub(crate) struct Export {
    provider: SdkTracerProvider,
    reports: Arc<Reports>,
}

impl Export {
    /// Starts to export spans, and gives the layer that collects them.
    pub(crate) fn start(otel: &Otel) -> Result<(Self, Box<dyn Layer<Registry> + Send + Sync>), Error> {
        let filter = Filter::parse(&otel.filter)?;
        let sampler = otel.sampler()?;
        let endpoint = otel.endpoint()?;
        let reports = Arc::new(Reports::of(address(&endpoint)));
        let client = Client::new(otel.timeout, Arc::clone(&reports));
        let exporter = Exporter { inner: otel.exporter(&endpoint, client)?, reports: Arc::clone(&reports) };
        let batches = BatchSpanProcessor::builder(exporter).build();
        let processor = Processor { inner: batches, reports: Arc::clone(&reports) };
        let mut provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(otel.resource());
        if let Some(sampler) = sampler {
            provider = provider.with_sampler(sampler);
        }
        let provider = provider.build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("tracing")).with_filter(filter.env);
        Ok((Self { provider, reports }, Box::new(layer)))
    }

    /// Says from now on what is lost.
    pub(crate) fn report_to(&self, writer: &Arc<Writer>) {
        self.reports.writer.get_or_init(|| Arc::clone(writer));
    }

    /// Sends what is left, and says how much of it was lost.
    pub(crate) fn end(&self, within: Duration) {
        let ended = self.provider.shutdown_with_timeout(within);
        self.reports.end(ended.err());
    }
}

/// Adds the ids of the current span to those that are missing.
pub(crate) fn fill_ids(ids: &mut Ids) {
    Context::map_current(|context| {
        let span = context.span();
        let current = span.span_context();
        if current.is_valid() {
            ids.fill_with(format_args!("{}", current.trace_id()), format_args!("{}", current.span_id()));
        }
    });
}

/// The spans that are exported, for whoever carries a trace from one process to the next.
pub(crate) struct Spans;

impl Tracer for Spans {
    fn current(&self) -> Option<TraceContext> {
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            let trace_id = u128::from_be_bytes(span.trace_id().to_bytes());
            let span_id = u64::from_be_bytes(span.span_id().to_bytes());
            let current = TraceContext::new(trace_id, span_id, span.is_sampled());
            current.map(|current| current.state(span.trace_state().header()))
        })
    }

    fn adopt(&self, span: &TracingSpan, parent: &TraceContext) {
        let flags = TraceFlags::default().with_sampled(parent.is_sampled());
        // A state that is not valid is not passed on, as the standard has it.
        let state = parent.tracestate().and_then(|state| state.parse().ok()).unwrap_or_default();
        let parent = SpanContext::new(parent.trace_id().into(), parent.span_id().into(), flags, true, state);
        if let Err(error) = span.set_parent(Context::new().with_remote_span_context(parent)) {
            tracing::debug!(%error, "a span goes on without the trace that it belongs to");
        }
    }
}

/// An exporter that says when it does not get through.
#[derive(Debug)]
struct Exporter {
    inner: opentelemetry_otlp::SpanExporter,
    reports: Arc<Reports>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.inner.export(batch).await;
        self.reports.add(spans, result.as_ref().err());
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Counts the spans on their way into the queue of the SDK, which does not tell what it drops.
#[derive(Debug)]
struct Processor {
    inner: BatchSpanProcessor,
    reports: Arc<Reports>,
}

impl SpanProcessor for Processor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.reports.taken.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Says on the log which spans are lost: by its writer and not by an event, which could end up in a span.
#[derive(Debug, Default)]
struct Reports {
    /// Where spans go to.
    address: String,
    writer: OnceLock<Arc<Writer>>,
    /// How many spans there were to export.
    taken: AtomicU64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// How many spans were exported, or are told of as lost.
    settled: u64,
    /// How many are lost, and not told of so far.
    untold: u64,
    /// Why the last ones are lost.
    why: String,
    /// How the last request has failed.
    trouble: Option<String>,
    told: Option<Instant>,
}

impl Reports {
    fn of(address: String) -> Self {
        Self { address, ..Self::default() }
    }

    /// Notes what went wrong with a request; the SDK keeps that to itself.
    fn trouble(&self, what: String) {
        lock(&self.counts).trouble = Some(what);
    }

    /// Notes what became of a batch, and logs a failure unless the last one was logged a moment ago.
    fn add(&self, spans: u64, error: Option<&OTelSdkError>) {
        let mut counts = lock(&self.counts);
        let trouble = counts.trouble.take();
        let Some(error) = error else {
            counts.settled += spans;
            return;
        };
        counts.untold += spans;
        counts.why = trouble.unwrap_or_else(|| error.to_string());
        if counts.told.is_none_or(|told| told.elapsed() >= QUIET) {
            self.tell(counts);
        }
    }

    /// Logs what is left to tell, with all those that nothing was heard of.
    fn end(&self, error: Option<OTelSdkError>) {
        let mut counts = lock(&self.counts);
        let unheard = self.taken.load(Ordering::Relaxed).saturating_sub(counts.settled + counts.untold);
        if unheard > 0 {
            counts.untold += unheard;
            let why = error.map_or_else(|| "the queue was full".to_owned(), |error| error.to_string());
            counts.why = counts.trouble.take().unwrap_or(why);
        }
        self.tell(counts);
    }

    fn tell(&self, mut counts: MutexGuard<'_, Counts>) {
        let spans = mem::take(&mut counts.untold);
        if spans == 0 {
            return;
        }
        counts.settled += spans;
        counts.told = Some(Instant::now());
        let why = counts.why.clone();
        drop(counts);
        if let Some(writer) = self.writer.get() {
            let message = format_args!("spans could not be exported to {} and are lost: {why}", self.address);
            writer.warn(message, Some(("lost", spans)));
        }
    }
}

/// An address as it may be shown: without a name, a password or a token in it.
fn address(endpoint: &Uri) -> String {
    let authority = endpoint.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{}://{host}{}", endpoint.scheme_str().unwrap_or_default(), endpoint.path())
}

/// The name of the running program.
fn program() -> String {
    let path = env::current_exe().ok();
    let name = path.as_deref().and_then(Path::file_stem);
    name.map_or_else(|| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}
