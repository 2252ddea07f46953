//! Real processes: the program of `examples/subject.rs` is started, signalled, and looked at until it is gone.
#![cfg(unix)]

mod failure;
mod late;
mod runtime;
mod signal;
#[cfg(target_os = "linux")]
mod start;
mod subject;
