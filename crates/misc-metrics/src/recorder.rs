//! The registry as the recorder of the `metrics` facade.

use std::sync::Arc;

use metrics::{Key as FacadeKey, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::{
    catalog::{Definition, Entry, LabelNames, Type},
    counter::Counter,
    family::Metric,
    gauge::Gauge,
    histogram::{Bounds, Histogram},
    labels::Key,
    name,
    registry::{Inner, Registry},
    store::Series,
    sync::{lock, read},
};

impl Recorder for Registry {
    fn describe_counter(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.0.describe(name::without_total(&name::sanitized(key.as_str())), &description);
    }

    fn describe_gauge(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.0.describe(&name::sanitized(key.as_str()), &description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.0.describe(&name::sanitized(key.as_str()), &description);
    }

    fn register_counter(&self, key: &FacadeKey, _: &Metadata<'_>) -> metrics::Counter {
        self.0.series::<Counter>(Type::Counter, key).map_or_else(metrics::Counter::noop, metrics::Counter::from_arc)
    }

    fn register_gauge(&self, key: &FacadeKey, _: &Metadata<'_>) -> metrics::Gauge {
        self.0.series::<Gauge>(Type::Gauge, key).map_or_else(metrics::Gauge::noop, metrics::Gauge::from_arc)
    }

    fn register_histogram(&self, key: &FacadeKey, _: &Metadata<'_>) -> metrics::Histogram {
        self.0
            .series::<Histogram>(Type::Histogram, key)
            .map_or_else(metrics::Histogram::noop, metrics::Histogram::from_arc)
    }
}

impl Inner {
    /// Keeps the help of a metric that is there or may yet come.
    fn describe(&self, family: &str, description: &str) {
        if let Some(entry) = read(&self.catalog).get(family) {
            return entry.describe(description);
        }
        // Looked at again under the lock: who registers the metric takes the help from here after that.
        let mut descriptions = lock(&self.descriptions);
        match read(&self.catalog).get(family) {
            Some(entry) => entry.describe(description),
            None => {
                descriptions.entry(family.into()).or_insert_with(|| description.into());
            }
        }
    }

    /// Returns the series of a key; none when the metric cannot be recorded, of which it warns once.
    fn series<M: Metric>(&self, kind: Type, key: &FacadeKey) -> Option<Arc<Series<M::Cell>>> {
        let full = name::sanitized(key.name());
        let family = if kind == Type::Counter { name::without_total(&full) } else { &full };
        if family.is_empty() {
            self.warn_once(key.name(), &"a metric needs a name");
            return None;
        }
        let found = read(&self.catalog).get(family).cloned();
        let entry = match found {
            Some(entry) => entry,
            None => self.register_open(kind, family)?,
        };
        let names: Vec<_> = key.labels().map(|label| name::sanitized_label(label.key())).collect();
        let mut pairs: Vec<_> = names.iter().map(|name| &**name).zip(key.labels().map(metrics::Label::value)).collect();
        let series = M::store(&entry.series).and_then(|store| {
            let LabelNames::Fixed(names) = &entry.definition.labels else {
                return Some(store.get(Key::Pairs(in_order(&mut pairs))));
            };
            let value_of = |name: &str| pairs.iter().rev().find(|pair| pair.0 == name).map(|pair| pair.1);
            let values = names.iter().map(|name| value_of(name)).collect::<Option<Vec<_>>>()?;
            (values.len() == pairs.len()).then(|| store.get(Key::Values(&values)))
        });
        if series.is_none() {
            let labels: Vec<_> = pairs.iter().map(|pair| pair.0).collect();
            let (there, kind, labels) = (&entry.definition, kind.as_str(), labels.join(", "));
            let problem = format_args!(
                "`{}` is {there} already, so it cannot be a {kind} of the `metrics` facade with the labels ({labels}): \
                 rename one",
                there.exposed()
            );
            self.warn_once(family, &problem);
        }
        series
    }

    /// Registers a metric whose labels are not known beforehand.
    fn register_open(&self, kind: Type, family: &str) -> Option<Arc<Entry>> {
        let bounds = (kind == Type::Histogram).then(|| Arc::new(Bounds::for_name(family)));
        let definition = Definition { name: family.into(), kind, labels: LabelNames::Any, bounds };
        let entry = self.register(definition).map_err(|error| self.warn_once(family, &error)).ok()?;
        if let Some(description) = lock(&self.descriptions).remove(family) {
            entry.describe(&description);
        }
        Some(entry)
    }
}

/// Sorts labels by name, so that their order makes no difference. Of two with one name the later one counts; one
/// without a value is, to Prometheus, as if it were not there.
fn in_order<'a, 'b>(pairs: &'b mut Vec<(&'a str, &'a str)>) -> &'b [(&'a str, &'a str)] {
    pairs.reverse();
    pairs.sort_by_key(|pair| pair.0);
    pairs.dedup_by_key(|pair| pair.0);
    pairs.retain(|pair| !pair.1.is_empty());
    pairs
}
