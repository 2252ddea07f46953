//! A client of HTTP/1.1 that costs as little as one can: it asks the same again and again on one connection.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::Error;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// A connection that is kept.
pub(crate) struct Client {
    stream: TcpStream,
    request: &'static [u8],
    /// The last answer.
    answer: Vec<u8>,
}

impl Client {
    /// Connects, and gets a first answer.
    pub(crate) async fn connect(address: SocketAddr, request: &'static [u8]) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream, request, answer: Vec::new() };
        client.ask_any().await?;
        Ok(client)
    }

    /// Asks for an answer that is as long as the one before; returns how long that took.
    pub(crate) async fn ask(&mut self) -> Result<Duration, Error> {
        let start = Instant::now();
        self.stream.write_all(self.request).await?;
        self.stream.read_exact(&mut self.answer).await?;
        if !self.answer.starts_with(OK) {
            return Err(format!("not the answer: {}", String::from_utf8_lossy(&self.answer)).into());
        }
        Ok(start.elapsed())
    }

    /// Asks for an answer of any length that it says.
    pub(crate) async fn ask_any(&mut self) -> Result<(), Error> {
        self.answer.clear();
        self.stream.write_all(self.request).await?;
        let mut whole = None;
        while whole.is_none_or(|whole| self.answer.len() < whole) {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server closed the connection before its answer was there".into());
            }
            whole = whole.or_else(|| length(&self.answer));
        }
        Ok(())
    }
}

/// The length of a whole answer, once its head is there.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let lines = str::from_utf8(&answer[..head]).ok()?.lines();
    let field = lines.filter_map(|line| line.split_once(": ")).find(|(name, _)| *name == "content-length");
    Some(head + 4 + field?.1.parse::<usize>().ok()?)
}
