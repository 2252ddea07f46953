//! The callers: so many at once, from one thread.

use std::net::SocketAddr;

use tokio::{
    task::JoinSet,
    time::{Duration, Instant},
};

use super::{axum_json, jsonrpsee, misc_rpc, raw, reqwest, tonic, user::User};
use crate::{Error, usage};

/// Calls the procedure, one call after the other.
pub(super) trait Caller: Send + 'static {
    /// Asks for a user.
    fn get_user(&mut self, id: u64) -> impl Future<Output = Result<User, Error>> + Send;
}

/// Makes so many calls in all by a contender's client; returns how many a second, the 50th and the 99th percentile, and
/// the time that this process has run for each, in microseconds.
pub(super) async fn call(contender: &str, address: SocketAddr, calls: u32, in_flight: u32) -> Result<Vec<f64>, Error> {
    match contender {
        axum_json::NAME => share(axum_json::Client::new(address)?, calls, in_flight).await,
        jsonrpsee::NAME => share(jsonrpsee::Client::new(address)?, calls, in_flight).await,
        misc_rpc::NAME => share(misc_rpc::Client::new(address)?, calls, in_flight).await,
        misc_rpc::WITH_POLICY => share(misc_rpc::Client::with_policy(address)?, calls, in_flight).await,
        reqwest::NAME => share(reqwest::Client::new(address)?, calls, in_flight).await,
        tonic::NAME => share(tonic::Client::connect(address).await?, calls, in_flight).await,
        raw::NAME => {
            let mut clients = Vec::new();
            for _ in 0..in_flight {
                clients.push(raw::Client::connect(address).await?);
            }
            call_by(clients, calls).await
        }
        _ => Err(format!("there is no client `{contender}`").into()),
    }
}

/// Lets all callers have the same client, which knows what to do with its connections.
async fn share(client: impl Caller + Clone, calls: u32, in_flight: u32) -> Result<Vec<f64>, Error> {
    call_by((0..in_flight).map(|_| client.clone()).collect(), calls).await
}

async fn call_by<C: Caller>(callers: Vec<C>, calls: u32) -> Result<Vec<f64>, Error> {
    let each = calls / u32::try_from(callers.len())?;
    // Connections are made, and all that is made once.
    let (callers, _) = together(callers, 1).await?;
    let (start, processor) = (Instant::now(), usage::processor_seconds()?);
    let (_, mut times) = together(callers, each).await?;
    let seconds = start.elapsed().as_secs_f64();
    let processor = usage::processor_seconds()? - processor;
    times.sort_unstable();
    let percentile = |percent| {
        let time: Option<&Duration> = times.get(times.len() * percent / 100);
        time.copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    let count = f64::from(u32::try_from(times.len())?);
    Ok(vec![count / seconds, percentile(50), percentile(99), processor / count * 1e6])
}

/// Lets all callers call at once, so often each; returns them, and how long each call took.
async fn together<C: Caller>(callers: Vec<C>, each: u32) -> Result<(Vec<C>, Vec<Duration>), Error> {
    let calling: JoinSet<_> = callers.into_iter().map(|caller| ask(caller, each)).collect();
    let (mut callers, mut times) = (Vec::new(), Vec::new());
    for done in calling.join_all().await {
        let (caller, mut took) = done?;
        callers.push(caller);
        times.append(&mut took);
    }
    Ok((callers, times))
}

/// Asks for so many users, one after the other; returns how long each took.
async fn ask<C: Caller>(mut caller: C, calls: u32) -> Result<(C, Vec<Duration>), Error> {
    let mut times = Vec::with_capacity(usize::try_from(calls)?);
    for id in 0..u64::from(calls) {
        let start = Instant::now();
        let user = caller.get_user(id).await?;
        times.push(start.elapsed());
        if user.id != id {
            return Err(format!("not the user that was asked for: {user:?}").into());
        }
    }
    Ok((caller, times))
}
