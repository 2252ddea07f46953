//! Settings: what is refused, and what they look like.

use std::{num::NonZeroU32, time::Duration};

use misc_core::schema::{Describe as _, Kind};
use misc_resilience::{Breaker, BreakerConfig, Mode, Window};

use super::quick;

#[track_caller]
fn check(spoil: impl FnOnce(&mut BreakerConfig), problem: &str) {
    let mut config = quick();
    spoil(&mut config);
    let refused = Breaker::new("users", config).expect_err(problem);
    assert_eq!(refused.problems(), [problem]);
    assert_eq!(refused.to_string(), format!("breaker `users` cannot work: {problem}"));
}

#[test]
fn the_defaults_are_accepted() {
    Breaker::new("users", BreakerConfig::default()).unwrap();
}

#[test]
fn shares_outside_of_0_to_1_are_refused() {
    for share in [0.0, -0.1, 1.1, 5.0, f64::NAN, f64::INFINITY] {
        let problem = format!("`failure_ratio` is {share}; use a share above 0, up to 1");
        check(|config| config.failure_ratio = Some(share), &problem);
        let problem = format!("`slow_call_ratio` is {share}; use a share above 0, up to 1");
        check(|config| config.slow_call_ratio = share, &problem);
    }
}

#[test]
fn nonsense_is_refused_with_the_reason() {
    check(
        |config| config.window = Window::Calls(9),
        "`minimum_calls` is 10 of a `window` of 9, which it would never reach",
    );
    check(|config| config.window = Window::Calls(1_000_001), "`window` holds 1000001 calls; use at most 1000000");
    check(|config| config.window = Window::Time(Duration::ZERO), "`window` is no time; use one above 0");
    check(|config| config.minimum_calls = 0, "`minimum_calls` is 0; use at least 1");
    check(|config| config.open_growth = 0.9, "`open_growth` is 0.9; use 1, which never grows, or more");
    check(|config| config.open_growth = f64::NAN, "`open_growth` is NaN; use 1, which never grows, or more");
    check(|config| config.open_jitter = 1.0, "`open_jitter` is 1; use a share from 0, below 1");
    check(|config| config.recovery = Some(Duration::ZERO), "`recovery` is no time; use one above 0");
    check(
        |config| config.open_duration = Duration::from_secs(601),
        "`open_duration` is 601s, above `max_open_duration` of 600s; swap them",
    );
    check(
        |config| config.failure_ratio = None,
        "nothing could open it; set `failure_ratio`, `consecutive_failures` or `slow_call_duration`, or a `mode`",
    );
    check(
        |config| {
            config.recovery = Some(Duration::from_secs(10));
            config.half_open_timeout = Some(Duration::from_secs(10));
        },
        "`half_open_timeout` means nothing beside `recovery`, which is never half-open; drop one",
    );
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let mut config = quick();
    (config.window, config.failure_ratio, config.open_jitter) = (Window::Calls(0), Some(50.0), -1.0);
    let refused = Breaker::new("", config).unwrap_err();
    assert_eq!(
        refused.problems(),
        [
            "it has no name, which metrics and rejections need",
            "`window` holds no call; use at least 1",
            "`failure_ratio` is 50; use a share above 0, up to 1",
            "`open_jitter` is -1; use a share from 0, below 1",
        ]
    );
}

#[test]
fn settings_are_read_as_they_are_written() {
    let mut config = quick();
    config.mode = Mode::MetricsOnly;
    config.consecutive_failures = NonZeroU32::new(5);
    config.slow_call_duration = Some(Duration::from_millis(1_500));
    for window in [Window::Calls(250), Window::Time(Duration::from_secs(90))] {
        config.window = window;
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<BreakerConfig>(&text).unwrap(), config, "{text}");
    }
}

#[track_caller]
fn check_window(text: &str, expected: Result<Window, &str>) {
    let read = serde_json::from_value::<Window>(text.into());
    assert_eq!(read.map_err(|error| error.to_string()), expected.map_err(str::to_owned));
}

#[test]
fn a_window_is_a_number_of_calls_or_a_time() {
    check_window("100 calls", Ok(Window::Calls(100)));
    check_window("100calls", Ok(Window::Calls(100)));
    check_window("1m30s", Ok(Window::Time(Duration::from_secs(90))));
    for wrong in ["100", "0s", "many calls", "-1 calls", ""] {
        let expected = "write a number of calls, such as `100 calls`, or a span of time, such as `10s`";
        check_window(wrong, Err(&format!("`{wrong}` is no window; {expected}")));
    }
}

#[test]
fn unknown_settings_are_refused() {
    let error = serde_json::from_str::<BreakerConfig>(r#"{"failure_rate": 50}"#).unwrap_err();
    assert!(error.to_string().starts_with("unknown field `failure_rate`"), "{error}");
}

#[test]
fn settings_describe_themselves_with_their_defaults() {
    let Kind::Struct(schema) = BreakerConfig::KIND else { panic!("it is a struct") };
    let undocumented: Vec<_> = schema.fields.iter().filter(|field| field.docs.is_empty()).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");
    let defaults = schema.defaults.expect("those of its `Default`")();
    let defaults = serde_json::to_value(defaults).unwrap();
    for (key, default) in [("mode", "automatic"), ("window", "100 calls"), ("open_duration", "1m")] {
        assert_eq!(defaults[key], default);
    }
    assert_eq!(defaults["failure_ratio"], 0.5);
}
