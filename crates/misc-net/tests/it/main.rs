//! What misc-net promises.

mod client;
mod config;
mod frames;
mod limits;
mod metrics;
mod stop;
mod support;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod udp;
#[cfg(unix)]
mod unix;
