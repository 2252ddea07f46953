//! What the crate does, through its public API.

mod batcher;
mod breaker;
mod budget;
mod bulkhead;
mod policy;
mod retry;
