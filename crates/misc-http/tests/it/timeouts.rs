//! How long a client, and a handler, may take: on a paused clock.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt as _;
use misc_core::App;
use misc_http::{Body, Server};
use misc_test::{Metrics, TestApp};
use tokio::time::{Instant, sleep};

use crate::support::{Client, Gate, config, echo, gated, start};

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

pub(crate) async fn measured(server: impl misc_core::Service) -> (TestApp, Metrics) {
    let metrics = Metrics::new();
    (TestApp::start(App::new("test").meter(metrics.meter()).service("http", server)).await, metrics)
}

pub(crate) fn closed(metrics: &Metrics, reason: &str, times: f64) {
    let labels = [("service", "http"), ("reason", reason)];
    metrics.assert_metric("http_server_closed_connections_total", &labels, times);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_come_in_time_ends_the_connection() {
    let (app, metrics) = measured(Server::new("127.0.0.1:0", echo)).await;
    for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let since = Instant::now();
        let mut client = Client::connect(&app).await;
        client.send(begun).await;
        client.ends().await;
        assert_eq!(since.elapsed().as_secs(), 30, "{begun:?}");
    }
    closed(&metrics, "header_timeout", 3.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_head_byte_by_byte_has_no_more_time() {
    let (app, metrics) = measured(Server::new("127.0.0.1:0", echo)).await;
    let since = Instant::now();
    let mut client = Client::connect(&app).await;
    let end = async {
        let (mut reader, mut writer) = tokio::io::split(client.into_inner());
        let write = async {
            for byte in REQUEST.bytes().cycle() {
                if tokio::io::AsyncWriteExt::write_all(&mut writer, &[byte]).await.is_err() {
                    break;
                }
                sleep(Duration::from_secs(2)).await;
            }
        };
        let read = async { tokio::io::AsyncReadExt::read(&mut reader, &mut [0; 1]).await };
        tokio::select! { () = write => 0, count = read => count.unwrap_or(0) }
    };
    assert_eq!(end.await, 0);
    assert_eq!(since.elapsed().as_secs(), 30);
    closed(&metrics, "header_timeout", 1.0);
    client = Client::connect(&app).await;
    assert_eq!(client.get("/").await.status, 200);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_head_that_is_half_sent_has_30_s_from_its_first_byte() {
    let (app, metrics) = measured(Server::new("127.0.0.1:0", echo)).await;
    let mut client = Client::connect(&app).await;
    client.get("/").await;
    sleep(Duration::from_secs(70)).await;
    let since = Instant::now();
    client.send("GET /").await;
    client.ends().await;
    assert_eq!(since.elapsed().as_secs(), 30);
    closed(&metrics, "header_timeout", 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_75_s_after_its_last_response() {
    let (app, metrics) = measured(Server::new("127.0.0.1:0", echo)).await;
    let mut client = Client::connect(&app).await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.status, 200);
        sleep(Duration::from_secs(74)).await;
    }
    assert_eq!(client.get("/").await.status, 200);
    let since = Instant::now();
    client.ends().await;
    assert_eq!(since.elapsed().as_secs(), 75);
    closed(&metrics, "idle_timeout", 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_response_is_taken_is_not_idle() {
    const PART: usize = 256 << 10;
    let large = async |_: Request<Body>| Response::new("x".repeat(8 * PART));
    let (app, metrics) = measured(Server::new("127.0.0.1:0", large)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    client.try_head().await.expect("a head");
    for _ in 0..8 {
        sleep(Duration::from_secs(20)).await;
        client.take(PART).await;
    }
    sleep(Duration::from_secs(74)).await;
    assert_eq!(client.get("/").await.body.len(), 8 * PART);
    closed(&metrics, "idle_timeout", 0.0);
    let since = Instant::now();
    client.ends().await;
    assert_eq!(since.elapsed().as_secs(), 75);
    closed(&metrics, "idle_timeout", 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_work_for_long_where_nothing_bounds_it() {
    let gate = Gate::new();
    let (app, metrics) = measured(gated(config(|config| config.request_timeout = None), &gate)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    sleep(Duration::from_secs(3000)).await;
    gate.open();
    assert_eq!(client.answer().await.text(), "passed");
    closed(&metrics, "idle_timeout", 0.0);
    drop(client);
    app.stop().await.assert_clean().await;
}

/// A body that sends a part each 100 s.
struct Slow {
    parts: usize,
    pause: Pin<Box<tokio::time::Sleep>>,
}

impl Slow {
    fn new(parts: usize) -> Self {
        Self { parts, pause: Box::pin(sleep(Duration::from_secs(100))) }
    }
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.parts == 0 {
            return Poll::Ready(None);
        }
        std::task::ready!(self.pause.as_mut().poll(cx));
        let next = Self::new(self.parts - 1);
        *self = next;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"part")))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_may_stream_for_longer_than_any_timeout() {
    let stream = async |_: Request<Body>| Response::new(Slow::new(10));
    let (app, _) = start(Server::new("127.0.0.1:0", stream)).await;
    let since = Instant::now();
    let mut client = Client::connect(&app).await;
    assert_eq!(client.get("/").await.text(), "part".repeat(10));
    assert_eq!(since.elapsed().as_secs(), 1000);
    let http2 = crate::http2::Http2::connect(&app).await;
    assert_eq!(http2.get("/").await.1, "part".repeat(10));
    drop((client, http2));
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_is_cut_off() {
    let large = async |_: Request<Body>| Response::new("x".repeat(10 << 20));
    let (app, metrics) = measured(Server::new("127.0.0.1:0", large)).await;
    let mut client = Client::connect(&app).await;
    let since = Instant::now();
    client.ask("/").await;
    metrics.until("http_server_closed_connections_total", &[("reason", "write_timeout")], 1.0).await;
    assert_eq!(since.elapsed().as_secs(), 30);
    assert!(client.rest().await.len() < 1 << 20);
    metrics.until("http_server_active_connections", &[], 0.0).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_it_slowly_gets_all_of_it() {
    let large = async |_: Request<Body>| Response::new("x".repeat(2 << 20));
    let (app, metrics) = measured(Server::new("127.0.0.1:0", large)).await;
    let mut stream = app.connect("http").await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, REQUEST.as_bytes()).await.expect("the server reads");
    let mut left = 2 << 20;
    while left > 0 {
        sleep(Duration::from_secs(20)).await;
        let mut bytes = vec![0; 50_000];
        let count = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.expect("it goes on");
        assert_ne!(count, 0, "{left} bytes are missing");
        left -= count.min(left);
    }
    closed(&metrics, "write_timeout", 0.0);
    drop(stream);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_is_a_503() {
    let gate = Gate::new();
    let (app, _) = start(gated(config(|_| {}), &gate)).await;
    let mut client = Client::connect(&app).await;
    let since = Instant::now();
    let answer = client.get("/").await;
    assert_eq!((answer.status, since.elapsed().as_secs(), gate.gone()), (503, 30, 1));
    assert_eq!(client.get("/free").await.text(), "passed", "the connection goes on");
    let http2 = crate::http2::Http2::connect(&app).await;
    assert_eq!(http2.get("/").await.0, 503);
    assert_eq!((since.elapsed().as_secs(), gate.gone()), (60, 2));
    drop((client, http2));
    app.stop().await.assert_ok();
}

/// Answers with how the reading of the body ended.
async fn read(request: Request<Body>) -> Response<String> {
    Response::new(match request.into_body().collect().await {
        Ok(body) => body.to_bytes().len().to_string(),
        Err(error) => error.to_string(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_too_slowly_fails() {
    let (app, _) = start(Server::new(config(|config| config.request_timeout = None), read)).await;
    let mut client = Client::connect(&app).await;
    let since = Instant::now();
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "the body of the request came too slowly");
    assert_eq!(since.elapsed().as_secs(), 5);

    // 2,400 bytes are worth 10 s.
    let since = Instant::now();
    let mut client = Client::connect(&app).await;
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10000\r\n\r\n").await;
    client.send("x".repeat(2400)).await;
    assert_eq!(client.answer().await.text(), "the body of the request came too slowly");
    assert_eq!(since.elapsed().as_secs(), 10);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_fast_enough_or_is_not_waited_for_is_fine() {
    let late = async |request: Request<Body>| {
        if request.uri().path() == "/late" {
            sleep(Duration::from_secs(300)).await;
        }
        read(request).await
    };
    let (app, _) = start(Server::new(config(|config| config.request_timeout = None), late)).await;
    let mut client = Client::connect(&app).await;
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 25000\r\n\r\n").await;
    for _ in 0..100 {
        client.send("x".repeat(250)).await;
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(client.answer().await.text(), "25000");
    client.send("POST /late HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody").await;
    assert_eq!(client.answer().await.text(), "4");
    drop(client);
    app.stop().await.assert_clean().await;
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn a_handler_that_always_has_work_is_late_as_well() {
    use misc_http::axum::{Router, routing::get};
    use tokio::task::consume_budget;

    let busy = async || -> &str {
        loop {
            // Time passes for it, and its task has never a turn to spare.
            tokio::time::advance(Duration::from_secs(1)).await;
            consume_budget().await;
        }
    };
    let (app, _) = start(Server::new(config(|_| {}), Router::new().route("/", get(busy)))).await;
    assert_eq!(Client::connect(&app).await.get("/").await.status, 503);
    app.stop().await.assert_ok();
}
