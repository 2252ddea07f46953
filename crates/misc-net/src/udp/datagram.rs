//! A datagram, as a handler has it.

use std::{io, net::SocketAddr, ops::Deref, sync::Arc};

use bytes::Bytes;
use misc_core::Counter;
use tokio::net::UdpSocket;

/// A datagram that was received, and the way to reply to it.
#[derive(Debug, Clone)]
pub struct Datagram {
    pub(crate) bytes: Bytes,
    pub(crate) peer: SocketAddr,
    pub(crate) outlet: Arc<Outlet>,
}

/// Where replies go out.
#[derive(Debug)]
pub(crate) struct Outlet {
    pub(crate) socket: UdpSocket,
    pub(crate) transmitted: Counter,
}

impl Datagram {
    /// Returns what was received; it is also what this derefs to.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns who has sent it, or claims to: an address of UDP is easily forged.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Sends a datagram back to the peer, from the address of the server.
    ///
    /// # Errors
    /// What the system says: that it is too long, or that there is no way to the peer. None says that it did not get
    /// there.
    ///
    /// # Cancel safety
    /// Strict: it is sent, or not at all.
    pub async fn reply(&self, bytes: &[u8]) -> io::Result<()> {
        let sent = self.outlet.socket.send_to(bytes, self.peer).await?;
        self.outlet.transmitted.increment(sent as u64);
        Ok(())
    }
}

impl Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}
