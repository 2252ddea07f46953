//! What stands around the calls of a client.

use std::{
    convert::Infallible,
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, HOST},
};
use misc_core::{Idempotent, Verdict};
use misc_rpc::{Builder, Client, Error, MethodName, Payload, Procedure, TransportError};
use tower::{Layer, Service, layer::layer_fn, service_fn, timeout::TimeoutLayer, util::MapRequestLayer};
use tower_http::set_header::SetRequestHeaderLayer;

use super::support::{Backend, Recorder, whole};

const GET: Procedure = Procedure::new("get").idempotent();

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response<Payload>, E>> + Send>>;

async fn get(client: &Client) -> Result<u64, Error> {
    client.method(GET).call(&()).await
}

#[tokio::test]
async fn a_layer_of_tower_http_adds_a_header() {
    let recorder = Recorder::new();
    let backend = Backend::start(recorder.clone()).await;
    let token = HeaderValue::from_static("Bearer t0k3n");
    let layer = SetRequestHeaderLayer::overriding(AUTHORIZATION, token);
    let client = Client::builder(backend.url()).layer(layer).build().expect("valid");
    get(&client).await.expect("an answer");
    assert_eq!(recorder.seen()[0].headers["authorization"], "Bearer t0k3n");
}

#[tokio::test]
async fn a_layer_sends_a_request_elsewhere() {
    let (here, there) = (Recorder::new(), Recorder::new());
    let (backend, other) = (Backend::start(here.clone()).await, Backend::start(there.clone()).await);
    let elsewhere: http::Uri = format!("{}?v=2", other.url()).parse().expect("a URL");
    let layer = MapRequestLayer::new(move |mut request: Request<Payload>| {
        request.uri_mut().clone_from(&elsewhere);
        request.headers_mut().remove(HOST);
        request
    });
    let client = Client::builder(backend.url()).layer(layer).build().expect("valid");
    get(&client).await.expect("an answer");
    assert!(here.seen().is_empty());
    assert_eq!(there.seen()[0].headers["host"], other.address().to_string());
    assert_eq!(there.seen()[0].uri.query(), Some("v=2"));
}

#[tokio::test]
async fn a_layer_leaves_the_host_to_the_pool() {
    let recorder = Recorder::new();
    let backend = Backend::start(recorder.clone()).await;
    let layer = MapRequestLayer::new(|mut request: Request<Payload>| {
        request.headers_mut().remove(HOST);
        request
    });
    let client = Client::builder(backend.url()).layer(layer).build().expect("valid");
    get(&client).await.expect("an answer");
    assert_eq!(recorder.seen()[0].headers["host"], backend.address().to_string());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_layer_is_the_source_as_it_came() {
    let silent =
        service_fn(async |_: Request<Payload>| std::future::pending::<Result<Response<Payload>, Infallible>>().await);
    let layer = TimeoutLayer::new(Duration::from_secs(1));
    let client = Client::builder("").layer(layer).over(silent).build().expect("valid");
    let error = get(&client).await.expect_err("late");
    let source = error.source().expect("the layer");
    assert!(source.is::<tower::timeout::error::Elapsed>());
    assert_eq!(whole(&error), "cannot call `get` of in-process: request timed out");
}

#[tokio::test]
async fn the_error_of_the_transport_passes_through_layers() {
    let layer = TimeoutLayer::new(Duration::from_secs(9));
    let client = Client::builder("http://127.0.0.1:1/rpc").layer(layer).build().expect("valid");
    let error = get(&client).await.expect_err("nobody is there");
    assert!(error.is_connect());
    assert!(
        error
            .source()
            .and_then(|source| source.downcast_ref::<TransportError>())
            .is_some_and(TransportError::is_connect)
    );
}

/// An error that shows what it holds, and only the sources of that: as a breaker's does.
#[derive(Debug)]
struct Through<E>(E);

impl<E: fmt::Display> fmt::Display for Through<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: StdError> StdError for Through<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[derive(Clone)]
struct Mapped<S>(S);

impl<S> Service<Request<Payload>> for Mapped<S>
where
    S: Service<Request<Payload>, Response = Response<Payload>, Future: Send + 'static>,
{
    type Response = Response<Payload>;
    type Error = Through<S::Error>;
    type Future = Answering<Through<S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx).map_err(Through)
    }

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move { answer.await.map_err(Through) })
    }
}

