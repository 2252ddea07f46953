//! What a closed breaker costs a call: `cargo run --release -p misc-resilience --example breaker_cost`
//!
//! Prints nanoseconds a call, the best of some rounds, beside the same call without a breaker.

use std::{convert::Infallible, future::ready, hint::black_box, io::Write as _, time::Duration};

use misc_resilience::{Breaker, BreakerConfig, Permit, Verdict, Window};
use tokio::time::Instant;
use tower::{Layer, Service, service_fn};

const ROUNDS: u32 = 20;
const CALLS: u32 = 200_000;

type Answer = Result<u32, &'static str>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bare = measure(async |n| black_box(ready(Answer::Ok(n))).await).await;
    report("no breaker", bare, bare)?;
    report("a look at the clock", measure(async |_| Instant::now()).await, bare)?;
    for (name, config) in [
        ("window of calls, no clock", BreakerConfig::default()),
        ("window of time, one look at the clock", timed()),
        ("and slow calls, two looks", slow()),
    ] {
        let breaker = Breaker::new("users", config.clone())?;
        report(
            &format!("call: {name}"),
            measure(async |n| breaker.call(black_box(ready(Answer::Ok(n)))).await).await,
            bare,
        )?;
        let by_hand = measure(async |_| breaker.acquire().map(Permit::success)).await;
        report(&format!("acquire: {name}"), by_hand, bare)?;
        let judge = |_: Result<&u32, &Infallible>| Verdict::Success;
        let service = service_fn(|n: u32| black_box(ready(Ok::<u32, Infallible>(n))));
        let service = std::cell::RefCell::new(breaker.layer().classify(judge).layer(service));
        let layer = measure(async |n| {
            let called = service.borrow_mut().call(n);
            called.await
        });
        report(&format!("layer: {name}"), layer.await, bare)?;
    }
    let open = Breaker::new("users", BreakerConfig::default())?;
    open.force_open();
    report("rejected", measure(async |_| open.acquire()).await, bare)?;
    Ok(())
}

fn timed() -> BreakerConfig {
    let mut config = BreakerConfig::default();
    config.window = Window::Time(Duration::from_secs(10));
    config
}

fn slow() -> BreakerConfig {
    let mut config = timed();
    config.slow_call_duration = Some(Duration::from_secs(1));
    config
}

async fn measure<T>(call: impl AsyncFn(u32) -> T) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for n in 0..CALLS {
            black_box(call(n).await);
        }
        best = best.min(began.elapsed().as_secs_f64() / f64::from(CALLS) * 1e9);
    }
    best
}

fn report(name: &str, took: f64, bare: f64) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{name:55} {took:6.1} ns, {:6.1} of them the breaker's", took - bare)
}
