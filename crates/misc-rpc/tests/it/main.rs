//! What the crate does, through its public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod any;
mod batches;
mod callers;
mod cancelled;
mod client;
mod deadlines;
mod discover;
mod faults;
mod foreign;
mod http;
mod limits;
mod macros;
mod observed;
mod params;
mod refused;
mod requests;
mod served;
mod spec;
