//! What serving a request costs: misc-http beside `axum::serve`, bare and with what a service has around its handlers.
//!
//! The server is the sample's process and has one thread; the load is another process with one thread, on 64 connections
//! of the loopback device that are kept, each of which asks for the next answer when it has the one before. All answer
//! `Hello, World!`.
//!
//! - `raw-tokio`, the limit, writes canned bytes.
//! - `axum-serve` and `misc-http` serve the same axum router, with nothing around it.
//! - `axum-layers` has four layers of tower-http (request id, trace, timeout, panics) and metrics by hand around it,
//!   `misc-standard` the standard layer with the same timeout and a registry; nobody listens to their spans.
//! - `misc-span` has a log of level INFO besides, so that each request has its span, and `misc-access-log` a line for
//!   each request, as JSON to `/dev/null`; none may be dropped.
//!
//! `requests` is the rate over the whole load, `p99` the time that 99 of 100 requests take at most, and `processor` the
//! time that the threads of the server run for one request. `memory` is what the process has of its own after the load,
//! `resident` the most that was resident, with those pages of the program that were touched: it is one program for all.
//!
//! Instructions are those of the server alone, for one connection.

mod layered;
mod load;
pub(super) mod server;

use tokio::{process::Command, runtime::Builder};

use crate::{Area, Contender, Error, Load, Measure, Probe, Role, Work, sample, usage};

pub(super) const AREA: Area = Area {
    name: "http",
    contenders: &[
        Contender::new(server::AXUM, Role::Peer),
        Contender::new(server::RAW, Role::Limit),
        Contender::new(server::MISC, Role::Ours),
        Contender::new(server::STANDARD, Role::Ours),
        Contender::new(server::SPAN, Role::Ours),
        Contender::new(server::ACCESS_LOG, Role::Ours),
        Contender::new(server::AXUM_LAYERS, Role::Peer),
    ],
    cases: &["hello"],
    speed: Probe {
        figures: &[
            Measure::higher("requests", "1/s"),
            Measure::lower("processor", "us"),
            Measure::lower("p99", "us"),
            Measure::lower("memory", "KiB"),
            Measure::lower("resident", "KiB"),
        ],
        details: &[],
        take: |contender, _| serve(contender, 100_000, 64),
    },
    weight: None,
    work: Some(Work { operations: 5_000, run: |contender, requests| serve(contender, requests, 1).map(drop) }),
    load: Some(Load { run: load::run }),
};

/// Serves on this thread while another process asks; returns what that one has measured, and what it cost here.
fn serve(contender: &str, requests: u32, connections: u32) -> Result<Vec<f64>, Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server::serve_while(contender, async |address| {
        let mut load = Command::new(std::env::current_exe()?);
        load.args(["--load", AREA.name]).arg(address.to_string());
        load.args([requests.to_string(), connections.to_string()]);
        let before = usage::processor_seconds()?;
        let measured = sample::parse(&load.kill_on_drop(true).output().await?)?;
        let [rate, p99] = measured[..] else {
            return Err("the load says something else than a rate and a time".into());
        };
        let processor = (usage::processor_seconds()? - before) / f64::from(requests);
        Ok(vec![rate, processor * 1e6, p99, usage::own_memory()?, usage::peak_resident()?])
    }))
}
