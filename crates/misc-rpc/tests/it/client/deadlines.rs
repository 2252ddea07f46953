//! How long a call may take.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use misc_core::Deadline;
use misc_rpc::{Client, Error, Methods, Never, Payload, Server};
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, service_fn};

use super::support::{Recorder, json, whole};

const SECOND: Duration = Duration::from_secs(1);

fn slow(time: Duration) -> Server {
    let methods = Methods::new().method("wait", move |()| async move {
        sleep(time).await;
        Ok::<_, Never>(1)
    });
    Server::new(methods).expect("valid")
}

async fn wait(client: &Client) -> Result<u64, Error> {
    client.method("wait").call(&()).await
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_30_seconds_unless_said_otherwise() {
    let start = Instant::now();
    let error = wait(&Client::over(slow(60 * SECOND))).await.expect_err("late");
    assert_eq!(start.elapsed(), 30 * SECOND);
    assert!(error.is_timeout() && !error.is_connect());
    assert_eq!(error.target(), "in-process");
    assert_eq!(wait(&Client::over(slow(29 * SECOND))).await.expect("in time"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_answers_ends_at_its_deadline() {
    let silent =
        service_fn(async |_: Request<Payload>| std::future::pending::<Result<Response<Payload>, Infallible>>().await);
    let client = Client::builder("").timeout(2 * SECOND).over(silent).build().expect("valid");
    let start = Instant::now();
    let error = wait(&client).await.expect_err("late");
    assert_eq!(start.elapsed(), 2 * SECOND);
    assert_eq!(whole(&error), "`wait` of in-process was not answered in time");
    assert!(error.is_timeout());
    assert_eq!(error.code(), None);
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_a_call_takes_as_long_as_it_takes() {
    let client = Client::builder("").timeout(None).over(slow(3_600 * SECOND)).build().expect("valid");
    assert_eq!(wait(&client).await.expect("at last"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_work_holds_if_it_is_sooner() {
    let start = Instant::now();
    let client = Client::builder("").timeout(5 * SECOND).over(slow(60 * SECOND)).build().expect("valid");
    let error = Deadline::within(SECOND).scope(wait(&client)).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(start.elapsed(), SECOND);
    let error = Deadline::within(60 * SECOND).scope(wait(&client)).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(start.elapsed(), 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn work_whose_deadline_has_passed_calls_nobody() {
    // Not even a layer, so that no breaker counts it.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let layer = tower::layer::layer_fn(move |inner: misc_rpc::Transport| {
        let count = Arc::clone(&count);
        service_fn(move |request: Request<Payload>| {
            count.fetch_add(1, Ordering::Relaxed);
            inner.clone().call(request)
        })
    });
    let client = Client::builder("").layer(layer).over(Recorder::new()).build().expect("valid");
    let error = Deadline::at(Instant::now()).scope(wait(&client)).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    wait(&client).await.expect("an answer");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_the_server_keeps_is_a_timeout_too() {
    let server = slow(60 * SECOND).timeout(SECOND);
    let error = wait(&Client::over(server)).await.expect_err("late");
    assert_eq!(error.code(), Some(misc_rpc::code::DEADLINE_EXCEEDED));
    assert!(error.is_timeout());
}

/// Tries again after a second, three times in all.
#[derive(Clone)]
struct Again;

#[derive(Clone)]
struct Trying<S>(S);

impl<S> Layer<S> for Again {
    type Service = Trying<S>;

    fn layer(&self, inner: S) -> Trying<S> {
        Trying(inner)
    }
}

impl<S> Service<Request<Payload>> for Trying<S>
where
    S: Service<Request<Payload>, Response = Response<Payload>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
{
    type Response = Response<Payload>;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Payload>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Payload>) -> Self::Future {
        let mut inner = self.0.clone();
        Box::pin(async move {
            for _ in 0..2 {
                let response = inner.call(request.clone()).await?;
                if response.status().is_success() {
                    return Ok(response);
                }
                sleep(SECOND).await;
            }
            inner.call(request).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_says_what_is_left_then() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let server = service_fn(move |request: Request<Payload>| {
        let left = |headers: &HeaderMap| headers["x-envoy-expected-rq-timeout-ms"].to_str().expect("a text").to_owned();
        keep.lock().expect("unspoiled").push((left(request.headers()), Deadline::current().map(Deadline::remaining)));
        let mut response = json(String::new());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        async { Ok::<_, Infallible>(response) }
    });
    let builder = Client::builder("").timeout(Duration::from_micros(2_500_700)).layer(Again);
    let client: Client = builder.over(server).build().expect("valid");
    wait(&client).await.expect_err("broken");
    // Rounded up. The layers and the service in this process know it, too.
    let left = |micros| Some(Duration::from_micros(micros));
    assert_eq!(
        *seen.lock().expect("unspoiled"),
        [("2501".to_owned(), left(2_500_700)), ("1501".to_owned(), left(1_500_700)), ("501".to_owned(), left(500_700))]
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_spans_all_attempts() {
    let broken = service_fn(async |_: Request<Payload>| {
        let mut response = json(String::new());
        *response.status_mut() = http::StatusCode::BAD_GATEWAY;
        Ok::<_, Infallible>(response)
    });
    let builder = Client::builder("").timeout(Duration::from_millis(1_500)).layer(Again);
    let client: Client = builder.over(broken).build().expect("valid");
    let start = Instant::now();
    let error = wait(&client).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(start.elapsed(), Duration::from_millis(1_500));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_after_the_deadline_is_not_sent() {
    let recorder = Recorder::new();
    // A layer that does not look at the clock, and does not wait either.
    let late = tower::layer::layer_fn(|inner| {
        service_fn(move |request: Request<Payload>| {
            let mut inner: misc_rpc::Transport = Clone::clone(&inner);
            async move {
                tokio::time::advance(2 * SECOND).await;
                inner.call(request).await
            }
        })
    });
    let client = Client::builder("").timeout(SECOND).layer(late).over(recorder.clone()).build().expect("valid");
    let error = wait(&client).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(
        whole(&error),
        "`wait` of in-process was not answered in time: the deadline had passed before it was sent"
    );
    assert_eq!(recorder.bodies(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_last_is_told_when_the_deadline_has_passed() {
    #[derive(Debug, thiserror::Error)]
    #[error("it rains")]
    struct Rain;
    let raining = service_fn(async |_: Request<Payload>| {
        tokio::time::advance(SECOND).await;
        Err::<Response<Payload>, _>(Rain)
    });
    let client = Client::builder("").timeout(SECOND).over(raining).build().expect("valid");
    let error = wait(&client).await.expect_err("late");
    assert!(error.is_timeout());
    assert_eq!(whole(&error), "`wait` of in-process was not answered in time: the service failed: it rains");
}
