//! The writer: many threads, lines that are too long, files that move, the end.

use std::{collections::BTreeSet, fs, num::NonZeroUsize, thread};

use misc_log::{Format, Overflow};
use tracing::{dispatcher::with_default, info, warn};

use crate::support::Logged;

#[test]
fn lines_of_many_threads_are_all_there_and_whole() {
    let logged = Logged::new(Format::Json);
    thread::scope(|scope| {
        for thread in 0..8 {
            let dispatch = &logged.dispatch;
            scope.spawn(move || with_default(dispatch, || (0..5000).for_each(|number| info!(thread, number, "line"))));
        }
    });
    let lines = logged.json();
    let seen: BTreeSet<_> = lines.iter().map(|line| (line["thread"].as_u64(), line["number"].as_u64())).collect();
    assert_eq!((lines.len(), seen.len(), logged.log.dropped()), (40_000, 40_000, 0));
}

#[test]
fn a_line_that_does_not_fit_into_the_buffer_is_counted() {
    for overflow in [Overflow::Drop, Overflow::Block] {
        let logged = Logged::with(|config| {
            config.buffer = NonZeroUsize::new(500).unwrap();
            config.overflow = overflow;
        });
        logged.run(|| {
            info!("{}", "x".repeat(500));
            info!("short");
        });
        assert_eq!(logged.log.dropped(), 1);
        let text = logged.end();
        assert!(text.contains("short\n"), "{text}");
        assert!(text.contains("1 log line was dropped: longer than the whole `buffer` dropped=1\n"), "{text}");
    }
}

#[test]
fn what_was_lost_at_the_end_is_told() {
    let logged = Logged::with(|config| config.buffer = NonZeroUsize::new(500).unwrap());
    logged.run(|| info!("{}", "x".repeat(500)));
    assert!(logged.end().contains(" WARN misc_log: 1 log line was dropped"));
}

#[test]
fn a_file_that_was_moved_away_is_made_anew() {
    let logged = Logged::new(Format::Compact);
    logged.run(|| info!("before"));
    assert!(logged.text().ends_with("before\n"));
    let moved = logged.path.with_extension("1");
    fs::rename(&logged.path, &moved).unwrap();
    logged.run(|| info!("after"));
    assert!(logged.text().ends_with("after\n"));
    fs::remove_file(&logged.path).unwrap();
    logged.run(|| info!("once more"));
    assert!(logged.text().ends_with("once more\n"));
    assert!(fs::read_to_string(moved).unwrap().ends_with("before\n"));
}

#[test]
fn a_file_is_appended_to() {
    let logged = Logged::new(Format::Compact);
    fs::write(&logged.path, "from before\n").unwrap();
    logged.run(|| info!("later"));
    let text = logged.text();
    assert!(text.starts_with("from before\n") && text.ends_with("later\n"), "{text}");
}

#[test]
fn lines_after_the_end_are_written_at_once() {
    let logged = Logged::new(Format::Compact);
    let Logged { dispatch, log, path, _dir } = logged;
    with_default(&dispatch, || {
        warn!("before");
        drop(log);
        warn!("after");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.ends_with(": after\n") && text.contains(": before\n"), "{text}");
    });
}
