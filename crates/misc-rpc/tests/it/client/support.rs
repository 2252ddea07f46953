//! Servers to call, and errors to look at.

use std::{
    convert::Infallible,
    error::Error as StdError,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{body::Body, http::header::CONTENT_TYPE};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use misc_core::BoxError;
use misc_rpc::Payload;
use tokio::{io::AsyncRead, io::AsyncWrite, net::TcpListener, task::JoinSet};
use tower::Service;

/// A server on a port of its own, gone when it is dropped, and its connections with it.
pub(super) struct Backend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Backend {
    pub(super) async fn start<S>(service: S) -> Self
    where
        S: Service<Request<Incoming>, Error = Infallible, Future: Send> + Clone + Send + 'static,
        S::Response: IntoBody,
    {
        Self::on(TcpListener::bind("127.0.0.1:0").await.expect("a port"), service)
    }

    pub(super) fn on<S>(listener: TcpListener, service: S) -> Self
    where
        S: Service<Request<Incoming>, Error = Infallible, Future: Send> + Clone + Send + 'static,
        S::Response: IntoBody,
    {
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        let count = Arc::clone(&connections);
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                count.fetch_add(1, Ordering::Relaxed);
                open.spawn(converse(stream, service.clone()));
            }
        });
        Self { address, connections, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/rpc", self.address)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections were made so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Serves one connection, of either version of HTTP.
pub(super) async fn converse<I, S>(io: I, service: S)
where
    I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    S: Service<Request<Incoming>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    S::Response: IntoBody,
{
    let service = tower::ServiceExt::map_response(service, IntoBody::into_body);
    let builder = auto::Builder::new(TokioExecutor::new());
    // Whoever leaves has left.
    drop(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service)).await);
}

pub(super) trait IntoBody {
    fn into_body(self) -> Response<Body>;
}

impl<B> IntoBody for Response<B>
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn into_body(self) -> Response<Body> {
        self.map(Body::new)
    }
}

/// What came to a server that answers the same to all.
#[derive(Debug, Clone)]
pub(super) struct Came {
    pub(super) method: http::Method,
    pub(super) uri: http::Uri,
    pub(super) version: http::Version,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// Keeps what comes, and answers with the result 1, or as told.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    seen: Arc<Mutex<Vec<Came>>>,
    answer: Option<(StatusCode, &'static str)>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn answering(status: u16, body: &'static str) -> Self {
        Self { answer: Some((StatusCode::from_u16(status).expect("a status"), body)), ..Self::default() }
    }

    pub(super) fn seen(&self) -> Vec<Came> {
        self.seen.lock().expect("unspoiled").clone()
    }

    /// Returns the bodies that came.
    pub(super) fn bodies(&self) -> Vec<String> {
        self.seen().into_iter().map(|came| came.body).collect()
    }
}

impl<B> Service<Request<B>> for Recorder
where
    B: http_body::Body<Error: std::fmt::Debug> + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Payload>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Payload>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            let body = String::from_utf8(body.to_vec()).expect("a text");
            let id = id_of(&body);
            let (method, uri, version, headers) = (head.method, head.uri, head.version, head.headers);
            this.seen.lock().expect("unspoiled").push(Came { method, uri, version, headers, body });
            Ok(match this.answer {
                Some((status, body)) => {
                    let mut response = Response::new(Payload::from(body.replace("$id", &id)));
                    *response.status_mut() = status;
                    response
                }
                None => json(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":1}}"#)),
            })
        })
    }
}

pub(super) fn json(body: String) -> Response<Payload> {
    let mut response = Response::new(Payload::from(body));
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// Reads the id of a call.
pub(super) fn id_of(body: &str) -> String {
    let call: serde_json::Value = serde_json::from_str(body).expect("JSON");
    call["id"].to_string()
}

/// Writes an error and its sources, outermost first.
pub(super) fn whole(error: &(dyn StdError + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
