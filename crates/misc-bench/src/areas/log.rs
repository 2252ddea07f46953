//! What a log line costs: misc-log beside tracing-subscriber's formats behind tracing-appender's writer.
//!
//! A sample logs 200,000 lines with three fields, inside of a span with one, to `/dev/null`, and waits until all are
//! written: no contender may drop any. `line` is the time of one line, the writer's thread included.
//!
//! Both have a filter: ours one that can be changed, the peer a level. The peer's writer is `io::sink`, ours the device.

use std::io;

use misc_log::{Config, Format, Output, Overflow, Setup};
use tokio::time::Instant;
use tracing::{Dispatch, dispatcher::with_default, info, info_span};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;

use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "log",
    contenders: &[Contender::new(OURS, Role::Ours), Contender::new("tracing-appender", Role::Peer)],
    cases: &["compact", "json"],
    speed: Probe { figures: &[Measure::lower("line", "ns")], details: &[], take: time },
    weight: None,
    work: Some(Work { operations: 20_000, run: |contender, lines| log(contender, "json", lines).map(drop) }),
    load: None,
};

const OURS: &str = "misc-log";
const LINES: u32 = 200_000;

fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    // Allocates what each thread keeps.
    log(contender, case, 1_000)?;
    let took = log(contender, case, LINES)?;
    Ok(vec![took * 1e9 / f64::from(LINES)])
}

/// Logs so many lines; returns the seconds until they were written.
fn log(contender: &str, case: &str, lines: u32) -> Result<f64, Error> {
    let (dispatch, log) = set_up(contender, case)?;
    let start = Instant::now();
    with_default(&dispatch, || {
        let _in_request = info_span!("request", id = 7).entered();
        for number in 0..lines {
            info!(number, method = "GET", took = 0.25, "answered");
        }
    });
    drop((dispatch, log));
    Ok(start.elapsed().as_secs_f64())
}

/// Keeps the writer until the lines are through.
enum Log {
    Ours { _log: misc_log::Log },
    Peer { _guard: WorkerGuard },
}

fn set_up(contender: &str, case: &str) -> Result<(Dispatch, Log), Error> {
    if contender == OURS {
        let mut config = Config::default();
        config.filter = Some("info".to_owned());
        config.format = if case == "json" { Format::Json } else { Format::Compact };
        config.output = Output::File("/dev/null".into());
        config.overflow = Overflow::Block;
        let (dispatch, log) = Setup::new(config).build()?;
        return Ok((dispatch, Log::Ours { _log: log }));
    }
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(io::sink());
    let lines = fmt().with_max_level(tracing::Level::INFO).with_ansi(false).with_writer(writer);
    let dispatch = match case {
        "json" => Dispatch::new(lines.json().finish()),
        _ => Dispatch::new(lines.compact().finish()),
    };
    Ok((dispatch, Log::Peer { _guard: guard }))
}
