//! HTTP as most call it: by reqwest.

use std::net::SocketAddr;

use super::{axum_json::GetUser, caller::Caller, user::User};
use crate::Error;

pub(super) const NAME: &str = "reqwest";

#[derive(Clone)]
pub(super) struct Client {
    client: reqwest::Client,
    url: reqwest::Url,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        Ok(Self { client: reqwest::Client::new(), url: format!("http://{address}/get_user").parse()? })
    }
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        let request = self.client.post(self.url.clone()).json(&GetUser { id });
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}
