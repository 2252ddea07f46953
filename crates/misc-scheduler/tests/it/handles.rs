//! Steering tasks at run time.

use misc_scheduler::{
    Fire, Firing, Outcome, Overlap, Run, Scheduler, State, Task, Tasks, after, custom, daily, every, manual, on_demand,
    once,
};

use crate::subject::{MS, Notes, SECS, pass, scheduler_at, start, time};

#[tokio::test(start_paused = true)]
async fn a_run_may_be_asked_for_at_any_time() {
    let notes = Notes::taking(MS(500));
    let scheduler = Scheduler::new().add(notes.task("task", every(SECS(10))));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.run_now("task").await.unwrap();
    assert_eq!((notes.began(), notes.ends()), (vec![0], 1));
    let (first, second) = (tasks.run_now("task"), tasks.run_now("task"));
    assert!(second.await.unwrap_err().is_skipped());
    first.await.unwrap();
    pass(SECS(10)).await;
    // The schedule has not moved.
    assert_eq!(notes.began(), [0, 500, 10_000]);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_status_has_all_there_is_to_know() {
    let notes = Notes::taking(SECS(2));
    let scheduler =
        scheduler_at("2027-01-01T08:59:00Z").add(notes.task("report", daily("09:00"))).task("x", manual(), async || {});
    let tasks = scheduler.handle();
    assert_eq!(tasks.status("report").unwrap().next, None);
    let app = start(scheduler).await;
    let status = tasks.status("report").unwrap();
    assert_eq!((status.state, status.next), (State::Waiting, Some(time("2027-01-01T09:00:00Z"))));
    assert_eq!(status.trigger, "daily at 09:00 UTC");
    tokio::time::sleep(SECS(61)).await;
    let status = tasks.status("report").unwrap();
    assert_eq!((status.state, status.active), (State::Running, 1));
    assert_eq!(status.next, Some(time("2027-01-02T09:00:00Z")));
    tokio::time::sleep(SECS(10)).await;
    let status = tasks.status("report").unwrap();
    assert_eq!((status.state, status.runs, status.drift), (State::Waiting, 1, Some(MS(0))));
    assert_eq!(status.last_start, Some(time("2027-01-01T09:00:00Z")));
    assert_eq!(status.last_end, Some(time("2027-01-01T09:00:02Z")));
    assert_eq!(status.last_outcome, Some(Outcome::Succeeded));
    assert_eq!(tasks.list().len(), 2);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_next_run_can_be_waited_for() {
    let notes = Notes::taking(MS(500));
    let scheduler = scheduler_at("2027-01-01T00:00:00Z").add(notes.task("task", every(SECS(10))));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let ran = tasks.next_run("task").await.unwrap();
    assert_eq!((ran.due, ran.took, ran.attempts), (time("2027-01-01T00:00:10Z"), MS(500), 1));
    let waiting = {
        let tasks = tasks.clone();
        async move { tasks.next_run("task").await }
    };
    let (ended, waited) = tokio::join!(app.stop(), waiting);
    assert!(waited.unwrap_err().is_unknown());
    ended.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn the_past_is_bounded() {
    let scheduler = Scheduler::new().history(3).task("task", every(SECS(1)), async || {});
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(10_500)).await;
    assert_eq!((tasks.history("task").unwrap().len(), tasks.status("task").unwrap().runs), (3, 10));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_is_added_and_removed_at_run_time() {
    let scheduler = Scheduler::new();
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let (notes, init, log) = (Notes::new(), Notes::new(), Notes::new());
    tasks.add(notes.task("task", every(SECS(1)))).unwrap();
    tasks.add(init.task("init", once())).unwrap();
    tasks.add(log.task("log", after("task"))).unwrap();
    pass(MS(2_500)).await;
    assert_eq!((notes.runs(), init.began(), log.runs()), (2, vec![0], 2));
    // Not while another one waits for it.
    assert!(tasks.remove("task").unwrap_err().to_string().contains("`log` runs after it"));
    tasks.remove("log").unwrap();
    tasks.remove("task").unwrap();
    pass(SECS(10)).await;
    assert_eq!((notes.runs(), tasks.list().len()), (2, 1));
    assert!(tasks.status("task").unwrap_err().is_unknown());
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_its_task_is_removed_goes_on() {
    let notes = Notes::taking(SECS(5));
    let scheduler = Scheduler::new().add(notes.task("task", every(SECS(1))));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tokio::time::sleep(MS(1_500)).await;
    tasks.remove("task").unwrap();
    tasks.add(Task::new("task", manual(), async || {})).unwrap();
    pass(SECS(10)).await;
    assert_eq!((notes.runs(), notes.ends(), tasks.status("task").unwrap().runs), (1, 1, 0));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_gets_another_trigger() {
    let notes = Notes::new();
    let scheduler = Scheduler::new().add(notes.task("task", every(SECS(1)).limit(1)));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(SECS(10)).await;
    tasks.reschedule("task", every(SECS(5))).unwrap();
    pass(SECS(11)).await;
    assert_eq!(notes.began(), [1_000, 14_999, 19_999]);
    let refused = tasks.reschedule("task", every(SECS(0))).unwrap_err();
    assert!(refused.to_string().contains("zero seconds"), "{refused}");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_may_steer_itself() {
    let work = async |run: Run| {
        run.tasks().pause(run.task()).unwrap();
        run.tasks().cancel("task").unwrap();
        std::future::pending::<()>().await;
    };
    let scheduler = Scheduler::new().task("task", every(SECS(1)), work);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(SECS(5)).await;
    let status = tasks.status("task").unwrap();
    assert_eq!((status.runs, status.last_outcome, status.state), (1, Some(Outcome::Cancelled), State::Paused));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_before_it_has_begun_is_gone() {
    let notes = Notes::new();
    let scheduler = Scheduler::new().add(notes.task("task", manual()));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let first = tasks.run_now("task");
    tasks.cancel("task").unwrap();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!((notes.runs(), tasks.status("task").unwrap().active), (0, 0));
    let second = tasks.run_now("task");
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    tasks.run_now("task").await.unwrap();
    assert_eq!(notes.runs(), 1);
    app.stop().await.assert_clean().await;
}

/// What looks at the tasks when it is dropped.
#[derive(Clone)]
struct Curious(Tasks);

impl Drop for Curious {
    fn drop(&mut self) {
        drop(self.0.list());
    }
}

#[tokio::test(start_paused = true)]
async fn what_tasks_hold_may_use_the_handle_when_it_is_dropped() {
    let scheduler = Scheduler::new();
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let curious = Curious(tasks.clone());
    tasks.add(Task::with("task", every(SECS(1)), curious.clone(), async |_: Curious| {})).unwrap();
    let held = curious.clone();
    let own = custom(move |_: &Firing| {
        let _held = &held;
        Fire::In(SECS(1))
    });
    tasks.add(Task::with("own", own, curious.clone(), async |_: Curious| {})).unwrap();
    let (orders, task) = on_demand("orders", async |_: Curious| Ok::<(), std::io::Error>(()));
    tasks.add(task.concurrency(1).overlap(Overlap::QueueOne)).unwrap();
    let runs: Vec<_> = (0..4).map(|_| orders.start(curious.clone())).collect();
    tasks.cancel("orders").unwrap();
    pass(SECS(3)).await;
    tasks.reschedule("own", manual()).unwrap();
    for task in ["task", "own", "orders"] {
        tasks.remove(task).unwrap();
    }
    pass(SECS(3)).await;
    assert!(tasks.list().is_empty());
    drop((runs, orders));
    app.stop().await.assert_ok();
}
