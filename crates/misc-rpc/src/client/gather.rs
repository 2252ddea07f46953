//! The bytes of an answer, put together.

use std::{
    any::Any,
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::Response;
use http_body::Body;
use misc_core::BoxError;

use crate::payload::Payload;

/// An answer had more bytes than it may have, and was not read to its end; an extension of the empty one in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oversized(pub(super) usize);

/// The bytes of a body that have come so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// One frame alone is not copied.
    first: Bytes,
    all: BytesMut,
}

impl Gathered {
    /// Reads on; tells whether the body was read to its end, or had more than `limit` bytes.
    pub(super) fn poll<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        limit: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Result<Bytes, Oversized>, B::Error>> {
        if body.size_hint().lower() > limit as u64 {
            return Poll::Ready(Ok(Err(Oversized(limit))));
        }
        while let Some(frame) = ready!(body.as_mut().poll_frame(cx)?) {
            // Trailers tell nothing here.
            let Ok(mut data) = frame.into_data() else { continue };
            if data.remaining() > limit - self.len() {
                return Poll::Ready(Ok(Err(Oversized(limit))));
            }
            self.push(&mut data);
            if body.is_end_stream() {
                break;
            }
        }
        Poll::Ready(Ok(Ok(self.take())))
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn push(&mut self, data: &mut impl Buf) {
        if self.len() == 0 {
            self.first = data.copy_to_bytes(data.remaining());
            return;
        }
        if !self.first.is_empty() {
            self.all.reserve(self.first.len() + data.remaining());
            self.all.extend_from_slice(&mem::take(&mut self.first));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            self.all.extend_from_slice(chunk);
            data.advance(chunk.len());
        }
    }

    fn take(&mut self) -> Bytes {
        if self.all.is_empty() { mem::take(&mut self.first) } else { mem::take(&mut self.all).freeze() }
    }
}

/// Puts the bytes of an answer into its head.
pub(super) fn whole(response: Response<()>, bytes: Result<Bytes, Oversized>) -> Response<Payload> {
    let (mut head, ()) = response.into_parts();
    let bytes = bytes.unwrap_or_else(|oversized| {
        head.extensions.insert(oversized);
        Bytes::new()
    });
    Response::from_parts(head, bytes.into())
}

/// Reads the body of an answer to its end.
pub(super) async fn gather<B>(response: Response<B>, limit: usize) -> Result<Response<Payload>, BoxError>
where
    B: Body<Error: Into<BoxError>> + 'static,
{
    let (head, body) = response.into_parts();
    // Most layers leave the body as it is, which is whole.
    let payload = (&body as &dyn Any).downcast_ref().filter(|body: &&Payload| body.as_bytes().len() <= limit);
    if let Some(body) = payload.cloned() {
        return Ok(Response::from_parts(head, body));
    }
    let (mut gathered, mut body) = (Gathered::default(), pin!(body));
    let bytes = poll_fn(|cx| gathered.poll(body.as_mut(), limit, cx)).await.map_err(Into::into)?;
    Ok(whole(Response::from_parts(head, ()), bytes))
}
