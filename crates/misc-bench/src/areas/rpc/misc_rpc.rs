//! misc-rpc under misc-http, with all that it does for a call.

use std::net::SocketAddr;

use ::misc_rpc::{Server, rpc};
use misc_core::{BoxError, Meter, TraceContext};
use misc_metrics::Registry;
use misc_resilience::Policy;
use tokio::time::Duration;

use super::{caller::Caller, user::User};
use crate::{Error, areas::http::server::app};

pub(super) const NAME: &str = "misc-rpc";
pub(super) const WITH_POLICY: &str = "misc-policy";

/// Of both sides.
const TIMEOUT: Duration = Duration::from_secs(30);

#[rpc]
trait Users {
    #[rpc(idempotent)]
    async fn get_user(&self, id: u64) -> User;
}

struct Found;

impl Users for Found {
    async fn get_user(&self, id: u64) -> User {
        User::find(id)
    }
}

/// Serves until the work is done.
pub(super) async fn serve_while<T>(work: impl AsyncFnOnce(SocketAddr) -> Result<T, Error>) -> Result<T, Error> {
    let registry = Registry::new("bench");
    let server = Server::new(Found.into_rpc())?.timeout(TIMEOUT).meter(&Meter::new(registry.clone()));
    let app = app().with(registry).service("rpc", misc_http::Server::new("127.0.0.1:0", server));
    let handle = app.handle();
    let work = async {
        let address = handle.address("rpc").await?;
        work(address.ip().ok_or("the address is no IP address")?).await
    };
    let done = app.run_until(work).await.map_err(|report| BoxError::from(report.to_string()))?;
    done.ok_or("the app has ended")?
}

#[derive(Clone)]
pub(super) struct Client {
    users: UsersClient,
    trace: TraceContext,
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Result<Self, Error> {
        let meter = Meter::new(Registry::new("caller"));
        Self::of(UsersClient::builder(&*url(address)).timeout(TIMEOUT).meter(&meter).build()?)
    }

    pub(super) fn with_policy(address: SocketAddr) -> Result<Self, Error> {
        let meter = Meter::new(Registry::new("caller"));
        let policy = Policy::new("users").meter(&meter);
        Self::of(UsersClient::builder(&*url(address)).timeout(TIMEOUT).meter(&meter).layer(policy).build()?)
    }

    fn of(users: UsersClient) -> Result<Self, Error> {
        let trace = TraceContext::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, true);
        Ok(Self { users, trace: trace.ok_or("an id is zero")? })
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}/")
}

impl Caller for Client {
    async fn get_user(&mut self, id: u64) -> Result<User, Error> {
        Ok(self.trace.clone().scope(self.users.get_user(id)).await?)
    }
}
