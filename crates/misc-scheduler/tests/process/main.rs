//! Real processes: one whose clock is set by hand, and some that share a ledger and are killed.
#![cfg(target_os = "linux")]

mod clock;
mod replicas;
mod subject;
