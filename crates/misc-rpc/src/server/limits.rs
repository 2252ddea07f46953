//! What callers can make a server hold.

use std::num::NonZeroUsize;

use misc_macros::Describe;
use serde::{Deserialize, Serialize};

/// What callers can make a [`Server`](crate::Server) hold; a part of a service's settings.
///
/// Every limit has a value that suits a service behind a load balancer.
///
/// # Examples
/// ```
/// use misc_rpc::{Limits, Methods, Server};
///
/// # fn main() -> Result<(), misc_rpc::Refused> {
/// let mut limits = Limits::default();
/// limits.body = 64 << 10;
/// let server = Server::new(Methods::new())?.limits(limits);
/// # drop(server);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Describe)]
#[describe(crate = "misc_core")]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// How many bytes the body of a request may have (1 MiB). More are answered with 413.
    #[describe(bytes)]
    pub body: usize,
    /// How many calls a batch may have (100). One with more is an invalid request, and none of its calls are made.
    pub batch: NonZeroUsize,
    /// How many calls of a batch are under way at once (10). The others wait for these.
    pub batch_concurrency: NonZeroUsize,
    /// How many calls may be under way at once, over all clones of the server (1,000). More are answered with error
    /// -32000; a single one with 503 and `Retry-After`.
    pub calls: NonZeroUsize,
}

impl Default for Limits {
    fn default() -> Self {
        const BATCH: NonZeroUsize = NonZeroUsize::new(100).expect("it is not zero");
        const BATCH_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(10).expect("it is not zero");
        const CALLS: NonZeroUsize = NonZeroUsize::new(1_000).expect("it is not zero");
        Self { body: 1 << 20, batch: BATCH, batch_concurrency: BATCH_CONCURRENCY, calls: CALLS }
    }
}
