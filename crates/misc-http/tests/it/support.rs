//! What the tests have in common: a server in an app, and a client that shows the bytes.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use http::{Request, Response};
use misc_core::{App, Service};
use misc_http::{Body, Config, Handle, Server};
use misc_test::{Connection, TestApp};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::Semaphore,
};

/// The settings of a test, which listens on a port of the system's choice.
pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::from("127.0.0.1:0");
    change(&mut config);
    config
}

/// Runs a server as `http` in an app of its own.
pub(crate) async fn start<S>(server: Server<S>) -> (TestApp, Handle)
where
    Server<S>: Service,
{
    let handle = server.handle();
    (TestApp::start(App::new("test").service("http", server)).await, handle)
}

/// A handler that answers with the path.
pub(crate) async fn echo(request: Request<Body>) -> Response<String> {
    Response::new(request.uri().path().to_owned())
}

/// Lets turns pass until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.expect("it becomes so within 10 s");
}

/// Holds handlers until the test lets them go, and counts those that are gone.
#[derive(Clone)]
pub(crate) struct Gate(Arc<GateState>);

struct GateState {
    entered: Semaphore,
    open: Semaphore,
    gone: AtomicUsize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(GateState { entered: Semaphore::new(0), open: Semaphore::new(0), gone: AtomicUsize::new(0) }))
    }

    /// Waits in a handler until the gate is opened for it.
    pub(crate) async fn pass(&self) {
        let _gone = Gone(Arc::clone(&self.0));
        self.0.entered.add_permits(1);
        self.0.open.acquire().await.expect("it is never closed").forget();
    }

    /// Waits until one more handler waits.
    pub(crate) async fn entered(&self) {
        self.0.entered.acquire().await.expect("it is never closed").forget();
    }

    /// Lets one handler go.
    pub(crate) fn open(&self) {
        self.0.open.add_permits(1);
    }

    /// Returns how many handlers have gone, or were dropped.
    pub(crate) fn gone(&self) -> usize {
        self.0.gone.load(SeqCst)
    }
}

struct Gone(Arc<GateState>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, SeqCst);
    }
}

/// A server whose handlers wait at a gate, but for `/free`.
pub(crate) fn gated(config: Config, gate: &Gate) -> Server<impl GatedService> {
    let gate = gate.clone();
    let handler = move |request: Request<Body>| {
        let gate = gate.clone();
        async move {
            if request.uri().path() != "/free" {
                gate.pass().await;
            }
            Response::new("passed".to_owned())
        }
    };
    Server::new(config, handler)
}

/// The bounds of what a server serves, in one word.
pub(crate) trait GatedService:
    tower::Service<Request<Body>, Response = Response<String>, Error = std::convert::Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> GatedService for S where
    S: tower::Service<Request<Body>, Response = Response<String>, Error = std::convert::Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// An HTTP/1.1 client that sends what it is told and takes answers apart.
pub(crate) struct Client(BufReader<Connection>);

/// An answer, as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, with its line ends.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    pub(crate) fn says_close(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl Client {
    pub(crate) async fn connect(app: &TestApp) -> Self {
        Self(BufReader::new(app.connect("http").await))
    }

    pub(crate) async fn connect_to(app: &TestApp, address: SocketAddr) -> Self {
        Self(BufReader::new(app.connect_to(&address.into()).await))
    }

    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.0.write_all(text.as_ref()).await.expect("the server reads");
        self.0.flush().await.expect("the server reads");
    }

    /// Sends the last bytes; the server may have ended the connection before.
    pub(crate) async fn finish(&mut self, bytes: &[u8]) {
        if self.0.write_all(bytes).await.is_ok() {
            drop(self.0.shutdown().await);
        }
    }

    pub(crate) async fn ask(&mut self, path: &str) {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(path).await;
        self.answer().await
    }

    /// Reads the next answer, with its body.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("the server answers")
    }

    pub(crate) async fn try_answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.try_head().await?;
        if let Some(length) = answer.header("content-length") {
            answer.body = vec![0; length.parse().expect("a number")];
            self.0.read_exact(&mut answer.body).await?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await? {
                answer.body.extend(chunk);
            }
        }
        Ok(answer)
    }

    /// Reads the head of the next answer.
    pub(crate) async fn try_head(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Ok(Answer { status, head, body: Vec::new() })
    }

    /// Reads a chunk of a body; `None` is its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut size = String::new();
        self.0.read_line(&mut size).await?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let mut chunk = vec![0; size + 2];
        self.0.read_exact(&mut chunk).await?;
        chunk.truncate(size);
        Ok((size > 0).then_some(chunk))
    }

    /// Reads so many bytes of a body.
    pub(crate) async fn take(&mut self, bytes: usize) -> Vec<u8> {
        let mut part = vec![0; bytes];
        self.0.read_exact(&mut part).await.expect("it goes on");
        part
    }

    /// Reads until the connection ends, however it ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset ends it, too.
        drop(self.0.read_to_end(&mut rest).await);
        rest
    }

    /// Asserts that the connection ends without another byte.
    pub(crate) async fn ends(&mut self) {
        let rest = self.rest().await;
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }

    pub(crate) fn into_inner(self) -> Connection {
        self.0.into_inner()
    }
}
