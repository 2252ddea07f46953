//! What is stored, and when it is due.

use std::time::{Duration, SystemTime};

use super::*;

pub(crate) async fn gives_ids_in_order(place: &dyn Place) {
    let engine = open(place).await;
    let mut ids = add_many(&*engine, "mail", 50).await;
    ids.extend(add_many(&*engine, "sms", 50).await);
    assert_eq!(ids.len(), 100);
    assert!(ids.is_sorted_by(|left, right| left < right), "{ids:?}");
}

pub(crate) async fn tells_what_it_was_told(place: &dyn Place) {
    let engine = open(place).await;
    let job = NewJob {
        body: Body::Json(r#"{"to":"ann"}"#.into()),
        priority: -7,
        attempts: Some(3),
        expires: Some(When::In(HOUR)),
        ..new_job("mail")
    };
    let id = add(&*engine, job).await;

    let status = status(&*engine, id).await;
    assert_eq!((status.id, &*status.queue, status.state), (id, "mail", State::Available));
    assert_eq!((status.priority, status.attempt, status.attempts, status.crashes), (-7, 0, Some(3), 0));
    assert_eq!((status.started_at, status.finished_at), (None, None));
    assert_eq!((status.reason, &status.error), (None, &None));
    assert_eq!(status.payload.unwrap().as_str(), r#"{"to":"ann"}"#);
    assert!(is_about(status.pushed_at, SystemTime::now()), "{:?}", status.pushed_at);
    assert_eq!(status.due_at, status.pushed_at);
    assert_eq!(status.expires_at, Some(status.pushed_at + HOUR));
}

pub(crate) async fn keeps_every_byte_of_a_payload(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let megabyte = format!("\"{}\"", "aé\u{1f980}".repeat(1 << 17));
    let payloads = [
        "null",
        r#""\u0000 \ud83e\udd80 🦀 \\ \" ' $1 {} %s""#,
        r#"{"b": 1,   "a":1.0, "a": 18446744073709551616, "c": 1e400, "d": 0.1000000000000000055}"#,
        "[\n\t1 ]",
        &megabyte,
    ];
    let jobs: Vec<_> =
        payloads.iter().map(|&text| NewJob { body: Body::Json(text.into()), ..new_job("mail") }).collect();
    let pushed = engine.push(&jobs).await.unwrap();

    let claimed = claim(&*engine, session, "mail", 10).await;
    let held = engine.held(session, "mail").await.unwrap();
    assert_eq!((claimed.len(), held.len()), (payloads.len(), payloads.len()));
    for (number, payload) in payloads.iter().enumerate() {
        let is_whole = json(&claimed[number].body) == *payload;
        assert!(is_whole, "claimed: {payload:.60}");
        let held = held.iter().find(|held| held.id == pushed[number].id).unwrap();
        assert!(json(&held.body) == *payload, "held: {payload:.60}");
        let shown = status(&*engine, pushed[number].id).await.payload.unwrap();
        assert!(shown.as_str() == *payload, "shown: {payload:.60}");
    }
}

pub(crate) async fn is_due_after_a_delay(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let job = |delay| NewJob { when: When::In(delay), ..new_job("mail") };
    let soon = add(&*engine, job(SOON)).await;
    let later = add(&*engine, job(HOUR)).await;
    let now = add(&*engine, job(Duration::ZERO)).await;

    assert_eq!(state(&*engine, soon).await, State::Scheduled);
    let pushed = status(&*engine, later).await;
    assert_eq!((pushed.state, pushed.due_at), (State::Scheduled, pushed.pushed_at + HOUR));
    assert_eq!(state(&*engine, now).await, State::Available);
    assert_eq!(ids(&claim(&*engine, session, "mail", 10).await), [now]);
    place.pass(SOON + SHORT).await;
    assert_eq!(ids(&claim(&*engine, session, "mail", 10).await), [soon]);
    assert_eq!(state(&*engine, later).await, State::Scheduled);
}

pub(crate) async fn is_due_at_a_time(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    // To the microsecond, which is what every store can keep.
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(4_102_444_800_000_001);
    let id =
        add(&*engine, NewJob { when: When::At(time), expires: Some(When::At(time + HOUR)), ..new_job("mail") }).await;
    let pushed = status(&*engine, id).await;
    assert_eq!((pushed.state, pushed.due_at, pushed.expires_at), (State::Scheduled, time, Some(time + HOUR)));
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
}

pub(crate) async fn is_due_at_once_when_the_time_has_passed(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
    for time in [long_ago, SystemTime::UNIX_EPOCH, SystemTime::now() - HOUR] {
        let id = add(&*engine, NewJob { when: When::At(time), ..new_job("mail") }).await;
        let pushed = status(&*engine, id).await;
        assert_eq!(pushed.state, State::Available);
        assert!(pushed.due_at <= pushed.pushed_at, "{pushed:?}");
        assert_eq!(claim_one(&*engine, session, "mail").await.id, id);
    }
}

/// Not all engines can store each of these; but none stores half a push.
pub(crate) async fn stores_all_or_none(place: &dyn Place) {
    let engine = open(place).await;
    let strange = [
        new_job("nul\0in the name"),
        NewJob { body: Body::Value(Arc::new(5)), ..new_job("value") },
        NewJob { trace: Some("nul\0in the trace".to_owned()), ..new_job("trace") },
    ];
    for strange in strange {
        let name = strange.queue.to_string();
        let before = listed(&*engine, Selection::new()).await.len();
        let outcome = engine.push(&[new_job("mail"), strange, new_job("mail")]).await;
        let added = listed(&*engine, Selection::new()).await.len() - before;
        assert_eq!(added, outcome.map_or(0, |pushed| pushed.len()), "{name:?}");
        assert!(added == 0 || added == 3, "{added} with {name:?}");
    }
}

pub(crate) async fn stores_nothing_of_nothing(place: &dyn Place) {
    let engine = open(place).await;
    assert_eq!(engine.push(&[]).await.unwrap(), []);
    assert!(listed(&*engine, Selection::new()).await.is_empty());
}

pub(crate) async fn never_gives_an_id_again(place: &dyn Place) {
    let engine = open(place).await;
    let last = add_many(&*engine, "mail", 3).await[2];
    assert_eq!(engine.purge(&Selection::new()).await.unwrap(), 3);
    let next = add(&*engine, new_job("mail")).await;
    assert!(next > last, "{next:?} after {last:?}");
}
