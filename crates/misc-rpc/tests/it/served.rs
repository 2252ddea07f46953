//! A server that tests call: by hand, over a real socket, or without any.

use std::net::SocketAddr;

use axum::Router;
use http::{HeaderMap, Request, StatusCode, header::CONTENT_TYPE};
use misc_rpc::{Payload, Server};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::ServiceExt as _;

/// A server on a port of its own, at `/rpc`, until this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Served {
    pub(crate) async fn new(server: Server) -> Self {
        Self::with(|_| server).await
    }

    /// Serves a server that knows where it is.
    pub(crate) async fn with(make: impl FnOnce(&str) -> Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let server = make(&format!("http://{address}/rpc"));
        let router: Router = Router::new().route_service("/rpc", server);
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, _tasks: tasks }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/rpc", self.address)
    }

    /// Sends a body, and reads the answer to its end.
    pub(crate) async fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let head = format!(
            "POST /rpc HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: HeaderMap::new(), body: body.to_owned() }
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of a single answer's error, and what it says besides.
    #[track_caller]
    pub(crate) fn error(&self) -> (i64, Value) {
        let json = self.json();
        let code = json["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {json}"));
        (code, json["error"]["data"].clone())
    }

    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let json = self.json();
        json.get("result").unwrap_or_else(|| panic!("no result: {json}")).clone()
    }
}

/// Makes a request whose content is JSON.
pub(crate) fn request(body: impl Into<Payload>) -> Request<Payload> {
    Request::post("/rpc").header(CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

/// Sends a body without any socket.
pub(crate) async fn post(server: &Server, body: impl Into<Payload>) -> Answer {
    send(server, request(body)).await
}

/// Sends a request without any socket.
pub(crate) async fn send(server: &Server, request: Request<Payload>) -> Answer {
    let (parts, body) = server.clone().oneshot(request).await.unwrap().into_parts();
    let body = String::from_utf8(body.into_bytes().to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// Calls a method, with parameters as JSON has them.
pub(crate) async fn call(server: &Server, method: &str, params: &str) -> Answer {
    post(server, format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":1}}"#)).await
}
