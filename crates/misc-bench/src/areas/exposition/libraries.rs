//! The same series, in each library.

use std::num::NonZeroUsize;

use metrics::Recorder as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use misc_metrics::{Format, Registry};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, TextEncoder};
use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry as ClientRegistry,
};

use crate::{
    Error,
    areas::metrics::{
        labels::{Labels, NAMES},
        recorders::{BOUNDS, CLIENT, EXPORTER, METADATA, PROMETHEUS},
    },
};

pub(crate) const TEXT: &str = "misc-text";
pub(crate) const OPENMETRICS: &str = "misc-openmetrics";

/// What the series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counters,
    Histograms,
}

/// Writes all series into a string.
pub(crate) type Encode = Box<dyn Fn() -> Result<String, Error> + Send + Sync>;

const METRICS: u32 = 10;
/// The lines of a histogram: its buckets, the infinite one, the sum and the count.
const LINES: u32 = 17;

impl Kind {
    /// How many series each metric has, for so many lines in all.
    fn series(self, lines: u32) -> u32 {
        let each = match self {
            Self::Counters => lines / METRICS,
            Self::Histograms => lines.div_ceil(METRICS * LINES),
        };
        each.max(1)
    }
}

/// Makes so many lines' worth of series; returns how many series these are, and what writes them.
pub(crate) fn filled(contender: &str, kind: Kind, lines: u32) -> Result<(u32, Encode), Error> {
    let each = kind.series(lines);
    let encode = match contender {
        TEXT => misc(kind, lines, Format::Text)?,
        OPENMETRICS => misc(kind, lines, Format::OpenMetrics)?,
        CLIENT => client(kind, each),
        PROMETHEUS => prometheus(kind, each)?,
        EXPORTER => exporter(kind, each)?,
        _ => return Err(format!("there is no contender `{contender}`").into()),
    };
    Ok((each * METRICS, encode))
}

fn misc(kind: Kind, lines: u32, format: Format) -> Result<Encode, Error> {
    let registry = Registry::new("").series_limit(NonZeroUsize::try_from(usize::try_from(lines)?)?);
    fill(&registry, kind, lines)?;
    Ok(Box::new(move || Ok(registry.encode(format))))
}

/// Makes so many lines' worth of series in a registry that has room for them.
pub(crate) fn fill(registry: &Registry, kind: Kind, lines: u32) -> Result<(), Error> {
    let (each, labels) = (kind.series(lines), registry.labels(NAMES));
    for metric in 0..METRICS {
        match kind {
            Kind::Counters => {
                let family = labels.counter(&format!("records_{metric}_total"), "Records.")?;
                (0..each).for_each(|at| family.with(Labels::many(at as usize).values()).inc_by(at.into()));
            }
            Kind::Histograms => {
                let labels = labels.clone().buckets(BOUNDS);
                let family = labels.histogram(&format!("times_{metric}_seconds"), "Times.")?;
                (0..each).for_each(|at| family.with(Labels::many(at as usize).values()).observe(time(at)));
            }
        }
    }
    Ok(())
}

fn client(kind: Kind, each: u32) -> Encode {
    let mut registry = ClientRegistry::default();
    for metric in 0..METRICS {
        match kind {
            Kind::Counters => {
                let family = Family::<Labels, Counter>::default();
                registry.register(format!("records_{metric}"), "Records.", family.clone());
                let count = |at| family.get_or_create(&Labels::many(at as usize)).inc_by(u64::from(at));
                (0..each).map(count).for_each(drop);
            }
            Kind::Histograms => {
                let family = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
                registry.register(format!("times_{metric}_seconds"), "Times.", family.clone());
                (0..each).for_each(|at| family.get_or_create(&Labels::many(at as usize)).observe(time(at)));
            }
        }
    }
    Box::new(move || {
        let mut page = String::new();
        text::encode(&mut page, &registry)?;
        Ok(page)
    })
}

fn prometheus(kind: Kind, each: u32) -> Result<Encode, Error> {
    let registry = prometheus::Registry::new();
    for metric in 0..METRICS {
        match kind {
            Kind::Counters => {
                let family = IntCounterVec::new(Opts::new(format!("records_{metric}_total"), "Records."), &NAMES)?;
                registry.register(Box::new(family.clone()))?;
                let count = |at| family.with_label_values(&Labels::many(at as usize).values()).inc_by(u64::from(at));
                (0..each).for_each(count);
            }
            Kind::Histograms => {
                let options = HistogramOpts::new(format!("times_{metric}_seconds"), "Times.").buckets(BOUNDS.into());
                let family = HistogramVec::new(options, &NAMES)?;
                registry.register(Box::new(family.clone()))?;
                (0..each)
                    .for_each(|at| family.with_label_values(&Labels::many(at as usize).values()).observe(time(at)));
            }
        }
    }
    Ok(Box::new(move || Ok(TextEncoder::new().encode_to_string(&registry.gather())?)))
}

fn exporter(kind: Kind, each: u32) -> Result<Encode, Error> {
    let recorder = PrometheusBuilder::new().set_buckets(&BOUNDS)?.build_recorder();
    for metric in 0..METRICS {
        // The facade's keys want names that live for ever.
        let name = format!("records_{metric}");
        for at in 0..each {
            let (_, labels) = Labels::many(at as usize).to_key("").into_parts();
            let key = metrics::Key::from_parts(name.clone(), labels);
            match kind {
                Kind::Counters => recorder.register_counter(&key, &METADATA).increment(at.into()),
                Kind::Histograms => recorder.register_histogram(&key, &METADATA).record(time(at)),
            }
        }
    }
    let handle = recorder.handle();
    Ok(Box::new(move || Ok(handle.render())))
}

/// A time that falls into any of the buckets.
fn time(at: u32) -> f64 {
    BOUNDS[at as usize % BOUNDS.len()]
}
