//! Several engines on one store, as several processes have it.
#![cfg_attr(not(any(feature = "postgres", feature = "sqlite")), expect(dead_code, reason = "only they share a store"))]

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::{
    engine::{Key, Wake},
    options::Release,
};

pub(crate) async fn outlives_the_engine(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 3).await;
    claim(&*engine, session, "mail", 2).await;
    finish(&*engine, session, pushed[0], failed(HOUR)).await;
    engine.pause("sms", true).await.unwrap();
    engine.remember("last", "today").await.unwrap();
    assert!(engine.claim_key("key", SystemTime::now() + HOUR).await.unwrap());
    let before = engine.list(&Selection::new()).await.unwrap();
    engine.close().await;
    drop(engine);

    let engine = open(place).await;
    assert_eq!(engine.list(&Selection::new()).await.unwrap(), before);
    assert_eq!(engine.recall("last").await.unwrap().as_deref(), Some("today"));
    assert!(!engine.claim_key("key", SystemTime::now() + HOUR).await.unwrap());
    assert!(!engine.pause("sms", true).await.unwrap());
    assert_ne!(engine.enter(LEASE).await.unwrap(), session);
    assert_eq!(ids(&engine.held(session, "mail").await.unwrap()), [pushed[1]]);
    assert_eq!(finish(&*engine, session, pushed[1], Ending::Completed).await.state, State::Completed);
    assert!(add(&*engine, new_job("mail")).await > pushed[2]);
}

pub(crate) async fn gives_each_job_to_one(place: &dyn Place) {
    let engines = [open(place).await, open(place).await, open(place).await];
    let mut pushed = Vec::new();
    for engine in &engines {
        pushed.extend(add_many(&**engine, "mail", 100).await);
    }
    let work = engines.iter().map(async |engine| {
        let session = engine.enter(LEASE).await.unwrap();
        let mut all = Vec::new();
        loop {
            let claimed = ids(&claim(&**engine, session, "mail", 7).await);
            if claimed.is_empty() {
                return all;
            }
            let ended: Vec<_> = claimed.iter().map(|&id| Ended { id, ending: Ending::Completed }).collect();
            assert_eq!(engine.turn(session, &ended, None).await.unwrap().lost, []);
            all.extend(claimed);
        }
    });
    let mut claimed: Vec<_> = futures_util::future::join_all(work).await.concat();
    claimed.sort();
    pushed.sort();
    assert_eq!(claimed, pushed);
}

pub(crate) async fn gives_a_key_to_one(place: &dyn Place) {
    let engines = [open(place).await, open(place).await, open(place).await];
    for round in 0..10 {
        let job =
            NewJob { unique: Some(Key { key: format!("mail/{round}"), release: Release::Done }), ..new_job("mail") };
        let jobs = [new_job("mail"), job];
        let pushes = engines.iter().map(|engine| engine.push(&jobs));
        let pushed = futures_util::future::join_all(pushes).await.into_iter().map(|pushed| pushed.unwrap()[1]);
        let pushed: Vec<_> = pushed.collect();
        assert!(pushed.iter().all(|other| other.id == pushed[0].id), "{pushed:?}");
        assert_eq!(pushed.iter().filter(|pushed| !pushed.is_duplicate).count(), 1, "{pushed:?}");
        let claims = engines.iter().map(|engine| engine.claim_key(&jobs[1].unique.as_ref().unwrap().key, far()));
        let given = futures_util::future::join_all(claims).await.into_iter().filter(|given| *given.as_ref().unwrap());
        assert_eq!(given.count(), 1);
    }
}

fn far() -> SystemTime {
    SystemTime::now() + HOUR
}

/// What a store has told.
#[derive(Default)]
struct Told {
    queues: Mutex<Vec<String>>,
    everything: AtomicBool,
}

impl Wake for Told {
    fn queue(&self, queue: &str) {
        self.queues.lock().unwrap().push(queue.to_owned());
    }

    fn everything(&self) {
        self.everything.store(true, Ordering::SeqCst);
    }
}

impl Told {
    fn of(&self, queue: &str) -> bool {
        self.everything.load(Ordering::SeqCst) || self.queues.lock().unwrap().iter().any(|name| name == queue)
    }
}

/// Makes a change through one engine until another, which watches, tells of it; that takes a moment to begin.
async fn tells(place: &dyn Place, change: impl AsyncFn(&dyn Engine, u32), is_told: impl Fn(&Told) -> bool) {
    let [one, other] = [open(place).await, open(place).await];
    let told = Told::default();
    let work = async {
        for round in 0..100 {
            change(&*one, round).await;
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                if is_told(&told) {
                    return true;
                }
            }
        }
        false
    };
    tokio::select! {
        is_told = work => assert!(is_told, "the change is told"),
        () = other.watch(&told) => panic!("it watches until it is dropped"),
    }
}

pub(crate) async fn wakes_others_after_a_push(place: &dyn Place) {
    let change = async |engine: &dyn Engine, _| {
        add(engine, new_job("mail")).await;
    };
    tells(place, change, |told| told.of("mail")).await;
}

pub(crate) async fn wakes_others_after_a_pause(place: &dyn Place) {
    let change = async |engine: &dyn Engine, round: u32| {
        assert!(engine.pause("mail", round.is_multiple_of(2)).await.unwrap());
    };
    tells(place, change, |told| told.of("mail")).await;
}

pub(crate) async fn wakes_others_to_cancel(place: &dyn Place) {
    let change = async |engine: &dyn Engine, _| {
        let session = engine.enter(LEASE).await.unwrap();
        let id = add(engine, new_job("mail")).await;
        claim_one(engine, session, "mail").await;
        assert_eq!(engine.cancel(&Selection::new().id(id)).await.unwrap(), 1);
    };
    // Only then the other one beats, and so hears which job it is.
    tells(place, change, |told| told.everything.load(Ordering::SeqCst)).await;
}

pub(crate) async fn recovers_what_another_has_lost(place: &dyn Place) {
    let [one, other] = [open(place).await, open(place).await];
    let [died, alive] = [one.enter(LEASE).await.unwrap(), other.enter(LEASE).await.unwrap()];
    let id = add(&*one, new_job("mail")).await;
    assert_eq!(claim_one(&*one, died, "mail").await.id, id);
    assert!(claim(&*other, alive, "mail", 1).await.is_empty());
    lose(place, &*one, died).await;
    let swept = sweep(&*other, &Keep::default()).await;
    assert_eq!(sum(&swept.recovered, "mail"), 1);
    assert_eq!(claim_one(&*other, alive, "mail").await.crashes, 1);
    assert_eq!(end(&*one, died, id, Ending::Completed).await.lost, [id]);
    assert_eq!(finish(&*other, alive, id, Ending::Completed).await.state, State::Completed);
}
