//! How long jobs are kept, and which come too late.

use super::*;
use crate::status::Reason;

pub(crate) async fn deletes_at_once_what_is_not_kept(place: &dyn Place) {
    let keep = Keep { completed: Duration::ZERO, ..Keep::default() };
    let engine = place.open(Config { keep, ..Config::default() }).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 3).await;
    claim(&*engine, session, "mail", 3).await;
    let dead = Ending::Dead { reason: Reason::Discarded, error: "enough".to_owned() };
    for (&id, ending) in pushed.iter().zip([Ending::Completed, failed(HOUR), dead]) {
        assert_eq!(end(&*engine, session, id, ending).await.lost, []);
    }
    assert_eq!(engine.job(pushed[0]).await.unwrap(), None);
    assert_eq!(listed(&*engine, Selection::new()).await, [pushed[2], pushed[1]]);
    assert_eq!(end(&*engine, session, pushed[0], Ending::Completed).await.lost, [pushed[0]]);
}

pub(crate) async fn deletes_what_was_kept_long_enough(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 6).await;
    let [completed, dead, cancelled, retryable, running, waiting] = pushed[..] else { unreachable!("there are six") };
    claim(&*engine, session, "mail", 5).await;
    finish(&*engine, session, completed, Ending::Completed).await;
    let exhausted = Ending::Dead { reason: Reason::Exhausted, error: "enough".to_owned() };
    finish(&*engine, session, dead, exhausted).await;
    finish(&*engine, session, cancelled, Ending::Cancelled { reason: Reason::Cancelled }).await;
    finish(&*engine, session, retryable, failed(HOUR)).await;

    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
    place.pass(LONGER).await;
    let mut left = vec![waiting, running, retryable, cancelled, dead, completed];
    let turns = [
        (completed, Keep { completed: SHORT, ..Keep::default() }),
        (dead, Keep { dead: SHORT, ..Keep::default() }),
        (cancelled, Keep { cancelled: SHORT, ..Keep::default() }),
    ];
    for (gone, keep) in turns {
        assert_eq!(sweep(&*engine, &keep).await, Swept { pruned: 1, ..Swept::default() });
        left.retain(|&id| id != gone);
        assert_eq!(listed(&*engine, Selection::new()).await, left);
    }
}

pub(crate) async fn expires_what_nobody_claims(place: &dyn Place) {
    let engine = open(place).await;
    let expires = Some(When::In(SHORT));
    let available = add(&*engine, NewJob { expires, ..new_job("mail") }).await;
    let scheduled = add(&*engine, NewJob { expires, when: When::In(HOUR), ..new_job("mail") }).await;
    let passed = add(&*engine, NewJob { expires: Some(When::At(SystemTime::UNIX_EPOCH)), ..new_job("sms") }).await;
    let in_time = add(&*engine, NewJob { expires: Some(When::In(HOUR)), ..new_job("mail") }).await;
    place.pass(LONGER).await;

    let swept = sweep(&*engine, &Keep::default()).await;
    assert_eq!((sum(&swept.expired, "mail"), sum(&swept.expired, "sms")), (2, 1), "{swept:?}");
    for id in [available, scheduled, passed] {
        let status = status(&*engine, id).await;
        assert_eq!((status.state, status.reason), (State::Cancelled, Some(Reason::Expired)));
        assert!(status.finished_at.is_some(), "{status:?}");
    }
    assert_eq!(state(&*engine, in_time).await, State::Available);
    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
}

pub(crate) async fn tells_that_a_claimed_job_has_expired(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let id = add(&*engine, NewJob { expires: Some(When::In(SHORT)), ..new_job("mail") }).await;
    place.pass(LONGER).await;
    let claimed = claim_one(&*engine, session, "mail").await;
    assert!(claimed.is_expired, "{claimed:?}");
    assert!(engine.held(session, "mail").await.unwrap()[0].is_expired, "it still must not be begun");
    // A claim that is given back was no beginning.
    finish(&*engine, session, id, Ending::Returned).await;
    assert!(claim_one(&*engine, session, "mail").await.is_expired, "it is not in time now");
    finish(&*engine, session, id, Ending::Returned).await;
    assert_eq!(sum(&sweep(&*engine, &Keep::default()).await.expired, "mail"), 1);
    assert_eq!(state(&*engine, id).await, State::Cancelled);

    let id = add(&*engine, NewJob { expires: Some(When::At(SystemTime::UNIX_EPOCH)), ..new_job("mail") }).await;
    assert!(claim_one(&*engine, session, "mail").await.is_expired);
    let status = finish(&*engine, session, id, Ending::Cancelled { reason: Reason::Expired }).await;
    assert_eq!((status.state, status.reason), (State::Cancelled, Some(Reason::Expired)));
}

pub(crate) async fn does_not_expire_what_was_begun(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let expires = Some(When::In(SOON));
    let job = add(&*engine, NewJob { expires, ..new_job("mail") }).await;
    let running = add(&*engine, NewJob { expires, ..new_job("sms") }).await;
    assert!(!claim_one(&*engine, session, "mail").await.is_expired, "it is in time");
    assert!(!claim_one(&*engine, session, "sms").await.is_expired, "it is in time");
    finish(&*engine, session, job, failed(Duration::ZERO)).await;
    place.pass(SOON + SHORT).await;
    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
    assert!(!claim_one(&*engine, session, "mail").await.is_expired, "it was begun before");
    assert_eq!(state(&*engine, running).await, State::Running);
    assert!(!engine.held(session, "sms").await.unwrap()[0].is_expired, "it was claimed in time");
}

pub(crate) async fn sweeps_a_bounded_part(place: &dyn Place) {
    const JOBS: usize = 6_000;
    let engine = open(place).await;
    let jobs = vec![NewJob { expires: Some(When::At(SystemTime::UNIX_EPOCH)), ..new_job("mail") }; JOBS / 6];
    for _ in 0..6 {
        engine.push(&jobs).await.unwrap();
    }
    let first = engine.sweep(&Keep::default()).await.unwrap();
    assert!(first.more && sum(&first.expired, "mail") > 0, "it sweeps 5,000 at a time at most: {first:?}");
    let rest = sweep(&*engine, &Keep::default()).await;
    assert_eq!(sum(&first.expired, "mail") + sum(&rest.expired, "mail"), JOBS as u64);

    place.pass(LONGER).await;
    let swept = sweep(&*engine, &Keep { cancelled: SHORT, ..Keep::default() }).await;
    assert_eq!(swept, Swept { pruned: JOBS as u64, ..Swept::default() });
    assert!(listed(&*engine, Selection::new().limit(1)).await.is_empty());
}
