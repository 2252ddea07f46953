//! The body of an answer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use misc_core::BoxError;
use pin_project_lite::pin_project;

use super::{
    exchange::{Exchange, Panicked},
    fault::Fault,
};

pin_project! {
    /// The body of a response that went through the [standard layer](crate::layers::standard).
    pub struct ResponseBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[project = SourceProjected]
    enum Source<B> {
        Whole { #[pin] body: B },
        Streamed { #[pin] body: B, stream: Option<Stream> },
        Own { text: Option<Bytes> },
    }
}

/// An exchange that goes on until the end of a body.
struct Stream {
    exchange: Box<Exchange>,
    sent: u64,
    /// What the head of the response promises.
    length: Option<u64>,
}

impl<B> ResponseBody<B> {
    /// A body that is all there.
    pub(super) fn whole(body: B) -> Self {
        Self { source: Source::Whole { body } }
    }

    /// A body that is yet to come, `length` bytes if that is known.
    pub(super) fn streamed(body: B, exchange: Box<Exchange>, length: Option<u64>) -> Self {
        let stream = Stream { exchange, sent: 0, length };
        Self { source: Source::Streamed { body, stream: Some(stream) } }
    }

    /// A text of the layer's own.
    pub(super) fn own(text: String) -> Self {
        Self { source: Source::Own { text: Some(text.into()) } }
    }

    pub(super) fn own_size(&self) -> Option<u64> {
        match &self.source {
            Source::Own { text } => text.as_ref().map(|text| text.len() as u64),
            Source::Whole { .. } | Source::Streamed { .. } => None,
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let (mut body, slot) = match self.project().source.project() {
            SourceProjected::Whole { body } => return body.poll_frame(cx).map_err(Into::into),
            SourceProjected::Own { text } => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            SourceProjected::Streamed { body, stream } => (body, stream),
        };
        let Some(stream) = slot else {
            // What comes after the end, or after a panic, is nothing.
            return Poll::Ready(None);
        };
        let mut polled = Poll::Pending;
        let outcome = stream.exchange.within(|| polled = body.as_mut().poll_frame(cx).map_err(Into::into));
        let (polled, fault) = match (outcome, polled) {
            (Ok(()), Poll::Pending) => return Poll::Pending,
            (Ok(()), Poll::Ready(Some(Ok(frame)))) => {
                stream.count(&frame);
                if !body.is_end_stream() && !frame.is_trailers() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                (Some(Ok(frame)), None)
            }
            (Ok(()), Poll::Ready(Some(Err(error)))) => (Some(Err(error)), Some(Fault::Failed)),
            (Ok(()), Poll::Ready(None)) => (None, None),
            (Err(Panicked), _) => (Some(Err("the body of the response panicked".into())), Some(Fault::Panicked)),
        };
        stream.exchange.outcome.fault = fault;
        *slot = None;
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole { body } => body.is_end_stream(),
            Source::Streamed { body, stream } => stream.is_none() || body.is_end_stream(),
            Source::Own { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole { body } | Source::Streamed { body, .. } => body.size_hint(),
            Source::Own { text } => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
        }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

impl Stream {
    fn count(&mut self, frame: &Frame<Bytes>) {
        self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        self.exchange.outcome.response_size = Some(self.sent);
        // A server may stop here, and need not ask whether trailers come.
        if self.length == Some(self.sent) {
            self.exchange.outcome.fault = None;
        }
    }
}
