//! What is looked at every ten seconds, for the metrics.

use misc::{http::Handle, metrics::Gauge, scheduler::service};

/// Keeps metrics up to date that nobody tells of a change.
pub(crate) struct Updates {
    pub(crate) connections: Gauge,
    pub(crate) server: Handle,
}

#[service]
impl Updates {
    #[task(every = "10s", immediately)]
    async fn update_metrics(&self) {
        self.connections.set(self.server.connections() as f64);
    }
}
