//! What a scrape costs those who are served meanwhile: misc-metrics beside handlers that write the page where they run.
//!
//! The server is the sample's process, on two workers, and has 100,000 series. The load is another process: one
//! connection asks for `/` every 2 ms for 4 seconds, on a thread of its own, and what an answer was late for counts for
//! the next ones, too. A second thread scrapes `/metrics` all the while, with 100 ms in between, and asks as Prometheus
//! does: with gzip, if there is any.
//!
//! `unscraped` is misc-http without the second thread. `misc-metrics` is misc-http with the registry's endpoint; the
//! others are `axum::serve` with what their documentation shows, a handler that returns the page.
//!
//! `max` is the longest of 2,000 times, `p99` the time that 99 of 100 take at most, `scrape` the time of one scrape.

mod load;
mod server;

use tokio::{process::Command, runtime::Builder};

use super::metrics::recorders::{CLIENT, EXPORTER, PROMETHEUS};
use crate::{Area, Contender, Error, Load, Measure, Probe, Role, sample};

pub(super) const AREA: Area = Area {
    name: "scrape",
    contenders: &[
        Contender::new(server::UNSCRAPED, Role::Peer),
        Contender::new(server::MISC, Role::Ours),
        Contender::new(CLIENT, Role::Peer),
        Contender::new(PROMETHEUS, Role::Peer),
        Contender::new(EXPORTER, Role::Peer),
    ],
    cases: &["100000"],
    speed: Probe {
        figures: &[Measure::lower("max", "ms"), Measure::lower("p99", "ms")],
        details: &[Measure::lower("median", "ms"), Measure::lower("scrape", "ms")],
        take: scrape,
    },
    weight: None,
    work: None,
    load: Some(Load { run: load::run }),
};

/// Serves while another process asks; returns what that one has measured.
fn scrape(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let series = case.parse()?;
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let serving = server::serve_while(contender, series, async |address| {
        let mut load = Command::new(std::env::current_exe()?);
        let scrapes = if contender == server::UNSCRAPED { "quiet" } else { "scraped" };
        load.args(["--load", AREA.name, &address.to_string(), scrapes]);
        sample::parse(&load.kill_on_drop(true).output().await?)
    });
    runtime.block_on(serving)
}
