//! The servers.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use misc_core::{App, BoxError};
use misc_http::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::Error;

pub(super) const RAW: &str = "raw-tokio";
pub(super) const MISC: &str = "misc-http";
pub(super) const AXUM: &str = "axum-serve";

const ANY_PORT: &str = "127.0.0.1:0";
const HELLO: &str = "Hello, World!";
/// An answer of the same length as the others give.
const CANNED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 13\r\n\
    date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nHello, World!";

/// Lets a contender serve until the work, which gets its address, is done.
pub(super) async fn serve_while<T>(
    contender: &str,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    if contender == MISC {
        return serve_misc(work).await;
    }
    let listener = TcpListener::bind(ANY_PORT).await?;
    let work = work(listener.local_addr()?);
    match contender {
        RAW => tokio::select! {
            done = work => done,
            ended = serve_raw(listener) => Err(ended),
        },
        AXUM => tokio::select! {
            done = work => done,
            ended = axum::serve(listener, routes()) => Err(format!("axum has ended: {ended:?}").into()),
        },
        _ => Err(format!("there is no server `{contender}`").into()),
    }
}

fn routes() -> Router {
    Router::new().route("/", get(async || HELLO))
}

async fn serve_misc<T>(work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>) -> Result<T, Error> {
    let app = App::new("bench").without_signals().service("http", Server::new(ANY_PORT, routes()));
    let handle = app.handle();
    let work = async {
        let address = handle.address("http").await?;
        work(address.ip().ok_or("the address is no IP address")?).await
    };
    let done = app.run_until(work).await.map_err(|report| BoxError::from(report.to_string()))?;
    done.ok_or("the app has ended")?
}

/// Serves until it fails, and returns why.
async fn serve_raw(listener: TcpListener) -> Error {
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
