//! Settings through the public API.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod args;
mod bad;
mod dir;
mod env;
mod files;
mod formats;
mod live;
mod matrix;
mod rules;
mod secret;
mod shown;
mod sources;
mod types;
