//! The same records, by each library.

use std::{
    array,
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use metrics::{Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use misc_metrics::Registry;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts};
use prometheus_client::metrics::{counter::Counter, family::Family, histogram::Histogram};

use super::labels::{FEW, Labels, NAMES};
use crate::Error;

pub(crate) const BARE: &str = "bare";
pub(crate) const MISC: &str = "misc-metrics";
pub(crate) const FACADE: &str = "misc-facade";
pub(crate) const CLIENT: &str = "prometheus-client";
pub(crate) const PROMETHEUS: &str = "prometheus";
pub(crate) const EXPORTER: &str = "exporter";

/// The bounds of OpenTelemetry for durations of requests.
pub(crate) const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

pub(crate) static METADATA: Metadata<'static> = Metadata::new("bench", Level::INFO, None);

/// Records so many times.
pub(super) type Record<'a> = dyn Fn(u32) + Sync + 'a;

type Use<'a> = &'a mut dyn FnMut(&Record<'_>);

/// Hands `work` what records in a case.
pub(super) fn with(contender: &str, case: &str, work: Use<'_>) -> Result<(), Error> {
    match contender {
        BARE => bare(case, work),
        MISC => misc(case, work),
        FACADE => facade(case, &Registry::new("bench"), || (), work),
        CLIENT => client(case, work),
        PROMETHEUS => prometheus(case, work),
        EXPORTER => {
            let recorder = PrometheusBuilder::new().set_buckets(&BOUNDS)?.build_recorder();
            let handle = recorder.handle();
            facade(case, &recorder, || handle.run_upkeep(), work)
        }
        _ => Err(format!("there is no contender `{contender}`").into()),
    }
}

/// Makes a loop of one record, so that nothing but that is in it.
fn repeat<T>(record: impl Fn(usize) -> T + Sync) -> impl Fn(u32) + Sync {
    move |times| (0..times as usize).for_each(|at| drop(record(at)))
}

fn unknown(case: &str) -> Error {
    format!("there is no case `{case}`").into()
}

fn few() -> [Labels; FEW] {
    array::from_fn(Labels::few)
}

/// Values in all buckets, in no order.
fn values() -> [f64; 64] {
    array::from_fn(|at| BOUNDS[at * 5 % BOUNDS.len()] * 0.9)
}

fn bare(case: &str, work: Use<'_>) -> Result<(), Error> {
    match case {
        "counter" | "labelled" => {
            let count = AtomicU64::new(0);
            work(&repeat(|_| count.fetch_add(1, Relaxed)));
        }
        "look-up" => {
            let labels = few();
            let keys: Vec<_> = labels.iter().map(Labels::values).collect();
            let counts: HashMap<_, _> = keys.iter().map(|key| (*key, AtomicU64::new(0))).collect();
            let counts = RwLock::new(counts);
            work(&repeat(|at| {
                let counts = counts.read().unwrap_or_else(PoisonError::into_inner);
                counts[&keys[at % FEW]].fetch_add(1, Relaxed);
            }));
        }
        "histogram" => {
            let (values, sum) = (values(), AtomicU64::new(0));
            let counts: [AtomicU64; BOUNDS.len() + 1] = Default::default();
            work(&repeat(|at| {
                let value = values[at % values.len()];
                let bucket = BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(BOUNDS.len());
                counts[bucket].fetch_add(1, Relaxed);
                let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
                sum.fetch_update(Relaxed, Relaxed, add)
            }));
        }
        _ => return Err(unknown(case)),
    }
    Ok(())
}

fn misc(case: &str, work: Use<'_>) -> Result<(), Error> {
    let registry = Registry::new("bench");
    let (labels, last) = (few(), Labels::few(FEW - 1));
    let counters = registry.labels(NAMES).counter("records_total", "Records.")?;
    labels.iter().for_each(|labels| drop(counters.with(labels.values())));
    match case {
        "counter" => {
            let counter = registry.counter("all_total", "All records.")?;
            work(&repeat(|_| counter.inc()));
        }
        "labelled" => {
            let counter = counters.with(last.values());
            work(&repeat(|_| counter.inc()));
        }
        "look-up" => work(&repeat(|at| counters.with(labels[at % FEW].values()).inc())),
        "histogram" => {
            let values = values();
            let histograms = registry.labels(NAMES).buckets(BOUNDS).histogram("record_seconds", "Times.")?;
            let histogram = histograms.with(last.values());
            work(&repeat(|at| histogram.observe(values[at % values.len()])));
        }
        _ => return Err(unknown(case)),
    }
    Ok(())
}

fn facade(case: &str, recorder: &(impl Recorder + Sync), drain: impl Fn() + Sync, work: Use<'_>) -> Result<(), Error> {
    let (labels, last) = (few(), Labels::few(FEW - 1));
    let register = |labels: &Labels| recorder.register_counter(&labels.to_key("records_total"), &METADATA);
    labels.iter().for_each(|labels| drop(register(labels)));
    match case {
        "counter" => {
            let counter = recorder.register_counter(&metrics::Key::from_name("all_total"), &METADATA);
            work(&repeat(|_| counter.increment(1)));
        }
        "labelled" => {
            let counter = register(&last);
            work(&repeat(|_| counter.increment(1)));
        }
        "look-up" => work(&repeat(|at| register(&labels[at % FEW]).increment(1))),
        "histogram" => {
            let values = values();
            let histogram = recorder.register_histogram(&last.to_key("record_seconds"), &METADATA);
            let record = repeat(|at| histogram.record(values[at % values.len()]));
            work(&|times| {
                record(times);
                drain();
            });
        }
        _ => return Err(unknown(case)),
    }
    Ok(())
}

fn client(case: &str, work: Use<'_>) -> Result<(), Error> {
    let (labels, last) = (few(), Labels::few(FEW - 1));
    let counters = Family::<Labels, Counter>::default();
    labels.iter().for_each(|labels| drop(counters.get_or_create_owned(labels)));
    match case {
        "counter" => {
            let counter: Counter = Counter::default();
            work(&repeat(|_| counter.inc()));
        }
        "labelled" => {
            let counter = counters.get_or_create_owned(&last);
            work(&repeat(|_| counter.inc()));
        }
        "look-up" => work(&repeat(|at| counters.get_or_create(&labels[at % FEW]).inc())),
        "histogram" => {
            let values = values();
            let histograms = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
            let histogram = histograms.get_or_create_owned(&last);
            work(&repeat(|at| histogram.observe(values[at % values.len()])));
        }
        _ => return Err(unknown(case)),
    }
    Ok(())
}

fn prometheus(case: &str, work: Use<'_>) -> Result<(), Error> {
    let (labels, last) = (few(), Labels::few(FEW - 1));
    let counters = IntCounterVec::new(Opts::new("records_total", "Records."), &NAMES)?;
    labels.iter().for_each(|labels| drop(counters.with_label_values(&labels.values())));
    match case {
        "counter" => {
            let counter = IntCounter::new("all_total", "All records.")?;
            work(&repeat(|_| counter.inc()));
        }
        "labelled" => {
            let counter = counters.with_label_values(&last.values());
            work(&repeat(|_| counter.inc()));
        }
        "look-up" => work(&repeat(|at| counters.with_label_values(&labels[at % FEW].values()).inc())),
        "histogram" => {
            let values = values();
            let options = HistogramOpts::new("record_seconds", "Times.").buckets(BOUNDS.into());
            let histogram = HistogramVec::new(options, &NAMES)?.with_label_values(&last.values());
            work(&repeat(|at| histogram.observe(values[at % values.len()])));
        }
        _ => return Err(unknown(case)),
    }
    Ok(())
}
