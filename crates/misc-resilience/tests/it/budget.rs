//! How many calls may be made again, of all that are made to one target.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use misc_resilience::{Budget, BudgetConfig, Jitter, Policy, PolicyConfig, Retry, RetryConfig};
use misc_test::Metrics;
use tokio::{
    task::JoinSet,
    time::{Instant, advance, sleep_until},
};
use tower::{Layer, ServiceExt, service_fn};

const MS: fn(u64) -> Duration = Duration::from_millis;
const SECS: fn(u64) -> Duration = Duration::from_secs;

fn withdraw_all(budget: &Budget) -> u64 {
    std::iter::from_fn(|| budget.withdraw().then_some(())).count() as u64
}

#[tokio::test(start_paused = true)]
async fn a_fifth_of_the_calls_and_ten_a_second_may_be_made_again() {
    let budget = Budget::new();
    assert_eq!(budget.available(), 10);
    (0..100).for_each(|_| budget.record_call());
    assert_eq!(budget.available(), 30);
    assert_eq!(withdraw_all(&budget), 30);
    advance(MS(999)).await;
    assert_eq!(withdraw_all(&budget), 0);
    advance(MS(1)).await;
    assert_eq!(withdraw_all(&budget), 10);
}

#[tokio::test(start_paused = true)]
async fn calls_count_for_ten_seconds() {
    let budget = Budget::new();
    (0..100).for_each(|_| budget.record_call());
    advance(MS(9_999)).await;
    assert_eq!(budget.available(), 30);
    advance(MS(1)).await;
    assert_eq!(budget.available(), 10);
}

#[tokio::test(start_paused = true)]
async fn clones_share_it() {
    let budget = Budget::new();
    assert!(budget.clone().withdraw());
    assert_eq!(budget.available(), 9);
}

#[test]
fn settings_that_make_no_sense_are_refused_together() {
    let mut config = BudgetConfig::default();
    (config.ratio, config.per_second, config.window) = (-1.0, 1_000_000, Duration::ZERO);
    assert_eq!(
        Budget::with_config(&config).unwrap_err().problems(),
        [
            "`ratio` is -1; use a share of calls from 0 to 10, such as 0.2",
            "`per_second` is 1000000; use at most 10000",
            "`window` is 0ns; use 1 s to 60 s",
        ]
    );
    config = BudgetConfig::default();
    config.ratio = f64::NAN;
    assert!(Budget::with_config(&config).is_err());
}

/// The rule, word by word: lists of events, which are counted each time.
struct Naive {
    now: u64,
    slice: u64,
    per_million: u64,
    per_second: usize,
    calls: VecDeque<u64>,
    by_ratio: VecDeque<u64>,
    beside: VecDeque<u64>,
}

impl Naive {
    fn within(events: &mut VecDeque<u64>, is_old: impl Fn(u64) -> bool) -> usize {
        while events.front().is_some_and(|at| is_old(*at)) {
            events.pop_front();
        }
        events.len()
    }

    /// How many retries the ratio and the seconds allow at this moment.
    fn left(&mut self) -> (u64, u64) {
        let slice = self.now / self.slice;
        let is_old = |at: u64| slice - at >= 100;
        let calls = Self::within(&mut self.calls, is_old) as u64;
        let retries = Self::within(&mut self.by_ratio, is_old);
        let now = self.now;
        let beside = Self::within(&mut self.beside, |at| now - at >= 1_000_000);
        let allowed = calls * self.per_million / 1_000_000;
        (allowed.saturating_sub(retries as u64), self.per_second.saturating_sub(beside) as u64)
    }
}

#[tokio::test(start_paused = true)]
async fn a_million_random_events_are_counted_as_a_naive_reference_counts_them() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut events = 0;
    for _ in 0..50 {
        let mut config = BudgetConfig::default();
        config.ratio = f64::from(random.u32(0..=2_000)) / 1_000.0;
        config.per_second = random.u32(0..=20);
        config.window = SECS(random.u64(1..=20));
        let budget = Budget::with_config(&config).unwrap();
        let mut naive = Naive {
            now: 0,
            slice: u64::try_from(config.window.as_micros()).unwrap() / 100,
            per_million: (config.ratio * 1e6).round() as u64,
            per_second: config.per_second as usize,
            calls: VecDeque::new(),
            by_ratio: VecDeque::new(),
            beside: VecDeque::new(),
        };
        // Busy and idle times.
        let pace = 1 << random.u32(4..18);
        for _ in 0..20_000 {
            events += 1;
            match random.u32(0..100) {
                0..45 => {
                    budget.record_call();
                    naive.calls.push_back(naive.now / naive.slice);
                }
                45..85 => {
                    let (by_ratio, beside) = naive.left();
                    assert_eq!(budget.withdraw(), by_ratio + beside > 0, "event {events}");
                    match (by_ratio, beside) {
                        (0, 0) => {}
                        (0, _) => naive.beside.push_back(naive.now),
                        _ => naive.by_ratio.push_back(naive.now / naive.slice),
                    }
                }
                85..90 => {
                    let (by_ratio, beside) = naive.left();
                    assert_eq!(budget.available(), by_ratio + beside, "event {events}");
                }
                _ => {
                    let jump = if random.u32(0..200) == 0 { random.u64(0..30_000_000) } else { random.u64(0..pace) };
                    advance(Duration::from_micros(jump)).await;
                    naive.now += jump;
                }
            }
        }
    }
    assert_eq!(events, 1_000_000);
}

