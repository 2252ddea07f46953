//! What a probe, a watchdog and an operator see of an app's health.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod checks;
mod damping;
mod endpoint;
mod liveness;
mod phases;
mod setup;
mod subject;
mod told;
