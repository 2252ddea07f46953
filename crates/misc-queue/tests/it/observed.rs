//! What is seen of a queue from outside.

use std::time::Duration;

use misc_core::{App, BoxError, Context, TraceContext};
use misc_queue::{
    Job, Push, Store,
    sqlx::{Connection as _, Executor as _, PgConnection},
};
use misc_test::{Logs, Metrics};
use tokio::sync::mpsc;

use crate::place::{Number, Place, on_every_engine, run};

on_every_engine!(counts_jobs_by_outcome, is_healthy_while_jobs_are_done_in_time, carries_the_trace_of_the_pusher);

async fn counts_jobs_by_outcome(place: &Place) {
    let metrics = Metrics::new();
    let mut config = place.config();
    config.poll = Duration::from_millis(20);
    let (numbers, worker) = misc_queue::open(config)
        .attempts(1)
        .handler(async |job: Job<Number>| if job.0 == 0 { Err::<(), BoxError>("zero".into()) } else { Ok(()) });
    let app = App::new("test").meter(metrics.meter()).service("worker", worker);
    let seen = metrics.clone();
    run(app, async move |ctx: Context| {
        for job in numbers.push_all((0..10).map(Number)).await? {
            numbers.wait(job.id).await?;
        }
        numbers.push(Push::new(Number(1)).delay(Duration::from_secs(3600))).await?;
        let queue = ("messaging_destination_name", "number");
        let system = ("messaging_system", "misc");
        seen.assert_metric("messaging_client_sent_messages_total", &[queue, system], 11.0);
        for (outcome, jobs) in [("completed", 9), ("dead", 1)] {
            let took = seen.values("messaging_process_duration_seconds", &[queue, system, ("outcome", outcome)]);
            assert_eq!(took.len(), jobs, "{outcome}");
        }
        assert_eq!(seen.values("queue_wait_seconds", &[("queue", "number")]).len(), 10);
        seen.assert_metric("queue_active_jobs", &[("queue", "number")], 0.0);
        let counted = |state| [("queue", "number"), ("state", state)];
        seen.until("queue_jobs", &counted("scheduled"), 1.0).await;
        seen.assert_metric("queue_jobs", &counted("dead"), 1.0);
        seen.assert_metric("queue_jobs", &counted("available"), 0.0);
        let status = serde_json::to_value(ctx.app().status())?;
        let worker = &status["children"][0]["inspected"][0];
        assert_eq!(worker["name"], "queue");
        let view = &worker["value"];
        assert_eq!(
            (&view["name"], &view["concurrency"], &view["dead"]),
            (&"number".into(), &16.into(), &1.into()),
            "{view}"
        );
        Ok(())
    })
    .await;
}

async fn is_healthy_while_jobs_are_done_in_time(place: &Place) {
    let mut config = place.config();
    config.poll = Duration::from_millis(20);
    let store = Store::new(config);
    let numbers = store.queue::<Number>().pusher();
    let (patient, impatient) = (store.healthy(Duration::from_secs(60)), store.healthy(Duration::from_millis(1)));
    let error = patient().await.expect_err("it is not open");
    assert!(error.to_string().ends_with("is not open"), "{error}");
    run(App::new("test").service("store", store.service()), async move |_| {
        impatient().await?;
        numbers.push(Number(1)).await?;
        let error = loop {
            match impatient().await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.starts_with("a job of `number` has been due for "), "{error}");
        patient().await?;
        store.operator().pause("number").await?;
        while impatient().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn is_not_healthy_while_jobs_cannot_be_counted() {
    let Some(place) = Place::postgres() else { return };
    place.prepare().await;
    let mut config = place.config();
    config.poll = Duration::from_millis(20);
    let store = Store::new(config);
    let (healthy, url) = (store.healthy(Duration::from_secs(60)), place.url());
    let app = App::new("test").service("store", store.service());
    run(app, async move |_| {
        healthy().await?;
        let mut operator = PgConnection::connect(&url).await?;
        operator.execute("ALTER TABLE misc_queue_queues RENAME TO elsewhere").await?;
        let error = loop {
            match healthy().await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.ends_with(" cannot be counted"), "{error}");
        operator.execute("ALTER TABLE elsewhere RENAME TO misc_queue_queues").await?;
        while healthy().await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    })
    .await;
    place.remove().await;
}

async fn carries_the_trace_of_the_pusher(place: &Place) {
    let (sender, mut seen) = mpsc::channel(1);
    let (numbers, worker) = place.store().queue().handler_with(sender, async |seen, _: Job<Number>| {
        let seen: mpsc::Sender<Option<TraceContext>> = seen;
        seen.send(TraceContext::current()).await
    });
    run(App::new("test").service("worker", worker), async move |_| {
        let trace = TraceContext::new(7, 8, true).expect("valid");
        trace.clone().scope(numbers.push(Number(1))).await?;
        assert_eq!(seen.recv().await.flatten(), Some(trace));
        numbers.push(Number(2)).await?;
        assert_eq!(seen.recv().await, Some(None));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn shows_nothing_of_what_a_job_is_about() {
    let logs = Logs::capture();
    let (numbers, worker) = misc_queue::open::<Number>("memory://").attempts(1).handler(async |_| Err::<(), _>("no"));
    run(App::new("test").service("worker", worker), async move |_| {
        let job = Push::new(Number(4711));
        assert!(!format!("{job:?}").contains("4711"));
        let job = numbers.push(job).await?;
        numbers.wait(job.id).await?;
        Ok(())
    })
    .await;
    logs.assert_logged("a job is dead");
    logs.assert_not_logged("4711");
}
