//! A verdict turns after so many results in a row, and the first one decides at once.

use std::time::Duration;

use misc_health::{Health, READINESS, Status};
use proptest::prelude::*;
use tokio::time::advance;

use crate::subject::{Does, Puppet, start};

/// The statuses after each result, by a check with these thresholds.
async fn statuses(results: &[bool], fails_after: u32, recovers_after: u32) -> Vec<Status> {
    let db = Puppet::new(Does::Pass);
    let check = db.check().fails_after(fails_after).recovers_after(recovers_after);
    let health = Health::new().check("db", check);
    let app = start(&health).await;
    let mut seen = Vec::new();
    for &good in results {
        db.now(if good { Does::Pass } else { Does::Fail });
        // Asked twice: what is cached does not count again.
        health.report(READINESS).await.unwrap();
        seen.push(health.report(READINESS).await.unwrap().status());
        advance(Duration::from_secs(1)).await;
    }
    app.stop().await.assert_clean().await;
    seen
}

/// Written from the rule: look back at the results, and count.
fn model(results: &[bool], fails_after: usize, recovers_after: usize) -> Vec<Status> {
    let (mut up, mut seen) = (results.first().copied().unwrap_or_default(), Vec::new());
    for (at, &good) in results.iter().enumerate() {
        let streak = results[..=at].iter().rev().take_while(|result| **result == good).count();
        if streak >= if good { recovers_after } else { fails_after } {
            up = good;
        }
        seen.push(match (up, good) {
            (true, true) => Status::Pass,
            (true, false) => Status::Warn,
            (false, _) => Status::Fail,
        });
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_enough_by_itself() {
    use Status::{Fail, Pass};
    assert_eq!(statuses(&[true, false, true], 1, 1).await, [Pass, Fail, Pass]);
}

#[tokio::test(start_paused = true)]
async fn failures_must_come_in_a_row() {
    use Status::{Fail, Pass, Warn};
    let results = [true, false, false, true, false, false, false];
    assert_eq!(statuses(&results, 3, 1).await, [Pass, Warn, Warn, Pass, Warn, Warn, Fail]);
}

#[tokio::test(start_paused = true)]
async fn recoveries_must_come_in_a_row() {
    use Status::{Fail, Pass};
    let results = [true, false, true, false, true, true];
    assert_eq!(statuses(&results, 1, 2).await, [Pass, Fail, Fail, Fail, Fail, Pass]);
}

#[tokio::test(start_paused = true)]
async fn what_never_worked_is_not_given_credit() {
    assert_eq!(statuses(&[false], 3, 3).await, [Status::Fail]);
    assert_eq!(statuses(&[true], 3, 3).await, [Status::Pass]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn verdicts_are_those_of_the_model(
        results in prop::collection::vec(any::<bool>(), 1..24),
        fails_after in 1u32..5,
        recovers_after in 1u32..5,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let seen = runtime.block_on(statuses(&results, fails_after, recovers_after));
        prop_assert_eq!(seen, model(&results, fails_after as usize, recovers_after as usize));
    }
}
