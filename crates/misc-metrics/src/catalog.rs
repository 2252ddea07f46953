//! Which metrics there are, under which names, and that no two of them get in each other's way.

use std::{
    collections::{HashMap, hash_map},
    fmt,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
};

use crate::{
    counter::CounterCell,
    error::{Error, Kind},
    gauge::GaugeCell,
    histogram::{Bounds, HistogramCell},
    name::TOTAL,
    store::{Cell, Limits, Store},
};

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Counter,
    Gauge,
    Histogram,
}

impl Type {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }

    /// Returns what names of samples are made of: those that are written, and those that `OpenMetrics` keeps for the
    /// type.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter => &["", TOTAL, "_created"],
            Self::Gauge => &[""],
            Self::Histogram => &["", "_bucket", "_count", "_sum", "_created"],
        }
    }
}

/// What a metric is, as far as it has to be the same wherever it is registered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Definition {
    /// The name of the family: for a counter without `_total`.
    pub(crate) name: Box<str>,
    pub(crate) kind: Type,
    pub(crate) labels: LabelNames,
    /// The bounds of a histogram.
    pub(crate) bounds: Option<Arc<Bounds>>,
}

/// Which labels the series of a metric have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LabelNames {
    /// These, in this order.
    Fixed(Box<[Box<str>]>),
    /// Whatever code that records through the `metrics` facade gives them.
    Any,
}

impl LabelNames {
    pub(crate) fn fixed(names: &[&str]) -> Self {
        Self::Fixed(names.iter().copied().map(Box::from).collect())
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Fixed(names) => names.iter().map(|name| &**name).collect(),
            Self::Any => Vec::new(),
        }
    }
}

impl Definition {
    /// Returns the name that users know.
    pub(crate) fn exposed(&self) -> String {
        let suffix = if self.kind == Type::Counter { TOTAL } else { "" };
        format!("{}{suffix}", self.name)
    }

    /// Returns the names that no other metric may have.
    pub(crate) fn claims(&self) -> impl Iterator<Item = String> {
        self.kind.suffixes().iter().map(|suffix| format!("{}{suffix}", self.name))
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.kind.as_str())?;
        match &self.labels {
            LabelNames::Any => f.write_str(" of the `metrics` facade")?,
            LabelNames::Fixed(names) if names.is_empty() => f.write_str(" without labels")?,
            LabelNames::Fixed(names) => write!(f, " with the labels ({})", names.join(", "))?,
        }
        match &self.bounds {
            Some(bounds) => write!(f, " and the buckets {:?}", bounds.values),
            None => Ok(()),
        }
    }
}

/// A registered metric.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) definition: Definition,
    pub(crate) help: OnceLock<Box<str>>,
    pub(crate) series: AnyStore,
}

/// The series of a metric of any type.
#[derive(Debug)]
pub(crate) enum AnyStore {
    Counter(Arc<Store<CounterCell>>),
    Gauge(Arc<Store<GaugeCell>>),
    Histogram(Arc<Store<HistogramCell>>),
}

impl Entry {
    fn new(definition: Definition, limits: &Arc<Limits>) -> Self {
        fn store<C: Cell>(definition: &Definition, shape: C::Shape, limits: &Arc<Limits>) -> Arc<Store<C>> {
            Arc::new(Store::new(&definition.exposed(), &definition.labels.names(), shape, limits))
        }
        let series = match (definition.kind, &definition.bounds) {
            (Type::Counter, _) => AnyStore::Counter(store(&definition, (), limits)),
            (Type::Histogram, Some(bounds)) => AnyStore::Histogram(store(&definition, Arc::clone(bounds), limits)),
            _ => AnyStore::Gauge(store(&definition, (), limits)),
        };
        Self { definition, help: OnceLock::new(), series }
    }

    pub(crate) fn help(&self) -> &str {
        self.help.get().map_or("", |help| help)
    }

    /// Sets the help. The first one stays: whoever else records the same may word it otherwise.
    pub(crate) fn describe(&self, help: &str) {
        self.help.get_or_init(|| help.into());
    }

    /// Returns how many lines the metric takes.
    pub(crate) fn lines(&self) -> usize {
        match &self.series {
            AnyStore::Counter(series) => series.len(),
            AnyStore::Gauge(series) => series.len(),
            AnyStore::Histogram(series) => series.len() * (series.shape.texts.len() + 2),
        }
    }

    pub(crate) fn overflows(&self) -> u64 {
        let overflows = match &self.series {
            AnyStore::Counter(series) => &series.overflows,
            AnyStore::Gauge(series) => &series.overflows,
            AnyStore::Histogram(series) => &series.overflows,
        };
        overflows.load(Relaxed)
    }

    pub(crate) fn has_exemplars(&self) -> bool {
        match &self.series {
            AnyStore::Counter(series) => series.exemplars.load(Relaxed),
            AnyStore::Gauge(_) => false,
            AnyStore::Histogram(series) => series.exemplars.load(Relaxed),
        }
    }

    pub(crate) fn expire(&self) {
        match &self.series {
            AnyStore::Counter(series) => series.expire(),
            AnyStore::Gauge(series) => series.expire(),
            AnyStore::Histogram(series) => series.expire(),
        }
    }
}

/// All metrics of a registry.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    entries: HashMap<Box<str>, Arc<Entry>>,
    /// Whose each name of a family or a sample is.
    claims: HashMap<Box<str>, Arc<Entry>>,
}

impl Catalog {
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(name)
    }

    pub(crate) fn entries(&self) -> hash_map::Values<'_, Box<str>, Arc<Entry>> {
        self.entries.values()
    }

    /// Returns a metric that writes a name which this one would write, too, and the name.
    pub(crate) fn rival(&self, wanted: &Definition) -> Option<(&Arc<Entry>, String)> {
        wanted.claims().find_map(|sample| Some((self.claims.get(&*sample)?, sample)))
    }

    /// Returns the metric, if it is there and is what it is wanted to be.
    pub(crate) fn find(&self, wanted: &Definition) -> Result<Option<&Arc<Entry>>, Error> {
        match self.entries.get(&wanted.name) {
            Some(entry) if entry.definition == *wanted => Ok(Some(entry)),
            Some(entry) => Err(Kind::Clash { there: entry.definition.clone(), new: wanted.clone() }.into()),
            None => Ok(None),
        }
    }

    /// Returns the metric, registered if it is not there.
    pub(crate) fn register(&mut self, wanted: Definition, limits: &Arc<Limits>) -> Result<Arc<Entry>, Error> {
        if let Some(entry) = self.find(&wanted)? {
            return Ok(Arc::clone(entry));
        }
        if let Some((owner, sample)) = self.rival(&wanted) {
            return Err(Kind::SampleClash { there: owner.definition.clone(), new: wanted, sample }.into());
        }
        let entry = Arc::new(Entry::new(wanted, limits));
        for sample in entry.definition.claims() {
            self.claims.insert(sample.into(), Arc::clone(&entry));
        }
        self.entries.insert(entry.definition.name.clone(), Arc::clone(&entry));
        Ok(entry)
    }
}
