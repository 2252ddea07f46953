//! The server as its clients see it: real sockets, raw bytes.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    task::{Context as TaskContext, Poll},
};

use http::{Request, Response};
use misc_core::{App, Handle};
use misc_http::Server;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
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

/// Runs a server on a port of its own around `check`, which may stop the app itself.
async fn serve<F: Future<Output = ()>>(app: App, check: impl FnOnce(SocketAddr, Handle) -> F) {
    let handle = app.handle();
    let check = async {
        let address = handle.address("http").await.expect("the server listens");
        assert!(handle.ready().await);
        check(address.ip().expect("a TCP address"), handle.clone()).await;
        handle.shutdown().await.expect("a clean end");
    };
    let (ended, ()) = tokio::join!(app.without_signals().run(), check);
    ended.expect("a clean end");
}

fn echo() -> App {
    App::new("test").service("http", Server::new("127.0.0.1:0", Echo))
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("the server accepts")
}

/// Sends `request` and reads until `end` has come.
async fn exchange(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).ends_with(end) {
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).await.expect("the server answers");
        assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn serves_any_tower_service_on_a_port_of_the_systems_choice() {
    serve(echo(), async |address, _| {
        assert_ne!(address.port(), 0);
        let mut stream = connect(address).await;
        let answer = exchange(&mut stream, "GET /one HTTP/1.1\r\nHost: x\r\n\r\n", "/one").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        let again = exchange(&mut stream, "GET /two HTTP/1.1\r\nHost: x\r\n\r\n", "/two").await;
        assert!(again.starts_with("HTTP/1.1 200 OK\r\n"), "{again}");
    })
    .await;
}

#[tokio::test]
async fn speaks_http_2_on_the_same_port() {
    serve(echo(), async |address, _| {
        let mut stream = connect(address).await;
        // The connection preface of RFC 9113, 3.4, with an empty SETTINGS frame.
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.expect("the server reads");
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await.expect("the server answers");
        assert_eq!(frame[3], 4, "the server's preface is a SETTINGS frame");
    })
    .await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_stop_finishes_the_request_in_flight_and_refuses_new_connections() {
    use misc_http::axum::{Router, routing::post};

    let routes = Router::new().route("/", post(async |body: String| body));
    let app = App::new("test").service("http", Server::new("127.0.0.1:0", routes));
    serve(app, async |address, handle| {
        let mut busy = connect(address).await;
        let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n";
        exchange(&mut busy, head, "HTTP/1.1 100 Continue\r\n\r\n").await;
        let mut idle = connect(address).await;
        exchange(&mut idle, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n").await;

        let stopped = handle.shutdown();
        let end = idle.read(&mut [0; 1]).await.expect("an orderly end");
        assert_eq!(end, 0, "an idle connection is closed");
        TcpStream::connect(address).await.expect_err("nobody listens any more");
        let answer = exchange(&mut busy, "answer", "answer").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close\r\n"), "{answer}");
        stopped.await.expect("a clean end");
    })
    .await;
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_panicking_handler_costs_only_its_own_connection() {
    use misc_http::axum::{Router, routing::get};

    let routes = Router::new().route("/panic", get(async || -> &str { panic!("in the handler") }));
    let routes = routes.route("/fine", get(async || "fine"));
    let app = App::new("test").service("http", Server::new("127.0.0.1:0", routes));
    serve(app, async |address, handle| {
        let mut innocent = connect(address).await;
        let mut guilty = connect(address).await;
        guilty.write_all(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("the server reads");
        let end = guilty.read(&mut [0; 1]).await;
        assert!(matches!(end, Ok(0) | Err(_)), "its connection is closed");
        let answer = exchange(&mut innocent, "GET /fine HTTP/1.1\r\nHost: x\r\n\r\n", "fine").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert_eq!(handle.status().children[0].phase, misc_core::Phase::Ready);
    })
    .await;
}

#[tokio::test]
async fn an_address_in_use_names_the_service_and_the_address() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("an address");
    let app = App::new("test").service("http", Server::new(address, Echo)).without_signals();
    let report = app.run().await.expect_err("the address is taken").to_string();
    assert!(report.contains(&format!("service `http` cannot listen on {address}")), "{report}");
}