#[tokio::test]
async fn a_connection_that_was_not_made_is_known_through_the_error_of_a_layer() {
    let client = Client::builder("http://127.0.0.1:1/rpc").layer(layer_fn(Mapped)).build().expect("valid");
    let error = get(&client).await.expect_err("nobody is there");
    assert!(error.is_connect());
    assert!(error.source().is_some_and(<dyn StdError>::is::<Through<TransportError>>));
}

/// Notes its name on the way in.
fn noted(
    name: &'static str,
    notes: &Arc<Mutex<Vec<&'static str>>>,
) -> impl Layer<AnyService, Service = AnyService> + Clone {
    let notes = Arc::clone(notes);
    layer_fn(move |inner: AnyService| {
        let notes = Arc::clone(&notes);
        AnyService::new(service_fn(move |request: Request<Payload>| {
            notes.lock().expect("unspoiled").push(name);
            let mut inner = inner.clone();
            async move { inner.call(request).await }
        }))
    })
}

type AnyService = tower::util::BoxCloneSyncService<Request<Payload>, Response<Payload>, TransportError>;

#[tokio::test]
async fn the_first_layer_is_the_outermost() {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let client = Client::builder("")
        .layer(noted("first", &notes))
        .layer(noted("second", &notes))
        .layer(layer_fn(AnyService::new))
        .over(Recorder::new())
        .build()
        .expect("valid");
    get(&client).await.expect("an answer");
    assert_eq!(*notes.lock().expect("unspoiled"), ["first", "second"]);
}

/// Calls again what may be called again, three times in all; counts what it does.
#[derive(Clone, Default)]
struct Retries(Arc<AtomicUsize>);

#[derive(Clone)]
struct Retrying<S> {
    inner: S,
    attempts: Arc<AtomicUsize>,
}

impl<S> Layer<S> for Retries {
    type Service = Retrying<S>;

