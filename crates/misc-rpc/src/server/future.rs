//! The future of an answer.

use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::LengthLimitError;
use misc_core::BoxError;
use pin_project_lite::pin_project;
use tracing::debug;

use super::{exchange::Exchange, head::Head, shared::Shared};
use crate::{code, payload::Payload};

pin_project! {
    /// The answer of a [`Server`](crate::Server).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, it drops the handlers of the calls that are under way, at once; nothing is left behind.
    ///
    /// # Panics
    /// Where there is a deadline, and the runtime has no timers.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct ResponseFuture<B> {
        #[pin]
        body: Option<B>,
        received: Received,
        exchange: Option<Exchange>,
        // What can be said without looking at the body.
        refusal: Option<Response<Payload>>,
    }
}

impl<B: Body> ResponseFuture<B> {
    pub(crate) fn new(server: Arc<Shared>, request: Request<B>) -> Self {
        let received = Received::default();
        let (parts, body) = request.into_parts();
        let head = Head::new(&parts.headers);
        if let Some(refusal) = head.refuse(&parts.method) {
            return Self { body: None, received, exchange: None, refusal: Some(refusal) };
        }
        let exchange = Exchange::new(server, &head, parts.extensions);
        Self { body: Some(body), received, exchange: Some(exchange), refusal: None }
    }
}

impl<B> Future for ResponseFuture<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Output = Result<Response<Payload>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(exchange) = this.exchange else {
            return this.refusal.take().map_or(Poll::Pending, |refusal| Poll::Ready(Ok(refusal)));
        };
        if let Some(body) = this.body.as_mut().as_pin_mut() {
            let Poll::Ready(read) = this.received.poll(body, exchange.most(), cx) else {
                return exchange.poll_late(cx).map(Ok);
            };
            this.body.set(None);
            return match read {
                Ok(body) => exchange.begin(body, cx).map(Ok),
                Err(unreadable) => Poll::Ready(Ok(unreadable.answer(exchange))),
            };
        }
        exchange.poll(cx).map(Ok)
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// What has come of a body; most come in one piece, which is not copied.
#[derive(Debug, Default)]
struct Received {
    first: Option<Bytes>,
    all: Vec<u8>,
}

impl Received {
    fn poll<B>(&mut self, mut body: Pin<&mut B>, most: usize, cx: &mut Context<'_>) -> Poll<Result<Bytes, Unreadable>>
    where
        B: Body<Error: Into<BoxError>>,
    {
        if body.size_hint().lower() > most as u64 {
            return Poll::Ready(Err(Unreadable::TooLarge(most)));
        }
        while !body.is_end_stream() {
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Err(Unreadable::new(error.into(), most))),
                None => break,
            };
            // What else there may be is of no use here.
            let Ok(mut data) = frame.into_data() else { continue };
            let size = data.remaining();
            if self.len() + size > most {
                return Poll::Ready(Err(Unreadable::TooLarge(most)));
            }
            self.push(data.copy_to_bytes(size));
        }
        Poll::Ready(Ok(self.take()))
    }

    fn len(&self) -> usize {
        self.first.as_ref().map_or(self.all.len(), Bytes::len)
    }

    fn push(&mut self, data: Bytes) {
        match self.first.take() {
            Some(first) => {
                self.all.reserve(first.len() + data.len());
                self.all.extend_from_slice(&first);
                self.all.extend_from_slice(&data);
            }
            None if self.all.is_empty() => self.first = Some(data),
            None => self.all.extend_from_slice(&data),
        }
    }

    fn take(&mut self) -> Bytes {
        self.first.take().unwrap_or_else(|| std::mem::take(&mut self.all).into())
    }
}

/// Why a body cannot be read.
enum Unreadable {
    TooLarge(usize),
    Broken(BoxError),
}

impl Unreadable {
    /// Finds out whether a server in front has a limit, too.
    fn new(error: BoxError, most: usize) -> Self {
        let mut next: Option<&(dyn StdError + 'static)> = Some(&*error);
        while let Some(cause) = next {
            if cause.is::<LengthLimitError>() {
                return Self::TooLarge(most);
            }
            next = cause.source();
        }
        Self::Broken(error)
    }

    fn answer(self, exchange: &Exchange) -> Response<Payload> {
        match self {
            Self::TooLarge(most) => {
                let why = format!("too large: a body has {most} bytes at most");
                exchange.reject(StatusCode::PAYLOAD_TOO_LARGE, code::INVALID_REQUEST, Some(&why))
            }
            Self::Broken(error) => {
                debug!(target: "misc_rpc", error = &*error, "the body of a request did not come through");
                exchange.reject(StatusCode::BAD_REQUEST, code::PARSE_ERROR, Some("the body did not come through"))
            }
        }
    }
}
