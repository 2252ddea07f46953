//! What every engine must do: one list of tests, for all of them.
//!
//! An engine says how its stores are opened ([`Place`]) and has the tests made, each on a store of its own:
//!
//! ```text
//! suite::tests!(File::new());                      // on tokio's real clock
//! suite::tests!(Nowhere, (start_paused = true));   // with options of `#[tokio::test]`
//! suite::shared_tests!(File::new());               // several engines on one store
//! ```
//!
//! Where the contract leaves something open, the tests leave it open as well.

pub(crate) mod crash;
pub(crate) mod endings;
pub(crate) mod keep;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod model;
pub(crate) mod operator;
pub(crate) mod push;
pub(crate) mod shared;
pub(crate) mod turn;

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::FutureExt;

use super::{Body, Claim, Claimed, Ended, Ending, Engine, NewJob, Session, Swept, Turned};
use crate::{
    config::{Config, Keep},
    options::{Pushed, When},
    status::{JobId, JobStatus, Selection, State},
};

/// A place for one store, which is empty at first and not used by others.
#[async_trait]
pub(crate) trait Place: Send + Sync {
    /// Opens the store with these settings, but for the URL and the prefix, which are up to the place. If it was opened
    /// before, it is the same store, unless the engine is one that keeps nothing.
    async fn open(&self, config: Config) -> Arc<dyn Engine>;

    /// Lets time pass, by the clock of the store: at least so much.
    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Leaves nothing behind.
    async fn remove(&self) {}

    /// Whether there is such a place here; if not, the place has said so, and the test is skipped.
    fn is_there(&self) -> bool {
        true
    }
}

/// Runs a test on a place, and removes that also if it fails.
pub(crate) async fn run<P: Place>(place: P, test: impl AsyncFnOnce(&dyn Place)) {
    if !place.is_there() {
        return;
    }
    let outcome = AssertUnwindSafe(test(&place)).catch_unwind().await;
    place.remove().await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Makes the tests that every engine passes.
macro_rules! tests {
    ($place:expr) => { $crate::engine::suite::tests!($place, ()); };
    ($place:expr, $options:tt) => {
        $crate::engine::suite::tests! { @ $place, $options,
            push: gives_ids_in_order;
            push: tells_what_it_was_told;
            push: keeps_every_byte_of_a_payload;
            push: is_due_after_a_delay;
            push: is_due_at_a_time;
            push: is_due_at_once_when_the_time_has_passed;
            push: stores_all_or_none;
            push: stores_nothing_of_nothing;
            push: never_gives_an_id_again;
            turn: gives_the_oldest_first;
            turn: gives_the_highest_priority_first;
            turn: gives_no_more_than_wanted;
            turn: gives_each_job_once;
            turn: gives_jobs_of_one_queue;
            turn: tells_of_a_claim_what_was_pushed;
            turn: tells_how_long_a_job_has_waited;
            turn: tells_when_the_next_is_due;
            turn: ends_and_claims_at_once;
            turn: ends_only_what_the_session_has;
            turn: claims_nothing_for_a_session_that_is_gone;
            turn: holds_what_was_claimed;
            turn: survives_calls_that_are_dropped;
            endings: completed;
            endings: failed_comes_back_later;
            endings: failed_comes_back_at_once;
            endings: dead;
            endings: cancelled;
            endings: returned_burns_no_attempt;
            endings: postponed_burns_no_attempt;
            endings: counts_attempts;
            endings: keeps_an_error_of_any_text;
            keys: are_held_by_one_job;
            keys: are_held_within_one_push;
            keys: are_given_up_in_every_final_state;
            keys: are_held_while_the_job_may_go_on;
            keys: are_given_up_when_started;
            keys: are_held_for_a_period;
            keys: outlive_the_job_for_a_period;
            keys: outlive_a_purge_for_a_period;
            keys: do_not_keep_a_job_from_being_retried;
            keep: deletes_at_once_what_is_not_kept;
            keep: deletes_what_was_kept_long_enough;
            keep: expires_what_nobody_claims;
            keep: tells_that_a_claimed_job_has_expired;
            keep: does_not_expire_what_was_begun;
            keep: sweeps_a_bounded_part;
            crash: beats_keep_a_session;
            crash: lost_sessions_give_their_jobs_back;
            crash: suspects_run_one_at_a_time;
            crash: third_time_is_poison;
            crash: leaving_gives_jobs_back;
            crash: sessions_are_never_used_again;
            operator: lists_newest_first;
            operator: shows_nothing_of_an_unknown_job;
            operator: counts_jobs;
            operator: pauses_a_queue;
            operator: retries_what_is_over;
            operator: retries_what_waits_for_its_time;
            operator: retries_what_has_expired;
            operator: cancels_what_waits;
            operator: cancels_what_runs;
            operator: cancels_what_comes_back;
            operator: purges_what_does_not_run;
            operator: takes_the_newest_of_a_selection;
            ledger: gives_a_key_once;
            ledger: gives_a_key_again_when_its_time_is_over;
            ledger: remembers_the_last_value;
            ledger: answers;
        }
        #[tokio::test $options]
        async fn does_what_the_model_does() {
            $crate::engine::suite::model::check(|| $place).await;
        }
    };
    (@ $place:expr, $options:tt, $($module:ident: $name:ident;)+) => { $(
        #[tokio::test $options]
        async fn $name() {
            $crate::engine::suite::run($place, $crate::engine::suite::$module::$name).await;
        }
    )+ };
}
pub(crate) use tests;

/// Makes the tests that an engine passes if others may have its store open as well.
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    expect(unused_macros, reason = "only they share a store")
)]
macro_rules! shared_tests {
    ($place:expr) => {
        $crate::engine::suite::shared_tests!($place, ());
    };
    ($place:expr, $options:tt) => {
        $crate::engine::suite::tests! { @ $place, $options,
            shared: outlives_the_engine;
            shared: gives_each_job_to_one;
            shared: gives_a_key_to_one;
            shared: wakes_others_after_a_push;
            shared: wakes_others_after_a_pause;
            shared: wakes_others_to_cancel;
            shared: recovers_what_another_has_lost;
        }
    };
}
#[cfg_attr(
    not(any(feature = "postgres", feature = "sqlite")),
    expect(unused_imports, reason = "only they share a store")
)]
pub(crate) use shared_tests;

