//! The store as a ledger for whoever needs one.

use std::time::SystemTime;

use misc_core::{BoxError, Ledger};

use crate::store::Store;

/// Claims keys and remembers values for all processes on the store, as the scheduler does to run each firing once.
///
/// In memory that is this process alone, and until it ends. A claim is over by the clock of the store.
///
/// # Cancel safety
/// What recalls is strict. What claims and remembers is weak: dropped, it was done or not.
///
/// # Errors
/// All of it fails when the store is not open, after [`Config::timeout`](crate::Config::timeout) at the latest, or does
/// not answer. With [`Error::is_uncertain`](crate::Error::is_uncertain), a key may have been claimed all the same.
///
/// # Examples
/// ```
/// use misc_core::Ledger;
/// use misc_queue::Store;
///
/// fn remember(ledger: impl Ledger) {
///     // Scheduler::new().ledger(ledger)
///     # drop(ledger);
/// }
/// remember(Store::new("memory://"));
/// ```
impl Ledger for Store {
    async fn claim(&self, key: &str, until: SystemTime) -> Result<bool, BoxError> {
        Ok(self.opened().await?.engine.claim_key(key, until).await?)
    }

    async fn remember(&self, key: &str, value: &str) -> Result<(), BoxError> {
        Ok(self.opened().await?.engine.remember(key, value).await?)
    }

    async fn recall(&self, key: &str) -> Result<Option<String>, BoxError> {
        Ok(self.opened().await?.engine.recall(key).await?)
    }
}
