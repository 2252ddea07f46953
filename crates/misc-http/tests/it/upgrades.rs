//! Connections that become something else, such as a `WebSocket`.

use std::time::Duration;

use http::{Request, Response, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use misc_http::{Body, Connection, Server};
use misc_test::{Connection as Stream, Logs, Metrics, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime,
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::support::{Client, start, until};

type Events = mpsc::Sender<String>;

/// A server that upgrades, and hands what it has then to `serve`, in a task that nobody owns.
fn upgrading<F>(
    events: &Events,
    serve: impl Fn(Upgraded, Connection, Events) -> F + Clone + Send + Sync + 'static,
) -> Server<impl crate::support::GatedService>
where
    F: Future<Output = ()> + Send + 'static,
{
    let events = events.clone();
    let handler = move |request: Request<Body>| {
        let (serve, events) = (serve.clone(), events.clone());
        async move {
            let connection = Connection::current().expect("it is served");
            let is_connect = request.method() == http::Method::CONNECT;
            let upgrade = hyper::upgrade::on(request);
            runtime::Handle::current().spawn(async move {
                serve(upgrade.await.expect("it becomes one"), connection, events).await;
            });
            let mut response = Response::new(String::new());
            if !is_connect {
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("upgrade"));
                response.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("echo"));
            }
            response
        }
    };
    Server::new("127.0.0.1:0", handler)
}

/// Echoes until it is told, by the end or by the drain, and says which.
async fn echo(upgraded: Upgraded, connection: Connection, events: Events) {
    let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
    let mut bytes = [0; 64];
    let end = loop {
        tokio::select! {
            count = reader.read(&mut bytes) => match count {
                Ok(0) => break "closed".to_owned(),
                Ok(count) => writer.write_all(&bytes[..count]).await.expect("the client reads"),
                Err(error) => break error.to_string(),
            },
            () = connection.draining() => {
                writer.write_all(b"bye").await.expect("the client reads");
                break "drained".to_owned();
            }
        }
    };
    events.send(end).await.expect("the test listens");
}

async fn upgrade(app: &TestApp) -> Stream {
    let mut client = Client::connect(app).await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    assert_eq!(client.try_head().await.expect("a head").status, 101);
    client.into_inner()
}

async fn echoes(stream: &mut Stream) {
    stream.write_all(b"ping").await.expect("the server reads");
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes).await.expect("the server answers");
    assert_eq!(&bytes, b"ping");
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_stays_open_is_counted_and_is_told_of_the_stop() {
    let (events, mut ended) = mpsc::channel(1);
    let (app, handle) = start(upgrading(&events, echo)).await;
    let mut stream = upgrade(&app).await;
    echoes(&mut stream).await;
    sleep(Duration::from_secs(10_000)).await;
    echoes(&mut stream).await;
    assert_eq!((handle.connections(), handle.requests()), (1, 0));
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("an orderly end");
    assert_eq!(rest, b"bye");
    assert_eq!(ended.recv().await.as_deref(), Some("drained"));
    stopped.await.expect("a clean end");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    assert_eq!(handle.connections(), 0);
    app.ended().await.assert_clean().await;
}

/// Reads in one task and writes in another one, and never looks whether it shall end.
async fn deaf(upgraded: Upgraded, _: Connection, events: Events) {
    let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
    let (wake, mut woken) = mpsc::channel::<u8>(1);
    let write = runtime::Handle::current().spawn(async move {
        while let Some(byte) = woken.recv().await {
            writer.write_all(&[byte]).await.expect("the client reads");
        }
    });
    let mut byte = [0];
    let end = loop {
        match reader.read(&mut byte).await {
            Ok(0) => break "closed".to_owned(),
            Ok(_) => wake.send(byte[0]).await.expect("it writes"),
            Err(error) => break error.to_string(),
        }
    };
    drop(wake);
    write.await.expect("it does not panic");
    events.send(end).await.expect("the test listens");
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_that_does_not_listen_is_cut() {
    let logs = Logs::capture();
    let metrics = Metrics::new();
    let (events, mut ended) = mpsc::channel(1);
    let server = upgrading(&events, deaf);
    let app = TestApp::start(misc_core::App::new("test").meter(metrics.meter()).service("http", server)).await;
    let mut stream = upgrade(&app).await;
    echoes(&mut stream).await;
    // The writing half is the last that was busy; the reading one has to be woken.
    let since = Instant::now();
    app.handle().shutdown().await.expect("a clean end");
    let told = tokio::time::timeout(Duration::from_secs(60), ended.recv()).await.expect("its task is woken");
    assert_eq!(told.as_deref(), Some("the server has stopped"));
    assert!((14..=15).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    logs.assert_logged("connections were cut");
    metrics.assert_metric("http_server_closed_connections_total", &[("reason", "drain")], 1.0);
    metrics.assert_metric("http_server_active_connections", &[], 0.0);
    drop(stream);
    app.ended().await.assert_clean().await;
}

/// Neither reads nor writes, until the test lets it go.
async fn dead(upgraded: Upgraded, _: Connection, events: Events) {
    events.closed().await;
    drop(upgraded);
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_that_nobody_looks_at_does_not_hold_the_stop() {
    let logs = Logs::capture();
    let (events, ended) = mpsc::channel(1);
    let (app, handle) = start(upgrading(&events, dead)).await;
    let mut stream = upgrade(&app).await;
    let ends = app.stop().await;
    ends.assert_ok();
    logs.assert_logged("connections are still open");
    assert_eq!(handle.connections(), 1);
    drop(ended);
    assert_eq!(stream.read(&mut [0]).await.expect("an end"), 0);
    until(|| handle.connections() == 0).await;
    ends.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_at_the_moment_of_the_stop_is_told_of_it() {
    let (events, mut ended) = mpsc::channel(1);
    let (app, _) = start(upgrading(&events, echo)).await;
    let mut client = Client::connect(&app).await;
    let stopped = app.handle().shutdown();
    tokio::task::yield_now().await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
    assert_eq!(client.try_head().await.expect("a head").header("connection"), Some("upgrade"));
    assert_eq!(client.rest().await, b"bye");
    assert_eq!(ended.recv().await.as_deref(), Some("drained"));
    stopped.await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_http_2_that_was_upgraded_is_not_idle() {
    let (events, mut ended) = mpsc::channel(1);
    let (app, handle) = start(upgrading(&events, echo)).await;
    let mut http2 = crate::http2::Http2::connect(&app).await;
    let mut sender = http2.send_raw();
    sender.ready().await.expect("it is there");
    let request = Request::connect("x:1").body(String::new()).expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut upgraded = TokioIo::new(hyper::upgrade::on(response).await.expect("it becomes one"));
    for _ in 0..3 {
        upgraded.write_all(b"ping").await.expect("the server reads");
        let mut bytes = [0; 4];
        upgraded.read_exact(&mut bytes).await.expect("the server answers");
        sleep(Duration::from_secs(1000)).await;
    }
    assert_eq!(handle.connections(), 1);
    let stopped = app.handle().shutdown();
    let mut rest = Vec::new();
    upgraded.read_to_end(&mut rest).await.expect("an orderly end");
    assert_eq!(rest, b"bye");
    drop((upgraded, sender));
    assert_eq!(ended.recv().await.as_deref(), Some("drained"));
    stopped.await.expect("a clean end");
    http2.ended().await;
    until(|| handle.connections() == 0).await;
}
