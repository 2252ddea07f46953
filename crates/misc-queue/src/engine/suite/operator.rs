//! What an operator sees and does.

use super::*;
use crate::status::{QueueStatus, Reason};

/// Gives a store with a job in each state, in the order of [`State::ALL`].
async fn one_of_each(place: &dyn Place) -> (Arc<dyn Engine>, Session, Vec<JobId>) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let mut ids = vec![add(&*engine, NewJob { when: When::In(HOUR), ..new_job("mail") }).await];
    ids.push(add(&*engine, NewJob { priority: -1, ..new_job("mail") }).await);
    ids.extend(add_many(&*engine, "mail", 5).await);
    claim(&*engine, session, "mail", 5).await;
    let endings = [
        failed(HOUR),
        Ending::Completed,
        Ending::Cancelled { reason: Reason::Cancelled },
        Ending::Dead { reason: Reason::Exhausted, error: "enough".to_owned() },
    ];
    for (&id, ending) in ids[3..].iter().zip(endings) {
        finish(&*engine, session, id, ending).await;
    }
    for (&id, expected) in ids.iter().zip(State::ALL) {
        assert_eq!(state(&*engine, id).await, expected);
    }
    (engine, session, ids)
}

async fn queue(engine: &dyn Engine, name: &str) -> QueueStatus {
    engine.queues().await.unwrap().into_iter().find(|queue| queue.name == name).expect("it is there")
}

pub(crate) async fn lists_newest_first(place: &dyn Place) {
    let (engine, _, ids) = one_of_each(place).await;
    let sms = add_many(&*engine, "sms", 2).await;
    let all: Vec<_> = ids.iter().chain(&sms).rev().copied().collect();
    assert_eq!(listed(&*engine, Selection::new()).await, all);
    assert_eq!(listed(&*engine, Selection::new().limit(3)).await, all[..3]);
    assert_eq!(listed(&*engine, Selection::new().limit(3).before(all[2])).await, all[3..6]);
    assert_eq!(listed(&*engine, Selection::new().before(ids[0])).await, []);
    assert_eq!(listed(&*engine, Selection::new().limit(0)).await, []);
    assert_eq!(listed(&*engine, Selection::new().queue("sms")).await, [sms[1], sms[0]]);
    assert_eq!(listed(&*engine, Selection::new().queue("fax")).await, []);
    assert_eq!(listed(&*engine, Selection::new().id(ids[4])).await, [ids[4]]);
    assert_eq!(listed(&*engine, Selection::new().id(ids[4]).queue("sms")).await, []);
    for (&id, state) in ids.iter().zip(State::ALL) {
        assert_eq!(listed(&*engine, Selection::new().queue("mail").state(state)).await, [id]);
        assert_eq!(listed(&*engine, Selection::new().id(id).state(state)).await, [id]);
    }
    let available = Selection::new().state(State::Available);
    assert_eq!(listed(&*engine, available.clone()).await, [sms[1], sms[0], ids[1]]);
    assert_eq!(listed(&*engine, available.before(sms[1]).limit(1)).await, [sms[0]]);
    for status in engine.list(&Selection::new()).await.unwrap() {
        assert_eq!(engine.job(status.id).await.unwrap(), Some(status));
    }
}

pub(crate) async fn shows_nothing_of_an_unknown_job(place: &dyn Place) {
    let engine = open(place).await;
    let id = add(&*engine, new_job("mail")).await;
    for unknown in [id.0 + 1, 0, -1, i64::MAX, i64::MIN] {
        assert_eq!(engine.job(JobId(unknown)).await.unwrap(), None);
        assert_eq!(engine.cancel(&Selection::new().id(JobId(unknown))).await.unwrap(), 0);
    }
    assert_eq!(state(&*engine, id).await, State::Available);
}

pub(crate) async fn counts_jobs(place: &dyn Place) {
    let (engine, _, _) = one_of_each(place).await;
    let counts = |queue: &QueueStatus| [queue.scheduled, queue.available, queue.running, queue.retryable, queue.dead];
    assert_eq!(counts(&queue(&*engine, "mail").await), [1; 5]);

    add_many(&*engine, "sms", 2).await;
    place.pass(SHORT).await;
    add_many(&*engine, "sms", 1).await;
    let sms = queue(&*engine, "sms").await;
    assert_eq!((counts(&sms), sms.is_paused), ([0, 3, 0, 0, 0], false));
    let oldest = sms.oldest.unwrap();
    assert!(oldest >= SHORT && oldest < TOLERANCE, "{oldest:?}");

    add(&*engine, NewJob { priority: 3, ..new_job("sms") }).await;
    assert_eq!(engine.cancel(&Selection::new().queue("sms")).await.unwrap(), 4);
    let left = engine.queues().await.unwrap().into_iter().find(|queue| queue.name == "sms");
    assert!(left.is_none_or(|sms| (counts(&sms), sms.oldest) == ([0; 5], None)));
    add(&*engine, NewJob { when: When::In(HOUR), ..new_job("fax") }).await;
    assert_eq!(queue(&*engine, "fax").await.oldest, None, "none is due");

    // One that is due, although nobody has looked for it since.
    add(&*engine, NewJob { when: When::In(SHORT), ..new_job("late") }).await;
    place.pass(SHORT * 2).await;
    let oldest = queue(&*engine, "late").await.oldest.unwrap();
    assert!(oldest >= SHORT && oldest < TOLERANCE, "{oldest:?}");
}

