//! What is peculiar to HTTP/2, and a client of it.

use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use misc_http::{Body, OnDisconnect, Server};
use misc_test::{Connection, TestApp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime,
    task::JoinHandle,
    time::Instant,
};

use crate::{
    support::{Gate, config, echo, gated, start, until},
    timeouts::{closed, measured},
};

/// A client with prior knowledge.
pub(crate) struct Http2 {
    sender: SendRequest<String>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Http2 {
    pub(crate) async fn connect(app: &TestApp) -> Self {
        let io = TokioIo::new(app.connect("http").await);
        let (sender, connection) = handshake(TokioExecutor::new(), io).await.expect("it speaks HTTP/2");
        Self { sender, connection: runtime::Handle::current().spawn(connection) }
    }

    /// Asks, and returns status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        self.try_get(path).await.expect("the server answers")
    }

    pub(crate) fn try_get(&self, path: &str) -> impl Future<Output = hyper::Result<(u16, String)>> + Send + use<> {
        self.send(Request::get(format!("http://x{path}")).body(String::new()).expect("a request"))
    }

    pub(crate) fn send(
        &self,
        request: Request<String>,
    ) -> impl Future<Output = hyper::Result<(u16, String)>> + Send + use<> {
        let mut sender = self.sender.clone();
        async move {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            Ok((status, String::from_utf8(body.to_vec()).expect("text")))
        }
    }

    pub(crate) fn send_raw(&self) -> SendRequest<String> {
        self.sender.clone()
    }

    /// Waits until the server has ended the connection; tells whether that was in order.
    pub(crate) async fn ended(&mut self) -> bool {
        (&mut self.connection).await.expect("it does not panic").is_ok()
    }
}

/// The frames of HTTP/2, by hand (RFC 9113, 4.1).
pub(crate) struct Frames(Connection);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

/// `GET http://x/` in HPACK: three entries of the static table, and a literal.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'x'];
/// `END_STREAM` and `END_HEADERS`.
const WHOLE: u8 = 0x5;

impl Frames {
    /// Connects, with the window that each stream has at first.
    pub(crate) async fn connect(app: &TestApp, window: u32) -> Self {
        let mut frames = Self(app.connect("http").await);
        frames.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("the server reads");
        let mut settings = vec![0, 4];
        settings.extend(window.to_be_bytes());
        frames.send(SETTINGS, 0, 0, &settings).await;
        frames
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).expect("it is short").to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        // The server may have ended the connection: what reads sees that.
        drop(self.0.write_all(&frame).await);
    }

    pub(crate) async fn get(&mut self, stream: u32) {
        self.send(HEADERS, WHOLE, stream, GET).await;
    }

    /// Reads a frame: its kind, flags, stream and payload; `None` at the end of the connection.
    pub(crate) async fn read(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Reads until a frame of this kind, and answers pings on the way if told so; `None` if the connection ends first.
    pub(crate) async fn read_until(&mut self, kind: u8, pongs: bool) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            let frame = self.read().await?;
            if pongs && frame.0 == PING && frame.1 == 0 {
                self.send(PING, 1, 0, &frame.3).await;
            }
            if frame.0 == kind {
                return Some(frame);
            }
        }
    }
}

