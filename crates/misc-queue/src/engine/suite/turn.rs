//! Which jobs a claim gets, and what a turn may end.

use std::{collections::BTreeSet, time::Duration};

use futures_util::poll;

use super::*;

pub(crate) async fn gives_the_oldest_first(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    // What was due late but pushed early is the oldest.
    let delayed = add(&*engine, NewJob { when: When::In(SHORT), ..new_job("mail") }).await;
    let pushed = add_many(&*engine, "mail", 20).await;
    place.pass(LONGER).await;
    let claimed = ids(&claim(&*engine, session, "mail", 100).await);
    assert_eq!(claimed[0], delayed);
    assert_eq!(claimed[1..], pushed);
}

pub(crate) async fn gives_the_highest_priority_first(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let priorities = [0, 5, -3, i16::MAX, 5, i16::MIN, 0, -3];
    let jobs: Vec<_> = priorities.iter().map(|&priority| NewJob { priority, ..new_job("mail") }).collect();
    let pushed: Vec<_> = engine.push(&jobs).await.unwrap().into_iter().map(|pushed| pushed.id).collect();

    let expected = [3, 1, 4, 0, 6, 2, 7, 5].map(|number| pushed[number]);
    let first = claim(&*engine, session, "mail", 4).await;
    let second = claim(&*engine, session, "mail", 100).await;
    let claimed: Vec<_> = first.iter().chain(&second).map(|job| job.id).collect();
    assert_eq!(claimed, expected);
    assert_eq!(first.iter().map(|job| job.priority).collect::<Vec<_>>(), [i16::MAX, 5, 5, 0]);
}

pub(crate) async fn gives_no_more_than_wanted(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    add_many(&*engine, "mail", 10).await;
    for wanted in [0, 1, 3] {
        assert_eq!(claim(&*engine, session, "mail", wanted).await.len(), wanted);
    }
    assert_eq!(claim(&*engine, session, "mail", 100).await.len(), 6);
    assert!(claim(&*engine, session, "mail", 100).await.is_empty());
}

pub(crate) async fn gives_each_job_once(place: &dyn Place) {
    let engine = open(place).await;
    let pushed = add_many(&*engine, "mail", 200).await;
    let sessions = [engine.enter(LEASE).await.unwrap(), engine.enter(LEASE).await.unwrap()];
    let mut turns = Vec::new();
    for number in 0..20 {
        turns.push(claim(&*engine, sessions[number % 2], "mail", 11));
    }
    let mut claimed: Vec<_> = futures_util::future::join_all(turns).await.iter().flat_map(|turn| ids(turn)).collect();
    claimed.sort();
    assert_eq!(claimed, pushed);
}

pub(crate) async fn gives_jobs_of_one_queue(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let mail = add(&*engine, new_job("mail")).await;
    let sms = add(&*engine, new_job("sms")).await;
    assert!(claim(&*engine, session, "fax", 10).await.is_empty());
    assert_eq!(claim_one(&*engine, session, "sms").await.id, sms);
    assert_eq!(ids(&engine.held(session, "sms").await.unwrap()), [sms]);
    assert!(engine.held(session, "mail").await.unwrap().is_empty());
    assert_eq!(claim_one(&*engine, session, "mail").await.id, mail);
}

pub(crate) async fn tells_of_a_claim_what_was_pushed(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let job = NewJob {
        body: Body::Json("[1]".into()),
        priority: 4,
        attempts: Some(9),
        trace: Some(trace.to_owned()),
        ..new_job("mail")
    };
    let id = add(&*engine, job).await;

    let claimed = claim_one(&*engine, session, "mail").await;
    let status = status(&*engine, id).await;
    assert_eq!((claimed.id, json(&claimed.body), claimed.priority), (id, "[1]", 4));
    assert_eq!((claimed.attempt, claimed.attempts, claimed.crashes), (1, Some(9), 0));
    assert_eq!((claimed.pushed_at, claimed.is_expired), (status.pushed_at, false));
    assert_eq!(claimed.trace.as_deref(), Some(trace));
    assert_eq!((status.state, status.attempt, status.finished_at), (State::Running, 1, None));
    assert!(is_about(status.started_at.unwrap(), SystemTime::now()), "{status:?}");
}

pub(crate) async fn tells_how_long_a_job_has_waited(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    add(&*engine, new_job("mail")).await;
    place.pass(SHORT).await;
    add(&*engine, new_job("mail")).await;
    let claimed = claim(&*engine, session, "mail", 2).await;
    assert!(claimed[0].waited >= SHORT, "{:?}", claimed[0].waited);
    assert!(claimed[0].waited < TOLERANCE, "{:?}", claimed[0].waited);
    assert!(claimed[1].waited <= claimed[0].waited - SHORT, "{:?}", claimed[1].waited);
}

