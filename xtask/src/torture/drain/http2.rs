//! Clients that share an HTTP/2 connection until it says GOAWAY: the least of RFC 9113 that tells a lost request from one
//! that was answered.
//!
//! A server that shuts down gracefully first says that it takes every stream, and which ones it took only after a PING has
//! come back (section 6.8). The clients begin no stream after the first, so that not one of theirs may be refused.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::load::{Asked, PATIENCE, POSTED, Tally, Turns};

/// The client's preface, its settings (a window for each stream that is never full), and one for the connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\x3f\xff\xff\xff\
    \0\0\x04\x08\0\0\0\0\0\x3f\xff\0\0";

/// Types of frames, and flags (section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200` in the static table of HPACK (RFC 7541, appendix A).
const OK: u8 = 0x88;
/// How long a thread waits for frames when no client has its turn.
const LONG: Duration = Duration::from_millis(20);

pub(super) fn ask(address: &str, clients: Vec<Turns>) -> Tally {
    let mut tally = Tally::default();
    let stream = TcpStream::connect(address).and_then(|stream| {
        stream.set_nodelay(true)?;
        (&stream).write_all(PREFACE)?;
        Ok(stream)
    });
    match stream {
        Ok(stream) => {
            let clients = clients.into_iter().map(|turns| (turns, None)).collect();
            let mut connection =
                Connection { stream, address, clients, streams: HashMap::new(), next: 1, tally, told: false };
            let ended = connection.ask_until_the_end();
            connection.close(&ended)
        }
        Err(_) => {
            tally.leaves(u32::try_from(clients.len()).unwrap_or_default());
            tally
        }
    }
}

struct Connection<'a> {
    stream: TcpStream,
    address: &'a str,
    /// Each client with the stream that it waits for.
    clients: Vec<(Turns, Option<u32>)>,
    streams: HashMap<u32, Exchange>,
    next: u32,
    tally: Tally,
    /// GOAWAY has come.
    told: bool,
}

/// A request whose answer is on its way.
struct Exchange {
    asked: Asked,
    since: Instant,
    is_ok: bool,
    got: usize,
}

struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

