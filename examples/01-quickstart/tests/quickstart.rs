//! The quickstart does what its first lines say.

#![cfg(unix)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use misc_test::Missing;
use rustix::process::{Pid, Signal, kill_process};

const ADDRESS: &str = "127.0.0.1:8080";

#[test]
fn serves_then_finishes_the_request_in_flight_and_exits_0() {
    if TcpListener::bind(ADDRESS).is_err() {
        return misc_test::skip(Missing::Server, "port 8080 is in use");
    }
    let mut quickstart = Running::start();

    check("GET /hello HTTP/1.1", "", "200", "Hello, misc!");
    check("POST /greet HTTP/1.1", "World", "200", "Greet: World");
    check("GET /elsewhere HTTP/1.1", "", "404", "");
    check("POST /hello HTTP/1.1", "World", "405", "");

    let mut in_flight = connect();
    let head = "POST /greet HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    in_flight.write_all(head.as_bytes()).expect("the quickstart reads");
    let mut go_on = [0; 25];
    in_flight.read_exact(&mut go_on).expect("the quickstart asks for the body");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");

    quickstart.terminate();
    assert!(quickstart.logs("stop requested"));
    in_flight.write_all(b"World").expect("the quickstart reads on");
    assert!(rest_of(in_flight).ends_with("Greet: World"));
    assert_eq!(quickstart.child.wait().expect("it ends").code(), Some(0));
}

/// Sends a request of its own connection and checks the status and the body of the answer.
#[track_caller]
fn check(request: &str, body: &str, status: &str, expected: &str) {
    let mut stream = connect();
    let length = body.len();
    write!(stream, "{request}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("the quickstart reads");
    let answer = rest_of(stream);
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
}

fn connect() -> TcpStream {
    let stream = TcpStream::connect(ADDRESS).expect("the quickstart listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    stream
}

fn rest_of(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the quickstart answers");
    text
}

/// The quickstart as a process, which does not outlive the test.
struct Running {
    child: Child,
}

impl Running {
    fn start() -> Self {
        let program = env!("CARGO_BIN_EXE_quickstart");
        let child = Command::new(program).stderr(Stdio::piped()).spawn().expect("the quickstart starts");
        let mut this = Self { child };
        assert!(this.logs("app ready"));
        this
    }

    /// Reads what it logs up to a line that contains `text`; `false` when it ends before.
    fn logs(&mut self, text: &str) -> bool {
        let log = self.child.stderr.as_mut().expect("it is piped");
        let mut line = Vec::new();
        let mut byte = [0];
        while log.read(&mut byte).is_ok_and(|count| count == 1) {
            line.push(byte[0]);
            if byte[0] == b'\n' {
                if String::from_utf8_lossy(&line).contains(text) {
                    return true;
                }
                line.clear();
            }
        }
        false
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error says that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
