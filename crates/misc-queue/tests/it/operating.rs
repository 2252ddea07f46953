//! What operators do.

use std::time::Duration;

use misc_core::{App, BoxError};
use misc_queue::{Command, Config, Error, Job, Push, Reason, Selection, State};
use tokio::sync::mpsc;

use crate::place::{Number, Place, on_every_engine, run};

on_every_engine!(
    cancels_what_waits_and_what_runs,
    retries_the_dead,
    pauses_and_resumes_a_queue,
    lists_pages_and_purges,
);

async fn hang(seen: mpsc::Sender<u64>, job: Job<Number>) -> Result<(), BoxError> {
    seen.send(job.0).await?;
    std::future::pending().await
}

async fn cancels_what_waits_and_what_runs(place: &Place) {
    let (sender, mut seen) = mpsc::channel(10);
    let store = place.store();
    let (numbers, worker) = store.queue().concurrency(1).handler_with(sender, hang);
    run(App::new("test").service("worker", worker), async move |_| {
        let jobs = numbers.push_all((0..2).map(Number)).await?;
        seen.recv().await.ok_or("no worker")?;
        let operator = store.operator();
        for job in [jobs[1], jobs[0]] {
            assert_eq!(operator.cancel(&Selection::new().id(job.id)).await?, 1);
            let status = numbers.wait(job.id).await?.ok_or("it is kept")?;
            assert_eq!((status.state, status.reason), (State::Cancelled, Some(Reason::Cancelled)));
        }
        assert_eq!(operator.cancel(&Selection::new()).await?, 0);
        Ok(())
    })
    .await;
}

async fn retries_the_dead(place: &Place) {
    let store = place.store();
    let (numbers, worker) = store.queue().attempts(1).handler(async |job: Job<Number>| {
        if job.attempt() == 1
            && job.waited() < Duration::from_secs(3600)
            && !SECOND.swap(true, std::sync::atomic::Ordering::SeqCst)
        {
            return Err::<(), BoxError>("not the first time".into());
        }
        Ok(())
    });
    static SECOND: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    SECOND.store(false, std::sync::atomic::Ordering::SeqCst);
    run(App::new("test").service("worker", worker), async move |_| {
        let job = numbers.push(Number(1)).await?;
        assert_eq!(numbers.wait(job.id).await?.ok_or("it is kept")?.state, State::Dead);
        let dead = Selection::new().queue("number").state(State::Dead);
        assert_eq!(store.operator().retry(&dead).await?, 1);
        let status = numbers.wait(job.id).await?.ok_or("it is kept")?;
        assert_eq!((status.state, status.attempt, status.reason), (State::Completed, 1, None));
        Ok(())
    })
    .await;
}

async fn pauses_and_resumes_a_queue(place: &Place) {
    let store = place.store();
    let (numbers, worker) = store.queue::<Number>().handler(async |_| Ok::<_, BoxError>(()));
    run(App::new("test").service("worker", worker), async move |_| {
        let operator = store.operator();
        assert!(operator.pause("number").await?);
        assert!(!operator.pause("number").await?);
        let job = numbers.push(Number(1)).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(numbers.status(job.id).await?.ok_or("it is there")?.state, State::Available);
        assert!(operator.queues().await?[0].is_paused);
        assert!(operator.resume("number").await?);
        assert_eq!(numbers.wait(job.id).await?.ok_or("it is kept")?.state, State::Completed);
        Ok(())
    })
    .await;
}

async fn lists_pages_and_purges(place: &Place) {
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    run(App::new("test").service("store", store.service()), async move |_| {
        let later = |number| Push::new(Number(number)).delay(Duration::from_secs(3600));
        let jobs = numbers.push_all((0..10).map(later)).await?;
        let operator = store.operator();
        let page = operator.list(&Selection::new().limit(4)).await?;
        assert!(page.iter().map(|job| job.id).eq(jobs.iter().rev().map(|job| job.id).take(4)));
        let next = operator.list(&Selection::new().before(page[3].id).limit(100)).await?;
        assert!(next.iter().map(|job| job.id).eq(jobs.iter().rev().map(|job| job.id).skip(4)));
        assert_eq!(operator.purge(&Selection::new().state(State::Dead)).await?, 0);
        assert_eq!(operator.purge(&Selection::new().id(jobs[0].id)).await?, 1);
        assert_eq!(operator.purge(&Selection::new().limit(4)).await?, 4);
        let left = operator.list(&Selection::new()).await?;
        assert!(left.iter().map(|job| job.id).eq(jobs[1..6].iter().rev().map(|job| job.id)));
        Ok(())
    })
    .await;
}

async fn written(command: &[&str], config: Config) -> Result<String, Error> {
    #[derive(clap::Parser)]
    struct Program {
        #[command(subcommand)]
        command: Command,
    }
    let program: Program = clap::Parser::parse_from([&["queue"], command].concat());
    let mut out = Vec::new();
    program.command.write(config, &mut out).await?;
    Ok(String::from_utf8(out).expect("text"))
}

#[tokio::test]
async fn commands_do_what_operators_need() {
    let place = Place::sqlite();
    let store = place.store();
    let (numbers, worker) = store.queue::<Number>().attempts(1).handler(async |_| Err::<(), _>("out of paper"));
    run(App::new("test").service("worker", worker), async move |_| {
        let job = numbers.push(Number(4711)).await?;
        numbers.wait(job.id).await?;
        numbers.push(Push::new(Number(1)).delay(Duration::from_secs(3600))).await?;
        Ok(())
    })
    .await;
    let config = || place.config();
    let queues = written(&["queues"], config()).await.expect("queues");
    assert_eq!(
        queues,
        "queue   scheduled  available  running  retryable  dead  oldest\n\
         number  1          0          0        0          1\n"
    );
    let list = written(&["list", "--state", "dead"], config()).await.expect("a list");
    assert!(list.contains("1   number  dead   1") && list.contains("exhausted: out of paper"), "{list}");
    let show = written(&["show", "1"], config()).await.expect("a job");
    assert!(
        show.contains("state     dead\nreason    exhausted\nerror     out of paper\n") && !show.contains("4711"),
        "{show}"
    );
    let show = written(&["show", "1", "--payload", "--json"], config()).await.expect("a job");
    assert!(show.contains(r#""payload":"4711""#) && show.contains(r#""state":"dead""#), "{show}");
    assert_eq!(written(&["pause", "number"], config()).await.expect("paused"), "`number` is paused\n");
    assert_eq!(written(&["pause", "number"], config()).await.expect("paused"), "`number` is paused already\n");
    assert_eq!(written(&["retry", "1"], config()).await.expect("retried"), "1 jobs can be begun now\n");
    let cancelled = written(&["cancel", "--queue", "number", "--state", "scheduled"], config()).await;
    assert!(cancelled.expect("cancelled").starts_with("1 jobs are cancelled"));
    assert_eq!(written(&["purge", "--all"], config()).await.expect("purged"), "2 jobs are deleted\n");
    assert_eq!(written(&["resume", "number"], config()).await.expect("resumed"), "`number` goes on\n");
    let error = written(&["show", "1"], config()).await.expect_err("it is gone");
    assert_eq!(error.to_string(), "there is no job 1, or not any more");
    let error = written(&["queues"], Config::from("memory://")).await.expect_err("it is nowhere");
    assert!(error.is_refused());
}

#[test]
fn a_command_runs_in_a_service() {
    fn is_service(_: impl misc_core::Service) {}
    let command = Command::Pause { queue: "number".to_owned() };
    is_service(async move |_: misc_core::Context| Ok(command.run("sqlite://queue.db").await?));
}
