//! Restart: backoff and budget from one counter, escalation, and restarts on request.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use misc_core::{App, Context, Phase, Restart, Service, factory, spec};
use tokio::time::{Instant, sleep};

use crate::support::{
    Log, Recorder, check_says, done, drive, failed, fails_after, fails_to_start, fails_to_stop, idle, millis,
    never_ready, run, secs, slow, up_and_down,
};

fn steady() -> Restart {
    Restart::new().jitter(0.0)
}

/// Returns the delays that a service's restarts were held back by.
fn delays(seen: &Recorder, path: &str) -> Vec<u128> {
    let changes = seen.all().into_iter().filter(|seen| seen.path == path && seen.change.from() == Phase::Restarting);
    changes.map(|seen| seen.change.elapsed().as_millis()).collect()
}

/// Is ready for as long as the nth time says, then fails; waits to be stopped when there is none left.
fn fails_in_turn(times: impl Into<Arc<[Duration]>>) -> impl Service + Clone {
    let (times, runs) = (times.into(), Arc::new(AtomicU32::new(0)));
    move |ctx: Context| async move {
        let run = runs.fetch_add(1, Ordering::SeqCst) as usize;
        match times.get(run) {
            Some(time) => fails_after(*time).run(ctx).await,
            None => idle(ctx).await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ten_failures_in_a_row_escalate() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", idle)
        .service("flaky", spec(fails_after(secs(0))).restart(steady()))
        .observe(seen.clone());
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["flaky"]);
    assert_eq!(delays(&seen, "flaky"), [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600]);
    assert_eq!(seen.times("flaky", Phase::Starting).len(), 10);
    let attempts: Vec<_> = seen
        .all()
        .iter()
        .filter(|seen| seen.path == "flaky" && seen.to == Phase::Starting)
        .map(|seen| seen.change.failed_attempts())
        .collect();
    assert_eq!(attempts, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(seen.phases("a").last(), Some(&Phase::Stopped));
}

#[tokio::test(start_paused = true)]
async fn no_delay_is_longer_than_30_s() {
    let seen = Recorder::new();
    let app = App::new("shop").service("flaky", spec(fails_after(secs(0))).restart(steady().attempts(13)));
    assert!(run(app.observe(seen.clone())).await.is_err());
    assert_eq!(delays(&seen, "flaky")[8..], [25600, 30000, 30000, 30000]);
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_each_delay() {
    let seen = Recorder::new();
    let app = App::new("shop").service("flaky", spec(fails_after(secs(0))).restart(Restart::default()));
    assert!(run(app.observe(seen.clone())).await.is_err());
    for (delay, full) in delays(&seen, "flaky").into_iter().zip([100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600]) {
        assert!((full / 2..=full).contains(&delay), "{delay} of {full}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_through_all_phases() {
    let seen = Recorder::new();
    let app = App::new("shop").service("flaky", spec(fails_in_turn([secs(1)])).restart(steady()));
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(secs(3)).await;
        assert_eq!(handle.status().children[0].restarts, 1);
        assert_eq!(handle.status().children[0].last_error.as_deref(), Some("boom"));
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    let expected = [
        "0 app starting",
        "0 flaky starting",
        "0 flaky ready",
        "0 app ready",
        "1 flaky stopping",
        "1 flaky restarting",
        "1.1 flaky starting",
        "1.1 flaky ready",
        "3 app stopping",
        "3 flaky stopping",
        "3 flaky stopped",
        "3 app stopped",
    ];
    assert_eq!(seen.timed(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_minute_of_being_ready_fills_the_budget() {
    let times = [secs(0), secs(0), secs(60), secs(0), secs(59), secs(60)];
    let seen = Recorder::new();
    let app = App::new("shop").service("flaky", spec(fails_in_turn(times)).restart(steady()));
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(secs(1000)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(delays(&seen, "flaky"), [100, 200, 100, 200, 400, 100]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_restarts_too() {
    let runs = Arc::new(AtomicU32::new(0));
    let panics = move |ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(run > 0, "the first run");
            idle(ctx).await
        }
    };
    let seen = Recorder::new();
    up_and_down(App::new("shop").service("a", spec(panics).restart(steady())).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.times("a", Phase::Starting), [secs(0), millis(100)]);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_task_restarts_its_service() {
    let runs = Arc::new(AtomicU32::new(0));
    let panics = move |ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            ctx.spawn(async move { assert!(run > 0, "the first run") });
            idle(ctx).await
        }
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(panics).restart(steady())).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(1)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Ready), [secs(0), millis(100)]);
}

#[tokio::test(start_paused = true)]
async fn a_return_of_ok_is_not_restarted() {
    let seen = Recorder::new();
    run(App::new("shop").service("a", spec(done).restart(steady())).observe(seen.clone())).await.unwrap();
    assert_eq!(seen.phases("a"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_of_one_never_restarts() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(fails_after(secs(1))).restart(steady().attempts(1)));
    assert!(run(app.observe(seen.clone())).await.is_err());
    assert_eq!(seen.phases("a"), [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Failed]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_first_start_is_retried() {
    let runs = Arc::new(AtomicU32::new(0));
    let third_time_lucky = move |ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move { if run < 2 { Err("no luck".into()) } else { idle(ctx).await } }
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(third_time_lucky).restart(steady())).service("b", idle);
    up_and_down(app.observe(seen.clone())).await.unwrap();
    assert_eq!(seen.times("a", Phase::Starting), [secs(0), millis(100), millis(300)]);
    assert_eq!(seen.at("b", Phase::Starting), millis(300));
}

#[tokio::test(start_paused = true)]
async fn the_first_start_has_one_deadline_over_all_attempts() {
    let seen = Recorder::new();
    let app = App::new("shop")
        .service("a", spec(fails_to_start).restart(steady().attempts(100)).start_within(secs(10)))
        .observe(seen.clone());
    let ended = run(app).await;
    assert_eq!(failed(&ended), ["a"]);
    check_says(&ended.unwrap_err(), &["`a` was not ready within 10s", "attempts failed", "no luck"]);
    assert_eq!(seen.at("a", Phase::Failed), secs(10));
    let phases = seen.phases("a");
    assert_eq!(phases[phases.len() - 2..], [Phase::Restarting, Phase::Failed]);
}

#[tokio::test(start_paused = true)]
async fn a_later_start_has_a_deadline_for_each_attempt() {
    let runs = Arc::new(AtomicU32::new(0));
    let hangs_once = move |ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move {
            match run {
                0 => fails_after(secs(1)).run(ctx).await,
                1 => never_ready(ctx).await,
                _ => idle(ctx).await,
            }
        }
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(hangs_once).restart(steady()).start_within(secs(10)));
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        sleep(secs(60)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Starting), [millis(0), millis(1100), millis(11_300)]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_the_backoff_ends_at_once() {
    let seen = Recorder::new();
    let policy = steady().backoff(secs(10), secs(10));
    let app = App::new("shop").service("a", spec(fails_after(secs(1))).restart(policy)).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(5)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.at("a", Phase::Stopped), secs(5));
    assert_eq!(seen.at("app", Phase::Stopped), secs(5));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_restarted_once_the_app_stops() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(fails_to_stop).restart(steady())).observe(seen.clone());
    let ended = up_and_down(app).await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(seen.phases("a").last(), Some(&Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_asked_to_stop_is_not_restarted() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(fails_to_stop).restart(steady())).service("b", idle);
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        handle.ready().await;
        handle.stop("a").await.unwrap_err();
        sleep(secs(60)).await;
        handle.shutdown();
    })
    .await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(seen.times("a", Phase::Starting).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_factory_makes_a_fresh_value_for_each_start() {
    let mut made = 0;
    let log = Log::default();
    let inner = log.clone();
    let make = move || {
        made += 1;
        let (number, log) = (made, inner.clone());
        async move |ctx: Context| {
            log.add(format!("run of value {number}"));
            if number < 3 { Err("not yet".into()) } else { idle(ctx).await }
        }
    };
    up_and_down(App::new("shop").service("a", factory(make).restart(steady()))).await.unwrap();
    assert_eq!(log.lines(), ["run of value 1", "run of value 2", "run of value 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_factory_that_panics_is_a_failed_attempt() {
    let mut made = 0;
    let make = move || {
        made += 1;
        assert!(made != 2, "no value this time");
        fails_after(if made == 1 { secs(1) } else { secs(1000) })
    };
    let seen = Recorder::new();
    let app = App::new("shop").service("a", factory(make).restart(steady())).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(10)).await;
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Starting), [millis(0), millis(1100), millis(1300)]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_is_immediate() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(slow(secs(1), secs(2))).restart(steady())).service("b", idle);
    let (ended, at) = drive(app.observe(seen.clone()), async |handle| {
        handle.ready().await;
        let begin = Instant::now();
        handle.restart("a").await.unwrap();
        handle.shutdown();
        begin.elapsed()
    })
    .await;
    ended.unwrap();
    assert_eq!(at, secs(3));
    let phases = seen.phases("a");
    assert_eq!(phases[..5], [Phase::Starting, Phase::Ready, Phase::Stopping, Phase::Starting, Phase::Ready]);
    assert_eq!(seen.phases("b").len(), 4, "those that start after it are left alone");
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_resets_the_budget() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(fails_after(secs(1))).restart(steady().attempts(3)));
    let (ended, ()) = drive(app.observe(seen.clone()), async |handle| {
        // In the third run.
        sleep(millis(2500)).await;
        handle.restart("a").await.unwrap();
    })
    .await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(delays(&seen, "a"), [100, 200, 100, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_on_request_does_not_wait_for_the_backoff() {
    let seen = Recorder::new();
    let policy = steady().backoff(secs(20), secs(20));
    let app = App::new("shop").service("a", spec(fails_in_turn([secs(1)])).restart(policy)).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        sleep(secs(2)).await;
        handle.restart("a").await.unwrap();
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Starting), [secs(0), secs(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_service_can_be_restarted() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(idle).restart(steady())).service("b", idle).observe(seen.clone());
    let (ended, ()) = drive(app, async |handle| {
        handle.ready().await;
        handle.stop("a").await.unwrap();
        handle.restart("a").await.unwrap();
        assert_eq!(handle.status().children[0].phase, Phase::Ready);
        handle.shutdown();
    })
    .await;
    ended.unwrap();
    assert_eq!(seen.times("a", Phase::Stopped).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_one_that_waits_just_waits_for_its_start() {
    let app = App::new("shop").service("a", slow(secs(5), secs(0))).service("b", spec(idle).restart(steady()));
    let (ended, at) = drive(app, async |handle| {
        let begin = Instant::now();
        handle.restart("b").await.unwrap();
        handle.shutdown();
        begin.elapsed()
    })
    .await;
    ended.unwrap();
    assert_eq!(at, secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_single_value_cannot_be_restarted() {
    let (ended, error) = drive(App::new("shop").service("a", idle), async |handle| {
        handle.ready().await;
        let error = handle.restart("a").await.unwrap_err();
        assert_eq!(handle.status().children[0].phase, Phase::Ready, "it is left alone");
        handle.shutdown();
        error
    })
    .await;
    ended.unwrap();
    assert!(error.is_not_restartable());
    check_says(&error, &["service `a` cannot be restarted", "spec(..).restart(..)", "factory(..)"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_on_the_way_to_a_requested_restart_is_not_silent() {
    let seen = Recorder::new();
    let app = App::new("shop").service("a", spec(fails_to_stop).restart(steady())).observe(seen.clone());
    let (_, error) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("a").await.unwrap();
        let error = handle.status().children[0].last_error.clone();
        handle.shutdown();
        error
    })
    .await;
    assert_eq!(error.as_deref(), Some("could not flush"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_restart_learns_of_its_failure() {
    let runs = Arc::new(AtomicU32::new(0));
    let once = move |ctx: Context| {
        let run = runs.fetch_add(1, Ordering::SeqCst);
        async move { if run == 0 { idle(ctx).await } else { Err("no more".into()) } }
    };
    let app = App::new("shop").service("a", spec(once).restart(steady().attempts(1)));
    let (ended, error) = drive(app, async |handle| {
        handle.ready().await;
        handle.restart("a").await.unwrap_err()
    })
    .await;
    assert_eq!(failed(&ended), ["a"]);
    assert_eq!(error.failure().unwrap().error().to_string(), "no more");
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_a_single_value_that_waits_just_waits_for_its_start() {
    let app = App::new("shop").service("a", slow(secs(5), secs(0))).service("b", idle);
    let (ended, restarted) = drive(app, async |handle| {
        let restarted = handle.restart("b").await;
        handle.shutdown();
        restarted
    })
    .await;
    ended.unwrap();
    restarted.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backoff_without_end_waits_until_the_stop() {
    for jitter in [0.0, 1.0] {
        let seen = Recorder::new();
        let policy = Restart::new().backoff(Duration::MAX, Duration::MAX).jitter(jitter);
        let app = App::new("shop")
            .service("a", idle)
            .service("flaky", spec(fails_after(secs(1))).restart(policy))
            .observe(seen.clone());
        let (ended, phase) = drive(app, async |handle| {
            sleep(millis(1001)).await;
            let phase = handle.status().children[1].phase;
            handle.shutdown();
            phase
        })
        .await;
        assert!(ended.is_ok(), "{ended:?}");
        assert!(seen.phases("flaky").contains(&Phase::Restarting), "{:?}", seen.timed());
        if jitter == 0.0 {
            assert_eq!(phase, Phase::Restarting);
        }
    }
}
