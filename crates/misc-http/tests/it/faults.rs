//! What goes wrong in what is served: it costs one request, or one connection, and nobody else.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use misc_core::Phase;
use misc_http::{Body, OnDisconnect, Server};
use misc_test::Logs;
use tokio::task::JoinSet;

use crate::{
    http2::Http2,
    support::{Client, Gate, config, start, until},
};

/// Panics as the path says.
#[derive(Clone)]
struct Faulty;

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("in the drop");
        }
    }
}

/// A body of two parts, the second of which may be a panic.
struct FaultyBody {
    panics: bool,
    sent: usize,
}

impl http_body::Body for FaultyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(!self.panics || self.sent == 0, "in the body");
        self.sent += 1;
        Poll::Ready((self.sent <= 2).then(|| Ok(Frame::data(Bytes::from_static(b"fine")))))
    }
}

impl tower::Service<Request<Body>> for Faulty {
    type Response = Response<FaultyBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        assert_ne!(path, "/call", "in the call");
        Box::pin(async move {
            let _in_drop = (path == "/drop").then(|| PanicsInDrop);
            assert_ne!(path, "/panic", "in the handler");
            if path == "/thrown" {
                std::panic::panic_any(PanicsInDrop);
            }
            tokio::task::yield_now().await;
            assert_ne!(path, "/later", "in the handler, later");
            Ok(Response::new(FaultyBody { panics: path == "/body", sent: 0 }))
        })
    }
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_connection_goes_on() {
    for on_disconnect in [OnDisconnect::Cancel, OnDisconnect::Detach] {
        let logs = Logs::capture();
        let (app, _) = start(Server::new(config(|config| config.on_disconnect = on_disconnect), Faulty)).await;
        let mut client = Client::connect(&app).await;
        let http2 = Http2::connect(&app).await;
        for path in ["/panic", "/later", "/call", "/drop", "/thrown"] {
            assert_eq!(client.get(path).await.status, 500, "{path}");
            assert_eq!(http2.get(path).await.0, 500, "{path}");
            assert_eq!(client.get("/fine").await.text(), "finefine");
            assert_eq!(http2.get("/fine").await.1, "finefine");
        }
        logs.assert_logged("a handler panicked; its client gets a 500, the others go on");
        assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
        drop((client, http2));
        app.stop().await.assert_ok();
    }
}

#[tokio::test]
async fn a_panic_in_a_response_ends_its_connection_or_its_stream_only() {
    let logs = Logs::capture();
    let (app, handle) = start(Server::new("127.0.0.1:0", Faulty)).await;
    let mut innocent = Client::connect(&app).await;
    let mut guilty = Client::connect(&app).await;
    guilty.ask("/body").await;
    drop(guilty.rest().await);
    logs.assert_logged("a response panicked; its connection is closed, the others go on");
    let http2 = Http2::connect(&app).await;
    http2.try_get("/body").await.expect_err("it has no end");
    assert_eq!(http2.get("/fine").await.1, "finefine", "the other streams go on");
    assert_eq!(innocent.get("/fine").await.text(), "finefine");
    assert_eq!(app.handle().status().children[0].phase, Phase::Ready);
    drop((innocent, http2));
    until(|| (handle.connections(), handle.requests()) == (0, 0)).await;
    app.stop().await.assert_ok();
}

/// Panics before it takes a request.
#[derive(Clone)]
struct NeverReady;

impl tower::Service<Request<Body>> for NeverReady {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        panic!("in `poll_ready`")
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

#[tokio::test]
async fn a_panic_before_the_call_is_a_500_too() {
    let (app, _) = start(Server::new("127.0.0.1:0", NeverReady)).await;
    let mut client = Client::connect(&app).await;
    for _ in 0..2 {
        assert_eq!(client.get("/").await.status, 500);
    }
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_panic_when_a_handler_is_cancelled_harms_nobody() {
    let gate = Gate::new();
    let handler = {
        let gate = gate.clone();
        move |_: Request<Body>| {
            let gate = gate.clone();
            async move {
                let _in_drop = PanicsInDrop;
                gate.pass().await;
                Response::new(String::new())
            }
        }
    };
    let (app, handle) = start(Server::new("127.0.0.1:0", handler)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    let http2 = Http2::connect(&app).await;
    let asked = tokio::runtime::Handle::current().spawn(http2.try_get("/"));
    gate.entered().await;
    gate.entered().await;
    drop(client);
    asked.abort();
    until(|| gate.gone() == 2 && handle.requests() == 0).await;
    drop(http2);
    until(|| handle.connections() == 0).await;
    app.stop().await.assert_ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_panics_harm_none_of_ten_thousand_innocent_requests() {
    // Twenty thousand backtraces would be all that this test does.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        if text != "one of many" {
            hook(info);
        }
    }));
    let handler = async |request: Request<Body>| {
        if request.uri().path() == "/panic" {
            panic!("one of many");
        }
        Response::new("fine".to_owned())
    };
    let (app, handle) = start(Server::new("127.0.0.1:0", handler)).await;
    let mut clients = JoinSet::new();
    for _ in 0..20 {
        let (mut client, http2) = (Client::connect(&app).await, Http2::connect(&app).await);
        clients.spawn(async move {
            for _ in 0..250 {
                assert_eq!(client.get("/panic").await.status, 500);
                assert_eq!(client.get("/fine").await.text(), "fine");
                let (guilty, innocent) = tokio::join!(http2.try_get("/panic"), http2.try_get("/fine"));
                assert_eq!(guilty.expect("an answer").0, 500);
                assert_eq!(innocent.expect("an answer").1, "fine");
            }
        });
    }
    clients.join_all().await;
    until(|| (handle.connections(), handle.requests()) == (0, 0)).await;
    app.stop().await.assert_ok();
}