pub(crate) async fn tells_when_the_next_is_due(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let turn = async |queue, jobs| engine.turn(session, &[], Some(&wanted(queue, jobs))).await.unwrap().next_due;
    assert_eq!(turn("mail", 1).await, None, "there is none");

    add(&*engine, NewJob { when: When::In(2 * HOUR), ..new_job("mail") }).await;
    add(&*engine, NewJob { when: When::In(HOUR), ..new_job("mail") }).await;
    add(&*engine, NewJob { when: When::In(SHORT), ..new_job("sms") }).await;
    add_many(&*engine, "mail", 2).await;
    assert_eq!(turn("mail", 2).await, None, "there may be more to claim");
    let due = turn("mail", 1).await.unwrap();
    assert!(due <= HOUR && due > HOUR - TOLERANCE, "{due:?}");

    // What has failed is due again as well.
    let job = engine.held(session, "mail").await.unwrap().remove(0);
    finish(&*engine, session, job.id, failed(HOUR / 2)).await;
    let due = turn("mail", 1).await.unwrap();
    assert!(due <= HOUR / 2 && due > HOUR / 2 - TOLERANCE, "{due:?}");

    // Whoever sleeps until then finds it, if it was not found before.
    let turned = engine.turn(session, &[], Some(&wanted("sms", 1))).await.unwrap();
    if turned.claimed.is_empty() {
        place.pass(turned.next_due.unwrap() + Duration::from_millis(2)).await;
        claim_one(&*engine, session, "sms").await;
    }
}

pub(crate) async fn ends_and_claims_at_once(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 4).await;
    let first = claim(&*engine, session, "mail", 2).await;
    let ended: Vec<_> = first.iter().map(|job| Ended { id: job.id, ending: Ending::Completed }).collect();
    let turned = engine.turn(session, &ended, Some(&wanted("mail", 2))).await.unwrap();
    assert_eq!(ids(&turned.claimed), pushed[2..]);
    assert_eq!(turned.lost, []);
    assert_eq!(listed(&*engine, Selection::new().state(State::Completed)).await, [pushed[1], pushed[0]]);
    assert_eq!(listed(&*engine, Selection::new().state(State::Running)).await, [pushed[3], pushed[2]]);
}

pub(crate) async fn ends_only_what_the_session_has(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let other = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 4).await;
    let [mine, done, theirs, waiting] = pushed[..] else { unreachable!("there are four") };
    assert_eq!(ids(&claim(&*engine, session, "mail", 2).await), [mine, done]);
    assert_eq!(ids(&claim(&*engine, other, "mail", 1).await), [theirs]);
    finish(&*engine, session, done, Ending::Completed).await;

    let unknown = JobId(waiting.0 + 1_000);
    let dead = Ending::Dead { reason: crate::status::Reason::Exhausted, error: "too late".to_owned() };
    let ended = [done, theirs, mine, waiting, unknown].map(|id| Ended { id, ending: dead.clone() });
    let mut lost = engine.turn(session, &ended, None).await.unwrap().lost;
    lost.sort();
    assert_eq!(lost, [done, theirs, waiting, unknown]);
    let states = [State::Dead, State::Completed, State::Running, State::Available];
    for (id, expected) in pushed.into_iter().zip(states) {
        assert_eq!(state(&*engine, id).await, expected, "{id:?}");
    }
}

pub(crate) async fn claims_nothing_for_a_session_that_is_gone(place: &dyn Place) {
    let engine = open(place).await;
    let left = engine.enter(LEASE).await.unwrap();
    let lost = engine.enter(LEASE).await.unwrap();
    engine.leave(left).await.unwrap();
    lose(place, &*engine, lost).await;
    sweep(&*engine, &Keep::default()).await;
    let id = add(&*engine, new_job("mail")).await;
    for gone in [left, lost] {
        let ended = [Ended { id, ending: Ending::Completed }];
        let turned = engine.turn(gone, &ended, Some(&wanted("mail", 1))).await.unwrap();
        assert!(turned.claimed.is_empty(), "nobody would give it back: {turned:?}");
        assert_eq!(turned.lost, [id]);
    }
    assert_eq!(state(&*engine, id).await, State::Available);
}

pub(crate) async fn holds_what_was_claimed(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let other = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 4).await;
    // Its answer is lost.
    drop(claim(&*engine, session, "mail", 3).await);

    let mut held = ids(&engine.held(session, "mail").await.unwrap());
    held.sort();
    assert_eq!(held, pushed[..3]);
    assert!(engine.held(other, "mail").await.unwrap().is_empty());
    let held = engine.held(session, "mail").await.unwrap();
    assert!(held.iter().all(|job| (job.attempt, json(&job.body)) == (1, "{}")), "{held:?}");
    finish(&*engine, session, held[0].id, Ending::Completed).await;
    assert_eq!(engine.held(session, "mail").await.unwrap().len(), 2);
}

pub(crate) async fn survives_calls_that_are_dropped(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 12).await;
    for polls in 0..6 {
        drop_after(polls, engine.push(&[new_job("sms"), new_job("sms")])).await;
        drop_after(polls, engine.turn(session, &[], Some(&wanted("mail", 2)))).await;
    }
    // What was dropped has happened whole or not at all, or does so soon.
    let mut all = BTreeSet::new();
    for _ in 0..1_000 {
        all.extend(ids(&claim(&*engine, session, "mail", 100).await));
        all.extend(ids(&engine.held(session, "mail").await.unwrap()));
        if all.len() == pushed.len() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(all.iter().eq(&pushed), "{all:?}");
    assert_eq!(listed(&*engine, Selection::new().queue("sms")).await.len() % 2, 0);
}

/// Polls a call a few times, and drops it then.
async fn drop_after<T>(polls: usize, call: impl Future<Output = T>) {
    let mut call = std::pin::pin!(call);
    for _ in 0..polls {
        if poll!(&mut call).is_ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
