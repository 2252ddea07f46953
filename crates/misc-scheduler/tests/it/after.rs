//! Tasks after other tasks.

use misc_scheduler::{Next, On, Overlap, Scheduler, Task, Trigger, after, any_of, every};

use crate::subject::{MS, Notes, SECS, pass, run_for, start};

fn failing(name: &str, seconds: u64) -> Task {
    Task::new(name, every(SECS(seconds)), async || Err::<(), _>("broken"))
}

#[tokio::test(start_paused = true)]
async fn it_runs_whenever_the_other_one_has_succeeded() {
    let (first, second, third) = (Notes::taking(MS(300)), Notes::taking(MS(100)), Notes::new());
    let scheduler = Scheduler::new()
        .add(first.task("first", every(SECS(1))))
        .add(second.task("second", after("first")))
        .add(third.task("third", after("second")));
    run_for(scheduler, SECS(3)).await;
    assert_eq!(second.began(), [1_300, 2_300]);
    assert_eq!(third.began(), [1_400, 2_400]);
}

#[tokio::test(start_paused = true)]
async fn how_the_other_one_has_to_end_may_be_said() {
    let table = [(On::Success, 0, 1), (On::Failure, 1, 0), (On::Always, 1, 1)];
    for (on, after_failure, after_success) in table {
        let (failed, succeeded) = (Notes::new(), Notes::new());
        let scheduler = Scheduler::new()
            .add(failing("bad", 2))
            .task("good", every(SECS(2)), async || {})
            .add(failed.task("failed", after("bad").on(on)))
            .add(succeeded.task("succeeded", after("good").on(on)));
        run_for(scheduler, SECS(3)).await;
        assert_eq!((failed.runs(), succeeded.runs()), (after_failure, after_success), "{on:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_several_it_waits_for_each_of_them() {
    let (all, any) = (Notes::new(), Notes::new());
    let scheduler = Scheduler::new()
        .task("a", every(SECS(2)), async || {})
        .task("b", every(SECS(5)), async || {})
        .add(all.task("all", after(["a", "b"])))
        .add(any.task("any", any_of([after("a").into(), after("b").into()])).overlap(Overlap::QueueOne));
    run_for(scheduler, MS(10_500)).await;
    assert_eq!(all.began(), [5_000, 10_000]);
    assert_eq!(any.runs(), 5 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_limit_counts_its_own_firings() {
    let log = Notes::new();
    let scheduler = Scheduler::new().task("a", every(SECS(1)), async || {}).add(log.task("log", after("a").limit(2)));
    run_for(scheduler, SECS(10)).await;
    assert_eq!(log.began(), [1_000, 2_000]);
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_is_neither() {
    let log = Notes::new();
    let hang = Task::new("hang", every(SECS(1)), async || std::future::pending::<Next>().await)
        .on_stop(misc_scheduler::OnStop::Cancel);
    let scheduler = Scheduler::new().add(hang).add(log.task("log", after("hang").on(On::Always)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(MS(1_500)).await;
    tasks.cancel("hang").unwrap();
    tokio::time::sleep(MS(100)).await;
    assert_eq!((log.runs(), tasks.status("hang").unwrap().runs), (0, 1));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_named_twice_is_followed_once() {
    let (both, either) = (Notes::new(), Notes::new());
    let any = any_of([Trigger::from(after("task")), after("task").on(On::Failure).into()]);
    let scheduler = Scheduler::new()
        .task("task", every(SECS(1)).limit(2), async || {})
        .add(both.task("both", after(["task", "task"])))
        .add(either.task("either", any).overlap(Overlap::QueueAll));
    let app = start(scheduler).await;
    pass(SECS(5)).await;
    assert_eq!((both.runs(), either.runs()), (2, 2));
    app.stop().await.assert_clean().await;
}
