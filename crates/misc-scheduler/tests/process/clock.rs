//! The system's clock is set by hand: what is due by it follows, what is not does not.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use misc_test::{Missing, skip};

use crate::subject::{Scratch, Subject};

/// Within what time a step is noticed, with some room.
const NOTICED: Duration = Duration::from_secs(13);
const DAY: u64 = 86_400;

/// The library that comes between a process and the clock.
fn faketime() -> Option<PathBuf> {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found =
        places.iter().map(|place| Path::new(place).join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    if found.is_none() {
        skip(Missing::Tool, "no libfaketime");
    }
    found
}

/// Lets it be a time of day, in seconds since the last midnight, for who looks at the file.
fn set(file: &Path, second_of_day: u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let offset = i128::from(second_of_day) - i128::from(now % DAY);
    let fresh = file.with_extension("new");
    fs::write(&fresh, format!("{offset:+}\n")).expect("a directory that can be written");
    fs::rename(&fresh, file).expect("the same directory");
}

#[tokio::test]
async fn fixed_times_run_once_and_wildcards_follow_a_clock_that_is_set() {
    let Some(library) = faketime() else {
        return;
    };
    let file = Scratch::new("clock");
    let [half_past_eight, nine] = [8 * 3_600 + 1_800, 9 * 3_600];
    set(file.path(), half_past_eight);
    let (preload, clock, yes) = (("LD_PRELOAD", &*library), ("FAKETIME_TIMESTAMP_FILE", file.path()), Path::new("1"));
    let real_spans = ("FAKETIME_DONT_FAKE_MONOTONIC", yes);
    let variables = [preload, clock, real_spans, ("DONT_FAKE_MONOTONIC", yes), ("FAKETIME_NO_CACHE", yes)];
    let mut subject = Subject::start(&["clock"], &variables).await;

    // Forward over 09:00: both are late, and run right after.
    set(file.path(), nine + 1_800);
    let fired = fired(&mut subject).await;
    assert_eq!(fired, [("fixed".to_owned(), nine), ("wildcard".to_owned(), nine)]);

    // Back to just before 09:00: what has run at its fixed time does not run again, what follows the clock does.
    set(file.path(), nine - 11);
    let again = self::fired(&mut subject).await;
    assert_eq!(again, [("wildcard".to_owned(), nine)]);

    // And who does not look at the clock has not noticed anything.
    assert!(subject.until("interval", Duration::from_secs(1)).await.is_some());
}

/// What fires within the time in which a step is noticed, by name and second of the day, without the interval.
async fn fired(subject: &mut Subject) -> Vec<(String, u64)> {
    let all = subject.all(NOTICED).await;
    let intervals = all.iter().filter(|(name, _)| name == "interval").count();
    assert!((20..=27).contains(&intervals), "{intervals} in 13 s");
    let mut others: Vec<_> = all.into_iter().filter(|(name, _)| name != "interval").collect();
    others.sort();
    others.into_iter().map(|(name, due)| (name, due % DAY)).collect()
}
