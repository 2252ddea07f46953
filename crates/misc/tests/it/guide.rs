//! The test that `docs/scheduling.md` shows is one that passes; what else it shows is compiled by the documentation's tests.

use std::time::{Duration, SystemTime};

use misc::{
    BoxError,
    scheduler::{Clock, Run, Scheduler, daily},
    test::TestApp,
};
use tokio::sync::mpsc;

#[tokio::test(start_paused = true)]
async fn the_report_is_made_at_nine_also_when_clocks_change() {
    let saturday = SystemTime::UNIX_EPOCH + Duration::from_secs(1_806_130_800); // 2027-03-27, 07:00 UTC
    let (sender, mut reports) = mpsc::channel(10);
    let report = async |sender: mpsc::Sender<SystemTime>, run: Run| Ok::<_, BoxError>(sender.send(run.due()).await?);
    let scheduler = Scheduler::new().clock(Clock::starting_at(saturday)).task_with(
        "report",
        daily("09:00").tz("Europe/Berlin"),
        sender,
        report,
    );

    let app = TestApp::service(scheduler).await;
    assert_eq!(reports.recv().await, Some(saturday + Duration::from_secs(3_600)));
    assert_eq!(reports.recv().await, Some(saturday + Duration::from_secs(24 * 3_600))); // a day of 23 hours
    app.stop().await.assert_clean().await;
}

#[test]
fn the_guide_shows_the_test_above() {
    let shown = include_str!("../../../../docs/scheduling.md").split_once("says what time it is then:\n\n```rust\n");
    let (shown, _) = shown.and_then(|(_, rest)| rest.split_once("\n```")).expect("a block of Rust");
    assert!(include_str!("guide.rs").contains(shown), "not what is tested here:\n{shown}");
}