fn large(bytes: usize) -> impl Fn(Request<Body>) -> std::future::Ready<Response<String>> + Clone + Send + 'static {
    move |_| std::future::ready(Response::new("x".repeat(bytes)))
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_requests_is_idle_and_not_late_with_a_head() {
    let (app, _) = start(Server::new(config(|config| config.drain_idle = Duration::from_secs(10)), echo)).await;
    let since = Instant::now();
    let mut frames = Frames::connect(&app, 65_535).await;
    assert!(frames.read_until(GOAWAY, true).await.is_some());
    assert_eq!(since.elapsed().as_secs(), 75, "pings do not keep it");
    while let Some(last) = frames.read_until(GOAWAY, true).await {
        assert_eq!(last.3[..8], [0; 8], "no stream was processed, and there is no error");
    }
    assert!(since.elapsed().as_secs() < 85, "it has nothing to wait for");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_when_it_was_idle_for_too_long_is_answered() {
    let (app, metrics) =
        measured(Server::new(config(|config| config.drain_idle = Duration::from_secs(10)), echo)).await;
    let mut frames = Frames::connect(&app, 65_535).await;
    frames.get(1).await;
    frames.read_until(DATA, true).await.expect("an answer");
    assert!(frames.read_until(GOAWAY, true).await.is_some());
    // It was on its way when it was told to go.
    frames.get(3).await;
    let (mut answered, mut processed) = (0, Vec::new());
    while let Some((kind, flags, stream, payload)) = frames.read().await {
        match kind {
            PING if flags == 0 => frames.send(PING, 1, 0, &payload).await,
            HEADERS => answered = stream,
            GOAWAY => processed = payload,
            _ => {}
        }
    }
    assert_eq!((answered, &*processed), (3, &[0, 0, 0, 3, 0, 0, 0, 0][..]), "it is told what was processed");
    closed(&metrics, "idle_timeout", 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_go_when_it_is_told_to_is_cut_off() {
    let (app, metrics) = measured(Server::new(config(|config| config.http2.ping_interval = None), echo)).await;
    let since = Instant::now();
    let mut frames = Frames::connect(&app, 65_535).await;
    assert!(frames.read_until(GOAWAY, false).await.is_some());
    assert_eq!(since.elapsed().as_secs(), 75);
    while frames.read().await.is_some() {}
    assert_eq!(since.elapsed().as_secs(), 76, "it had `drain_idle`");
    closed(&metrics, "idle_timeout", 1.0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_in_which_a_response_is_taken_is_not_idle() {
    let (app, metrics) = measured(Server::new("127.0.0.1:0", large(10_000))).await;
    let mut frames = Frames::connect(&app, 1000).await;
    frames.get(1).await;
    let mut left = 10_000;
    while left > 0 {
        left -= frames.read_until(DATA, true).await.expect("it goes on").3.len();
        tokio::time::sleep(Duration::from_secs(15)).await;
        frames.send(WINDOW_UPDATE, 0, 1, &1000_u32.to_be_bytes()).await;
    }
    frames.get(3).await;
    assert_eq!(frames.read_until(HEADERS, true).await.expect("an answer").2, 3);
    closed(&metrics, "idle_timeout", 0.0);
    drop(frames);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_preface_that_is_never_completed_is_late_as_a_head() {
    let (app, _) = start(Server::new("127.0.0.1:0", echo)).await;
    let since = Instant::now();
    let mut stream = app.connect("http").await;
    stream.write_all(b"PRI * HTTP/2.0\r\n").await.expect("the server reads");
    drop(stream.read_to_end(&mut Vec::new()).await);
    assert_eq!(since.elapsed().as_secs(), 30);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_makes_no_room_for_a_response_is_cut_off() {
    for window in [0, 1000] {
        let (app, handle) = start(Server::new("127.0.0.1:0", large(1 << 20))).await;
        let mut frames = Frames::connect(&app, window).await;
        frames.get(1).await;
        let since = Instant::now();
        assert!(frames.read_until(GOAWAY, true).await.is_none());
        assert_eq!(since.elapsed().as_secs(), 30, "with a window of {window}");
        until(|| (handle.connections(), handle.requests()) == (0, 0)).await;
        app.stop().await.assert_clean().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_makes_room_slowly_gets_all_of_it() {
    let (app, _) = start(Server::new("127.0.0.1:0", large(30_000))).await;
    let mut frames = Frames::connect(&app, 1000).await;
    frames.get(1).await;
    let since = Instant::now();
    let mut left = 30_000;
    while left > 0 {
        let data = frames.read_until(DATA, true).await.expect("it goes on");
        left -= data.3.len();
        tokio::time::sleep(Duration::from_secs(20)).await;
        frames.send(WINDOW_UPDATE, 0, 1, &1000_u32.to_be_bytes()).await;
    }
    assert!(since.elapsed() > Duration::from_secs(500), "it took longer than any limit");
    drop(frames);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_pings_is_gone() {
    let gate = Gate::new();
    let (app, _) = start(gated(config(|config| config.request_timeout = None), &gate)).await;
    let since = Instant::now();
    let mut frames = Frames::connect(&app, 65_535).await;
    frames.get(1).await;
    while frames.read().await.is_some() {}
    assert_eq!(since.elapsed().as_secs(), 50, "30 s until the ping, 20 s for the answer");
    until(|| gate.gone() == 1).await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn endless_settings_are_as_good_as_none() {
    let config = config(|config| {
        config.http2.ping_interval = Some(Duration::MAX);
        config.http2.ping_timeout = Duration::MAX;
        config.header_timeout = Duration::MAX;
        config.idle_timeout = Duration::MAX;
        config.write_timeout = Duration::MAX;
        config.request_timeout = Some(Duration::MAX);
        config.drain_idle = Duration::MAX;
    });
    let (app, _) = start(Server::new(config, echo)).await;
    let http2 = Http2::connect(&app).await;
    assert_eq!(http2.get("/two").await, (200, "/two".to_owned()));
    let mut client = crate::support::Client::connect(&app).await;
    assert_eq!(client.get("/one").await.text(), "/one");
    drop((http2, client));
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn no_more_streams_than_allowed_are_handled_at_once() {
    let gate = Gate::new();
    let few = config(|config| config.http2.streams = 2.try_into().expect("it is not zero"));
    let (app, handle) = start(gated(few, &gate)).await;
    let http2 = Http2::connect(&app).await;
    // The client has to know of the limit first.
    http2.get("/free").await;
    let asked: Vec<_> = (0..3).map(|_| runtime::Handle::current().spawn(http2.try_get("/"))).collect();
    gate.entered().await;
    gate.entered().await;
    assert_eq!(handle.requests(), 2);
    gate.open();
    gate.entered().await;
    gate.open();
    gate.open();
    for answer in asked {
        assert_eq!(answer.await.expect("no panic").expect("an answer").0, 200);
    }
    drop(http2);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn a_flood_of_resets_ends_the_connection_and_nothing_else() {
    let gate = Gate::new();
    let (app, handle) = start(gated(config(|_| {}), &gate)).await;
    let mut frames = Frames::connect(&app, 65_535).await;
    let mut flood = Vec::new();
    for stream in (1..2001).step_by(2) {
        flood.extend([0, 0, 6, HEADERS, WHOLE]);
        flood.extend(u32::to_be_bytes(stream));
        flood.extend(GET);
        flood.extend([0, 0, 4, RST_STREAM, 0]);
        flood.extend(u32::to_be_bytes(stream));
        flood.extend(8_u32.to_be_bytes());
    }
    // The server may have ended it before all of it has come.
    drop(frames.0.write_all(&flood).await);
    let goaway = frames.read_until(GOAWAY, true).await.expect("it is told why");
    assert_eq!(goaway.3[4..8], 11_u32.to_be_bytes(), "ENHANCE_YOUR_CALM");
    drop(frames);
    until(|| handle.connections() == 0).await;
    assert_eq!(Http2::connect(&app).await.get("/free").await.0, 200);
    app.stop().await.assert_ok();
}

#[tokio::test]
async fn limits_of_heads_and_bodies_hold() {
    let small = config(|config| {
        config.header_count = 5.try_into().expect("it is not zero");
        config.body_size = 10;
    });
    let (app, _) = start(Server::new(small, echo)).await;
    let http2 = Http2::connect(&app).await;
    let many = (0..10).fold(Request::get("http://x/"), |request, at| request.header(format!("x-{at}"), "1"));
    assert_eq!(http2.send(many.body(String::new()).expect("a request")).await.expect("an answer").0, 431);
    let long = Request::get("http://x/").header("x-long", "1".repeat(100 << 10)).body(String::new());
    assert_eq!(http2.send(long.expect("a request")).await.expect("an answer").0, 431);
    let body = Request::post("http://x/").body("x".repeat(11)).expect("a request");
    assert_eq!(http2.send(body).await.expect("an answer").0, 413);
    let body = Request::post("http://x/").body("x".repeat(10)).expect("a request");
    assert_eq!(http2.send(body).await.expect("an answer").0, 200);
    drop(http2);
    app.stop().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_reset_drops_its_handler_and_the_connection_becomes_idle() {
    let gate = Gate::new();
    let (app, handle) = start(gated(config(|config| config.http2.ping_interval = None), &gate)).await;
    let mut frames = Frames::connect(&app, 65_535).await;
    frames.get(1).await;
    gate.entered().await;
    frames.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
    until(|| gate.gone() == 1).await;
    assert_eq!((handle.connections(), handle.requests()), (1, 0));
    let since = Instant::now();
    while frames.read().await.is_some() {}
    assert!((70..=76).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_idle_once_the_last_handler_that_was_detached_has_ended() {
    let gate = Gate::new();
    let detach = config(|config| {
        config.http2.ping_interval = None;
        config.request_timeout = None;
        config.on_disconnect = OnDisconnect::Detach;
    });
    let (app, handle) = start(gated(detach, &gate)).await;
    let mut frames = Frames::connect(&app, 65_535).await;
    frames.get(1).await;
    gate.entered().await;
    frames.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_eq!((handle.connections(), handle.requests()), (1, 1));
    // Nothing but the end of the handler tells the connection that it is idle now.
    gate.open();
    let since = Instant::now();
    let end = async { while frames.read().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(200), end).await.expect("it ends");
    assert_eq!(since.elapsed().as_secs(), 76, "75 s, and `drain_idle` to go");
    app.stop().await.assert_clean().await;
}
