//! What becomes of a job that a session has.

use super::*;
use crate::status::Reason;

/// Gives a store with one job, which runs.
async fn running(place: &dyn Place) -> (Arc<dyn Engine>, Session, JobId) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let id = add(&*engine, new_job("mail")).await;
    assert_eq!(claim_one(&*engine, session, "mail").await.id, id);
    (engine, session, id)
}

fn is_over(status: &JobStatus) -> bool {
    status.finished_at.is_some_and(|finished| finished >= status.started_at.unwrap())
}

pub(crate) async fn completed(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let status = finish(&*engine, session, id, Ending::Completed).await;
    assert_eq!((status.state, status.attempt, status.reason, &status.error), (State::Completed, 1, None, &None));
    assert!(is_over(&status), "{status:?}");
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
}

pub(crate) async fn failed_comes_back_later(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let failed_at = finish(&*engine, session, id, failed(HOUR)).await;
    assert_eq!((failed_at.state, failed_at.attempt, failed_at.crashes), (State::Retryable, 1, 0));
    assert_eq!((failed_at.reason, failed_at.finished_at), (None, None));
    assert_eq!(failed_at.error.as_deref(), Some("no route to host"));
    assert!(is_about(failed_at.due_at, SystemTime::now() + HOUR), "{failed_at:?}");
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());

    let soon = add(&*engine, new_job("sms")).await;
    claim_one(&*engine, session, "sms").await;
    finish(&*engine, session, soon, failed(SHORT)).await;
    place.pass(LONGER).await;
    let again = claim_one(&*engine, session, "sms").await;
    assert_eq!((again.id, again.attempt), (soon, 2));
    assert!(again.waited < TOLERANCE, "since it was due again: {:?}", again.waited);
}

pub(crate) async fn failed_comes_back_at_once(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let status = finish(&*engine, session, id, failed(Duration::ZERO)).await;
    assert_eq!((status.state, status.attempt), (State::Available, 1));
    assert_eq!((status.error.as_deref(), status.finished_at), (Some("no route to host"), None));
    assert_eq!(claim_one(&*engine, session, "mail").await.attempt, 2);
}

pub(crate) async fn dead(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    for reason in [Reason::Exhausted, Reason::Discarded, Reason::Payload] {
        let id = add(&*engine, new_job("mail")).await;
        claim_one(&*engine, session, "mail").await;
        let status = finish(&*engine, session, id, Ending::Dead { reason, error: "enough".to_owned() }).await;
        assert_eq!((status.state, status.attempt, status.reason), (State::Dead, 1, Some(reason)));
        assert_eq!(status.error.as_deref(), Some("enough"));
        assert!(is_over(&status), "{status:?}");
    }
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
}

pub(crate) async fn cancelled(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    for reason in [Reason::Cancelled, Reason::Expired] {
        let id = add(&*engine, new_job("mail")).await;
        claim_one(&*engine, session, "mail").await;
        let status = finish(&*engine, session, id, Ending::Cancelled { reason }).await;
        assert_eq!((status.state, status.reason), (State::Cancelled, Some(reason)));
        assert!(is_over(&status), "{status:?}");
    }
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
}

pub(crate) async fn returned_burns_no_attempt(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let before = status(&*engine, id).await;
    let status = finish(&*engine, session, id, Ending::Returned).await;
    assert_eq!((status.state, status.attempt, status.crashes), (State::Available, 0, 0));
    assert_eq!((status.due_at, status.finished_at), (before.due_at, None));
    assert_eq!((status.reason, &status.error), (None, &None));
    let again = claim_one(&*engine, session, "mail").await;
    assert_eq!((again.attempt, again.crashes), (1, 0));
}

pub(crate) async fn postponed_burns_no_attempt(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let postponed = finish(&*engine, session, id, Ending::Postponed { by: HOUR }).await;
    assert_eq!((postponed.state, postponed.attempt, postponed.crashes), (State::Scheduled, 0, 0));
    assert!(is_about(postponed.due_at, SystemTime::now() + HOUR), "{postponed:?}");
    assert_eq!((postponed.reason, &postponed.error, postponed.finished_at), (None, &None, None));
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());

    let soon = add(&*engine, new_job("sms")).await;
    for _ in 0..3 {
        assert_eq!(claim_one(&*engine, session, "sms").await.attempt, 1);
        finish(&*engine, session, soon, Ending::Postponed { by: SHORT }).await;
        place.pass(LONGER).await;
    }
    claim_one(&*engine, session, "sms").await;
    assert_eq!(finish(&*engine, session, soon, Ending::Postponed { by: Duration::ZERO }).await.state, State::Available);
}

pub(crate) async fn counts_attempts(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    // Two have failed; what is given back then takes off none of these.
    finish(&*engine, session, id, failed(Duration::ZERO)).await;
    claim_one(&*engine, session, "mail").await;
    finish(&*engine, session, id, failed(Duration::ZERO)).await;
    for ending in [Ending::Returned, Ending::Postponed { by: Duration::ZERO }] {
        assert_eq!(claim_one(&*engine, session, "mail").await.attempt, 3);
        assert_eq!(finish(&*engine, session, id, ending).await.attempt, 2);
    }
    assert_eq!(claim_one(&*engine, session, "mail").await.attempt, 3);
    assert_eq!(finish(&*engine, session, id, Ending::Completed).await.attempt, 3);
}

pub(crate) async fn keeps_an_error_of_any_text(place: &dyn Place) {
    let (engine, session, id) = running(place).await;
    let error = format!("it's \"{{}}\" $1 ? % \\ \n\t🦀 {}", "é".repeat(2_000));
    let failed = Ending::Failed { again_after: Duration::ZERO, error: error.clone() };
    assert_eq!(finish(&*engine, session, id, failed).await.error, Some(error));
    // Not every store can have this; but the job must come to an end.
    claim_one(&*engine, session, "mail").await;
    let dead = Ending::Dead { reason: Reason::Exhausted, error: "nul\0in an error".to_owned() };
    assert_eq!(finish(&*engine, session, id, dead).await.state, State::Dead);
}
