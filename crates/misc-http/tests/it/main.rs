//! The server as its clients see it: real sockets and raw bytes; where time matters, sockets in memory on a paused clock.

mod drain;
mod faults;
mod handle;
mod http2;
#[cfg(feature = "axum")]
mod inject;
mod limits;
mod malformed;
mod ops;
mod problem;
#[cfg(feature = "axum")]
mod served;
mod serving;
mod standard;
mod support;
mod timeouts;
mod upgrades;
