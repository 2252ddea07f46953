//! The bodies of requests and of responses.

use std::{
    fmt,
    num::NonZeroU64,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use http_body_util::{Full, Limited};
use hyper::body::Incoming;
use misc_core::BoxError;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{connection::Connection, time::poll_alarm};

/// How long the body of a request may be waited for before its rate counts.
const GRACE: Duration = Duration::from_secs(5);

/// The body of a request that a [`Server`](crate::Server) has received, within the limits of its
/// [`Config`](crate::Config).
///
/// Reading it fails when it is longer than [`body_size`](crate::Config::body_size), comes slower than
/// [`body_rate`](crate::Config::body_rate), or its client goes away. The first is what axum's extractors answer with 413.
pub struct Body(Option<Box<Received>>);

/// A body that is not empty: boxed, since most are, and a request is moved often.
struct Received {
    body: Limited<Incoming>,
    rate: Option<Rate>,
}

/// What the body of a request may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) size: usize,
    pub(crate) rate: Option<NonZeroU64>,
}

impl Body {
    /// Makes a body without bytes, for calling a service by hand.
    #[must_use]
    pub fn empty() -> Self {
        Self(None)
    }

    pub(crate) fn new(body: Incoming, Limits { size, rate }: Limits) -> Self {
        if http_body::Body::is_end_stream(&body) {
            return Self::empty();
        }
        Self(Some(Box::new(Received { body: Limited::new(body, size), rate: rate.map(Rate::new) })))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(Received { body, rate }) = self.0.as_deref_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        let Some(rate) = rate else {
            return polled;
        };
        match &polled {
            Poll::Ready(Some(Ok(frame))) => rate.received(frame.data_ref().map_or(0, |data| data.remaining() as u64)),
            Poll::Ready(_) => {}
            Poll::Pending => {
                ready!(rate.poll_violated(cx));
                return Poll::Ready(Some(Err(TooSlow.into())));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|received| received.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), |received| received.body.size_hint())
    }
}

/// A client sends the body of its request too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the body of the request came too slowly")]
struct TooSlow;

/// Sees to it that a body comes at a certain rate, over the time that it is waited for.
struct Rate {
    per_second: NonZeroU64,
    received: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Rate {
    fn new(per_second: NonZeroU64) -> Self {
        Self { per_second, received: 0, waited: Duration::ZERO, waiting: None }
    }

    fn received(&mut self, bytes: u64) {
        self.received += bytes;
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
    }

    /// Is ready once the body was waited for longer than what has come allows.
    fn poll_violated(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let (received, waited) = (self.received, self.waited);
        let (_, over) = self.waiting.get_or_insert_with(|| {
            let allowed = GRACE.max(Duration::from_secs(received / self.per_second));
            let since = Instant::now();
            (since, Box::pin(sleep_until(since + allowed.saturating_sub(waited))))
        });
        poll_alarm(over.as_mut(), cx)
    }
}

pin_project_lite::pin_project! {
    /// The body of a response, which keeps its request in flight until it has gone.
    pub(crate) struct Answer<B> {
        #[pin]
        body: Kept<B>,
        in_flight: InFlight,
    }
}

pin_project_lite::pin_project! {
    #[project = KeptProjection]
    enum Kept<B> {
        Theirs { #[pin] body: B },
        Ours { #[pin] body: Full<Bytes> },
    }
}

impl<B> Answer<B> {
    pub(crate) fn theirs(body: B, in_flight: InFlight) -> Self {
        Self { body: Kept::Theirs { body }, in_flight }
    }

    pub(crate) fn ours(body: Bytes, in_flight: InFlight) -> Self {
        Self { body: Kept::Ours { body: Full::new(body) }, in_flight }
    }
}

impl<B> http_body::Body for Answer<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Part;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Part>, BoxError>>> {
        let this = self.project();
        let polled = match this.body.project() {
            KeptProjection::Theirs { body } => body.poll_frame(cx).map_err(Into::into),
            KeptProjection::Ours { body } => body.poll_frame(cx).map_err(Into::into),
        };
        let Poll::Ready(frame) = polled else {
            this.in_flight.waits();
            return Poll::Pending;
        };
        let in_flight = &*this.in_flight;
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|bytes| Part::new(bytes, in_flight)))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Kept::Theirs { body } => body.is_end_stream(),
            Kept::Ours { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Kept::Theirs { body } => body.size_hint(),
            Kept::Ours { body } => body.size_hint(),
        }
    }
}

/// A part of a response.
///
/// HTTP/2 takes all of a body and holds it, until its client makes room for it: the request has been answered by then, and
/// yet the connection is not idle.
pub(crate) struct Part {
    bytes: Bytes,
    owing: Option<Connection>,
}

impl Part {
    fn new(bytes: Bytes, in_flight: &InFlight) -> Self {
        let connection = in_flight.connection();
        let owing = connection.state().is_http2().then(|| connection.clone());
        if let Some(connection) = &owing {
            connection.state().owe();
        }
        Self { bytes, owing }
    }

    fn note_sent(&self, bytes: usize) {
        if let Some(connection) = &self.owing {
            connection.state().note_sent(bytes);
        }
    }
}

impl Buf for Part {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.note_sent(count);
    }

    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        self.note_sent(count);
        self.bytes.copy_to_bytes(count)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(connection) = &self.owing {
            connection.state().owe_no_more();
        }
    }
}

/// Counts a request as being in flight until it is dropped.
pub(crate) struct InFlight {
    connection: Connection,
    began: Instant,
    /// Somebody was waited for, so that it is not over in the moment in which it began.
    has_waited: bool,
}

impl InFlight {
    pub(crate) fn new(connection: Connection) -> Self {
        connection.state().begin();
        Self { connection, began: Instant::now(), has_waited: false }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    pub(crate) fn waits(&mut self) {
        self.has_waited = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // The clock is read once for a request that is answered at once.
        self.connection.state().end(if self.has_waited { Instant::now() } else { self.began });
    }
}
