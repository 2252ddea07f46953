//! Rests after failed accepts and receives.

use std::{io, time::Duration};

use misc_core::Context;
use tokio::time::sleep;
use tracing::warn;

/// Waits after each failure in a row, so that a lack of descriptors does not become a busy loop.
#[derive(Default)]
pub(crate) struct Pause {
    failures: u32,
}

impl Pause {
    /// Begins anew, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(crate) async fn after(&mut self, ctx: &Context, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        // These concern one peer, which is gone.
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        let pause = Duration::from_millis(10 << self.failures.min(6)).min(Duration::from_millis(500));
        self.failures = self.failures.saturating_add(1);
        warn!(service = ctx.name(), %error, ?pause, "cannot accept from the network; trying again");
        ctx.until_stopping(sleep(pause)).await.unwrap_or_default();
    }
}
