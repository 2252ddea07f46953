//! Tasks that outlive their app.

use std::future::pending;

use misc_core::Context;
use misc_test::TestApp;
use tokio::{runtime::Handle, task::yield_now, time::sleep};

use crate::support::{check_says, idle, millis, panic_of, secs};

/// Spawns a task that nobody owns.
fn leak(task: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    Handle::current().spawn(task)
}

/// A service that leaks a task.
async fn leaks(ctx: Context) -> Result<(), misc_core::BoxError> {
    drop(leak(pending()));
    idle(ctx).await
}

#[tokio::test(start_paused = true)]
async fn a_leaked_task_is_noticed() {
    let ended = TestApp::service(leaks).await.stop().await;
    ended.assert_ok();
    let text = panic_of(ended.assert_clean()).await;
    check_says(&text, &["app `test` (launched at ", "has left 1 task(s) behind", "`Context::spawn`"]);
}

#[tokio::test]
async fn a_leaked_task_is_noticed_on_the_real_clock() {
    let ended = TestApp::service(leaks).await.stop().await;
    check_says(&panic_of(ended.assert_clean()).await, &["has left 1 task(s) behind"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_a_timer_is_left_behind() {
    let ended = TestApp::service(async |ctx: Context| {
        drop(leak(sleep(secs(1))));
        idle(ctx).await
    })
    .await
    .stop()
    .await;
    check_says(&panic_of(ended.assert_clean()).await, &["has left 1 task(s) behind"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_just_ending_is_waited_for() {
    let ends_soon = async || {
        for _ in 0..10 {
            yield_now().await;
        }
    };
    let app = TestApp::service(async move |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        drop(leak(ends_soon()));
        Ok(())
    })
    .await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_task_that_is_just_ending_is_waited_for_on_the_real_clock() {
    let app = TestApp::service(async |ctx: Context| {
        ctx.ready();
        ctx.stopping().await;
        drop(leak(sleep(millis(20))));
        Ok(())
    })
    .await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_task_of_the_service_is_not_left_behind() {
    let app = TestApp::service(async |ctx: Context| {
        ctx.spawn_until_stopping(pending::<()>());
        idle(ctx).await
    })
    .await;
    app.stop().await.assert_clean().await;
}

#[tokio::test]
async fn a_task_of_the_test_from_before_does_not_count() {
    let own = leak(pending());
    yield_now().await;
    TestApp::service(idle).await.stop().await.assert_clean().await;
    own.abort();
}

#[tokio::test]
async fn a_failure_is_not_clean() {
    let ended =
        TestApp::launch(misc_core::App::new("shop").service("bad", crate::support::fails_to_start)).ended().await;
    check_says(&panic_of(ended.assert_clean()).await, &["ended with code 1", "no luck"]);
}