pub(crate) async fn pauses_a_queue(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let mails = add_many(&*engine, "mail", 3).await;
    let sms = add(&*engine, new_job("sms")).await;
    claim(&*engine, session, "mail", 1).await;
    assert!(!engine.pause("mail", false).await.unwrap(), "it goes on already");
    assert!(engine.pause("mail", true).await.unwrap());
    assert!(!engine.pause("mail", true).await.unwrap(), "it was paused already");
    assert!(engine.pause("fax", true).await.unwrap());

    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
    assert_eq!(claim_one(&*engine, session, "sms").await.id, sms);
    // What runs goes on, and what is pushed waits.
    assert_eq!(finish(&*engine, session, mails[0], Ending::Completed).await.state, State::Completed);
    let late = add(&*engine, new_job("mail")).await;
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
    assert!(queue(&*engine, "mail").await.is_paused);
    assert!(queue(&*engine, "fax").await.is_paused, "although it has no jobs");
    assert!(!queue(&*engine, "sms").await.is_paused);

    assert!(engine.pause("mail", false).await.unwrap());
    assert!(!engine.pause("mail", false).await.unwrap());
    assert!(!queue(&*engine, "mail").await.is_paused);
    assert_eq!(ids(&claim(&*engine, session, "mail", 10).await), [mails[1], mails[2], late]);
}

pub(crate) async fn retries_what_is_over(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 3).await;
    let [dead, cancelled, completed] = pushed[..] else { unreachable!("there are three") };
    claim(&*engine, session, "mail", 1).await;
    finish(&*engine, session, dead, failed(Duration::ZERO)).await;
    claim(&*engine, session, "mail", 3).await;
    finish(&*engine, session, dead, Ending::Dead { reason: Reason::Exhausted, error: "enough".to_owned() }).await;
    finish(&*engine, session, cancelled, Ending::Cancelled { reason: Reason::Cancelled }).await;
    finish(&*engine, session, completed, Ending::Completed).await;

    assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 2);
    assert_eq!(state(&*engine, completed).await, State::Completed);
    for id in [dead, cancelled] {
        let status = status(&*engine, id).await;
        assert_eq!((status.state, status.attempt, status.crashes), (State::Available, 0, 0));
        assert_eq!((status.reason, status.finished_at), (None, None));
    }
    assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 0, "they can be begun already");
    let claimed = claim(&*engine, session, "mail", 10).await;
    assert_eq!(ids(&claimed), [dead, cancelled]);
    assert!(claimed.iter().all(|job| job.attempt == 1), "{claimed:?}");
    assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 0, "they run");
}

pub(crate) async fn retries_what_waits_for_its_time(place: &dyn Place) {
    let (engine, session, ids_) = one_of_each(place).await;
    let [scheduled, retryable] = [ids_[0], ids_[3]];
    let waiting = [Selection::new().state(State::Scheduled), Selection::new().id(retryable)];
    for selection in waiting {
        assert_eq!(engine.retry(&selection).await.unwrap(), 1);
    }
    for (id, attempt) in [(scheduled, 0), (retryable, 1)] {
        let status = status(&*engine, id).await;
        assert_eq!((status.state, status.attempt), (State::Available, attempt));
        assert!(is_about(status.due_at, SystemTime::now()), "{status:?}");
    }
    assert_eq!(ids(&claim(&*engine, session, "mail", 2).await), [scheduled, retryable]);
}

pub(crate) async fn retries_what_has_expired(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let id = add(&*engine, NewJob { expires: Some(When::In(SHORT)), ..new_job("mail") }).await;
    place.pass(LONGER).await;
    sweep(&*engine, &Keep::default()).await;
    assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 1);
    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
    let claimed = claim_one(&*engine, session, "mail").await;
    assert_eq!((claimed.id, claimed.is_expired), (id, false), "it was asked for after its time");
}

pub(crate) async fn cancels_what_waits(place: &dyn Place) {
    let (engine, session, ids) = one_of_each(place).await;
    let other = add(&*engine, new_job("sms")).await;
    for id in [ids[0], ids[1], ids[3]] {
        assert_eq!(engine.cancel(&Selection::new().id(id)).await.unwrap(), 1);
        let status = status(&*engine, id).await;
        assert_eq!((status.state, status.reason), (State::Cancelled, Some(Reason::Cancelled)));
        assert!(status.finished_at.is_some(), "{status:?}");
        assert_eq!(engine.cancel(&Selection::new().id(id)).await.unwrap(), 0, "it is already");
    }
    for id in [ids[4], ids[5], ids[6]] {
        assert_eq!(engine.cancel(&Selection::new().id(id)).await.unwrap(), 0, "it is over");
    }
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
    assert_eq!(engine.cancel(&Selection::new().queue("sms")).await.unwrap(), 1);
    assert_eq!(state(&*engine, other).await, State::Cancelled);
}

