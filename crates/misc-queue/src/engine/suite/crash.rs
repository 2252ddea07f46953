//! Processes that die, and what becomes of their jobs.

use super::*;
use crate::status::Reason;

pub(crate) async fn beats_keep_a_session(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(SOON).await.unwrap();
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(vec![]));
    let id = add(&*engine, new_job("mail")).await;
    claim_one(&*engine, session, "mail").await;
    place.pass(SOON + SHORT).await;
    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), Some(vec![]));
    assert_eq!(finish(&*engine, session, id, Ending::Completed).await.state, State::Completed);
}

pub(crate) async fn lost_sessions_give_their_jobs_back(place: &dyn Place) {
    let engine = open(place).await;
    let died = engine.enter(LEASE).await.unwrap();
    let alive = engine.enter(LEASE).await.unwrap();
    let mails = add_many(&*engine, "mail", 2).await;
    let sms = add(&*engine, new_job("sms")).await;
    // One has failed once before: that attempt stays counted.
    claim(&*engine, died, "mail", 1).await;
    finish(&*engine, died, mails[0], failed(Duration::ZERO)).await;
    claim(&*engine, died, "mail", 1).await;
    claim(&*engine, alive, "mail", 1).await;
    claim_one(&*engine, died, "sms").await;

    lose(place, &*engine, died).await;
    let swept = sweep(&*engine, &Keep::default()).await;
    assert_eq!((sum(&swept.recovered, "mail"), sum(&swept.recovered, "sms")), (1, 1), "{swept:?}");
    assert_eq!((&*swept.poisoned, &*swept.expired, swept.pruned), (&[][..], &[][..], 0));
    let recovered = status(&*engine, mails[0]).await;
    assert_eq!((recovered.state, recovered.attempt, recovered.crashes), (State::Available, 1, 1));
    assert_eq!((recovered.reason, recovered.finished_at), (None, None));
    let recovered = status(&*engine, sms).await;
    assert_eq!((recovered.state, recovered.attempt, recovered.crashes), (State::Available, 0, 1));
    assert_eq!(state(&*engine, mails[1]).await, State::Running, "its process lives");

    assert_eq!(engine.beat(died, LEASE).await.unwrap(), None);
    assert!(engine.held(died, "mail").await.unwrap().is_empty());
    assert_eq!(end(&*engine, died, sms, Ending::Completed).await.lost, [sms]);
    let again = claim_one(&*engine, alive, "sms").await;
    assert_eq!((again.id, again.attempt, again.crashes), (sms, 1, 1));
    assert_eq!(end(&*engine, died, sms, Ending::Completed).await.lost, [sms], "another has it now");
    assert_eq!(finish(&*engine, alive, sms, Ending::Completed).await.state, State::Completed);
}

pub(crate) async fn suspects_run_one_at_a_time(place: &dyn Place) {
    let engine = open(place).await;
    let suspects = add_many(&*engine, "mail", 3).await;
    crash_with(place, &*engine, "mail").await;
    let others = add_many(&*engine, "mail", 2).await;
    let session = engine.enter(LEASE).await.unwrap();
    let turn = async |jobs, suspect| {
        let claim = Claim { suspect, ..wanted("mail", jobs) };
        engine.turn(session, &[], Some(&claim)).await.unwrap()
    };
    assert_eq!(ids(&turn(1, false).await.claimed), others[..1]);
    assert!(turn(0, true).await.claimed.is_empty());
    let mut both = ids(&turn(10, true).await.claimed);
    both.sort();
    assert_eq!(both, [suspects[0], others[1]]);
    let none = turn(10, false).await;
    assert_eq!((none.claimed.len(), none.next_due), (0, None), "the others wait for their turn");
    for &suspect in &suspects[1..] {
        let claimed = turn(1, true).await.claimed;
        assert_eq!(ids(&claimed), [suspect]);
        assert_eq!(claimed[0].crashes, 1);
    }

    // It stays one when it comes back.
    finish(&*engine, session, suspects[0], failed(Duration::ZERO)).await;
    finish(&*engine, session, suspects[1], Ending::Returned).await;
    finish(&*engine, session, suspects[2], Ending::Postponed { by: Duration::ZERO }).await;
    assert!(turn(10, false).await.claimed.is_empty());
    let claimed = turn(10, true).await.claimed;
    assert_eq!((ids(&claimed), claimed[0].attempt), (vec![suspects[0]], 2));
    assert_eq!(finish(&*engine, session, suspects[0], Ending::Completed).await.crashes, 1);
}

pub(crate) async fn third_time_is_poison(place: &dyn Place) {
    let engine = open(place).await;
    let poison = add(&*engine, new_job("mail")).await;
    for crashes in 1..=2 {
        let swept = crash_with(place, &*engine, "mail").await;
        assert_eq!((sum(&swept.recovered, "mail"), sum(&swept.poisoned, "mail")), (1, 0), "{swept:?}");
        assert_eq!(status(&*engine, poison).await.crashes, crashes);
    }
    let swept = crash_with(place, &*engine, "mail").await;
    assert_eq!((sum(&swept.recovered, "mail"), sum(&swept.poisoned, "mail")), (0, 1), "{swept:?}");
    let status = status(&*engine, poison).await;
    assert_eq!((status.state, status.reason, status.crashes), (State::Dead, Some(Reason::Poison), 3));
    assert!(status.finished_at.is_some(), "{status:?}");
    let session = engine.enter(LEASE).await.unwrap();
    assert!(claim(&*engine, session, "mail", 10).await.is_empty());

    // An operator may give it another chance, and three times again.
    assert_eq!(engine.retry(&Selection::new()).await.unwrap(), 1);
    let swept = crash_with(place, &*engine, "mail").await;
    assert_eq!((sum(&swept.recovered, "mail"), sum(&swept.poisoned, "mail")), (1, 0), "{swept:?}");
}

pub(crate) async fn leaving_gives_jobs_back(place: &dyn Place) {
    let engine = open(place).await;
    let session = engine.enter(LEASE).await.unwrap();
    let other = engine.enter(LEASE).await.unwrap();
    let pushed = add_many(&*engine, "mail", 3).await;
    claim(&*engine, other, "mail", 1).await;
    claim(&*engine, session, "mail", 2).await;
    engine.leave(session).await.unwrap();

    assert_eq!(state(&*engine, pushed[0]).await, State::Running);
    for &id in &pushed[1..] {
        let status = status(&*engine, id).await;
        assert_eq!((status.state, status.attempt, status.crashes), (State::Available, 0, 0));
    }
    assert_eq!(engine.beat(session, LEASE).await.unwrap(), None);
    assert_eq!(end(&*engine, session, pushed[1], Ending::Completed).await.lost, [pushed[1]]);
    assert_eq!(sweep(&*engine, &Keep::default()).await, Swept::default());
    assert_eq!(ids(&claim(&*engine, other, "mail", 10).await), pushed[1..]);
    engine.leave(session).await.unwrap();
    assert_eq!(state(&*engine, pushed[1]).await, State::Running, "it has left before");
}

pub(crate) async fn sessions_are_never_used_again(place: &dyn Place) {
    let engine = open(place).await;
    let mut sessions = std::collections::HashSet::new();
    for number in 0..6 {
        let session = engine.enter(LEASE).await.unwrap();
        assert!(sessions.insert(session), "{session:?} once more");
        if number % 2 == 0 {
            engine.leave(session).await.unwrap();
        } else {
            lose(place, &*engine, session).await;
            sweep(&*engine, &Keep::default()).await;
        }
        assert_eq!(engine.beat(session, LEASE).await.unwrap(), None);
    }
}
