//! The servers, by name.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{axum_json, jsonrpsee, misc_rpc, raw, reqwest, tonic};
use crate::Error;

/// Lets a contender serve until the work, which gets its address, is done.
pub(super) async fn serve_while<T>(
    contender: &str,
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
) -> Result<T, Error> {
    match contender {
        axum_json::NAME | reqwest::NAME => until_done(work, axum_json::serve).await,
        jsonrpsee::NAME => until_done(work, jsonrpsee::serve).await,
        misc_rpc::NAME | misc_rpc::WITH_POLICY => misc_rpc::serve_while(work).await,
        raw::NAME => until_done(work, raw::serve).await,
        tonic::NAME => until_done(work, tonic::serve).await,
        _ => Err(format!("there is no server `{contender}`").into()),
    }
}

/// Binds a port, and lets a server have it that ends only when it fails.
async fn until_done<T>(
    work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>,
    serve: impl AsyncFnOnce(TcpListener) -> Result<(), Error>,
) -> Result<T, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let work = work(listener.local_addr()?);
    tokio::select! {
        done = work => done,
        ended = serve(listener) => Err(format!("the server has ended: {ended:?}").into()),
    }
}
