//! Which job holds a key, and how long.

use super::*;
use crate::{engine::Key, options::Release, status::Reason};

fn keyed(queue: &str, key: &str, release: Release) -> NewJob {
    NewJob { unique: Some(Key { key: key.to_owned(), release }), ..new_job(queue) }
}

pub(crate) async fn are_held_by_one_job(place: &dyn Place) {
    let engine = open(place).await;
    let first = add(&*engine, keyed("mail", "mail/a", Release::Done)).await;
    let second = push(&*engine, keyed("mail", "mail/a", Release::Done)).await;
    assert_eq!((second.id, second.is_duplicate), (first, true));
    // How the second would have given it up does not matter.
    let third = push(&*engine, keyed("mail", "mail/a", Release::After(HOUR))).await;
    assert_eq!((third.id, third.is_duplicate), (first, true));
    assert_eq!(listed(&*engine, Selection::new()).await, [first]);

    let other_key = add(&*engine, keyed("mail", "mail/A ", Release::Done)).await;
    let other_queue = add(&*engine, keyed("sms", "sms/a", Release::Done)).await;
    let everywhere = add(&*engine, keyed("mail", "*/a", Release::Done)).await;
    let again = push(&*engine, keyed("sms", "*/a", Release::Done)).await;
    assert_eq!((again.id, again.is_duplicate), (everywhere, true));
    let none = add(&*engine, new_job("mail")).await;
    assert_eq!(listed(&*engine, Selection::new()).await, [none, everywhere, other_queue, other_key, first]);
}

pub(crate) async fn are_held_within_one_push(place: &dyn Place) {
    let engine = open(place).await;
    let before = add(&*engine, keyed("mail", "mail/before", Release::Done)).await;
    let jobs = [
        keyed("mail", "mail/a", Release::Done),
        new_job("mail"),
        keyed("mail", "mail/a", Release::Started),
        keyed("mail", "mail/before", Release::Done),
        keyed("mail", "mail/b", Release::Done),
        keyed("mail", "mail/a", Release::Done),
    ];
    let pushed = engine.push(&jobs).await.unwrap();
    let duplicates: Vec<_> = pushed.iter().map(|pushed| pushed.is_duplicate).collect();
    assert_eq!(duplicates, [false, false, true, true, false, true]);
    let ids: Vec<_> = pushed.iter().map(|pushed| pushed.id).collect();
    assert_eq!([ids[2], ids[5], ids[3]], [ids[0], ids[0], before]);
    assert!(before < ids[0] && ids[0] < ids[1] && ids[1] < ids[4], "{ids:?}");
    assert_eq!(listed(&*engine, Selection::new()).await, [ids[4], ids[1], ids[0], before]);
}

pub(crate) async fn are_given_up_in_every_final_state(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let key = || keyed("mail", "mail/a", Release::Done);
    let endings = [
        Ending::Completed,
        Ending::Dead { reason: Reason::Exhausted, error: "enough".to_owned() },
        Ending::Cancelled { reason: Reason::Cancelled },
        Ending::Cancelled { reason: Reason::Expired },
    ];
    for ending in endings {
        let id = add(&*engine, key()).await;
        assert_eq!(claim_one(&*engine, session, "mail").await.id, id);
        finish(&*engine, session, id, ending).await;
    }

    let cancelled = add(&*engine, key()).await;
    assert_eq!(engine.cancel(&Selection::new().id(cancelled)).await.unwrap(), 1);
    let purged = add(&*engine, key()).await;
    assert_eq!(engine.purge(&Selection::new().id(purged)).await.unwrap(), 1);

    let expired = add(&*engine, NewJob { expires: Some(When::In(SHORT)), ..key() }).await;
    place.pass(LONGER).await;
    sweep(&*engine, &Keep::default()).await;
    assert_eq!(state(&*engine, expired).await, State::Cancelled);

    let poison = add(&*engine, key()).await;
    for _ in 0..3 {
        crash_with(place, &*engine, "mail").await;
    }
    assert_eq!(state(&*engine, poison).await, State::Dead);
    add(&*engine, key()).await;
}

pub(crate) async fn are_held_while_the_job_may_go_on(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let id = add(&*engine, NewJob { when: When::In(SHORT), ..keyed("mail", "mail/a", Release::Done) }).await;
    let is_held = async || {
        let again = push(&*engine, keyed("mail", "mail/a", Release::Done)).await;
        (again.id, again.is_duplicate) == (id, true)
    };
    assert!(is_held().await, "scheduled");
    place.pass(LONGER).await;
    for ending in [failed(Duration::ZERO), Ending::Returned, Ending::Postponed { by: Duration::ZERO }] {
        claim_one(&*engine, session, "mail").await;
        assert!(is_held().await, "running");
        finish(&*engine, session, id, ending.clone()).await;
        assert!(is_held().await, "{ending:?}");
    }
    crash_with(place, &*engine, "mail").await;
    assert!(is_held().await, "crashed");
    claim_one(&*engine, session, "mail").await;
    finish(&*engine, session, id, failed(HOUR)).await;
    assert!(is_held().await, "retryable");
}

