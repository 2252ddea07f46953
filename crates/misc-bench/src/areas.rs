//! The areas, and how one is found.

mod config;
mod exposition;
mod http;
mod lifecycle;
mod log;
mod metrics;
mod queue;
mod queue_start;
mod resilience;
mod rpc;
mod scheduler;
mod scrape;

use crate::{Area, Error};

/// All areas.
pub const AREAS: &[&Area] = &[
    &config::AREA,
    &exposition::AREA,
    &http::AREA,
    &lifecycle::AREA,
    &log::AREA,
    &metrics::AREA,
    &queue::AREA,
    &queue_start::AREA,
    &resilience::AREA,
    &rpc::AREA,
    &scheduler::AREA,
    &scrape::AREA,
];

/// Finds an area by its name.
///
/// # Errors
/// If nothing is called that; there is a list of what is.
pub fn area(name: &str) -> Result<&'static Area, Error> {
    let found = AREAS.iter().find(|area| area.name == name);
    let names = || AREAS.iter().map(|area| area.name).collect::<Vec<_>>().join(", ");
    found.copied().ok_or_else(|| format!("there is no area `{name}`; there are {}", names()).into())
}
