//! What the crate does, through its public API.

mod batches;
mod callers;
mod cancelled;
mod deadlines;
mod faults;
mod http;
mod limits;
mod params;
mod refused;
mod requests;
mod served;
mod spec;
