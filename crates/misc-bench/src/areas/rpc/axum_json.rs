//! HTTP by hand: axum's `Json`, and hyper-util's client.

use std::net::SocketAddr;

use axum::{
    Json, Router,
    http::{Method, Request, StatusCode, Uri, header::CONTENT_TYPE},
    routing::post,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::{caller::Caller, user::User};
use crate::Error;

pub(super) const NAME: &str = "axum-json";

#[derive(Serialize, Deserialize)]
pub(super) struct GetUser {
    pub(super) id: u64,
}

pub(super) async fn serve(listener: TcpListener) -> Result<(), Error> {
    let routes = Router::new().route("/get_user", post(get_user));
    Ok(axum::serve(listener, routes).await?)
}

async fn get_user(Json(GetUser { id }): Json<GetUser>) -> Json<User> {
    Json(User::find(id))
}

#[derive(Clone)]
pub(super) struct Client {
    pool: Pool<HttpConnector, Full<Bytes>>,
    url: Uri,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = Pool::builder(TokioExecutor::new()).build(connector);
        Ok(Self { pool, url: format!("http://{address}/get_user").parse()? })
    }
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        let body = Full::from(serde_json::to_vec(&GetUser { id })?);
        let request = Request::builder().method(Method::POST).uri(self.url.clone());
        let request = request.header(CONTENT_TYPE, "application/json").body(body)?;
        let response = self.pool.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(response.status().to_string().into());
        }
        Ok(serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?)
    }
}
