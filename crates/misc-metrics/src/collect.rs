//! Values that are read at a scrape instead of being recorded.

use std::{
    collections::{BTreeMap, HashMap, btree_map},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::{
    catalog::{Catalog, Definition, LabelNames, Type},
    error::{Error, Kind},
    labels::LabelSet,
    name,
    registry::Inner,
    sync::{lock, read},
};

type Function = dyn Fn(&mut Collect<'_>) + Send + Sync;

/// What is asked at each scrape.
#[derive(Clone)]
pub(crate) struct Callback {
    namespace: Box<str>,
    function: Arc<Function>,
}

impl Callback {
    pub(crate) fn new(namespace: &str, function: impl Fn(&mut Collect<'_>) + Send + Sync + 'static) -> Self {
        Self { namespace: namespace.into(), function: Arc::new(function) }
    }
}

/// Takes the values of a callback; see [`Registry::collect`](crate::Registry::collect).
///
/// What cannot be exposed (an invalid name or help, a name that another metric has) is logged once and left out.
pub struct Collect<'a> {
    registry: &'a Inner,
    namespace: &'a str,
    families: &'a mut Families,
}

/// What was collected.
#[derive(Debug, Default)]
pub(crate) struct Families {
    /// By name.
    families: BTreeMap<Box<str>, Collected>,
    /// Which family each name of a family or a sample belongs to.
    claims: HashMap<String, Box<str>>,
}

impl Families {
    pub(crate) fn iter(&self) -> btree_map::Values<'_, Box<str>, Collected> {
        self.families.values()
    }

    pub(crate) fn lines(&self) -> usize {
        self.families.values().map(|family| family.samples.len()).sum()
    }

    /// Returns the family, made if it is not there.
    pub(crate) fn family(&mut self, definition: Definition, help: &str) -> Result<&mut Collected, Error> {
        match self.families.get(&definition.name) {
            Some(there) if there.definition == definition => {}
            Some(there) => return Err(Kind::Clash { there: there.definition.clone(), new: definition }.into()),
            None => self.claim(&definition)?,
        }
        let new = |definition: Definition| Collected { definition, help: help.into(), samples: BTreeMap::new() };
        Ok(self.families.entry(definition.name.clone()).or_insert_with(|| new(definition)))
    }

    fn claim(&mut self, definition: &Definition) -> Result<(), Error> {
        let rival = definition.claims().find_map(|sample| Some((self.claims.get(&sample)?, sample)));
        if let Some((owner, sample)) = rival {
            let there = self.families[owner].definition.clone();
            return Err(Kind::SampleClash { there, new: definition.clone(), sample }.into());
        }
        self.claims.extend(definition.claims().map(|sample| (sample, definition.name.clone())));
        Ok(())
    }

    /// Lets go of what the catalog has, too, and says why.
    pub(crate) fn yield_to(&mut self, catalog: &Catalog) -> Vec<(Box<str>, Error)> {
        let mut problems = Vec::new();
        self.families.retain(|name, Collected { definition, .. }| {
            let Some((owner, sample)) = catalog.rival(definition) else {
                return true;
            };
            let there = owner.definition.clone();
            problems.push((name.clone(), Kind::SampleClash { there, new: definition.clone(), sample }.into()));
            false
        });
        problems
    }
}

/// One metric that was collected.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(crate) definition: Definition,
    pub(crate) help: Box<str>,
    /// By the text of their labels.
    pub(crate) samples: BTreeMap<Box<str>, (LabelSet, f64)>,
}

impl Collect<'_> {
    /// Takes a level. Of two with the same name and labels, the first counts.
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], level: f64) {
        self.take(Type::Gauge, name, help, labels, level);
    }

    /// Takes a number that only grows; one that is negative or not a number is left out.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[(&str, &str)], count: f64) {
        if count >= 0.0 {
            self.take(Type::Counter, name, help, labels, count);
        }
    }

    fn take(&mut self, kind: Type, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        if let Err(problem) = self.try_take(kind, name, help, labels, value) {
            self.registry.warn_once(name, &problem);
        }
    }

    fn try_take(
        &mut self,
        kind: Type,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) -> Result<(), Error> {
        let full = name::metric(self.namespace, name)?;
        let family = if kind == Type::Counter { name::without_total(&full) } else { &full };
        let names: Vec<_> = labels.iter().map(|(name, _)| *name).collect();
        name::check_labels(&full, &names)?;
        name::check_help(&full, help)?;
        let definition = Definition { name: family.into(), kind, labels: LabelNames::fixed(&names), bounds: None };
        let collected = self.families.family(definition, help)?;
        let labels = LabelSet::new(labels.iter().map(|(name, value)| (Arc::from(*name), *value)));
        collected.samples.entry(labels.text.clone()).or_insert((labels, value));
        Ok(())
    }
}

impl fmt::Debug for Collect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collect").field("families", &self.families).finish_non_exhaustive()
    }
}

impl Inner {
    /// Asks all callbacks, after what the registry says of itself.
    pub(crate) fn collect(&self) -> Families {
        let mut families = Families::default();
        self.collect_overflows(&mut Collect { registry: self, namespace: "", families: &mut families });
        // Copied, since a callback may register another.
        let callbacks = lock(&self.callbacks).clone();
        for Callback { namespace, function } in &callbacks {
            let mut collect = Collect { registry: self, namespace, families: &mut families };
            if catch_unwind(AssertUnwindSafe(|| function(&mut collect))).is_err() {
                self.warn_once(namespace, &"a callback that collects metrics panicked");
            }
        }
        families
    }
    fn collect_overflows(&self, out: &mut Collect<'_>) {
        let help = "Look-ups of series that went to overflow, since the metric had too many series.";
        let counts: Vec<_> = {
            let catalog = read(&self.catalog);
            let overflowing = catalog.entries().filter(|entry| entry.overflows() > 0);
            overflowing.map(|entry| (entry.definition.exposed(), entry.overflows())).collect()
        };
        for (metric, count) in counts {
            #[expect(clippy::cast_precision_loss, reason = "past 2^53 the number is not of interest any more")]
            out.counter("metrics_series_overflow_total", help, &[("metric", &metric)], count as f64);
        }
    }
}
