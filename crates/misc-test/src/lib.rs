#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod app;
mod clock;
mod connection;
mod doing;
mod ended;
mod faults;
mod logs;
mod loopback;
mod memory;
mod metrics;
mod phases;
mod requirement;
mod signal;

pub use self::{
    app::TestApp,
    connection::Connection,
    ended::Ended,
    faults::{FaultProxy, Faults},
    logs::{Line, Logs},
    memory::MemorySockets,
    metrics::Metrics,
    phases::Phases,
    requirement::{Missing, server, skip, tool, toolchain},
    signal::Signal,
};