#[test]
fn from_many_threads_no_more_is_given_than_there_is() {
    let budget = Budget::new();
    let began = Instant::now();
    let given: u32 = std::thread::scope(|scope| {
        let use_it = || {
            let mut given = 0;
            for _ in 0..10_000 {
                budget.record_call();
                given += u32::from(budget.withdraw());
            }
            given
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(use_it)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Ten for each second that was touched.
    let seconds = 1 + u32::try_from(began.elapsed().as_secs()).unwrap();
    assert!((8_000..=8_000 + 10 * seconds).contains(&given), "{given}");
}

/// When a backend was called.
#[derive(Clone, Default)]
struct Called(Arc<Mutex<Vec<Instant>>>);

impl Called {
    fn note(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

/// Makes 1,000 calls a second for 30 s to a backend that is wholly down, and holds what it gets against the budget.
async fn storm<Fut: Future<Output = ()> + Send + 'static>(called: &Called, call: impl Fn() -> Fut) {
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for n in 0..30_000 {
        sleep_until(start + MS(n)).await;
        calls.spawn(call());
        while calls.try_join_next().is_some() {}
    }
    calls.join_all().await;
    let mut at: Vec<_> = called.0.lock().unwrap().iter().map(|at| (*at - start).as_millis() as usize).collect();
    at.sort_unstable();
    // The last calls have 30 s as well.
    let per_ms = at.iter().fold(vec![0usize; 61_000], |mut per_ms, at| {
        per_ms[*at] += 1;
        per_ms
    });
    // From the first call on it is 1.2 times the calls, and 10 for each second that has begun.
    let mut so_far = 0;
    for (ms, calls) in per_ms[..30_000].iter().enumerate() {
        so_far += calls;
        let most = (ms + 1) * 12 / 10 + (ms / 1_000 + 1) * 10;
        assert!(so_far <= most, "{so_far} calls in {ms} ms");
    }
    // So it is in every window, but for the few that were left over from just before it, of hundreds.
    for (length, most) in [(1_000, 1_200 + 10), (10_000, 12_000 + 100)] {
        let mut within: usize = per_ms[..length].iter().sum();
        for from in 0..=30_000 - length {
            assert!(within <= most + 10, "{within} calls in {length} ms from {from} ms on");
            within = within + per_ms[from + length] - per_ms[from];
        }
    }
    // And it is made use of.
    assert!(at.len() > 30_000 + 6_000, "{} calls", at.len());
}

fn stubborn(attempts: u32) -> RetryConfig {
    let mut config = RetryConfig::default();
    config.attempts = attempts;
    config
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_down_gets_a_fifth_more_and_ten_a_second_from_objects() {
    for attempts in [2, 10] {
        let (called, budget) = (Called::default(), Budget::new());
        let retry = Retry::with_config(stubborn(attempts)).unwrap().budget(&budget);
        let call = || {
            let (retry, called) = (retry.clone(), called.clone());
            async move {
                let call = |_| {
                    called.note();
                    std::future::ready(Err::<(), _>(io::Error::other("down")))
                };
                retry.call(call).await.unwrap_err();
            }
        };
        storm(&called, call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_is_down_gets_a_fifth_more_and_ten_a_second_through_layers() {
    for attempts in [3, 100] {
        let called = Called::default();
        let mut config = PolicyConfig::default();
        // Without the breaker, which would spare the backend.
        (config.retry, config.breaker) = (Some(stubborn(attempts)), None);
        let policy = Policy::with_config("users", config).unwrap();
        let backend = called.clone();
        let service = policy.layer().layer(service_fn(move |_: Request<()>| {
            backend.note();
            let response = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(()).unwrap();
            std::future::ready(Ok::<_, Infallible>(response))
        }));
        let call = || {
            let service = service.clone();
            async move {
                let response = service.oneshot(Request::new(())).await.unwrap();
                assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            }
        };
        storm(&called, call).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_share_a_budget_have_one_together() {
    let metrics = Metrics::new();
    let budget = Budget::new();
    let mut config = PolicyConfig::default();
    let mut retry = stubborn(5);
    (retry.initial_delay, retry.jitter) = (MS(1), Jitter::None);
    (config.retry, config.breaker) = (Some(retry), None);
    let policy = |name| Policy::with_config(name, config.clone()).unwrap().budget(&budget).meter(&metrics.meter());
    let (read, write) = (policy("read"), policy("write"));
    let mut calls = 0;
    for _ in 0..5 {
        for policy in [&read, &write] {
            let call = || {
                calls += 1;
                std::future::ready(Err::<(), _>(io::Error::other("down")))
            };
            policy.call(call).await.unwrap_err();
        }
    }
    // Ten of the second, and two of ten calls.
    assert_eq!(calls, 10 + 10 + 2);
    let total =
        |name| ["read", "write"].map(|policy| metrics.value(name, &[("name", policy)]).unwrap()).iter().sum::<f64>();
    assert_eq!(total("retry_attempts_total"), 12.0);
    assert!(total("retry_budget_exhausted_total") >= 7.0);
}
