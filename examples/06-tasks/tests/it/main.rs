//! The example as a whole, on a clock that passes a day in a moment.

use std::{env, fs, path::PathBuf, process, time::Duration};

use misc::{
    App,
    test::{Logs, TestApp},
};
use tasks::{Monitor, MonitorTasks, Reports, ReportsTasks};
use tokio::time::sleep;

/// A file of a test, which is removed in the end.
struct Path(PathBuf);

impl Path {
    fn of(test: &str) -> Self {
        Self(env::temp_dir().join(format!("tasks-{test}-{}.jsonl", process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

async fn start(path: &Path) -> (TestApp, MonitorTasks, ReportsTasks) {
    let (monitor, monitor_service) = Monitor::new(&path.0).expect("a system").with_tasks();
    let (reports, reports_service) = Reports::new(monitor.clone()).with_tasks();
    let app = App::new("tasks").service("monitor", monitor_service).service("reports", reports_service);
    (TestApp::start(app).await, monitor, reports)
}

#[tokio::test(start_paused = true)]
async fn an_hour_has_a_reading_every_five_seconds_and_a_line_after_each() {
    let path = Path::of("hour");
    let (app, monitor, _) = start(&path).await;
    sleep(Duration::from_secs(60 * 60 + 1)).await;
    let runs = |task| monitor.status(task).expect("it is there").runs;
    assert_eq!((runs("init_store"), runs("monitor_metrics"), runs("log_metrics")), (1, 721, 721));
    assert_eq!(monitor.healthy()().await.map_err(|error| error.to_string()), Ok(()));
    let average = monitor.average(10).await.expect("it runs").expect("there are readings");
    assert!((0.0..=100.0).contains(&average.cpu) && (0.1..=100.0).contains(&average.memory), "{average:?}");
    app.stop().await.assert_clean().await;
    assert_eq!(fs::read_to_string(&path.0).expect("a file").lines().count(), 721);
}

#[tokio::test(start_paused = true)]
async fn a_report_is_made_each_morning() {
    let (path, logs) = (Path::of("report"), Logs::capture());
    let (app, _monitor, reports) = start(&path).await;
    // Where the clock is set back, a day has 25 hours.
    sleep(Duration::from_secs(25 * 60 * 60)).await;
    let report = reports.status("daily_report").expect("it is there");
    assert!((1..=2).contains(&report.runs), "{report:?}");
    logs.assert_logged("the report of the day");
    app.stop().await.assert_clean().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_is_there_after_a_restart() {
    let path = Path::of("restart");
    for expected in [1, 2] {
        let (app, ..) = start(&path).await;
        sleep(Duration::from_secs(1)).await;
        app.stop().await.assert_clean().await;
        assert_eq!(fs::read_to_string(&path.0).expect("a file").lines().count(), expected);
    }
}
