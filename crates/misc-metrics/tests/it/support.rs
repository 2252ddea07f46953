//! What several of these tests need.

use std::collections::BTreeMap;

use misc_metrics::{Format, Registry};

/// Returns the samples of an exposition: what stands before the value, and the value.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let line = line.split(" # {").next().unwrap();
        let (series, value) = line.rsplit_once(' ').unwrap();
        (series.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

/// Returns the value of one series, as it is scraped.
pub(crate) fn value(registry: &Registry, series: &str) -> Option<f64> {
    samples(&registry.encode(Format::Text)).get(series).copied()
}
