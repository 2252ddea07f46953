//! What outlives a process, and what several of them agree on.

use std::{future::Future, time::SystemTime};

use crate::error::BoxError;

/// Remembers values, and says whose a thing is, for all replicas of a service.
///
/// A scheduler claims each firing, so that one replica runs it, and remembers the last one, so that it is caught up on
/// after a restart. Databases and queues implement it; whoever uses it has no store of its own.
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use misc_core::{BoxError, Ledger};
///
/// async fn send_once<L: Ledger>(ledger: &L) -> Result<(), BoxError> {
///     let a_day = SystemTime::now() + Duration::from_secs(86_400);
///     if ledger.claim("newsletter/2027-01-01", a_day).await? {
///         println!("sending");
///     }
///     ledger.remember("newsletter/last", "2027-01-01").await
/// }
/// # drop(send_once::<Never>);
/// # struct Never;
/// # impl Ledger for Never {
/// #     async fn claim(&self, _: &str, _: SystemTime) -> Result<bool, BoxError> { Ok(false) }
/// #     async fn remember(&self, _: &str, _: &str) -> Result<(), BoxError> { Ok(()) }
/// #     async fn recall(&self, _: &str) -> Result<Option<String>, BoxError> { Ok(None) }
/// # }
/// ```
pub trait Ledger: Send + Sync + 'static {
    /// Claims a key until a time; returns whether it was free. Of several who claim it, one gets it.
    ///
    /// From that time on it is free. A claim until a time that has passed keeps nobody out, and tells whether the key is free.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn claim(&self, key: &str, until: SystemTime) -> impl Future<Output = Result<bool, BoxError>> + Send;

    /// Remembers a value, in place of what was there.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn remember(&self, key: &str, value: &str) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Returns what is remembered.
    ///
    /// # Errors
    /// When the store cannot be asked.
    fn recall(&self, key: &str) -> impl Future<Output = Result<Option<String>, BoxError>> + Send;
}
