//! The settings, as a file has them.

use std::{num::NonZeroU32, time::Duration};

use misc_log::{Color, Config, Format, Output, Overflow, Setup};
use serde_json::json;

use crate::support::Dir;

#[test]
fn defaults_are_as_documented() {
    let config: Config = serde_json::from_str("{}").unwrap();
    let expected = json!({
        "filter": null,
        "format": "auto",
        "color": "auto",
        "output": "stderr",
        "buffer": 8 << 20,
        "overflow": "drop",
        "repeat_limit": null,
        "panic_hook": true,
        "spans": true,
    });
    let mut shown = serde_json::to_value(config).unwrap();
    shown.as_object_mut().unwrap().remove("otel");
    assert_eq!(shown, expected);
}

#[test]
fn every_setting_is_read() {
    let config: Config = serde_json::from_value(json!({
        "filter": "warn",
        "format": "journald",
        "color": "never",
        "output": "/var/log/shop.log",
        "buffer": 4096,
        "overflow": "block",
        "repeat_limit": { "lines": 3, "per": "2m" },
        "panic_hook": false,
        "spans": false,
    }))
    .unwrap();
    assert_eq!(config.filter.as_deref(), Some("warn"));
    assert_eq!((config.format, config.color, config.overflow), (Format::Journald, Color::Never, Overflow::Block));
    assert_eq!(config.output, Output::File("/var/log/shop.log".into()));
    assert_eq!(config.buffer.get(), 4096);
    let limit = config.repeat_limit.unwrap();
    assert_eq!((limit.lines, limit.per), (NonZeroU32::new(3).unwrap(), Duration::from_secs(120)));
    assert!(!config.panic_hook && !config.spans);
}

#[track_caller]
fn refused(config: serde_json::Value, why: &str) {
    let error = serde_json::from_value::<Config>(config).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

#[test]
fn mistakes_say_what_is_allowed() {
    refused(json!({ "fromat": "json" }), "unknown field `fromat`, expected one of `filter`, `format`");
    refused(json!({ "format": "xml" }), "unknown variant `xml`, expected one of `auto`, `pretty`");
    refused(json!({ "output": "stdrr" }), "write `stderr`, `stdout`, or a path such as `./stdrr`");
    refused(json!({ "buffer": 0 }), "expected a nonzero");
    refused(json!({ "repeat_limit": { "lines": 1, "per": "10" } }), "`10` is no span of time");
    refused(
        json!({ "repeat_limit": { "lines": 1, "per": "1 parsec" } }),
        "write one above 0, such as `10s` or `1h30m`",
    );
    refused(json!({ "repeat_limit": { "lines": 1, "per": "0s" } }), "`0s` is no span of time");
}

#[test]
fn a_period_reads_as_it_was_written() {
    for (text, milliseconds) in [("250ms", 250), ("9000us", 9), ("10s", 10_000), ("1m", 60_000), ("1h30m", 5_400_000)] {
        let config: Config = serde_json::from_value(json!({ "repeat_limit": { "lines": 1, "per": text } })).unwrap();
        assert_eq!(config.repeat_limit.unwrap().per, Duration::from_millis(milliseconds));
        let again: Config = serde_json::from_value(serde_json::to_value(&config).unwrap()).unwrap();
        assert_eq!(again.repeat_limit, config.repeat_limit);
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let dir = Dir::new();
    let path = dir.file("missing").join("log");
    let mut config = Config::default();
    config.output = Output::File(path.clone());
    let error = Setup::new(config).build().unwrap_err();
    assert!(error.is_output(), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot open the log file `{}` for appending", path.display()));
}
