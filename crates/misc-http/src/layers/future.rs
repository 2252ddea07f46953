//! The future of an answer.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::CONTENT_LENGTH};
use http_body::Body;
use misc_core::BoxError;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use super::{
    body::ResponseBody,
    exchange::{Exchange, Panicked},
    fault::Fault,
    request_id::X_REQUEST_ID,
};
use crate::time::poll_alarm;

pin_project! {
    /// The answer of a [`StandardService`](crate::layers::StandardService).
    ///
    /// # Cancel safety
    /// As cancel safe as the handler: dropped before it has answered, it drops the handler, and the request is counted
    /// as one whose client is gone (499), or as one that was late (503) if its deadline has passed.
    ///
    /// # Panics
    /// When it is polled after it was ready, or where the request has a deadline and the runtime no timers.
    #[must_use = "futures do nothing unless they are polled"]
    pub struct ResponseFuture<F> {
        // There is none when it has panicked.
        #[pin]
        handler: Option<F>,
        // Made when the handler first waits: one that does not wait costs no timer, and not the room for one.
        timer: Option<Pin<Box<Sleep>>>,
        exchange: Option<Box<Exchange>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(exchange) = this.exchange
                && this.handler.is_some()
            {
                // A panic is told; there is nobody left to answer.
                drop(exchange.within(|| this.handler.set(None)));
            }
        }
    }
}

impl<F> ResponseFuture<F> {
    /// Calls the handler, as a part of the exchange.
    pub(super) fn begin<S, B>(mut exchange: Box<Exchange>, service: &mut S, request: Request<B>) -> Self
    where
        S: Service<Request<B>, Future = F>,
    {
        // Handed on by reference: a request is too large to be moved through so many hands.
        let (mut request, mut handler) = (Some(request), None);
        let call = || handler = request.take().map(|request| service.call(request));
        // A panic is told now, and answered for when the answer is asked for.
        drop(exchange.within(call));
        Self { handler, timer: None, exchange: Some(exchange) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(exchange) = this.exchange.as_mut() else {
            panic!("an answer was polled after it was ready");
        };
        let mut polled = Poll::Pending;
        let outcome = match this.handler.as_mut().as_pin_mut() {
            Some(handler) => exchange.within(|| polled = handler.poll(cx)),
            None => Err(Panicked),
        };
        let fault = match (outcome, polled) {
            (Ok(()), Poll::Ready(Ok(response))) => return Poll::Ready(Ok(answer(this.exchange, response))),
            (Ok(()), Poll::Ready(Err(error))) => {
                exchange.outcome.fault = Some(Fault::Failed);
                *this.exchange = None;
                return Poll::Ready(Err(error));
            }
            (Ok(()), Poll::Pending) if !is_late(exchange, this.timer, cx) => return Poll::Pending,
            (Ok(()), Poll::Pending) => Fault::TimedOut,
            (Err(Panicked), _) => Fault::Panicked,
        };
        // A panic in its drop is told, and changes nothing more.
        drop(exchange.within(|| this.handler.set(None)));
        let response = refuse(exchange, fault);
        *this.exchange = None;
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// Tells whether the deadline has passed; if not, the task is woken when it does.
fn is_late(exchange: &Exchange, timer: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> bool {
    let Some(deadline) = exchange.deadline() else {
        return false;
    };
    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.instant())));
    // A handler that has always work gives way when the task's budget is spent, and the timer would have to as well.
    poll_alarm(timer.as_mut(), cx).is_ready()
}

/// Passes a response on. One whose body is whole ends the exchange; else that goes on until the body's end.
fn answer<B: Body>(slot: &mut Option<Box<Exchange>>, mut response: Response<B>) -> Response<ResponseBody<B>> {
    let Some(exchange) = slot else {
        return response.map(ResponseBody::whole);
    };
    let status = response.status();
    response.headers_mut().insert(&X_REQUEST_ID, exchange.id());
    exchange.find_route(response.extensions());
    exchange.outcome.status = Some(status);
    let size = if exchange.has_no_body(status) { Some(0) } else { size_of(response.body()) };
    exchange.outcome.response_size = Some(size.unwrap_or(0));
    let length = size.or_else(|| length_of(response.headers()));
    // A server asks nothing of a body whose length is 0.
    if size.is_some() || length == Some(0) {
        exchange.outcome.fault = None;
        *slot = None;
        return response.map(ResponseBody::whole);
    }
    exchange.end_deadline();
    match slot.take() {
        Some(exchange) => response.map(|body| ResponseBody::streamed(body, exchange, length)),
        None => response.map(ResponseBody::whole),
    }
}

/// Answers in the place of a handler that did not.
fn refuse<B>(exchange: &mut Exchange, fault: Fault) -> Response<ResponseBody<B>> {
    let response: Response<String> = exchange.problem(fault).into();
    let mut response = response.map(ResponseBody::own);
    response.headers_mut().insert(&X_REQUEST_ID, exchange.id());
    let status: StatusCode = response.status();
    exchange.outcome.status = Some(status);
    exchange.outcome.response_size = if exchange.has_no_body(status) { Some(0) } else { response.body().own_size() };
    exchange.outcome.fault = Some(fault);
    response
}

/// The length that the head of a response promises.
fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The size of a body that is all there.
fn size_of(body: &impl Body) -> Option<u64> {
    body.size_hint().exact().or_else(|| body.is_end_stream().then_some(0))
}
