//! The log through its public API, in one process and without touching anything global.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod config;
mod filter;
mod formats;
mod ids;
mod layers;
#[cfg(feature = "otel")]
mod otel;
mod output;
mod repeats;
mod service;
#[cfg(target_os = "linux")]
mod slow;
mod spans;
mod support;
mod writer;
