//! Bodies that come bit by bit.

use std::{
    collections::VecDeque,
    convert::Infallible,
    panic::resume_unwind,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use misc_core::{BoxError, Deadline, TraceContext};
use misc_http::layers::{ResponseBody, Standard, standard};
use misc_test::Metrics;
use tokio::time::{Instant, Sleep, sleep};
use tower::{ServiceExt as _, service_fn};
use tower_layer::Layer as _;

use super::get;

const ACTIVE: &str = "http_server_active_requests";
const DURATION: &str = "http_server_request_duration_seconds";
const SIZE: &str = "http_server_response_body_size_bytes";

/// A body that does not know its length.
pub(crate) struct Chunks {
    chunks: VecDeque<Chunk>,
    waiting: Option<Pin<Box<Sleep>>>,
}

pub(crate) enum Chunk {
    Data(&'static str),
    Trailers,
    Wait(Duration),
    Fail,
    Panic,
    /// The id of the current trace.
    Trace,
    /// What is left of the deadline.
    Deadline,
}

impl Chunks {
    pub(crate) fn new(chunks: impl IntoIterator<Item = Chunk>) -> Self {
        Self { chunks: chunks.into_iter().collect(), waiting: None }
    }
}

impl Body for Chunks {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, BoxError>>> {
        if let Some(waiting) = &mut self.waiting {
            std::task::ready!(waiting.as_mut().poll(cx));
            self.waiting = None;
        }
        let frame = match self.chunks.pop_front() {
            None => return Poll::Ready(None),
            Some(Chunk::Data(data)) => Frame::data(data.into()),
            Some(Chunk::Trailers) => Frame::trailers(HeaderMap::new()),
            Some(Chunk::Wait(time)) => {
                self.waiting = Some(Box::pin(sleep(time)));
                return self.poll_frame(cx);
            }
            Some(Chunk::Fail) => return Poll::Ready(Some(Err("it failed".into()))),
            Some(Chunk::Panic) => resume_unwind(Box::new("in a body")),
            Some(Chunk::Trace) => {
                let context = TraceContext::current().map_or_else(String::new, |context| context.to_string());
                Frame::data(context.into())
            }
            Some(Chunk::Deadline) => {
                let left = Deadline::current().map(Deadline::remaining);
                Frame::data(left.map_or_else(|| "without end".to_owned(), |left| format!("{left:?}")).into())
            }
        };
        Poll::Ready(Some(Ok(frame)))
    }
}

pub(crate) async fn ask(
    layer: Standard,
    request: Request<String>,
    chunks: impl IntoIterator<Item = Chunk>,
    length: Option<&'static str>,
) -> Response<ResponseBody<Chunks>> {
    let mut body = Some(Chunks::new(chunks));
    let service = service_fn(move |_| {
        let mut response = Response::new(body.take().expect("one request"));
        if let Some(length) = length {
            response.headers_mut().insert("content-length", length.parse().expect("valid"));
        }
        async { Ok::<_, Infallible>(response) }
    });
    layer.layer(service).oneshot(request).await.expect("the layer adds no error")
}

#[tokio::test(start_paused = true)]
async fn a_streamed_response_is_measured_at_its_end() {
    let metrics = Metrics::new();
    let chunks = [Chunk::Data("one"), Chunk::Wait(Duration::from_secs(5)), Chunk::Data("three"), Chunk::Trailers];
    let response = ask(standard(&metrics.meter()), get("/"), chunks, None).await;
    assert!(metrics.values(DURATION, &[]).is_empty());
    metrics.assert_metric(ACTIVE, &[], 1.0);
    let body = response.into_body().collect().await.expect("a whole body");
    assert!(body.trailers().is_some(), "trailers pass");
    assert_eq!(body.to_bytes(), "onethree");
    let seconds = metrics.values(DURATION, &[("http_response_status_code", "200")]);
    assert!(matches!(*seconds, [seconds] if (5.0..5.01).contains(&seconds)), "{seconds:?}");
    assert_eq!(metrics.values(SIZE, &[]), [8.0]);
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_request_does_not_bound_its_body() {
    let chunks = [Chunk::Wait(Duration::from_secs(60)), Chunk::Data("late")];
    let start = Instant::now();
    let response = ask(super::plain().timeout(Duration::from_secs(1)), get("/"), chunks, None).await;
    assert_eq!(response.into_body().collect().await.expect("a whole body").to_bytes(), "late");
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[tokio::test]
async fn a_body_that_is_dropped_before_its_end_is_measured_too() {
    let metrics = Metrics::new();
    let chunks = [Chunk::Data("one"), Chunk::Data("two")];
    let mut response = ask(standard(&metrics.meter()), get("/"), chunks, None).await;
    response.body_mut().frame().await.expect("a frame").expect("no error");
    drop(response);
    assert_eq!(metrics.values(SIZE, &[("http_response_status_code", "200")]), [3.0]);
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test]
async fn trailers_come_after_a_body_that_has_reached_its_length() {
    let metrics = Metrics::new();
    let chunks = [Chunk::Data("three"), Chunk::Trailers];
    let response = ask(standard(&metrics.meter()), get("/"), chunks, Some("5")).await;
    let body = response.into_body().collect().await.expect("a whole body");
    assert!(body.trailers().is_some());
    assert_eq!(metrics.values(SIZE, &[]), [5.0]);
}

#[tokio::test]
async fn the_answer_to_head_has_no_body_to_wait_for() {
    let metrics = Metrics::new();
    let mut request = get("/");
    *request.method_mut() = Method::HEAD;
    let response = ask(standard(&metrics.meter()), request, [Chunk::Data("three")], Some("5")).await;
    assert_eq!(metrics.values(SIZE, &[("http_request_method", "HEAD")]), [0.0]);
    drop(response);
    assert_eq!(metrics.values(DURATION, &[]).len(), 1);
}

#[tokio::test]
async fn an_error_of_a_body_passes() {
    let metrics = Metrics::new();
    let chunks = [Chunk::Data("one"), Chunk::Fail];
    let response = ask(standard(&metrics.meter()), get("/"), chunks, None).await;
    let error = response.into_body().collect().await.expect_err("it fails");
    assert_eq!(error.to_string(), "it failed");
    assert_eq!(metrics.values(SIZE, &[]), [3.0]);
}

#[tokio::test]
async fn a_panic_in_a_body_is_an_error_of_the_body() {
    let metrics = Metrics::new();
    let chunks = [Chunk::Data("one"), Chunk::Panic, Chunk::Data("two")];
    let mut body = ask(standard(&metrics.meter()), get("/"), chunks, None).await.into_body();
    body.frame().await.expect("a frame").expect("no error");
    let error = body.frame().await.expect("an end").expect_err("it panicked");
    assert_eq!(error.to_string(), "the body of the response panicked");
    assert!(body.frame().await.is_none(), "nothing comes after a panic");
    metrics.assert_metric(ACTIVE, &[], 0.0);
}

#[tokio::test]
async fn a_body_is_a_part_of_the_trace() {
    let mut request = get("/");
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request.headers_mut().insert("traceparent", traceparent.parse().expect("valid"));
    let response = ask(super::plain(), request, [Chunk::Trace], None).await;
    assert_eq!(response.into_body().collect().await.expect("a whole body").to_bytes(), traceparent);
}

#[tokio::test(start_paused = true)]
async fn a_body_does_not_see_the_deadline_of_its_head() {
    let chunks = [Chunk::Wait(Duration::from_secs(60)), Chunk::Deadline];
    let response = ask(super::plain().timeout(Duration::from_secs(1)), get("/"), chunks, None).await;
    assert_eq!(response.into_body().collect().await.expect("a whole body").to_bytes(), "without end");
}

#[tokio::test]
async fn a_stream_without_a_byte_has_the_size_0() {
    let metrics = Metrics::new();
    let layer = standard(&metrics.meter());
    let response = ask(layer.clone(), get("/"), [Chunk::Data("unseen")], None).await;
    drop(response);
    let response = ask(layer, get("/"), [Chunk::Trailers], None).await;
    response.into_body().collect().await.expect("a whole body");
    assert_eq!(metrics.values(SIZE, &[]), [0.0, 0.0]);
    assert_eq!(metrics.values(DURATION, &[]).len(), 2);
}

#[tokio::test]
async fn a_body_of_length_0_is_whole() {
    let metrics = Metrics::new();
    let response = ask(standard(&metrics.meter()), get("/"), [Chunk::Data("not sent")], Some("0")).await;
    assert_eq!(metrics.values(SIZE, &[]), [0.0]);
    drop(response);
}