    fn layer(&self, inner: S) -> Retrying<S> {
        Retrying { inner, attempts: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request<Payload>> for Retrying<S>
where
    S: Service<Request<Payload>, Response = Response<Payload>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
{
    type Response = Response<Payload>;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        let (mut inner, attempts) = (self.inner.clone(), Arc::clone(&self.attempts));
        let most = if request.extensions().get::<Idempotent>().is_some() { 3 } else { 1 };
        Box::pin(async move {
            for attempt in 1.. {
                attempts.fetch_add(1, Ordering::Relaxed);
                let answer = inner.call(request.clone()).await;
                let again = match &answer {
                    Ok(response) => matches!(response.extensions().get(), Some(Verdict::Transient(_))),
                    Err(_) => true,
                };
                if !again || attempt == most {
                    return answer;
                }
            }
            unreachable!("it ends within")
        })
    }
}

#[tokio::test]
async fn what_is_declared_idempotent_is_known_to_layers() {
    let busy = r#"{"jsonrpc":"2.0","id":$id,"error":{"code":-32000,"message":"busy"}}"#;
    for (procedure, expected) in [(GET, 3), (Procedure::new("add"), 1)] {
        let (recorder, retries) = (Recorder::answering(200, busy), Retries::default());
        let client = Client::builder("").layer(retries.clone()).over(recorder.clone()).build().expect("valid");
        let error = client.method(procedure).call::<u64, misc_rpc::Never, _>(&(7,)).await.expect_err("busy");
        assert!(error.is_busy());
        assert_eq!(retries.0.load(Ordering::Relaxed), expected, "{}", procedure.name);
        // Each attempt is the same call.
        let bodies = recorder.bodies();
        assert!(bodies.len() == expected && bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    }
}

#[tokio::test]
async fn a_declared_error_is_no_reason_to_call_again() {
    let body = r#"{"jsonrpc":"2.0","id":$id,"error":{"code":404,"message":"no such user"}}"#;
    let retries = Retries::default();
    let client =
        Client::builder("").layer(retries.clone()).over(Recorder::answering(200, body)).build().expect("valid");
    assert_eq!(get(&client).await.expect_err("an error").code(), Some(404));
    assert_eq!(retries.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn layers_see_the_method_and_the_whole_url() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let backend = Backend::start(Recorder::new()).await;
    let keep = Arc::clone(&seen);
    let layer = layer_fn(move |inner: misc_rpc::Transport| {
        let keep = Arc::clone(&keep);
        service_fn(move |request: Request<Payload>| {
            let name = request.extensions().get::<MethodName>().map(MethodName::as_str);
            keep.lock().expect("unspoiled").push((name, request.uri().to_string()));
            inner.clone().call(request)
        })
    });
    let client = Client::builder(backend.url()).layer(layer).build().expect("valid");
    get(&client).await.expect("an answer");
    client.method("seen").notify(&()).await.expect("taken");
    let expected = [(Some("get"), backend.url()), (Some("seen"), backend.url())];
    assert_eq!(*seen.lock().expect("unspoiled"), expected);
}

/// Must be ready before it is called, and a clone of it is not.
struct Strict<S> {
    inner: S,
    is_ready: bool,
}

impl<S: Clone> Clone for Strict<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), is_ready: false }
    }
}

impl<S: Service<Request<Payload>>> Service<Request<Payload>> for Strict<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.is_ready = true;
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Payload>) -> S::Future {
        assert!(std::mem::take(&mut self.is_ready), "it is called before it is ready");
        self.inner.call(request)
    }
}

#[tokio::test]
async fn the_service_that_is_ready_is_the_one_that_is_called() {
    fn strict<S>(inner: S) -> Strict<S> {
        Strict { inner, is_ready: false }
    }
    let client = Client::builder("")
        .layer(layer_fn(strict::<misc_rpc::Transport>))
        .over(strict(Recorder::new()))
        .build()
        .expect("valid");
    for _ in 0..3 {
        get(&client).await.expect("an answer");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_until_a_layer_is_ready_counts_as_a_part_of_the_call() {
    #[derive(Clone)]
    struct Never;
    impl Service<Request<Payload>> for Never {
        type Response = Response<Payload>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Payload>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, _: Request<Payload>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let builder = Client::builder("http://users").layer(layer_fn(|_| Never)).timeout(Duration::from_secs(3));
    let start = tokio::time::Instant::now();
    assert!(get(&builder.build().expect("valid")).await.expect_err("late").is_timeout());
    assert_eq!(start.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn a_layer_may_change_the_body_of_an_answer() {
    let layer = tower::util::MapResponseLayer::new(|response: Response<Payload>| {
        response.map(|body| http_body_util::BodyExt::boxed(http_body_util::Full::new(body.into_bytes())))
    });
    let client = Client::builder("").layer(layer).over(Recorder::new()).build().expect("valid");
    assert_eq!(get(&client).await.expect("an answer"), 1);
}

#[tokio::test]
async fn something_made_of_a_client_is_built_as_one() {
    struct Users(Client);
    impl From<Client> for Users {
        fn from(client: Client) -> Self {
            Self(client)
        }
    }
    let layer = TimeoutLayer::new(Duration::from_secs(1));
    let users = Builder::<Users>::new("http://users").layer(layer).over(Recorder::new()).build().expect("valid");
    assert_eq!(get(&users.0).await.expect("an answer"), 1);
}
