//! Clients that hold what they do not use.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::subject::pause;
use crate::failure::{Failure, Result};

/// How many parts of the crowd have their turn one after the other, so that they do not all send at once.
const PARTS: u32 = 20;
/// How often each client has its turn.
const PERIOD: Duration = Duration::from_secs(1);
/// How many connect one right after the other.
const AT_ONCE: usize = 50;
/// A little more than the default settings want of a body each second.
const TRICKLE: [u8; 300] = [b'x'; 300];

/// The crowd; dropped, it leaves.
pub(super) struct Crowd {
    clients: Vec<Client>,
    /// Which part has its turn next.
    part: u32,
}

struct Client {
    stream: TcpStream,
    slow: Slow,
    since: Instant,
    /// When it was seen that the connection has ended.
    cut: Option<Instant>,
}

/// With what a client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    Head,
    Body,
    Answer,
}

/// How long those were connected whose end can be seen as it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cut {
    pub(super) head: Duration,
    pub(super) body: Duration,
}

impl Crowd {
    pub(super) fn connect(address: &str, count: usize) -> Result<Self> {
        let mut crowd = Self { clients: Vec::with_capacity(count), part: 0 };
        let kinds = [Slow::Head, Slow::Body, Slow::Answer].into_iter().cycle().take(count);
        for (number, slow) in kinds.enumerate() {
            let client = Client::connect(address, slow).map_err(|error| Failure::met("a slow client", error))?;
            crowd.clients.push(client);
            if number % AT_ONCE == 0 {
                // A full backlog makes whoever comes then wait for a second.
                pause(Duration::from_millis(10));
            }
        }
        Ok(crowd)
    }

    /// Goes on for a time as slowly as before, and sees who was cut.
    pub(super) fn go_on(&mut self, time: Duration) {
        let (start, size) = (Instant::now(), self.clients.len().div_ceil(PARTS as usize).max(1));
        while start.elapsed() < time {
            let part = self.clients.chunks_mut(size).nth(self.part as usize);
            part.into_iter().flatten().for_each(Client::go_on);
            self.part = (self.part + 1) % PARTS;
            pause(PERIOD / PARTS);
        }
    }

    /// How many of them send a body.
    pub(super) fn bodies(&self) -> usize {
        self.clients.iter().filter(|client| client.slow == Slow::Body).count()
    }

    /// Returns how long the last ones have lasted, and how many have lasted longer than `limits`.
    pub(super) fn end(self, limits: Cut) -> (Cut, usize) {
        let (mut cut, mut overdue) = (Cut::default(), 0);
        for client in self.clients {
            let (longest, limit) = match client.slow {
                Slow::Head => (&mut cut.head, limits.head),
                Slow::Body => (&mut cut.body, limits.body),
                Slow::Answer => continue,
            };
            match client.cut.map(|cut| cut - client.since) {
                Some(lasted) if lasted <= limit => *longest = lasted.max(*longest),
                _ => overdue += 1,
            }
        }
        (cut, overdue)
    }
}

impl Client {
    fn connect(address: &str, slow: Slow) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let request = match slow {
            Slow::Head => "GET / HTTP/1.1\r\nhost: slow\r\nx-slow: ".to_owned(),
            Slow::Body => "POST /upload HTTP/1.1\r\nhost: slow\r\ncontent-length: 1000000\r\n\r\n".to_owned(),
            Slow::Answer => "GET /big HTTP/1.1\r\nhost: slow\r\n\r\n".to_owned(),
        };
        stream.write_all(request.as_bytes())?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, slow, since: Instant::now(), cut: None })
    }

    /// Sends a little more, and sees whether the connection has ended.
    fn go_on(&mut self) {
        let sends: &[u8] = match self.slow {
            _ if self.cut.is_some() => return,
            Slow::Head => b"x",
            Slow::Body => &TRICKLE,
            // It takes nothing, not even to see what has come.
            Slow::Answer => return,
        };
        let went_on = loop {
            match self.stream.read(&mut [0; 1024]) {
                // An answer, which says that there is nothing to wait for; what follows says whether that is the end.
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break self.stream.write(sends),
                ended => break ended,
            }
        };
        if !went_on.map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |count| count > 0) {
            self.cut = Some(Instant::now());
        }
    }
}
