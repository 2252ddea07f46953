//! Jobs are begun in order, so many at once, and ended.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use misc_core::{App, BoxError};
use misc_queue::{Job, JobId, Payload, Push, State};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::place::{Number, Place, on_every_engine, run};

on_every_engine!(
    completes_jobs,
    runs_as_many_at_once_as_it_may,
    takes_the_highest_priority_first_then_the_oldest,
    does_what_was_pushed_before_it_started,
    works_on_several_queues_of_one_store,
    begins_jobs_when_they_are_due,
    tells_a_job_what_it_is,
    shares_jobs_among_processes,
);

async fn completes_jobs(place: &Place) {
    let (sender, mut seen) = mpsc::channel(100);
    let (numbers, worker) = place
        .store()
        .queue()
        .handler_with(sender, async |seen: mpsc::Sender<u64>, job: Job<Number>| seen.send(job.0).await);
    run(App::new("test").service("worker", worker), async move |_| {
        let mut ids = Vec::new();
        for number in 0..100 {
            ids.push(numbers.push(Number(number)).await?.id);
        }
        let mut done = Vec::new();
        for _ in 0..100 {
            done.push(seen.recv().await.ok_or("no worker")?);
        }
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        for id in ids {
            let status = numbers.wait(id).await?.ok_or("it is kept")?;
            assert_eq!((status.state, status.attempt, status.error), (State::Completed, 1, None));
            assert!(status.started_at.is_some() && status.finished_at.is_some());
        }
        Ok(())
    })
    .await;
}

