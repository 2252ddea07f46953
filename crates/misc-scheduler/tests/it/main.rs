//! What a scheduler does, through its public API, under a paused clock.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod after;
mod crowds;
mod failures;
mod guide;
mod handles;
mod health;
mod ledger;
mod macros;
mod misfires;
mod model;
mod on_demand;
mod once;
mod overlap;
mod refusals;
mod seen;
mod stop;
mod subject;
#[cfg(feature = "tokio-cron")]
mod tokio_cron;
mod triggers;
mod wall;
