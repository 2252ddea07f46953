//! The breaker: its states, by its own words.

use std::time::Duration;

use misc_resilience::{Breaker, BreakerConfig, BreakerState, Window};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn opens_by_its_share_of_failures_and_closes_by_its_probes() {
    let mut config = BreakerConfig::default();
    (config.window, config.minimum_calls, config.open_jitter) = (Window::Calls(10), 10, 0.0);
    let breaker = Breaker::new("users", config).unwrap();
    for n in 0..10 {
        assert_eq!(breaker.state(), BreakerState::Closed);
        let answer = breaker.call(async { if n % 2 == 0 { Ok(n) } else { Err("it is down") } }).await;
        assert_eq!(answer.is_ok(), n % 2 == 0);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    let error = breaker.call(async { Ok::<_, &str>(()) }).await.unwrap_err();
    assert_eq!(error.to_string(), "breaker `users` is open for another 60.0 s; the last error was: it is down");

    advance(Duration::from_secs(60)).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    for _ in 0..10 {
        breaker.call(async { Ok::<_, &str>(()) }).await.unwrap();
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}
