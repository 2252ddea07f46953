//! What is served, where, and by which version of HTTP.

use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    io,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use http::{Request, Response};
use misc_core::{Address, App, Deadline, Incoming, Listener, Stream};
use misc_http::{Body, Config, Connection, Server};
use misc_test::{Logs, TestApp};

use crate::{
    http2::Http2,
    support::{Client, Gate, config, echo, start},
};

/// The smallest tower service: it answers with the path.
#[derive(Clone)]
struct Echo;

impl<B> tower_service::Service<Request<B>> for Echo {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(Response::new(request.uri().path().to_owned())))
    }
}

#[tokio::test]
async fn serves_any_tower_service_on_a_port_of_the_systems_choice() {
    let (app, handle) = start(Server::new("127.0.0.1:0", Echo)).await;
    assert_ne!(app.address("http").await.port(), 0);
    assert_eq!(handle.address(), Some(app.address("http").await.into()));
    let mut client = Client::connect(&app).await;
    for path in ["/one", "/two"] {
        let answer = client.get(path).await;
        assert_eq!((answer.status, answer.text()), (200, path));
    }
    drop(client);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn serves_a_closure() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    assert_eq!(Client::connect(&app).await.get("/one").await.text(), "/one");
    app.stop().await.assert_clean().await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn serves_a_router_of_axum() {
    use misc_http::axum::{Router, extract::Path, routing::get};

    let routes = Router::new().route("/hello/{name}", get(async |Path(name): Path<String>| name));
    let (app, _) = start(Server::new("127.0.0.1:0", routes)).await;
    let mut client = Client::connect(&app).await;
    assert_eq!(client.get("/hello/misc").await.text(), "misc");
    assert_eq!(client.get("/nowhere").await.status, 404);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[cfg(all(feature = "axum", feature = "tower-http"))]
#[tokio::test]
async fn layers_of_tower_http_fit() {
    use misc_http::{
        axum::{Router, routing::get},
        tower_http::{compression::CompressionLayer, cors::CorsLayer, services::ServeDir},
    };

    let routes = Router::new()
        .route("/", get(async || "misc ".repeat(100)))
        .nest_service("/src", ServeDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")))
        .layer((CorsLayer::permissive(), CompressionLayer::new()));
    let (app, _) = start(Server::new("127.0.0.1:0", routes)).await;
    let mut client = Client::connect(&app).await;
    client.send("HEAD / HTTP/1.1\r\nhost: x\r\norigin: http://y\r\naccept-encoding: gzip\r\n\r\n").await;
    let head = client.try_head().await.expect("an answer");
    assert_eq!(head.header("content-encoding"), Some("gzip"));
    assert_eq!(head.header("access-control-allow-origin"), Some("*"));
    assert_eq!(client.get("/src/lib.rs").await.status, 200);
    drop(client);
    app.stop().await.assert_clean().await;
}

#[cfg(unix)]
#[tokio::test]
async fn serves_on_a_unix_socket() {
    let path = std::env::temp_dir().join(format!("misc-http-{}.sock", std::process::id()));
    let config = Config::from(format!("unix:{}", path.display()));
    let (app, handle) = start(Server::new(config, echo)).await;
    assert_eq!(Client::connect(&app).await.get("/one").await.text(), "/one");
    assert_eq!(handle.address().and_then(|address| address.unix_path()), Some(path.clone()));
    app.stop().await.assert_clean().await;
    std::fs::remove_file(path).expect("it was there");
}

#[tokio::test]
async fn speaks_both_versions_on_one_port_and_handlers_know_connection_and_deadline() {
    let handler = async |request: Request<Body>| {
        let peer = Connection::current().expect("it is served").peer().ip().expect("a TCP address");
        let left = Deadline::current().expect("it has one").remaining();
        let is_sane = peer.ip().is_loopback() && left <= Duration::from_secs(30) && left > Duration::from_secs(20);
        // Also after an await, where another task may be what goes on.
        tokio::task::yield_now().await;
        let is_same = Connection::current().is_some_and(|now| now.peer().ip() == Some(peer));
        Response::new(format!("{:?} {is_sane} {is_same}", request.version()))
    };
    let (app, _) = start(Server::new("127.0.0.1:0", handler)).await;
    assert_eq!(Client::connect(&app).await.get("/").await.text(), "HTTP/1.1 true true");
    let http2 = Http2::connect(&app).await;
    assert_eq!(http2.get("/").await, (200, "HTTP/2.0 true true".to_owned()));
    assert!(Connection::current().is_none());
    drop(http2);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn without_a_request_timeout_there_is_no_deadline() {
    let handler = async |_: Request<Body>| Response::new(format!("{}", Deadline::current().is_none()));
    let (app, _) = start(Server::new(config(|config| config.request_timeout = None), handler)).await;
    assert_eq!(Client::connect(&app).await.get("/").await.text(), "true");
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_service_without_room_lets_the_request_wait() {
    let gate = Gate::new();
    let service = {
        let gate = gate.clone();
        tower::service_fn(move |_: Request<Body>| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                Ok::<_, Infallible>(Response::new("passed".to_owned()))
            }
        })
    };
    let limited = tower::limit::ConcurrencyLimit::new(service, 1);
    let (app, handle) = start(Server::new("127.0.0.1:0", limited)).await;
    let (mut first, mut second) = (Client::connect(&app).await, Client::connect(&app).await);
    first.ask("/").await;
    gate.entered().await;
    second.ask("/").await;
    crate::support::until(|| handle.requests() == 2).await;
    gate.open();
    assert_eq!(first.answer().await.text(), "passed");
    gate.entered().await;
    gate.open();
    assert_eq!(second.answer().await.text(), "passed");
    drop((first, second));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_service_that_fails_is_a_500_and_the_connection_goes_on() {
    let logs = Logs::capture();
    let service = tower::service_fn(async |request: Request<Body>| match request.uri().path() {
        "/fine" => Ok(Response::new("fine".to_owned())),
        _ => Err(io::Error::other("no table")),
    });
    let (app, _) = start(Server::new("127.0.0.1:0", service)).await;
    let mut client = Client::connect(&app).await;
    assert_eq!(client.get("/").await.status, 500);
    logs.assert_logged("a service failed to answer a request error=no table");
    assert_eq!(client.get("/fine").await.text(), "fine");
    drop(client);
    app.stop().await.assert_clean().await;
}

/// Puts a handshake before each connection: as many fail as are told, then as many never end, and then all are fine.
struct Reluctant {
    inner: Incoming,
    failing: usize,
    hanging: usize,
}

impl Listener for Reluctant {
    type Io = Stream;
    type Handshake = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        let (handshake, peer) = self.inner.accept().await?;
        if self.failing > 0 {
            self.failing -= 1;
            return Ok((Box::pin(ready(Err(io::Error::other("no cipher")))), peer));
        }
        if self.hanging > 0 {
            self.hanging -= 1;
            // It has the connection, and waits.
            let hang = async {
                let _stream = handshake.await?;
                pending().await
            };
            return Ok((Box::pin(hang), peer));
        }
        Ok((Box::pin(handshake), peer))
    }

    fn address(&self) -> Address {
        self.inner.address()
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_or_never_ends_holds_up_nobody() {
    let logs = Logs::capture();
    let server = Server::new("127.0.0.1:0", echo).over(|inner| Reluctant { inner, failing: 1, hanging: 2 });
    let (app, handle) = start(server).await;
    let mut refused = Client::connect(&app).await;
    let mut hanging = Client::connect(&app).await;
    assert_eq!({ refused.ends().await }, ());
    logs.assert_logged("a connection failed in its handshake");
    let mut pending_at_the_stop = Client::connect(&app).await;
    let mut fine = Client::connect(&app).await;
    assert_eq!(fine.get("/fine").await.text(), "/fine");
    assert_eq!(handle.connections(), 3);

    let since = tokio::time::Instant::now();
    let stopping = app.handle().shutdown();
    pending_at_the_stop.ends().await;
    hanging.ends().await;
    assert!(since.elapsed() <= Duration::from_secs(1), "a pending handshake has as long as an idle connection");
    stopping.await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_the_time_of_a_head() {
    let server = Server::new("127.0.0.1:0", echo).over(|inner| Reluctant { inner, failing: 0, hanging: 1 });
    let (app, handle) = start(server).await;
    let since = tokio::time::Instant::now();
    Client::connect(&app).await.ends().await;
    assert_eq!(since.elapsed().as_secs(), 30);
    crate::support::until(|| handle.connections() == 0).await;
    app.stop().await.assert_clean().await;
}

/// Fails some accepts before it goes on.
struct Failing {
    inner: Incoming,
    kind: io::ErrorKind,
    failures: usize,
}

impl Listener for Failing {
    type Io = Stream;
    type Handshake = <Incoming as Listener>::Handshake;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Address)> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::Error::new(self.kind, "too many open files"));
        }
        self.inner.accept().await
    }

    fn address(&self) -> Address {
        self.inner.address()
    }
}

#[tokio::test(start_paused = true)]
async fn failed_accepts_are_tried_again_ever_more_slowly() {
    let logs = Logs::capture();
    let over = |inner| Failing { inner, kind: io::ErrorKind::Other, failures: 8 };
    let since = tokio::time::Instant::now();
    let (app, _) = start(Server::new("127.0.0.1:0", echo).over(over)).await;
    assert_eq!(Client::connect(&app).await.get("/").await.status, 200);
    // 10 ms, doubled each time, and never more than half a second.
    let waited: u64 = [10, 20, 40, 80, 160, 320, 500, 500].iter().sum();
    let slept = u64::try_from(since.elapsed().as_millis()).expect("it is short");
    assert!((waited..waited + 20).contains(&slept), "{slept} ms");
    let failures = logs.at_least(tracing::Level::WARN);
    assert_eq!(failures.len(), 8, "{failures:?}");
    assert!(failures[0].to_string().contains("cannot accept a connection; trying again"), "{}", failures[0]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_went_away_before_it_was_accepted_costs_no_pause() {
    let logs = Logs::capture();
    let over = |inner| Failing { inner, kind: io::ErrorKind::ConnectionAborted, failures: 1000 };
    let since = tokio::time::Instant::now();
    let (app, _) = start(Server::new("127.0.0.1:0", echo).over(over)).await;
    assert_eq!(Client::connect(&app).await.get("/").await.status, 200);
    assert!(since.elapsed() < Duration::from_millis(10));
    logs.assert_not_logged("cannot accept");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_only_fails_can_be_stopped() {
    for kind in [io::ErrorKind::Other, io::ErrorKind::ConnectionAborted] {
        let over = move |inner| Failing { inner, kind, failures: usize::MAX };
        let (app, _) = start(Server::new("127.0.0.1:0", echo).over(over)).await;
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test]
async fn an_address_in_use_names_the_service_and_the_address() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("an address");
    let app = App::new("test").service("http", Server::new(address, Echo));
    let ended = TestApp::launch_as_is(app).ended().await;
    let report = ended.report().to_string();
    assert!(report.contains(&format!("service `http` cannot listen on {address}")), "{report}");
}
