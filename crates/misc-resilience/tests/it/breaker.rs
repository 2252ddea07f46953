//! The breaker, under a paused clock.

mod calls;
mod config;
mod layer;
mod operator;
mod recovery;
mod rules;
mod shown;
mod threads;

use std::{num::NonZeroU32, time::Duration};

use misc_resilience::{Breaker, BreakerConfig, BreakerState, Window};
use tokio::time::advance;

const DOWN: &str = "it is down";

/// Settings that are quick to be seen at work, and without chance.
fn quick() -> BreakerConfig {
    let mut config = BreakerConfig::default();
    config.window = Window::Calls(10);
    config.minimum_calls = 10;
    config.open_jitter = 0.0;
    config.half_open_calls = NonZeroU32::new(3).expect("it is not zero");
    config
}

fn breaker(config: BreakerConfig) -> Breaker {
    Breaker::new("users", config).expect("settings that can work")
}

/// One that is open, and looks again after a minute.
fn open() -> Breaker {
    let breaker = breaker(quick());
    fail(&breaker, 10);
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

/// One that lets probes pass.
async fn half_open() -> Breaker {
    let breaker = open();
    seconds(60).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker
}

fn succeed(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.acquire().expect("it passes").success();
    }
}

fn fail(breaker: &Breaker, times: u32) {
    for _ in 0..times {
        breaker.acquire().expect("it passes").failure(DOWN);
    }
}

async fn seconds(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}
