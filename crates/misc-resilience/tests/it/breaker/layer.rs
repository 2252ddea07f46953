//! The breaker around tower services.

use std::{
    future::{Ready, pending, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use misc_resilience::{Breaker, BreakerState, Error, Verdict};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneSyncService};

use super::{DOWN, breaker, half_open, open, quick, seconds};

type Answer = Result<Response<()>, &'static str>;

/// A body that can neither be cloned nor made up.
struct Body;

fn request() -> Request<Body> {
    Request::new(Body)
}

fn status(status: u16) -> Answer {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    Ok(response)
}

async fn ask(breaker: &Breaker, answer: Answer) -> Result<Response<()>, Error<&'static str>> {
    let service = service_fn(move |_: Request<Body>| ready(answer.clone()));
    breaker.layer().layer(service).oneshot(request()).await
}

#[tokio::test(start_paused = true)]
async fn answers_count_by_what_their_status_means() {
    for (answer, failures) in [
        (status(200), 0),
        (status(404), 0),
        (status(500), 1),
        (status(503), 1),
        (status(429), 1),
        (status(504), 1),
        (Err(DOWN), 1),
    ] {
        let breaker = breaker(quick());
        let seen = ask(&breaker, answer.clone()).await;
        assert_eq!(seen.is_ok(), answer.is_ok(), "it passes answers on");
        let status = breaker.status();
        assert_eq!((status.calls, status.failures), (1, failures), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_by_its_verdict_if_it_has_one() {
    let breaker = breaker(quick());
    for (verdict, expected) in [(Verdict::Failure, (1, 1)), (Verdict::Ignored, (1, 1)), (Verdict::Success, (2, 1))] {
        let mut answer = status(200).unwrap();
        answer.extensions_mut().insert(verdict);
        ask(&breaker, Ok(answer)).await.unwrap();
        let status = breaker.status();
        assert_eq!((status.calls, status.failures), expected, "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_error_is_a_status_or_the_error_of_the_service() {
    let breaker = breaker(quick());
    ask(&breaker, status(502)).await.unwrap();
    assert_eq!(breaker.status().last_error.as_deref(), Some("502 Bad Gateway"));
    assert_eq!(ask(&breaker, Err(DOWN)).await.unwrap_err().into_inner().unwrap(), DOWN);
    assert_eq!(breaker.status().last_error.as_deref(), Some(DOWN));
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_does_not_call_the_service() {
    let breaker = open();
    let service = service_fn(|_: Request<Body>| async { unreachable!("it is called") });
    let mut service = breaker.layer().layer(service);
    let answer: Result<Response<()>, Error<&str>> = service.ready().await.unwrap().call(request()).await;
    assert!(answer.unwrap_err().is_open());
    assert_eq!(breaker.status().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_closure_judges_any_kind_of_answer() {
    let breaker = breaker(quick());
    let judge = |answer: Result<&u64, &&str>| match answer {
        Ok(0) => Verdict::Failure,
        Ok(_) => Verdict::Success,
        Err(_) => Verdict::Ignored,
    };
    let service = service_fn(async |number: u64| if number == 1 { Err("odd") } else { Ok(number) });
    let mut service = breaker.layer().classify(judge).layer(service);
    for number in [0, 1, 2] {
        let answer = service.ready().await.unwrap().call(number).await;
        assert_eq!(answer.is_ok(), number != 1);
    }
    let status = breaker.status();
    assert_eq!((status.calls, status.failures), (2, 1));
}

/// A service that is ready, or fails, when it is told to be.
#[derive(Clone)]
struct Inner {
    ready: Poll<Result<(), &'static str>>,
    asked: Arc<AtomicUsize>,
}

impl Inner {
    fn new(ready: Poll<Result<(), &'static str>>) -> Self {
        Self { ready, asked: Arc::default() }
    }
}

impl Service<Request<Body>> for Inner {
    type Response = Response<()>;
    type Error = &'static str;
    type Future = Ready<Answer>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.ready
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(status(200))
    }
}

async fn is_ready(service: &mut impl Service<Request<Body>, Error = Error<&'static str>>) -> bool {
    poll_fn(|cx| Poll::Ready(service.poll_ready(cx).is_ready())).await
}

#[tokio::test(start_paused = true)]
async fn is_ready_when_the_service_is() {
    let breaker = breaker(quick());
    assert!(is_ready(&mut breaker.layer().layer(Inner::new(Poll::Ready(Ok(()))))).await);
    assert!(!is_ready(&mut breaker.layer().layer(Inner::new(Poll::Pending))).await);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_rejects_without_waiting_for_the_service() {
    let breaker = open();
    let inner = Inner::new(Poll::Pending);
    let mut service = breaker.layer().layer(inner.clone());
    assert!(is_ready(&mut service).await);
    assert_eq!(inner.asked.load(Ordering::Relaxed), 0);
    // Even if it closes in between, since the service was not asked whether it is ready.
    breaker.reset();
    assert!(service.call(request()).await.unwrap_err().is_open());
    assert!(!is_ready(&mut service).await);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_get_ready_has_failed() {
    let breaker = breaker(quick());
    for _ in 0..10 {
        let mut service = breaker.layer().layer(Inner::new(Poll::Ready(Err(DOWN))));
        assert_eq!(service.ready().await.map(|_| ()).unwrap_err().into_inner().unwrap(), DOWN);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    assert_eq!(breaker.status().last_error.as_deref(), Some(DOWN));
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_not_used_up_by_being_ready() {
    let breaker = half_open().await;
    let service = breaker.layer().layer(Inner::new(Poll::Ready(Ok(()))));
    for _ in 0..10 {
        assert!(is_ready(&mut service.clone()).await);
    }
    assert_eq!(breaker.status().probes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_its_probe_back_and_counts_nothing() {
    let breaker = half_open().await;
    let hangs = service_fn(|_: Request<Body>| pending::<Answer>());
    let mut service = breaker.layer().layer(hangs);
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(service.ready().await.unwrap().call(request()));
    }
    assert_eq!(breaker.status().probes, 3);
    assert!(service.ready().await.unwrap().call(request()).await.unwrap_err().is_open());
    drop((calls, service));
    let status = breaker.status();
    assert_eq!((status.state, status.probes, status.calls), (BreakerState::HalfOpen, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_a_slow_call() {
    let mut config = quick();
    config.slow_call_duration = Some(Duration::from_secs(1));
    let breaker = breaker(config);
    let slow = service_fn(async |_: Request<Body>| {
        seconds(2).await;
        status(200)
    });
    breaker.layer().layer(slow).oneshot(request()).await.unwrap();
    assert_eq!(breaker.status().slow_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn services_of_a_layer_and_their_clones_share_the_breaker() {
    let breaker = breaker(quick());
    let layer = breaker.layer();
    let fails = || BoxCloneSyncService::new(layer.layer(service_fn(|_: Request<Body>| ready(Answer::Err(DOWN)))));
    let (one, two) = (fails(), fails());
    for _ in 0..5 {
        one.clone().oneshot(request()).await.unwrap_err();
        two.clone().oneshot(request()).await.unwrap_err();
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(one.oneshot(request()).await.unwrap_err().is_open());
}
