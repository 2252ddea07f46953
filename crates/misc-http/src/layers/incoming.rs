//! What the headers of a request say to the layer.

use http::{HeaderMap, HeaderValue};
use misc_core::TraceContext;
use tokio::time::Duration;

use super::request_id::{RequestId, X_REQUEST_ID};
use crate::trace;

#[derive(Debug, Default)]
pub(crate) struct Incoming {
    pub(crate) id: Option<RequestId>,
    pub(crate) trace: Option<TraceContext>,
    /// How long the client waits.
    pub(crate) patience: Option<Duration>,
}

impl Incoming {
    /// Reads the headers in one pass: a request has few, and most are told apart from ours at once.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut incoming = Self::default();
        let mut parents: Option<(&HeaderValue, bool)> = None;
        for (name, value) in headers {
            if *name == X_REQUEST_ID {
                incoming.id = incoming.id.or_else(|| RequestId::given(value));
            } else if *name == trace::TRACEPARENT {
                parents = Some((value, parents.is_none()));
            } else if *name == trace::EXPECTED_TIMEOUT {
                incoming.shorten(trace::read_expected_timeout(value));
            } else if *name == trace::GRPC_TIMEOUT {
                incoming.shorten(trace::read_grpc_timeout(value));
            }
        }
        // Two parents are none: nobody knows which is right.
        if let Some((parent, true)) = parents {
            incoming.trace = trace::read_trace(parent, headers);
        }
        incoming
    }

    fn shorten(&mut self, patience: Option<Duration>) {
        self.patience = self.patience.into_iter().chain(patience).min();
    }
}
