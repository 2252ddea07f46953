//! The load: requests on kept connections, from one thread.

use std::net::SocketAddr;

use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{Duration, Instant},
};

use crate::{Error, client::Client};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// Reads an address, a number of requests and a number of connections, and asks so often.
pub(super) fn run(arguments: &[&str]) -> Result<Vec<f64>, Error> {
    let [address, requests, connections] = arguments else {
        return Err("the load needs an address, a number of requests and a number of connections".into());
    };
    ask(address.parse()?, requests.parse()?, connections.parse()?)
}

/// Sends so many requests in all; returns how many a second, and the 99th percentile in microseconds.
fn ask(address: SocketAddr, requests: u32, connections: u32) -> Result<Vec<f64>, Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let each = requests / connections;
        let mut clients = JoinSet::new();
        for _ in 0..connections {
            let client = Client::connect(address, REQUEST).await?;
            clients.spawn(ask_on(client, each));
        }
        let start = Instant::now();
        let mut times = Vec::new();
        while let Some(client) = clients.join_next().await {
            times.append(&mut client??);
        }
        let rate = f64::from(each * connections) / start.elapsed().as_secs_f64();
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        Ok(vec![rate, p99.as_secs_f64() * 1e6])
    })
}

/// Asks so often on one connection; returns how long each answer took.
async fn ask_on(mut client: Client, requests: u32) -> Result<Vec<Duration>, Error> {
    let mut times = Vec::with_capacity(usize::try_from(requests)?);
    for _ in 0..requests {
        times.push(client.ask().await?);
    }
    Ok(times)
}
