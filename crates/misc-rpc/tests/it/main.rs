//! What the crate does, through its public API.

mod served;
mod spec;
