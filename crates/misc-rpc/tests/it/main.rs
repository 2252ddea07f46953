//! What the crate does, through its public API.

mod client;
mod macros;
