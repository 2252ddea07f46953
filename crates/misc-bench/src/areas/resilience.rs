//! What a call that succeeds costs behind a breaker, and under a whole policy: misc-resilience beside tower-resilience 0.13 and a
//! bare call.
//!
//! - `breaker/object`: `Breaker::call` with a future that is ready at once; `breaker/layer`: the breaker around a tower service
//!   of HTTP.
//! - `policy/object`, `policy/layer`: the default policy, that is two deadlines, a bulkhead, retries within a budget, and a
//!   breaker.
//!
//! `bare` is that future, and that service, by itself. tower-resilience has layers alone, so its breaker is one in all cases, and
//! its policy is a stack of a time limiter, a bulkhead, a retry (which has no budget here), a breaker and another time
//! limiter, with the same settings.
//!
//! `call` is the time of one call: of 20 batches the quickest, since others use the machine, too, on a runtime of one thread.
//! Instructions are those of one of each.

use std::{convert::Infallible, future::ready, hint::black_box, time::Duration};

use http::{Request, Response};
use misc_resilience::{Breaker, BreakerConfig, Policy};
use tokio::{runtime::Builder, time::Instant};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::{
    bulkhead::BulkheadLayer, circuitbreaker::CircuitBreakerLayer, retry::RetryLayer, timelimiter::TimeLimiterLayer,
};

use crate::{Area, Contender, Error, Measure, Probe, Role, Work};

pub(super) const AREA: Area = Area {
    name: "resilience",
    contenders: &[
        Contender::new(BARE, Role::Limit),
        Contender::new(MISC, Role::Ours),
        Contender::new(PEER, Role::Peer),
    ],
    cases: &CASES,
    speed: Probe { figures: &[Measure::lower("call", "ns")], details: &[], take: time },
    weight: None,
    work: Some(Work { operations: 20_000, run: work }),
    load: None,
};

const BARE: &str = "bare";
const MISC: &str = "misc-resilience";
const PEER: &str = "tower-resilience";

const CASES: [&str; 4] = ["breaker/object", "breaker/layer", "policy/object", "policy/layer"];

const BATCHES: u32 = 20;
/// How many calls are one batch.
const BATCH: u32 = 50_000;

fn time(contender: &str, case: &str) -> Result<Vec<f64>, Error> {
    let quickest = run(contender, case, BATCHES, BATCH)?;
    Ok(vec![quickest * 1e9 / f64::from(BATCH)])
}

fn work(contender: &str, operations: u32) -> Result<(), Error> {
    CASES.into_iter().try_for_each(|case| run(contender, case, 1, operations).map(drop))
}

/// Returns the seconds of the quickest batch.
fn run(contender: &str, case: &str, batches: u32, calls: u32) -> Result<f64, Error> {
    Builder::new_current_thread().enable_time().build()?.block_on(async {
        match (contender, case) {
            (BARE, "breaker/object" | "policy/object") => {
                quickest(batches, calls, async || answer().await.is_ok()).await
            }
            (BARE, "breaker/layer" | "policy/layer") => serve(batches, calls, web()).await,
            (MISC, "breaker/object") => {
                let breaker = Breaker::new("users", BreakerConfig::default())?;
                quickest(batches, calls, async || breaker.call(answer()).await.is_ok()).await
            }
            (MISC, "breaker/layer") => {
                let breaker = Breaker::new("users", BreakerConfig::default())?;
                serve(batches, calls, breaker.layer().layer(web())).await
            }
            (MISC, "policy/object") => {
                let policy = Policy::new("users");
                quickest(batches, calls, async || policy.call(answer).await.is_ok()).await
            }
            (MISC, "policy/layer") => serve(batches, calls, Policy::new("users").layer().layer(web())).await,
            (PEER, "breaker/object" | "breaker/layer") => {
                serve(batches, calls, CircuitBreakerLayer::standard().build()?.layer(web())).await
            }
            (PEER, "policy/object" | "policy/layer") => {
                let stack = ServiceBuilder::new()
                    .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(30)).build())
                    .layer(BulkheadLayer::builder().max_concurrent_calls(1_000).build()?)
                    .layer(RetryLayer::<Request<()>, Response<()>, _>::exponential_backoff().build())
                    .layer(CircuitBreakerLayer::standard().build()?)
                    .layer(TimeLimiterLayer::builder().timeout_duration(Duration::from_secs(10)).build());
                serve(batches, calls, stack.service(web())).await
            }
            _ => Err(format!("there is no contender `{contender}` with a case `{case}`").into()),
        }
    })
}

fn answer() -> impl Future<Output = Result<u32, Infallible>> {
    black_box(ready(Ok(7)))
}

/// Answers at once.
fn web()
-> impl Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
    service_fn(|request: Request<()>| {
        black_box(&request);
        black_box(ready(Ok(Response::new(()))))
    })
}

async fn serve<S: Service<Request<()>>>(batches: u32, calls: u32, mut service: S) -> Result<f64, Error> {
    quickest(batches, calls, async || match service.ready().await {
        Ok(service) => service.call(Request::new(())).await.is_ok(),
        Err(_) => false,
    })
    .await
}

async fn quickest(batches: u32, calls: u32, mut call: impl AsyncFnMut() -> bool) -> Result<f64, Error> {
    let (mut quickest, mut succeeded) = (f64::INFINITY, 0);
    for _ in 0..batches {
        let start = Instant::now();
        for _ in 0..calls {
            succeeded += u32::from(black_box(call().await));
        }
        quickest = quickest.min(start.elapsed().as_secs_f64());
    }
    if succeeded == batches * calls { Ok(quickest) } else { Err("a call was not made".into()) }
}
