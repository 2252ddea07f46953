//! The service and its configuration centre do what they say, as processes.

#![cfg(unix)]

mod centre;
mod outputs;
mod program;
mod service;
