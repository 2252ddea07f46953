//! `OpenMetrics` 1.0, written by prometheus-client, but for histograms and exemplars.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabel as _, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

use super::{Snapshot, classic, whole};
use crate::{
    catalog::{AnyStore, Entry, Type},
    collect::Collected,
    labels::{LabelSet, push_escaped},
    store::{Cell, Series, Store},
};

pub(super) fn encode(out: &mut String, mut snapshot: Snapshot) {
    // Nobody outside of prometheus-client can make one of its exemplars, so metrics that have some are written here. So
    // are histograms, whose bounds it would write in a way of its own: their series must not depend on the format.
    let is_own = |entry: &Arc<Entry>| entry.definition.kind == Type::Histogram || entry.has_exemplars();
    let (own, others): (Vec<_>, Vec<_>) = snapshot.entries.into_iter().partition(is_own);
    snapshot.entries = others;
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    text::encode_registry(out, &registry).expect("a string takes everything");
    for entry in &own {
        classic::push_head(out, &entry.definition.name, entry.definition.kind, entry.help(), true);
        classic::push_entry(out, entry, true);
    }
    text::encode_eof(out).expect("a string takes everything");
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for entry in &self.entries {
            let definition = &entry.definition;
            let mut metric = head(&mut encoder, &definition.name, definition.kind, entry.help())?;
            encode_entry(&mut metric, entry)?;
        }
        for Collected { definition, help, samples } in self.collected.iter() {
            let mut metric = head(&mut encoder, &definition.name, definition.kind, help)?;
            for (labels, value) in samples.values() {
                encode_labelled(&mut metric, labels, |metric| match definition.kind {
                    Type::Counter => encode_count(metric, *value),
                    _ => encode_gauge(metric, *value),
                })?;
            }
        }
        Ok(())
    }
}

fn head<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    name: &'a str,
    kind: Type,
    help: &str,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    // The encoder writes the help as it is.
    let mut escaped = String::with_capacity(help.len());
    push_escaped(&mut escaped, help, true);
    let kind = match kind {
        Type::Counter => MetricType::Counter,
        Type::Gauge => MetricType::Gauge,
        Type::Histogram => MetricType::Histogram,
    };
    encoder.encode_descriptor(name, &escaped, None, kind)
}

fn encode_entry(metric: &mut MetricEncoder<'_>, entry: &Entry) -> fmt::Result {
    match &entry.series {
        AnyStore::Counter(store) => encode_store(metric, store, |metric, series| {
            metric.encode_counter::<NoLabelSet, _, u64>(&series.cell.value.get(), None)
        }),
        AnyStore::Gauge(store) => {
            encode_store(metric, store, |metric, series| encode_gauge(metric, series.cell.value.get()))
        }
        // Written with those that have exemplars.
        AnyStore::Histogram(_) => Ok(()),
    }
}

fn encode_store<C: Cell>(
    metric: &mut MetricEncoder<'_>,
    store: &Store<C>,
    mut encode: impl FnMut(&mut MetricEncoder<'_>, &Series<C>) -> fmt::Result,
) -> fmt::Result {
    store.for_each(|series| encode_labelled(metric, &series.labels, |metric| encode(metric, series)))
}

fn encode_labelled(
    metric: &mut MetricEncoder<'_>,
    labels: &LabelSet,
    encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if labels.pairs.is_empty() {
        return encode(metric);
    }
    encode(&mut metric.encode_family(labels)?)
}

fn encode_count(metric: &mut MetricEncoder<'_>, count: f64) -> fmt::Result {
    match whole(count).and_then(|count| u64::try_from(count).ok()) {
        Some(count) => metric.encode_counter::<NoLabelSet, _, u64>(&count, None),
        None => metric.encode_counter::<NoLabelSet, _, f64>(&count, None),
    }
}

fn encode_gauge(metric: &mut MetricEncoder<'_>, level: f64) -> fmt::Result {
    match whole(level) {
        Some(level) => metric.encode_gauge(&level),
        None => metric.encode_gauge(&level),
    }
}

impl EncodeLabelSet for LabelSet {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.pairs.iter().try_for_each(|(name, value)| (&**name, &**value).encode(encoder.encode_label()))
    }
}
