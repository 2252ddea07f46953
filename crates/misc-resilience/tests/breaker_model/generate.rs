//! Random settings: small numbers, odd ones, each rule on and off at a fair rate.

use std::{num::NonZeroU32, time::Duration};

use fastrand::Rng;
use misc_resilience::{BreakerConfig, Mode, Window};

pub(crate) fn config(random: &mut Rng) -> BreakerConfig {
    let mut config = BreakerConfig::default();
    config.mode = match random.u32(..10) {
        0 => Mode::MetricsOnly,
        1 => Mode::Disabled,
        _ => Mode::Automatic,
    };
    let calls = random.u32(1..=200);
    config.window =
        if random.bool() { Window::Calls(calls) } else { Window::Time(Duration::from_millis(random.u64(7..20_000))) };
    config.minimum_calls = random.u32(1..=calls);
    config.failure_ratio = maybe(random, 0.8).then(|| share(random));
    config.consecutive_failures = if random.bool() { NonZeroU32::new(random.u32(1..30)) } else { None };
    config.slow_call_duration = maybe(random, 0.4).then(|| Duration::from_millis(random.u64(1..400)));
    config.slow_call_ratio = share(random);
    if config.failure_ratio.or(config.slow_call_duration.map(|_| 1.0)).is_none() {
        config.consecutive_failures = config.consecutive_failures.or(NonZeroU32::new(5));
    }
    config.open_duration = Duration::from_millis(random.u64(1..5_000));
    config.open_growth = [1.0, 1.5, 2.0, 10.0][random.usize(..4)];
    config.max_open_duration = config.open_duration * random.u32(1..20);
    config.open_jitter = if random.bool() { 0.0 } else { random.f64() };
    config.half_open_calls = NonZeroU32::new(random.u32(1..15)).expect("it is not zero");
    match random.u32(..6) {
        0 | 1 => config.recovery = Some(Duration::from_millis(random.u64(1..20_000))),
        2 | 3 => config.half_open_timeout = Some(Duration::from_millis(random.u64(1..3_000))),
        _ => {}
    }
    config
}

/// Returns a share that counts can meet exactly, or any.
fn share(random: &mut Rng) -> f64 {
    if random.bool() { f64::from(random.u32(1..=20)) / 20.0 } else { 1.0 - random.f64() }
}

pub(crate) fn maybe(random: &mut Rng, chance: f64) -> bool {
    random.f64() < chance
}