impl Connection<'_> {
    /// Asks whenever a client has its turn, until it was told to go elsewhere and has every answer.
    fn ask_until_the_end(&mut self) -> io::Result<()> {
        let (mut read, mut part) = (Vec::new(), [0; 64 << 10]);
        loop {
            if self.told && self.streams.is_empty() {
                return Ok(());
            }
            if self.streams.values().any(|exchange| exchange.since.elapsed() > PATIENCE) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let wait = if self.told { LONG } else { self.ask_in_turn()? };
            self.stream.set_read_timeout(Some(wait.clamp(Duration::from_millis(1), LONG)))?;
            match self.stream.read(&mut part) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => read.extend_from_slice(&part[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
            let mut done = 0;
            while let Some((frame, length)) = frame(&read[done..]) {
                self.receive(&frame)?;
                done += length;
            }
            read.drain(..done);
        }
    }

    /// Sends the requests that are due; returns how long it is until the next.
    fn ask_in_turn(&mut self) -> io::Result<Duration> {
        let mut wait = LONG;
        for (turns, waits_for) in &mut self.clients {
            if waits_for.is_some_and(|id| self.streams.contains_key(&id)) {
                continue;
            }
            if turns.wait().is_zero() {
                let (asked, id) = (turns.next(), self.next);
                self.next += 2;
                *waits_for = Some(id);
                self.streams.insert(id, Exchange { asked, since: Instant::now(), is_ok: false, got: 0 });
                self.stream.write_all(&request(id, self.address, asked))?;
            }
            wait = wait.min(turns.wait());
        }
        Ok(wait)
    }

    fn receive(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let Frame { kind, flags, stream, payload } = *frame;
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let payload = if kind == PING { payload } else { &[] };
                self.stream.write_all(&encoded(kind, ACK, 0, payload))?;
            }
            GOAWAY => {
                self.told = true;
                let last = number(payload) & 0x7fff_ffff;
                self.streams.retain(|id, exchange| {
                    if *id > last {
                        self.tally.breaks(exchange.asked, "refused, and sent before the PING was answered");
                    }
                    *id <= last
                });
            }
            HEADERS | DATA | RST_STREAM => self.receive_part(frame, stream),
            _ => {}
        }
        Ok(())
    }

    fn receive_part(&mut self, frame: &Frame<'_>, id: u32) {
        let Some(exchange) = self.streams.get_mut(&id) else {
            return;
        };
        match frame.kind {
            HEADERS => exchange.is_ok |= frame.payload.first() == Some(&OK),
            DATA => exchange.got += frame.payload.len(),
            _ => {}
        }
        if frame.kind != RST_STREAM && frame.flags & END_STREAM == 0 {
            return;
        }
        let Exchange { asked, is_ok, got, .. } = *exchange;
        self.streams.remove(&id);
        if frame.kind == RST_STREAM {
            // After the end of an answer it may say that the rest of a body is not wanted (RFC 9113, section 8.1); this one
            // comes before.
            self.tally.breaks(asked, format_args!("reset with code {}", number(frame.payload)));
        } else if is_ok && got == asked.length {
            self.tally.answered += 1;
        } else {
            self.tally.breaks(asked, format_args!("{got} bytes instead of {}, ok={is_ok}", asked.length));
        }
    }

    /// Counts what an end leaves.
    fn close(mut self, ended: &io::Result<()>) -> Tally {
        if let Err(error) = ended {
            let open = self.streams.into_values().collect::<Vec<_>>();
            open.iter().for_each(|exchange| self.tally.breaks(exchange.asked, error));
        }
        let clients = u32::try_from(self.clients.len()).unwrap_or_default();
        if self.told {
            self.tally.closed += clients;
        } else {
            self.tally.leaves(clients);
        }
        self.tally
    }
}

/// The first frame, and how many bytes it takes, once it is all there.
fn frame(read: &[u8]) -> Option<(Frame<'_>, usize)> {
    let (head, rest) = read.split_first_chunk::<9>()?;
    let length = (number(&head[..4]) >> 8) as usize;
    let payload = rest.get(..length)?;
    let stream = number(&head[5..]) & 0x7fff_ffff;
    Some((Frame { kind: head[3], flags: head[4], stream, payload }, 9 + length))
}

/// The first four bytes as a number.
fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn encoded(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("less than a frame may have").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn request(stream: u32, host: &str, asked: Asked) -> Vec<u8> {
    let text = |name: u8, text: &str| {
        // Never Huffman-coded, never indexed, and shorter than 127 bytes.
        let length = u8::try_from(text.len()).expect("a short text");
        [&[name, length], text.as_bytes()].concat()
    };
    let (method, flags) = if asked.posts { (0x83, END_HEADERS) } else { (0x82, END_HEADERS | END_STREAM) };
    // `:method` and `:scheme: http`, then `:path` and `:authority` by the names of the static table.
    let fields = [vec![method, 0x86], text(4, asked.path), text(1, host)].concat();
    let mut frames = encoded(HEADERS, flags, stream, &fields);
    if asked.posts {
        frames.extend(encoded(DATA, END_STREAM, stream, &POSTED));
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_once_it_is_all_there() {
        let bytes = encoded(PING, ACK, 5, b"12345678");
        assert!(frame(&bytes[..16]).is_none());
        let (Frame { kind, flags, stream, payload }, length) = frame(&bytes).unwrap();
        assert_eq!((kind, flags, stream, payload, length), (PING, ACK, 5, &b"12345678"[..], 17));
    }

    #[test]
    fn a_request_names_a_path_and_a_host() {
        let asked = Asked { path: "/a", posts: false, length: 0 };
        let expected = b"\0\0\x09\x01\x05\0\0\0\x03\x82\x86\x04\x02/a\x01\x01h";
        assert_eq!(request(3, "h", asked), expected);
    }
}
