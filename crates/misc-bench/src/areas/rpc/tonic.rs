//! gRPC by tonic: one connection of HTTP/2.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};

use self::proto::{
    UserId,
    users_client::UsersClient,
    users_server::{Users, UsersServer},
};
use super::{caller::Caller, user::User};
use crate::Error;

pub(super) const NAME: &str = "tonic";

#[expect(warnings, reason = "the code is generated")]
mod proto {
    tonic::include_proto!("users");
}

struct Found;

#[tonic::async_trait]
impl Users for Found {
    async fn get_user(&self, request: Request<UserId>) -> Result<Response<proto::User>, Status> {
        let User { id, name, email } = User::find(request.into_inner().id);
        Ok(Response::new(proto::User { id, name, email }))
    }
}

pub(super) async fn serve(listener: TcpListener) -> Result<(), Error> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    Ok(Server::builder().add_service(UsersServer::new(Found)).serve_with_incoming(incoming).await?)
}

#[derive(Clone)]
pub(super) struct Client(UsersClient<Channel>);

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Result<Self, Error> {
        Ok(Self(UsersClient::connect(format!("http://{address}")).await?))
    }
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        let proto::User { id, name, email } = self.0.get_user(UserId { id }).await?.into_inner();
        Ok(User { id, name, email })
    }
}
