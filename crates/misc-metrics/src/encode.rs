//! Expositions: all metrics as text.

mod classic;
mod openmetrics;

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::{
    catalog::Entry,
    collect::Families,
    registry::Inner,
    sync::{lock, read},
};

/// A text format of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Text,
    /// `OpenMetrics` 1.0, which has exemplars.
    OpenMetrics,
}

impl Format {
    /// Returns the media type.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// All that is exposed, in a stable order.
#[derive(Debug)]
pub(crate) struct Snapshot {
    entries: Vec<Arc<Entry>>,
    collected: Families,
}

impl Inner {
    pub(crate) fn encode(&self, format: Format) -> String {
        // Held, since series must not expire while they are written.
        let _scrape = lock(&self.scrape);
        let snapshot = self.snapshot();
        snapshot.entries.iter().for_each(|entry| entry.expire());
        // About what a line takes.
        let mut out = String::with_capacity(80 * (snapshot.lines() + 16));
        match format {
            Format::Text => classic::encode(&mut out, &snapshot),
            Format::OpenMetrics => openmetrics::encode(&mut out, snapshot),
        }
        out
    }

    /// Returns about how many lines there are to be written: of what callbacks give, as many as at the last scrape.
    pub(crate) fn lines(&self) -> usize {
        let recorded: usize = read(&self.catalog).entries().map(|entry| entry.lines()).sum();
        recorded + self.collected.load(Relaxed)
    }

    fn snapshot(&self) -> Snapshot {
        let mut collected = self.collect();
        let (mut entries, problems) = {
            let catalog = read(&self.catalog);
            let entries: Vec<_> = catalog.entries().filter(|entry| entry.lines() > 0).cloned().collect();
            (entries, collected.yield_to(&catalog))
        };
        problems.iter().for_each(|(metric, problem)| self.warn_once(metric, problem));
        entries.sort_unstable_by(|one, other| one.definition.name.cmp(&other.definition.name));
        self.collected.store(collected.lines(), Relaxed);
        Snapshot { entries, collected }
    }
}

impl Snapshot {
    fn lines(&self) -> usize {
        self.entries.iter().map(|entry| entry.lines()).sum::<usize>() + self.collected.lines()
    }
}

/// Returns a whole number that a float can tell from its neighbours.
pub(crate) fn whole(value: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within what an `i64` holds")]
    (value.trunc() == value && value.abs() <= EXACT).then_some(value as i64)
}

/// Appends a value: whole ones without a decimal point.
pub(crate) fn push_float(out: &mut String, value: f64) {
    if let Some(whole) = whole(value) {
        out.push_str(itoa::Buffer::new().format(whole));
    } else if value.is_finite() {
        out.push_str(zmij::Buffer::new().format_finite(value));
    } else {
        out.push_str(if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        });
    }
}