pub(crate) async fn are_given_up_when_started(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let key = || keyed("mail", "mail/a", Release::Started);
    let first = add(&*engine, key()).await;
    assert!(push(&*engine, key()).await.is_duplicate, "it waits");
    assert_eq!(claim_one(&*engine, session, "mail").await.id, first);
    let second = add(&*engine, key()).await;
    // It does not come back with the job, which would be two with one key.
    finish(&*engine, session, first, Ending::Returned).await;
    assert_eq!(push(&*engine, key()).await.id, second);
    assert_eq!(ids(&claim(&*engine, session, "mail", 10).await), [first, second]);

    let third = add(&*engine, key()).await;
    engine.cancel(&Selection::new().id(third)).await.unwrap();
    add(&*engine, key()).await;
}

pub(crate) async fn are_held_for_a_period(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let long = add(&*engine, keyed("mail", "mail/long", Release::After(HOUR))).await;
    claim_one(&*engine, session, "mail").await;
    assert_eq!(push(&*engine, keyed("mail", "mail/long", Release::Done)).await.id, long, "running");
    finish(&*engine, session, long, Ending::Completed).await;
    assert_eq!(push(&*engine, keyed("mail", "mail/long", Release::Done)).await.id, long, "completed");

    let short = add(&*engine, keyed("sms", "sms/short", Release::After(SOON))).await;
    assert_eq!(push(&*engine, keyed("sms", "sms/short", Release::After(SOON))).await.id, short);
    place.pass(SOON + SHORT).await;
    // It still waits, but its time with the key is over.
    let next = add(&*engine, keyed("sms", "sms/short", Release::After(SOON))).await;
    assert_eq!(push(&*engine, keyed("sms", "sms/short", Release::Done)).await.id, next);
    assert_eq!(ids(&claim(&*engine, session, "sms", 10).await), [short, next]);
}

pub(crate) async fn outlive_the_job_for_a_period(place: &dyn Place) {
    let nothing = Keep { completed: Duration::ZERO, cancelled: Duration::ZERO, dead: Duration::ZERO };
    let engine = place.open(Config { keep: nothing.clone(), ..Config::default() }).await;
    let session = engine.enter(LEASE).await.unwrap();
    let key = || keyed("mail", "mail/a", Release::After(SOON));
    let id = add(&*engine, key()).await;
    claim_one(&*engine, session, "mail").await;
    assert_eq!(end(&*engine, session, id, Ending::Completed).await.lost, []);
    sweep(&*engine, &nothing).await;
    let again = push(&*engine, key()).await;
    assert_eq!((again.id, again.is_duplicate), (id, true));

    place.pass(SOON + SHORT).await;
    sweep(&*engine, &nothing).await;
    assert_eq!(engine.job(id).await.unwrap(), None);
    add(&*engine, key()).await;
}

pub(crate) async fn outlive_a_purge_for_a_period(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let key = |queue: &str| keyed(queue, &format!("{queue}/a"), Release::After(SOON));
    add(&*engine, key("waits")).await;
    let done = add(&*engine, key("done")).await;
    claim_one(&*engine, session, "done").await;
    finish(&*engine, session, done, Ending::Completed).await;
    engine.purge(&Selection::new()).await.unwrap();
    for queue in ["waits", "done"] {
        assert!(push(&*engine, key(queue)).await.is_duplicate, "{queue}");
    }
    place.pass(SOON + SHORT).await;
    engine.purge(&Selection::new()).await.unwrap();
    for queue in ["waits", "done"] {
        add(&*engine, key(queue)).await;
    }
    assert_eq!(engine.list(&Selection::new()).await.unwrap().len(), 2, "the others are gone");
}

pub(crate) async fn do_not_keep_a_job_from_being_retried(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let key = || keyed("mail", "mail/a", Release::Done);
    let first = add(&*engine, key()).await;
    engine.cancel(&Selection::new().id(first)).await.unwrap();
    let second = add(&*engine, key()).await;
    assert_eq!(engine.retry(&Selection::new().id(first)).await.unwrap(), 1);
    assert_eq!(ids(&claim(&*engine, session, "mail", 10).await), [first, second]);
    finish(&*engine, session, first, Ending::Completed).await;
    assert_eq!(push(&*engine, key()).await.id, second, "it has its key for itself");
}
