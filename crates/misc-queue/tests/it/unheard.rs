//! What nobody tells a worker of, on PostgreSQL: it finds it by itself.

use std::time::Duration;

use misc_core::{App, BoxError, Context};
use misc_queue::{
    Job, Store,
    sqlx::{Connection, Executor, PgConnection},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

use crate::place::{Number, PATIENCE, Place, run};

/// The first claim is made five seconds after all that a statement has to do.
const SLOW: &str = "
CREATE SEQUENCE claims;
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.state = 'running' AND nextval('claims') = 1 THEN PERFORM pg_sleep(5); END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON misc_queue_jobs
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow();";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_is_made_after_it_was_given_up() {
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    let mut config = place.config();
    (config.lease, config.timeout) = (Duration::from_secs(20), Duration::from_secs(1));
    let store = Store::new(config);
    let (numbers, worker) = store.queue().handler(async |_: Job<Number>| Ok::<_, BoxError>(()));
    let url = place.url();
    let app = App::new("test").service("store", store.service());
    run(app, async move |ctx: Context| {
        store.operator().queues().await?;
        PgConnection::connect(&url).await?.execute(SLOW).await?;
        ctx.start("worker", worker).await?;
        let job = numbers.push(Number(1)).await?;
        let done = timeout(Duration::from_secs(15), numbers.wait(job.id)).await??.ok_or("it is kept")?;
        assert_eq!(done.attempt, 1, "{done:?}");
        Ok(())
    })
    .await;
    place.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_while_others_end_all_the_time() {
    const JOB: &str = "INSERT INTO misc_queue_jobs (queue, state, pushed_at, due_at, payload)
        VALUES ('number', 'available', now(), now(), '0')";
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    let mut config = place.config();
    config.poll = Duration::from_secs(1);
    let (begun, mut seen) = mpsc::channel(100);
    let (numbers, worker) = misc_queue::open(config).handler_with(begun, async |begun, job: Job<Number>| {
        let begun: mpsc::Sender<u64> = begun;
        begun.send(job.0).await?;
        sleep(Duration::from_millis(600) * u32::try_from(job.0)?).await;
        Ok::<_, BoxError>(())
    });
    let url = place.url();
    run(App::new("test").service("worker", worker), async move |_| {
        let jobs = numbers.push_all((1..=12).map(Number)).await?;
        for _ in 1..=12 {
            seen.recv().await.ok_or("a worker")?;
        }
        PgConnection::connect(&url).await?.execute(JOB).await?;
        let since = Instant::now();
        assert_eq!(timeout(PATIENCE, seen.recv()).await?, Some(0));
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        for job in jobs {
            numbers.wait(job.id).await?;
        }
        Ok(())
    })
    .await;
    place.remove().await;
}
