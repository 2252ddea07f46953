//! The server that `cargo xtask torture` loads, stops and starves: one route for each way in which a request can go.
//!
//! Run it with `cargo run -p misc-http --features axum --example http_subject -- '{"listen": "127.0.0.1:8080"}'`, which
//! are the settings of the server, in JSON. You see where it listens; `curl 127.0.0.1:8080/big` shows a long answer.
#![expect(clippy::print_stdout, reason = "what it prints is what the harness looks at")]

use std::{
    convert::Infallible,
    pin::Pin,
    process::ExitCode,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use misc_core::{App, BoxError, Context, Exit, Handle};
use misc_http::{
    Config, Server,
    axum::{
        Router,
        body::Body,
        extract::Query,
        routing::{get, post},
    },
};
use serde::Deserialize;
use tokio::time::{Interval, interval, sleep};

/// A few MiB, which all who ask for them share.
static BIG: [u8; 16 << 20] = [0; 16 << 20];
/// How many parts a drip has.
const DROPS: u32 = 10;

fn main() -> ExitCode {
    misc_core::main(async || {
        let app = App::new("subject");
        let handle = app.handle();
        Ok(app
            .service("http", Server::new(settings()?, routes()))
            .service("address", async move |ctx| tell_address(ctx, handle).await))
    })
}

fn settings() -> Result<Config, BoxError> {
    let json = std::env::args().nth(1).ok_or_else(|| Exit::new(64, "the settings of the server are missing"))?;
    Ok(serde_json::from_str(&json)?)
}

async fn tell_address(ctx: Context, handle: Handle) -> Result<(), BoxError> {
    println!("listens on {}", handle.address("http").await?);
    ctx.ready();
    ctx.stopping().await;
    Ok(())
}

fn routes() -> Router {
    Router::new()
        .route("/", get(async || "Hello!"))
        .route(
            "/slow",
            get(async |Query(wish): Query<Wish>| {
                sleep(wish.time()).await;
                "Here you are."
            }),
        )
        .route("/drip", get(async |Query(wish): Query<Wish>| Body::new(Drip::over(wish.time()))))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        .route("/big", get(async |Query(wish): Query<Wish>| wish.bytes()))
        .route("/panic", get(async || -> &str { panic!("in the handler") }))
}

/// What a client wants: how long an answer takes, or how long it is; without a word, all there is.
#[derive(Deserialize)]
struct Wish {
    ms: Option<u64>,
    bytes: Option<usize>,
}

impl Wish {
    fn time(&self) -> Duration {
        Duration::from_millis(self.ms.unwrap_or_default())
    }

    fn bytes(&self) -> Bytes {
        Bytes::from_static(self.bytes.and_then(|bytes| BIG.get(..bytes)).unwrap_or(&BIG))
    }
}

/// A body that comes in parts, and says so before the first.
struct Drip {
    clock: Interval,
    left: u32,
}

impl Drip {
    fn over(time: Duration) -> Self {
        Self { clock: interval((time / DROPS).max(Duration::from_millis(1))), left: DROPS }
    }
}

impl http_body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.left.checked_sub(1) else {
            return Poll::Ready(None);
        };
        ready!(self.clock.poll_tick(cx));
        self.left = left;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"drop\n")))))
    }
}
