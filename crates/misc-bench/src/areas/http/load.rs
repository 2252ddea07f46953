//! The load: requests on kept connections, from one thread.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Builder,
    task::JoinSet,
    time::Instant,
};

use crate::Error;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

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
            let client = Client::connect(address).await?;
            clients.spawn(client.ask(each));
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

/// A connection that has had its first answer: all others are as long.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self, Error> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(REQUEST).await?;
        let mut answer = Vec::new();
        while length(&answer).is_none_or(|length| answer.len() < length) {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the server closed the connection before its first answer".into());
            }
        }
        Ok(Self { stream, answer })
    }

    async fn ask(mut self, requests: u32) -> Result<Vec<Duration>, Error> {
        let mut times = Vec::with_capacity(usize::try_from(requests)?);
        for _ in 0..requests {
            let start = Instant::now();
            self.stream.write_all(REQUEST).await?;
            self.stream.read_exact(&mut self.answer).await?;
            if !self.answer.starts_with(OK) {
                return Err(format!("not the answer: {}", String::from_utf8_lossy(&self.answer)).into());
            }
            times.push(start.elapsed());
        }
        Ok(times)
    }
}

/// The length of a whole answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?.0;
    let field = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some(head.len() + 4 + field?.parse::<usize>().ok()?)
}
