//! Calls over real connections, and in one process.

mod answers;
mod building;
mod calls;
mod cancelling;
mod connections;
mod deadlines;
mod layers;
mod measured;
mod propagation;
mod support;
#[cfg(feature = "tls")]
mod tls;