async fn runs_as_many_at_once_as_it_may(place: &Place) {
    let (active, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let open = Arc::new(Semaphore::new(0));
    let shared = (Arc::clone(&active), Arc::clone(&most), Arc::clone(&open));
    type Shared = (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<Semaphore>);
    let (numbers, worker) = place.store().queue().concurrency(5).handler_with(
        shared,
        async |(active, most, open): Shared, _: Job<Number>| {
            most.fetch_max(active.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            open.acquire().await?.forget();
            active.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, BoxError>(())
        },
    );
    run(App::new("test").service("worker", worker), async move |_| {
        let pushed = numbers.push_all((0..40).map(Number)).await?;
        while active.load(Ordering::SeqCst) < 5 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        open.add_permits(40);
        for job in pushed {
            numbers.wait(job.id).await?;
        }
        assert_eq!(most.load(Ordering::SeqCst), 5);
        Ok(())
    })
    .await;
}

async fn takes_the_highest_priority_first_then_the_oldest(place: &Place) {
    let (sender, mut seen) = mpsc::channel(100);
    let (gate, opened) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let shared = (sender, Arc::clone(&gate), Arc::clone(&opened));
    type Shared = (mpsc::Sender<u64>, Arc<Semaphore>, Arc<Semaphore>);
    let (numbers, worker) = place.store().queue().concurrency(1).handler_with(
        shared,
        async |(seen, gate, opened): Shared, job: Job<Number>| {
            opened.add_permits(1);
            gate.acquire().await?.forget();
            seen.send(job.0).await?;
            Ok::<_, BoxError>(())
        },
    );
    run(App::new("test").service("worker", worker), async move |_| {
        numbers.push(Number(0)).await?;
        opened.acquire().await?.forget();
        for (number, priority) in [(5, -1), (3, 0), (1, 10), (4, 0), (2, 10), (6, -1)] {
            numbers.push(Push::new(Number(number)).priority(priority)).await?;
        }
        gate.add_permits(7);
        for expected in 0..7 {
            assert_eq!(seen.recv().await, Some(expected));
        }
        Ok(())
    })
    .await;
}

async fn does_what_was_pushed_before_it_started(place: &Place) {
    if place.is_memory() {
        return;
    }
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    run(App::new("pusher").service("store", store.service()), async move |_| {
        numbers.push_all((0..20).map(Number)).await?;
        Ok(())
    })
    .await;
    let (sender, mut seen) = mpsc::channel(100);
    let (_, worker) = place
        .store()
        .queue()
        .handler_with(sender, async |seen: mpsc::Sender<u64>, job: Job<Number>| seen.send(job.0).await);
    run(App::new("test").service("worker", worker), async move |_| {
        let mut done = Vec::new();
        for _ in 0..20 {
            done.push(seen.recv().await.ok_or("no worker")?);
        }
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        Ok(())
    })
    .await;
}

#[derive(Serialize, Deserialize)]
struct Word(String);

impl Payload for Word {
    const KIND: &'static str = "word";
}

async fn works_on_several_queues_of_one_store(place: &Place) {
    let store = place.store();
    let (sender, mut seen) = mpsc::channel(100);
    let (words, word_worker) = store
        .queue()
        .handler_with(sender, async |seen: mpsc::Sender<String>, job: Job<Word>| seen.send(job.0.clone()).await);
    let (numbers, number_worker) = store.queue().handler_with(words, async |words, job: Job<Number>| {
        let words: misc_queue::Queue<Word> = words;
        words.push(Word(job.0.to_string())).await.map(drop)
    });
    let app = App::new("test").service("words", word_worker).service("numbers", number_worker);
    run(app, async move |_| {
        numbers.push(Number(17)).await?;
        assert_eq!(seen.recv().await.as_deref(), Some("17"));
        Ok(())
    })
    .await;
}

async fn begins_jobs_when_they_are_due(place: &Place) {
    let (sender, mut seen) = mpsc::channel(100);
    let (numbers, worker) = place
        .store()
        .queue()
        .handler_with(sender, async |seen: mpsc::Sender<u64>, job: Job<Number>| seen.send(job.0).await);
    run(App::new("test").service("worker", worker), async move |_| {
        let begun = tokio::time::Instant::now();
        numbers.push(Push::new(Number(2)).delay(Duration::from_millis(600))).await?;
        let at = std::time::SystemTime::now() + Duration::from_millis(300);
        numbers.push(Push::new(Number(1)).at(at)).await?;
        numbers.push(Number(0)).await?;
        for (number, earliest) in [(0, 0), (1, 290), (2, 590)] {
            assert_eq!(seen.recv().await, Some(number));
            assert!(begun.elapsed() >= Duration::from_millis(earliest), "{number} came after {:?}", begun.elapsed());
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "a worker does not wait for its poll");
        Ok(())
    })
    .await;
}

async fn tells_a_job_what_it_is(place: &Place) {
    let (sender, mut seen) = mpsc::channel(10);
    let store = place.store();
    let (numbers, worker) = store.queue().attempts(2).handler_with(
        sender,
        async |seen: mpsc::Sender<(JobId, u32, bool, i16)>, job: Job<Number>| {
            seen.send((job.id(), job.attempt(), job.is_last_attempt(), job.priority())).await?;
            assert_eq!(*job, Number(9));
            assert_eq!(
                format!("{job:?}"),
                format!("Job {{ id: JobId({}), attempt: {}, .. }}", job.id(), job.attempt())
            );
            Err::<(), BoxError>("not yet".into())
        },
    );
    run(App::new("test").service("worker", worker), async move |_| {
        let id = numbers.push(Push::new(Number(9)).priority(3)).await?.id;
        assert_eq!(seen.recv().await, Some((id, 1, false, 3)));
        assert_eq!(seen.recv().await, Some((id, 2, true, 3)));
        Ok(())
    })
    .await;
}

async fn shares_jobs_among_processes(place: &Place) {
    if place.is_memory() {
        return;
    }
    // Each store is as another process would have it: its own connections, session and wake-ups.
    let (sender, mut seen) = mpsc::channel(2_000);
    let worker = |name: &'static str| {
        let handler = async |(name, seen): (&'static str, mpsc::Sender<(&'static str, u64)>), job: Job<Number>| {
            tokio::time::sleep(Duration::from_millis(2)).await;
            seen.send((name, job.0)).await
        };
        place.store().queue().concurrency(8).handler_with((name, sender.clone()), handler).1
    };
    let store = place.store();
    let numbers = store.queue::<Number>().pusher();
    let app =
        App::new("test").service("store", store.service()).service("one", worker("one")).service("two", worker("two"));
    run(app, async move |_| {
        for part in 0..10 {
            numbers.push_all((part * 100..(part + 1) * 100).map(Number)).await?;
        }
        let (mut done, mut of_one) = (Vec::new(), 0);
        for _ in 0..1_000 {
            let (name, number) = seen.recv().await.ok_or("no worker")?;
            done.push(number);
            of_one += usize::from(name == "one");
        }
        done.sort_unstable();
        assert_eq!(done, (0..1_000).collect::<Vec<_>>());
        assert!((1..1_000).contains(&of_one), "both have worked, and one on {of_one}");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gives_back_what_it_has_claimed_too_much_of() {
    let place = Place::sqlite();
    let slow = Arc::new(AtomicUsize::new(0));
    let handler = async |slow: Arc<AtomicUsize>, job: Job<Number>| {
        // The first ones are short, so that many are claimed at once; then come long ones.
        if job.0 >= 2_000 {
            slow.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        Ok::<_, BoxError>(())
    };
    let store = place.store();
    let (numbers, worker) = store.queue().concurrency(4).timeout(None).handler_with(Arc::clone(&slow), handler);
    let other = place.store();
    let operator = other.operator();
    let app = App::new("test").service("other", other.service()).service("store", store.service());
    run(app, async move |ctx: misc_core::Context| {
        numbers.push_all((0..3_000).map(Number)).await?;
        ctx.start("worker", misc_core::spec(worker).stop_within(Duration::from_millis(100))).await?;
        loop {
            let queue =
                operator.queues().await?.into_iter().find(|queue| queue.name == "number").ok_or("it is there")?;
            assert!(queue.running <= 1_024, "{queue:?}");
            if slow.load(Ordering::SeqCst) == 4 && queue.running == 4 {
                assert_eq!(queue.available, 996);
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })
    .await;
}
