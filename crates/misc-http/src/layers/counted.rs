//! The size of a request's body that does not say it.

use std::{
    any::Any,
    mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Counts what is read of a body from now on; `None` where its type leaves no room for that.
pub(crate) fn count<B: 'static>(body: &mut B) -> Option<Arc<AtomicU64>> {
    let body = (body as &mut dyn Any).downcast_mut::<Body>()?;
    let count = Arc::<AtomicU64>::default();
    let counted = Counted { body: mem::take(body), count: Arc::clone(&count) };
    *body = Body::new(counted);
    Some(count)
}

struct Counted {
    body: Body,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.count.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
