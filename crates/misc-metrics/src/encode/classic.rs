//! The text format of Prometheus, written from labels whose text was made before; and what `OpenMetrics` has of it.

use std::{convert::Infallible, sync::atomic::Ordering::Relaxed};

use super::{Snapshot, push_float};
use crate::{
    catalog::{AnyStore, Definition, Entry, Type},
    collect::Collected,
    counter::CounterCell,
    histogram::HistogramCell,
    labels::{LabelSet, push_escaped},
    name::TOTAL,
    store::Series,
    sync::lock,
};

pub(super) fn encode(out: &mut String, snapshot: &Snapshot) {
    for entry in &snapshot.entries {
        let Definition { kind, .. } = entry.definition;
        push_head(out, &entry.definition.exposed(), kind, entry.help(), false);
        push_entry(out, entry, false);
    }
    for Collected { definition, help, samples } in snapshot.collected.iter() {
        let name = definition.exposed();
        push_head(out, &name, definition.kind, help, false);
        for (labels, value) in samples.values() {
            push_name(out, &name, labels);
            push_float(out, *value);
            out.push('\n');
        }
    }
}

/// Appends the help and the type of a metric. `OpenMetrics` escapes quotes in the help, the classic format does not.
pub(super) fn push_head(out: &mut String, name: &str, kind: Type, help: &str, quotes: bool) {
    if !help.is_empty() {
        for part in ["# HELP ", name, " "] {
            out.push_str(part);
        }
        push_escaped(out, help, quotes);
        out.push('\n');
    }
    for part in ["# TYPE ", name, " ", kind.as_str(), "\n"] {
        out.push_str(part);
    }
}

/// Appends the series of a metric, on request with their exemplars.
pub(super) fn push_entry(out: &mut String, entry: &Entry, exemplars: bool) {
    let name = &*entry.definition.name;
    let written: Result<(), Infallible> = match &entry.series {
        AnyStore::Counter(store) => {
            let total = [name, TOTAL].concat();
            store.for_each(|series| {
                push_counter(out, &total, series, exemplars);
                Ok(())
            })
        }
        AnyStore::Gauge(store) => store.for_each(|series| {
            push_name(out, name, &series.labels);
            push_float(out, series.cell.value.get());
            out.push('\n');
            Ok(())
        }),
        AnyStore::Histogram(store) => {
            let names = HistogramNames::new(name);
            store.for_each(|series| {
                push_histogram(out, &names, series, exemplars);
                Ok(())
            })
        }
    };
    let Ok(()) = written;
}

fn push_counter(out: &mut String, name: &str, series: &Series<CounterCell>, exemplars: bool) {
    push_name(out, name, &series.labels);
    out.push_str(itoa::Buffer::new().format(series.cell.value.get()));
    if exemplars && let Some(exemplar) = &*lock(&series.cell.exemplar) {
        out.push_str(&exemplar.text);
    }
    out.push('\n');
}

/// The names of a histogram's samples.
struct HistogramNames {
    bucket: String,
    sum: String,
    count: String,
}

impl HistogramNames {
    fn new(name: &str) -> Self {
        Self { bucket: [name, "_bucket{"].concat(), sum: [name, "_sum"].concat(), count: [name, "_count"].concat() }
    }
}

fn push_histogram(out: &mut String, names: &HistogramNames, series: &Series<HistogramCell>, exemplars: bool) {
    let HistogramCell { bounds, counts, sum, exemplars: kept } = &series.cell;
    let kept = exemplars.then(|| lock(kept));
    let mut number = itoa::Buffer::new();
    let mut total = 0;
    for (at, (count, bound)) in counts.iter().zip(&bounds.texts).enumerate() {
        // The count of all is that of the last bucket, so they agree however many are recorded meanwhile.
        total += count.load(Relaxed);
        out.push_str(&names.bucket);
        if !series.labels.text.is_empty() {
            out.push_str(&series.labels.text);
            out.push(',');
        }
        for part in ["le=\"", bound, "\"} ", number.format(total)] {
            out.push_str(part);
        }
        if let Some(Some(exemplar)) = kept.as_ref().and_then(|kept| kept.get(at)) {
            out.push_str(&exemplar.text);
        }
        out.push('\n');
    }
    push_name(out, &names.sum, &series.labels);
    push_float(out, sum.get());
    out.push('\n');
    push_name(out, &names.count, &series.labels);
    out.push_str(number.format(total));
    out.push('\n');
}

/// Appends the name, the labels, and the space after them.
fn push_name(out: &mut String, name: &str, labels: &LabelSet) {
    out.push_str(name);
    if !labels.text.is_empty() {
        out.push('{');
        out.push_str(&labels.text);
        out.push('}');
    }
    out.push(' ');
}
