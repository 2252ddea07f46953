//! Tasks: each has an owner, which drains it or cancels it, and fails with it.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use misc_core::{App, BoxError, Context, Phase, Restart, Task, TaskError, current_service, spec};
use tokio::{sync::oneshot, time::sleep};

use crate::support::{
    Log, Recorder, check_says, drive, failed, idle, in_time, late, never_ready, run, secs, up_and_down,
};

#[tokio::test(start_paused = true)]
async fn a_spawned_task_is_drained_when_its_service_stops() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        ctx.spawn(async move {
            sleep(secs(5)).await;
            inner.add("done");
        });
        idle(ctx).await
    };
    up_and_down(App::new("shop").service("a", spawns).observe(seen.clone())).await.unwrap();
    assert_eq!(log.lines(), ["done"]);
    assert_eq!(seen.at("a", Phase::Stopped), secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_is_drained_when_its_service_returns() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        let told = ctx.clone();
        ctx.spawn(async move {
            told.stopping().await;
            inner.add("stopping fired");
            sleep(secs(2)).await;
            inner.add("done");
        });
        Ok(())
    };
    run(App::new("shop").service("a", spawns).observe(seen.clone())).await.unwrap();
    assert_eq!(log.lines(), ["stopping fired", "done"]);
    assert_eq!((seen.at("a", Phase::Stopping), seen.at("a", Phase::Stopped)), (secs(0), secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_task_until_stopping_is_dropped_when_its_service_shall_stop() {
    let (log, seen) = (Log::default(), Recorder::new());
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        let guard = inner.on_drop("dropped");
        let task = ctx.spawn_until_stopping(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        ctx.ready();
        ctx.stopping().await;
        let error = task.await.expect_err("it was dropped");
        assert!(error.is_cancelled() && !error.is_panic() && !error.is_refused());
        inner.add(error.to_string());
        Ok(())
    };
    up_and_down(App::new("shop").service("a", spawns).observe(seen.clone())).await.unwrap();
    assert_eq!(log.lines(), ["dropped", "the task was cancelled"]);
    assert_eq!(seen.at("a", Phase::Stopped), secs(0));
}

#[tokio::test(start_paused = true)]
async fn a_task_gives_its_result() {
    let spawns = async |ctx: Context| {
        let (plain, until) = (ctx.spawn(async { 6 * 7 }), ctx.spawn_until_stopping(async { "until" }));
        assert_eq!((plain.await?, until.await?), (42, "until"));
        assert_eq!(ctx.blocking(|| "blocking").await?, "blocking");
        Ok(())
    };
    run(App::new("shop").service("a", spawns)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_outlives_its_handle() {
    let (done, told) = oneshot::channel();
    let spawns = async |ctx: Context| {
        drop(ctx.spawn(async {
            sleep(secs(1)).await;
            done.send(()).expect("the service waits");
        }));
        told.await?;
        Ok(())
    };
    run(App::new("shop").service("a", spawns)).await.unwrap();
}

/// Spawns something that panics, and checks what its handle says.
async fn check_panic(spawn: fn(&Context) -> Task<()>) {
    let panics = async move |ctx: Context| {
        ctx.ready();
        let error = spawn(&ctx).await.expect_err("it panics");
        assert!(error.is_panic());
        assert_eq!(error.to_string(), "the task panicked: in the task");
        ctx.stopping().await;
        Ok(())
    };
    let ended = run(App::new("shop").service("a", idle).service("bad", panics)).await;
    assert_eq!(failed(&ended), ["bad"]);
    let report = ended.expect_err("a failure");
    check_says(&report, &["a task spawned at crates/misc-core/tests/it/tasks.rs:", "panicked: in the task"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_task_is_the_failure_of_its_service() {
    check_panic(|ctx| ctx.spawn(async { panic!("in the task") })).await;
    check_panic(|ctx| ctx.spawn_until_stopping(async { panic!("in the task") })).await;
    check_panic(|ctx| ctx.blocking(|| panic!("in the task"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_task_while_its_service_drains_is_reported() {
    let spawns = async |ctx: Context| {
        let told = ctx.clone();
        ctx.spawn(async move {
            told.stopping().await;
            sleep(secs(1)).await;
            panic!("while draining")
        });
        idle(ctx).await
    };
    let ended = up_and_down(App::new("shop").service("a", spawns)).await;
    assert_eq!(failed(&ended), ["a"]);
    check_says(&ended.unwrap_err(), &["while draining"]);
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "in the drop of a task");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_task_is_dropped_is_the_failure_of_its_service() {
    let spawns = async |ctx: Context| {
        ctx.ready();
        let guard = PanicsOnDrop;
        let task = ctx.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        task.abort();
        ctx.until_stopping(sleep(secs(1))).await;
        Ok(())
    };
    let ended = run(App::new("shop").service("a", spawns)).await;
    assert_eq!(failed(&ended), ["a"], "never silence");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_task_is_no_failure() {
    let log = Log::default();
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        let guard = inner.on_drop("dropped");
        let task = ctx.spawn(async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert!(!task.is_finished());
        task.abort();
        assert!(task.await.expect_err("it was aborted").is_cancelled());
        ctx.ready();
        Ok(())
    };
    run(App::new("shop").service("a", spawns)).await.unwrap();
    assert_eq!(log.lines(), ["dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_refused_after_the_end_of_its_service() {
    let (give, given) = oneshot::channel();
    let lends = async move |ctx: Context| {
        give.send(ctx.clone()).expect("the test waits for it");
        ctx.ready();
        Ok(())
    };
    let (ended, ()) = drive(App::new("shop").service("a", lends).service("b", idle), async |handle| {
        let ctx = given.await.expect("a context");
        handle.ready().await;
        let ran = Arc::new(AtomicBool::new(false));
        let sets = || {
            let ran = Arc::clone(&ran);
            move || ran.store(true, Ordering::SeqCst)
        };
        let (plain, until) = (sets(), sets());
        let tasks =
            [ctx.spawn(async move { plain() }), ctx.spawn_until_stopping(async move { until() }), ctx.blocking(sets())];
        for task in tasks {
            assert!(task.is_finished());
            let error = task.await.unwrap_err();
            assert!(error.is_refused());
            check_says(&error, &["the task was refused: its service has ended"]);
        }
        assert!(!ran.load(Ordering::SeqCst));
        handle.shutdown();
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_task_may_be_spawned_while_others_drain() {
    let log = Log::default();
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        let again = ctx.clone();
        ctx.spawn(async move {
            again.stopping().await;
            sleep(secs(1)).await;
            again.spawn(async move {
                sleep(secs(1)).await;
                inner.add("the last one");
            });
        });
        Ok(())
    };
    run(App::new("shop").service("a", spawns)).await.unwrap();
    assert_eq!(log.lines(), ["the last one"]);
}

#[tokio::test(start_paused = true)]
async fn the_tasks_of_a_run_are_gone_before_the_next_run() {
    let log = Log::default();
    let inner = log.clone();
    let fails = move |ctx: Context| {
        let log = inner.clone();
        async move {
            log.add("run");
            let (done, told) = (log.clone(), ctx.clone());
            ctx.spawn(async move {
                told.stopping().await;
                sleep(secs(1)).await;
                done.add("task done");
            });
            Err(BoxError::from("boom"))
        }
    };
    run(App::new("shop").service("a", spec(fails).restart(Restart::new().attempts(2)))).await.unwrap_err();
    assert_eq!(log.lines(), ["run", "task done", "run", "task done"]);
}

#[tokio::test(start_paused = true)]
async fn live_tasks_are_counted_in_the_status() {
    let (release, held) = mpsc::channel::<()>();
    let (begins, begun) = oneshot::channel();
    let spawns = async move |ctx: Context| {
        ctx.spawn(std::future::pending::<()>()).abort();
        ctx.spawn_until_stopping(std::future::pending::<()>());
        let blocking = ctx.blocking(move || {
            begins.send(()).expect("the service waits");
            held.recv()
        });
        begun.await?;
        ctx.ready();
        blocking.await?.unwrap_err();
        Ok(())
    };
    let (ended, ()) = drive(App::new("shop").service("a", spawns), async |handle| {
        handle.ready().await;
        assert_eq!(handle.status().children[0].tasks, 2, "a finished one does not count");
        drop(release);
    })
    .await;
    ended.unwrap();
}

#[tokio::test(start_paused = true)]
async fn each_unfinished_task_is_reported_with_where_it_was_spawned() {
    let line = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&line);
    let spawns = async move |ctx: Context| {
        ctx.spawn(std::future::pending::<()>());
        lines.lock().expect("nobody panics with it").push(line!() - 1);
        ctx.spawn(std::future::pending::<()>());
        lines.lock().expect("nobody panics with it").push(line!() - 1);
        ctx.spawn(sleep(secs(1)));
        ctx.spawn_until_stopping(std::future::pending::<()>());
        idle(ctx).await
    };
    let ended = up_and_down(App::new("shop").service("a", spec(spawns).stop_within(secs(5)))).await;
    assert_eq!(late(&ended), ["a"]);
    let report = ended.unwrap_err();
    let told: Vec<_> = report.late()[0].tasks().iter().map(|task| task.line()).collect();
    assert_eq!(told, *line.lock().unwrap());
    assert!(!report.late()[0].did_not_yield());
}

#[tokio::test(start_paused = true)]
async fn a_service_waits_for_its_blocking_closure_when_it_stops() {
    let (release, held) = mpsc::channel::<()>();
    let log = Log::default();
    let inner = log.clone();
    let blocks = async move |ctx: Context| {
        let work = inner.clone();
        drop(ctx.blocking(move || {
            held.recv().unwrap_err();
            work.add("closure done");
        }));
        idle(ctx).await?;
        inner.add("service done");
        drop(release);
        Ok(())
    };
    up_and_down(App::new("shop").service("a", blocks)).await.unwrap();
    assert_eq!(log.lines(), ["service done", "closure done"]);
}

#[tokio::test(start_paused = true)]
async fn who_never_was_ready_drains_its_tasks_too() {
    let log = Log::default();
    let inner = log.clone();
    let spawns = async move |ctx: Context| {
        let told = ctx.clone();
        ctx.spawn(async move {
            told.stopping().await;
            sleep(secs(1)).await;
            inner.add("drained");
        });
        never_ready(ctx).await
    };
    let ended = run(App::new("shop").service("a", spawns)).await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(log.lines(), ["drained"]);
}

#[tokio::test(start_paused = true)]
async fn task_errors_can_be_compared_and_passed_on() {
    fn check(error: impl std::error::Error + Clone + PartialEq + Send + Sync + 'static) -> BoxError {
        assert!(error == error.clone());
        error.into()
    }
    let spawns = async |ctx: Context| {
        let task = ctx.spawn(std::future::pending::<()>());
        task.abort();
        let error: TaskError = task.await.expect_err("aborted");
        check_says(&check(error), &["the task was cancelled"]);
        Ok(())
    };
    in_time(run(App::new("shop").service("a", spawns))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_runs_in_a_service_knows_its_path() {
    let log = Log::default();
    let seen = log.clone();
    let names = async move |ctx: Context| {
        let name = || current_service().unwrap_or_default().to_string();
        seen.add(format!("service: {}", name()));
        let task = ctx.spawn(async move { name() }).await?;
        seen.add(format!("task: {task}"));
        let closure = ctx.blocking(name).await?;
        seen.add(format!("closure: {closure}"));
        Ok(())
    };
    let app = App::new("shop").service("group", App::new("group").service("x", names));
    run(app).await.unwrap();
    assert_eq!(log.lines(), ["service: group/x", "task: group/x", "closure: group/x"]);
    assert_eq!(current_service(), None);
}
