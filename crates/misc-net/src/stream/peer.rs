//! Who is at the other end of a connection.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use misc_core::Address;

/// Who is at the other end of a connection. Cheap to clone; it is shown as its address.
#[derive(Debug, Clone)]
pub struct Peer(Arc<Facts>);

#[derive(Debug)]
struct Facts {
    address: Address,
    /// Its connection has ended, or failed.
    left: AtomicBool,
    #[cfg(feature = "tls")]
    secured: Option<crate::tls::Secured>,
}

impl Peer {
    #[cfg(not(feature = "tls"))]
    pub(crate) fn new(address: Address) -> Self {
        Self(Arc::new(Facts { address, left: AtomicBool::new(false) }))
    }

    #[cfg(feature = "tls")]
    pub(crate) fn new(address: Address, secured: Option<crate::tls::Secured>) -> Self {
        Self(Arc::new(Facts { address, left: AtomicBool::new(false), secured }))
    }

    /// Notes that its connection has ended, or failed.
    pub(crate) fn leave(&self) {
        self.0.left.store(true, Ordering::Relaxed);
    }

    /// Tells whether its connection has ended, or failed.
    pub(crate) fn has_left(&self) -> bool {
        self.0.left.load(Ordering::Relaxed)
    }

    /// Returns the address of the peer; that of a Unix socket is mostly empty (`unix:`).
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Returns the certificates that the peer has shown, its own first, each in DER; none without TLS.
    ///
    /// They are verified: the chain leads to a certificate authority that was set.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.secured.iter().flat_map(crate::tls::Secured::certificates)
    }

    /// Returns the protocol that was agreed on in the handshake by ALPN (RFC 7301), if any was.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.0.secured.as_ref()?.protocol()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}
