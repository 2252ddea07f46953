//! Keys that are claimed until a time, and values that are remembered.

use super::*;

const KEY: &str = "tasks/nightly report/2027-01-01T00:00:00Z 'é🦀'";

pub(crate) async fn gives_a_key_once(place: &dyn Place) {
    let engine = open(place).await;
    let until = SystemTime::now() + HOUR;
    let claims = (0..10).map(|_| engine.claim_key(KEY, until));
    let given = futures_util::future::join_all(claims).await.into_iter().filter(|given| *given.as_ref().unwrap());
    assert_eq!(given.count(), 1);
    assert!(engine.claim_key("tasks/other", until).await.unwrap());
    assert!(!engine.claim_key("tasks/other", until).await.unwrap());
}

pub(crate) async fn gives_a_key_again_when_its_time_is_over(place: &dyn Place) {
    let engine = open(place).await;
    let until = status(&*engine, add(&*engine, new_job("mail")).await).await.pushed_at + SOON;
    assert!(engine.claim_key(KEY, until).await.unwrap());
    assert!(!engine.claim_key(KEY, until).await.unwrap());
    place.pass(SOON + SHORT).await;
    sweep(&*engine, &Keep::default()).await;
    assert!(engine.claim_key(KEY, until + HOUR).await.unwrap());
    assert!(!engine.claim_key(KEY, until + HOUR).await.unwrap());
    // A time that has passed keeps nobody out.
    assert!(engine.claim_key("tasks/past", SystemTime::UNIX_EPOCH).await.unwrap());
    assert!(engine.claim_key("tasks/past", SystemTime::UNIX_EPOCH).await.unwrap());
}

pub(crate) async fn remembers_the_last_value(place: &dyn Place) {
    let engine = open(place).await;
    assert_eq!(engine.recall(KEY).await.unwrap(), None);
    for value in ["2027-01-01", "", "it's \"🦀\" \\ $1 ?"] {
        engine.remember(KEY, value).await.unwrap();
        assert_eq!(engine.recall(KEY).await.unwrap().as_deref(), Some(value));
    }
    assert_eq!(engine.recall("tasks/other").await.unwrap(), None);
    // Claims and values know nothing of each other, and no sweep forgets a value.
    assert!(engine.claim_key(KEY, SystemTime::now() + HOUR).await.unwrap());
    engine.remember(KEY, "last").await.unwrap();
    assert!(!engine.claim_key(KEY, SystemTime::now() + HOUR).await.unwrap());
    sweep(&*engine, &Keep::default()).await;
    assert_eq!(engine.recall(KEY).await.unwrap().as_deref(), Some("last"));
}

pub(crate) async fn answers(place: &dyn Place) {
    let engine = open(place).await;
    engine.ping().await.unwrap();
    assert!(!engine.system().is_empty());
    engine.close().await;
}
