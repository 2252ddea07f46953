//! Steering tasks at run time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use misc_scheduler::{
    Fire, Firing, Outcome, Overlap, Run, Scheduler, State, Task, Tasks, Trigger, after, custom, daily, every, manual,
    on_demand, once,
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

#[tokio::test(start_paused = true)]
async fn what_is_refused_may_use_the_handle_when_it_is_dropped() {
    let twice = Scheduler::new().task("task", manual(), async || {});
    let curious = Curious(twice.handle());
    drop(twice.add(Task::with("task", manual(), curious, async |_: Curious| {})));

    let scheduler = Scheduler::new().task("task", every(SECS(1)), async || {});
    let (orders, on_demand) = on_demand("orders", async |_: Curious| Ok::<(), std::io::Error>(()));
    let tasks = scheduler.handle();
    let curious = Curious(tasks.clone());
    let task = |name: &str, trigger: Trigger| Task::with(name, trigger, curious.clone(), async |_: Curious| {});
    let app = start(scheduler.add(on_demand)).await;
    assert!(tasks.add(task("task", manual())).is_err());
    assert!(tasks.add(task("other", after("nobody").into())).is_err());
    let own = || {
        let held = curious.clone();
        custom(move |_: &Firing| {
            let _held = &held;
            Fire::Stop
        })
    };
    assert!(tasks.reschedule("nobody", own()).is_err());
    assert!(tasks.reschedule("orders", own()).is_err());
    tasks.remove("orders").unwrap();
    assert!(orders.start(curious.clone()).await.unwrap_err().is_refused());
    app.stop().await.assert_ok();
    assert!(orders.start(curious.clone()).await.unwrap_err().is_refused());
}

/// A schedule that fires each second, and counts how often it was asked.
fn counting(asked: &Arc<AtomicU64>, fire: Fire) -> Trigger {
    let asked = Arc::clone(asked);
    custom(move |_: &Firing| {
        asked.fetch_add(1, Ordering::Relaxed);
        fire
    })
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_asked_once_for_each_firing() {
    let asked = Arc::<AtomicU64>::default();
    let notes = Notes::taking(MS(500));
    let task = notes.task("task", counting(&asked, Fire::In(SECS(10)))).overlap(Overlap::Allow(3));
    let scheduler = Scheduler::new().add(task);
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(MS(9_600)).await;
    // Two more, which end together with the one that fires.
    tokio::time::sleep(MS(401)).await;
    let runs = [tasks.run_now("task"), tasks.run_now("task")];
    pass(MS(800)).await;
    drop(runs);
    assert_eq!((notes.runs(), asked.load(Ordering::Relaxed)), (3, 2));
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_has_stopped_is_not_asked_again() {
    let asked = Arc::<AtomicU64>::default();
    let scheduler = Scheduler::new().task("task", counting(&asked, Fire::Stop), async || {});
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    pass(SECS(1)).await;
    tasks.run_now("task").await.unwrap();
    pass(SECS(1)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_may_put_another_one_in_its_place() {
    let asked = Arc::<AtomicU64>::default();
    let scheduler = Scheduler::new();
    let tasks = scheduler.handle();
    let (handle, other) = (tasks.clone(), Arc::clone(&asked));
    let first = custom(move |_: &Firing| {
        handle.reschedule("task", counting(&other, Fire::In(SECS(1)))).unwrap();
        Fire::In(SECS(100))
    });
    let notes = Notes::new();
    let app = start(scheduler.add(notes.task("task", first))).await;
    pass(MS(3_500)).await;
    assert_eq!((notes.began(), asked.load(Ordering::Relaxed)), (vec![1_000, 2_000, 3_000], 4));
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn what_a_schedule_skips_is_not_missed_after_a_pause() {
    let first = Arc::new(AtomicBool::new(true));
    let own = custom(
        move |_: &Firing| {
            if first.swap(false, Ordering::Relaxed) { Fire::Skip(MS(20)) } else { Fire::In(MS(20)) }
        },
    );
    let scheduler = Scheduler::new().task("task", own, async || {});
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    tasks.pause("task").unwrap();
    tokio::time::sleep(MS(50)).await;
    tasks.resume("task").unwrap();
    tasks.next_run("task").await.unwrap();
    assert_eq!(tasks.status("task").unwrap().misfires, 0);
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn after_its_end_a_scheduler_has_no_next_run() {
    let scheduler = Scheduler::new().task("task", manual(), async || {});
    let tasks = scheduler.handle();
    start(scheduler).await.stop().await.assert_clean().await;
    assert!(tasks.next_run("task").await.unwrap_err().is_not_running());
    assert!(tasks.run_now("task").await.unwrap_err().is_refused());
}

#[tokio::test]
async fn a_thread_outside_of_the_runtime_may_start_runs() {
    let notes = Notes::new();
    let scheduler = Scheduler::new().add(notes.task("task", manual()));
    let tasks = scheduler.handle();
    let app = start(scheduler).await;
    let handle = tasks.clone();
    let running = std::thread::spawn(move || handle.run_now("task")).join().unwrap();
    running.await.unwrap();
    assert_eq!(notes.runs(), 1);
    app.stop().await.assert_clean().await;
}
