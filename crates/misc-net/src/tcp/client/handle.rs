//! Whether a client is connected.

use std::sync::Arc;

use tokio::sync::watch;

/// Tells whether a [`Client`](crate::tcp::Client), or a clone of it, is connected; cheap to clone, and of use before it
/// runs and after.
#[derive(Debug, Clone)]
pub struct ClientHandle(Link);

/// The state of a client's connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Link(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    /// How many there are now: clones of a client that run share this.
    open: usize,
    connections: u64,
}

impl State {
    fn is_connected(&self) -> bool {
        self.open > 0
    }
}

impl Link {
    pub(super) fn handle(&self) -> ClientHandle {
        ClientHandle(self.clone())
    }

    /// Says that there is a connection, until the guard is dropped.
    pub(super) fn up(&self) -> Up<'_> {
        self.0.send_modify(|state| {
            state.open += 1;
            state.connections += 1;
        });
        Up(self)
    }

    async fn until(&self, connected: bool) {
        // Cannot fail: `self` holds the sender.
        drop(self.0.subscribe().wait_for(|state| state.is_connected() == connected).await);
    }
}

/// Says that there is no connection any more when it is dropped.
pub(super) struct Up<'a>(&'a Link);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.open -= 1);
    }
}

impl ClientHandle {
    /// Tells whether the client is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.0.borrow().is_connected()
    }

    /// Waits until the client is connected: for ever, when it does not run any more.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn connected(&self) {
        self.0.until(true).await;
    }

    /// Waits until the client is not connected.
    ///
    /// # Cancel safety
    /// Strict.
    pub async fn disconnected(&self) {
        self.0.until(false).await;
    }

    /// Returns how many connections there were after the first one.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.0.0.borrow().connections.saturating_sub(1)
    }
}
