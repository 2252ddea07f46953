//! Any layered service as one type.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
};

use http::{Request, Response};
use http_body::Body;
use misc_core::BoxError;
use tower_service::Service;

use crate::{client::gather::gather, payload::Payload};

pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response<Payload>, BoxError>> + Send>>;

/// A service that answers with bytes that are all there.
pub(super) trait Erased: Send + Sync {
    /// Sends a request, once the service is ready for it; the answer may have so many bytes.
    fn send(&self, request: Request<Payload>, limit: usize) -> Answering;
}

impl<S, B> Erased for S
where
    S: Service<Request<Payload>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    B: Body<Error: Into<BoxError>> + Send + 'static,
    B::Data: Send,
{
    fn send(&self, request: Request<Payload>, limit: usize) -> Answering {
        let mut service = self.clone();
        Box::pin(async move {
            // The one that is ready is the one that is called.
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            let response = service.call(request).await.map_err(Into::into)?;
            gather(response, limit).await
        })
    }
}
