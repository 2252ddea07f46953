//! JSON-RPC over HTTP by jsonrpsee, with its macro.

use std::net::SocketAddr;

use jsonrpsee::{
    core::{RpcResult, async_trait},
    http_client::{HttpClient, HttpClientBuilder},
    proc_macros::rpc,
    server::Server,
};
use tokio::net::TcpListener;

use super::{caller::Caller, user::User};
use crate::Error;

pub(super) const NAME: &str = "jsonrpsee";

#[rpc(client, server)]
trait Users {
    #[method(name = "get_user")]
    async fn get_user(&self, id: u64) -> RpcResult<User>;
}

struct Found;

#[async_trait]
impl UsersServer for Found {
    async fn get_user(&self, id: u64) -> RpcResult<User> {
        Ok(User::find(id))
    }
}

pub(super) async fn serve(listener: TcpListener) -> Result<(), Error> {
    let server = Server::builder().build_from_tcp(listener.into_std()?)?;
    let handle = server.start(Found.into_rpc());
    handle.stopped().await;
    Ok(())
}

#[derive(Clone)]
pub(super) struct Client(HttpClient);

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        Ok(Self(HttpClientBuilder::default().build(format!("http://{address}"))?))
    }
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        Ok(UsersClient::get_user(&self.0, id).await?)
    }
}
