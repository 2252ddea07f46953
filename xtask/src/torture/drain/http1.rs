//! A client that keeps an HTTP/1.1 connection until an answer says `Connection: close`.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use super::load::{Asked, PATIENCE, POSTED, Tally, Turns};

pub(super) fn ask(address: &str, mut clients: Vec<Turns>) -> Tally {
    let mut tally = Tally::default();
    let (Some(turns), Ok(stream)) = (clients.first_mut(), TcpStream::connect(address)) else {
        tally.leaves(1);
        return tally;
    };
    loop {
        match has_ended_within(&stream, turns) {
            Ok(false) => {}
            _ => {
                tally.leaves(1);
                return tally;
            }
        }
        let asked = turns.next();
        match exchange(&stream, address, asked) {
            Ok(Answer { whole: true, says_close }) => {
                tally.answered += 1;
                if says_close {
                    tally.closed += 1;
                    return tally;
                }
            }
            Ok(Answer { whole: false, .. }) => {
                tally.breaks(asked, "the answer is not what it should be");
                return tally;
            }
            Err(error) => {
                tally.breaks(asked, error);
                return tally;
            }
        }
    }
}

/// Waits for the client's turn; says whether the connection has ended meanwhile.
fn has_ended_within(stream: &TcpStream, turns: &Turns) -> io::Result<bool> {
    let wait = turns.wait();
    if wait.is_zero() {
        return Ok(false);
    }
    stream.set_read_timeout(Some(wait))?;
    match stream.peek(&mut [0]) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(false),
        // Nobody has asked for bytes, so they are as good as an end.
        other => other.map(|_| true),
    }
}

struct Answer {
    whole: bool,
    says_close: bool,
}

fn exchange(mut stream: &TcpStream, host: &str, Asked { path, posts, length }: Asked) -> io::Result<Answer> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (method, posted) = if posts { ("POST", &POSTED[..]) } else { ("GET", &[][..]) };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", posted.len());
    stream.write_all(&[head.as_bytes(), posted].concat())?;
    let (mut read, mut part) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            let error = format!("the connection was closed after {} bytes of the answer", read.len());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, error));
        }
        read.extend_from_slice(&part[..count]);
        if let Some(answer) = answer(&read, length) {
            return Ok(answer);
        }
    }
}

/// The answer, once its end is there.
fn answer(read: &[u8], length: usize) -> Option<Answer> {
    let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&read[..end]).to_ascii_lowercase(), &read[end + 4..]);
    let got = if head.contains("\r\ntransfer-encoding: chunked") {
        // Each part is `5\r\ndrop\n\r\n`, with the end of no other.
        body.ends_with(b"\r\n0\r\n\r\n").then(|| body.windows(5).filter(|part| part == b"drop\n").count() * 5)?
    } else {
        let field = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        let said = field.parse().ok()?;
        (body.len() >= said).then_some(body.len())?
    };
    let whole = head.starts_with("http/1.1 200 ") && got == length;
    Some(Answer { whole, says_close: head.contains("\r\nconnection: close") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: &str, expected: Option<(bool, bool)>) {
        let answer = answer(read.as_bytes(), 5).map(|answer| (answer.whole, answer.says_close));
        assert_eq!(answer, expected, "{read:?}");
    }

    #[test]
    fn knows_a_whole_answer_and_the_last() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", None);
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Some((true, false)));
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello", Some((true, true)));
        check("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhell", Some((false, false)));
        check("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nhello", Some((false, false)));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndrop\n\r\n", None);
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\ndrop\n\r\n0\r\n\r\n", Some((true, false)));
    }
}
