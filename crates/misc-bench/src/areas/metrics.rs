//! What recording costs: misc-metrics beside prometheus-client, prometheus, metrics-exporter-prometheus and bare atomics.
//!
//! - `counter`: one more, by a handle that was resolved before; `2-threads/counter` the same from two threads, on one
//!   counter.
//! - `labelled`: the same of a counter with three labels, one of 100 series.
//! - `look-up`: the handle is looked up by its three labels each time, among 100 series.
//! - `histogram`: one value more, of 14 buckets and with three labels, by a handle.
//!
//! `bare` is an `AtomicU64`, a `HashMap` behind an `RwLock`, and an array of atomics that is searched from the front.
//! `misc-facade` is the same registry through the handles of the `metrics` facade, which misc's own crates record with.
//! metrics-exporter-prometheus keeps each value of a histogram until it is drained, which is a part of its time.
//!
//! `record` is the time of one record: of 20 batches the quickest, since others use the machine, too, and with two
//! threads that of all. Instructions are those of one of each: `labelled`, `look-up` and `histogram`.

pub(super) mod labels;
pub(super) mod recorders;

use std::{hint::black_box, sync::Barrier, thread};

use tokio::time::Instant;

use self::recorders::Record;
use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "metrics",
    contenders: &[
        Contender::new(recorders::BARE, Role::Limit),
        Contender::new(recorders::MISC, Role::Ours),
        Contender::new(recorders::FACADE, Role::Ours),
        Contender::new(recorders::CLIENT, Role::Peer),
        Contender::new(recorders::PROMETHEUS, Role::Peer),
        Contender::new(recorders::EXPORTER, Role::Peer),
    ],
    cases: &["counter", "2-threads/counter", "labelled", "look-up", "histogram"],
    speed: Probe { figures: &[Measure::lower("record", "ns")], details: &[], take: time },
    weight: None,
    work: Some(Work { operations: 20_000, run: work }),
    load: None,
};

const BATCHES: u32 = 20;
/// How many records are one batch.
const BATCH: u32 = 100_000;

fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let (threads, case) = match case.split_once('/') {
        Some((_, case)) => (2, case),
        None => (1, case),
    };
    let mut took = f64::NAN;
    recorders::with(contender, case, &mut |record| {
        took = if threads == 1 { quickest(record) } else { together(threads, record) };
    })?;
    Ok(vec![took * 1e9 / f64::from(BATCH)])
}

/// Returns the seconds of the quickest batch.
fn quickest(record: &Record<'_>) -> f64 {
    (0..BATCHES).map(|_| seconds(|| record(BATCH))).fold(f64::INFINITY, f64::min)
}

/// Returns the seconds of a batch while several threads record.
fn together(threads: usize, record: &Record<'_>) -> f64 {
    let start = Barrier::new(threads + 1);
    let all = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                start.wait();
                (0..BATCHES).for_each(|_| record(BATCH));
                start.wait();
            });
        }
        start.wait();
        seconds(|| start.wait())
    });
    all / f64::from(BATCHES)
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    black_box(work());
    start.elapsed().as_secs_f64()
}

fn work(contender: &str, operations: u32) -> Result<(), Error> {
    ["labelled", "look-up", "histogram"]
        .into_iter()
        .try_for_each(|case| recorders::with(contender, case, &mut |record| record(operations)))
}