/// A lease that does not end within a test.
const LEASE: Duration = Duration::from_secs(600);
/// A time that does not come within a test.
const HOUR: Duration = Duration::from_secs(3600);
/// A time that passes within a test.
const SHORT: Duration = Duration::from_millis(60);
/// A little longer.
const LONGER: Duration = Duration::from_millis(90);
/// A time that passes within a test, but not while it makes a few calls, also on a busy machine.
const SOON: Duration = Duration::from_secs(1);
/// What clocks may differ by: the one of this test, and that of a store.
const TOLERANCE: Duration = Duration::from_secs(20);

fn new_job(queue: &str) -> NewJob {
    NewJob {
        queue: queue.into(),
        body: Body::Json("{}".into()),
        when: When::Now,
        priority: 0,
        attempts: None,
        expires: None,
        unique: None,
        trace: None,
    }
}

async fn open(place: &dyn Place) -> Arc<dyn Engine> {
    place.open(Config::default()).await
}

async fn push(engine: &dyn Engine, job: NewJob) -> Pushed {
    let pushed = engine.push(&[job]).await.unwrap();
    assert_eq!(pushed.len(), 1, "one job was pushed");
    pushed[0]
}

/// Pushes a job that there is none of yet.
async fn add(engine: &dyn Engine, job: NewJob) -> JobId {
    let pushed = push(engine, job).await;
    assert!(!pushed.is_duplicate, "it is new");
    pushed.id
}

async fn add_many(engine: &dyn Engine, queue: &str, jobs: usize) -> Vec<JobId> {
    let jobs = vec![new_job(queue); jobs];
    engine.push(&jobs).await.unwrap().into_iter().map(|pushed| pushed.id).collect()
}

fn wanted(queue: &str, jobs: usize) -> Claim {
    Claim { queue: queue.into(), jobs, suspect: true }
}

async fn claim(engine: &dyn Engine, session: Session, queue: &str, jobs: usize) -> Vec<Claimed> {
    engine.turn(session, &[], Some(&wanted(queue, jobs))).await.unwrap().claimed
}

/// Claims the one job that there is to claim.
async fn claim_one(engine: &dyn Engine, session: Session, queue: &str) -> Claimed {
    let mut claimed = claim(engine, session, queue, 10).await;
    assert_eq!(claimed.len(), 1, "one can be claimed: {claimed:?}");
    claimed.remove(0)
}

async fn end(engine: &dyn Engine, session: Session, id: JobId, ending: Ending) -> Turned {
    engine.turn(session, &[Ended { id, ending }], None).await.unwrap()
}

/// Ends a job that the session has.
async fn finish(engine: &dyn Engine, session: Session, id: JobId, ending: Ending) -> JobStatus {
    let turned = end(engine, session, id, ending).await;
    assert_eq!(turned.lost, [], "the session has it");
    status(engine, id).await
}

async fn status(engine: &dyn Engine, id: JobId) -> JobStatus {
    engine.job(id).await.unwrap().expect("it is there")
}

async fn state(engine: &dyn Engine, id: JobId) -> State {
    status(engine, id).await.state
}

async fn listed(engine: &dyn Engine, selection: Selection) -> Vec<JobId> {
    engine.list(&selection).await.unwrap().into_iter().map(|job| job.id).collect()
}

/// Sweeps until there is nothing more to do.
async fn sweep(engine: &dyn Engine, keep: &Keep) -> Swept {
    let mut all = Swept::default();
    for _ in 0..1_000 {
        let swept = engine.sweep(keep).await.unwrap();
        all.recovered.extend(swept.recovered);
        all.poisoned.extend(swept.poisoned);
        all.expired.extend(swept.expired);
        all.pruned += swept.pruned;
        if !swept.more {
            return all;
        }
    }
    panic!("it never has swept all: {all:?}");
}

/// Adds up what was swept, by queue.
fn sum(counts: &[(String, u64)], queue: &str) -> u64 {
    counts.iter().filter(|(name, _)| name == queue).map(|(_, jobs)| jobs).sum()
}

/// Lets a session be one of a process that has died.
async fn lose(place: &dyn Place, engine: &dyn Engine, session: Session) {
    assert!(engine.beat(session, SHORT).await.unwrap().is_some(), "it is not lost before");
    place.pass(LONGER).await;
}

/// Lets a process die with all jobs of a queue that can be claimed, and sweeps.
async fn crash_with(place: &dyn Place, engine: &dyn Engine, queue: &str) -> Swept {
    let session = engine.enter(LEASE).await.unwrap();
    claim(engine, session, queue, 1_000).await;
    lose(place, engine, session).await;
    sweep(engine, &Keep::default()).await
}

fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|job| job.id).collect()
}

fn json(body: &Body) -> &str {
    match body {
        Body::Json(text) => text,
        Body::Value(_) => panic!("it was pushed as JSON"),
    }
}

fn is_about(left: SystemTime, right: SystemTime) -> bool {
    let distance = left.duration_since(right).unwrap_or_else(|error| error.duration());
    distance < TOLERANCE
}

fn failed(again_after: Duration) -> Ending {
    Ending::Failed { again_after, error: "no route to host".to_owned() }
}
