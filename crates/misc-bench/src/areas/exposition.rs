//! What a scrape costs: misc-metrics beside prometheus-client, prometheus and metrics-exporter-prometheus.
//!
//! A sample makes the series of a case, each with three labels, and writes all of them into a new string again and again.
//! `counters/10000` are ten metrics of a thousand counters, `histograms/10000` ten of 59 histograms with 14 buckets each,
//! which are about as many lines. prometheus-client knows `OpenMetrics` only, as `misc-openmetrics` writes it; the others
//! write the text format, as `misc-text`.
//!
//! `encode` is the quickest of the times. `series` are the bytes on the heap for a series, `allocs` the allocations of
//! one exposition.

pub(super) mod libraries;

use std::hint::black_box;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::time::Instant;

use self::libraries::{Kind, filled};
use super::metrics::recorders;
use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "exposition",
    contenders: &[
        Contender::new(recorders::CLIENT, Role::Peer),
        Contender::new(recorders::PROMETHEUS, Role::Peer),
        Contender::new(recorders::EXPORTER, Role::Peer),
        Contender::new(libraries::OPENMETRICS, Role::Ours),
        Contender::new(libraries::TEXT, Role::Ours),
    ],
    cases: &["counters/10000", "counters/100000", "histograms/10000"],
    speed: Probe { figures: &[Measure::lower("encode", "ms")], details: &[Measure::lower("page", "KiB")], take: time },
    weight: Some(Probe {
        figures: &[Measure::lower("series", "B"), Measure::lower("allocs", "count")],
        details: &[],
        take: weigh,
    }),
    work: Some(Work { operations: 10, run: work }),
    load: None,
};

fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (kind, lines) = parse(case)?;
    let (_, encode) = filled(contender, kind, lines)?;
    let mut page = 0;
    let mut took = f64::INFINITY;
    for _ in 0..(300_000 / lines).max(5) {
        let start = Instant::now();
        page = black_box(encode()?).len();
        took = took.min(start.elapsed().as_secs_f64());
    }
    Ok(vec![took * 1e3, f64::from(u32::try_from(page)?) / 1024.0])
}

fn weigh(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (kind, lines) = parse(case)?;
    // What the library allocates once and keeps is not the series'.
    drop(filled(contender, kind, 1)?.1()?);
    let all = Region::new(&INSTRUMENTED_SYSTEM);
    let (series, encode) = filled(contender, kind, lines)?;
    let held = all.change();
    // The first makes room for what is kept for the others.
    drop(encode()?);
    let one = Region::new(&INSTRUMENTED_SYSTEM);
    drop(encode()?);
    let one = one.change();
    let float = |count: usize| Ok::<_, Error>(f64::from(u32::try_from(count)?));
    let bytes = held.bytes_allocated.saturating_sub(held.bytes_deallocated);
    Ok(vec![float(bytes)? / f64::from(series), float(one.allocations + one.reallocations)?])
}

fn work(contender: &str, operations: u32) -> Result<(), Error> {
    let (_, encode) = filled(contender, Kind::Counters, 10_000)?;
    (0..operations).try_for_each(|_| encode().map(drop))
}

fn parse(case: &str) -> Result<(Kind, u32), Error> {
    match case.split_once('/') {
        Some(("counters", lines)) => Ok((Kind::Counters, lines.parse()?)),
        Some(("histograms", lines)) => Ok((Kind::Histograms, lines.parse()?)),
        _ => Err("a case is a kind of metric and a number of lines".into()),
    }
}