pub(crate) async fn cancels_what_runs(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let other = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 3).await;
    claim(&*engine, session, "mail", 2).await;
    claim(&*engine, other, "mail", 1).await;
    assert_eq!(engine.cancel(&Selection::new().id(pushed[1])).await.unwrap(), 1);
    assert_eq!(state(&*engine, pushed[1]).await, State::Running, "it is asked to end");
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(vec![pushed[1]]));
    assert_eq!(engine.beat(other, LEASE).await.unwrap(), Some(vec![]));

    let status = finish(&*engine, session, pushed[1], Ending::Cancelled { reason: Reason::Cancelled }).await;
    assert_eq!((status.state, status.reason), (State::Cancelled, Some(Reason::Cancelled)));
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(vec![]));

    // It may also be done before it hears of it.
    assert_eq!(engine.cancel(&Selection::new().id(pushed[0])).await.unwrap(), 1);
    assert_eq!(finish(&*engine, session, pushed[0], Ending::Completed).await.state, State::Completed);
    // Once more, nobody has asked for it to end.
    engine.retry(&Selection::new().id(pushed[1])).await.unwrap();
    assert_eq!(claim_one(&*engine, session, "mail").await.id, pushed[1]);
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(vec![]));
    assert_eq!(finish(&*engine, session, pushed[1], Ending::Returned).await.state, State::Available);
}

/// It is cancelled then, or its next process hears of it at once.
pub(crate) async fn cancels_what_comes_back(place: &dyn Place) {
    let engine = open(place).await;
    let holds = async |id: JobId| {
        if state(&*engine, id).await == State::Cancelled {
            return true;
        }
        engine.retry(&Selection::new().id(id)).await.unwrap();
        let next = engine.enter(LEASE).await.unwrap();
        claim(&*engine, next, "mail", 10).await;
        engine.beat(next, LEASE).await.unwrap() == Some(vec![id])
    };
    let endings = [Some(failed(Duration::ZERO)), Some(Ending::Returned), Some(Ending::Postponed { by: HOUR }), None];
    for ending in endings {
        let session = engine.enter(LEASE).await.unwrap();
        let id = add(&*engine, new_job("mail")).await;
        assert_eq!(claim_one(&*engine, session, "mail").await.id, id);
        engine.cancel(&Selection::new().id(id)).await.unwrap();
        match ending.clone() {
            Some(ending) => drop(finish(&*engine, session, id, ending).await),
            None => engine.leave(session).await.unwrap(),
        }
        assert!(holds(id).await, "after {ending:?}");
    }

    let id = add(&*engine, new_job("mail")).await;
    let session = engine.enter(LEASE).await.unwrap();
    claim_one(&*engine, session, "mail").await;
    engine.cancel(&Selection::new().id(id)).await.unwrap();
    lose(place, &*engine, session).await;
    sweep(&*engine, &Keep::default()).await;
    assert!(holds(id).await, "after a crash");
}

pub(crate) async fn purges_what_does_not_run(place: &dyn Place) {
    let (engine, session, ids) = one_of_each(place).await;
    assert_eq!(engine.purge(&Selection::new().state(State::Dead)).await.unwrap(), 1);
    assert_eq!(engine.job(ids[6]).await.unwrap(), None);
    assert_eq!(engine.purge(&Selection::new().queue("sms")).await.unwrap(), 0);
    assert_eq!(engine.purge(&Selection::new().id(ids[2])).await.unwrap(), 0, "it runs");
    assert_eq!(engine.purge(&Selection::new()).await.unwrap(), 5);
    assert_eq!(listed(&*engine, Selection::new()).await, [ids[2]]);
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());
    assert_eq!(finish(&*engine, session, ids[2], Ending::Completed).await.state, State::Completed);
}

pub(crate) async fn takes_the_newest_of_a_selection(place: &dyn Place) {
    let engine = open(place).await;
    let pushed = add_many(&*engine, "mail", 6).await;
    let two = Selection::new().limit(2);
    assert_eq!(engine.cancel(&two).await.unwrap(), 2);
    assert_eq!(listed(&*engine, Selection::new().state(State::Cancelled)).await, [pushed[5], pushed[4]]);
    assert_eq!(engine.cancel(&two.clone().before(pushed[3])).await.unwrap(), 2);
    let cancelled = two.state(State::Cancelled);
    assert_eq!(engine.retry(&cancelled).await.unwrap(), 2);
    assert_eq!(listed(&*engine, Selection::new().state(State::Cancelled)).await, [pushed[2], pushed[1]]);
    assert_eq!(engine.purge(&cancelled.limit(1)).await.unwrap(), 1);
    assert_eq!(listed(&*engine, Selection::new()).await, [5, 4, 3, 1, 0].map(|number| pushed[number]));
}
