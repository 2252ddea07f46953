//! The little of HTTP that a command needs to talk to a program of ours, as `curl` would.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What a server says that wants the rest of a request.
const GO_ON: [u8; 25] = *b"HTTP/1.1 100 Continue\r\n\r\n";

/// What `curl -d` says that it sends, and `curl --json`.
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// No answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request with what it asks of whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// As in `127.0.0.1:8080`.
    pub(crate) host: String,
    pub(crate) path: String,
    /// What is posted; nothing is got.
    pub(crate) body: Option<String>,
    /// The type of what is posted.
    pub(crate) content_type: &'static str,
}

/// A connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection(TcpStream);

/// How an exchange went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A whole response, with its body.
    Whole(String),
    /// None of it: the connection was closed, as one may be that is kept.
    Nothing,
    /// The beginning of one.
    Cut,
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Response {
    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

impl Request {
    pub(crate) fn get(host: &str, path: &str) -> Self {
        Self { host: host.to_owned(), path: path.to_owned(), body: None, content_type: FORM }
    }

    pub(crate) fn post(host: &str, path: &str, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..Self::get(host, path) }
    }

    pub(crate) fn post_json(host: &str, path: &str, body: &str) -> Self {
        Self { content_type: JSON, ..Self::post(host, path, body) }
    }

    /// The head, with one more line, and the body.
    fn parts(&self, line: &str) -> (String, &str) {
        let Self { host, path, body, content_type } = self;
        let method = if body.is_some() { "POST" } else { "GET" };
        let body = body.as_deref().unwrap_or_default();
        let length = body.len();
        let fields = format!("content-type: {content_type}\r\ncontent-length: {length}\r\n");
        let fields = if method == "POST" { fields } else { String::new() };
        (format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{fields}{line}\r\n"), body)
    }
}

impl Connection {
    pub(crate) fn open(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(stream))
    }

    /// Sends a request and reads the answer to it.
    pub(crate) fn ask(&mut self, request: &Request) -> Answer {
        let (head, body) = request.parts("");
        match self.0.write_all(format!("{head}{body}").as_bytes()) {
            Ok(()) => self.answer(),
            Err(_) => Answer::Nothing,
        }
    }

    /// Sends a request and reads the response to it with its head, if there is a whole one.
    pub(crate) fn response(&mut self, request: &Request) -> Option<Response> {
        let (head, body) = request.parts("");
        self.0.write_all(format!("{head}{body}").as_bytes()).ok()?;
        let read = self.read().ok()?;
        let body = whole(&read)?;
        let head = String::from_utf8_lossy(&read[..read.len() - body.len()]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Response { status, body: String::from_utf8_lossy(body).into_owned(), head })
    }

    /// Sends a request whose body waits until the server wants it: from then on, no answer is one that was cut.
    pub(crate) fn ask_in_parts(&mut self, request: &Request) -> Answer {
        let (head, body) = request.parts("expect: 100-continue\r\n");
        let mut said = [0; GO_ON.len()];
        let asked = self.0.write_all(head.as_bytes()).and_then(|()| self.0.read_exact(&mut said));
        if asked.is_err() || said != GO_ON {
            return Answer::Nothing;
        }
        match self.0.write_all(body.as_bytes()).map(|()| self.answer()) {
            Ok(Answer::Whole(body)) => Answer::Whole(body),
            _ => Answer::Cut,
        }
    }

    fn answer(&mut self) -> Answer {
        match self.read() {
            Ok(read) => {
                whole(&read).map_or(Answer::Cut, |body| Answer::Whole(String::from_utf8_lossy(body).into_owned()))
            }
            Err(answer) => answer,
        }
    }

    /// Reads until a whole response is there; else says what there is.
    fn read(&mut self) -> Result<Vec<u8>, Answer> {
        let (mut read, mut part) = (Vec::new(), [0; 4096]);
        while whole(&read).is_none() {
            match self.0.read(&mut part) {
                Ok(count) if count > 0 => read.extend_from_slice(&part[..count]),
                _ if read.is_empty() => return Err(Answer::Nothing),
                _ => return Err(Answer::Cut),
            }
        }
        Ok(read)
    }
}

/// The body of a response that is all there and says how long it is, as those do that we ask for.
fn whole(read: &[u8]) -> Option<&[u8]> {
    let end = read.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = str::from_utf8(&read[..end]).ok()?;
    let field = head.lines().filter_map(|line| line.split_once(':'));
    let length = field.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0);
    read[end + 4..].get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_whole_response() {
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), Some(&b"hi"[..]));
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi"), None);
        assert_eq!(whole(b"HTTP/1.1 404 Not Found\r\n\r\n"), Some(&b""[..]));
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"), None);
    }

    #[test]
    fn tells_what_is_in_the_head() {
        let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n";
        let response = Response { status: 503, head: head.into(), body: String::new() };
        assert_eq!((response.field("retry-after"), response.field("retry")), (Some("2"), None));
    }

    #[test]
    fn posts_what_it_has() {
        let request = Request::post("127.0.0.1:8080", "/greet", "World");
        let (head, body) = request.parts("expect: 100-continue\r\n");
        assert!(head.starts_with("POST /greet HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n"));
        assert!(head.ends_with("content-length: 5\r\nexpect: 100-continue\r\n\r\n"));
        assert!(head.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"));
        assert_eq!(body, "World");
        let json = Request::post_json("h", "/", "{}");
        assert!(json.parts("").0.contains("\r\ncontent-type: application/json\r\n"));
        let got = Request::get("h", "/");
        assert_eq!(got.parts(""), ("GET / HTTP/1.1\r\nhost: h\r\n\r\n".to_owned(), ""));
    }

    #[test]
    fn a_request_that_was_begun_is_cut_without_an_answer() {
        check("", &Answer::Nothing);
        check("HTTP/1.1 100 Continue\r\n\r\n", &Answer::Cut);
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nh", &Answer::Cut);
        let whole = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        check(whole, &Answer::Whole("hi".into()));
    }

    /// Checks what a server that says this, and closes the connection, makes of a request in parts.
    #[track_caller]
    fn check(said: &'static str, expected: &Answer) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let request = &mut [0; 4096];
            assert!(stream.read(request).unwrap() > 0);
            stream.write_all(said.as_bytes()).unwrap();
            if !said.is_empty() {
                // The body; unread, it would make of the close a reset.
                assert!(stream.read(request).unwrap() > 0);
            }
        });
        let answer = Connection::open(&host).unwrap().ask_in_parts(&Request::post(&host, "/", "World"));
        server.join().unwrap();
        assert_eq!(answer, *expected);
    }
}
