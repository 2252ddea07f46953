//! What calling a remote procedure costs: misc-rpc beside HTTP by hand, JSON-RPC and gRPC.
//!
//! The procedure is `get_user(id) -> { id, name, email }`. The server is the sample's process and has one thread; the
//! callers are another process with one thread, on the loopback device. Each side has a core of its own. Each caller asks for the next user when it has
//! the one before, and checks that it is the one; connections are kept.
//!
//! - `raw`, the limit, has as many bytes as there must be, and a connection of its own for each caller.
//! - `axum-json` is what one writes by hand: axum's `Json` served by `axum::serve`, called by hyper-util's client with
//!   `serde_json`; `reqwest` calls the same server.
//! - `jsonrpsee` speaks JSON-RPC over HTTP, `tonic` gRPC over one connection, both as their documentation has it.
//!
//! - `misc-rpc` is a trait with `#[rpc]` served by misc-http. It has what none of these has: a deadline that travels,
//!   metrics on both sides, and a trace of which the call is a part. Nobody listens to its spans. `misc-policy` is the same
//!   with the default policy of misc-resilience around each call.
//!
//! `calls` is the rate over the whole load, `p50` and `p99` the time that so many of 100 calls take at most, and
//! `processor` the time that the threads of both sides run for one call, the kernel's part included.
//!
//! Instructions are those of both sides, with 64 calls in flight.

mod axum_json;
mod caller;
mod core;
mod jsonrpsee;
mod misc_rpc;
mod raw;
mod reqwest;
mod server;
mod tonic;
mod user;

use tokio::{process::Command, runtime::Builder};

use self::core::Core;
use crate::{Area, Contender, Error, Load, Measure, Probe, Role, Work, sample, usage};

/// How many calls are in flight where the rate matters, and where the latency does.
const MANY: (&str, u32) = ("64-in-flight", 64);
const ONE: (&str, u32) = ("1-in-flight", 1);

pub(super) const AREA: Area = Area {
    name: "rpc",
    contenders: &[
        Contender::new(axum_json::NAME, Role::Peer),
        Contender::new(raw::NAME, Role::Limit),
        Contender::new(misc_rpc::NAME, Role::Ours),
        Contender::new(misc_rpc::WITH_POLICY, Role::Ours),
        Contender::new(jsonrpsee::NAME, Role::Peer),
        Contender::new(tonic::NAME, Role::Peer),
        Contender::new(reqwest::NAME, Role::Peer),
    ],
    cases: &[MANY.0, ONE.0],
    speed: Probe {
        figures: &[
            Measure::higher("calls", "1/s"),
            Measure::lower("p50", "us"),
            Measure::lower("p99", "us"),
            Measure::lower("processor", "us"),
        ],
        details: &[],
        take: |contender, case| {
            let in_flight = if case == ONE.0 { ONE.1 } else { MANY.1 };
            measure(contender, if in_flight == 1 { 20_000 } else { 100_000 }, in_flight)
        },
    },
    weight: None,
    work: Some(Work { operations: 5_000, run: work }),
    load: Some(Load { run: load }),
};

/// Serves on this thread while another process calls; returns what that one has measured, and what it cost both.
fn measure(contender: &str, calls: u32, in_flight: u32) -> Result<Vec<f64>, Error> {
    let [server_core, caller_core] = Core::two()?;
    server_core.keep()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server::serve_while(contender, async |address| {
        let mut load = Command::new(std::env::current_exe()?);
        load.args(["--load", AREA.name, contender]).arg(address.to_string());
        load.args([calls.to_string(), in_flight.to_string(), caller_core.to_string()]);
        let before = usage::processor_seconds()?;
        let measured = sample::parse(&load.kill_on_drop(true).output().await?)?;
        let [rate, p50, p99, caller] = measured[..] else {
            return Err("the load says something else than a rate and three times".into());
        };
        let server = (usage::processor_seconds()? - before) / f64::from(calls) * 1e6;
        Ok(vec![rate, p50, p99, server + caller])
    }))
}

/// Reads a contender, an address, a number of calls, how many are in flight, and a core; calls so often.
fn load(arguments: &[&str]) -> Result<Vec<f64>, Error> {
    let [contender, address, calls, in_flight, core] = arguments else {
        return Err("the load needs a contender, an address, two numbers of calls and a core".into());
    };
    core.parse::<Core>()?.keep()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(caller::call(contender, address.parse()?, calls.parse()?, in_flight.parse()?))
}

/// Serves and calls on one thread.
fn work(contender: &str, calls: u32) -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let call = async |address| caller::call(contender, address, calls, MANY.1).await;
    runtime.block_on(server::serve_while(contender, call)).map(drop)
}
