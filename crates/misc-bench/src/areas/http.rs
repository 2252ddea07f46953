//! What serving a request costs: misc-http beside `axum::serve`, and canned bytes on raw tokio, the limit.
//!
//! The server is the sample's process and has one thread; the load is another process with one thread, on 64 connections
//! of the loopback device that are kept, each of which asks for the next answer when it has the one before. All answer
//! `Hello, World!`. `requests` is the rate over the whole load, `p99` the time that 99 of 100 requests take at most.
//!
//! Instructions are those of the server alone, for one connection.

mod load;
mod server;

use tokio::{process::Command, runtime::Builder};

use crate::{Area, Contender, Error, Load, Measure, Probe, Role, Work, sample};

pub(super) const AREA: Area = Area {
    name: "http",
    contenders: &[
        Contender::new(server::RAW, Role::Limit),
        Contender::new(server::MISC, Role::Ours),
        Contender::new(server::AXUM, Role::Peer),
    ],
    cases: &["hello"],
    speed: Probe {
        figures: &[Measure::higher("requests", "1/s"), Measure::lower("p99", "us")],
        details: &[],
        take: |contender, _| serve(contender, 100_000, 64),
    },
    weight: None,
    work: Some(Work { operations: 5_000, run: |contender, requests| serve(contender, requests, 1).map(drop) }),
    load: Some(Load { run: load::run }),
};

/// Serves on this thread while another process asks; returns what that one has measured.
fn serve(contender: &str, requests: u32, connections: u32) -> Result<Vec<f64>, Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server::serve_while(contender, async |address| {
        let mut load = Command::new(std::env::current_exe()?);
        load.args(["--load", AREA.name]).arg(address.to_string());
        load.args([requests.to_string(), connections.to_string()]);
        sample::parse(&load.kill_on_drop(true).output().await?)
    }))
}
