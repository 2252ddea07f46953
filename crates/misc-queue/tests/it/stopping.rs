//! A worker that shall stop.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use misc_core::{App, BoxError, Context, spec};
use misc_queue::{Job, State};
use misc_test::TestApp;
use tokio::sync::{Semaphore, mpsc};

use crate::place::{Number, Place, on_every_engine, run};

on_every_engine!(
    finishes_what_runs_and_gives_back_the_rest,
    gives_back_what_does_not_end_without_an_attempt,
    tells_jobs_that_it_stops,
    goes_on_after_a_restart,
    stays_open_until_the_last_service_stops,
);

type Shared = (mpsc::Sender<u64>, Arc<Semaphore>);

async fn finishes_what_runs_and_gives_back_the_rest(place: &Place) {
    let gate = Arc::new(Semaphore::new(0));
    let (sender, mut seen) = mpsc::channel(10);
    let store = place.store();
    let handler = async |(seen, gate): Shared, job: Job<Number>| {
        seen.send(job.0).await?;
        gate.acquire().await?.forget();
        Ok::<_, BoxError>(())
    };
    let (numbers, worker) = store.queue().concurrency(2).handler_with((sender, Arc::clone(&gate)), handler);
    // The first service keeps the store open, so that it can be looked at when the worker has stopped.
    let app = App::new("test").service("store", store.service()).service("worker", worker);
    run(app, async move |ctx: Context| {
        let jobs = numbers.push_all((0..5).map(Number)).await?;
        seen.recv().await.ok_or("no worker")?;
        seen.recv().await.ok_or("no worker")?;
        let stop = ctx.app();
        let (_, ()) = tokio::join!(stop.stop("worker"), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            gate.add_permits(2);
        });
        for (job, (state, attempt)) in jobs.iter().zip([
            (State::Completed, 1),
            (State::Completed, 1),
            (State::Available, 0),
            (State::Available, 0),
            (State::Available, 0),
        ]) {
            let status = numbers.status(job.id).await?.ok_or("it is kept")?;
            assert_eq!((status.state, status.attempt), (state, attempt), "{status:?}");
        }
        Ok(())
    })
    .await;
}

async fn gives_back_what_does_not_end_without_an_attempt(place: &Place) {
    let (sender, mut seen) = mpsc::channel(10);
    let store = place.store();
    let handler = async |seen: mpsc::Sender<u64>, job: Job<Number>| {
        seen.send(job.0).await?;
        std::future::pending::<Result<(), BoxError>>().await
    };
    let (numbers, worker) = store.queue().timeout(None).handler_with(sender, handler);
    let worker = spec(worker).stop_within(Duration::from_millis(400));
    let app = App::new("test").service("store", store.service()).service("worker", worker);
    run(app, async move |ctx: Context| {
        let job = numbers.push(Number(1)).await?;
        seen.recv().await.ok_or("no worker")?;
        ctx.app().stop("worker").await?;
        let status = numbers.status(job.id).await?.ok_or("it is kept")?;
        assert_eq!((status.state, status.attempt, status.crashes), (State::Available, 0, 0), "{status:?}");
        Ok(())
    })
    .await;
}

async fn tells_jobs_that_it_stops(place: &Place) {
    let (sender, mut seen) = mpsc::channel(10);
    let store = place.store();
    let handler = async |seen: mpsc::Sender<u64>, job: Job<Number>| {
        seen.send(job.0).await?;
        job.stopping().cancelled().await;
        Ok::<_, BoxError>(())
    };
    let (numbers, worker) = store.queue().handler_with(sender, handler);
    let app = App::new("test").service("store", store.service()).service("worker", worker);
    run(app, async move |ctx: Context| {
        let job = numbers.push(Number(1)).await?;
        seen.recv().await.ok_or("no worker")?;
        ctx.app().stop("worker").await?;
        assert_eq!(numbers.status(job.id).await?.ok_or("it is kept")?.state, State::Completed);
        Ok(())
    })
    .await;
}

async fn goes_on_after_a_restart(place: &Place) {
    let done = Arc::new(Mutex::new(Vec::new()));
    let store = place.store();
    let handler = async |done: Arc<Mutex<Vec<u64>>>, job: Job<Number>| {
        done.lock().map_err(|_| "poisoned")?.push(job.0);
        Ok::<_, BoxError>(())
    };
    let (numbers, worker) = store.queue().handler_with(Arc::clone(&done), handler);
    let worker = spec(worker).restart(misc_core::Restart::default());
    let app = App::new("test").service("store", store.service()).service("worker", worker);
    run(app, async move |ctx: Context| {
        for number in 0..3 {
            let job = numbers.push(Number(number)).await?;
            numbers.wait(job.id).await?;
            ctx.app().restart("worker").await?;
        }
        assert_eq!(*done.lock().map_err(|_| "poisoned")?, [0, 1, 2]);
        Ok(())
    })
    .await;
}

async fn stays_open_until_the_last_service_stops(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let late = {
        let numbers = numbers.clone();
        async move |ctx: Context| {
            ctx.ready();
            ctx.stopping().await;
            // What was registered before it stops after it.
            numbers.push(Number(1)).await?;
            Ok(())
        }
    };
    let app = App::new("test").service("store", store.service()).service("late", late);
    TestApp::start(app).await.stop().await.assert_clean().await;
}
