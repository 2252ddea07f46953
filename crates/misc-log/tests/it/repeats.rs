//! One place that logs too often.

use std::{num::NonZeroU32, time::Duration};

use misc_log::{Format, RepeatLimit};
use serde_json::Value;
use tokio::time::Instant;
use tracing::{info, warn};
use tracing_log::{format_trace, log};

use crate::support::Logged;

fn logged(lines: u32, per: Duration) -> Logged {
    Logged::with(|config| {
        config.format = Format::Json;
        config.repeat_limit = Some(RepeatLimit::new(NonZeroU32::new(lines).unwrap(), per));
    })
}

#[test]
fn each_place_has_its_own_limit() {
    let logged = logged(3, Duration::from_secs(3600));
    logged.run(|| {
        (0..10).for_each(|number| info!(number, "often"));
        (0..2).for_each(|_| info!("seldom"));
    });
    let lines = logged.json();
    let numbers: Vec<_> = lines.iter().filter_map(|line| line["number"].as_u64()).collect();
    assert_eq!((numbers, lines.len()), (vec![0, 1, 2], 5));
}

#[test]
fn a_period_may_last_for_ever() {
    for lines in 1..4 {
        let logged = logged(lines, Duration::MAX);
        logged.run(|| (0..10).for_each(|_| info!("often")));
        assert_eq!(logged.json().len(), lines as usize);
    }
}

#[test]
fn the_next_line_says_how_many_were_left_out() {
    let logged = logged(1, Duration::from_millis(20));
    let line = logged.run(|| {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            info!("again");
            let lines = logged.json();
            if let Some(line) = lines.into_iter().find(|line| line.get("suppressed").is_some()) {
                return line;
            }
            assert!(Instant::now() < deadline, "no line says it");
        }
    });
    assert!(line["suppressed"].as_u64().is_some_and(|lines| lines > 0), "{line}");
}

#[test]
fn the_end_says_what_was_left_out() {
    let logged = logged(1, Duration::from_secs(3600));
    logged.run(|| (0..10).for_each(|_| warn!(target: "shop", "often")));
    let text = logged.end();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&last["suppressed"], &last["level"], &last["target"]), (&9.into(), &"WARN".into(), &"shop".into()));
    assert!(last["location"].as_str().unwrap().starts_with("crates/misc-log/tests/it/repeats.rs:"), "{last}");
}

#[test]
fn places_are_not_limited_unless_that_is_configured() {
    let logged = Logged::new(Format::Json);
    logged.run(|| (0..1000).for_each(|_| info!("often")));
    assert_eq!(logged.json().len(), 1000);
}

/// Logs at a place of the `log` crate that a program makes up.
fn record(number: u32) {
    let target = format!("made-up-{number}");
    let mut record = log::Record::builder();
    record.level(log::Level::Info).target(&target);
    format_trace(&record.args(format_args!("from the `log` crate")).build()).unwrap();
}

#[test]
fn places_that_are_made_up_do_not_fill_the_memory_nor_lift_the_limit() {
    let logged = logged(1, Duration::from_secs(3600));
    logged.run(|| {
        (0..11_000).for_each(record);
        (0..5).for_each(|number| warn!(number, "real"));
    });
    let text = logged.end();
    // All that are told apart, and one of the others.
    assert_eq!(text.matches(r#""target":"made-up-"#).count(), 10_001);
    assert_eq!(text.matches(r#""message":"real""#).count(), 1);
    let others = text.lines().find(|line| line.contains(r#""target":"log""#)).unwrap();
    assert!(others.contains(r#""suppressed":999"#) && others.contains(r#""location":"(others)""#), "{others}");
}
