//! All parts around one call, in the right order.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    io,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use misc_core::{
    App, BoxError, Deadline, Idempotent, Verdict,
    schema::{Describe, Kind},
};
use misc_resilience::{
    Boxed, BreakerConfig, BreakerState, Budget, BulkheadConfig, Jitter, Policy, PolicyConfig, RetryConfig, Window,
};
use misc_test::{Metrics, TestApp};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, advance, sleep, timeout},
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

fn down() -> io::Error {
    io::Error::other("it is down")
}

/// Three attempts with pauses of 100 ms, of 1 s each and 10 s in all; one call under way, and one that waits up to 5 s.
fn config() -> PolicyConfig {
    let (mut retry, mut bulkhead, mut breaker) =
        (RetryConfig::default(), BulkheadConfig::default(), BreakerConfig::default());
    (retry.initial_delay, retry.max_delay, retry.jitter) = (MS(100), MS(100), Jitter::None);
    (bulkhead.limit, bulkhead.waiting, bulkhead.wait) = (1, 1, SECS(5));
    (breaker.window, breaker.minimum_calls, breaker.open_jitter) = (Window::Calls(10), 10, 0.0);
    let mut config = PolicyConfig::default();
    (config.deadline, config.attempt_timeout) = (Some(SECS(10)), Some(SECS(1)));
    (config.retry, config.bulkhead, config.breaker) = (Some(retry), Some(bulkhead), Some(breaker));
    config
}

fn policy() -> Policy {
    Policy::with_config("users", config()).unwrap()
}

/// Failures that the breaker has seen.
fn failures(policy: &Policy) -> u64 {
    policy.breaker().unwrap().status().failures
}

fn seen(policy: &Policy) -> u64 {
    policy.breaker().unwrap().status().calls
}

