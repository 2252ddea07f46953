//! Real processes: the program of `examples/log_subject.rs` is started, signalled, and looked at until it is gone.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod end;
mod global;
mod standard;
#[cfg(target_os = "linux")]
mod stuck;
mod subject;
