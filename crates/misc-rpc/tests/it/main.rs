//! What the crate does, through its public API.

mod any;
mod batches;
mod callers;
mod cancelled;
mod deadlines;
mod discover;
mod faults;
mod foreign;
mod http;
mod limits;
mod observed;
mod params;
mod refused;
mod requests;
mod served;
mod spec;
