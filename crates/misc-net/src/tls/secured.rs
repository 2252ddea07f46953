//! What a handshake has found out.

use rustls::{CommonState, pki_types::CertificateDer};

/// What a handshake has found out about the peer.
#[derive(Debug)]
pub(crate) struct Secured {
    certificates: Vec<CertificateDer<'static>>,
    protocol: Option<Vec<u8>>,
}

impl Secured {
    pub(super) fn of(connection: &CommonState) -> Self {
        Self {
            certificates: connection.peer_certificates().unwrap_or_default().to_vec(),
            protocol: connection.alpn_protocol().map(<[u8]>::to_vec),
        }
    }

    pub(crate) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(|certificate| &**certificate)
    }

    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.protocol.as_deref()
    }
}
