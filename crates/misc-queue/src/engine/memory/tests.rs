//! What is to be said of memory alone, after what every engine does.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{FutureExt, poll};

use super::*;
use crate::{
    engine::{
        Body, Ending, Key,
        suite::{self, Place},
    },
    options::{Release, When},
    status::State,
};

/// A place that keeps nothing. Time is passed with some to spare: as tokio's clock stands still meanwhile, the one of the
/// store is behind by how long a test takes.
struct Nowhere;

#[async_trait]
impl Place for Nowhere {
    async fn open(&self, config: Config) -> Arc<dyn Engine> {
        Arc::new(Memory::open(&Config { url: "memory://".into(), ..config }).unwrap())
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time + Duration::from_secs(3)).await;
    }
}

suite::tests!(Nowhere, (start_paused = true));

const LEASE: Duration = Duration::from_secs(600);

fn memory(capacity: usize, overflow: Overflow) -> Memory {
    let capacity = NonZeroUsize::new(capacity).unwrap();
    Memory::open(&Config { capacity, overflow, ..Config::from("memory://") }).unwrap()
}

fn job() -> NewJob {
    NewJob {
        queue: "mail".into(),
        body: Body::Value(Arc::new(7)),
        when: When::Now,
        priority: 0,
        attempts: None,
        expires: None,
        unique: None,
        trace: None,
    }
}

fn keyed(release: Release) -> NewJob {
    NewJob { unique: Some(Key { key: "mail/a".to_owned(), release }), ..job() }
}

async fn claim(memory: &Memory, session: Session, jobs: usize) -> Vec<Claimed> {
    let claim = Claim { queue: "mail".into(), jobs, suspect: true };
    memory.turn(session, &[], Some(&claim)).await.unwrap().claimed
}

async fn end(memory: &Memory, session: Session, id: JobId, ending: Ending) {
    assert_eq!(memory.turn(session, &[Ended { id, ending }], None).await.unwrap().lost, []);
}

