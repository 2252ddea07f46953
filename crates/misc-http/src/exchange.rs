//! One request and its response.

use std::{
    any::Any,
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header::CONNECTION};
use http_body::Body as _;
use hyper::body::Incoming;
use misc_core::{BoxError, Deadline, Task};
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;
use tracing::error;

use crate::{
    body::{Answer, Body, InFlight, Limits},
    config::{Config, OnDisconnect},
    connection::Connection,
    live::{Lease, Why},
    problem::Problem,
    time::{later, poll_alarm},
};

/// Answers the requests of one connection.
pub(crate) struct Exchanges<S> {
    service: S,
    connection: Connection,
    config: Arc<Config>,
    limits: Limits,
    lease: Arc<Lease>,
}

impl<S> Exchanges<S> {
    pub(crate) fn new(service: S, connection: Connection, config: Arc<Config>, lease: Arc<Lease>) -> Self {
        let limits = Limits { size: config.body_size, rate: config.body_rate };
        Self { service, connection, config, limits, lease }
    }

    /// Returns the answer to a request that no handler shall see.
    fn refuses(&self, request: &Request<Incoming>) -> Option<StatusCode> {
        // HTTP/1.1 counts them while it reads them.
        if request.headers().len() > self.config.header_count.get() {
            return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let is_large = request.body().size_hint().lower() > self.config.body_size as u64;
        is_large.then_some(StatusCode::PAYLOAD_TOO_LARGE)
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Exchanges<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Answer<B>>;
    type Error = Infallible;
    type Future = Exchange<S, B>;

    fn call(&self, request: Request<Incoming>) -> Exchange<S, B> {
        let is_http2 = request.version() >= Version::HTTP_2;
        let in_flight = InFlight::new(self.connection.clone());
        if let Some(status) = self.refuses(&request) {
            return Exchange::Refused { status, in_flight: Some(in_flight), is_http2 };
        }
        let deadline = self.config.request_timeout.map(|timeout| Deadline::at(later(in_flight.began(), timeout)));
        let running = Running {
            is_connect: request.method() == Method::CONNECT,
            step: Step::Waiting { service: self.service.clone(), request: Some(request), limits: self.limits },
            in_flight: Some(in_flight),
            is_http2,
            deadline,
            alarm: None,
        };
        match self.config.on_disconnect {
            OnDisconnect::Cancel => Exchange::Inline { running },
            OnDisconnect::Detach => {
                let running = until_cut(running, self.connection.clone(), Arc::clone(&self.lease));
                Exchange::Detached { task: self.connection.context().spawn(self.connection.scope(running)) }
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// The response to a request, in the making.
    #[project = ExchangeProjection]
    pub(crate) enum Exchange<S, B>
    where
        S: Service<Request<Body>>,
    {
        Inline { #[pin] running: Running<S> },
        Detached { task: Task<Option<Response<Answer<B>>>> },
        Refused { status: StatusCode, in_flight: Option<InFlight>, is_http2: bool },
    }
}

impl<S, B> Future for Exchange<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>>,
{
    type Output = Result<Response<Answer<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let answer = match self.project() {
            ExchangeProjection::Inline { running } => ready!(running.poll(cx)),
            ExchangeProjection::Detached { task } => match ready!(Pin::new(task).poll(cx)) {
                Ok(Some(answer)) => answer,
                // It was cut; the connection goes with it.
                Ok(None) | Err(_) => return Poll::Pending,
            },
            ExchangeProjection::Refused { status, in_flight, is_http2 } => {
                let Some(in_flight) = in_flight.take() else {
                    return Poll::Pending;
                };
                let mut answer = refusal(*status, in_flight);
                // What follows is the body that nobody wants.
                say_close(&mut answer, *is_http2);
                answer
            }
        };
        Poll::Ready(Ok(answer))
    }
}

pin_project_lite::pin_project! {
    /// A handler that runs, within its time; its panic and its error are answers.
    pub(crate) struct Running<S>
    where
        S: Service<Request<Body>>,
    {
        #[pin]
        step: Step<S, S::Future>,
        in_flight: Option<InFlight>,
        is_http2: bool,
        is_connect: bool,
        deadline: Option<Deadline>,
        // Set when the handler does not answer at once.
        alarm: Option<Pin<Box<Sleep>>>,
    }
}

pin_project_lite::pin_project! {
    #[project = StepProjection]
    enum Step<S, F> {
        // Until the service has room for the request.
        Waiting { service: S, request: Option<Request<Incoming>>, limits: Limits },
        Called { #[pin] future: F },
        Done,
    }
}

impl<S, B> Future for Running<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>>,
{
    type Output = Response<Answer<B>>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Response<Answer<B>>> {
        let mut this = self.project();
        // Written from inside, since a response is too large to be handed through so many hands.
        let mut polled = Poll::Pending;
        let caught = catch_unwind(AssertUnwindSafe(|| match this.deadline {
            Some(deadline) => deadline.sync_scope(|| polled = this.step.as_mut().poll(cx)),
            None => polled = this.step.as_mut().poll(cx),
        }));
        if caught.is_ok() && polled.is_pending() {
            if let Some(in_flight) = this.in_flight {
                in_flight.waits();
            }
            let Some(deadline) = this.deadline else {
                return Poll::Pending;
            };
            let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline.instant())));
            ready!(poll_alarm(alarm.as_mut(), cx));
        }
        // What the handler held is released before its client hears of the end.
        let dropped = catch_unwind(AssertUnwindSafe(|| this.step.set(Step::Done)));
        let Some(in_flight) = this.in_flight.take() else {
            return Poll::Pending;
        };
        let state = in_flight.connection().state();
        let is_draining = state.is_draining();
        let mut answer = match polled {
            Poll::Ready(Ok(response)) => {
                if is_upgrade(response.status(), *this.is_connect && !*this.is_http2) {
                    state.set_upgraded();
                }
                response.map(|body| Answer::theirs(body, in_flight))
            }
            Poll::Ready(Err(error)) => {
                error!(error = &*error, "a service failed to answer a request");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, in_flight)
            }
            Poll::Pending if caught.is_ok() => refusal(StatusCode::SERVICE_UNAVAILABLE, in_flight),
            Poll::Pending => refusal(StatusCode::INTERNAL_SERVER_ERROR, in_flight),
        };
        if is_draining {
            say_close(&mut answer, *this.is_http2);
        }
        [caught, dropped].into_iter().filter_map(Result::err).for_each(told);
        Poll::Ready(answer)
    }
}

impl<S> Step<S, S::Future>
where
    S: Service<Request<Body>, Error: Into<BoxError>>,
{
    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<S::Response, BoxError>> {
        loop {
            match self.as_mut().project() {
                StepProjection::Waiting { service, request, limits } => {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    let future = service.call(request.map(|body| Body::new(body, *limits)));
                    self.set(Self::Called { future });
                }
                StepProjection::Called { future } => return future.poll(cx).map_err(Into::into),
                StepProjection::Done => return Poll::Pending,
            }
        }
    }
}

fn is_upgrade(status: StatusCode, is_connect: bool) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && status.is_success())
}

/// Says that this is the last answer on its connection; HTTP/2 has a frame for that.
fn say_close<B>(answer: &mut Response<B>, is_http2: bool) {
    if !is_http2 && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

fn refusal<B>(status: StatusCode, in_flight: InFlight) -> Response<Answer<B>> {
    Response::from(Problem::new(status)).map(|body: String| Answer::ours(body.into(), in_flight))
}

/// Runs a handler that outlives its client, until the server has to stop.
///
/// It keeps the place of its connection, so that no client can have more of them than it can have connections.
async fn until_cut<F: Future>(running: F, connection: Connection, lease: Arc<Lease>) -> Option<F::Output> {
    let answer = tokio::select! {
        biased;
        answer = running => Some(answer),
        () = connection.state().when_cut() => None,
    };
    if answer.is_none() {
        lease.closed(Why::Drain);
    }
    answer
}

/// Logs that a handler has panicked; the panic hook has told what and where.
fn told(panic: Box<dyn Any + Send>) {
    error!("a handler panicked; its client gets a 500, the others go on");
    forget(panic);
}

/// Drops what was thrown, which may panic in turn.
#[expect(clippy::mem_forget, reason = "what panics each time it is dropped can only be left alone")]
pub(crate) fn forget(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}
