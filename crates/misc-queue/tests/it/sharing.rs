//! Several workers on one store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, BoxError, Context, spec};
use misc_queue::{Config, Job, JobId, Queue, State, Store};
use misc_test::{FaultProxy, Faults, TestApp};
use tokio::{sync::Semaphore, time::sleep};

use crate::place::{Number, PATIENCE, Place, run};

/// How often each job was begun, and what lets them end.
#[derive(Clone)]
struct Gate {
    begun: Arc<Mutex<BTreeMap<u64, u32>>>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { begun: Arc::default(), open: Arc::new(Semaphore::new(0)) }
    }

    async fn pass(self, job: Job<Number>) -> Result<(), BoxError> {
        *self.begun.lock().expect("no handler panics").entry(job.0).or_default() += 1;
        self.open.acquire().await?.forget();
        Ok(())
    }

    fn begun(&self) -> usize {
        self.begun.lock().expect("no handler panics").len()
    }

    fn twice(&self) -> usize {
        self.begun.lock().expect("no handler panics").values().filter(|times| **times > 1).count()
    }
}

/// A store that can be away, in the place; `None` if there is no server.
async fn away() -> Option<(Place, Config, FaultProxy, Faults)> {
    let place = Place::postgres()?;
    place.prepare().await;
    let url = place.url();
    let server = url.split(['@', '/']).find(|part| part.contains(':') && !part.ends_with(':'))?.to_owned();
    let (proxy, faults) = FaultProxy::new(server.parse::<std::net::SocketAddr>().ok()?);
    let mut config = place.config();
    config.url = url.replace(&server, &faults.address().to_string()).into();
    (config.lease, config.poll) = (PATIENCE * 10, Duration::from_millis(50));
    config.timeout = Duration::from_secs(1);
    Some((place, config, proxy, faults))
}

async fn until(mut is_so: impl FnMut() -> bool) -> Result<(), BoxError> {
    let so = async {
        while !is_so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE / 2, so).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begins_no_job_twice_after_the_store_was_away() {
    let Some((place, config, proxy, faults)) = away().await else { return };
    let gate = Gate::new();
    let store = Store::new(config);
    let (numbers, one) = store.queue().concurrency(4).handler_with(gate.clone(), Gate::pass);
    let (_, two) = store.queue().concurrency(4).handler_with(gate.clone(), Gate::pass);
    let app = App::new("test").service("proxy", proxy).service("one", one).service("two", two);
    run(app, async move |_| {
        let jobs = numbers.push_all((0..6).map(Number)).await?;
        until(|| gate.begun() == 6).await?;
        faults.refuse().await;
        faults.cut();
        sleep(Duration::from_millis(500)).await;
        faults.heal().await;
        numbers.push(Number(6)).await?;
        until(|| gate.begun() == 7).await?;
        sleep(Duration::from_millis(500)).await;
        assert_eq!(gate.twice(), 0, "{:?}", gate.begun);
        gate.open.add_permits(100);
        for job in jobs {
            numbers.wait(job.id).await?;
        }
        Ok(())
    })
    .await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaves_no_job_behind_when_one_worker_stops_while_the_store_is_away() {
    let Some((place, config, proxy, faults)) = away().await else { return };
    let gate = Gate::new();
    let store = Store::new(config);
    let (numbers, worker) = store.queue().concurrency(2).handler_with(gate.clone(), Gate::pass);
    let worker = spec(worker).stop_within(Duration::from_millis(800));
    let app = App::new("test").service("proxy", proxy).service("store", store.service()).service("worker", worker);
    run(app, async move |ctx: Context| {
        let jobs = numbers.push_all((0..3).map(Number)).await?;
        until(|| gate.begun() == 2).await?;
        faults.refuse().await;
        faults.cut();
        // One of them is done, and nobody can be told.
        gate.open.add_permits(1);
        ctx.app().stop("worker").await?;
        faults.heal().await;
        let mut states = Vec::new();
        for job in &jobs {
            states.push(not_running(&numbers, job.id).await?);
        }
        states.sort_unstable_by_key(|state| state.as_str());
        assert_eq!(states, [State::Available, State::Available, State::Completed]);
        Ok(())
    })
    .await;
    place.remove().await;
}

async fn not_running(numbers: &Queue<Number>, id: JobId) -> Result<State, BoxError> {
    let look = async {
        loop {
            let state = numbers.status(id).await.ok().flatten().map(|job| job.state);
            if let Some(state) = state.filter(|state| *state != State::Running) {
                return state;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE / 3, look).await.map_err(|_| format!("job {id} is left behind"))?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_makes_nobody_late_at_the_stop() {
    let Some((place, mut config, proxy, faults)) = away().await else { return };
    config.timeout = Duration::from_secs(10);
    let (numbers, worker) = misc_queue::open::<Number>(config).handler(async |_| Ok::<_, BoxError>(()));
    let worker = spec(worker).stop_within(Duration::from_secs(2));
    let app = TestApp::start(App::new("test").service("proxy", proxy).service("worker", worker)).await;
    let job = numbers.push(Number(1)).await.expect("the store answers");
    numbers.wait(job.id).await.expect("the store answers");
    faults.delay(Duration::from_secs(3600));
    let ended = app.stop().await;
    ended.assert_ok();
    assert_eq!(ended.exit_code(), 0);
    place.remove().await;
}
