//! What the crate does, through its public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod macros;
