//! Siblings that know nothing of each other meet in `main`.

use std::time::Duration;

use misc::{
    App,
    health::Health,
    scheduler::{Scheduler, every},
    test::TestApp,
};

#[tokio::test(start_paused = true)]
async fn a_task_that_fails_makes_the_app_unready() {
    let scheduler =
        Scheduler::new().task("import", every(Duration::from_secs(10)), async || Err::<(), _>("no such file"));
    let health = Health::new().check("tasks", scheduler.handle().healthy());
    let app = TestApp::start(App::new("shop").with(health.clone()).service("tasks", scheduler)).await;
    assert!(health.is_ready().await);
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(!health.is_ready().await);
    app.stop().await.assert_ok();
}
