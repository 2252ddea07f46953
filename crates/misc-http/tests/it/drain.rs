//! What a stop does to what is open, and to what is in flight.

use std::{
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use http::{Request, Response};
use misc_core::{App, spec};
use misc_http::{Body, Connection, OnDisconnect, Server};
use misc_test::{Logs, Metrics, TestApp};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    http2::{Frames, GOAWAY, Http2},
    support::{Client, Gate, config, echo, gated, start, until},
};

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_finishes_and_says_that_it_is_the_last() {
    let gate = Gate::new();
    let (app, _) = start(gated(config(|_| {}), &gate)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    let stopped = app.handle().shutdown();
    sleep(Duration::from_secs(5)).await;
    gate.open();
    let answer = client.answer().await;
    assert_eq!((answer.text(), answer.says_close()), ("passed", true));
    client.ends().await;
    stopped.await.expect("a clean end");
    app.ended().await.assert_clean().await;
}

#[tokio::test]
async fn nobody_listens_any_more() {
    let gate = Gate::new();
    let (app, _) = start(gated(config(|_| {}), &gate)).await;
    let address = app.address("http").await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    let stopped = app.handle().shutdown();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    gate.open();
    assert!(client.answer().await.says_close());
    stopped.await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_idle_may_ask_once_more() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let (mut asks, mut silent, mut new) =
        (Client::connect(&app).await, Client::connect(&app).await, Client::connect(&app).await);
    assert!(!asks.get("/").await.says_close());
    silent.get("/").await;
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    sleep(Duration::from_millis(900)).await;
    for client in [&mut asks, &mut new] {
        let answer = client.get("/last").await;
        assert_eq!((answer.text(), answer.says_close()), ("/last", true));
        client.ends().await;
    }
    silent.ends().await;
    stopped.await.expect("a clean end");
    assert_eq!(since.elapsed().as_millis() / 10, 100, "it is over after `drain_idle`");
    app.ended().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_half_sent_does_not_hold_the_stop() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let mut first = Client::connect(&app).await;
    first.send("GET / HT").await;
    let mut second = Client::connect(&app).await;
    second.get("/").await;
    second.send("GET / HT").await;
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    first.ends().await;
    second.ends().await;
    stopped.await.expect("a clean end");
    assert!(since.elapsed() < Duration::from_millis(1100), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_response_that_began_before_the_stop_finishes_and_may_be_followed_by_one_more() {
    let gate = Gate::new();
    let body = {
        let gate = gate.clone();
        move |request: Request<Body>| {
            let gate = gate.clone();
            async move {
                let parts = if request.uri().path() == "/long" { 3 } else { 0 };
                let stream = http_body_util::StreamBody::new(parts_of(gate, parts));
                Response::new(stream)
            }
        }
    };
    let (app, _) = start(Server::new("127.0.0.1:0", body)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/long").await;
    assert!(!client.try_head().await.expect("a head").says_close());
    let stopped = app.handle().shutdown();
    sleep(Duration::from_secs(3)).await;
    for _ in 0..3 {
        gate.entered().await;
        gate.open();
        assert_eq!(client.chunk().await.expect("it goes on"), Some(b"part".to_vec()));
    }
    assert_eq!(client.chunk().await.expect("it goes on"), None);
    assert!(client.get("/short").await.says_close(), "nobody has told this client to go");
    client.ends().await;
    stopped.await.expect("a clean end");
    app.ended().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_taken_late_in_the_stop_may_be_followed_by_one_more() {
    let large = async |_: Request<Body>| Response::new("x".repeat(2 << 20));
    let patient = config(|config| config.drain_idle = Duration::from_secs(5));
    let (app, _) = start(Server::new(patient, large)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    sleep(Duration::from_secs(3)).await;
    let stopped = app.handle().shutdown();
    sleep(Duration::from_secs(9)).await;
    let answer = client.answer().await;
    assert_eq!((answer.body.len(), answer.says_close()), (2 << 20, false));
    sleep(Duration::from_secs(2)).await;
    assert!(client.get("/").await.says_close(), "nobody has told this client to go");
    client.ends().await;
    stopped.await.expect("a clean end");
    app.ended().await.assert_clean().await;
}

type Part = Result<http_body::Frame<bytes::Bytes>, std::convert::Infallible>;

/// Parts of a body that each pass a gate.
fn parts_of(gate: Gate, parts: usize) -> impl futures_util::Stream<Item = Part> + Send {
    futures_util::stream::unfold(parts, move |left| {
        let gate = gate.clone();
        async move {
            if left == 0 {
                return None;
            }
            gate.pass().await;
            Some((Ok(http_body::Frame::data(bytes::Bytes::from_static(b"part"))), left - 1))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn http_2_is_told_to_go_and_its_streams_finish() {
    let gate = Gate::new();
    let (app, _) = start(gated(config(|_| {}), &gate)).await;
    let mut http2 = Http2::connect(&app).await;
    let answer = tokio::runtime::Handle::current().spawn(http2.try_get("/"));
    gate.entered().await;
    let stopped = app.handle().shutdown();
    sleep(Duration::from_secs(5)).await;
    let refused = http2.try_get("/free").await;
    assert!(refused.is_err(), "after GOAWAY no client asks there");
    gate.open();
    assert_eq!(answer.await.expect("no panic").expect("an answer").1, "passed");
    assert!(http2.ended().await, "an orderly end");
    stopped.await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn http_2_without_a_request_is_told_to_go() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let mut frames = Frames::connect(&app, 65_535).await;
    // What has come is known once the server's settings have.
    frames.read().await.expect("its settings");
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    assert!(frames.read_until(GOAWAY, true).await.is_some());
    while frames.read().await.is_some() {}
    stopped.await.expect("a clean end");
    assert!(since.elapsed() < Duration::from_millis(1100), "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_http_2_holds_for_a_slow_client_still_goes_out() {
    let large = async |_: Request<Body>| Response::new("x".repeat(10_000));
    let (app, _) = start(Server::new("127.0.0.1:0", large)).await;
    let mut frames = Frames::connect(&app, 1000).await;
    frames.get(1).await;
    let mut left = 10_000;
    let mut stopped = None;
    while left > 0 {
        let data = frames.read_until(crate::http2::DATA, true).await.expect("it goes on");
        left -= data.3.len();
        stopped.get_or_insert_with(|| app.handle().shutdown());
        sleep(Duration::from_millis(1200)).await;
        frames.send(crate::http2::WINDOW_UPDATE, 0, 1, &1000_u32.to_be_bytes()).await;
    }
    stopped.expect("it was asked").await.expect("a clean end");
}

async fn cut(metrics: &Metrics, app: App, stop_within: Duration, gate: &Gate) {
    let logs = Logs::capture();
    let app = TestApp::start(app.meter(metrics.meter())).await;
    let (mut first, mut second, mut idle) =
        (Client::connect(&app).await, Client::connect(&app).await, Client::connect(&app).await);
    let http2 = Http2::connect(&app).await;
    let third = tokio::runtime::Handle::current().spawn(http2.try_get("/"));
    first.ask("/").await;
    second.ask("/").await;
    idle.get("/free").await;
    for _ in 0..3 {
        gate.entered().await;
    }
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    first.ends().await;
    second.ends().await;
    third.await.expect("no panic").expect_err("it was cut");
    stopped.await.expect("nobody is late, nothing failed");
    assert!(since.elapsed() <= stop_within, "{:?}", since.elapsed());
    assert!(since.elapsed() >= stop_within * 8 / 10, "{:?}", since.elapsed());
    assert_eq!(gate.gone(), 3);
    logs.assert_logged("connections were cut: what was in flight took longer than the stop service=http connections=3");
    metrics.assert_metric("http_server_closed_connections_total", &[("reason", "drain")], 3.0);
    metrics.assert_metric("http_server_active_connections", &[], 0.0);
    let ended = app.ended().await;
    ended.assert_ok();
    assert_eq!(ended.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_the_stop_is_cut_and_the_end_is_clean() {
    for on_disconnect in [OnDisconnect::Cancel, OnDisconnect::Detach] {
        let gate = Gate::new();
        let server = gated(config(|config| config.on_disconnect = on_disconnect), &gate);
        cut(&Metrics::new(), App::new("test").service("http", server), Duration::from_secs(15), &gate).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tiny_stop_bound_is_kept_too() {
    for on_disconnect in [OnDisconnect::Cancel, OnDisconnect::Detach] {
        let gate = Gate::new();
        let tiny = Duration::from_millis(100);
        let server = gated(config(|config| config.on_disconnect = on_disconnect), &gate);
        let app = App::new("test").service("http", spec(server).stop_within(tiny));
        cut(&Metrics::new(), app, tiny, &gate).await;
    }
}

#[tokio::test]
async fn a_tiny_stop_bound_is_kept_on_the_real_clock() {
    let gate = Gate::new();
    let server = gated(config(|_| {}), &gate);
    let app = App::new("test").service("http", spec(server).stop_within(Duration::from_millis(500)));
    let app = TestApp::start(app).await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = Client::connect(&app).await;
        client.ask("/").await;
        gate.entered().await;
        clients.push(client);
    }
    app.handle().shutdown().await.expect("nobody is late");
    assert_eq!(gate.gone(), 100);
    drop(clients);
    app.ended().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn events_end_when_they_are_told_to() {
    let events = async |_: Request<Body>| {
        let connection = Connection::current().expect("it is served");
        let events = futures_util::stream::unfold(connection, |connection| async move {
            let tick = sleep(Duration::from_secs(1));
            tokio::select! {
                () = tick => Some((Part::Ok(http_body::Frame::data("data: tick\n\n".into())), connection)),
                () = connection.draining() => None,
            }
        });
        Response::new(http_body_util::StreamBody::new(events))
    };
    let (app, _) = start(Server::new("127.0.0.1:0", events)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    client.try_head().await.expect("a head");
    for _ in 0..100 {
        assert_eq!(client.chunk().await.expect("it goes on"), Some(b"data: tick\n\n".to_vec()));
    }
    let since = Instant::now();
    let stopped = app.handle().shutdown();
    assert_eq!(client.chunk().await.expect("an orderly end"), None);
    drop(client);
    stopped.await.expect("a clean end");
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    app.ended().await.assert_clean().await;
}

/// Counts what was begun and what was finished.
fn slow(config: misc_http::Config, gate: &Gate, done: &Arc<AtomicUsize>) -> Server<impl crate::support::GatedService> {
    let (gate, done) = (gate.clone(), Arc::clone(done));
    let handler = move |_: Request<Body>| {
        let (gate, done) = (gate.clone(), Arc::clone(&done));
        async move {
            gate.pass().await;
            done.fetch_add(1, SeqCst);
            Response::new("done".to_owned())
        }
    };
    Server::new(config, handler)
}

#[tokio::test]
async fn a_handler_goes_with_its_client() {
    let (gate, done) = (Gate::new(), Arc::default());
    let (app, handle) = start(slow(config(|_| {}), &gate, &done)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    drop(client);
    until(|| gate.gone() == 1 && handle.connections() == 0).await;
    assert_eq!(done.load(SeqCst), 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_detached_handler_outlives_its_client_and_the_stop_waits_for_it() {
    let (gate, done) = (Gate::new(), Arc::default());
    let detach = config(|config| config.on_disconnect = OnDisconnect::Detach);
    let (app, handle) = start(slow(detach, &gate, &done)).await;
    for _ in 0..2 {
        let mut client = Client::connect(&app).await;
        client.ask("/").await;
        gate.entered().await;
    }
    let http2 = Http2::connect(&app).await;
    let asked = tokio::runtime::Handle::current().spawn(http2.try_get("/"));
    gate.entered().await;
    asked.abort();
    drop(http2);
    gate.open();
    until(|| done.load(SeqCst) == 1).await;
    let stopped = app.handle().shutdown();
    until(|| app.handle().status().children[0].phase == misc_core::Phase::Stopping).await;
    gate.open();
    gate.open();
    stopped.await.expect("a clean end");
    assert_eq!((done.load(SeqCst), handle.connections(), handle.requests()), (3, 0, 0));
    app.ended().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_detached_handler_whose_client_is_gone_is_cut_as_well() {
    let logs = Logs::capture();
    let (gate, done) = (Gate::new(), Arc::default());
    let detach = config(|config| {
        config.on_disconnect = OnDisconnect::Detach;
        config.request_timeout = None;
    });
    let (app, handle) = start(slow(detach, &gate, &done)).await;
    let mut client = Client::connect(&app).await;
    client.ask("/").await;
    gate.entered().await;
    drop(client);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(handle.connections(), 1, "it keeps its place");
    app.stop().await.assert_clean().await;
    assert_eq!((gate.gone(), done.load(SeqCst), handle.connections()), (1, 0, 0));
    logs.assert_logged("connections=1");
}

#[tokio::test]
async fn a_server_that_is_restarted_serves_again_and_counts_right() {
    let server = Server::new("127.0.0.1:0", echo);
    let handle = server.handle();
    let app =
        TestApp::start(App::new("test").service("http", spec(server).restart(misc_core::Restart::default()))).await;
    for _ in 0..3 {
        let mut client = Client::connect(&app).await;
        assert_eq!(client.get("/").await.status, 200);
        assert_eq!(handle.connections(), 1);
        app.handle().restart("http").await.expect("it comes back");
        client.ends().await;
        assert_eq!(handle.connections(), 0);
    }
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn those_who_wait_to_be_accepted_when_the_stop_comes_are_answered() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let address = app.address("http").await;
    // The server shares this thread, and has no turn before all of them wait.
    let waiting: Vec<_> = (0..150)
        .map(|_| {
            let mut client = std::net::TcpStream::connect(address).expect("they have room to wait");
            client.write_all(b"GET /last HTTP/1.1\r\nhost: x\r\n\r\n").expect("it is short");
            client.set_nonblocking(true).expect("a socket");
            client
        })
        .collect();
    let stopped = app.handle().shutdown();
    for client in waiting {
        let mut answer = String::new();
        let mut client = TcpStream::from_std(client).expect("a socket");
        client.read_to_string(&mut answer).await.expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("/last"), "{answer:?}");
    }
    stopped.await.expect("a clean end");
    app.ended().await.assert_clean().await;
}

#[tokio::test]
async fn a_stop_amid_new_connections_loses_none_that_was_accepted() {
    for round in 0..20_u64 {
        let (app, handle) =
            start(Server::new(config(|config| config.drain_idle = Duration::from_millis(50)), echo)).await;
        let address = app.address("http").await;
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..20 {
            clients.spawn(async move {
                while let Ok(stream) = TcpStream::connect(address).await {
                    drop(stream);
                }
            });
        }
        sleep(Duration::from_millis(round % 5)).await;
        app.handle().shutdown().await.expect("a clean end");
        assert_eq!((handle.connections(), handle.requests()), (0, 0));
        clients.join_all().await;
    }
}