#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_is_made_once() {
    let policy = Policy::new("users");
    let calls = AtomicUsize::new(0);
    let call = async || {
        calls.fetch_add(1, Relaxed);
        Ok::<_, io::Error>("Ada")
    };
    assert_eq!(policy.call(call).await.unwrap(), "Ada");
    assert_eq!((calls.load(Relaxed), seen(&policy), policy.bulkhead().unwrap().in_flight()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_breaker_sees_each_attempt_and_what_took_too_long() {
    let policy = policy();
    let call = policy.call(|| ready(Err::<(), _>(down())));
    assert_eq!(call.await.unwrap_err().to_string(), "it is down");
    assert_eq!(failures(&policy), 3);
    let began = Instant::now();
    assert!(policy.call(pending::<io::Result<()>>).await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), MS(3_200));
    assert_eq!(failures(&policy), 6);
    assert_eq!(policy.breaker().unwrap().status().last_error.as_deref(), Some("it took too long"));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_ends_the_retries_with_the_last_real_error() {
    let mut config = config();
    config.retry.as_mut().unwrap().attempts = 100;
    config.budget = None;
    let policy = Policy::with_config("users", config).unwrap();
    let error = policy.call(|| ready(Err::<(), _>(down()))).await.unwrap_err();
    assert_eq!(error.into_inner().unwrap().to_string(), "it is down");
    assert_eq!(policy.breaker().unwrap().state(), BreakerState::Open);
    assert_eq!(failures(&policy), 10);
    // From now on there is no call at all.
    let began = Instant::now();
    let error = policy.call(async || -> io::Result<()> { panic!("it is called") }).await.unwrap_err();
    assert!(error.is_open());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Settings with which the first failure opens the breaker, for a while.
fn brittle(open: Duration) -> PolicyConfig {
    let mut config = config();
    let breaker = config.breaker.as_mut().unwrap();
    (breaker.consecutive_failures, breaker.open_duration) = (NonZeroU32::new(1), open);
    breaker.half_open_calls = NonZeroU32::MIN;
    config.deadline = Some(SECS(60));
    config
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_is_open_for_longer_than_the_pause_ends_the_retries_at_once() {
    for (open, attempts, took) in [(SECS(26), 1, SECS(0)), (SECS(25), 3, SECS(50)), (SECS(1), 3, SECS(50))] {
        let mut config = brittle(open);
        config.breaker.as_mut().unwrap().open_growth = 1.0;
        let policy = Policy::with_config("users", config).unwrap();
        let asked_to_wait = policy.clone().judge(|_: Result<&(), &io::Error>| Verdict::Transient(Some(SECS(25))));
        let (count, began) = (AtomicUsize::new(0), Instant::now());
        let call = async || {
            count.fetch_add(1, Relaxed);
            Err::<(), _>(down())
        };
        let error = asked_to_wait.call(call).await.unwrap_err();
        assert_eq!(error.into_inner().unwrap().to_string(), "it is down");
        assert_eq!((count.load(Relaxed), began.elapsed()), (attempts, took), "open for {open:?}");
    }
    // So does one that somebody keeps open, and what took too long is told as such.
    let policy = policy();
    let hanging = async || {
        policy.breaker().unwrap().force_open();
        pending::<io::Result<()>>().await
    };
    let began = Instant::now();
    assert!(policy.call(hanging).await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), SECS(1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_breaker_rejects_costs_nothing() {
    let budget = Budget::new();
    let policy = policy().budget(&budget);
    let trip = async {
        sleep(MS(50)).await;
        policy.breaker().unwrap().trip();
    };
    let (end, ()) = tokio::join!(policy.call(|| ready(Err::<(), _>(down()))), trip);
    assert_eq!(end.unwrap_err().to_string(), "it is down");
    assert_eq!(budget.available(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_the_budget_refuses_is_given_back() {
    let (metrics, budget) = (Metrics::new(), Budget::new());
    let policy = Policy::with_config("users", brittle(MS(50))).unwrap().budget(&budget).meter(&metrics.meter());
    let spend = async {
        sleep(MS(50)).await;
        assert_eq!(std::iter::from_fn(|| budget.withdraw().then_some(())).count(), 10);
    };
    let (end, ()) = tokio::join!(policy.call(|| ready(Err::<(), _>(down()))), spend);
    assert_eq!(end.unwrap_err().to_string(), "it is down");
    let status = policy.breaker().unwrap().status();
    assert_eq!((status.state, status.probes, status.rejected), (BreakerState::HalfOpen, 0, 0));
    assert_idle(&policy, &metrics, 0.0);
    for (outcome, count) in [("failure", 1.0), ("cancelled", 0.0), ("rejected", 0.0)] {
        metrics.assert_metric("circuit_breaker_calls_total", &[("name", "users"), ("outcome", outcome)], count);
    }
    metrics.assert_metric("retry_budget_exhausted_total", &[("name", "users")], 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_never_rests_is_given_up_in_time() {
    let (mut only_attempt, mut only_deadline) = (config(), config());
    (only_attempt.deadline, only_attempt.retry) = (None, None);
    (only_deadline.attempt_timeout, only_deadline.retry) = (None, None);
    (only_deadline.deadline, only_attempt.attempt_timeout) = (Some(SECS(1)), Some(SECS(1)));
    for config in [only_attempt, only_deadline] {
        let policy = Policy::with_config("users", config).unwrap();
        let attempt = async || {
            let (sender, mut receiver) = mpsc::channel(1);
            sender.try_send(()).unwrap();
            // There is always something to receive, so each poll ends only when it has taken what a task may take.
            for _ in 0..1_000_000 {
                receiver.recv().await;
                sender.try_send(()).unwrap();
            }
            Ok::<_, io::Error>(())
        };
        let mut clock = JoinSet::new();
        clock.spawn(advance(SECS(2)));
        assert!(policy.call(attempt).await.unwrap_err().is_timeout());
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_one_slot_for_all_its_attempts() {
    let policy = policy();
    let bulkhead = policy.bulkhead().unwrap();
    let call = policy.call(|| ready(Err::<(), _>(down())));
    let look = async {
        sleep(MS(50)).await;
        assert_eq!(bulkhead.in_flight(), 1, "in a pause");
    };
    let (end, ()) = tokio::join!(call, look);
    assert!(end.is_err());
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_ended_gives_back_its_slot_also_while_its_future_is_kept() {
    let policy = policy();
    let mut service = policy.layer().layer(Web::new(StatusCode::OK));
    let mut call = Box::pin(service.call(request(Method::GET)));
    call.as_mut().await.unwrap();
    assert_eq!(policy.bulkhead().unwrap().in_flight(), 0);
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_by_the_bulkhead_counts_nowhere_else() {
    let budget = Budget::new();
    let policy = policy().budget(&budget);
    let slot = policy.bulkhead().unwrap().acquire().await.unwrap();
    let began = Instant::now();
    let error = policy.call(async || -> io::Result<()> { panic!("it is called") }).await.unwrap_err();
    assert!(error.is_full());
    assert_eq!(began.elapsed(), SECS(5));
    assert_eq!((seen(&policy), budget.available()), (0, 10));
    drop(slot);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_waiting_pauses_and_attempts_together() {
    let mut config = config();
    config.deadline = Some(MS(2_500));
    let policy = Policy::with_config("users", config).unwrap();
    let slot = policy.bulkhead().unwrap().acquire().await.unwrap();
    let free = async {
        sleep(MS(1_000)).await;
        drop(slot);
    };
    let attempts = Mutex::new(Vec::new());
    let began = Instant::now();
    let call = policy.call(async || {
        attempts.lock().unwrap().push((began.elapsed(), Deadline::current().unwrap().remaining()));
        pending::<io::Result<()>>().await
    });
    let (end, ()) = tokio::join!(call, free);
    assert!(end.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), MS(2_500));
    assert_eq!(*attempts.lock().unwrap(), [(MS(1_000), MS(1_000)), (MS(2_100), MS(400))]);
    // That it was cut off short does not make it a success.
    assert_eq!(failures(&policy), 2);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_slot_past_the_deadline() {
    let policy = policy();
    let _slot = policy.bulkhead().unwrap().acquire().await.unwrap();
    let began = Instant::now();
    let call = policy.call(async || Ok::<_, io::Error>(()));
    assert!(Deadline::within(MS(300)).scope(call).await.unwrap_err().is_full());
    assert_eq!(began.elapsed(), MS(300));
}

#[tokio::test(start_paused = true)]
async fn under_a_deadline_that_is_over_nothing_is_asked() {
    let policy = policy();
    let call = policy.call(async || -> io::Result<()> { panic!("it is called") });
    assert!(Deadline::within(Duration::ZERO).scope(call).await.unwrap_err().is_timeout());
    assert_eq!(seen(&policy), 0);
}

#[tokio::test(start_paused = true)]
async fn who_judges_says_what_counts_and_what_is_tried_again() {
    let judged = policy().judge(|answer: Result<&u16, &io::Error>| match answer {
        Ok(200) => Verdict::Success,
        Ok(404) => Verdict::Ignored,
        Ok(500) => Verdict::Failure,
        Ok(_) => Verdict::Transient(Some(MS(700))),
        Err(_) => Verdict::Success,
    });
    let breaker = judged.breaker().unwrap();
    for (answer, attempts, seen, failures) in
        [(Ok(200), 1, 1, 0), (Ok(404), 1, 1, 0), (Ok(500), 1, 2, 1), (Err(()), 1, 3, 1), (Ok(503), 3, 6, 4)]
    {
        let count = AtomicUsize::new(0);
        let began = Instant::now();
        let call = async || {
            count.fetch_add(1, Relaxed);
            answer.map_err(|()| down())
        };
        let end = judged.call(call).await;
        assert_eq!(end.ok(), answer.ok());
        assert_eq!(count.load(Relaxed), attempts, "{answer:?}");
        assert_eq!(began.elapsed(), if attempts > 1 { MS(1_400) } else { Duration::ZERO });
        let status = breaker.status();
        assert_eq!((status.calls, status.failures), (seen, failures), "{answer:?}");
    }
}

/// A service that answers with a status, and counts how often it is asked.
#[derive(Clone)]
struct Web {
    status: StatusCode,
    asked: Arc<AtomicUsize>,
}

impl Web {
    fn new(status: StatusCode) -> Self {
        Self { status, asked: Arc::default() }
    }

    fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }
}

impl Service<Request<&'static str>> for Web {
    type Response = Response<&'static str>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<&'static str>) -> Self::Future {
        self.asked.fetch_add(1, Relaxed);
        let response = Response::builder().status(self.status).body(*request.body());
        ready(Ok(response.unwrap()))
    }
}

fn request(method: Method) -> Request<&'static str> {
    Request::builder().method(method).body("body").unwrap()
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_reads_http() {
    let policy = policy();
    let service = |web: &Web| ServiceBuilder::new().layer(policy.clone()).service(web.clone());
    let web = Web::new(StatusCode::OK);
    assert_eq!(service(&web).oneshot(request(Method::GET)).await.unwrap().into_body(), "body");
    assert_eq!((web.asked(), failures(&policy)), (1, 0));
    let web = Web::new(StatusCode::BAD_GATEWAY);
    let response = service(&web).oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!((web.asked(), failures(&policy)), (3, 3));
    assert_eq!(policy.breaker().unwrap().status().last_error.as_deref(), Some("502 Bad Gateway"));
    service(&web).oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(web.asked(), 4);
    let mut declared = request(Method::POST);
    declared.extensions_mut().insert(Idempotent);
    service(&web).oneshot(declared).await.unwrap();
    assert_eq!(web.asked(), 7);
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_rejects_at_once_while_the_breaker_is_open_even_if_the_service_is_not_ready() {
    #[derive(Clone)]
    struct NeverReady;
    impl Service<Request<&'static str>> for NeverReady {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Pending
        }

        fn call(&mut self, _: Request<&'static str>) -> Self::Future {
            unreachable!("it is not ready")
        }
    }
    let policy = policy();
    let service = policy.layer().layer(NeverReady);
    let began = Instant::now();
    // What was never sent can be sent again, also if it may be made only once.
    assert!(service.clone().oneshot(request(Method::POST)).await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), MS(3_200));
    policy.breaker().unwrap().trip();
    assert!(service.oneshot(request(Method::POST)).await.unwrap_err().is_open());
    assert_eq!(began.elapsed(), MS(3_200));
}

#[tokio::test(start_paused = true)]
async fn services_of_one_policy_share_what_it_has() {
    let policy = policy();
    let web = Web::new(StatusCode::INTERNAL_SERVER_ERROR);
    let (one, other) = (policy.layer().layer(web.clone()), policy.clone().layer().layer(web.clone()));
    for _ in 0..5 {
        one.clone().oneshot(request(Method::GET)).await.unwrap();
        other.clone().oneshot(request(Method::GET)).await.unwrap();
    }
    assert!(one.oneshot(request(Method::GET)).await.unwrap_err().is_open());
    assert!(policy.call(async || Ok::<_, io::Error>(())).await.unwrap_err().is_open());
    assert_eq!(web.asked(), 10);
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_and_requests_that_are_made_once_are_not_cloned() {
    #[derive(Debug)]
    struct Counted(Arc<AtomicUsize>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Relaxed);
            Self(Arc::clone(&self.0))
        }
    }
    let service =
        service_fn(|_: Request<Counted>| ready(Ok::<_, Infallible>(Response::builder().status(503).body(()).unwrap())));
    let clones = Arc::new(AtomicUsize::new(0));
    let request = |method| Request::builder().method(method).body(Counted(Arc::clone(&clones))).unwrap();
    let once = Policy::with_config("users", PolicyConfig::once()).unwrap();
    once.layer().layer(service).oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(clones.load(Relaxed), 0);
    policy().layer().layer(service).oneshot(request(Method::POST)).await.unwrap();
    assert_eq!(clones.load(Relaxed), 0);
    policy().layer().layer(service).oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(clones.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn another_classify_is_taken_on_request() {
    let web = Web::new(StatusCode::NOT_FOUND);
    let strict = |answer: Result<&Response<&str>, &Infallible>| match answer {
        Ok(response) if response.status().is_success() => Verdict::Success,
        _ => Verdict::Transient(None),
    };
    let service = policy().layer().classify(strict).layer(web.clone());
    service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(web.asked(), 3);
    // A method that may be made again, which nobody may.
    let service = policy().layer().classify(strict).again(|_: &Request<_>| None).layer(web.clone());
    service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(web.asked(), 4);
}

/// Notes whether it was dropped.
struct Noted(Arc<AtomicUsize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Holds a policy against having nothing under way.
fn assert_idle(policy: &Policy, metrics: &Metrics, cancelled: f64) {
    let bulkhead = policy.bulkhead().unwrap();
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
    assert_eq!(policy.breaker().unwrap().status().probes, 0);
    let count = metrics.value("policy_calls_total", &[("name", "users"), ("outcome", "cancelled")]);
    assert_eq!(count, Some(cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_wherever_it_waits_gives_everything_back() {
    let metrics = Metrics::new();
    let mut config = config();
    config.breaker.as_mut().unwrap().half_open_calls = 1.try_into().unwrap();
    let policy = Policy::with_config("users", config).unwrap().meter(&metrics.meter());
    let breaker = policy.breaker().unwrap();
    let hanging = || async { pending::<io::Result<()>>().await };

    // It was never polled.
    drop(policy.call(hanging));
    assert_idle(&policy, &metrics, 0.0);
    // Its turn.
    let slot = policy.bulkhead().unwrap().acquire().await.unwrap();
    assert!(timeout(MS(10), policy.call(hanging)).await.is_err());
    drop(slot);
    assert_idle(&policy, &metrics, 1.0);
    // An attempt, which is a probe.
    breaker.trip();
    sleep(SECS(60)).await;
    let dropped = Arc::new(AtomicUsize::new(0));
    let call = async || {
        let _noted = Noted(Arc::clone(&dropped));
        pending::<io::Result<()>>().await
    };
    let mut probe = Box::pin(policy.call(call));
    assert!(timeout(MS(10), &mut probe).await.is_err());
    assert_eq!((breaker.status().probes, dropped.load(Relaxed)), (1, 0));
    drop(probe);
    assert_eq!(dropped.load(Relaxed), 1);
    assert_idle(&policy, &metrics, 2.0);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    // A pause.
    breaker.reset();
    let available = policy.status().retries_available;
    assert!(timeout(MS(50), policy.call(|| ready(Err::<(), _>(down())))).await.is_err());
    assert_eq!(policy.status().retries_available, available);
    assert_idle(&policy, &metrics, 3.0);
    // An attempt that follows another one.
    let count = AtomicUsize::new(0);
    let call = async || match count.fetch_add(1, Relaxed) {
        0 => Err(down()),
        _ => pending::<io::Result<()>>().await,
    };
    assert!(timeout(MS(150), policy.call(call)).await.is_err());
    assert_eq!(count.load(Relaxed), 2);
    assert_idle(&policy, &metrics, 4.0);
    assert_eq!(seen(&policy), 2, "only what came to an end");
    // And it goes on.
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_wherever_it_waits_gives_everything_back() {
    /// Gets ready after a while, and answers after a while.
    #[derive(Clone)]
    struct Slow(Option<Arc<Mutex<Pin<Box<tokio::time::Sleep>>>>>);
    impl Service<Request<&'static str>> for Slow {
        type Response = Response<()>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Response<()>, Infallible>> + Send>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            let timer = self.0.get_or_insert_with(|| Arc::new(Mutex::new(Box::pin(sleep(MS(100))))));
            let is_ready = timer.lock().unwrap().as_mut().poll(cx).is_ready();
            if is_ready {
                // The next time it takes as long.
                self.0 = None;
                return Poll::Ready(Ok(()));
            }
            Poll::Pending
        }

        fn call(&mut self, _: Request<&'static str>) -> Self::Future {
            Box::pin(async {
                sleep(MS(100)).await;
                Ok(Response::builder().status(503).body(()).unwrap())
            })
        }
    }
    let metrics = Metrics::new();
    let policy = policy().meter(&metrics.meter());
    let service = policy.layer().layer(Slow(None));
    // Getting ready, the first answer, the pause after it, the second answer, ..
    for (count, at) in [50, 150, 250, 350, 450, 550, 650].into_iter().enumerate() {
        assert!(timeout(MS(at), service.clone().oneshot(request(Method::GET))).await.is_err(), "{at} ms");
        assert_idle(&policy, &metrics, 1.0 + count as f64);
        policy.breaker().unwrap().reset();
        // The budget is to last.
        sleep(SECS(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_became_of_calls_is_measured() {
    let metrics = Metrics::new();
    let policy = policy().meter(&metrics.meter());
    let value = |name: &str, labels: &[(&str, &str)]| {
        let labels: Vec<_> = [("name", "users")].iter().chain(labels).copied().collect();
        metrics.value(name, &labels)
    };
    let outcome = |outcome| value("policy_calls_total", &[("outcome", outcome)]);
    for name in ["success", "failure", "ignored", "timeout", "rejected", "full", "cancelled"] {
        assert_eq!(outcome(name), Some(0.0), "{name} is there from the start");
    }
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap();
    policy.call(|| ready(Err::<(), _>(down()))).await.unwrap_err();
    assert_eq!(value("retry_attempts_total", &[]), Some(2.0));
    policy.call(pending::<io::Result<()>>).await.unwrap_err();
    let ignoring = policy.clone().judge(|_: Result<&(), &io::Error>| Verdict::Ignored);
    ignoring.call(|| ready(Err::<(), _>(down()))).await.unwrap_err();
    policy.breaker().unwrap().force_open();
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap_err();
    let slot = policy.bulkhead().unwrap().acquire().await.unwrap();
    assert_eq!(value("bulkhead_in_flight", &[]), Some(1.0));
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap_err();
    drop(slot);
    for name in ["success", "failure", "ignored", "timeout", "rejected", "full"] {
        assert_eq!(outcome(name), Some(1.0), "{name}");
    }
    assert_eq!(value("bulkhead_in_flight", &[]), Some(0.0));
    assert_eq!(value("bulkhead_rejected_total", &[]), Some(1.0));
    assert_eq!(value("circuit_breaker_calls_total", &[("outcome", "success")]), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn as_a_plugin_it_is_shown_and_measured_and_does_not_keep_the_app() {
    let metrics = Metrics::new();
    let policy = Policy::new("users");
    let calling = policy.clone();
    let shop = async move |ctx: misc_core::Context| -> Result<(), BoxError> {
        ctx.ready();
        calling.call(async || Ok::<_, io::Error>(())).await?;
        ctx.stopping().await;
        Ok(())
    };
    let app = App::new("shop").meter(metrics.meter()).with(policy.clone()).service("shop", shop);
    let app = TestApp::start(app).await;
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap();
    metrics.assert_metric("policy_calls_total", &[("name", "users"), ("outcome", "success")], 2.0);
    let status = serde_json::to_value(app.handle().status()).unwrap();
    let shown = &status["children"][0]["inspected"][0];
    assert_eq!((&status["children"][0]["name"], &shown["name"]), (&"policy-users".into(), &"policy".into()));
    assert_eq!(shown["value"]["name"], "users");
    assert_eq!(shown["value"]["bulkhead"]["limit"], 1_000);
    assert_eq!(shown["value"]["breaker"]["state"], "closed");
    app.stop().await.assert_clean().await;

    let done = App::new("shop").with(Policy::new("users")).service("job", async |_: misc_core::Context| Ok(()));
    TestApp::launch(done).ended().await.assert_ok();
}

#[tokio::test(start_paused = true)]
async fn as_a_plugin_it_keeps_the_meter_that_it_had() {
    let (own, of_app) = (Metrics::new(), Metrics::new());
    let policy = Policy::new("users").meter(&own.meter());
    let app = TestApp::start(App::new("shop").meter(of_app.meter()).with(policy.clone())).await;
    policy.call(async || Ok::<_, io::Error>(())).await.unwrap();
    let labels = [("name", "users"), ("outcome", "success")];
    assert_eq!(own.value("policy_calls_total", &labels), Some(1.0));
    assert_eq!(of_app.value("policy_calls_total", &labels), None);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn it_is_healthy_while_its_breaker_lets_calls_pass() {
    let policy = policy();
    let healthy = policy.healthy();
    assert!(healthy().await.is_ok());
    policy.breaker().unwrap().trip();
    assert!(healthy().await.unwrap_err().to_string().starts_with("breaker `users` is open"));
    let mut config = config();
    config.breaker = None;
    assert!(Policy::with_config("users", config).unwrap().healthy()().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_nothing_makes_calls_as_they_are() {
    let nothing = r#"{ "deadline": null, "bulkhead": null, "retry": null, "budget": null, "breaker": null,
        "attempt_timeout": null }"#;
    let policy = Policy::with_config("users", serde_json::from_str(nothing).unwrap()).unwrap();
    let call = policy.call(async || {
        sleep(SECS(100_000)).await;
        Err::<(), _>(io::Error::other(format!("{:?}", Deadline::current())))
    });
    assert_eq!(call.await.unwrap_err().to_string(), "None");
    assert!(policy.breaker().is_none() && policy.bulkhead().is_none());
}

#[test]
fn settings_have_defaults_each() {
    let config: PolicyConfig =
        serde_json::from_str(r#"{ "deadline": "5s", "retry": { "attempts": 5 }, "breaker": null }"#).unwrap();
    let mut expected = PolicyConfig::default();
    let mut retry = RetryConfig::default();
    retry.attempts = 5;
    (expected.deadline, expected.retry, expected.breaker) = (Some(SECS(5)), Some(retry), None);
    assert_eq!(config, expected);
    assert!(serde_json::from_str::<PolicyConfig>(r#"{ "retries": {} }"#).is_err());
    let back: PolicyConfig = serde_json::from_value(serde_json::to_value(PolicyConfig::default()).unwrap()).unwrap();
    assert_eq!(back, PolicyConfig::default());
}

#[test]
fn every_setting_is_described() {
    fn check(kind: &Kind) -> usize {
        match kind {
            Kind::Optional(inside) => check(inside),
            Kind::Struct(schema) => {
                assert!(!schema.docs.is_empty() && schema.defaults.is_some());
                let fields = schema.fields.iter();
                fields
                    .map(|field| {
                        assert!(!field.docs.is_empty() && !matches!(field.kind, Kind::Any), "{}", field.name);
                        1 + check(field.kind)
                    })
                    .sum()
            }
            _ => 0,
        }
    }
    assert!(check(&PolicyConfig::KIND) >= 6 + 3 + 5 + 3 + 13);
}

#[test]
fn settings_that_make_no_sense_are_refused_together_with_their_fields() {
    let config = r#"{
        "bulkhead": { "limit": 0 },
        "retry": { "attempts": 0, "factor": 0.5 },
        "budget": { "ratio": -1 },
        "breaker": { "failure_ratio": 7 }
    }"#;
    let refused = Policy::with_config("", serde_json::from_str(config).unwrap()).unwrap_err();
    let problems: Vec<_> = refused.problems().iter().map(|problem| problem.split(';').next().unwrap()).collect();
    assert_eq!(
        problems,
        [
            "it has no name, which metrics and rejections need",
            "bulkhead: `limit` is 0, so no call would ever be made",
            "retry: `attempts` is 0, so no call would ever be made",
            "retry: `factor` is 0.5",
            "budget: `ratio` is -1",
            "breaker: `failure_ratio` is 7",
        ]
    );
    let mut config = PolicyConfig::default();
    config.deadline = Some(Duration::ZERO);
    let refused = Policy::with_config("users", config).unwrap_err();
    assert!(refused.to_string().starts_with("policy `users` cannot work: `deadline` is no time"), "{refused}");
}

#[test]
fn presets_make_sense() {
    for config in
        [PolicyConfig::interactive(), PolicyConfig::background(), PolicyConfig::once(), PolicyConfig::default()]
    {
        Policy::with_config("users", config).unwrap();
    }
    assert_eq!(PolicyConfig::interactive().deadline, Some(SECS(2)));
    assert_eq!(PolicyConfig::background().retry.unwrap().attempts, 10);
    assert_eq!(PolicyConfig::once().retry, None);
}

#[test]
fn its_futures_can_be_sent_and_are_not_large() {
    fn sent<T: Send>(future: &T) -> usize {
        size_of_val(future)
    }
    let policy = policy();
    let call = sent(&policy.call(async || Ok::<_, io::Error>(())));
    let mut service = policy.layer().layer(Web::new(StatusCode::OK));
    let request = sent(&service.call(request(Method::GET)));
    assert!(call < 1_024 && request < 1_536, "{call} and {request} bytes");
}

#[tokio::test]
async fn an_error_in_a_box_is_an_error_behind_a_policy() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot ask")]
    struct CannotAsk(#[source] io::Error);

    let ask = async |_: Request<()>| Err::<Response<()>, _>(BoxError::from(CannotAsk(down())));
    let policy = Policy::with_config("users", PolicyConfig::once()).expect("valid");
    let users = ServiceBuilder::new().layer(policy).map_err(Boxed::new).service(service_fn(ask));
    let failed = users.oneshot(Request::new(())).await.expect_err("it is down");
    let error: BoxError = failed.into();
    assert_eq!(error.to_string(), "cannot ask");
    assert_eq!(error.source().map(ToString::to_string), Some("it is down".to_owned()));
    let own = error.downcast::<misc_resilience::Error<Boxed>>().expect("it has its type").into_inner();
    assert!(own.expect("the call's own").into_inner().is::<CannotAsk>());
}
