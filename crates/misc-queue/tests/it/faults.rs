//! What fails beneath a store: a server that goes away, a disk that keeps nothing, a disk that is full.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod server;
mod traced;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError};
use misc_queue::{Config, Error, Job, JobId, Payload, Queue, State, Store};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use self::{server::Server, traced::Traced};
use crate::place::{PATIENCE, Place, run};

/// What the program under test pushes.
#[derive(Serialize, Deserialize)]
struct Number {
    number: u64,
}

impl Payload for Number {
    const KIND: &'static str = "number";
}

/// The numbers that were done.
type Done = Arc<Mutex<BTreeSet<u64>>>;

async fn note(done: Done, job: Job<Number>) -> Result<(), BoxError> {
    done.lock().unwrap().insert(job.number);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_nothing_acknowledged_when_postgres_is_stopped_and_started() {
    let Some(server) = Server::start().await else { return };
    let mut config = Config::from(server.url());
    (config.timeout, config.lease) = (Duration::from_secs(2), Duration::from_secs(3));
    let (store, done) = (Store::new(config), Done::default());
    let (queue, worker) = store.queue().handler_with(Arc::clone(&done), note);
    run(App::new("test").service("worker", worker), async move |ctx| {
        let healthy = store.healthy(PATIENCE);
        healthy().await?;
        let pushes = Arc::new(Pushes::default());
        let lanes = [(); 4].map(|()| ctx.spawn(push(Arc::clone(&pushes), queue.clone())));
        until(|| pushes.acknowledged() >= 50 && done.lock().unwrap().len() >= 20).await?;

        server.stop().await;
        until(|| pushes.failed() >= 5).await?;
        let said = healthy().await.expect_err("there is no server").to_string();
        assert!(said.contains("postgres://"), "it says where: {said}");
        assert!(!said.contains("secret"), "and nothing that is nobody's business: {said}");

        server.begin().await;
        let before = pushes.acknowledged();
        until(|| pushes.acknowledged() >= before + 50).await?;
        pushes.is_over.store(true, Ordering::Relaxed);
        for lane in lanes {
            lane.await?;
        }
        healthy().await?;
        pushes.are_done(&queue, &done).await?;
        server.remove().await;
        Ok(())
    })
    .await;
}

/// What became of pushes, by their numbers.
#[derive(Default)]
struct Pushes {
    next: AtomicU64,
    acknowledged: Mutex<BTreeMap<u64, JobId>>,
    failed: Mutex<BTreeMap<u64, Error>>,
    is_over: AtomicBool,
}

async fn push(pushes: Arc<Pushes>, queue: Queue<Number>) {
    while !pushes.is_over.load(Ordering::Relaxed) {
        let number = pushes.next.fetch_add(1, Ordering::Relaxed);
        match queue.push(Number { number }).await {
            Ok(pushed) => drop(pushes.acknowledged.lock().unwrap().insert(number, pushed.id)),
            Err(error) => {
                pushes.failed.lock().unwrap().insert(number, error);
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

impl Pushes {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn failed(&self) -> usize {
        self.failed.lock().unwrap().len()
    }

    /// What was acknowledged is done, and what has clearly failed is not.
    async fn are_done(&self, queue: &Queue<Number>, done: &Done) -> Result<(), BoxError> {
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        for (number, id) in acknowledged {
            let job = queue.wait(id).await?.ok_or("it is kept")?;
            assert_eq!(job.state, State::Completed, "{job:?}");
            assert!(done.lock().unwrap().contains(&number), "{number} was not done");
        }
        for (number, error) in &*self.failed.lock().unwrap() {
            assert!(error.is_unavailable() || error.is_uncertain(), "{error:?}");
            assert!(error.is_uncertain() || !done.lock().unwrap().contains(number), "{number}: {error}");
        }
        Ok(())
    }
}

async fn until(mut is_so: impl FnMut() -> bool) -> Result<(), BoxError> {
    let so = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    Ok(timeout(PATIENCE, so).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledges_no_push_that_the_disk_does_not_keep() {
    let place = Place::sqlite();
    // Each connection fails for the thirtieth time, and another one is opened in its place.
    let Some(traced) = Traced::push(&place, "fsync,fdatasync:error=EIO:when=30+").await else { return };
    assert!(traced.failures() >= 3, "{traced:?}");
    assert!(traced.acknowledged.len() >= 100, "{traced:?}");
    assert!(traced.begun() - traced.acknowledged.len() >= 3, "some were not kept: {traced:?}");
    traced.assert_synced();
    assert!(traced.says("its disk fails"), "{traced:?}");
    work_off(&place, &traced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn goes_on_when_the_disk_has_room_again() {
    let place = Place::sqlite();
    let Some(traced) = Traced::push(&place, "pwrite64:error=ENOSPC:when=100..120").await else { return };
    assert!(traced.begun() > traced.acknowledged.len(), "some had no room: {traced:?}");
    assert!(traced.acknowledged.len() >= 100, "{traced:?}");
    assert!(traced.says("its disk is full"), "{traced:?}");
    work_off(&place, &traced).await;
}

/// Does what is in the store, and looks whether all that was acknowledged is among it.
async fn work_off(place: &Place, traced: &Traced) {
    let done = Done::default();
    let (queue, worker) = place.store().queue().handler_with(Arc::clone(&done), note);
    let acknowledged = traced.acknowledged.clone();
    run(App::new("test").service("worker", worker), async move |_| {
        for (number, id) in acknowledged {
            let job = queue.wait(id).await?.ok_or("it is kept")?;
            assert_eq!(job.state, State::Completed, "{job:?}");
            assert!(done.lock().unwrap().contains(&number), "{number} was not done");
        }
        Ok(())
    })
    .await;
}
