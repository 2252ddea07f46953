//! The servers.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use misc_core::{App, BoxError, Meter};
use misc_http::{Server, layers};
use misc_log::{Config, Format, Output, Overflow};
use misc_metrics::Registry;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::Duration,
};

use super::layered::layered;
use crate::Error;

pub(super) const RAW: &str = "raw-tokio";
pub(super) const AXUM: &str = "axum-serve";
pub(super) const AXUM_LAYERS: &str = "axum-layers";
pub(super) const MISC: &str = "misc-http";
pub(super) const STANDARD: &str = "misc-standard";
pub(super) const SPAN: &str = "misc-span";
pub(super) const ACCESS_LOG: &str = "misc-access-log";

const ANY_PORT: &str = "127.0.0.1:0";
/// Of all who have one.
const TIMEOUT: Duration = Duration::from_secs(30);
const HELLO: &str = "Hello, World!";
/// An answer of the same length as the others give.
const CANNED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\
    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nHello, World!";

/// Lets a contender serve until the work, which gets its address, is done.
pub(super) async fn serve_while<T>(
    contender: &str,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    match contender {
        RAW => serve_raw(work).await,
        AXUM => serve_axum(routes(), work).await,
        AXUM_LAYERS => serve_axum(layered(routes(), TIMEOUT)?, work).await,
        MISC => serve_misc(app(), routes(), work).await,
        STANDARD => serve_standard(app(), false, work).await,
        SPAN => serve_standard(app().with(log()?), false, work).await,
        ACCESS_LOG => serve_standard(app().with(log()?), true, work).await,
        _ => Err(format!("there is no server `{contender}`").into()),
    }
}

/// An app that leaves the signals to the bench.
pub(crate) fn app() -> App {
    App::new("bench").without_signals()
}

fn routes() -> Router {
    Router::new().route("/", get(async || HELLO))
}

/// Sets up the log of the process, whose writer loses no line.
fn log() -> Result<misc_log::Log, Error> {
    let mut config = Config::default();
    config.filter = Some("info".to_owned());
    config.format = Format::Json;
    config.output = Output::File("/dev/null".into());
    config.overflow = Overflow::Block;
    Ok(misc_log::init(config)?)
}

async fn serve_standard<T>(
    app: App,
    access_log: bool,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    let registry = Registry::new("bench");
    let layer = layers::standard(&Meter::new(registry.clone())).timeout(TIMEOUT).access_log(access_log);
    serve_misc(app.with(registry), routes().layer(layer), work).await
}

/// Serves routes with misc-http until the work is done.
pub(crate) async fn serve_misc<T>(
    app: App,
    routes: Router,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    let app = app.service("http", Server::new(ANY_PORT, routes));
    let handle = app.handle();
    let work = async {
        let address = handle.address("http").await?;
        work(address.ip().ok_or("the address is no IP address")?).await
    };
    let done = app.run_until(work).await.map_err(|report| BoxError::from(report.to_string()))?;
    done.ok_or("the app has ended")?
}

/// Serves routes with `axum::serve` until the work is done.
pub(crate) async fn serve_axum<T>(
    routes: Router,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    let work = work(listener.local_addr()?);
    tokio::select! {
        done = work => done,
        ended = axum::serve(listener, routes) => Err(format!("axum has ended: {ended:?}").into()),
    }
}

async fn serve_raw<T>(work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>) -> Result<T, Error> {
    let listener = TcpListener::bind(ANY_PORT).await?;
    let work = work(listener.local_addr()?);
    tokio::select! {
        done = work => done,
        ended = accept_raw(listener) => Err(ended),
    }
}

/// Serves until it fails, and returns why.
async fn accept_raw(listener: TcpListener) -> Error {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(answer_raw(stream))),
            Err(error) => return error.into(),
        }
    }
}

/// Answers whatever comes at once; a client that does not wait for answers is none of ours.
async fn answer_raw(mut stream: TcpStream) {
    let mut request = [0; 4096];
    while stream.read(&mut request).await.is_ok_and(|count| count > 0) {
        if stream.write_all(CANNED).await.is_err() {
            return;
        }
    }
}
