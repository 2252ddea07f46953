//! What misc-metrics promises, through its public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod collected;
mod conformance;
mod escaping;
mod exposition;
mod facade;
mod http;
mod layer;
mod limits;
mod plugin;
mod recording;
mod support;