#[tokio::test]
async fn a_full_store_rejects_a_push_whole() {
    let memory = memory(3, Overflow::Reject);
    memory.push(&[job(), job()]).await.unwrap();
    let error = memory.push(&[job(), job()]).await.unwrap_err();
    assert!(error.is_full(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the memory store is full: 3 jobs wait or run (`capacity`); push later, or let `overflow` be `wait`"
    );
    assert_eq!(memory.list(&Selection::new()).await.unwrap().len(), 2);
    memory.push(&[job()]).await.unwrap();
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
}

#[tokio::test]
async fn what_runs_needs_room_and_what_is_over_does_not() {
    let memory = memory(4, Overflow::Reject);
    let session = memory.enter(LEASE).await.unwrap();
    let pushed = memory.push(&[job(), job(), job(), job()]).await.unwrap();
    claim(&memory, session, 2).await;
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
    end(&memory, session, pushed[0].id, Ending::Completed).await;
    memory.push(&[job()]).await.unwrap();
    end(&memory, session, pushed[1].id, Ending::Failed { again_after: Duration::ZERO, error: String::new() }).await;
    assert!(memory.push(&[job()]).await.unwrap_err().is_full(), "it comes back");
    memory.cancel(&Selection::new().id(pushed[2].id)).await.unwrap();
    memory.purge(&Selection::new().id(pushed[3].id)).await.unwrap();
    memory.push(&[job(), job()]).await.unwrap();
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
}

#[tokio::test]
async fn a_duplicate_needs_no_room() {
    for overflow in [Overflow::Reject, Overflow::Wait] {
        let memory = memory(2, overflow);
        let first = memory.push(&[keyed(Release::Done), job()]).await.unwrap()[0];
        let again = memory.push(&[keyed(Release::Done)]).now_or_never().expect("it need not wait").unwrap()[0];
        assert_eq!((again.id, again.is_duplicate), (first.id, true));
    }
}

#[tokio::test]
async fn what_is_retried_has_its_room_again() {
    let memory = memory(2, Overflow::Reject);
    let pushed = memory.push(&[job(), job()]).await.unwrap();
    assert_eq!(memory.cancel(&Selection::new()).await.unwrap(), 2);
    memory.push(&[job()]).await.unwrap();
    assert_eq!(memory.retry(&Selection::new()).await.unwrap(), 2);
    // There are three, where there is room for two.
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
    memory.cancel(&Selection::new().id(pushed[0].id)).await.unwrap();
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
    memory.cancel(&Selection::new().id(pushed[1].id)).await.unwrap();
    memory.push(&[job()]).await.unwrap();
    assert!(memory.push(&[job()]).await.unwrap_err().is_full());
}

#[tokio::test]
async fn a_push_that_never_fits_is_refused() {
    for overflow in [Overflow::Reject, Overflow::Wait] {
        let memory = memory(2, overflow);
        let error = memory.push(&[job(), job(), job()]).await.unwrap_err();
        assert!(error.is_refused(), "{error:?}");
        memory.push(&[job(), job()]).await.unwrap();
    }
}

#[tokio::test]
async fn pushes_wait_for_room_in_their_order() {
    let memory = memory(2, Overflow::Wait);
    let session = memory.enter(LEASE).await.unwrap();
    let pushed = memory.push(&[job(), job()]).await.unwrap();
    claim(&memory, session, 2).await;

    let [two, one] = [[job(), job()], [job(), job()]];
    let (mut first, mut second) = (memory.push(&two), memory.push(&one[..1]));
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    end(&memory, session, pushed[0].id, Ending::Completed).await;
    assert!(poll!(&mut second).is_pending(), "there is room for it, but it is not its turn");
    assert!(poll!(&mut first).is_pending(), "there is no room for both");
    let late = [job()];
    assert!(memory.push(&late).now_or_never().is_none(), "neither is it that of who comes later");
    end(&memory, session, pushed[1].id, Ending::Completed).await;
    assert!(poll!(&mut second).is_pending());
    let first = first.now_or_never().expect("there is room for both").unwrap();
    claim(&memory, session, 1).await;
    end(&memory, session, first[0].id, Ending::Completed).await;
    let second = second.now_or_never().expect("there is room").unwrap();
    assert!(first[1].id < second[0].id);
}

#[tokio::test]
async fn a_push_that_is_dropped_takes_no_room() {
    let memory = memory(2, Overflow::Wait);
    let session = memory.enter(LEASE).await.unwrap();
    let pushed = memory.push(&[job(), job()]).await.unwrap();
    claim(&memory, session, 2).await;
    let jobs = [job(), job()];
    let mut dropped = memory.push(&jobs);
    assert!(poll!(&mut dropped).is_pending());
    let mut next = memory.push(&jobs[..1]);
    assert!(poll!(&mut next).is_pending());
    end(&memory, session, pushed[0].id, Ending::Completed).await;
    drop(dropped);
    next.now_or_never().expect("what the other waited with is free").unwrap();
    end(&memory, session, pushed[1].id, Ending::Completed).await;
    memory.push(&jobs[..1]).now_or_never().expect("and no more was taken").unwrap();
}

#[tokio::test]
async fn a_push_that_waits_needs_no_room_for_its_duplicates() {
    let memory = memory(3, Overflow::Wait);
    let session = memory.enter(LEASE).await.unwrap();
    let pushed = memory.push(&[job(), job(), job()]).await.unwrap();
    claim(&memory, session, 3).await;
    let jobs = [keyed(Release::Done), keyed(Release::Done)];
    let mut waits = memory.push(&jobs);
    assert!(poll!(&mut waits).is_pending());
    end(&memory, session, pushed[0].id, Ending::Completed).await;
    end(&memory, session, pushed[1].id, Ending::Completed).await;
    let keyed = waits.now_or_never().expect("there is room").unwrap();
    assert_eq!((keyed[0].is_duplicate, keyed[1].is_duplicate), (false, true));
    memory.push(&[job()]).now_or_never().expect("there is room for one more").unwrap();
}

#[tokio::test]
async fn pushes_that_wait_end_with_the_store() {
    let memory = memory(1, Overflow::Wait);
    memory.push(&[job()]).await.unwrap();
    let jobs = [job()];
    let mut waits = memory.push(&jobs);
    assert!(poll!(&mut waits).is_pending());
    memory.close().await;
    assert!(waits.now_or_never().expect("it waits no more").unwrap_err().is_closed());
    assert!(memory.push(&jobs).await.unwrap_err().is_closed());
}

#[test]
fn what_is_returned_is_available_although_the_clock_was_set_back() {
    let mut table = Table::new(Keep::default(), 10);
    let session = table.enter(LEASE, 1_000);
    let id = table.push(&[job()], 1_000)[0].id;
    let claim = Claim { queue: "mail".into(), jobs: 1, suspect: true };
    assert_eq!(table.turn(session, &[], Some(&claim), 1_000).claimed.len(), 1);
    table.turn(session, &[Ended { id, ending: Ending::Returned }], None, 500);
    assert_eq!(table.job(id).unwrap().state, State::Available);
    assert_eq!(table.turn(session, &[], Some(&claim), 500).claimed.len(), 1);
}

#[tokio::test]
async fn warns_of_what_is_lost() {
    let memory = memory(10, Overflow::Reject);
    let session = memory.enter(LEASE).await.unwrap();
    let later = NewJob { when: When::In(LEASE), ..job() };
    let sms = NewJob { queue: "sms".into(), ..job() };
    let pushed = memory.push(&[job(), job(), job(), later, sms]).await.unwrap();
    claim(&memory, session, 2).await;
    end(&memory, session, pushed[0].id, Ending::Completed).await;
    memory.leave(session).await.unwrap();
    let logs = misc_test::Logs::capture();
    memory.close().await;
    logs.assert_logged("jobs are lost that the memory store still had queue=mail jobs=3");
    logs.assert_logged("jobs are lost that the memory store still had queue=sms jobs=1");
    assert_eq!(logs.lines().len(), 2);
}

/// A value that says when it is dropped, and asks the store something then.
struct Noisy {
    memory: Arc<Memory>,
    is_dropped: Arc<AtomicBool>,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let asked = self.memory.queues().now_or_never();
        asked.expect("it need not wait").unwrap();
        self.is_dropped.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn values_come_back_as_they_are_and_go_when_done() {
    let memory = Arc::new(memory(10, Overflow::Reject));
    let session = memory.enter(LEASE).await.unwrap();
    let endings: [fn(&Memory, JobId) -> _; 2] =
        [|_, _| Ending::Completed, |_, _| Ending::Failed { again_after: Duration::ZERO, error: String::new() }];
    for (number, ending) in endings.into_iter().enumerate() {
        let is_dropped = Arc::new(AtomicBool::new(false));
        let value = Arc::new(Noisy { memory: Arc::clone(&memory), is_dropped: Arc::clone(&is_dropped) });
        let body = Body::Value(Arc::<Noisy>::clone(&value));
        let id = memory.push(&[NewJob { body, ..job() }]).await.unwrap()[0].id;
        let mut claimed = claim(&memory, session, 1).await;
        let Body::Value(same) = claimed.remove(0).body else { panic!("it was pushed as a value") };
        assert!(same.is::<Noisy>() && Arc::ptr_eq(&same.downcast::<Noisy>().unwrap(), &value));
        assert!(memory.job(id).await.unwrap().unwrap().payload.is_none());
        drop(value);

        end(&memory, session, id, ending(&memory, id)).await;
        assert_eq!(is_dropped.load(Ordering::SeqCst), number == 0, "it is needed for another attempt");
        memory.purge(&Selection::new()).await.unwrap();
        assert!(is_dropped.load(Ordering::SeqCst));
    }
}

#[tokio::test]
async fn remembers_as_many_as_there_is_room_for() {
    let memory = memory(3, Overflow::Reject);
    let session = memory.enter(LEASE).await.unwrap();
    let dead = memory.push(&[job()]).await.unwrap()[0].id;
    claim(&memory, session, 1).await;
    let reason = crate::status::Reason::Discarded;
    end(&memory, session, dead, Ending::Dead { reason, error: "enough".to_owned() }).await;
    let mut done = Vec::new();
    for _ in 0..10 {
        let id = memory.push(&[job()]).await.unwrap()[0].id;
        claim(&memory, session, 1).await;
        end(&memory, session, id, Ending::Completed).await;
        done.insert(0, id);
    }
    let there = memory.list(&Selection::new()).await.unwrap();
    let completed: Vec<_> = there.iter().filter(|job| job.state == State::Completed).map(|job| job.id).collect();
    assert_eq!(completed, done[..3]);
    assert_eq!(there.last().unwrap().id, dead, "what was done takes no room from dead letters");
    assert_eq!(there.len(), 4);
}

/// What has left a queue that nobody works on leaves nothing behind.
#[tokio::test]
async fn forgets_the_places_of_what_was_cancelled() {
    let memory = memory(100, Overflow::Reject);
    for _ in 0..100 {
        memory.push(&vec![job(); 100]).await.unwrap();
        assert_eq!(memory.cancel(&Selection::new()).await.unwrap(), 100);
    }
    assert!(memory.lock().lines[0].places() <= 200, "{}", memory.lock().lines[0].places());
    assert!(memory.lock().jobs.len() <= 200, "{}", memory.lock().jobs.len());
}

#[tokio::test]
async fn refuses_a_url_that_says_more() {
    for url in ["memory://mail", "memory:///", "memory://?capacity=5"] {
        let error = Memory::open(&Config::from(url)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("`memory://`"), "{error}");
    }
    Memory::open(&Config::from("memory:")).unwrap();
}

struct Nobody;

impl Wake for Nobody {
    fn queue(&self, queue: &str) {
        panic!("{queue}: nobody else changes anything");
    }

    fn everything(&self) {
        panic!("nobody else changes anything");
    }
}

#[tokio::test]
async fn watches_without_an_end() {
    let memory = memory(10, Overflow::Reject);
    let mut watch = memory.watch(&Nobody);
    assert!(poll!(&mut watch).is_pending());
    memory.push(&[job()]).await.unwrap();
    assert!(poll!(&mut watch).is_pending());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gives_each_job_to_one_thread() {
    const JOBS: usize = 2_000;
    let memory = Arc::new(memory(16, Overflow::Wait));
    let pushing = (0..4).map(|_| {
        let memory = Arc::clone(&memory);
        async move {
            for _ in 0..JOBS / 4 {
                memory.push(&[job()]).await.unwrap();
            }
        }
    });
    let working = (0..2).map(|_| {
        let memory = Arc::clone(&memory);
        async move {
            let session = memory.enter(LEASE).await.unwrap();
            let mut done = Vec::new();
            let mut ended = Vec::new();
            for _ in 0..1_000_000 {
                let claim = Claim { queue: "mail".into(), jobs: 5, suspect: true };
                let turned = memory.turn(session, &ended, Some(&claim)).await.unwrap();
                assert_eq!(turned.lost, []);
                ended = turned.claimed.iter().map(|job| Ended { id: job.id, ending: Ending::Completed }).collect();
                done.extend(turned.claimed.iter().map(|job| job.id));
                if ended.is_empty() && memory.lock().last() == JOBS as i64 {
                    break;
                }
                tokio::task::yield_now().await;
            }
            done
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for task in pushing {
        tasks.spawn(async move {
            task.await;
            Vec::new()
        });
    }
    for task in working {
        tasks.spawn(task);
    }
    let mut done: Vec<_> = tasks.join_all().await.concat();
    done.sort();
    assert_eq!(done, (1..=JOBS as i64).map(JobId).collect::<Vec<_>>());
}
