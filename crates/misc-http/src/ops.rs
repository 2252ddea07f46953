//! What operators, and their tools, ask of a service.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Frame, SizeHint};
use misc_core::BoxError;
use tower_service::Service;

use crate::{body::Body, problem::Problem};

/// Serves `/metrics` and the health endpoints, on a port of their own or beside other routes.
///
/// It knows neither a metrics library nor a health library: any tower service of requests will do. Register the server
/// of the operator's port first, so that it is stopped last, and answers while everything else starts and stops.
///
/// # Examples
/// ```
/// use http::{Request, Response};
/// use misc_http::{Body, Server, ops};
/// # #[derive(Clone)] struct Endpoint;
/// # impl tower_service::Service<Request<Body>> for Endpoint {
/// #     type Response = Response<String>;
/// #     type Error = std::convert::Infallible;
/// #     type Future = std::future::Ready<Result<Response<String>, std::convert::Infallible>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, _: Request<Body>) -> Self::Future { std::future::ready(Ok(Response::default())) }
/// # }
/// # let (metrics, health) = (Endpoint, Endpoint);
/// // `misc_metrics::Registry::endpoint` and `misc_health::Health::endpoint` are such services.
/// let server = Server::new("127.0.0.1:9090", ops().metrics(metrics).health(health));
/// # drop(server);
/// ```
pub fn ops() -> Ops {
    Ops { routes: Vec::new() }
}

/// Where the health endpoints are, as Kubernetes names them, and `/health` for people.
const HEALTH: [&str; 4] = ["/livez", "/readyz", "/startupz", "/health"];

/// The operator's endpoints: [`ops`].
#[derive(Clone)]
#[must_use = "it answers nothing until a server serves it"]
pub struct Ops {
    /// Paths have no `/` at the end; that of the root is empty.
    routes: Vec<(&'static str, Arc<dyn Endpoint>)>,
}

impl Ops {
    /// Serves what metrics a service has, at `/metrics`.
    pub fn metrics<S, B>(self, endpoint: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        self.route("/metrics", endpoint)
    }

    /// Serves how a service is, at `/livez`, `/readyz`, `/startupz`, `/health` and below that.
    pub fn health<S, B>(mut self, endpoint: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let endpoint: Arc<dyn Endpoint> = Arc::new(Erased(endpoint));
        for path in HEALTH {
            self.insert(path, Arc::clone(&endpoint));
        }
        self
    }

    /// Serves something else, at `path` and below it: the longest path counts, and of two at one path the last.
    ///
    /// # Panics
    /// If the path does not begin with a `/`.
    #[track_caller]
    pub fn route<S, B>(mut self, path: &'static str, endpoint: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        assert!(path.starts_with('/'), "`{path}` is no path of an endpoint: begin it with a `/`");
        self.insert(path, Arc::new(Erased(endpoint)));
        self
    }

    fn insert(&mut self, path: &'static str, endpoint: Arc<dyn Endpoint>) {
        let path = path.trim_end_matches('/');
        self.routes.retain(|(route, _)| *route != path);
        self.routes.push((path, endpoint));
    }

    fn find(&self, path: &str) -> Option<&Arc<dyn Endpoint>> {
        let is_at = |route: &str| path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let found = self.routes.iter().filter(|(route, _)| is_at(route));
        found.max_by_key(|(route, _)| route.len()).map(|(_, endpoint)| endpoint)
    }
}

impl fmt::Debug for Ops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.routes.iter().map(|(path, _)| path)).finish()
    }
}

/// Answers with a list of its paths at `/`, and with 404 elsewhere. The body of a request is not looked at.
impl<B> Service<Request<B>> for Ops {
    type Response = Response<OpsBody>;
    type Error = Infallible;
    type Future = Reply;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Reply {
        let path = request.uri().path();
        let answer = match self.find(path) {
            Some(endpoint) => return endpoint.call(request.map(|_| Body::empty())),
            None if path == "/" && [Method::GET, Method::HEAD].contains(request.method()) => self.index(),
            None => refusal(StatusCode::NOT_FOUND),
        };
        Reply(Box::pin(std::future::ready(answer)))
    }
}

impl Ops {
    fn index(&self) -> Response<OpsBody> {
        let list: String = self.routes.iter().flat_map(|(path, _)| [path, "\n"]).collect();
        let mut response = Response::new(OpsBody::of(Bytes::from(list)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        response
    }
}

/// The routes beside those of a program, on one port: `Router::new().merge(ops)`.
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<S: Clone + Send + Sync + 'static> From<Ops> for axum::Router<S> {
    fn from(ops: Ops) -> Self {
        let paths = ops.routes.iter().map(|(path, _)| *path);
        // What is below a path is more than what comes after its slash: that may be nothing.
        let below = paths.clone().flat_map(|path| [format!("{path}/"), format!("{path}/{{*below}}")]);
        let paths = paths.filter(|path| !path.is_empty()).map(str::to_owned).chain(below);
        paths.fold(Self::new(), |router, path| router.route_service(&path, ops.clone()))
    }
}

/// The dyn-compatible twin of a tower service.
trait Endpoint: Send + Sync {
    fn call(&self, request: Request<Body>) -> Reply;
}

struct Erased<S>(S);

impl<S, B> Endpoint for Erased<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + Sync + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    fn call(&self, request: Request<Body>) -> Reply {
        let mut service = self.0.clone();
        Reply(Box::pin(async move {
            let answered = async {
                std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            };
            match answered.await {
                Ok(response) => response.map(OpsBody::new),
                Err(error) => {
                    let error: BoxError = error.into();
                    tracing::error!(error = &*error, "an operator's endpoint failed to answer a request");
                    refusal(StatusCode::INTERNAL_SERVER_ERROR)
                }
            }
        }))
    }
}

fn refusal(status: StatusCode) -> Response<OpsBody> {
    Response::from(Problem::new(status)).map(|body: String| OpsBody::of(body.into()))
}

/// The answer of an [`Ops`], in the making.
pub struct Reply(Pin<Box<dyn Future<Output = Response<OpsBody>> + Send>>);

impl Future for Reply {
    type Output = Result<Response<OpsBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(ready!(self.0.as_mut().poll(cx))))
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

/// The body of an answer of an [`Ops`].
pub struct OpsBody(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BoxError> + Send>>);

impl OpsBody {
    fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self(Box::pin(http_body_util::BodyExt::map_err(body, Into::into)))
    }

    fn of(body: Bytes) -> Self {
        Self::new(http_body_util::Full::new(body))
    }
}

impl fmt::Debug for OpsBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpsBody")
    }
}

impl http_body::Body for OpsBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
