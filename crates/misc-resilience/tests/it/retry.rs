//! Calls that are made again when they have failed.

use std::{
    io::{self, ErrorKind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, header::RETRY_AFTER};
use misc_core::{Deadline, Idempotent, Verdict};
use misc_resilience::{Budget, ByStatus, EveryError, Jitter, Retry, RetryConfig};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

/// Retries with pauses that are all of one length, within ten minutes.
fn paused(attempts: u32, pause: Duration) -> Retry {
    let mut config = RetryConfig::default();
    (config.attempts, config.initial_delay, config.max_delay) = (attempts, pause, pause);
    config.jitter = Jitter::None;
    Retry::with_config(config).unwrap().deadline(SECS(600))
}

/// Attempts that fail with a kind each, and when they began.
#[derive(Clone)]
struct Failing {
    since: Instant,
    began: Arc<Mutex<Vec<u128>>>,
}

impl Failing {
    fn new() -> Self {
        Self { since: Instant::now(), began: Arc::default() }
    }

    fn attempt(&self, kind: ErrorKind) -> std::future::Ready<io::Result<()>> {
        self.began.lock().unwrap().push(self.since.elapsed().as_millis());
        std::future::ready(Err(kind.into()))
    }

    fn began(&self) -> Vec<u128> {
        self.began.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.began().len()
    }
}

// C52
#[tokio::test(start_paused = true)]
async fn attempts_that_take_too_long_end_with_the_deadline_in_a_timeout() {
    let attempts = AtomicU32::new(0);
    let retry = paused(100, MS(50)).attempt_timeout(MS(50)).deadline(MS(300));
    let call = retry.call(async |_| {
        attempts.fetch_add(1, Relaxed);
        sleep(SECS(1)).await;
        Ok::<_, io::Error>(())
    });
    assert!(call.await.unwrap_err().is_timeout());
    assert_eq!(attempts.load(Relaxed), 3);
}

// C53
#[tokio::test(start_paused = true)]
async fn at_the_deadline_the_last_real_error_is_returned() {
    let retry = paused(100, MS(50)).deadline(MS(220));
    let call = retry.call(async |attempt| {
        if attempt.number() == 3 {
            sleep(SECS(1)).await;
        }
        Err::<(), _>(io::Error::other(format!("failure {}", attempt.number())))
    });
    let began = Instant::now();
    let error = call.await.unwrap_err();
    assert_eq!(error.to_string(), "failure 2");
    assert_eq!(began.elapsed(), MS(220));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_does_not_hide_the_real_error_before_it() {
    let retry = paused(2, MS(10)).attempt_timeout(MS(10));
    let call = retry.call(async |attempt| match attempt.number() {
        1 => Err::<(), _>(io::Error::other("no disk")),
        _ => std::future::pending().await,
    });
    assert_eq!(call.await.unwrap_err().to_string(), "no disk");
}

// C54
#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_listed_is_not_tried_again() {
    let retry = paused(3, MS(1)).when(|error: &io::Error| error.kind() == ErrorKind::TimedOut);
    for (kind, calls) in [(ErrorKind::TimedOut, 3), (ErrorKind::NotFound, 1)] {
        let failing = Failing::new();
        let error = retry.call(|_| failing.attempt(kind)).await.unwrap_err();
        assert_eq!((error.into_inner().unwrap().kind(), failing.count()), (kind, calls));
    }
}

// C55
#[tokio::test(start_paused = true)]
async fn a_call_is_made_as_often_as_there_are_attempts() {
    for attempts in [1, 2, 5] {
        let failing = Failing::new();
        paused(attempts, MS(1)).call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
        assert_eq!(failing.count(), attempts as usize);
    }
}

// C56
#[tokio::test(start_paused = true)]
async fn who_gives_up_makes_no_further_call() {
    let failing = Failing::new();
    let retry = paused(5, MS(1)).give_up_on(|error: &io::Error| error.kind() == ErrorKind::PermissionDenied);
    retry.call(|_| failing.attempt(ErrorKind::PermissionDenied)).await.unwrap_err();
    assert_eq!(failing.count(), 1);
    retry.call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
    assert_eq!(failing.count(), 6);
}

#[tokio::test(start_paused = true)]
async fn conditions_add_up() {
    let retry = paused(2, MS(1))
        .when(|error: &io::Error| error.kind() != ErrorKind::NotFound)
        .give_up_on(|error: &io::Error| error.kind() == ErrorKind::PermissionDenied);
    for (kind, calls) in [(ErrorKind::NotFound, 1), (ErrorKind::PermissionDenied, 1), (ErrorKind::Other, 2)] {
        let failing = Failing::new();
        retry.call(|_| failing.attempt(kind)).await.unwrap_err();
        assert_eq!(failing.count(), calls, "{kind:?}");
    }
}

// C57
#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_not_made_again() {
    let failing = Failing::new();
    let retry = paused(5, MS(50));
    let call = retry.call(|_| failing.attempt(ErrorKind::Other));
    assert!(tokio::time::timeout(MS(70), call).await.is_err());
    sleep(SECS(1)).await;
    assert_eq!(failing.began(), [0, 50]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_not_tried_again() {
    let attempts = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&attempts);
    let call = async move {
        let attempt = async |_| -> io::Result<()> {
            seen.fetch_add(1, Relaxed);
            panic!("broken");
        };
        paused(5, MS(1)).call(attempt).await
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(call);
    assert!(tasks.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!(attempts.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_success_ends_it() {
    let retry = paused(5, MS(10));
    let numbers = Mutex::new(Vec::new());
    let call = retry.call(async |attempt| {
        numbers.lock().unwrap().push((attempt.number(), attempt.is_last()));
        if attempt.number() < 5 { Err(io::Error::other("not yet")) } else { Ok("done") }
    });
    assert_eq!(call.await.unwrap(), "done");
    assert_eq!(*numbers.lock().unwrap(), [(1, false), (2, false), (3, false), (4, false), (5, true)]);
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_up_to_the_longest() {
    let failing = Failing::new();
    let mut config = RetryConfig::default();
    (config.attempts, config.max_delay, config.jitter) = (6, MS(500), Jitter::None);
    Retry::with_config(config).unwrap().call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
    assert_eq!(failing.began(), [0, 100, 300, 700, 1200, 1700]);
}

#[tokio::test(start_paused = true)]
async fn by_default_there_are_three_attempts_within_30_s() {
    let failing = Failing::new();
    Retry::new().call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
    let began = failing.began();
    assert_eq!(began.len(), 3);
    assert!(began[1] <= 101 && began[2] <= 303, "{began:?}");
    let start = Instant::now();
    let retry = Retry::new();
    let call = retry.call(async |_| std::future::pending::<io::Result<()>>().await);
    assert!(call.await.unwrap_err().is_timeout());
    assert_eq!(start.elapsed(), SECS(30));
}

#[tokio::test(start_paused = true)]
async fn it_is_over_at_once_where_the_next_pause_would_last_longer() {
    let failing = Failing::new();
    let began = Instant::now();
    let retry = paused(5, MS(100)).deadline(MS(250));
    assert!(retry.call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err().inner().is_some());
    assert_eq!(failing.began(), [0, 100, 200]);
    assert_eq!(began.elapsed(), MS(200));
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_it_takes_as_long_as_it_takes() {
    let failing = Failing::new();
    let retry = paused(3, SECS(3_600)).deadline(None);
    retry.call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
    assert_eq!(failing.began(), [0, 3_600_000, 7_200_000]);
}

#[tokio::test(start_paused = true)]
async fn the_sooner_of_its_own_and_the_current_deadline_holds() {
    let hanging = async |_| std::future::pending::<io::Result<()>>().await;
    for (own, outer, holds) in [(100, 50, 50), (50, 100, 50)] {
        let began = Instant::now();
        let retry = paused(1, MS(1)).deadline(MS(own));
        let call = Deadline::within(MS(outer)).scope(retry.call(hanging));
        assert!(call.await.unwrap_err().is_timeout());
        assert_eq!(began.elapsed(), MS(holds));
    }
    let retry = paused(1, MS(1)).deadline(None);
    let began = Instant::now();
    assert!(Deadline::within(MS(50)).scope(retry.call(hanging)).await.unwrap_err().is_timeout());
    assert_eq!(began.elapsed(), MS(50));
}

#[tokio::test(start_paused = true)]
async fn under_a_deadline_that_is_over_no_call_is_made() {
    let failing = Failing::new();
    let call = Retry::new();
    let call = Deadline::within(MS(0)).scope(call.call(|_| failing.attempt(ErrorKind::Other)));
    assert!(call.await.unwrap_err().is_timeout());
    assert_eq!(failing.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_runs_under_what_is_left() {
    let left = Mutex::new(Vec::new());
    let retry = paused(3, MS(400)).attempt_timeout(MS(500)).deadline(MS(1_000));
    let note = async |_| {
        // Also what is not in the first poll.
        sleep(MS(1)).await;
        left.lock().unwrap().push(Deadline::current().unwrap().remaining().as_millis());
        Err::<(), _>(io::Error::other("no"))
    };
    retry.call(note).await.unwrap_err();
    assert_eq!(*left.lock().unwrap(), [499, 499, 197]);
    assert!(Deadline::current().is_none());
}

/// Answers with statuses in turn, the last one again and again, each with a `Retry-After`.
#[derive(Clone)]
struct Answers {
    statuses: Arc<Vec<u16>>,
    retry_after: Option<&'static str>,
    since: Instant,
    asked: Arc<Mutex<Vec<(u128, String)>>>,
}

impl Answers {
    fn new(statuses: &[u16]) -> Self {
        let since = Instant::now();
        Self { statuses: Arc::new(statuses.to_vec()), retry_after: None, since, asked: Arc::default() }
    }

    fn retry_after(self, value: &'static str) -> Self {
        Self { retry_after: Some(value), ..self }
    }

    fn service(
        &self,
    ) -> impl Service<Request<String>, Response = Response<()>, Error = BoxError, Future: Send> + Clone + use<> {
        let this = self.clone();
        service_fn(move |request: Request<String>| {
            let this = this.clone();
            async move { Ok(this.answer(request)) }
        })
    }

    fn answer(&self, request: Request<String>) -> Response<()> {
        let mut asked = self.asked.lock().unwrap();
        let status = self.statuses.get(asked.len()).or(self.statuses.last()).unwrap();
        asked.push((self.since.elapsed().as_millis(), request.into_body()));
        let mut response = Response::builder().status(*status);
        if let Some(value) = self.retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        response.body(()).unwrap()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn asked_at(&self) -> Vec<u128> {
        self.asked.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

fn request(method: Method) -> Request<String> {
    Request::builder().method(method).uri("/users/7").body("body".to_owned()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_makes_requests_again() {
    let answers = Answers::new(&[503, 502, 200]);
    let service = paused(3, MS(10)).layer().layer(answers.service());
    let response = service.oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let asked = [(0, "body".to_owned()), (10, "body".to_owned()), (20, "body".to_owned())];
    assert_eq!(*answers.asked.lock().unwrap(), asked);
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_gives_the_last_answer_there_was() {
    let answers = Answers::new(&[503, 502]);
    let response = paused(3, MS(10)).layer().layer(answers.service()).oneshot(request(Method::PUT)).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answers.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_idempotent_is_made_again() {
    for (method, calls) in [
        (Method::GET, 2),
        (Method::HEAD, 2),
        (Method::PUT, 2),
        (Method::DELETE, 2),
        (Method::OPTIONS, 2),
        (Method::TRACE, 2),
        (Method::POST, 1),
        (Method::PATCH, 1),
    ] {
        let answers = Answers::new(&[503]);
        paused(2, MS(1)).layer().layer(answers.service()).oneshot(request(method.clone())).await.unwrap();
        assert_eq!(answers.count(), calls, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_declared_to_be_idempotent_is_made_again() {
    let answers = Answers::new(&[503]);
    let mut declared = request(Method::POST);
    declared.extensions_mut().insert(Idempotent);
    paused(2, MS(1)).layer().layer(answers.service()).oneshot(declared).await.unwrap();
    assert_eq!(answers.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_is_tried_again() {
    for (status, calls) in [(200, 1), (404, 1), (500, 1), (501, 1), (408, 2), (429, 2), (502, 2), (503, 2), (504, 2)] {
        let answers = Answers::new(&[status]);
        paused(2, MS(1)).layer().layer(answers.service()).oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(answers.count(), calls, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_waits_as_long_as_the_server_asks_for() {
    for (after, pauses) in [("2", [0, 2_000, 4_000]), ("0", [0, 100, 200]), ("soon", [0, 100, 200])] {
        let answers = Answers::new(&[503]).retry_after(after);
        paused(3, MS(100)).layer().layer(answers.service()).oneshot(request(Method::GET)).await.unwrap();
        assert_eq!(answers.asked_at(), pauses, "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_for_more_time_than_there_is_ends_it_at_once() {
    let answers = Answers::new(&[503]).retry_after("31");
    let began = Instant::now();
    let service = Retry::new().layer().layer(answers.service());
    assert_eq!(service.oneshot(request(Method::GET)).await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answers.count(), 1);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn errors_of_a_service_are_tried_again_also_while_it_gets_ready() {
    #[derive(Clone)]
    struct Unready {
        since: Instant,
        calls: Arc<AtomicU32>,
    }
    impl Service<Request<String>> for Unready {
        type Response = Response<()>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Response<()>>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
            match self.since.elapsed().as_millis() {
                0 => Poll::Ready(Err(io::Error::other("not connected"))),
                1..=101 => Poll::Pending,
                _ => Poll::Ready(Ok(())),
            }
        }

        fn call(&mut self, _: Request<String>) -> Self::Future {
            let is_first = self.calls.fetch_add(1, Relaxed) == 0;
            std::future::ready(if is_first { Err(io::Error::other("reset")) } else { Ok(Response::new(())) })
        }
    }
    let unready = Unready { since: Instant::now(), calls: Arc::default() };
    let retry = paused(4, MS(1)).attempt_timeout(MS(100));
    retry.layer().layer(unready.clone()).oneshot(request(Method::GET)).await.unwrap();
    assert_eq!(unready.calls.load(Relaxed), 2);
    assert_eq!(unready.since.elapsed(), MS(103));
}

#[tokio::test(start_paused = true)]
async fn a_layer_takes_closures_for_other_protocols() {
    let asked = Arc::new(AtomicU32::new(0));
    let notes = Arc::clone(&asked);
    let service = service_fn(move |number: u32| {
        notes.fetch_add(1, Relaxed);
        std::future::ready(Ok::<_, io::Error>(number))
    });
    let judge = |answer: Result<&u32, &io::Error>| match answer {
        Ok(number) if *number > 10 => Verdict::Transient(Some(MS(700))),
        _ => Verdict::Success,
    };
    let even_again = |number: &u32| number.is_multiple_of(2).then_some(*number);
    let service = paused(2, MS(1)).layer().classify(judge).again(even_again).layer(service);
    let began = Instant::now();
    for (number, calls) in [(1, 1), (11, 2), (12, 4)] {
        assert_eq!(service.clone().oneshot(number).await.unwrap(), number);
        assert_eq!(asked.load(Relaxed), calls);
    }
    assert_eq!(began.elapsed(), MS(700));
}

#[tokio::test(start_paused = true)]
async fn an_object_can_judge_answers_too() {
    let answers = Answers::new(&[503, 200]).retry_after("1");
    let retry = paused(3, MS(1)).judge(ByStatus);
    let ask = async |_| Ok::<_, BoxError>(answers.answer(request(Method::GET)));
    assert_eq!(retry.call(ask).await.unwrap().status(), StatusCode::OK);
    assert_eq!(answers.asked_at(), [0, 1_000]);
    // And every error again.
    let failing = Failing::new();
    retry.judge(EveryError).call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err();
    assert_eq!(failing.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_used_up_ends_it_at_once() {
    let mut config = misc_resilience::BudgetConfig::default();
    (config.ratio, config.per_second) = (0.0, 1);
    let budget = Budget::with_config(&config).unwrap();
    let retry = paused(3, MS(10)).budget(&budget);
    let failing = Failing::new();
    assert!(retry.call(|_| failing.attempt(ErrorKind::Other)).await.unwrap_err().inner().is_some());
    assert_eq!(failing.began(), [0, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_in_a_pause_takes_nothing_from_the_budget() {
    let budget = Budget::new();
    let retry = paused(3, MS(100)).budget(&budget);
    let failing = Failing::new();
    let full = budget.available();
    assert!(tokio::time::timeout(MS(50), retry.call(|_| failing.attempt(ErrorKind::Other))).await.is_err());
    assert_eq!(budget.available(), full);
    assert!(tokio::time::timeout(MS(150), retry.call(|_| failing.attempt(ErrorKind::Other))).await.is_err());
    assert_eq!(budget.available(), full - 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_was_used_up_in_a_pause_ends_it_after_that() {
    let budget = Budget::new();
    let retry = paused(3, MS(100)).budget(&budget);
    let failing = Failing::new();
    let others = async {
        sleep(MS(50)).await;
        while budget.withdraw() {}
    };
    let (end, ()) = tokio::join!(retry.call(|_| failing.attempt(ErrorKind::Other)), others);
    assert!(end.unwrap_err().inner().is_some());
    assert_eq!(failing.began(), [0]);
}

#[tokio::test(start_paused = true)]
async fn it_is_measured_under_the_labels_of_its_meter() {
    let metrics = misc_test::Metrics::new();
    let retry = paused(3, MS(1)).meter(&metrics.meter().label("name", "users"));
    retry.call(|_| Failing::new().attempt(ErrorKind::Other)).await.unwrap_err();
    metrics.assert_metric("retry_attempts_total", &[("name", "users")], 2.0);
    metrics.assert_metric("policy_calls_total", &[("name", "users"), ("outcome", "failure")], 1.0);
}

#[test]
fn settings_that_make_no_sense_are_refused_together() {
    let mut config = RetryConfig::default();
    (config.attempts, config.initial_delay, config.factor) = (0, SECS(60), f32::NAN);
    let refused = Retry::with_config(config).unwrap_err();
    assert_eq!(
        refused.problems(),
        [
            "`attempts` is 0, so no call would ever be made; use 1 to make each once",
            "`initial_delay` is 60s, above `max_delay` of 10s; swap them",
            "`factor` is NaN; use 1, with which pauses do not grow, or more",
        ]
    );
}

#[test]
fn settings_are_read_and_described() {
    let config: RetryConfig =
        serde_json::from_str(r#"{ "attempts": 5, "initial_delay": "50ms", "jitter": "equal" }"#).unwrap();
    assert_eq!((config.attempts, config.initial_delay, config.jitter), (5, MS(50), Jitter::Equal));
    assert_eq!(config.max_delay, SECS(10));
    assert!(serde_json::from_str::<RetryConfig>(r#"{ "atempts": 5 }"#).is_err());
    let misc_core::schema::Kind::Struct(schema) = <RetryConfig as misc_core::schema::Describe>::KIND else { panic!() };
    assert!(schema.fields.iter().all(|field| !field.docs.is_empty()));
}

fn any_config() -> impl Strategy<Value = RetryConfig> {
    let delays = prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::MAX),
        any::<Duration>(),
        (0..100_000u64).prop_map(Duration::from_micros),
    ];
    let factor = prop_oneof![Just(1.0), Just(2.0), Just(f32::MAX), 1.0..4.0f32];
    let attempts = prop_oneof![Just(1), Just(u32::MAX), 1..2_000u32];
    (delays.clone(), delays, factor, attempts).prop_map(|(one, other, factor, attempts)| {
        let mut config = RetryConfig::default();
        (config.initial_delay, config.max_delay) = (one.min(other), one.max(other));
        (config.factor, config.attempts) = (factor, attempts);
        config
    })
}

proptest! {
    #[test]
    fn pauses_never_shrink_nor_exceed_the_longest_without_jitter(mut config in any_config()) {
        config.jitter = Jitter::None;
        let pauses: Vec<_> = config.delays().take(2_000).collect();
        prop_assert_eq!(pauses.len(), (config.attempts as usize - 1).min(2_000));
        prop_assert!(pauses.is_sorted());
        prop_assert!(pauses.iter().all(|pause| *pause <= config.max_delay));
        if let Some(first) = pauses.first() {
            // To the microsecond.
            prop_assert!(first.abs_diff(config.initial_delay) < Duration::from_micros(1));
        }
        for pair in pauses.windows(2) {
            let grown = pair[0].as_secs_f64() * f64::from(config.factor);
            let expected = grown.min(config.max_delay.as_secs_f64());
            prop_assert!((pair[1].as_secs_f64() - expected).abs() <= expected * 1e-6 + 2e-6, "{:?}", pair);
        }
    }

    #[test]
    fn jitter_shortens_a_pause_within_its_bounds(mut config in any_config()) {
        config.jitter = Jitter::None;
        let whole: Vec<_> = config.delays().take(200).collect();
        config.jitter = Jitter::Full;
        for (pause, whole) in config.delays().zip(&whole) {
            prop_assert!(pause <= *whole);
        }
        config.jitter = Jitter::Equal;
        for (pause, whole) in config.delays().zip(&whole) {
            prop_assert!(pause <= *whole && pause.as_secs_f64() >= whole.as_secs_f64() / 2.0 - 1e-6);
        }
    }
}

#[test]
fn jitter_uses_the_whole_of_its_bounds_evenly() {
    let mut config = RetryConfig::default();
    (config.attempts, config.initial_delay, config.max_delay) = (20_001, SECS(1), SECS(1));
    for (jitter, least) in [(Jitter::Full, 0.0), (Jitter::Equal, 0.5)] {
        config.jitter = jitter;
        let mut tenths = [0u32; 10];
        for pause in config.delays() {
            let share = (pause.as_secs_f64() - least) / (1.0 - least);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is 0 to 1")]
            let tenth = ((share * 10.0) as usize).min(9);
            tenths[tenth] += 1;
        }
        // 2,000 each, give or take 42: this is ten times that.
        assert!(tenths.iter().all(|count| (1_580..2_420).contains(count)), "{jitter:?}: {tenths:?}");
    }
}
